"""Spark in `local[2]` against the local engine: the same run id and the same bytes of every file.

Without pyspark and Java these tests are skipped, unless REGRADE_REQUIRE_EXTRAS says that they have to run.
One session serves all of them.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mappings.loader import load_release
from pipelines.engines.spark import grading, session
from pipelines.grading.kernel import combine_parts, grade_study
from pipelines.home import Home
from pipelines.stages import run_study
from schemas.errors import RegradeError, StoreError
from schemas.registry import TABLES
from tests import studies
from tests.end_to_end.homes import SHIPPED, home_with, regrade
from tests.end_to_end.tiny_studies import write_tiny_study
from tests.strategies import Terms, large_study
from warehouse.run_store import RunStore

IS_HERE = find_spec("pyspark") is not None and find_spec("pandas") is not None and shutil.which("java")
if not IS_HERE and os.environ.get("REGRADE_REQUIRE_EXTRAS") != "1":
    pytest.skip("no pyspark (pip install '.[spark]') or no Java", allow_module_level=True)

HOSTILE = (
    *(
        "",
        " ",
        "\x00",
        "a\nb",
        "a\tb",
        "'; DROP TABLE x; --",
        '"',
        "`",
        "../x",
        "${jndi:ldap://x}",
        "\\N",
        "null",
    ),
    *(
        "\ud7ff",
        "\ue000",
        "\uffff",
        "\U0001f993",
        "\u202e01",
        "e\u0301",
        "\xe9",
        "z" * 4000,
        "0",
        "00",
        "-1",
        "1e3",
    ),
)
"""Subject ids in an order that UTF-8, UTF-16 and the alphabet do not agree on."""
SECRET = "SECRET-0815"


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    assert IS_HERE, "REGRADE_REQUIRE_EXTRAS is set: install '.[spark]' and a Java of 17 or newer"
    # A JVM that lives a minute spends most of it compiling itself: compile less.
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    with session.spark_session("local[2]") as started:
        monkeypatch.undo()
        context = started.sparkContext
        folder = Path(context.getConf().get("spark.local.dir"))
        process = context._gateway.proc
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert context.uiWebUrl is None
        yield started
    assert process.poll() is not None, "the JVM is still there"
    assert not folder.exists()


def write(folder: Path, tables: Mapping[str, pl.DataFrame], parts: int = 1) -> str:
    """Checked tables as files, or as directories of so many files whose rows are in no order."""
    for name, frame in tables.items():
        if parts == 1:
            frame.write_parquet(folder / f"{name}.parquet")
            continue
        (folder / f"{name}.parquet").mkdir()
        for part in range(parts):
            mixed = frame.gather_every(parts, part).reverse()
            mixed.write_parquet(folder / f"{name}.parquet" / f"{part}.parquet")
    return folder.as_uri()


def renamed(tables: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The tables with ids that are hard to sort, to quote and to print."""
    known = tables["core_subjects"]["subject_id"].to_list()
    names = [*HOSTILE, *(f"{SECRET}-{number}" for number in range(len(known)))][: len(known)]
    return {
        name: TABLES[name].canonicalise(
            frame.with_columns(pl.col("subject_id").replace_strict(known, names, return_dtype=pl.String))
        )
        if "subject_id" in frame.columns
        else frame
        for name, frame in tables.items()
    }


@pytest.fixture(scope="module")
def hostile() -> tuple[dict[str, pl.DataFrame], Any, dict[str, pl.DataFrame]]:
    """A generated study with assessments and hostile ids, and what the local engine makes of it."""
    made = large_study(Terms.of(load_release()), 7, 60)
    checked = renamed(studies.to_frames(made.rows))
    assert checked["core_assessments"].height > 50
    assert set(HOSTILE) <= set(checked["core_subjects"]["subject_id"])
    return checked, made.manifest, grade_study(checked, load_release(), made.manifest)


def test_a_run_on_spark_is_the_run_of_the_local_engine(spark: Any, tmp_path: Path) -> None:
    folders = [SHIPPED / "CART-DEMO", SHIPPED / "CDISCPILOT01"]
    homes = {name: home_with(tmp_path / name, *folders) for name in ("local", "spark")}
    with grading.spark_grader(shards=3) as on_spark_grader:
        for study in homes["local"].studies():
            assert run_study(homes["local"], study).created
            assert run_study(homes["spark"], study, grader=on_spark_grader).created
    for study in homes["local"].studies():
        local, on_spark = (contents(home, study) for home in homes.values())
        assert local.keys() == on_spark.keys()
        assert [name for name in local if local[name] != on_spark[name]] == []


def test_the_command_runs_a_study_on_spark(spark: Any, tmp_path: Path) -> None:
    homes = {name: Home(tmp_path / name).ensure() for name in ("local", "spark")}
    for home in homes.values():
        write_tiny_study(home, "TINY")
    assert run_study(homes["local"], "TINY").created
    result = regrade(homes["spark"], "run", "--engine", "spark", "--master", "local[2]", "--shards", "2")
    assert result.exit_code == 0, result.output
    assert contents(homes["local"], "TINY") == contents(homes["spark"], "TINY")


