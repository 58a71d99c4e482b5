"""Columns and conventions that several tables of the scale-diff report share, and what a table is.

What may live here: words. What may not: numbers, a table of its own (`catalogue_results` and
`catalogue_evidence` have them). Names of columns follow the queries. A percent column is named after its
count: `percent` is of `subjects` or `number`, `any_percent` of `any_subjects`; both are of `denominator`.
Copies for the public rest on that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from pipelines.report.document import Column

Kind = Literal["text", "count", "percent", "number", "grade", "day", "id", "flag", "codes"]
LISTED: Final = 5000
"""Listings stop here, as the LIMIT of their queries says."""

LIMITS: Final = ("ci_low_percent", "ci_high_percent")
"""Columns that no query gives: they are computed from `subjects` and `denominator`."""

DENOMINATOR_NOTE: Final = (
    "Denominator: infused subjects; where a study has no subject table, subjects with a reported event."
)
SETS_NOTE: Final = (
    "Sets: broad, any nervous or psychiatric concept of the release, headache included; core, concepts that "
    "inform an ICANS domain; sponsor, rows the sponsor flags as neurotoxicity."
)
PRIMARY_NOTE: Final = "Onset in the primary window; the highest grade of each subject over all infusions."
UNKNOWN_NOTE: Final = (
    "A subject whose grade is not known counts in the denominator and in no grade; nothing is imputed."
)
POINT_NOTE: Final = "Point: the most defensible ICANS grade; null where no single grade is defensible."
COURSE_NOTE: Final = (
    "First dated infusion of each subject, days 0 to the end of the longest window. Low counts days that "
    "certainly reach a grade, high days that possibly do, point days with a defensible grade."
)
LIMITS_NOTE: Final = (
    "Limits: exact (Clopper-Pearson) 95 %, computed from the two counts of the row; they are not part of the "
    "query."
)
ORDER_NOTE: Final = (
    f"At most {LISTED} rows are listed, the most severe first; the query without LIMIT gives all."
)


@dataclass(frozen=True)
class TableSpec:
    """A table. `ranked_by`: columns its query orders a listing by before subjects, see `pseudonyms`."""

    table_id: str
    title: str
    columns: tuple[Column, ...]
    lead: str | None = None
    notes: tuple[str, ...] = ()
    is_listing: bool = False
    ranked_by: tuple[str, ...] = ()
    has_query: bool = True
    has_limits: bool = False


def make_column(name: str, label: str, kind: Kind, note: str | None = None) -> Column:
    """One column; `note` says what null means."""
    return Column(name=name, label=label, kind=kind, note=note)


def count_columns(**labels: str) -> tuple[Column, ...]:
    """Counts by name and label."""
    return tuple(make_column(name, label, "count") for name, label in labels.items())


STUDY = make_column("study_id", "Study", "text")
SUBJECT = make_column("subject_id", "Subject", "id")
ESTIMATE = make_column("estimate", "Estimate", "text")
SET = make_column("comparator_set", "Set", "text")
MEASURE = make_column("measure", "Measure", "text")
DENOMINATOR = make_column("denominator", "Of", "count")
SOURCE_GRADE = make_column("source_grade", "Reported grade", "grade", "null: the grade is not known")
INTERVAL = (
    make_column("low", "Low", "grade"),
    make_column("point", "Point", "grade", "null: no single grade is defensible"),
    make_column("high", "High", "grade"),
)
RATES = (
    make_column("any_subjects", "Any grade", "count"),
    make_column("any_percent", "Any, %", "percent"),
    make_column("grade_3_subjects", "Grade >= 3", "count"),
    make_column("grade_3_percent", ">= 3, %", "percent"),
    make_column("unknown_subjects", "Not known", "count"),
    DENOMINATOR,
)
DIRECTIONS = count_columns(
    same="Same grade",
    up="Up",
    down="Down",
    to_zero="To zero",
    indeterminate="No single grade",
    source_unknown="Reported grade unknown",
)
SUMMARY = (
    make_column("median", "Median, days", "number", "null: no subject"),
    make_column("minimum", "Smallest", "number", "null: no subject"),
    make_column("maximum", "Largest", "number", "null: no subject"),
)
ICANS = tuple(make_column(f"icans_{grade}", f"ICANS {grade}", "count") for grade in range(6))
