"""Each adverse-event row: its decision, then the context that bears on it.

Source: GRADING.md 3.4 and 3.5. Context rules apply in a fixed order, each as one function that takes
and returns the event frame; each lowers `low`, changes `point` or raises `high`, and says so in
`context_rules` and `review_reasons`. None touches a row that contributes 0 by its term (excluded, out
of scope, no event), and none removes a row.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from mappings.release import Release
from pipelines.grading import rules
from pipelines.grading.decisions import Decision, DecisionTable, Recorded, out_of_scope, unmapped
from pipelines.grading.terms import resolve_terms
from schemas.base import SEPARATOR
from schemas.manifest import StudyManifest

SUBJECT = ("study_id", "subject_id")
EVENT = ("study_id", "subject_id", "event_id")
CONTRIBUTES_NOTHING = ("excluded", "out_of_scope", "no_event")
CAUSES = ("haemorrhage", "stroke", "cns_infection", "cns_progression")
AROUSAL_AND_COGNITION = ("cognition", "consciousness", "cognition|consciousness")
DECISION_KEYS = (
    "term_status",
    "concept_id",
    "scale",
    "scale_version",
    "grade",
    "is_unreadable",
    "may_be_fatal",
    "population",
)
DECISION_SCHEMA: dict[str, pl.DataType] = {
    "release_low": pl.Int8(),
    "release_point": pl.Int8(),
    "release_high": pl.Int8(),
    "disposition": pl.String(),
    "rule_id": pl.String(),
    "domains": pl.String(),
    "source_rules": pl.String(),
    "review_reasons": pl.List(pl.String()),
    "requires": pl.String(),
    "decision_layers": pl.List(pl.String()),
}


def derive_events(
    tables: Mapping[str, pl.DataFrame], release: Release, manifest: StudyManifest
) -> pl.DataFrame:
    """One row per adverse event with its interval after context and before any window.

    Adds to core_adverse_events: the columns of `resolve_terms` and DECISION_SCHEMA; `low`, `point`,
    `high`; `context_rules` and `review_reasons` as lists of codes; `cause_role`, `is_broad`,
    `is_core`; `vital_status` and `population` of the subject.
    """
    subjects = tables["core_subjects"].select(*SUBJECT, "population", "vital_status")
    events = resolve_terms(
        tables["core_adverse_events"], release, verbatim_terms=manifest.grading.verbatim_terms
    )
    events = events.join(subjects, on=SUBJECT, how="left", validate="m:1").with_columns(
        pl.col("population").fill_null("unknown"), pl.col("vital_status").fill_null("unknown")
    )
    events = derive_decisions(events, DecisionTable(release, manifest.grading.conventions))
    concepts = release.tables["map_concepts"].select("concept_id", "cause_role", "is_broad", "is_core")
    events = events.join(concepts, on="concept_id", how="left", validate="m:1").with_columns(
        pl.col("is_broad", "is_core").fill_null(value=False),
        pl.col("release_low").alias("low"),
        pl.col("release_point").alias("point"),
        pl.col("release_high").alias("high"),
        pl.lit([], dtype=pl.List(pl.String())).alias("context_rules"),
    )
    events = _apply_death(events)
    events = _apply_attribution(events, manifest.attribution)
    events = _apply_other_causes(events)
    return _apply_sedation(events, tables["core_sedation"])


def derive_decisions(events: pl.DataFrame, table: DecisionTable) -> pl.DataFrame:
    """Add the release interval; one decision per distinct combination of DECISION_KEYS."""
    is_known_survivor = ~pl.col("is_fatal").fill_null(value=True) | (pl.col("vital_status") == "alive")
    keyed = events.with_columns(
        (pl.col("grade_status") == "unreadable").alias("is_unreadable"),
        (pl.col("grade").is_null() & ~is_known_survivor).alias("may_be_fatal"),
    )
    distinct = keyed.select(DECISION_KEYS).unique()
    decided = [_as_row(_decide(row, table)) for row in distinct.iter_rows(named=True)]
    answers = distinct.hstack(pl.DataFrame(decided, schema=DECISION_SCHEMA, orient="row"))
    return keyed.join(answers, on=DECISION_KEYS, how="left", nulls_equal=True, validate="m:1")


def _decide(row: Mapping[str, object], table: DecisionTable) -> Decision:
    recorded = Recorded(
        scale=str(row["scale"]),
        version=row["scale_version"] if isinstance(row["scale_version"], str) else None,
        grade=row["grade"] if isinstance(row["grade"], int) else None,
        is_unreadable=bool(row["is_unreadable"]),
        may_be_fatal=bool(row["may_be_fatal"]),
        population=str(row["population"]),
    )
    concept = row["concept_id"]
    if isinstance(concept, str) and table.has_decisions(concept):
        return table.decide(concept, recorded)
    return out_of_scope(recorded) if row["term_status"] == "out_of_scope" else unmapped(recorded)


def _as_row(decision: Decision) -> tuple[object, ...]:
    def joined(parts: frozenset[str]) -> str | None:
        return SEPARATOR.join(sorted(parts)) or None

    return (
        decision.low,
        decision.point,
        decision.high,
        decision.disposition,
        decision.rule_id,
        joined(decision.domains),
        joined(decision.source_rules),
        sorted(decision.review_reasons),
        joined(decision.requires),
        sorted(decision.layers),
    )


def apply_rule(  # one shape for every context rule keeps them readable side by side
    events: pl.DataFrame,
    rule_id: str | None,
    reason: str | None,
    where: pl.Expr,
    *,
    low: pl.Expr | int | None = None,
    point: pl.Expr | int | None = None,
    high: pl.Expr | int | None = None,
) -> pl.DataFrame:
    """Change the given ends of the interval where `where` holds, and record rule and reason.

    `point=pl.lit(None)` takes the point away; an end left out is kept. Null `where` is false.
    """
    hit = where.fill_null(value=False) & ~pl.col("disposition").is_in(CONTRIBUTES_NOTHING)
    changes = {"low": low, "point": point, "high": high}
    assigned = [
        pl.when(hit)
        .then(value if isinstance(value, pl.Expr) else pl.lit(value))
        .otherwise(name)
        .cast(pl.Int8)
        .alias(name)
        for name, value in changes.items()
        if value is not None
    ]
    codes = {"context_rules": rule_id, "review_reasons": reason}
    recorded = [
        pl.when(hit).then(pl.concat_list(name, pl.lit(code))).otherwise(name).alias(name)
        for name, code in codes.items()
        if code is not None
    ]
    return events.with_columns(*assigned, *recorded)


def _apply_death(events: pl.DataFrame) -> pl.DataFrame:
    """Grade 5 of a living subject is a contradiction; a fatal outcome below grade 5 raises high."""
    is_alive = pl.col("vital_status") == "alive"
    events = apply_rule(
        events,
        rules.DEATH_CONTRADICTION,
        "death_contradiction",
        (pl.col("grade") == 5) & is_alive,
        low=0,
        point=pl.lit(None),
        high=4,
    )
    return apply_rule(
        events,
        rules.FATAL_OUTCOME,
        "fatal_outcome",
        pl.col("is_fatal") & (pl.col("grade").fill_null(0) < 5),
        high=5,
    )


def _apply_attribution(events: pl.DataFrame, policy: str) -> pl.DataFrame:
    """The investigator's causality: not related and unlikely lower low; nothing else changes."""
    if policy == "ignore":
        return events
    not_related = pl.col("relationship") == "not_related"
    if policy == "exclude":
        events = apply_rule(
            events, rules.NOT_RELATED_EXCLUDED, "attribution_not_related", not_related, low=0, point=0, high=0
        )
    else:
        events = apply_rule(events, rules.NOT_RELATED, "attribution_not_related", not_related, low=0, point=0)
    return apply_rule(
        events, rules.UNLIKELY, "attribution_unlikely", pl.col("relationship") == "unlikely", low=0
    )


