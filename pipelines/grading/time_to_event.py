"""Time from the first dated infusion to ICANS, to grade 3 and to resolution, with censoring.

What may live here: when a parameter is reached or follow-up ends. What may not: how a day or a row gets
its interval. Source: GRADING.md section 5; ADaMIG 1.3 on time-to-event data (ADTTE).

Follow-up of the first infusion ends with death, the data cut, the next dated infusion or the longest
window, whichever is first; an onset after the next infusion belongs to that one (GRADING.md 3.5). An event
that the record dates later than the end of follow-up still counts on its day.

| estimate | ICANS_ANY, ICANS_GRADE_3 | ICANS_RESOLUTION |
|---|---|---|
| low | a row or moment certainly reaches the grade: its last possible day, the earliest of them | ICANS is certain: after the last day of the course by high |
| point | first day whose point reaches it, or by imputed dates the first day of a row whose point does | after the last day by point, imputed ends included |
| high | first day whose high reaches it | ICANS is possible: after the last certain day, else after the first possible one |

A low of a row over several days was reached on one of them (GRADING.md 5), hence the last possible day.
"""  # noqa: E501

from __future__ import annotations

from typing import Final

import polars as pl

from pipelines.grading.courses import COURSE, derive_horizons
from pipelines.grading.events import EVENT, SUBJECT
from pipelines.grading.windows import compute_days
from schemas.manifest import StudyManifest
from schemas.vocabulary import ESTIMATES

THRESHOLDS: Final = {"ICANS_ANY": 1, "ICANS_GRADE_3": 3}
COUNTED: Final = ("inside", "partly")


def derive_time_to_event(
    days: pl.DataFrame,
    courses: pl.DataFrame,
    contributions: pl.DataFrame,
    spans: pl.DataFrame,
    event_dates: pl.DataFrame,
    moments: pl.DataFrame,
    infusions: pl.DataFrame,
    subjects: pl.DataFrame,
    manifest: StudyManifest,
) -> pl.DataFrame:
    """Event or censoring day of each subject with a dated infusion, by parameter and estimate.

    `days`, `courses`, `event_dates` are the tables of those names; `contributions` are
    core_event_windows of the longest window, `spans` the result of `derive_day_spans`. `moments` holds
    SUBJECT, infusion_number, window_status, low (core_assessment_windows of the longest window) and
    day_latest. Columns of core_time_to_event.
    """
    first = _derive_follow_up(infusions, subjects, manifest)
    days, courses, moments = (part.join(first, on=COURSE, how="semi") for part in (days, courses, moments))
    rows = (
        contributions.filter(pl.col("window_status").is_in(COUNTED))
        .join(first, on=COURSE, how="inner", validate="m:1")
        .join(spans, on=[*EVENT, "infusion_number"], how="inner", validate="1:1")
    )
    certain = pl.concat(
        [
            rows.select(*SUBJECT, "low", pl.col("last_possible").alias("day")),
            moments.filter(pl.col("window_status").is_in(COUNTED)).select(
                *SUBJECT, "low", pl.col("day_latest").alias("day")
            ),
        ]
    )
    # A row can be certain although each of its days was measured lower: then it is possible when certain.
    possible = pl.concat(
        [days.select(*SUBJECT, "high", "day"), certain.select(*SUBJECT, pl.col("low").alias("high"), "day")]
    )
    imputed = _derive_imputed(rows, event_dates)
    onsets = pl.concat(
        found.with_columns(pl.lit(parameter).alias("parameter"), pl.lit(estimate).alias("estimate"))
        for parameter, threshold in THRESHOLDS.items()
        for estimate, found in (
            ("low", _find_first(certain, "low", threshold)),
            ("point", _find_point(days, imputed, threshold)),
            ("high", _find_first(possible, "high", threshold)),
        )
    )
    resolutions = pl.concat(
        found.with_columns(pl.lit(estimate).alias("estimate"))
        for estimate, found in _find_resolutions(courses, _find_imputed(imputed, days, 1), onsets).items()
    )
    return pl.concat([_censor_onsets(first, onsets), _censor_resolutions(first, resolutions)]).with_columns(
        (pl.col("day") + 1).alias("study_day"),
        (pl.col("day") - pl.col("start_day")).alias("waiting_days"),
    )


