"""Whole tiny studies whose results were worked out by hand from the grading rules.

Each folder holds a study as a sponsor would deliver it and, under `expected/`, one CSV per result with
a column `why` that names the section of the rules and the arithmetic. Only the listed columns are
compared, but for every row of the result.
"""

from __future__ import annotations

import functools
from pathlib import Path

import polars as pl
import pytest

from mappings.loader import load_release
from pipelines.diffs.scale import compare_scales
from pipelines.grading.kernel import grade_study
from pipelines.ingest.checking import check_study
from pipelines.ingest.staging import stage_study
from pipelines.ingest.study import read_manifest, read_study

GOLDEN = Path(__file__).parent
STUDIES = sorted(folder.parent.name for folder in GOLDEN.glob("GOLD-*/expected"))
Tables = dict[str, pl.DataFrame]


@functools.cache
def results(study_id: str) -> Tables:
    folder = GOLDEN / study_id
    manifest = read_manifest(folder)
    checked = check_study(stage_study(read_study(folder, manifest)), manifest)
    graded = grade_study(checked, load_release(), manifest)
    return {**checked, **graded, **compare_scales(checked, graded)}


@pytest.fixture(params=STUDIES)
def study(request: pytest.FixtureRequest) -> tuple[str, Tables]:
    return request.param, results(request.param)


def expected(study_id: str, table: str) -> pl.DataFrame | None:
    path = GOLDEN / study_id / "expected" / f"{table}.csv"
    return pl.read_csv(path, infer_schema=False) if path.exists() else None


def as_text(frame: pl.DataFrame, columns: list[str]) -> list[tuple[str | None, ...]]:
    return sorted(frame.select(pl.col(columns).cast(pl.String)).rows(), key=str)


def compare(actual: pl.DataFrame, wanted: pl.DataFrame) -> None:
    columns = [name for name in wanted.columns if name not in ("why", "review")]
    assert as_text(actual, columns) == as_text(wanted, columns)


def test_there_are_golden_studies() -> None:
    assert STUDIES == ["GOLD-EDGES", "GOLD-ICE-WIDE", "GOLD-PLAIN", "GOLD-SEVERITY"]


def test_every_event_has_the_expected_interval(study: tuple[str, Tables]) -> None:
    name, tables = study
    wanted = expected(name, "event_grades")
    assert wanted is not None
    compare(tables["core_event_grades"], wanted)


def test_every_event_goes_to_review_for_the_expected_reason(study: tuple[str, Tables]) -> None:
    name, tables = study
    wanted = expected(name, "event_grades")
    assert wanted is not None
    reasons = {
        (row["subject_id"], row["event_id"]): set((row["review_reasons"] or "").split("|")) - {""}
        for row in tables["core_event_grades"].to_dicts()
    }
    for row in wanted.to_dicts():
        found = reasons[row["subject_id"], row["event_id"]]
        assert (row["review"] in found) if row["review"] else found <= {"severity_scale"}, row


def test_every_subject_has_the_expected_outcome(study: tuple[str, Tables]) -> None:
    """A row for a single infusion is listed only where it differs or where one study shows them all."""
    name, tables = study
    wanted = expected(name, "subject_grades")
    assert wanted is not None
    listed = wanted.select(
        "subject_id", pl.col("infusion_number").cast(pl.Int32), pl.col("window_days").cast(pl.Int32)
    )
    actual = tables["core_subject_grades"]
    compare(actual.join(listed, on=listed.columns, how="semi"), wanted)
    overall = actual.filter((pl.col("infusion_number") == 0) & (pl.col("window_days") == 30))
    assert set(overall["subject_id"]) <= set(wanted["subject_id"])


def test_every_subject_changes_as_expected(study: tuple[str, Tables]) -> None:
    name, tables = study
    wanted = expected(name, "diff_subjects")
    assert wanted is not None
    sets = wanted["comparator_set"].unique().to_list()
    actual = tables["diff_scale_subjects"].filter(
        pl.col("is_primary_window") & pl.col("comparator_set").is_in(sets)
    )
    compare(actual, wanted)


def test_every_moment_has_the_expected_interval() -> None:
    wanted = expected("GOLD-ICE-WIDE", "assessment_grades")
    assert wanted is not None
    compare(results("GOLD-ICE-WIDE")["core_assessment_grades"], wanted)


def test_threshold_crossings_are_counted_as_expected() -> None:
    wanted = expected("GOLD-PLAIN", "diff_thresholds")
    assert wanted is not None
    actual = results("GOLD-PLAIN")["diff_scale_thresholds"].filter(
        (pl.col("comparator_set") == "broad") & (pl.col("window_days") == 30) & (pl.col("subjects") > 0)
    )
    compare(actual, wanted)


def test_incidence_counts_infused_subjects_with_exact_limits() -> None:
    """Four of six subjects have a point of at least 1; Clopper-Pearson 95 % is 22.28 % to 95.67 %."""
    (row,) = (
        results("GOLD-PLAIN")["core_incidence"]
        .filter(
            (pl.col("estimate") == "icans_point") & (pl.col("threshold") == 1) & (pl.col("window_days") == 30)
        )
        .to_dicts()
    )
    assert (row["subjects"], row["denominator"], row["denominator_name"]) == (4, 6, "infused subjects")
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((0.222778, 0.956728), abs=1e-6)
