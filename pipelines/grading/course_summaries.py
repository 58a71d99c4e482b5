"""The course of each subject after each infusion, and its summary over a study.

What may live here: what is read off core_subject_days, by low, point and high alike. What may not: how a
day gets its interval (`courses`), and anything counted by event.
Source: GRADING.md section 5.
"""

from __future__ import annotations

from itertools import product
from typing import Final

import polars as pl

from pipelines.grading.courses import COURSE, derive_crs_relation, derive_episode_spans, derive_horizons
from pipelines.grading.events import SUBJECT
from schemas.manifest import StudyManifest
from schemas.vocabulary import ESTIMATES

MEASURES: Final = ("onset_day", "duration_days", "first_day_grade_3")
GRADES: Final = (1, 2, 3, 4, 5)


def derive_subject_courses(
    days: pl.DataFrame,
    crs_spans: pl.DataFrame,
    imputed_spans: pl.DataFrame,
    infusions: pl.DataFrame,
    subjects: pl.DataFrame,
    manifest: StudyManifest,
) -> pl.DataFrame:
    """Onset, peak, duration, resolution, recurrences and days at each grade, by low, point and high.

    `days` as from `days.derive_subject_days`, `crs_spans` as from `derive_crs_spans`, `imputed_spans` as from
    `derive_imputed_spans`. One row per dated infusion and estimate, days or not; a subject without a
    dated infusion has none. A course is unresolved if its last day is the last one observed
    (`derive_horizons`); by point also if an ongoing row covers its last day, unless the next day was
    assessed as 0. Columns of core_subject_courses.
    """
    horizons = derive_horizons(infusions, subjects, manifest)
    imputed = imputed_spans.select(*COURSE, pl.lit(value=True).alias("has_imputed_date")).unique()
    frame = horizons.select(*COURSE, "horizon").join(imputed, on=COURSE, how="left", validate="1:1")
    courses = [
        _derive_course(frame, days, crs_spans, estimate, manifest.episodes.gap_days) for estimate in ESTIMATES
    ]
    has_onset = pl.col("onset_day").is_not_null()
    is_unresolved = (pl.col("last_day") >= pl.col("horizon")) | pl.col("is_ongoing")
    return (
        pl.concat(courses)
        .with_columns(pl.when(has_onset).then(is_unresolved).alias("is_unresolved"))
        .with_columns(
            (pl.col("onset_day") + 1).alias("onset_study_day"),
            (pl.col("last_day") - pl.col("onset_day") + 1).alias("duration_days"),
            pl.when(~pl.col("is_unresolved")).then(pl.col("last_day") + 1).alias("resolution_day"),
            pl.max_horizontal(pl.col("episodes") - 1, 0).alias("recurrences"),
            (pl.col("onset_day") > manifest.episodes.late_after_day).alias("is_late_onset"),
            pl.col("has_imputed_date").fill_null(value=False),
        )
    )


def _derive_course(
    frame: pl.DataFrame, days: pl.DataFrame, crs_spans: pl.DataFrame, estimate: str, gap_days: int
) -> pl.DataFrame:
    """What the episodes and the days of one estimate say; null or 0 where it has none."""
    is_peak = pl.col("peak_grade") == pl.col("peak_grade").max()
    is_last = pl.col("last_day") == pl.col("last_day").max()
    runs = (
        derive_episode_spans(days, estimate, gap_days)
        .group_by(COURSE)
        .agg(
            pl.col("onset_day").min(),
            pl.col("peak_grade").max(),
            pl.col("peak_day").filter(is_peak).min(),
            pl.col("last_day").max(),
            # A row says that it was still there: no statement about what is certain or possible.
            (pl.col("is_ongoing").filter(is_last).any() & (estimate == "point")).alias("is_ongoing"),
            pl.len().cast(pl.Int64).alias("episodes"),
        )
    )
    counts = days.group_by(COURSE).agg(
        pl.col("day").filter(pl.col(estimate) >= 3).min().alias("first_day_grade_3"),
        *((pl.col(estimate) == grade).sum().cast(pl.Int64).alias(f"days_grade_{grade}") for grade in GRADES),
        pl.col("point").is_null().sum().cast(pl.Int64).alias("days_without_point"),
    )
    ended = days.filter(pl.col(estimate) == 0).select(
        *COURSE, (pl.col("day") - 1).alias("last_day"), pl.lit(value=True).alias("_has_ended")
    )
    return (
        frame.join(runs, on=COURSE, how="left", validate="1:1")
        .join(counts, on=COURSE, how="left", validate="1:1")
        .join(derive_crs_relation(runs, COURSE, crs_spans), on=COURSE, how="left", validate="1:1")
        .join(ended, on=[*COURSE, "last_day"], how="left", validate="1:1")
        .with_columns(
            pl.lit(estimate).alias("estimate"),
            pl.col("is_ongoing").fill_null(value=False) & pl.col("_has_ended").is_null(),
            pl.col("peak_grade", "episodes", "days_without_point").fill_null(0),
            *(pl.col(f"days_grade_{grade}").fill_null(0) for grade in GRADES),
        )
    )


def derive_course_summary(courses: pl.DataFrame, study_id: str) -> pl.DataFrame:
    """Median, minimum and maximum of each measure over the first dated infusion of each subject.

    `courses` are core_subject_courses. A subject without a value (no onset, never grade 3) is in no
    median. Every combination of measure, estimate and treatment of imputed dates has a row. Columns of
    core_course_summary.
    """
    first = courses.filter(pl.col("infusion_number") == pl.col("infusion_number").min().over(SUBJECT))
    values = first.unpivot(
        MEASURES, index=["estimate", "has_imputed_date"], variable_name="measure", value_name="value"
    ).drop_nulls("value")
    treated = pl.concat(
        [
            values.with_columns(pl.lit("included").alias("imputed_dates")),
            values.filter(~pl.col("has_imputed_date")).with_columns(
                pl.lit("excluded").alias("imputed_dates")
            ),
        ]
    )
    key = ["measure", "estimate", "imputed_dates"]
    frame = pl.DataFrame(list(product(MEASURES, ESTIMATES, ("included", "excluded"))), key, orient="row")
    summarised = treated.group_by(key).agg(
        pl.len().cast(pl.Int64).alias("subjects"),
        pl.col("has_imputed_date").sum().cast(pl.Int64).alias("subjects_imputed"),
        pl.col("value").median().round(6).alias("median"),
        pl.col("value").min().alias("minimum"),
        pl.col("value").max().alias("maximum"),
    )
    return frame.join(summarised, on=key, how="left", validate="1:1").with_columns(
        pl.lit(study_id).alias("study_id"), pl.col("subjects", "subjects_imputed").fill_null(0)
    )
