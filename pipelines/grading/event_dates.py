"""One date where one date is needed: the published ADaM imputation, with its flags.

What may live here: the imputation of adverse-event dates for tables that need one date. What may not:
anything that an interval depends on; those read the range of days that a date can be.
Source: ADaMIG 1.3, section 3.1.4 and the flags *DTF; GRADING.md 3.5: nothing is imputed silently.
"""

from __future__ import annotations

import polars as pl

from pipelines.grading.events import EVENT, SUBJECT
from pipelines.grading.windows import derive_onset
from schemas.manifest import StudyManifest


def derive_event_dates(
    events: pl.DataFrame, infusions: pl.DataFrame, subjects: pl.DataFrame, manifest: StudyManifest
) -> pl.DataFrame:
    """Start and end of each row of core_adverse_events as one date each.

    A whole date stays what it is, even where it contradicts death or the data cut. Of a partial date:

    - start: the first possible day, not before the first dated infusion where the onset can be on its
      day or later (an event with a known end starts no later than that);
    - end: the last possible day, not after death or the data cut where the end can be by then.

    A date without any bound stays null, without a flag. Columns of core_event_dates.
    """
    rows = events.with_row_index("_row")
    start, end = pl.col("start_earliest").dt.date(), pl.col("end_latest").dt.date()
    is_whole = [
        pl.col(f"{side}_earliest").dt.date().eq_missing(pl.col(f"{side}_latest").dt.date())
        for side in ("start", "end")
    ]
    imputed = _impute(rows.filter(~pl.all_horizontal(is_whole)), infusions, subjects, manifest)
    is_imputed = pl.col("_imputed").fill_null(value=False)
    return (
        rows.select("_row", *EVENT, start.alias("_start"), end.alias("_end"))
        .join(imputed, on="_row", how="left", validate="1:1", maintain_order="left")
        .select(
            *EVENT,
            pl.when(is_imputed).then("start_date").otherwise("_start").alias("start_date"),
            "start_imputation",
            pl.when(is_imputed).then("end_date").otherwise("_end").alias("end_date"),
            "end_imputation",
        )
    )


def _impute(
    events: pl.DataFrame, infusions: pl.DataFrame, subjects: pl.DataFrame, manifest: StudyManifest
) -> pl.DataFrame:
    """The four columns of core_event_dates for rows with a partial date, by `_row`; `_imputed` is true."""
    first_infusion = (
        infusions.drop_nulls("infusion_earliest")
        .group_by(SUBJECT)
        .agg(pl.col("infusion_earliest").min().dt.date().alias("_infusion"))
    )
    placed = (
        derive_onset(events)
        .join(first_infusion, on=SUBJECT, how="left", validate="m:1")
        .join(subjects.select(*SUBJECT, "death_latest"), on=SUBJECT, how="left", validate="m:1")
    )
    start, end = pl.col("start_earliest").dt.date(), pl.col("end_latest").dt.date()
    reaches_infusion = pl.col("onset_latest").dt.date() >= pl.col("_infusion")
    last_observed = pl.min_horizontal(pl.col("death_latest").dt.date(), pl.lit(manifest.data_cutoff, pl.Date))
    can_end_by_then = last_observed >= pl.col("end_earliest").dt.date().fill_null(start)
    start_flag, end_flag = _compute_flag("start", start), _compute_flag("end", end)
    return placed.select(
        "_row",
        pl.lit(value=True).alias("_imputed"),
        pl.when(start_flag.is_not_null() & reaches_infusion)
        .then(pl.max_horizontal(start, "_infusion"))
        .otherwise(start)
        .alias("start_date"),
        start_flag.alias("start_imputation"),
        pl.when(end_flag.is_not_null() & can_end_by_then)
        .then(pl.min_horizontal(end, last_observed))
        .otherwise(end)
        .alias("end_date"),
        end_flag.alias("end_imputation"),
    )


def _compute_flag(side: str, chosen: pl.Expr) -> pl.Expr:
    """Y, M or D by the highest part that the recorded range leaves open; null for a whole date or none.

    `chosen` is the end of the range that stands for the date: where it is unknown, nothing is imputed.
    """
    earliest, latest = pl.col(f"{side}_earliest").dt, pl.col(f"{side}_latest").dt
    is_whole = (earliest.date() == latest.date()).fill_null(value=False)
    is_same_year = (earliest.year() == latest.year()).fill_null(value=False)
    return (
        pl.when(chosen.is_null() | is_whole)
        .then(pl.lit(None, pl.String))
        .when(~is_same_year)
        .then(pl.lit("Y"))
        .when(earliest.month() != latest.month())
        .then(pl.lit("M"))
        .otherwise(pl.lit("D"))
    )


def derive_imputed_spans(
    contributions: pl.DataFrame, spans: pl.DataFrame, event_dates: pl.DataFrame
) -> pl.DataFrame:
    """Day spans of the events that can be ICANS and whose start or end is partial.

    `contributions` are core_event_windows of the longest window, `spans` the result of
    `derive_day_spans`. Columns: SUBJECT, infusion_number, first_possible, last_possible.
    """
    is_imputed = pl.col("start_imputation").is_not_null() | pl.col("end_imputation").is_not_null()
    return (
        contributions.filter((pl.col("high") >= 1) & pl.col("window_status").is_in(["inside", "partly"]))
        .join(event_dates.filter(is_imputed), on=EVENT, how="semi")
        .select(*EVENT, "infusion_number")
        .join(spans, on=[*EVENT, "infusion_number"], how="inner", validate="1:1")
        .select(*SUBJECT, "infusion_number", "first_possible", "last_possible")
    )


def mark_imputed(episodes: pl.DataFrame, imputed_spans: pl.DataFrame) -> pl.DataFrame:
    """Add has_imputed_date: an event of `derive_imputed_spans` can cover a day of the episode."""
    course = [*SUBJECT, "infusion_number"]
    touched = (
        episodes.select(*course, "episode_number", "onset_day", "last_day")
        .join(imputed_spans, on=course, how="inner")
        .filter(
            (pl.col("first_possible") <= pl.col("last_day"))
            & (pl.col("last_possible") >= pl.col("onset_day"))
        )
        .select(*course, "episode_number", pl.lit(value=True).alias("has_imputed_date"))
        .unique()
    )
    return episodes.join(touched, on=[*course, "episode_number"], how="left", validate="1:1").with_columns(
        pl.col("has_imputed_date").fill_null(value=False)
    )
