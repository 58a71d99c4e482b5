"""The tables of what was read and the listings of subjects: columns as a reader sees them, and conventions.

What may live here: words. What may not: numbers, queries (they are in `queries/`, one per table).
"""

from __future__ import annotations

from typing import Final

from pipelines.report.catalogue_columns import (
    DENOMINATOR,
    INTERVAL,
    LISTED,
    MEASURE,
    ORDER_NOTE,
    PRIMARY_NOTE,
    SOURCE_GRADE,
    STUDY,
    SUBJECT,
    TableSpec,
    count_columns,
    make_column,
)

COVERAGE: Final = TableSpec(
    "coverage",
    "Adverse-event rows",
    (
        make_column("item", "Rows", "text"),
        make_column("number", "Number", "count"),
        DENOMINATOR,
        make_column("percent", "%", "percent", "null: no row"),
    ),
)
ASSESSMENTS_READ: Final = TableSpec(
    "assessments_read",
    "Assessed moments",
    (
        make_column("domain", "Domain", "text"),
        *count_columns(
            moments="Moments", usable_moments="Usable for their day", subjects="Subjects with a moment"
        ),
    ),
    notes=("A moment is one time of assessment of one subject; all: a grade of the whole patient.",),
)
ASSESSMENT_EFFECT: Final = TableSpec(
    "assessment_effect",
    "What assessments settle",
    (
        MEASURE,
        make_column("number", "Subjects", "count"),
        DENOMINATOR,
        make_column("percent", "%", "percent", "null: no subject"),
    ),
    notes=("Infused subjects with a dated infusion, primary window.",),
)
CONTRADICTION_KINDS: Final = TableSpec(
    "contradiction_kinds",
    "Contradictions by kind",
    (
        make_column("kind", "Kind", "text"),
        make_column("rule_id", "Rule that decided", "text"),
        *count_columns(statements="Pairs of statements", subjects="Subjects"),
    ),
)
REJECTIONS: Final = TableSpec(
    "rejections",
    "Rejected rows by reason",
    (
        make_column("table_name", "Table", "text"),
        make_column("rule_id", "Rule", "codes"),
        make_column("reason", "Reason", "text"),
        make_column("number", "Rows", "count"),
    ),
)
FAILED_CHECKS: Final = TableSpec(
    "failed_checks",
    "Checks that failed",
    (
        STUDY,
        make_column("rule_id", "Rule", "text"),
        make_column("table_name", "Table", "text"),
        make_column("column_name", "Column", "text"),
        make_column("severity", "Severity", "text"),
        make_column("number", "Rows", "count"),
        DENOMINATOR,
        make_column("percent", "%", "percent", "null: no row"),
        make_column("description", "What should hold", "text"),
    ),
)
UNMAPPED_TERMS: Final = TableSpec(
    "unmapped_terms",
    "Terms in scope that nobody has decided",
    (
        STUDY,
        make_column("term_key", "Term", "text"),
        make_column("body_system", "Class as written", "text"),
        *count_columns(events="Rows", subjects="Subjects"),
        make_column("max_source_grade", "Highest grade", "grade", "null: no row has a grade"),
    ),
    notes=(f"At most {LISTED} terms are listed, the most frequent first.",),
    is_listing=True,
)
CHANGED_SUBJECTS: Final = TableSpec(
    "changed_subjects",
    "Subjects whose category changed",
    (
        STUDY,
        SUBJECT,
        make_column("change_point", "Change", "text"),
        SOURCE_GRADE,
        *INTERVAL,
        make_column("outcome", "Outcome", "text"),
        make_column("source_terms", "Terms of that grade", "codes"),
        make_column("low_domains", "Domains of low", "codes", "null: low is 0"),
        make_column("point_domains", "Domains of point", "codes", "null: point is 0 or null"),
        make_column("high_domains", "Domains of high", "codes", "null: high is 0 or no domain"),
        make_column("rules", "Rules", "codes", "null: high is 0"),
        make_column("review_reasons", "Why to look", "codes", "null: no reason"),
    ),
    lead="Change from the highest reported grade, broad set, to the ICANS point.",
    notes=(PRIMARY_NOTE, "Rules are those that set point, or high where point is 0 or null.", ORDER_NOTE),
    is_listing=True,
    ranked_by=("change_point", "source_grade", "high", "study_id"),
)
OPEN_SUBJECTS: Final = TableSpec(
    "open_subjects",
    "Indeterminate subjects and what would close them",
    (
        STUDY,
        SUBJECT,
        make_column("impact", "Impact", "text"),
        *INTERVAL,
        make_column("threshold", "Open at grade", "grade"),
        make_column("closed_by", "Closed by", "text"),
        make_column("rules", "Responsible rules", "codes"),
    ),
    notes=(
        "Outcome INDETERMINATE in the primary window: low 0, high above 0. Thresholds 1 (any) and 3; all "
        "facts of a row together settle it. Days count the infusion as 0.",
        ORDER_NOTE,
    ),
    is_listing=True,
    ranked_by=("threshold", "impact", "high", "low", "study_id"),
)
DEATHS: Final = TableSpec(
    "deaths",
    "Deaths",
    (
        STUDY,
        SUBJECT,
        make_column("vital_status", "Vital status", "text"),
        make_column("death_day_earliest", "Death, first day", "day", "null: not known"),
        make_column("death_day_latest", "Death, last day", "day", "null: not known"),
        *INTERVAL,
        make_column("outcome", "Outcome", "text"),
        make_column("is_possibly_icans", "Death may be ICANS", "flag"),
        make_column("fatal_terms", "Fatal events", "codes", "null: none"),
    ),
    notes=(
        "Subjects known to be dead or with a fatal event. Days after the first infusion; ICANS in the "
        "primary window.",
        ORDER_NOTE,
    ),
    is_listing=True,
    ranked_by=("high", "point", "study_id"),
)
CONTRADICTIONS: Final = TableSpec(
    "contradictions",
    "Contradictions",
    (
        STUDY,
        SUBJECT,
        make_column("kind", "Kind", "text"),
        make_column("detail", "About", "text"),
        make_column("left_place", "First place", "text"),
        make_column("left_value", "says", "text"),
        make_column("right_place", "Second place", "text"),
        make_column("right_value", "says", "text"),
        make_column("rule_id", "Rule", "text"),
        make_column("decision", "Decision", "text"),
    ),
    notes=("Places are file:row of the source.", f"At most {LISTED} rows are listed."),
    is_listing=True,
    ranked_by=("kind", "study_id"),
)
SOURCES: Final = TableSpec(
    "sources",
    "Runs",
    (
        STUDY,
        make_column("run_id", "Run", "text"),
        make_column("code_version", "Program", "text"),
        make_column("code_sha256", "Program, sha256", "text"),
        make_column("manifest_sha256", "Manifest, sha256", "text"),
        make_column("inputs_sha256", "Inputs, sha256", "text"),
        make_column("mapping_release_id", "Mapping release", "text"),
        make_column("mapping_release_sha256", "Release, sha256", "text"),
    ),
)
SWIMMER: Final = TableSpec(
    "swimmer",
    "Runs of days with the same interval",
    (
        STUDY,
        SUBJECT,
        make_column("highest_point", "Highest point", "grade"),
        make_column("highest_high", "Highest high", "grade"),
        make_column("infusion_number", "Infusion", "number"),
        make_column("first_day", "First day", "day"),
        make_column("last_day", "Last day", "day"),
        *INTERVAL,
    ),
    notes=("Days on which ICANS is possible, after each dated infusion, which is day 0.", ORDER_NOTE),
    is_listing=True,
    ranked_by=("highest_point", "highest_high", "study_id"),
)