def _derive_follow_up(
    infusions: pl.DataFrame, subjects: pl.DataFrame, manifest: StudyManifest
) -> pl.DataFrame:
    """First dated infusion of each subject, with the end of its follow-up and what ends it."""
    horizons = derive_horizons(infusions, subjects, manifest)
    is_first = pl.col("infusion_number") == pl.col("infusion_number").min().over(SUBJECT)
    following = (
        horizons.filter(~is_first)
        .group_by(SUBJECT)
        .agg(pl.col("infusion_earliest").min().alias("_next_infusion"))
    )
    next_day = compute_days("_next_infusion", "infusion_earliest")
    # Of two reasons on one day: death and the data cut before the next infusion, that before the window.
    is_next = (next_day < pl.col("horizon")) | (
        (next_day == pl.col("horizon")) & (pl.col("horizon_reason") == "window_end")
    )
    return (
        horizons.filter(is_first)
        .join(following, on=SUBJECT, how="left", validate="1:1")
        .with_columns(
            pl.when(is_next).then(next_day).otherwise("horizon").alias("follow_up"),
            pl.when(is_next)
            .then(pl.lit("next_infusion"))
            .otherwise("horizon_reason")
            .alias("follow_up_reason"),
        )
        .drop("_next_infusion")
    )


def _derive_imputed(rows: pl.DataFrame, event_dates: pl.DataFrame) -> pl.DataFrame:
    """First and last day, by imputed dates, of the rows with a partial date or a partial infusion date.

    An ongoing row runs to the end of what was observed; a row without any end has its first day only.
    Columns: SUBJECT, point, first_day, last_day.
    """
    infusion = pl.col("infusion_earliest").dt.date()
    is_imputed = (
        pl.col("start_imputation").is_not_null()
        | pl.col("end_imputation").is_not_null()
        | (infusion != pl.col("infusion_latest").dt.date())
    )
    first_day, last_day = (
        (pl.col(name) - infusion).dt.total_days().cast(pl.Int32) for name in ("start_date", "end_date")
    )
    end = pl.when("is_open_ended").then("last_possible").otherwise(last_day)
    return (
        rows.filter(pl.col("point") >= 1)
        .join(event_dates, on=EVENT, how="inner", validate="m:1")
        .filter(is_imputed & pl.col("start_date").is_not_null())
        .with_columns(first_day.clip(0).alias("first_day"))
        .select(*SUBJECT, "point", "first_day", pl.max_horizontal(end, "first_day").alias("last_day"))
    )


def _find_first(parts: pl.DataFrame, value: str, threshold: int) -> pl.DataFrame:
    """First day on which `value` reaches the threshold."""
    return (
        parts.filter(pl.col(value) >= threshold)
        .group_by(SUBJECT)
        .agg(pl.col("day").min(), pl.lit(value=False).alias("is_imputed"))
    )


def _find_imputed(imputed: pl.DataFrame, days: pl.DataFrame, threshold: int) -> pl.DataFrame:
    """First and last day, by imputed dates, on which a row's point and the day's high reach the threshold.

    The day decides too: a row leaves the days on which its domains were measured.
    """
    spans = imputed.filter(pl.col("point") >= threshold)
    return (
        days.filter(pl.col("high") >= threshold)
        .select(*SUBJECT, "day")
        .join(spans, on=SUBJECT, how="inner")
        .filter(pl.col("day").is_between("first_day", "last_day"))
        .group_by(SUBJECT)
        .agg(pl.col("day").min().alias("first_day"), pl.col("day").max().alias("last_day"))
    )


def _find_point(days: pl.DataFrame, imputed: pl.DataFrame, threshold: int) -> pl.DataFrame:
    """First day by the points of days and by imputed starts; imputed only where no day is as early."""
    by_day = (
        days.filter(pl.col("point") >= threshold)
        .select(*SUBJECT, "day")
        .with_columns(pl.lit(value=False).alias("is_imputed"))
    )
    by_start = _find_imputed(imputed, days, threshold).select(
        *SUBJECT, pl.col("first_day").alias("day"), pl.lit(value=True).alias("is_imputed")
    )
    return (
        pl.concat([by_day, by_start])
        .group_by(SUBJECT)
        .agg(
            pl.col("day").min(),
            pl.col("is_imputed").filter(pl.col("day") == pl.col("day").min()).all(),
        )
    )


