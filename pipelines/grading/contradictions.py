"""Statements of the record that cannot both hold, each with both sides and the rule that decided.

Only comparisons live here; what is done about a contradiction is the rule that is named. Source:
GRADING.md 1 (law 2), 3.5, 4.1, 4.2 and 4.4.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from pipelines.grading import rules
from pipelines.grading.events import CONTRIBUTES_NOTHING, EVENT, SUBJECT
from pipelines.grading.intervals import compute_joined
from pipelines.grading.items import MOMENT, derive_values
from schemas.base import SEPARATOR
from schemas.courses import CoreContradictions

SEVERITY_OF_GRADE = {1: (1,), 2: (2,), 3: (3,), 4: (3, 4), 5: (5,)}
"""Severity words, as 1..5, that a toxicity grade can stand beside: severe is 3 or 4 (GRADING.md 3.1)."""
DECISIONS = {
    "measured_above_reported": "the measurement holds: the interval is lifted",
    "measured_below_reported": "the measurement holds",
    "measured_denies_report": "the report is kept as possible, it is no longer certain",
    "bedside_against_measured": "the maximum of both holds",
    "two_values": "both stay possible",
    "total_against_items": "both stay possible",
    "scale_against_age": "the score is no evidence",
    "impossible_value": "any grade of the domain stays possible where nothing else measures it",
    "grade_against_outcome": "a death that is recorded anywhere stays possible",
    "death_against_grade": "any grade up to 4 stays possible",
    "severity_against_grade": "the toxicity grade decides",
}
REASON_KINDS = {
    "measured_above": "measured_above_reported",
    "measured_below": "measured_below_reported",
    "measured_denies": "measured_denies_report",
}


def derive_contradictions(
    tables: Mapping[str, pl.DataFrame],
    rows: pl.DataFrame,
    events: pl.DataFrame,
    revised: pl.DataFrame,
    moments: pl.DataFrame,
) -> pl.DataFrame:
    """All contradictions of a study; columns of core_contradictions.

    `rows`: every adverse-event row with `vital_status`; `events`: those that are not silent, with their
    release decision; `revised`: of `measured.derive_measured`, the primary window
    of the latest infusion only; `moments`: of `moments.derive_moments`.
    """
    parts = [_of_events(rows), _of_measurement(events, revised, moments)]
    if not tables["core_assessments"].is_empty():
        values = derive_values(tables["core_assessments"])
        parts += [
            _two_values(values),
            _totals(values, moments),
            _beside(moments),
            _wrong_scale(values, tables["core_subjects"]),
            _impossible(values),
        ]
    decisions = pl.col("kind").replace_strict(DECISIONS, return_dtype=pl.String).alias("decision")
    names = [name for name in CoreContradictions.polars_schema() if name != "decision"]
    return pl.concat([part.select(names) for part in parts]).unique().with_columns(decisions)


def _place() -> pl.Expr:
    return pl.concat_str("source_file", pl.lit(":"), "source_row")


def _of_events(events: pl.DataFrame) -> pl.DataFrame:
    """Within one row: grade and outcome, grade and survival, grade and severity word."""
    grade, fatal = pl.col("grade"), pl.col("is_fatal")
    on_ctcae = pl.col("scale") == "ctcae"
    agrees = pl.any_horizontal(
        (grade == each) & pl.col("severity").is_in(words) for each, words in SEVERITY_OF_GRADE.items()
    )
    disagrees = ((grade == 5) & ~fatal) | (on_ctcae & (grade < 5) & fatal)
    cases = [
        (
            "grade_against_outcome",
            disagrees,
            pl.when(fatal).then(pl.lit("fatal outcome")).otherwise(pl.lit("outcome not fatal")),
            "outcome",
            pl.when(fatal).then(pl.lit(rules.FATAL_OUTCOME)).otherwise(pl.lit(rules.FATAL_UNDEFINED)),
        ),
        (
            "death_against_grade",
            (grade == 5) & (pl.col("vital_status") == "alive"),
            pl.lit("subject known to be alive"),
            "vital_status",
            pl.lit(rules.DEATH_CONTRADICTION),
        ),
        (
            "severity_against_grade",
            on_ctcae & (grade >= 1) & pl.col("severity").is_not_null() & ~agrees,
            pl.concat_str(pl.lit("severity "), pl.col("severity").cast(pl.String)),
            "severity",
            pl.lit("GRADING.md 3.1"),
        ),
    ]
    return pl.concat(
        events.filter(where.fill_null(value=False)).select(
            *SUBJECT,
            pl.lit(kind).alias("kind"),
            _place().alias("left_place"),
            _place().alias("right_place"),
            pl.lit(detail).alias("detail"),
            pl.concat_str(pl.lit("grade "), grade.cast(pl.String)).alias("left_value"),
            right.alias("right_value"),
            rule.alias("rule_id"),
        )
        for kind, where, right, detail, rule in cases
    )


def _interval(low: str, point: str, high: str) -> pl.Expr:
    shown = [pl.col(name).cast(pl.String).fill_null("-") for name in (low, point, high)]
    return pl.concat_str(shown, separator="/")


def _of_measurement(events: pl.DataFrame, revised: pl.DataFrame, moments: pl.DataFrame) -> pl.DataFrame:
    """A row against the moments of its days."""
    rows = events.filter(~pl.col("disposition").is_in(CONTRIBUTES_NOTHING)).select(
        *EVENT,
        "domains",
        _place().alias("left_place"),
        _interval("release_low", "release_point", "release_high").alias("left_value"),
        pl.col("onset_latest").dt.date().alias("_first"),
        pl.col("end_earliest").dt.date().alias("_last"),
    )
    against = revised.filter(pl.col("evidence_reason").is_in(list(REASON_KINDS))).join(
        rows, on=EVENT, how="inner", validate="1:1"
    )
    beside = moments.filter("is_usable").select(
        *SUBJECT, "domain", "date", "places", _interval("low", "point", "high").alias("_shown")
    )
    shares = (pl.col("domain") == "all") | pl.col("domains").str.split(SEPARATOR).list.contains(
        pl.col("domain")
    )
    return (
        against.join(beside, on=SUBJECT, how="inner")
        .filter(pl.col("date").is_between("_first", "_last") & shares)
        .group_by(*EVENT, "evidence_rule", "evidence_reason", "domains", "left_place", "left_value")
        .agg(
            compute_joined("places", pl.lit(value=True)).alias("right_place"),
            compute_joined("_shown", pl.lit(value=True)).alias("right_value"),
        )
        .with_columns(
            pl.col("evidence_reason").replace_strict(REASON_KINDS, return_dtype=pl.String).alias("kind"),
            pl.col("domains").alias("detail"),
            pl.col("evidence_rule").alias("rule_id"),
        )
    )


def _two_values(values: pl.DataFrame) -> pl.DataFrame:
    """The same item with two values at one moment."""
    known = values.filter(pl.col("number").is_not_null())
    shown = pl.coalesce("code", pl.col("value").round(2).cast(pl.String).str.replace(r"\.0$", ""))
    low, high = pl.col("number").min(), pl.col("number").max()
    return (
        known.with_columns(shown.alias("_shown"))
        .group_by(*MOMENT, "item")
        .agg(
            (low != high).alias("_differs"),
            pl.col("place").filter(pl.col("number") == low).min().alias("left_place"),
            pl.col("place").filter(pl.col("number") == high).min().alias("right_place"),
            pl.col("_shown").filter(pl.col("number") == low).min().alias("left_value"),
            pl.col("_shown").filter(pl.col("number") == high).min().alias("right_value"),
        )
        .filter("_differs")
        .with_columns(
            pl.lit("two_values").alias("kind"),
            pl.col("item").alias("detail"),
            pl.lit("GRADING.md 4.1").alias("rule_id"),
        )
    )


def _totals(values: pl.DataFrame, moments: pl.DataFrame) -> pl.DataFrame:
    """Totals that their items cannot add up to: scores that disagree though no item has two values."""
    twice = _two_values(values).select(*MOMENT, pl.lit(value=True).alias("_twice")).unique()
    is_total = pl.col("item").str.ends_with("_total")
    sides = (
        values.filter(pl.col("number").is_not_null() & (pl.col("domain") == "cognition"))
        .with_columns(_shown_score().alias("_shown"), is_total.alias("_is_total"))
        .group_by(MOMENT)
        .agg(
            pl.col("place").filter("_is_total").min().alias("left_place"),
            compute_joined("_shown", pl.col("_is_total")).alias("left_value"),
            pl.col("place").filter(~pl.col("_is_total")).min().alias("right_place"),
            compute_joined("_shown", ~pl.col("_is_total")).alias("right_value"),
        )
    )
    scores = pl.col("rule_id").is_in([rules.ICE, rules.CARTOX])
    return (
        moments.filter(scores & pl.col("reasons").list.contains("scores_disagree"))
        .join(twice, on=MOMENT, how="anti")
        .join(sides, on=MOMENT, how="inner", validate="1:1")
        .drop_nulls(["left_place", "right_place"])
        .with_columns(pl.lit("total_against_items").alias("kind"), pl.lit("total").alias("detail"))
    )


def _shown_score() -> pl.Expr:
    return pl.concat_str("item", pl.lit("="), pl.col("number").round(0).cast(pl.Int64).cast(pl.String))


def _beside(moments: pl.DataFrame) -> pl.DataFrame:
    """A bedside grade below what the items of its moment measure."""
    stated = moments.filter(
        (pl.col("domain") == "all") & pl.col("reasons").list.contains("bedside_disagrees")
    ).select(
        *MOMENT,
        pl.col("places").alias("left_place"),
        _interval("low", "point", "high").alias("left_value"),
    )
    measured = moments.filter(pl.col("domain") != "all")
    worst = (
        measured.filter(pl.col("low") == pl.col("low").max().over(MOMENT))
        .group_by(MOMENT)
        .agg(
            pl.col("places").first().alias("right_place"),
            compute_joined("domain", pl.lit(value=True)).alias("detail"),
            pl.col("low").max().cast(pl.String).alias("right_value"),
        )
    )
    return stated.join(worst, on=MOMENT, how="inner", validate="1:1").with_columns(
        pl.lit("bedside_against_measured").alias("kind"), pl.lit(rules.BEDSIDE).alias("rule_id")
    )


def _wrong_scale(values: pl.DataFrame, subjects: pl.DataFrame) -> pl.DataFrame:
    """A score of the scale that does not apply at the subject's age."""
    is_capd = pl.col("item") == "capd_total"
    scored = values.filter((pl.col("domain") == "cognition") & pl.col("number").is_not_null())
    wrong = (is_capd & (pl.col("population") == "adult")) | (~is_capd & (pl.col("population") == "child"))
    people = subjects.select(
        *SUBJECT, "population", pl.coalesce(_place(), pl.lit("subjects")).alias("right_place")
    )
    return (
        scored.join(people, on=SUBJECT, how="inner", validate="m:1")
        .filter(wrong)
        .select(
            *SUBJECT,
            pl.lit("scale_against_age").alias("kind"),
            pl.col("place").alias("left_place"),
            "right_place",
            pl.col("item").alias("detail"),
            _shown_score().alias("left_value"),
            pl.concat_str(pl.lit("population "), "population").alias("right_value"),
            pl.lit(rules.SCALE_OF_AGE).alias("rule_id"),
        )
    )


def _impossible(values: pl.DataFrame) -> pl.DataFrame:
    """A value that its item cannot have."""
    return values.filter(pl.col("value_status") == "impossible").select(
        *SUBJECT,
        pl.lit("impossible_value").alias("kind"),
        pl.col("place").alias("left_place"),
        pl.col("place").alias("right_place"),
        pl.col("item").alias("detail"),
        pl.col("value_text").fill_null("").alias("left_value"),
        pl.concat_str(pl.lit("range of "), "item").alias("right_value"),
        pl.lit(rules.ASSESS_IMPOSSIBLE).alias("rule_id"),
    )
