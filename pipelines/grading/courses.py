"""The course over time: an interval for each day, and episodes of days with point >= 1.

Source: GRADING.md section 5. A row over several days gives each of them [0, point, high]: its low was
reached on some day, not on every day. A day that a partial date only possibly covers gets
[0, null, high]. Days run from 0 to the last day of the longest window; later onsets stay in the event
table.
"""

from __future__ import annotations

import polars as pl

from pipelines.grading.events import EVENT, SUBJECT
from pipelines.grading.intervals import CARRIED, compute_joined, compute_union
from pipelines.grading.windows import compute_days
from schemas.manifest import StudyManifest

COURSE = (*SUBJECT, "infusion_number")
DAY = (*COURSE, "day")


def derive_day_spans(
    events: pl.DataFrame,
    placed: pl.DataFrame,
    infusions: pl.DataFrame,
    subjects: pl.DataFrame,
    manifest: StudyManifest,
) -> pl.DataFrame:
    """First and last day each event certainly and possibly covers, relative to the infusion.

    `placed` holds EVENT and infusion_number; after an infusion without a date there are no days. Adds
    first_possible, first_certain, last_certain, last_possible (Int32 days, clipped to the longest
    window), is_open_ended (ongoing without an end date) and is_one_day (onset and end are the same
    certain day). first_certain > last_certain: no day is certain.
    """
    longest = max(manifest.windows.primary_days, *manifest.windows.sensitivity_days, 0)
    dates = events.select(
        *EVENT, "onset_earliest", "onset_latest", "end_earliest", "end_latest", "is_ongoing"
    )
    spans = (
        placed.join(dates, on=EVENT, how="left", validate="m:1")
        .join(
            infusions.select(*COURSE, "infusion_earliest", "infusion_latest").drop_nulls("infusion_earliest"),
            on=COURSE,
            how="inner",
            validate="m:1",
        )
        .join(subjects.select(*SUBJECT, "death_latest"), on=SUBJECT, how="left", validate="m:1")
        .with_columns(pl.lit(manifest.data_cutoff, pl.Date).cast(pl.Datetime("us")).alias("_cutoff"))
        .with_columns(
            compute_days("onset_earliest", "infusion_latest").alias("_onset_first"),
            compute_days("onset_latest", "infusion_earliest").alias("_onset_last"),
            compute_days("end_earliest", "infusion_latest").alias("_end_first"),
            compute_days("end_latest", "infusion_earliest").alias("_end_last"),
            pl.min_horizontal(
                pl.lit(longest, pl.Int32),
                compute_days("death_latest", "infusion_earliest"),
                compute_days("_cutoff", "infusion_earliest"),
            ).alias("_limit"),
        )
    )
    # An end before the onset contradicts the record: the end is as good as unknown.
    end, onset = pl.col("end_latest").dt.date(), pl.col("onset_earliest").dt.date()
    has_end = end.is_not_null() & (onset.is_null() | (end >= onset))
    is_open_ended = ~has_end & pl.col("is_ongoing").fill_null(value=False)
    last_possible = pl.when(has_end).then("_end_last").otherwise("_limit")
    # Whatever the end, an event covers its onset; with an unknown end that is the only certain day,
    # and no day is certain where the onset is a range.
    last_certain = pl.max_horizontal(
        "_onset_first", pl.when(has_end).then("_end_first").when(is_open_ended).then("_limit")
    )
    is_one_day = (
        has_end
        & (pl.col("_onset_first") == pl.col("_onset_last"))
        & (pl.col("_onset_last") == pl.col("_end_last"))
    )
    return spans.select(
        *EVENT,
        "infusion_number",
        pl.col("_onset_first").fill_null(0).clip(0).alias("first_possible"),
        pl.col("_onset_last").fill_null(longest + 1).alias("first_certain"),
        last_certain.fill_null(-1).clip(upper_bound=longest).alias("last_certain"),
        pl.max_horizontal(last_possible, "_onset_first").clip(upper_bound=longest).alias("last_possible"),
        is_open_ended.alias("is_open_ended"),
        is_one_day.fill_null(value=False).alias("is_one_day"),
    )


