"""The checks on assessments, cytokine release rows and medical history.

Only pairs of expressions with their words, as in `rules`, may live here. A rule never changes or removes
a row: repeated and contradicting assessments all stay.
Source: GRADING.md 2 (which scale applies) and 4.1 (moments).
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pipelines.ingest.rules import RowRule, known, row_rule

_EVERY: Final = pl.lit(value=True)
_READ: Final = pl.col("value_status") == "read"
_OF_ICE: Final = pl.col("item").str.starts_with("ice_") | pl.col("item").str.starts_with("cartox_")
_OF_CAPD: Final = pl.col("item") == "capd_total"
_SAID: Final = pl.struct("value", "code")
_NOT_LISTED: Final = (pl.col("has_subject_table"), ~pl.col("is_in_subject_table"))
_ADD: Final = "add the subject to the subject table; the subject is not in the denominator"

ASSESSMENT_RULES: Final[tuple[RowRule, ...]] = (
    row_rule(
        "CHK-ASSESSMENT-UNDATED",
        "assessed_earliest",
        "warning",
        "An assessment has a date that can be read",
        _EVERY,
        pl.col("assessed_earliest").is_null(),
        "find the date; until then the value is a moment of its own that covers no day",
    ),
    row_rule(
        "CHK-ASSESSMENT-PARTIAL",
        "assessed_precision",
        "info",
        "The date of an assessment is whole",
        known("assessed_earliest"),
        ~pl.col("assessed_precision").is_in(["day", "time"]),
    ),
    row_rule(
        "CHK-ASSESSMENT-BEFORE-INFUSION",
        "assessed_latest",
        "info",
        "Assessments before the first infusion (count; they are the baseline)",
        known("assessed_latest", "infusion_earliest"),
        pl.col("assessed_latest") < pl.col("infusion_earliest"),
        "none",
    ),
    row_rule(
        "CHK-ASSESSMENT-AFTER-DEATH",
        "assessed_earliest",
        "error",
        "An assessment is no later than the death of the subject",
        known("assessed_earliest", "death_latest"),
        pl.col("assessed_earliest") > pl.col("death_latest"),
    ),
    row_rule(
        "CHK-ASSESSMENT-AFTER-CUTOFF",
        "assessed_earliest",
        "warning",
        "An assessment is no later than the data cut-off of the manifest",
        known("assessed_earliest", "cutoff"),
        pl.col("assessed_earliest") > pl.col("cutoff"),
    ),
    row_rule(
        "CHK-ASSESSMENT-WRONG-SCALE",
        "item",
        "warning",
        "A score is of the scale that applies at the subject's age: ICE from 12.0 years, else CAPD",
        _READ & (_OF_ICE | _OF_CAPD) & pl.col("population").is_in(["adult", "child"]),
        pl.when(_OF_CAPD).then(pl.col("population") == "adult").otherwise(pl.col("population") == "child"),
        "ask for the other score; this one is no evidence of a grade",
    ),
    row_rule(
        "CHK-ASSESSMENT-NOT-DONE",
        "value_status",
        "info",
        "Items that were not assessed (count, whatever the reason)",
        _EVERY,
        pl.col("value_status") == "not_done",
        "none: only a patient who could not be woken is evidence",
    ),
    row_rule(
        "CHK-ASSESSMENT-REPEATED",
        "*",
        "info",
        "The same value of an item is recorded once at each moment",
        _READ & known("assessed_earliest"),
        pl.col("same_value_rows") > 1,
        "none, if two tables hold the same assessment; both rows are kept",
    ),
    row_rule(
        "CHK-ASSESSMENT-TWO-VALUES",
        "value",
        "warning",
        "An item has one value at one moment",
        _READ & known("assessed_earliest"),
        pl.col("same_moment_values") > 1,
        "ask which value is right; until then both are possible",
    ),
    row_rule(
        "CHK-ASSESSMENT-SUBJECT-NOT-LISTED",
        "subject_id",
        "error",
        "The subject of an assessment is in the subject table",
        *_NOT_LISTED,
        _ADD,
    ),
)
"""Rules on `core_assessments`, with the subject and `beside_moments` beside each row."""

CRS_RULES: Final[tuple[RowRule, ...]] = (
    row_rule(
        "CHK-CRS-UNDATED",
        "start_earliest",
        "warning",
        "A row of cytokine release syndrome has a start that can be read",
        _EVERY,
        pl.col("start_earliest").is_null(),
        "find the date; until then it places no episode in time",
    ),
    row_rule(
        "CHK-CRS-START-AFTER-END",
        "start_earliest",
        "error",
        "Cytokine release syndrome starts no later than it ends",
        known("start_earliest", "end_latest"),
        pl.col("start_earliest") > pl.col("end_latest"),
    ),
    row_rule(
        "CHK-CRS-SUBJECT-NOT-LISTED",
        "subject_id",
        "error",
        "The subject of a row of cytokine release syndrome is in the subject table",
        *_NOT_LISTED,
        _ADD,
    ),
)
"""Rules on `core_crs`."""

HISTORY_RULES: Final[tuple[RowRule, ...]] = (
    row_rule(
        "CHK-HISTORY-TERM-MISSING",
        "preferred_term",
        "warning",
        "A condition of the medical history is coded",
        _EVERY,
        ~pl.any_horizontal(
            pl.col(name).is_not_null()
            for name in ("lowest_level_term", "preferred_term", "llt_code", "pt_code")
        ),
        "code the terms, or set grading.verbatim_terms",
    ),
    row_rule(
        "CHK-HISTORY-AFTER-INFUSION",
        "start_earliest",
        "info",
        "A condition of the medical history began before the first infusion",
        known("start_earliest", "infusion_latest"),
        pl.col("start_earliest") > pl.col("infusion_latest"),
        "none: such a condition is no history of the infusion and limits nothing",
    ),
)
"""Rules on `core_medical_history`."""


def beside_moments(assessments: pl.DataFrame) -> pl.DataFrame:
    """Add `same_value_rows` and `same_moment_values`: rows and values of the item at the row's moment.

    Both are null for a row without a value that was read.
    """
    moment = ["subject_id", "item", "assessed_earliest", "assessed_latest"]
    read = assessments.filter(_READ)
    values = read.group_by(*moment).agg(same_moment_values=_SAID.n_unique().cast(pl.Int64))
    rows = read.group_by(*moment, "value", "code").agg(same_value_rows=pl.len().cast(pl.Int64))
    return assessments.join(values, on=moment, how="left", nulls_equal=True).join(
        rows, on=[*moment, "value", "code"], how="left", nulls_equal=True
    )
