"""What bears on an assessed moment: sedation, causality, other causes, a deficit before, the window.

Source: GRADING.md 4.3. The moments and their intervals come from `moments`; what moments do to
adverse-event rows is in `measured`. Rules lower `low`, keep `high`, and say so; none removes a moment.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from pipelines.grading import rules
from pipelines.grading.context import (
    apply_attribution,
    apply_causes,
    apply_rule,
    derive_causes,
    derive_overlaps,
)
from pipelines.grading.events import CONTRIBUTES_NOTHING, SUBJECT
from pipelines.grading.items import INTERVAL, MOMENT
from pipelines.grading.no_rows import remember_no_rows
from pipelines.grading.windows import derive_pairs, derive_placements, limit_to_window, select_following
from schemas.base import SEPARATOR
from schemas.manifest import StudyManifest
from schemas.vocabulary import DOMAINS

MOMENT_DOMAIN = (*MOMENT, "domain")
EVERY_DOMAIN = "cognition|consciousness|icp|motor|seizure"
AROUSAL_DOMAINS = ("cognition", "consciousness", "all")


def derive_depressed(events: pl.DataFrame) -> pl.DataFrame:
    """SUBJECT, first and last certain day of rows of consciousness alone."""
    return (
        events.filter((pl.col("domains") == "consciousness") & (pl.col("release_high") >= 1))
        .select(
            *SUBJECT,
            pl.col("onset_latest").dt.date().alias("first"),
            pl.col("end_earliest").dt.date().alias("last"),
        )
        .drop_nulls()
    )


@remember_no_rows
def derive_deficits(moments: pl.DataFrame, infusions: pl.DataFrame) -> pl.DataFrame:
    """SUBJECT, domain and `deficit_high`: a deficit at the last usable moment before the first infusion.

    A grade of the whole patient stands for each domain.
    """
    first = infusions.filter(pl.col("infusion_number") == 1).select(*SUBJECT, "infusion_earliest")
    before = (
        spread_domains(moments.filter("is_usable"))
        .join(first, on=SUBJECT, how="inner", validate="m:1")
        .filter(pl.col("assessed_latest") < pl.col("infusion_earliest"))
    )
    last = pl.col("assessed_latest") == pl.col("assessed_latest").max().over(*SUBJECT, "domain")
    return (
        before.filter(last)
        .group_by(*SUBJECT, "domain")
        .agg(pl.col("low").max(), pl.col("high").max().alias("deficit_high"))
        .filter(pl.col("low") >= 1)
        .drop("low")
    )


def spread_domains(moments: pl.DataFrame) -> pl.DataFrame:
    """Moments of 'all' repeated for each domain, beside those of one domain."""
    domains = pl.DataFrame({"domain": list(DOMAINS)})
    every = moments.filter(pl.col("domain") == "all").drop("domain").join(domains, how="cross")
    return pl.concat([moments.filter(pl.col("domain") != "all"), every.select(moments.columns)])


def derive_moment_context(
    moments: pl.DataFrame, events: pl.DataFrame, deficits: pl.DataFrame, manifest: StudyManifest
) -> pl.DataFrame:
    """Moments with `measured_*` as read; low, point, high after context; `context_rules`, `review_reasons`.

    `events` are rows with their release interval and FLAGS, before context.
    """
    graded = moments.with_columns(
        *(pl.col(end).alias(f"measured_{end}") for end in INTERVAL),
        pl.lit("informs").alias("disposition"),
        pl.lit("").alias("context_rules"),
        pl.col("reasons").list.join(SEPARATOR).alias("review_reasons"),
    )
    if graded.is_empty():
        return graded
    unknown_age = (pl.col("population") == "unknown") & (pl.col("domain") == "cognition")
    graded = apply_rule(graded, rules.AGE_UNKNOWN, None, unknown_age)
    touched = pl.col("is_sedated") & pl.col("domain").is_in(AROUSAL_DOMAINS)
    graded = apply_rule(
        graded,
        rules.SEDATED_MOMENT,
        "sedated_assessment",
        touched,
        low=0,
        point=pl.when(pl.col("high") == 0).then(0),
    )
    graded = _attribute(graded, events, manifest)
    graded = _overlap(graded, events, manifest)
    return _compare_with_baseline(graded, deficits)


def _dated(moments: pl.DataFrame) -> pl.DataFrame:
    """MOMENT, domain and the first and last day the moment can be."""
    return moments.select(
        *MOMENT_DOMAIN,
        pl.col("assessed_earliest").dt.date().alias("first"),
        pl.col("assessed_latest").dt.date().alias("last"),
    )


def _attribute(moments: pl.DataFrame, events: pl.DataFrame, manifest: StudyManifest) -> pl.DataFrame:
    """Causality of the rows of the same domain that can cover the moment, where all of them agree."""
    rows = events.filter(
        ~pl.col("disposition").is_in(CONTRIBUTES_NOTHING) & pl.col("domains").is_not_null()
    ).select(
        *SUBJECT,
        "domains",
        "relationship",
        pl.col("start_earliest").dt.date().alias("_start"),
        # An end that contradicts the onset bounds nothing.
        pl.when((pl.col("end_latest").dt.date() >= pl.col("start_earliest").dt.date()).fill_null(value=True))
        .then(pl.col("end_latest").dt.date())
        .alias("_end"),
    )
    starts = (pl.col("_start") <= pl.col("last")).fill_null(value=True)
    ends = (pl.col("_end") >= pl.col("first")).fill_null(value=True)
    shares = (pl.col("domain") == "all") | pl.col("domains").str.split(SEPARATOR).list.contains(
        pl.col("domain")
    )
    said = (
        _dated(moments)
        .join(rows, on=SUBJECT, how="inner")
        .filter(starts & ends & shares)
        .group_by(MOMENT_DOMAIN)
        .agg(
            (pl.col("relationship") == "not_related").fill_null(value=False).all().alias("_not_related"),
            pl.col("relationship")
            .is_in(["not_related", "unlikely"])
            .fill_null(value=False)
            .all()
            .alias("_unlikely"),
        )
    )
    joined = moments.join(said, on=MOMENT_DOMAIN, how="left", validate="1:1")
    not_related = pl.col("_not_related")
    unlikely = pl.col("_unlikely") & ~not_related
    return apply_attribution(joined, manifest.attribution, not_related, unlikely).drop(
        "_not_related", "_unlikely"
    )


def _overlap(moments: pl.DataFrame, events: pl.DataFrame, manifest: StudyManifest) -> pl.DataFrame:
    """Another cause of the subject within one day of the moment."""
    over = derive_overlaps(_dated(moments), derive_causes(events, manifest.context), MOMENT_DOMAIN)
    joined = moments.join(over, on=MOMENT_DOMAIN, how="left", validate="1:1")
    return apply_causes(joined, pl.col("domain") == "icp")


def _compare_with_baseline(moments: pl.DataFrame, deficits: pl.DataFrame) -> pl.DataFrame:
    """A moment that is not certainly worse than the deficit before the infusion: low 0."""
    joined = moments.join(deficits, on=[*SUBJECT, "domain"], how="left", validate="m:1")
    no_worse = pl.col("measured_low").is_between(1, pl.col("deficit_high"))
    return apply_rule(joined, rules.BASELINE_DEFICIT, "baseline_deficit", no_worse, low=0)


@remember_no_rows
def derive_assessment_windows(
    graded: pl.DataFrame, infusions: pl.DataFrame, windows: Sequence[int]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What each moment and domain gives to each window, and the infusions a moment can follow.

    A moment is placed as a row whose onset it is. The first frame has MOMENT_DOMAIN, infusion_number,
    window_days, window_status, low, point, high; the second MOMENT, infusion_number, day_earliest,
    day_latest.
    """
    timed = (
        graded.select(*MOMENT, "assessed_earliest", "assessed_latest")
        .unique()
        .rename(
            {"moment": "event_id", "assessed_earliest": "onset_earliest", "assessed_latest": "onset_latest"}
        )
    )
    pairs = derive_pairs(timed, infusions)
    placed = derive_placements(pairs, windows).drop("_place").rename({"event_id": "moment"})
    intervals = graded.select(*MOMENT_DOMAIN, *INTERVAL)
    rows = placed.join(intervals, on=MOMENT, how="inner")
    return limit_to_window(rows), select_following(pairs).rename({"event_id": "moment"})


@remember_no_rows
def derive_caps(moments: pl.DataFrame) -> pl.DataFrame:
    """SUBJECT, date, assessed_latest of scored ICE moments on days without any record of arousal.

    Such a day counts as covered for consciousness, at most 2 (GRADING.md 4.4).
    """
    scored = moments.filter(pl.col("is_scored") & ~pl.col("is_sedated") & pl.col("date").is_not_null())
    spoken = moments.filter(
        (pl.col("domain") == "consciousness") | ((pl.col("domain") == "all") & pl.col("is_usable"))
    ).select(*SUBJECT, "date")
    return (
        scored.join(spoken.unique(), on=[*SUBJECT, "date"], how="anti")
        .group_by(*SUBJECT, "date")
        .agg(pl.col("assessed_latest").max())
    )