def contents(home: Home, study: str) -> dict[str, bytes]:
    """Every file of the current run by its path below the runs: the run id is part of it."""
    run = RunStore(home.runs).current(study)
    assert run is not None
    assert len(run.tables) > 40
    return {str(path.relative_to(home.runs)): path.read_bytes() for path in sorted(run.folder.iterdir())}


@pytest.mark.parametrize(("shards", "parts"), [(1, 1), (2, 3), (9, 2)])
def test_shards_and_files_change_no_result(
    spark: Any, hostile: tuple[Any, ...], tmp_path: Path, shards: int, parts: int
) -> None:
    checked, manifest, expected = hostile
    found = grading.stream_folder(spark, write(tmp_path, checked, parts), load_release(), manifest, shards)
    combined = combine_parts(found, checked, load_release(), manifest)
    assert combined.keys() == expected.keys()
    assert [name for name in expected if not combined[name].equals(expected[name])] == []


def test_directories_hold_the_tables_in_order(spark: Any, hostile: tuple[Any, ...], tmp_path: Path) -> None:
    checked, manifest, expected = hostile
    (tmp_path / "in").mkdir()
    url, out = write(tmp_path / "in", checked), tmp_path / "out put"
    rows = grading.write_directories(spark, url, load_release(), manifest, str(out), 4)
    assert rows == {name: frame.height for name, frame in expected.items()}
    for name, frame in expected.items():
        assert (out / f"{name}.parquet" / "_SUCCESS").is_file()
        parts = sorted((out / f"{name}.parquet").glob("part-*.parquet"))
        assert pl.concat(pl.read_parquet(part) for part in parts).equals(frame), name
    with pytest.raises(RegradeError, match="PATH_ALREADY_EXISTS"):
        grading.write_directories(spark, url, load_release(), manifest, str(out), 1)


def test_a_study_without_events_has_empty_results(spark: Any, tmp_path: Path) -> None:
    checked, manifest = studies.to_frames(studies.study([], [], [])), studies.manifest()
    expected = grade_study(checked, load_release(), manifest)
    found = grading.stream_folder(spark, write(tmp_path, checked), load_release(), manifest)
    combined = combine_parts(found, checked, load_release(), manifest)
    assert [name for name in expected if not combined[name].equals(expected[name])] == []


def failure(spark: Any, folder: str, **other: Any) -> str:
    given = {"release": load_release(), "manifest": studies.manifest(), "shards": 2} | other
    with pytest.raises(RegradeError) as raised:
        list(grading.stream_folder(spark, folder, **given))
    said = str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert SECRET not in said
    assert "Traceback" not in said
    return said


def one_subject() -> dict[str, pl.DataFrame]:
    return studies.to_frames(
        studies.study(
            [studies.event(subject=SECRET)],
            [studies.subject(SECRET)],
            [studies.infusion(subject=SECRET)],
        )
    )


def test_a_failure_of_a_worker_is_a_plain_message(spark: Any, tmp_path: Path) -> None:
    checked = one_subject()
    twice = checked | {"core_adverse_events": pl.concat([checked["core_adverse_events"]] * 2)}
    assert "core_adverse_events has 1 rows whose key" in failure(spark, write(tmp_path, twice))


def test_a_defect_in_a_worker_shows_its_type_only(spark: Any, tmp_path: Path) -> None:
    release = replace(load_release(), tables={SECRET: one_subject()["core_subjects"]})
    said = failure(spark, write(tmp_path, one_subject()), release=release)
    assert said.startswith("unexpected KeyError in a worker. Next: ")


def test_workers_of_another_version_do_not_work(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grading, "program", lambda: ("0" * 64, "0.0.0"))
    assert "a worker runs another version" in failure(spark, write(tmp_path, one_subject()))


def test_a_missing_table_or_column_is_named(spark: Any, tmp_path: Path) -> None:
    checked = one_subject()
    url = write(tmp_path, checked)
    checked["core_crs"].drop("grade").write_parquet(tmp_path / "core_crs.parquet")
    assert "core_crs.parquet: the checked table is not there, or lacks a column" in failure(spark, url)
    (tmp_path / "core_crs.parquet").unlink()
    assert "core_crs.parquet: the checked table is not there, or lacks a column" in failure(spark, url)
    wide = checked["core_subjects"].with_columns(pl.col("age_years").cast(pl.String))
    checked["core_crs"].write_parquet(tmp_path / "core_crs.parquet")
    wide.write_parquet(tmp_path / "core_subjects.parquet")
    assert "columns of core_subjects are not those of its schema: age_years" in failure(spark, url)


def test_a_lost_row_is_noticed(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = grading.open_sources

    def one_more(*given: Any) -> grading.Sources:
        sources = opened(*given)
        return replace(sources, rows={**sources.rows, "core_subjects": sources.rows["core_subjects"] + 1})

    monkeypatch.setattr(grading, "open_sources", one_more)
    with pytest.raises(StoreError, match="did not get every row of core_subjects exactly once"):
        list(grading.stream_folder(spark, write(tmp_path, one_subject()), load_release(), studies.manifest()))
