"""Binary files are read in another process: the same tables, its death an error, nothing left behind."""

from __future__ import annotations

import ast
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from filelock import FileLock

import pipelines
from pipelines.home import Home
from pipelines.ingest.readers import child, isolated, read_table
from pipelines.ingest.readers.common import Source
from pipelines.ingest.readers.isolated import read_tables, stream_tables
from pipelines.ingest.readers.limits import GIB, MIB, Limits, limits_of, unpacked_limit
from pipelines.stages import run_study
from schemas.errors import StoreError, UnreadableFileError
from schemas.manifest import FileSpec
from tests.end_to_end.tiny_studies import write_tiny_study
from tests.hostile.fuzz import seeds
from warehouse.table_writer import TableWriter

FILES = {
    "a.xpt": seeds.xpt_files,
    "a.csv": seeds.csv_files,
    "a.parquet": seeds.parquet_files,
    "a.xlsx": seeds.xlsx_files,
    "a.json": seeds.json_files,
    "a.dsjc": seeds.dsjc_files,
    "a.sas7bdat": seeds.sas7bdat_files,
}


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of the test's own; it must be empty in the end."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def spec(name: str, **options: Any) -> FileSpec:
    return FileSpec(path=name, role="adverse_events", **options)


def written(folder: Path, name: str) -> tuple[Path, FileSpec]:
    path = folder / name
    path.write_bytes(FILES[name]()[0])
    return path, spec(name, null_values=("S2",))


def refused(path: Path) -> UnreadableFileError:
    with pytest.raises(UnreadableFileError) as caught:
        read_tables([(path, spec(path.name))])
    assert caught.value.file == path.name
    assert caught.value.next_action
    return caught.value


def test_the_tables_are_those_of_reading_here(tmp_path: Path, temporary: Path) -> None:
    files = [written(tmp_path, name) for name in FILES]
    for found, (path, declared) in zip(read_tables(files), files, strict=True):
        expected = read_table(path, declared)
        assert found.frame.equals(expected.frame), path.name
        assert found.frame.schema == expected.frame.schema
        assert found.rejected.equals(expected.rejected)
        assert (found.blanks_to_null, found.declared_nulls) == (
            expected.blanks_to_null,
            expected.declared_nulls,
        )
        assert found.notes == expected.notes
    assert not list(temporary.iterdir())


def test_a_path_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, declared = written(tmp_path, "a.xpt")
    monkeypatch.chdir(tmp_path)
    (table,) = read_tables([(Path(path.name), declared)])
    assert table.rows_in == 4


def test_a_large_table_is_mapped_and_outlives_its_folder(tmp_path: Path, temporary: Path) -> None:
    rows = 300_000
    frame = pl.DataFrame({"A": [f"a text of row {row} that is not short" for row in range(rows)]})
    frame = frame.with_columns(B=pl.when(pl.int_range(rows) % 3 > 0).then(pl.col("A")), C=pl.lit(""))
    frame.write_parquet(tmp_path / "a.parquet", row_group_size=70_000)
    (table,) = read_tables([(tmp_path / "a.parquet", spec("a.parquet"))])
    assert not list(temporary.iterdir())
    assert table.frame["__row"].to_list() == list(range(1, rows + 1))
    assert table.frame.drop("__row").equals(frame.with_columns(C=pl.lit(None, pl.String)))
    assert table.blanks_to_null == rows


