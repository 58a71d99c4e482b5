"""Each adverse-event row with its term resolved and the decision of the release.

Source: GRADING.md 3.1 to 3.4. What the rest of the record does to a row (death, causality, other causes,
assessments, windows) is in `context`, `measured` and `windows`.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from mappings.release import Release
from pipelines.grading.decisions import (
    Decision,
    DecisionTable,
    Recorded,
    decisions_of,
    out_of_scope,
    unmapped,
)
from pipelines.grading.terms import resolve_terms
from schemas.base import SEPARATOR
from schemas.manifest import StudyManifest

SUBJECT = ("study_id", "subject_id")
EVENT = ("study_id", "subject_id", "event_id")
CONTRIBUTES_NOTHING = ("excluded", "out_of_scope", "no_event")
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
    """One row per adverse event with the interval of the release, before any context.

    Adds to core_adverse_events: the columns of `resolve_terms` and DECISION_SCHEMA; `low`, `point`,
    `high`; `context_rules` (empty) and `review_reasons` as lists of codes; `cause_role`, `is_broad`,
    `is_core`; `vital_status` and `population` of the subject.
    """
    subjects = tables["core_subjects"].select(*SUBJECT, "population", "vital_status")
    events = resolve_terms(
        tables["core_adverse_events"], release, verbatim_terms=manifest.grading.verbatim_terms
    )
    events = events.join(subjects, on=SUBJECT, how="left", validate="m:1").with_columns(
        pl.col("population").fill_null("unknown"), pl.col("vital_status").fill_null("unknown")
    )
    events = derive_decisions(events, decisions_of(release, manifest.grading.conventions))
    concepts = release.tables["map_concepts"].select("concept_id", "cause_role", "is_broad", "is_core")
    return events.join(concepts, on="concept_id", how="left", validate="m:1").with_columns(
        pl.col("is_broad", "is_core").fill_null(value=False),
        pl.col("release_low").alias("low"),
        pl.col("release_point").alias("point"),
        pl.col("release_high").alias("high"),
        pl.lit([], dtype=pl.List(pl.String())).alias("context_rules"),
    )


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
