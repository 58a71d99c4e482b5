"""What assessed moments do to the adverse-event rows of the same days.

Source: GRADING.md 4.4. Rows and moments meet per infusion and window, because a row is covered only inside a
window. Intervals here are those before context: the context of 3.5 applies to the result.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from pipelines.grading import rules
from pipelines.grading.assessments import derive_caps, spread_domains
from pipelines.grading.events import EVENT, SUBJECT
from pipelines.grading.intervals import CARRIED, compute_union
from pipelines.grading.no_rows import remember_no_rows
from schemas.base import SEPARATOR

SIGNS = ("seizure", "motor", "icp")
PLACED = (*EVENT, "infusion_number", "window_days")
CAP = 2
"""An ICE that could be scored was taken awake: consciousness is at most 2 on that day."""


@remember_no_rows
def derive_measured_days(moments: pl.DataFrame, deficits: pl.DataFrame) -> pl.DataFrame:
    """SUBJECT, domain, date, assessed_latest, low, point, high, is_cap: the evidence of each day.

    Usable moments as measured, those of 'all' once per domain, and the days that ICE caps. A moment no
    worse than the deficit before the first infusion (`deficits`, see `assessments`) has low 0.
    """
    no_worse = (pl.col("low") <= pl.col("deficit_high")).fill_null(value=False)
    usable = moments.filter("is_usable").join(deficits, on=[*SUBJECT, "domain"], how="left", validate="m:1")
    usable = spread_domains(usable).select(
        *SUBJECT,
        "domain",
        "date",
        "assessed_latest",
        pl.when(no_worse).then(0).otherwise("low").cast(pl.Int8).alias("low"),
        "point",
        "high",
        pl.lit(value=False).alias("is_cap"),
    )
    capped = derive_caps(moments).select(
        *SUBJECT,
        pl.lit("consciousness").alias("domain"),
        "date",
        "assessed_latest",
        pl.lit(0, pl.Int8).alias("low"),
        pl.lit(None, pl.Int8).alias("point"),
        pl.lit(CAP, pl.Int8).alias("high"),
        pl.lit(value=True).alias("is_cap"),
    )
    return pl.concat([usable, capped])


def select_measurable(events: pl.DataFrame, measured_days: pl.DataFrame) -> pl.DataFrame:
    """Rows that assessments can bear on, of subjects with assessments: EVENT, release interval, domains,
    is_sign, first and last certain day (null: not recorded), is_exact.
    """
    start, start_last = pl.col("onset_earliest").dt.date(), pl.col("onset_latest").dt.date()
    end, end_last = pl.col("end_earliest").dt.date(), pl.col("end_latest").dt.date()
    domains = pl.col("domains").str.split(SEPARATOR)
    return (
        events.filter(
            pl.col("disposition").is_in(["informs", "needs_adjudication"])
            & pl.col("release_high").is_between(1, 4)
            & pl.col("domains").is_not_null()
        )
        .join(measured_days.select(SUBJECT).unique(), on=SUBJECT, how="semi")
        .select(
            *EVENT,
            pl.col("release_low").alias("low"),
            pl.col("release_point").alias("point"),
            pl.col("release_high").alias("high"),
            domains.alias("domain"),
            (domains.list.set_difference(pl.lit(list(SIGNS))).list.len() == 0).alias("is_sign"),
            (pl.col("domains") == "consciousness").alias("is_arousal"),
            start_last.alias("first"),
            end.alias("last"),
            ((start == start_last) & (end == end_last)).fill_null(value=False).alias("is_exact"),
        )
    )


def derive_measured(
    events: pl.DataFrame,
    placements: pl.DataFrame,
    infusions: pl.DataFrame,
    measured_days: pl.DataFrame,
) -> pl.DataFrame:
    """Rows that assessments bear on, per infusion and window: PLACED, low, point, high, evidence_rule,
    evidence_reason (null: none).

    `events` carry their release interval, `placements` are those of the rows.
    """
    rows = select_measurable(events, measured_days).drop_nulls(["first", "last"])
    dated = infusions.filter(
        pl.col("infusion_earliest").dt.date() == pl.col("infusion_latest").dt.date()
    ).select(
        *SUBJECT,
        "infusion_number",
        "infusion_earliest",
        pl.col("infusion_earliest").dt.date().alias("_day_0"),
    )
    window_end = pl.col("_day_0") + pl.duration(days=pl.col("window_days"))
    spans = (
        placements.filter(pl.col("window_status").is_in(["inside", "partly"]))
        .drop("window_status")
        .join(rows, on=EVENT, how="inner", validate="m:1")
        .join(dated, on=[*SUBJECT, "infusion_number"], how="inner", validate="m:1")
        .with_columns(
            pl.max_horizontal("first", "_day_0").alias("first"),
            pl.min_horizontal("last", window_end).alias("last"),
        )
        .filter(pl.col("first") <= pl.col("last"))
    )
    measured = _unite(spans, measured_days)
    return _revise(spans.join(measured, on=PLACED, how="inner", validate="1:1"))


def _unite(spans: pl.DataFrame, measured_days: pl.DataFrame) -> pl.DataFrame:
    """PLACED with the maximum of the measured days (`m_low`, `m_point`, `m_high`; null: caps only),
    `has_cap`, and `is_covered`: every day of the span in every domain.
    """
    days = (
        spans.select(*PLACED, "domain", "first", "last", "infusion_earliest")
        .explode("domain", empty_as_null=False)
        .join(measured_days, on=[*SUBJECT, "domain"], how="inner")
        .filter(
            pl.col("date").is_between("first", "last")
            & (pl.col("assessed_latest") >= pl.col("infusion_earliest"))
        )
    )
    length = (pl.col("last") - pl.col("first")).dt.total_days() + 1
    by_domain = days.group_by(*PLACED, "domain").agg(
        (pl.col("date").n_unique() == length.first()).alias("_is_whole")
    )
    covers = by_domain.group_by(PLACED).agg(pl.col("_is_whole").sum().alias("_whole"))
    united = (
        days.filter(~pl.col("is_cap"))
        .group_by(PLACED)
        .agg(*CARRIED)
        .select(*PLACED, *(end.name.prefix("m_") for end in compute_union()))
    )
    capped = days.group_by(PLACED).agg(pl.col("is_cap").any().alias("has_cap"))
    return (
        capped.join(united, on=PLACED, how="left", validate="1:1")
        .join(covers, on=PLACED, how="left", validate="1:1")
        .join(spans.select(*PLACED, "is_exact", pl.col("domain").list.len().alias("_domains")), on=PLACED)
        .with_columns((pl.col("is_exact") & (pl.col("_whole") == pl.col("_domains"))).alias("is_covered"))
        .select(*PLACED, "m_low", "m_point", "m_high", "has_cap", "is_covered")
    )


def _revise(rows: pl.DataFrame) -> pl.DataFrame:
    """The table of GRADING.md 4.4, one line per rule."""
    low, point, high = pl.col("low"), pl.col("point"), pl.col("high")
    m_low, m_point, m_high = pl.col("m_low"), pl.col("m_point"), pl.col("m_high")
    is_sign, covered, capped = pl.col("is_sign"), pl.col("is_covered"), pl.col("has_cap")
    overlaps = (m_low <= high) & (m_high >= low)
    rows = rows.filter(covered | m_low.is_not_null())
    rule = (
        pl.when(~covered)
        .then(pl.lit(rules.MEASURED_RAISES))
        .when(~is_sign & capped)
        .then(pl.lit(rules.ICE_CAP))
        .when(~is_sign)
        .then(pl.lit(rules.MEASURED_REPLACES))
        .when(m_high == 0)
        .then(pl.lit(rules.MEASURED_DENIES))
        .when(overlaps)
        .then(pl.lit(rules.MEASURED_NARROWS))
        .otherwise(pl.lit(rules.MEASURED_DISAGREES))
    )
    cap_high = pl.max_horizontal(m_high.fill_null(0), pl.min_horizontal(pl.lit(CAP), high))
    cap_low = (
        pl.when(low <= cap_high)
        .then(pl.max_horizontal(m_low.fill_null(0), low))
        .otherwise(m_low.fill_null(0))
    )
    both_low, both_high = pl.max_horizontal(low, m_low), pl.min_horizontal(high, m_high)
    hull_low, hull_high = pl.min_horizontal(low, m_low), pl.max_horizontal(high, m_high)
    # Component-wise maximum: a row without a point keeps none unless the other side reaches its high.
    known = pl.max_horizontal(point, m_point)
    open_high = pl.max_horizontal(
        pl.when(point.is_null()).then(high).otherwise(0), pl.when(m_point.is_null()).then(m_high).otherwise(0)
    )
    ends: dict[str, tuple[pl.Expr, pl.Expr, pl.Expr]] = {
        rules.MEASURED_RAISES: (
            pl.max_horizontal(low, m_low),
            pl.when(open_high <= known).then(known),
            pl.max_horizontal(high, m_high),
        ),
        rules.MEASURED_REPLACES: (m_low, m_point, m_high),
        rules.ICE_CAP: (
            cap_low,
            pl.when(pl.col("is_arousal")).then(point).otherwise(m_point).clip(cap_low, cap_high),
            cap_high,
        ),
        rules.MEASURED_DENIES: (pl.lit(0), pl.when(point == 0).then(0), high),
        rules.MEASURED_NARROWS: (
            both_low,
            pl.when(m_point.is_between(both_low, both_high))
            .then(m_point)
            .when(point.is_between(both_low, both_high))
            .then(point)
            .when(both_low == both_high)
            .then(both_low),
            both_high,
        ),
        rules.MEASURED_DISAGREES: (hull_low, pl.lit(None), hull_high),
    }
    decides = pl.col("evidence_rule")
    reason = (
        pl.when(decides == rules.MEASURED_DENIES)
        .then(pl.lit("measured_denies"))
        .when((m_low > high) & (decides != rules.ICE_CAP))
        .then(pl.lit("measured_above"))
        .when((decides == rules.ICE_CAP) & (m_low.fill_null(0) > high))
        .then(pl.lit("measured_above"))
        .when((decides == rules.ICE_CAP) & (low > cap_high))
        .then(pl.lit("measured_below"))
        .when(decides.is_in([rules.MEASURED_REPLACES, rules.MEASURED_DISAGREES]) & (m_high < low))
        .then(pl.lit("measured_below"))
        .when(decides.is_in([rules.MEASURED_REPLACES, rules.ICE_CAP]))
        .then(pl.lit("measured_replaces"))
    )
    revised = rows.with_columns(rule.alias("evidence_rule"))
    return revised.select(
        *PLACED,
        *(_choose(ends, index).alias(end) for index, end in enumerate(("low", "point", "high"))),
        "evidence_rule",
        reason.alias("evidence_reason"),
    )


def _choose(ends: dict[str, tuple[pl.Expr, pl.Expr, pl.Expr]], index: int) -> pl.Expr:
    """One end of the interval by the rule that decides."""
    return pl.coalesce(
        pl.when(pl.col("evidence_rule") == rule).then(end[index].cast(pl.Int8)) for rule, end in ends.items()
    ).cast(pl.Int8)


def derive_observed_days(
    rows: pl.DataFrame, spans: pl.DataFrame, infusions: pl.DataFrame, measured_days: pl.DataFrame
) -> pl.DataFrame:
    """Days on which each domain of a row is measured or capped: EVENT, infusion_number, day, is_capped,
    is_arousal.

    `rows` are of `select_measurable`, `spans` of `courses.derive_day_spans`. Rows of seizure, motor or icp
    alone are never observed away.
    """
    day_0 = infusions.filter(
        pl.col("infusion_earliest").dt.date() == pl.col("infusion_latest").dt.date()
    ).select(*SUBJECT, "infusion_number", "infusion_earliest")
    day = (pl.col("date") - pl.col("infusion_earliest").dt.date()).dt.total_days().cast(pl.Int32)
    wide = rows.filter(~pl.col("is_sign")).with_columns(pl.col("domain").list.len().alias("_domains"))
    found = (
        wide.select(*EVENT, "domain", "_domains", "is_arousal")
        .explode("domain", empty_as_null=False)
        .join(measured_days, on=[*SUBJECT, "domain"], how="inner")
        .join(day_0, on=SUBJECT, how="inner")
        .filter(pl.col("assessed_latest") >= pl.col("infusion_earliest"))
        .with_columns(day.alias("day"))
        .join(
            spans.select(*EVENT, "infusion_number", "first_possible", "last_possible"),
            on=[*EVENT, "infusion_number"],
            how="inner",
        )
        .filter(pl.col("day").is_between("first_possible", "last_possible"))
    )
    keys: Sequence[str] = (*EVENT, "infusion_number", "day")
    return (
        found.group_by(keys)
        .agg(
            (pl.col("domain").n_unique() == pl.col("_domains").first()).alias("_is_whole"),
            pl.col("is_cap").any().alias("is_capped"),
            pl.col("is_arousal").first(),
        )
        .filter("_is_whole")
        .drop("_is_whole")
    )
