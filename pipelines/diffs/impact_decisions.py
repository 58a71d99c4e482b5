"""The distinct combinations of term, grade and population that a study holds, and what a release decides.

What may live here: combinations, their decisions, and which of them differ between two releases. What may
not: subjects' results (`pipelines.diffs.impact_grading`), causes (`pipelines.diffs.impact_causes`).

A mapping release reaches a study only through such combinations. Deciding each of them once, instead of
each row, is what makes two releases cheap to compare.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from mappings.release import Release
from pipelines.grading.decisions import DecisionTable, decisions_of
from pipelines.grading.events import SUBJECT, derive_decisions
from pipelines.grading.terms import CODED_COLUMNS, TERM_COLUMNS, resolve_terms
from schemas.manifest import StudyManifest, normalise_version
from schemas.vocabulary import DUPLICATE_ROW_RULE

COMBINATION = "combination"
RECORDED = (
    *TERM_COLUMNS,
    *("scale", "scale_version", "grade", "grade_status", "is_fatal", "vital_status", "population"),
    "is_rejected",
)
"""What a combination is made of, reduced to what a decision can depend on."""

MEANING = ("release_low", "release_point", "release_high", "disposition", "domains", "cause_role")
"""What of a decision can move a subject's interval, through the row itself or through its context."""

SHOWN = (
    *MEANING,
    *("term_status", "concept_id", "rule_id", "source_rules", "review_reasons", "requires"),
    *("is_broad", "is_core"),
)
"""What of a decision any result shows."""


def derive_combinations(
    checked: Mapping[str, pl.DataFrame], manifest: StudyManifest
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The distinct combinations of a study, and which rows hold them.

    The first frame has COMBINATION (a number without meaning) and RECORDED; the second SUBJECT and
    COMBINATION, once per adverse-event row, valid or rejected. Rejected rows without a subject are in
    neither: they reach nobody's result.
    """
    people = checked["core_subjects"].select(*SUBJECT, "population", "vital_status")
    verbatim = pl.lit(manifest.grading.verbatim_terms) | ~pl.any_horizontal(
        pl.col(name).is_not_null() for name in CODED_COLUMNS
    )
    survives = ~pl.col("is_fatal").fill_null(value=True) | (pl.col("vital_status") == "alive")
    rows = (
        pl.concat([_valid(checked), _rejected(checked, manifest)])
        .join(people, on=SUBJECT, how="left", validate="m:1")
        .with_columns(
            pl.when(verbatim).then("verbatim_term").alias("verbatim_term"),
            pl.col("population").fill_null("unknown"),
            pl.when(pl.col("grade").is_null() & survives.fill_null(value=False))
            .then(pl.lit("alive"))
            .otherwise(pl.lit("unknown"))
            .alias("vital_status"),
            pl.lit(None, pl.Boolean).alias("is_fatal"),
        )
    )
    combinations = rows.select(RECORDED).unique().with_row_index(COMBINATION)
    held = rows.join(combinations, on=RECORDED, how="left", nulls_equal=True, validate="m:1")
    return combinations, held.select(*SUBJECT, COMBINATION)


def _valid(checked: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    is_unreadable = pl.col("grade_status") == "unreadable"
    return checked["core_adverse_events"].select(
        *SUBJECT,
        *TERM_COLUMNS,
        *("scale", "scale_version", "grade"),
        pl.when(is_unreadable).then(pl.lit("unreadable")).otherwise(pl.lit("")).alias("grade_status"),
        "is_fatal",
        pl.lit(value=False).alias("is_rejected"),
    )


def _rejected(checked: Mapping[str, pl.DataFrame], manifest: StudyManifest) -> pl.DataFrame:
    """The rows that withhold something, as `pipelines.grading.combine.derive_withheld` reads them."""
    scale = manifest.grading.scale
    return (
        checked["core_rejected_rows"]
        .filter(
            (pl.col("table_name") == "adverse_events")
            & pl.col("subject_id").is_not_null()
            & (pl.col("rule_id") != DUPLICATE_ROW_RULE)
        )
        .select(
            *SUBJECT,
            *TERM_COLUMNS,
            pl.lit(scale).alias("scale"),
            pl.lit(normalise_version(scale, manifest.grading.version), pl.String).alias("scale_version"),
            pl.lit(None, pl.Int8).alias("grade"),
            pl.lit("").alias("grade_status"),
            pl.lit(None, pl.Boolean).alias("is_fatal"),
            pl.lit(value=True).alias("is_rejected"),
        )
    )


def decide_combinations(
    combinations: pl.DataFrame, release: Release, manifest: StudyManifest
) -> pl.DataFrame:
    """COMBINATION, `term_key`, `match_method` and SHOWN: what the release says of each combination.

    A rejected row can only be harmless or not; that is all its decision says.
    """
    resolved = resolve_terms(combinations, release, verbatim_terms=manifest.grading.verbatim_terms)
    table = decisions_of(release, manifest.grading.conventions)
    concepts = release.tables["map_concepts"].select("concept_id", "cause_role", "is_broad", "is_core")
    decided = (
        derive_decisions(resolved, table)
        .join(concepts, on="concept_id", how="left", validate="m:1")
        .with_columns(pl.col("is_broad", "is_core").fill_null(value=False))
        .join(_harmless(resolved, table), on=["concept_id", "population"], how="left", validate="m:1")
    )
    rejected = pl.col("is_rejected")
    harmless = ((pl.col("term_status") == "out_of_scope") | pl.col("_is_excluded")).fill_null(value=False)
    top = pl.when(harmless).then(0).otherwise(5)
    nothing = pl.lit(None, pl.String)
    return decided.select(
        COMBINATION,
        "term_key",
        "match_method",
        pl.when(rejected).then(0).otherwise("release_low").cast(pl.Int8).alias("release_low"),
        pl.when(rejected).then(top).otherwise("release_point").cast(pl.Int8).alias("release_point"),
        pl.when(rejected).then(top).otherwise("release_high").cast(pl.Int8).alias("release_high"),
        pl.when(rejected).then(pl.lit("rejected")).otherwise("disposition").alias("disposition"),
        *(pl.when(rejected).then(nothing).otherwise(name).alias(name) for name in ("domains", "cause_role")),
        *(name for name in SHOWN if name not in MEANING),
    )


def _harmless(resolved: pl.DataFrame, table: DecisionTable) -> pl.DataFrame:
    """Concepts of rejected rows that are excluded at every grade."""
    read = resolved.filter("is_rejected").select("concept_id", "population").drop_nulls("concept_id").unique()
    excluded = [table.is_excluded_everywhere(*row) for row in read.iter_rows()]
    return read.with_columns(pl.Series("_is_excluded", excluded, dtype=pl.Boolean))


def compute_differs(names: tuple[str, ...]) -> pl.Expr:
    """Any of the named columns is not what the same column with `_after` is; null equals null."""
    return pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_after")) for name in names)


def compute_covered(release: Release, suffix: str = "") -> pl.Expr:
    """The release has a decision for the combination's term."""
    decided = release.tables["map_grades"].filter(pl.col("scale") == "ctcae")["concept_id"].unique()
    is_decided = pl.col(f"concept_id{suffix}").is_in(decided.to_list()).fill_null(value=False)
    return (pl.col(f"term_status{suffix}") == "mapped") & is_decided
