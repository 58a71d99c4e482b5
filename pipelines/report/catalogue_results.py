"""The tables of results of the scale-diff report: columns as a reader sees them, and the conventions beneath.

What may live here: words. What may not: numbers, queries (they are in `queries/`, one per table).
"""

from __future__ import annotations

from typing import Final

from pipelines.report.catalogue_columns import (
    COURSE_NOTE,
    DENOMINATOR,
    DENOMINATOR_NOTE,
    DIRECTIONS,
    ESTIMATE,
    ICANS,
    LIMITS_NOTE,
    MEASURE,
    POINT_NOTE,
    PRIMARY_NOTE,
    RATES,
    SET,
    SETS_NOTE,
    SUMMARY,
    UNKNOWN_NOTE,
    TableSpec,
    count_columns,
    make_column,
)

HEADLINE: Final = TableSpec(
    "headline",
    "Subjects with any grade and with grade >= 3",
    (MEASURE, *RATES),
    notes=(PRIMARY_NOTE, SETS_NOTE, UNKNOWN_NOTE, DENOMINATOR_NOTE),
)
CHANGES: Final = TableSpec(
    "changes",
    "Subjects by what happens to their grade",
    (
        SET,
        ESTIMATE,
        *count_columns(none="0 on both"),
        *DIRECTIONS,
        *count_columns(not_evaluable="Not evaluable", total="Subjects"),
    ),
    lead="From the highest reported grade of the set to the ICANS low, point and high.",
    notes=(
        PRIMARY_NOTE,
        "To zero: reported grade at least 1, ICANS 0. Not evaluable: no dated infusion.",
        SETS_NOTE,
        DENOMINATOR_NOTE,
    ),
)
OUTCOMES: Final = TableSpec(
    "outcomes",
    "Subjects by ICANS outcome",
    (
        make_column("outcome", "Outcome", "text"),
        make_column("subjects", "Subjects", "count"),
        DENOMINATOR,
        make_column("percent", "%", "percent"),
    ),
    notes=("ICANS: low >= 1. NOT_ICANS: high = 0. INDETERMINATE: the record allows both.", DENOMINATOR_NOTE),
)
SHIFT_SUBJECTS: Final = TableSpec(
    "shift_subjects",
    "Shift table of subjects",
    (
        make_column("source_grade", "Reported grade", "text"),
        *ICANS,
        *count_columns(no_single_grade="No single grade", not_evaluable="Not evaluable", total="Subjects"),
    ),
    lead="Rows: highest reported grade, broad set. Columns: ICANS point.",
    notes=(PRIMARY_NOTE, POINT_NOTE, DENOMINATOR_NOTE),
)
SHIFT_EVENTS: Final = TableSpec(
    "shift_events",
    "Shift table of event rows",
    (
        make_column("source_grade", "Reported grade", "text"),
        *ICANS,
        *count_columns(no_single_grade="No single grade", total="Event rows"),
    ),
    lead="Rows: grade of the event row, broad set. Columns: ICANS point of that row alone.",
    notes=("Event rows of the broad set whenever they began, those of uninfused subjects too.", POINT_NOTE),
)
FLOW: Final = TableSpec(
    "flow",
    "Reported grade to ICANS point, subjects",
    (
        make_column("source_grade", "Reported grade", "text"),
        make_column("icans_point", "ICANS point", "text"),
        make_column("subjects", "Subjects", "count"),
    ),
    notes=(PRIMARY_NOTE, "Broad set; cells without subjects have no row.", DENOMINATOR_NOTE),
)
DRIVING_TERMS: Final = TableSpec(
    "driving_terms",
    "Terms behind the reported grade, by what happens to it",
    (
        make_column("term", "Term", "text"),
        *count_columns(
            to_zero="To zero",
            down="Down",
            same="Same grade",
            up="Up",
            indeterminate="No single grade",
            not_compared="Not compared",
            total="Subjects",
        ),
    ),
    lead="Subjects whose highest reported grade, broad set, is that of the term.",
    notes=(
        PRIMARY_NOTE,
        "A subject with several terms of that grade counts at each, so columns do not add up to subjects.",
    ),
)
DRIVING_EVENTS: Final = TableSpec(
    "driving_events",
    "Event rows by term and by what happens to their grade",
    (
        make_column("term", "Term", "text"),
        make_column("domains", "ICANS domains", "codes"),
        *DIRECTIONS,
        *count_columns(total="Event rows"),
    ),
    notes=("Rows of a comparator set or that can be ICANS, whenever they began.", POINT_NOTE),
)
DRIVING_DOMAINS: Final = TableSpec(
    "driving_domains",
    "ICANS domains that set the result",
    (
        make_column("domain", "Domain", "text"),
        *count_columns(
            low_any="Low, any",
            low_grade_3="Low >= 3",
            point_any="Point, any",
            point_grade_3="Point >= 3",
            high_any="High, any",
            high_grade_3="High >= 3",
        ),
    ),
    notes=(PRIMARY_NOTE, "A subject whose grade several domains set counts at each."),
)
COURSE_SUMMARY: Final = TableSpec(
    "course_summary",
    "Onset, duration and first day at grade >= 3",
    (
        MEASURE,
        ESTIMATE,
        *count_columns(subjects="Subjects", imputed_subjects="With an imputed date"),
        *SUMMARY,
    ),
    notes=(
        COURSE_NOTE,
        "Onset and first day at grade >= 3 count the infusion as day 0. Duration: first to last ICANS day, "
        "both counted.",
    ),
)
COURSE_OUTCOMES: Final = TableSpec(
    "course_outcomes",
    "Subjects by features of their course",
    (
        ESTIMATE,
        *count_columns(
            onset="With onset",
            late_onset="Late onset",
            recurrent="Recurrent",
            unresolved="Unresolved",
            before_crs="Before CRS",
            during_crs="During CRS",
            after_crs="After CRS",
            without_crs="No CRS reported",
            denominator="Subjects with a dated infusion",
        ),
    ),
    notes=(
        COURSE_NOTE,
        "Late onset: after the day the study's manifest names (28 unless it names another).",
    ),
)
DAYS_AT_GRADE: Final = TableSpec(
    "days_at_grade",
    "Days at each grade",
    (
        ESTIMATE,
        make_column("grade", "Grade", "grade"),
        *count_columns(subjects="Subjects with such a day", subject_days="Subject-days"),
        make_column("median", "Median days", "number", "null: no subject"),
        make_column("maximum", "Most days", "number"),
    ),
    notes=(COURSE_NOTE, "Median over subjects with at least one such day."),
)
DAILY_PREVALENCE: Final = TableSpec(
    "daily_prevalence",
    "Subjects at each grade by day",
    (
        make_column("day", "Day", "day"),
        *count_columns(
            **{f"grade_{grade}": f"Grade {grade}" for grade in range(1, 6)},
            no_single_grade="No single grade",
            assessed="Assessed",
            denominator="Of",
        ),
    ),
    notes=(
        "ICANS point of each day after the first dated infusion; the infusion is day 0. No single grade: "
        "ICANS is possible on that day. Every subject with a dated infusion stays in the denominator, those "
        "who died or were lost too.",
    ),
)
SENSITIVITY: Final = TableSpec(
    "sensitivity",
    "Windows, comparator sets, and low, point and high",
    (make_column("window_days", "Window to day", "day"), MEASURE, *RATES),
    notes=("Onset from day 0 to the last day of the window.", SETS_NOTE, UNKNOWN_NOTE, DENOMINATOR_NOTE),
)
SENSITIVITY_DATES: Final = TableSpec(
    "sensitivity_dates",
    "With and without subjects whose course rests on an imputed date",
    (
        MEASURE,
        ESTIMATE,
        make_column("imputed_dates", "Imputed dates", "text"),
        *count_columns(subjects="Subjects"),
        *SUMMARY,
    ),
    notes=(COURSE_NOTE, "No interval depends on an imputed date; days of a partly dated event can."),
)
SENSITIVITY_ATTRIBUTION: Final = TableSpec(
    "sensitivity_attribution",
    "The investigator's causality",
    (
        make_column("policy", "Policy", "text"),
        make_column("is_used", "Used here", "flag", "null: studies use different ones"),
        *count_columns(
            low_any="Low, any",
            low_grade_3="Low >= 3",
            point_any="Point, any",
            point_grade_3="Point >= 3",
            high_any="High, any",
            high_grade_3="High >= 3",
            unknown="Point not known",
            denominator="Of",
        ),
    ),
    notes=(
        "widen: an event the investigator calls not related or unlikely related can still be ICANS, so it "
        "lowers low; ignore: causality is not used; exclude: not related events contribute nothing.",
        "No query: subjects with such an event are graded again under each policy, all else as in the run.",
        DENOMINATOR_NOTE,
    ),
    has_query=False,
)
FOREST: Final = TableSpec(
    "forest",
    "Incidence by group",
    (
        make_column("grouping", "Grouping", "text"),
        make_column("group_name", "Group", "text"),
        ESTIMATE,
        make_column("threshold", "Grade", "text"),
        make_column("subjects", "Subjects", "count"),
        DENOMINATOR,
        make_column("percent", "%", "percent", "null: empty group"),
        make_column("ci_low_percent", "95 % from", "percent", "null: empty group"),
        make_column("ci_high_percent", "to", "percent", "null: empty group"),
    ),
    notes=(
        LIMITS_NOTE,
        PRIMARY_NOTE,
        "Product: of the first infusion, else of the study. Cognition scale: the one that "
        "applies by age; CAPD with developmental delay too.",
        UNKNOWN_NOTE,
        DENOMINATOR_NOTE,
    ),
    has_limits=True,
)
