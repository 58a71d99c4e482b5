"""One flipped bit, in any file of a run, a pointer or the published file: found, named and never served."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from pipelines.home import Home
from schemas.errors import StoreError
from tests.end_to_end.homes import regrade
from tests.robustness.situations import Situation, content_of, finished_faults
from warehouse import database_seal
from warehouse.database_seal import require_sealed
from warehouse.reader import open_run
from warehouse.run_store import RunStore

STUDY = "TINY-B"


def flip(path: Path, seed: object) -> None:
    """Flip one bit, at a place that depends on the seed."""
    chance = random.Random(f"{path.name} {seed}")
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def run_files(home: Home) -> list[Path]:
    run = RunStore(home.runs).current(STUDY)
    assert run is not None
    return sorted(run.folder.iterdir())


def test_a_bit_of_any_file_of_a_run_is_found_and_named(home: Home) -> None:
    """Every file in turn: by what reads the run, and by `regrade status`."""
    files = run_files(home)
    assert len(files) > 30
    for path in files:
        before = path.read_bytes()
        flip(path, 1)
        with pytest.raises(StoreError, match=path.name.replace(".", r"\.")):
            _read_all(home)
        if path.name < "core_d" or path.suffix == ".json":  # some of them, by the command
            done = regrade(home, "status")
            assert done.exit_code == 1
            assert path.name in done.stdout
            assert "an error: see below" in done.stdout
            assert "cannot be run" not in done.stdout
        path.write_bytes(before)
    _read_all(home)


def _read_all(home: Home) -> None:
    run = RunStore(home.runs).current(STUDY)
    assert run is not None
    open_run(run).close()


@pytest.mark.parametrize("name", ["run.json", "core_event_grades.parquet", "raw_files.parquet"])
def test_a_damaged_run_is_not_handed_out(home: Home, tmp_path: Path, name: str) -> None:
    (path,) = [path for path in run_files(home) if path.name == name]
    served = content_of(home)
    flip(path, 2)
    run_id = path.parent.name
    for words in (
        ("status",),
        ("deliver", STUDY, str(tmp_path / "handed")),
        ("report", "--run", run_id, STUDY),
        ("verify", STUDY),
        ("diff", STUDY, run_id, run_id),
    ):
        done = regrade(home, *words)
        assert done.exit_code != 0, words
        assert name in done.output, words
        assert "Traceback" not in done.output
    assert not (tmp_path / "handed").exists()
    regrade(home, "publish")
    assert content_of(home) == served


@pytest.mark.parametrize("name", ["current", "releases.json"])
def test_a_damaged_pointer_is_named(home: Home, name: str) -> None:
    path = home.runs / STUDY / name
    path.write_text(path.read_text().replace('"', "").upper().replace("\n", "x"))
    for words in (("status",), ("publish",)):
        done = regrade(home, *words)
        assert done.exit_code == 1
        assert str(path) in done.output


def refused(home: Home, tmp_path: Path) -> None:
    """Nothing that reads the published file answers; each names it and what to do."""
    for words in (
        ("sql", "select 1"),
        ("report",),
        ("export", str(tmp_path / "copied")),
        ("status",),
    ):
        done = regrade(home, *words)
        assert done.exit_code != 0, words
        said = " ".join(done.output.split())
        assert "icans.duckdb: the warehouse file is not what was published" in said, words
        assert "regrade publish" in said
    assert not (tmp_path / "copied").exists()


@pytest.mark.parametrize("seed", range(3))
def test_a_bit_of_the_published_file_is_found_and_the_file_built_again(
    changed_study: Situation, home: Home, tmp_path: Path, seed: int
) -> None:
    flip(home.database, seed)
    refused(home, tmp_path)
    assert regrade(home, "publish").exit_code == 0
    assert finished_faults(changed_study, home) == []


def test_any_bit_of_the_published_file_is_found(home: Home) -> None:
    before = home.database.read_bytes()
    for seed in range(40):
        flip(home.database, seed)
        with pytest.raises(StoreError, match="not what was published"):
            require_sealed(home)
        home.database.write_bytes(before)
        require_sealed(home)


def test_a_large_file_is_hashed_once_and_again_when_it_was_touched(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_seal, "ALWAYS_HASHED", 0)
    require_sealed(home)
    kept = json.loads((home.root / ".icans.duckdb.checked").read_text())
    require_sealed(home)
    assert json.loads((home.root / ".icans.duckdb.checked").read_text()) == kept
    times = home.database.stat()
    flip(home.database, 1)
    os.utime(home.database, ns=(times.st_atime_ns, times.st_mtime_ns))  # as if nobody had written
    refused(home, tmp_path)


def test_an_older_file_that_was_put_back_is_not_served(
    changed_study: Situation, home: Home, tmp_path: Path
) -> None:
    home.database.write_bytes(changed_study.before.database.read_bytes())
    refused(home, tmp_path)


def test_a_published_file_without_its_seal_is_not_served(home: Home) -> None:
    (home.root / "icans.duckdb.json").unlink()
    done = regrade(home, "sql", "select 1")
    assert done.exit_code == 1
    assert "has no seal" in done.stderr
    assert regrade(home, "publish").exit_code == 0
    assert regrade(home, "sql", "select 1").exit_code == 0
