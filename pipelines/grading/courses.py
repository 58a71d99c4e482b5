"""The course over time: the days that rows cover, and episodes of days at grade >= 1.

What may live here: day spans, the end of observation, episodes and their relation to cytokine release.
What may not: the interval of a day (`days`), summaries (`course_summaries`, `time_to_event`).
Source: GRADING.md section 5. Days run from 0 to the last day of the longest window; later onsets stay in
the event table.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from pipelines.grading.events import EVENT, SUBJECT
from pipelines.grading.windows import compute_days, derive_candidates, derive_onset
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
        .join(derive_horizons(infusions, subjects, manifest), on=COURSE, how="inner", validate="m:1")
        .with_columns(
            compute_days("onset_earliest", "infusion_latest").alias("_onset_first"),
            compute_days("onset_latest", "infusion_earliest").alias("_onset_last"),
            compute_days("end_earliest", "infusion_latest").alias("_end_first"),
            compute_days("end_latest", "infusion_earliest").alias("_end_last"),
        )
    )
    # An end before the onset contradicts the record: the end is as good as unknown.
    end, onset = pl.col("end_latest").dt.date(), pl.col("onset_earliest").dt.date()
    has_end = end.is_not_null() & (onset.is_null() | (end >= onset))
    is_open_ended = ~has_end & pl.col("is_ongoing").fill_null(value=False)
    last_possible = pl.when(has_end).then("_end_last").otherwise("horizon")
    # Whatever the end, an event covers its onset; with an unknown end that is the only certain day,
    # and no day is certain where the onset is a range.
    last_certain = pl.max_horizontal(
        "_onset_first", pl.when(has_end).then("_end_first").when(is_open_ended).then("horizon")
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


def derive_horizons(infusions: pl.DataFrame, subjects: pl.DataFrame, manifest: StudyManifest) -> pl.DataFrame:
    """Last day observed after each dated infusion, and what ends it.

    The earliest of death, data cut and the end of the longest window; reasons in that order where days
    are equal. Columns: COURSE, infusion_earliest, infusion_latest, horizon (Int32 day, negative where the
    data end before the infusion), horizon_reason (a code of CENSORING_REASONS).
    """
    longest = max(manifest.windows.primary_days, *manifest.windows.sensitivity_days, 0)
    ends = {
        "death": compute_days("death_latest", "infusion_earliest"),
        "data_cutoff": compute_days("_cutoff", "infusion_earliest"),
        "window_end": pl.lit(longest, pl.Int32),
    }
    return (
        infusions.drop_nulls("infusion_earliest")
        .select(*COURSE, "infusion_earliest", "infusion_latest")
        .join(subjects.select(*SUBJECT, "death_latest"), on=SUBJECT, how="left", validate="m:1")
        .with_columns(pl.lit(manifest.data_cutoff, pl.Date).cast(pl.Datetime("us")).alias("_cutoff"))
        .with_columns(pl.min_horizontal(*ends.values()).alias("horizon"))
        .select(
            *COURSE,
            "infusion_earliest",
            "infusion_latest",
            "horizon",
            pl.coalesce(
                pl.when(day == pl.col("horizon")).then(pl.lit(reason)) for reason, day in ends.items()
            ).alias("horizon_reason"),
        )
    )


def combine_episodes(days: pl.DataFrame, crs_spans: pl.DataFrame, gap_days: int) -> pl.DataFrame:
    """Episodes by point, with the highest high on their days and their onset against CRS.

    `days` as from `days.derive_subject_days`, `crs_spans` as from `derive_crs_spans`. Columns of
    core_episodes but has_imputed_date, which `event_dates.mark_imputed` adds.
    """
    spans = derive_episode_spans(days, "point", gap_days)
    episode = (*COURSE, "episode_number")
    peak_high = (
        spans.select(*episode, "onset_day", "last_day")
        .join(days.select(*DAY, "high"), on=COURSE, how="inner")
        .filter(pl.col("day").is_between("onset_day", "last_day"))
        .group_by(episode)
        .agg(pl.col("high").max().alias("peak_high"))
    )
    return (
        spans.join(peak_high, on=episode, how="left", validate="1:1")
        .join(derive_crs_relation(spans, episode, crs_spans), on=episode, how="left", validate="1:1")
        .rename({"peak_grade": "peak_point"})
        .with_columns(
            (pl.col("last_day") - pl.col("onset_day") + 1).alias("duration_days"),
            (pl.col("onset_day") + 1).alias("onset_study_day"),
            pl.lit(gap_days, pl.Int32).alias("gap_days"),
        )
    )


def derive_episode_spans(days: pl.DataFrame, estimate: str, gap_days: int) -> pl.DataFrame:
    """Runs of days whose `estimate` (low, point or high) is at least 1.

    They are merged over gaps of at most `gap_days` uncovered days; a day whose point is null bridges
    but does not begin or end a run. Columns: COURSE, episode_number, onset_day, peak_day (first day of
    the highest grade), last_day, peak_grade, is_ongoing (an open end covers the last day).
    """
    grade = pl.col(estimate)
    covered = days.filter((grade >= 1) | grade.is_null()).with_columns(
        pl.int_range(pl.len()).over(COURSE, order_by="day").alias("_covered_before")
    )
    # Between two positive days, day difference minus covered-day difference counts the uncovered days.
    positive = covered.filter(grade >= 1).with_columns(
        (pl.col("day") - pl.col("_covered_before")).alias("_uncovered_before")
    )
    gap = pl.col("_uncovered_before").diff().over(COURSE, order_by="day")
    numbered = positive.with_columns((gap > gap_days).fill_null(value=True).alias("_is_first")).with_columns(
        pl.col("_is_first").cum_sum().over(COURSE, order_by="day").cast(pl.Int32).alias("episode_number")
    )
    return numbered.group_by(*COURSE, "episode_number").agg(
        pl.col("day").min().alias("onset_day"),
        pl.col("day").filter(grade == grade.max()).min().alias("peak_day"),
        pl.col("day").max().alias("last_day"),
        grade.max().alias("peak_grade"),
        pl.col("has_open_end").filter(pl.col("day") == pl.col("day").max()).any().alias("is_ongoing"),
    )


def derive_crs_spans(
    reports: pl.DataFrame,
    crs: pl.DataFrame,
    infusions: pl.DataFrame,
    subjects: pl.DataFrame,
    manifest: StudyManifest,
) -> pl.DataFrame:
    """Days that cytokine release can cover after each infusion it can follow, from both its sources.

    `reports`, adverse-event rows whose concept is CRS, and rows of `crs` (core_crs). Grade 0 is no CRS. A row
    without an end date runs on as in `derive_day_spans`. Columns: COURSE, first_possible, last_possible.
    """
    place = pl.concat_str("source_file", pl.lit(":"), "source_row")
    tabled = crs.filter(pl.col("grade").fill_null(1) >= 1).with_columns(place.alias("event_id"))
    spans = []
    for rows in map(derive_onset, (reports, tabled)):  # their ids may be alike
        placed = derive_candidates(rows, infusions).select(*EVENT, "infusion_number")
        spans.append(derive_day_spans(rows, placed, infusions, subjects, manifest))
    return pl.concat(spans).select(*COURSE, "first_possible", "last_possible")


def derive_crs_relation(onsets: pl.DataFrame, key: Sequence[str], crs_spans: pl.DataFrame) -> pl.DataFrame:
    """Onset against the days of CRS: before its first possible day, during, after, or no CRS recorded.

    `onsets` holds COURSE and onset_day, one row per `key`. Columns: key, crs_relation.
    """
    is_during = pl.col("onset_day").is_between("first_possible", "last_possible").any()
    is_before = pl.col("onset_day").first() < pl.col("first_possible").min()
    relation = (
        pl.when(pl.col("first_possible").first().is_null())
        .then(pl.lit("none"))
        .when(is_during)
        .then(pl.lit("during"))
        .when(is_before)
        .then(pl.lit("before"))
        .otherwise(pl.lit("after"))
    )
    return (
        onsets.select(*key, "onset_day")
        .join(crs_spans, on=COURSE, how="left")
        .group_by(list(key))
        .agg(relation.alias("crs_relation"))
    )