def derive_subject_days(contributions: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Interval of each day that an event with high >= 1 can cover.

    `contributions` are core_event_windows of the longest window with the events' domains. Columns of
    core_subject_days plus `has_open_end` (an ongoing event without end date certainly covers the day).
    """
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
    by_day = covered.with_columns(
        pl.when(pl.col("is_one_day") & (pl.col("window_status") == "inside"))
        .then("low")
        .otherwise(0)
        .cast(pl.Int8)
        .alias("low"),
        pl.when(is_certain).then("point").alias("point"),
        (pl.col("is_open_ended") & is_certain).alias("has_open_end"),
        pl.col("high").max().over(DAY).alias("_day_high"),
    )
    return (
        by_day.group_by(DAY)
        .agg(
            *CARRIED,
            compute_joined("domains", pl.col("high") == pl.col("_day_high")).alias("domains"),
            pl.col("has_open_end").any(),
        )
        .select(*DAY, *compute_union(), "domains", "has_open_end")
    )


def combine_episodes(days: pl.DataFrame, crs_spans: pl.DataFrame, gap_days: int) -> pl.DataFrame:
    """Episodes: days with point >= 1, merged over gaps of at most `gap_days` uncovered days.

    A day whose point is null bridges but does not begin or end an episode. `crs_spans` holds the day
    spans of cytokine-release rows (derive_day_spans). Columns of core_episodes.
    """
    is_positive = pl.col("point") >= 1
    covered = days.filter(is_positive | pl.col("point").is_null()).with_columns(
        pl.int_range(pl.len()).over(COURSE, order_by="day").alias("_covered_before")
    )
    # Between two positive days, day difference minus covered-day difference counts the uncovered days.
    positive = covered.filter(is_positive).with_columns(
        (pl.col("day") - pl.col("_covered_before")).alias("_uncovered_before")
    )
    gap = pl.col("_uncovered_before").diff().over(COURSE, order_by="day")
    numbered = positive.with_columns((gap > gap_days).fill_null(value=True).alias("_is_first")).with_columns(
        pl.col("_is_first").cum_sum().over(COURSE, order_by="day").cast(pl.Int32).alias("episode_number")
    )
    episode = (*COURSE, "episode_number")
    spans = numbered.group_by(episode).agg(
        pl.col("day").min().alias("onset_day"),
        pl.col("day").filter(pl.col("point") == pl.col("point").max()).min().alias("peak_day"),
        pl.col("day").max().alias("last_day"),
        pl.col("point").max().alias("peak_point"),
        pl.col("has_open_end").filter(pl.col("day") == pl.col("day").max()).any().alias("is_ongoing"),
    )
    peak_high = (
        spans.select(*episode, "onset_day", "last_day")
        .join(days.select(*DAY, "high"), on=COURSE, how="inner")
        .filter(pl.col("day").is_between("onset_day", "last_day"))
        .group_by(episode)
        .agg(pl.col("high").max().alias("peak_high"))
    )
    return (
        spans.join(peak_high, on=episode, how="left", validate="1:1")
        .join(_derive_crs_relation(spans, crs_spans), on=episode, how="left", validate="1:1")
        .with_columns(
            (pl.col("last_day") - pl.col("onset_day") + 1).alias("duration_days"),
            pl.col("crs_relation").fill_null("none"),
            pl.lit(gap_days, pl.Int32).alias("gap_days"),
        )
    )


def _derive_crs_relation(episodes: pl.DataFrame, crs_spans: pl.DataFrame) -> pl.DataFrame:
    """Onset before the first possible CRS day, on a possible CRS day, or after."""
    is_during = pl.col("onset_day").is_between("first_possible", "last_possible").any()
    is_before = pl.col("onset_day").first() < pl.col("first_possible").min()
    relation = (
        pl.when(is_during)
        .then(pl.lit("during"))
        .when(is_before)
        .then(pl.lit("before"))
        .otherwise(pl.lit("after"))
    )
    return (
        episodes.select(*COURSE, "episode_number", "onset_day")
        .join(crs_spans.select(*COURSE, "first_possible", "last_possible"), on=COURSE, how="inner")
        .group_by(*COURSE, "episode_number")
        .agg(relation.alias("crs_relation"))
    )