def _find_resolutions(
    courses: pl.DataFrame, imputed: pl.DataFrame, onsets: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """First and last ICANS day of each subject by estimate, see the table above.

    `imputed` is the result of `_find_imputed`.

    Columns: SUBJECT, first_day, last_day, is_open (the course by point is unresolved), is_imputed; a subject
    without an onset has no row.
    """
    by = {
        estimate: courses.filter(pl.col("estimate") == estimate)
        .drop_nulls("onset_day")
        .select(
            *SUBJECT,
            pl.col("onset_day").alias("first_day"),
            "last_day",
            (pl.col("is_unresolved") & (estimate == "point")).alias("is_open"),
            pl.lit(value=False).alias("is_imputed"),
        )
        for estimate in ESTIMATES
    }
    certain = onsets.filter((pl.col("parameter") == "ICANS_ANY") & (pl.col("estimate") == "low")).select(
        *SUBJECT,
        pl.col("day").alias("first_day"),
        pl.col("day").alias("last_day"),
        pl.lit(value=False).alias("is_open"),
        pl.lit(value=False).alias("is_imputed"),
    )
    possible = (
        pl.concat([by["high"], certain])
        .group_by(SUBJECT)
        .agg(pl.col("first_day").min(), pl.col("last_day").max(), pl.col("is_open", "is_imputed").any())
    )
    dated = imputed.select(
        *SUBJECT,
        "first_day",
        "last_day",
        pl.lit(value=False).alias("is_open"),
        pl.lit(value=True).alias("is_imputed"),
    )
    measured = pl.col("is_imputed").not_()
    point = (
        pl.concat([by["point"], dated])
        .group_by(SUBJECT)
        .agg(
            pl.col("first_day").min(),
            pl.col("last_day").max(),
            pl.col("is_open").any(),
            (
                (pl.col("first_day").min() == pl.col("first_day").filter(measured).min())
                & (pl.col("last_day").max() == pl.col("last_day").filter(measured).max())
            )
            .fill_null(value=False)
            .not_()
            .alias("is_imputed"),
        )
    )
    last_certain = by["low"].select(*SUBJECT, pl.col("last_day").alias("_last_certain"))
    high = (
        possible.join(last_certain, on=SUBJECT, how="left", validate="1:1")
        .with_columns(pl.coalesce("_last_certain", "first_day").alias("last_day"))
        .drop("_last_certain")
    )
    return {"low": possible.join(certain, on=SUBJECT, how="semi"), "point": point, "high": high}


def _censor_onsets(first: pl.DataFrame, onsets: pl.DataFrame) -> pl.DataFrame:
    """Every subject, onset parameter and estimate; who has no onset is censored at end of follow-up."""
    wanted = pl.DataFrame({"parameter": list(THRESHOLDS)}).join(
        pl.DataFrame({"estimate": list(ESTIMATES)}), how="cross"
    )
    is_event = pl.col("_event_day").is_not_null()
    return (
        first.join(wanted, how="cross")
        .join(
            onsets.rename({"day": "_event_day"}),
            on=[*SUBJECT, "parameter", "estimate"],
            how="left",
            validate="1:1",
        )
        .select(
            *SUBJECT,
            "parameter",
            "estimate",
            pl.lit(0, pl.Int32).alias("start_day"),
            pl.coalesce("_event_day", "follow_up").clip(0).alias("day"),
            is_event.alias("is_event"),
            pl.when(~is_event).then("follow_up_reason").alias("censoring_reason"),
            pl.col("is_imputed").fill_null(value=False),
        )
    )


def _censor_resolutions(first: pl.DataFrame, resolutions: pl.DataFrame) -> pl.DataFrame:
    """Every subject and estimate; a course that lasts to the last day observed is censored there.

    The course after an infusion is followed beyond the next one, so only death, the data cut and the
    longest window censor it.
    """
    has_onset = pl.col("first_day").is_not_null()
    is_event = (has_onset & (pl.col("last_day") < pl.col("horizon")) & ~pl.col("is_open")).fill_null(
        value=False
    )
    return (
        first.join(pl.DataFrame({"estimate": list(ESTIMATES)}), how="cross")
        .join(resolutions, on=[*SUBJECT, "estimate"], how="left", validate="1:1")
        .select(
            *SUBJECT,
            pl.lit("ICANS_RESOLUTION").alias("parameter"),
            "estimate",
            pl.col("first_day").fill_null(0).alias("start_day"),
            pl.when(is_event)
            .then(pl.col("last_day") + 1)
            .otherwise(pl.max_horizontal("last_day", pl.when(has_onset).then("horizon")))
            .fill_null(0)
            .alias("day"),
            is_event.alias("is_event"),
            pl.when(is_event)
            .then(pl.lit(None, pl.String))
            .when(has_onset)
            .then("horizon_reason")
            .otherwise(pl.lit("no_onset"))
            .alias("censoring_reason"),
            pl.col("is_imputed").fill_null(value=False),
        )
    )
