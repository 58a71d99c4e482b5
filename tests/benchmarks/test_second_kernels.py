"""The kernel and two independent implementations decide the same on every row of a generated study.

pandas is an extra: without it these tests are skipped, unless REGRADE_REQUIRE_EXTRAS says they must run.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import polars as pl
import pytest

if importlib.util.find_spec("pandas") is None and os.environ.get("REGRADE_REQUIRE_EXTRAS") != "1":
    pytest.skip("no pandas (pip install '.[bench]')", allow_module_level=True)

from mappings.loader import load_release
from pipelines.grading.kernel import grade_study
from pipelines.ingest.study import read_manifest
from tests.benchmarks import duckdb_kernel, pandas_kernel
from tests.benchmarks.agreement import COMPARED, assert_agreement
from tests.benchmarks.generator import STUDY, write_checked

ROWS = 20_000
SEED = 11


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("second")
    files = write_checked(folder, ROWS, SEED)
    _mix_infusions(files["core_infusions"])
    _mix_deaths(files["core_adverse_events"])
    release, manifest = load_release(), read_manifest(folder / STUDY)
    kernel = folder / "kernel"
    kernel.mkdir()
    checked = {name: pl.read_parquet(path) for name, path in files.items()}
    graded = grade_study(checked, release, manifest)
    for name in COMPARED:
        graded[name].write_parquet(kernel / f"{name}.parquet")
    return files, release, manifest, kernel


def _mix_infusions(path: Path) -> None:
    """Every fourth subject gets a second infusion, and every tenth loses the date of the first."""
    first = pl.read_parquet(path)
    number = pl.col("subject_id").str.slice(-4).cast(pl.Int64)
    dates = ("infusion_earliest", "infusion_latest")
    second = first.filter(number % 4 == 0).with_columns(
        pl.lit(2, pl.Int32).alias("infusion_number"), pl.col(dates).dt.offset_by("40d")
    )
    undated = first.with_columns(
        pl.when(number % 10 == 5).then(None).otherwise(name).alias(name) for name in dates
    )
    pl.concat([undated, second]).sort("subject_id", "infusion_number").write_parquet(path)


def _mix_deaths(path: Path) -> None:
    """Deaths below grade 5, and grade 5 of subjects who live."""
    events = pl.read_parquet(path)
    number = pl.col("event_id").cast(pl.Int64)
    events.with_columns(
        pl.when(number % 50 == 7).then(statement=True).otherwise("is_fatal").alias("is_fatal"),
        pl.when(number % 50 == 9).then(5).otherwise("grade").cast(pl.Int8).alias("grade"),
    ).write_parquet(path)


@pytest.mark.parametrize("implementation", [pandas_kernel, duckdb_kernel], ids=["pandas", "duckdb"])
def test_deciding_columns_agree_row_by_row(study, implementation, tmp_path):
    files, release, manifest, kernel = study
    implementation.grade(files, release, manifest, tmp_path)
    assert assert_agreement(kernel, tmp_path) > ROWS


def test_a_single_other_grade_is_found(study, tmp_path):
    *_, kernel = study
    for name in COMPARED:
        frame = pl.read_parquet(kernel / f"{name}.parquet")
        is_first = pl.int_range(pl.len()) == 0
        changed = frame.with_columns(
            pl.when(is_first).then(5 - pl.col("high")).otherwise("high").alias("high")
        )
        changed.write_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(AssertionError, match=r"core_event_grades\.high: 1 rows differ"):
        assert_agreement(kernel, tmp_path)


def test_the_study_holds_every_window_status_and_disposition_that_matters(study):
    *_, kernel = study
    events = pl.read_parquet(kernel / "core_event_grades.parquet")
    assert set(events["window_status"]) == {"inside", "partly", "late", "before_infusion", "no_infusion_date"}
    assert {"informs", "needs_adjudication", "excluded", "out_of_scope", "unmapped"} <= set(
        events["disposition"]
    )
    reasons = {"other_cause_overlap", "attribution_not_related", "fatal_outcome", "death_contradiction"}
    assert reasons <= set("|".join(events["review_reasons"].drop_nulls()).split("|"))
