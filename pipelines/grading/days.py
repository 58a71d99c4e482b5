"""The interval of each day: rows spread over the days they cover, and the moments assessed on them.

Source: GRADING.md section 5, subject-day. A row over several days gives each of them [0, point, high]: its
low was reached on some day, not on every day. A day that a partial date only possibly covers gets
[0, null, high]. A row leaves the days on which each of its domains was measured. Days run from 0 to the
last day of the longest window; later onsets stay in the event table.
"""

from __future__ import annotations

import polars as pl

from pipelines.grading.assessments import EVERY_DOMAIN
from pipelines.grading.courses import DAY
from pipelines.grading.events import EVENT
from pipelines.grading.intervals import CARRIED, compute_union, derive_joined
from pipelines.grading.measured import CAP

PART = (*DAY, "low", "point", "high", "domains", "has_open_end", "is_assessed")


def derive_subject_days(
    contributions: pl.DataFrame,
    spans: pl.DataFrame,
    observed: pl.DataFrame,
    moments: pl.DataFrame,
    longest_days: int,
) -> pl.DataFrame:
    """Interval of each day that an event with high >= 1 can cover or that was assessed.

    `contributions`: core_event_windows of the longest window with the events' domains; `spans`: of
    `courses.derive_day_spans`; `observed`: of `measured.derive_observed_days`; `moments`: what moments give
    to the longest window, with domain, day_earliest, day_latest and is_usable. Columns of core_subject_days
    plus `has_open_end` (an ongoing event without end date certainly covers the day).
    """
    rows = _spread_rows(contributions, spans, observed)
    parts = pl.concat([rows, _spread_moments(moments, longest_days)])
    parts = parts.with_columns(
        pl.col("high").max().over(DAY).alias("_day_high"), pl.col("point").max().over(DAY).alias("_day_point")
    )
    sets_high = (pl.col("high") == pl.col("_day_high")) & (pl.col("high") > 0)
    sets_point = (pl.col("point") == pl.col("_day_point")) & (pl.col("point") > 0)
    domains = derive_joined(
        parts, DAY, {"domains": ("domains", sets_high), "point_domains": ("domains", sets_point)}
    )
    return (
        parts.group_by(DAY)
        .agg(*CARRIED, pl.col("has_open_end", "is_assessed").any())
        .join(domains, on=DAY, how="left", validate="1:1")
        .select(*DAY, *compute_union(), "domains", "point_domains", "has_open_end", "is_assessed")
        .with_columns(
            pl.when(pl.col("point") > 0).then("point_domains").alias("point_domains"),
            (pl.col("day") + 1).alias("study_day"),
        )
    )


def _spread_rows(contributions: pl.DataFrame, spans: pl.DataFrame, observed: pl.DataFrame) -> pl.DataFrame:
    """PART of the adverse-event rows."""
    covered = (
        contributions.filter((pl.col("high") >= 1) & pl.col("window_status").is_in(["inside", "partly"]))
        .join(spans, on=[*EVENT, "infusion_number"], how="inner", validate="1:1")
        .filter(pl.col("first_possible") <= pl.col("last_possible"))
        .with_columns(
            pl.int_ranges("first_possible", pl.col("last_possible") + 1, dtype=pl.Int32).alias("day")
        )
        .explode("day", empty_as_null=False)
    )
    is_certain = pl.col("day").is_between("first_certain", "last_certain")
    parts = covered.with_columns(
        pl.when(pl.col("is_one_day") & (pl.col("window_status") == "inside"))
        .then("low")
        .otherwise(0)
        .cast(pl.Int8)
        .alias("low"),
        pl.when(is_certain).then("point").alias("point"),
        (pl.col("is_open_ended") & is_certain).alias("has_open_end"),
        pl.lit(value=False).alias("is_assessed"),
    )
    if observed.is_empty():
        return parts.select(PART)
    parts = parts.join(observed, on=[*EVENT, "infusion_number", "day"], how="left", validate="1:1")
    capped = pl.col("is_capped").fill_null(value=False)
    limited = pl.when(pl.col("is_arousal")).then(pl.min_horizontal("point", pl.lit(CAP))).otherwise(0)
    return (
        parts.filter(pl.col("is_capped").is_null() | capped)
        .with_columns(
            pl.when(capped).then(0).otherwise("low").cast(pl.Int8).alias("low"),
            pl.when(capped & pl.col("is_arousal") & pl.col("point").is_null())
            .then(None)
            .when(capped)
            .then(limited)
            .otherwise("point")
            .cast(pl.Int8)
            .alias("point"),
            pl.when(capped)
            .then(pl.min_horizontal("high", pl.lit(CAP)))
            .otherwise("high")
            .cast(pl.Int8)
            .alias("high"),
        )
        .select(PART)
    )


def _spread_moments(moments: pl.DataFrame, longest_days: int) -> pl.DataFrame:
    """PART of the assessed moments: as they are on a certain day, 0/null/high on each possible day."""
    first, last = pl.col("day_earliest"), pl.col("day_latest")
    is_certain = (first == last).fill_null(value=False)
    in_reach = moments.filter(
        pl.col("window_status").is_in(["inside", "partly"]) & (is_certain | (pl.col("high") >= 1))
    )
    return (
        in_reach.with_columns(
            pl.when(is_certain).then("low").otherwise(0).cast(pl.Int8).alias("low"),
            pl.when(is_certain).then("point").alias("point"),
            first.fill_null(0).clip(0).alias("_first"),
            last.fill_null(longest_days).clip(upper_bound=longest_days).alias("_last"),
            pl.when(pl.col("domain") == "all")
            .then(pl.lit(EVERY_DOMAIN))
            .otherwise("domain")
            .alias("domains"),
            pl.lit(value=False).alias("has_open_end"),
            (pl.col("is_usable") & is_certain).alias("is_assessed"),
        )
        .filter(pl.col("_first") <= pl.col("_last"))
        .with_columns(pl.int_ranges("_first", pl.col("_last") + 1, dtype=pl.Int32).alias("day"))
        .explode("day", empty_as_null=False)
        .select(PART)
    )