def test_one_process_for_all_files_and_none_for_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    start = subprocess.Popen

    def count(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(arguments)
        return start(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", count)
    read_tables([written(tmp_path, "a.csv"), written(tmp_path, "a.json")])
    assert not started
    read_tables([written(tmp_path, name) for name in FILES])
    assert len(started) == 1


def test_the_first_file_that_cannot_be_read_is_named(tmp_path: Path, temporary: Path) -> None:
    """In the order of the manifest, whichever process finds out first."""
    good, xpt, text = (written(tmp_path, name) for name in ("a.parquet", "a.xpt", "a.csv"))
    xpt[0].write_bytes(xpt[0].read_bytes()[:-7])
    text[0].write_bytes(b"A,A\n")
    for files, name in (([good, xpt, text], "a.xpt"), ([good, text, xpt], "a.csv")):
        with pytest.raises(UnreadableFileError) as caught:
            read_tables(files)
        assert caught.value.file == name
    assert not list(temporary.iterdir())


def test_an_error_of_the_process_is_the_one_of_reading_here(tmp_path: Path) -> None:
    path, declared = written(tmp_path, "a.xlsx")
    declared = spec("a.xlsx", sheet="DM")
    messages = []
    for read in (lambda: read_tables([(path, declared)]), lambda: read_table(path, declared)):
        with pytest.raises(UnreadableFileError) as caught:
            read()
        messages.append((str(caught.value), caught.value.rule_id, caught.value.column, caught.value.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    ("limits", "rule"),
    [
        (Limits(seconds=0.02, memory=4 * GIB, cells=GIB), "READ-LIMIT"),
        (Limits(seconds=60, memory=4 * GIB, cells=50), "READ-LIMIT"),
        (Limits(seconds=60, memory=80 * MIB, cells=GIB), "READ-CRASH|READ-DAMAGED|READ-LIMIT"),
    ],
    ids=["time", "cells", "memory"],
)
def test_a_limit_that_is_met(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch, limits: Limits, rule: str
) -> None:
    monkeypatch.setattr(isolated, "limits_of", lambda size: limits)
    error = refused(written(tmp_path, "a.parquet")[0])
    assert error.rule_id in rule.split("|")
    assert not list(temporary.iterdir())


def test_the_limit_of_the_processor_comes_after_the_clock_of_the_parent(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parent whose clock is late, as on a busy machine, must not see a process that was killed."""

    class IsLate(threading.Timer):
        def __init__(self, interval: float, function: Callable[[], None]) -> None:
            super().__init__(interval + 60, function)

    monkeypatch.setattr(threading, "Timer", IsLate)
    monkeypatch.setattr(isolated, "limits_of", lambda size: Limits(seconds=0.02, memory=4 * GIB, cells=GIB))
    assert read_tables([written(tmp_path, "a.parquet")])[0].rows_in > 0
    assert not list(temporary.iterdir())


def test_a_clock_that_runs_out_as_a_line_arrives_is_a_limit_not_a_crash(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[threading.Timer] = []

    class RunsOutAsItIsStopped(threading.Timer):
        def cancel(self) -> None:
            super().cancel()
            stopped.append(self)
            if len(stopped) == 1:
                self.function()

    monkeypatch.setattr(threading, "Timer", RunsOutAsItIsStopped)
    assert refused(written(tmp_path, "a.parquet")[0]).rule_id == "READ-LIMIT"
    assert not list(temporary.iterdir())


def test_a_process_that_is_killed_names_the_file_it_was_at(tmp_path: Path, temporary: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"A": ["x"]}).write_parquet(path)
    source = Source("a.parquet")
    with isolated._reading([(path, source, "parquet")]) as process:
        (folder,) = temporary.iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        process._process.kill()
        process._process.wait()
        with pytest.raises(UnreadableFileError, match=r"a\.parquet: damaged: .*SIGKILL") as caught:
            list(process.next_table(spec("a.parquet"), "parquet"))
    assert caught.value.rule_id == "READ-CRASH"
    assert not list(temporary.iterdir())


def test_pieces_come_one_by_one_and_who_stops_taking_them_leaves_nothing(
    tmp_path: Path, temporary: Path
) -> None:
    path = tmp_path / "a.parquet"
    rows = pl.DataFrame({"A": [str(number) for number in range(400_000)]})
    rows.write_parquet(path, row_group_size=100_000)
    pieces = stream_tables([(path, spec(path.name))])
    first, second, third = (next(pieces)[1] for _ in range(3))
    assert (first.frame.height, second.frame["__row"][0], third.frame["A"][0]) == (0, 1, "131072")
    (folder,) = temporary.iterdir()
    assert not (folder / "0-1.arrow").exists()  # taken, so its room is free again
    pieces.close()
    assert not list(temporary.iterdir())
    assert third.frame["A"][-1] == "262143"  # rows outlive the file they came in


def test_a_run_that_fails_lets_go_of_the_process_while_its_failure_is_kept(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home").ensure()
    write_tiny_study(home, "TINY")
    landed = home.landing / "TINY"
    pl.read_csv(landed / "ae.csv", infer_schema=False).write_parquet(landed / "ae.parquet")
    manifest = landed / "study.yaml"
    manifest.write_text(manifest.read_text().replace("ae.csv", "ae.parquet"))
    seen: list[list[Path]] = []

    def fail(*_: object) -> None:
        seen.append(list(temporary.iterdir()))
        raise StoreError("the disk is full", next_action="make room")

    monkeypatch.setattr(TableWriter, "append", fail)
    with pytest.raises(StoreError) as kept:
        run_study(home, "TINY")
    assert kept.value.__traceback__ is not None
    assert seen
    assert len(seen[0]) == 1
    assert not list(temporary.iterdir())


def test_the_clock_of_a_file_stands_while_its_pieces_are_dealt_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated, "limits_of", lambda _: Limits(seconds=6, memory=4 * GIB, cells=GIB))
    pl.DataFrame({"A": ["x"] * 300_000}).write_parquet(tmp_path / "a.parquet")
    taken = []
    for number, (_, piece) in enumerate(stream_tables([(tmp_path / "a.parquet", spec("a.parquet"))])):
        taken.append(piece.frame.height)
        time.sleep(7 if number == 1 else 0)
    assert sum(taken) == 300_000


def test_the_process_knows_no_secret_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGRADE_PSEUDONYM_KEY", "planted-key")
    path = written(tmp_path, "a.parquet")[0]
    with isolated._reading([(path, Source("a.parquet"), "parquet")]) as process:
        environment = Path(f"/proc/{process._process.pid}/environ").read_bytes()
    assert b"planted-key" not in environment


def test_the_process_limits_itself_for_good() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(child.__file__).parent)!r}); import child, resource as r\n"
        "child.restrict(2**31, 50, 2**20)\n"
        "print([r.getrlimit(k) for k in (r.RLIMIT_CORE, r.RLIMIT_AS, r.RLIMIT_CPU, r.RLIMIT_FSIZE)])\n"
        "try:\n    bytearray(2**32)\nexcept MemoryError:\n    print('bounded')\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [str([(0, 0), (2**31,) * 2, (50, 50), (2**20,) * 2]), "bounded"]


def test_an_interrupted_reader_leaves_nothing(tmp_path: Path, temporary: Path) -> None:
    path = written(tmp_path, "a.parquet")[0]
    with (
        pytest.raises(KeyboardInterrupt),
        isolated._reading([(path, Source("a.parquet"), "parquet")]) as process,
    ):
        raise KeyboardInterrupt
    assert process._process.poll() is not None
    assert not list(temporary.iterdir())


def test_folders_of_killed_processes_are_removed_and_others_are_not(tmp_path: Path, temporary: Path) -> None:
    dead, alive, foreign = (temporary / f"regrade-read-{name}" for name in ("dead", "alive", "foreign"))
    for folder in (dead, alive, foreign):
        folder.mkdir()
    (dead / "lock").touch()
    (dead / "0-0.arrow").write_bytes(b"cells of somebody")
    with FileLock(alive / "lock"):
        read_tables([written(tmp_path, "a.xpt")])
        assert sorted(folder.name for folder in temporary.iterdir()) == [alive.name, foreign.name]


def test_two_threads_read_at_once(tmp_path: Path, temporary: Path) -> None:
    files = [written(tmp_path, "a.xpt"), written(tmp_path, "a.parquet")]
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.extend(table.rows_in for table in read_tables(files)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [4, 4, 4, 4]
    assert not list(temporary.iterdir())


def test_the_limits_grow_with_the_file_and_end() -> None:
    small, large = limits_of(10_000), limits_of(200 * MIB)
    assert small.seconds < large.seconds
    assert small.memory <= large.memory
    assert large.cells >= 10 * GIB, "a Parquet file of 10^7 rows"
    assert limits_of(2**60).cells == 64 * GIB
    assert [unpacked_limit(size) for size in (1, MIB, 2**40)] == [64 * MIB, 200 * MIB, 4 * GIB]


def test_no_room_of_the_program_reads_binary_files_itself() -> None:
    """Native readers of foreign files are imported by the readers alone, and these by the child alone."""
    native = {"fastexcel", "pyreadstat", "pyarrow", "zipfile", "zlib", "gzip", "tarfile"}
    allowed = {"readers", "engines"}
    root = Path(pipelines.__file__).parent.parent
    for path in (
        path for room in ("pipelines", "mappings", "schemas") for path in (root / room).rglob("*.py")
    ):
        names = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names |= {(node.module or "").split(".")[0]}
                if node.module == "pipelines.ingest.readers":
                    names |= {f"readers.{alias.name}" for alias in node.names}
        if not allowed & set(path.parts):
            found = names & {*native, "readers.read_table", "readers.read_pieces"}
            assert not found, f"{path.name} imports {found}"


def test_a_small_study_is_read_in_little_time(tmp_path: Path) -> None:
    """The start of the process is most of it; the bound is far above what an idle machine takes (0.5 s)."""
    files = [written(tmp_path, "a.xpt")]
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        read_tables(files)
        times.append(time.perf_counter() - begin)
    assert min(times) < 6
