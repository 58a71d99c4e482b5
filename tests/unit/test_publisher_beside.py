"""A small file is built beside the comparison of releases: the same bytes, and nothing left of what failed.

Only what happens at the same time, and rows of several runs that enter together; what a publication holds is
tested in `test_publisher`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from mappings.loader import load_release
from pipelines.home import Home
from schemas.errors import StoreError
from schemas.mapping_diffs import DiffMappingRows
from tests.unit.store_samples import sample_frame, seal_sample
from warehouse import database_file, selection
from warehouse.comparison_store import Compared, ComparisonStore
from warehouse.publisher import begin_blank, publish
from warehouse.run_store import RunStore, StoredRun


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").ensure()
    for study in ("A", "B", "C"):
        seal_sample(home.runs, study)
    return home


def keeper(home: Home) -> Callable[[], object]:
    """Keeps a comparison of releases as they are."""
    releases = {name: load_release(name).sha256 for name in ("1.0.0", "1.1.0")}
    run = RunStore(home.runs).current("A")
    assert run is not None
    compared = Compared("1.0.0", "1.1.0", {**releases, "1.0.0": run.release_sha256}, "c" * 64)
    rows = {"diff_mapping_rows": sample_frame(DiffMappingRows, "A")}
    return lambda: ComparisonStore(home.runs).keep(compared, rows)


def compared_rows(home: Home) -> int:
    with duckdb.connect(str(home.database), read_only=True) as connection:
        return int(connection.execute("SELECT count(*) FROM diff_mapping_rows").fetchall()[0][0])


def test_what_is_compared_meanwhile_is_published_in_the_bytes_of_one_after_the_other(home: Home) -> None:
    beside = publish(home, compare=keeper(home))
    assert compared_rows(home) == 3
    written = home.database.read_bytes()
    home.database.unlink()
    home.database.with_name(f"{home.database.name}.json").unlink()
    assert publish(home).content_key == beside.content_key
    assert home.database.read_bytes() == written


def test_a_comparison_alone_is_published_too(home: Home) -> None:
    publish(home)
    assert compared_rows(home) == 0
    assert publish(home, compare=keeper(home)).created
    assert compared_rows(home) == 3
    assert not publish(home, compare=keeper(home)).created


def test_tables_made_before_give_the_same_bytes(home: Home) -> None:
    publish(home)
    written = home.database.read_bytes()
    with begin_blank(home) as blank:
        publish(home, rebuild=True, blank=blank)
    assert home.database.read_bytes() == written


def test_an_interrupted_comparison_leaves_the_old_file_and_nothing_else(home: Home) -> None:
    publish(home)
    before = home.database.read_bytes()
    seal_sample(home.runs, "D")

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), begin_blank(home) as blank:
        publish(home, compare=interrupted, blank=blank)
    assert home.database.read_bytes() == before
    assert not list(home.root.glob(".publish-*"))
    assert publish(home).runs == 4


def test_a_build_that_fails_beside_is_told_after_the_comparison(home: Home) -> None:
    done: list[bool] = []

    def no_room() -> duckdb.DuckDBPyConnection:
        raise duckdb.IOException("no space left on device")

    with pytest.raises(StoreError, match="the warehouse file cannot be written"):
        publish(home, compare=lambda: done.append(True), blank=no_room)
    assert done == [True]
    assert not home.database.exists()
    assert not list(home.root.glob(".publish-*"))


def test_of_runs_that_enter_together_the_one_that_lies_is_named(home: Home, tmp_path: Path) -> None:
    chosen = selection.select(RunStore(home.runs))

    def lie(run: StoredRun) -> StoredRun:
        tables = dict(run.tables)
        tables["core_subjects"] = replace(tables["core_subjects"], rows=7)
        return replace(run, tables=tables)

    runs = tuple(
        replace(each, run=lie(each.run)) if each.run.study_id == "B" else each for each in chosen.runs
    )
    with pytest.raises(StoreError, match=r"B/.*the record says 7 rows of core_subjects, 3 were read"):
        database_file.build(tmp_path / "built", replace(chosen, runs=runs), lambda: [], None)


def test_runs_enter_together_up_to_a_number_of_rows_in_the_same_bytes(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = selection.select(RunStore(home.runs))
    database_file.build(tmp_path / "together", chosen, lambda: [], None)
    monkeypatch.setattr(database_file, "_FEW_ROWS", 0)
    database_file.build(tmp_path / "apart", chosen, lambda: [], None)
    assert (tmp_path / "together").read_bytes() == (tmp_path / "apart").read_bytes()