def _apply_other_causes(events: pl.DataFrame) -> pl.DataFrame:
    """Rows within one day of another cause of the same subject: low 0; a pressure sign over a
    haemorrhage also point 0. An open or partial date counts as overlapping where it can.
    """
    causes = events.filter(pl.col("cause_role").is_in(CAUSES) & (pl.col("disposition") != "no_event")).select(
        *SUBJECT,
        pl.col("event_id").alias("cause_event_id"),
        "cause_role",
        pl.col("start_earliest").dt.date().alias("cause_start"),
        pl.col("end_latest").dt.date().alias("cause_end"),
    )
    one_day = pl.duration(days=1)
    starts_before_end = (pl.col("start_earliest").dt.date() <= pl.col("cause_end") + one_day).fill_null(
        value=True
    )
    ends_after_start = (pl.col("end_latest").dt.date() >= pl.col("cause_start") - one_day).fill_null(
        value=True
    )
    overlapping = (
        events.select(*EVENT, "start_earliest", "end_latest")
        .join(causes, on=SUBJECT, how="inner")
        .filter((pl.col("event_id") != pl.col("cause_event_id")) & starts_before_end & ends_after_start)
        .group_by(EVENT)
        .agg((pl.col("cause_role") == "haemorrhage").any().alias("_over_haemorrhage"))
    )
    events = events.join(overlapping, on=EVENT, how="left", validate="1:1")
    events = apply_rule(
        events, rules.OTHER_CAUSE, "other_cause_overlap", pl.col("_over_haemorrhage").is_not_null(), low=0
    )
    events = apply_rule(
        events,
        rules.HAEMORRHAGE_OEDEMA,
        "haemorrhage_overlap",
        pl.col("_over_haemorrhage") & (pl.col("domains") == "icp"),
        point=0,
    )
    return events.drop("_over_haemorrhage")


def _apply_sedation(events: pl.DataFrame, sedation: pl.DataFrame) -> pl.DataFrame:
    """Cognition and consciousness rows sedated on every day of a certain span: low 0, point null."""
    if sedation.is_empty():
        return events
    sedated = (
        sedation.select(
            *SUBJECT,
            pl.date_ranges(pl.col("start_latest").dt.date(), pl.col("end_earliest").dt.date()).alias("day"),
        )
        .explode("day", empty_as_null=False)
        .drop_nulls("day")
        .unique()
        .with_columns(pl.lit(value=True).alias("_is_sedated"))
    )
    first, last = pl.col("start_earliest").dt.date(), pl.col("end_latest").dt.date()
    is_certain = (first == pl.col("start_latest").dt.date()) & (last == pl.col("end_earliest").dt.date())
    covered = (
        events.filter(pl.col("domains").is_in(AROUSAL_AND_COGNITION) & is_certain & (first <= last))
        .join(sedated.select(SUBJECT).unique(), on=SUBJECT, how="semi")
        .select(*EVENT, pl.date_ranges(first, last).alias("day"))
        .explode("day", empty_as_null=False)
        .join(sedated, on=[*SUBJECT, "day"], how="left")
        .group_by(EVENT)
        .agg(pl.col("_is_sedated").fill_null(value=False).all().alias("_is_sedated"))
    )
    events = events.join(covered, on=EVENT, how="left", validate="1:1")
    events = apply_rule(
        events, rules.SEDATION, "sedation_overlap", pl.col("_is_sedated"), low=0, point=pl.lit(None)
    )
    return events.drop("_is_sedated")
