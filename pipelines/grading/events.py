"""Each adverse-event row with its term resolved and the decision of the release.

Source: GRADING.md 3.1 to 3.4. What the rest of the record does to a row (death, causality, other causes,
assessments, windows) is in `context`, `measured` and `windows`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from mappings.release import Release
from mappings.term_key import term_key
from pipelines.grading.combinations import number_combinations
from pipelines.grading.decisions import (
    Decision,
    DecisionTable,
    Recorded,
    decisions_of,
    out_of_scope,
    unmapped,
)
from pipelines.grading.terms import RESOLVED_SCHEMA, TERM_COLUMNS, compute_shown_verbatim, resolve_terms
from schemas.base import SEPARATOR
from schemas.manifest import StudyManifest

SUBJECT = ("study_id", "subject_id")
EVENT = ("study_id", "subject_id", "event_id")
OF_STUDY = "subject_id"
"""Tells subjects apart in one study, which is what the kernel sees: large tables are joined by it alone."""
CONTRIBUTES_NOTHING = ("excluded", "out_of_scope", "no_event")
PRES_CONCEPT = "pres"
CRS_ROLE = "crs"
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
    "review_reasons": pl.String(),
    "requires": pl.String(),
    "decision_layers": pl.String(),
}


@dataclass(frozen=True)
class DecidedEvents:
    """Every adverse-event row with the number of its decision, and each decision once.

    `rows`: core_adverse_events with `vital_status` and `population` of the subject, `_row` (number of the
    row in this frame), `_decision` and `_is_silent`. `decisions`, by number: the columns of `resolve_terms`
    and DECISION_SCHEMA, `cause_role`, `is_broad`, `is_core` and `mapping_layer`.

    A silent row is one that can only ever be 0/0/0 and bears on no other row: it contributes nothing by its
    term or grade, restricts no domain, gives nobody a reason to look and is no other cause. Most rows of a
    safety table are silent; they are placed and listed, and no rule is tried on them. Cytokine release is
    silent too: it is no cause, and what begins before or after it is asked of `cytokine_release`.
    """

    rows: pl.DataFrame
    decisions: pl.DataFrame

    def active(self) -> pl.DataFrame:
        """The rows that are not silent, with everything that `derive_events` adds."""
        return self._widen(self.rows.filter(~pl.col("_is_silent")))

    def all(self) -> pl.DataFrame:
        """Every row, with everything that `derive_events` adds."""
        return self._widen(self.rows)

    def cytokine_release(self) -> pl.DataFrame:
        """The rows of `rows` that report cytokine release at a grade above 0."""
        is_crs = (pl.col("cause_role") == CRS_ROLE) & (pl.col("disposition") != "no_event")
        reports = self.decisions.select(is_crs.fill_null(value=False)).to_series()
        return self.rows.filter(reports[self.rows["_decision"]])

    def look_up(self, rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
        """These columns of the decisions of some of the rows, in their order."""
        return self.decisions.select(names)[rows["_decision"]]

    def _widen(self, rows: pl.DataFrame) -> pl.DataFrame:
        names = (*RESOLVED_SCHEMA, *DECISION_SCHEMA, "cause_role", "is_broad", "is_core")
        return rows.hstack(self.look_up(rows, names)).with_columns(
            pl.col("release_low").alias("low"),
            pl.col("release_point").alias("point"),
            pl.col("release_high").alias("high"),
            pl.lit("").alias("context_rules"),
        )


def decide_events(
    tables: Mapping[str, pl.DataFrame], release: Release, manifest: StudyManifest
) -> DecidedEvents:
    """The decision of the release for every adverse-event row, before any context.

    One decision per distinct combination of what is recorded.
    """
    subjects = tables["core_subjects"].select(OF_STUDY, "population", "vital_status")
    events = tables["core_adverse_events"]
    of_subjects = (
        events.select(OF_STUDY)
        .join(subjects, on=OF_STUDY, how="left", validate="m:1", maintain_order="left")
        .select(pl.col("population", "vital_status").fill_null("unknown"))
    )
    rows = events.hstack(of_subjects)
    verbatim = manifest.grading.verbatim_terms
    recorded = rows.select(
        *(name for name in TERM_COLUMNS if name != "verbatim_term"),
        *("scale", "scale_version", "grade", "population"),
        compute_shown_verbatim(verbatim_terms=verbatim).alias("verbatim_term"),
        *compute_recorded(),
    )
    numbers, distinct = number_combinations(recorded, recorded.columns)
    resolved = resolve_terms(distinct, release, verbatim_terms=verbatim)
    concepts = release.tables["map_concepts"].select("concept_id", "cause_role", "is_broad", "is_core")
    decisions = (
        _add_decisions(resolved, decisions_of(release, manifest.grading.conventions))
        .join(concepts, on="concept_id", how="left", validate="m:1", maintain_order="left")
        .with_columns(pl.col("is_broad", "is_core").fill_null(value=False), _compute_layer())
    )
    is_silent = decisions.select(_compute_silent(decisions, manifest)).to_series()
    return DecidedEvents(
        rows.with_row_index("_row").with_columns(
            numbers.alias("_decision"), is_silent[numbers].alias("_is_silent")
        ),
        decisions,
    )


def _compute_layer() -> pl.Expr:
    """`mapping_layer`: release and overlays whose rows decided concept and grade."""
    layers = pl.concat_list(_compute_list("term_layers"), _compute_list("decision_layers"))
    joined = layers.list.unique().list.sort().list.join(SEPARATOR)
    return pl.when(pl.col("concept_id").is_not_null()).then(joined).alias("mapping_layer")


def _compute_list(name: str) -> pl.Expr:
    """The parts of a joined text; the empty text has none."""
    none = pl.lit([], dtype=pl.List(pl.String))
    return pl.when(pl.col(name) == "").then(none).otherwise(pl.col(name).str.split(SEPARATOR)).alias(name)


def _compute_silent(decisions: pl.DataFrame, manifest: StudyManifest) -> pl.Expr:
    """Whether a row of this decision can only ever be 0/0/0, whatever else is recorded."""
    contributes_nothing = pl.col("disposition").is_in(CONTRIBUTES_NOTHING)
    is_zero = pl.all_horizontal(pl.col("release_low", "release_point", "release_high").eq_missing(0))
    may_be_cause = (
        (pl.col("cause_role") != CRS_ROLE).fill_null(value=False)
        | (pl.col("concept_id") == PRES_CONCEPT).fill_null(value=False)
        | compute_named(decisions, manifest.context.named_causes)
    )
    is_mute = pl.col("domains").is_null() & (pl.col("review_reasons") == "")
    return contributes_nothing & is_zero & is_mute & ~may_be_cause


def compute_named(rows: pl.DataFrame, names: Sequence[str]) -> pl.Expr:
    """Whether the normalised preferred term of a row is one of the names; each distinct text is read once."""
    keys = {key for key in (term_key(name) for name in names) if key}
    if not keys:
        return pl.lit(value=False)
    texts = rows["preferred_term"].drop_nulls().unique().to_list()
    named = [text for text in texts if term_key(text) in keys]
    return pl.col("preferred_term").is_in(named).fill_null(value=False)


def derive_events(
    tables: Mapping[str, pl.DataFrame], release: Release, manifest: StudyManifest
) -> pl.DataFrame:
    """One row per adverse event with the interval of the release, before any context.

    Adds to core_adverse_events: the columns of `resolve_terms` and DECISION_SCHEMA; `low`, `point`,
    `high`; `context_rules` (empty) and `review_reasons` as texts of codes; `cause_role`, `is_broad`,
    `is_core`; `vital_status` and `population` of the subject.
    """
    return decide_events(tables, release, manifest).all()


def compute_recorded() -> tuple[pl.Expr, pl.Expr]:
    """`is_unreadable` and `may_be_fatal`, of a row with its subject's `vital_status`."""
    is_known_survivor = ~pl.col("is_fatal").fill_null(value=True) | (pl.col("vital_status") == "alive")
    return (
        (pl.col("grade_status") == "unreadable").alias("is_unreadable"),
        (pl.col("grade").is_null() & ~is_known_survivor).alias("may_be_fatal"),
    )


def derive_decisions(events: pl.DataFrame, table: DecisionTable) -> pl.DataFrame:
    """Add the release interval to rows whose term is resolved."""
    return _add_decisions(events.with_columns(*compute_recorded()), table)


def _add_decisions(rows: pl.DataFrame, table: DecisionTable) -> pl.DataFrame:
    """Add DECISION_SCHEMA; one decision per distinct combination of DECISION_KEYS."""
    numbers, distinct = number_combinations(rows, DECISION_KEYS)
    decided = [_as_row(_decide(row, table)) for row in distinct.iter_rows(named=True)]
    return rows.hstack(pl.DataFrame(decided, schema=DECISION_SCHEMA, orient="row")[numbers])


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
        return table.recall(concept, recorded)
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
        joined(decision.review_reasons) or "",
        joined(decision.requires),
        joined(decision.layers) or "",
    )
