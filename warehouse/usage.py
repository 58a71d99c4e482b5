"""How each table and view is to be used: what to beware of, and a question that it answers.

What may live here: for each name a warning and an example query; for a view its grain and key too, which no
schema says. What may not: descriptions (they stand in `schemas/` and `views/*.sql`). The tests run every
query and prove every key on the published studies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NOW: Final = "JOIN core_runs USING (run_id, study_id) WHERE is_current"
"""Restricts a table to the current run of each study."""


@dataclass(frozen=True)
class ViewUse:
    """`grain`: what one row is; `key`: columns that tell rows apart; `beware`; `example`: a query."""

    grain: str
    key: tuple[str, ...]
    beware: str
    example: str


@dataclass(frozen=True)
class TableUse:
    """`beware` besides what holds for every table with runs; `example`: a query."""

    beware: str
    example: str


_SUBJECT: Final = ("study_id", "subject_id")
_WINDOW: Final = (*_SUBJECT, "comparator_set", "window_days")

VIEWS: Final[dict[str, ViewUse]] = {
    "out_closing_work_list": ViewUse(
        "one fact that would help to settle one threshold of one subject",
        (*_SUBJECT, "threshold", "fact", "infusion_number", "first_day"),
        "All facts of a subject and threshold together settle it; one alone may not.",
        "SELECT impact, count(DISTINCT subject_id) AS subjects FROM out_closing_work_list GROUP BY ALL",
    ),
    "out_contradictions": ViewUse(
        "one contradiction between two places of the record",
        (*_SUBJECT, "kind", "left_place", "right_place", "detail"),
        "left and right say nothing about who is right: decision does.",
        "SELECT kind, decision, count(*) AS found FROM out_contradictions GROUP BY ALL ORDER BY ALL",
    ),
    "out_course_summary": ViewUse(
        "one measure, estimate and treatment of imputed dates",
        ("study_id", "measure", "estimate", "imputed_dates"),
        "Medians are over subjects who have the measure; subjects without ICANS are not in them.",
        "SELECT study_id, median, subjects FROM out_course_summary "
        "WHERE measure = 'onset_day' AND estimate = 'point' AND imputed_dates = 'included'",
    ),
    "out_daily_course": ViewUse(
        "one subject, infusion and day",
        (*_SUBJECT, "infusion_number", "day"),
        "A day without a row is a day on which nothing was recorded that allows ICANS.",
        "SELECT day, count(*) FILTER (low >= 1) AS certain FROM out_daily_course GROUP BY day ORDER BY day",
    ),
    "out_daily_prevalence": ViewUse(
        "one study and day",
        ("study_id", "day"),
        "grade_1 to grade_5 count point estimates; certain and possible bound them from both sides.",
        "SELECT day, certain, possible, denominator FROM out_daily_prevalence WHERE day BETWEEN 0 AND 14",
    ),
    "out_drivers": ViewUse(
        "one term that carries the highest source grade of one subject, set and window",
        (*_WINDOW, "term"),
        "A subject with several terms of the same grade has several rows: count DISTINCT subject_id.",
        "SELECT term, change_point, count(DISTINCT subject_id) AS subjects FROM out_drivers "
        "WHERE comparator_set = 'broad' AND is_primary_window GROUP BY ALL ORDER BY subjects DESC",
    ),
    "out_event_changes": ViewUse(
        "one adverse-event row that is in a comparator set or can be ICANS",
        ("study_id", "source_file", "source_row"),
        "All rows whenever they began; filter window_status before comparing with subjects.",
        "SELECT change_point, count(*) AS events FROM out_event_changes WHERE is_broad GROUP BY ALL",
    ),
    "out_event_story": ViewUse(
        "one adverse-event row",
        ("study_id", "subject_id", "event_id"),
        "Holds free text of the sponsor: protect it, and never run it through a spreadsheet as formulas.",
        "SELECT rule_id, count(*) AS events FROM out_event_story GROUP BY rule_id ORDER BY events DESC",
    ),
    "out_findings": ViewUse(
        "one failed rule on one table and column",
        ("study_id", "rule_id", "table_name", "column_name"),
        "percent is of the denominator the rule applies to, not of all rows.",
        "SELECT study_id, rule_id, count, percent FROM out_findings WHERE severity = 'error'",
    ),
    "out_grade_shift": ViewUse(
        "one cell of the shift table",
        ("study_id", "comparator_set", "window_days", "source_grade", "icans_point"),
        "icans_point is null where no single grade is defensible: such subjects belong to the total.",
        "PIVOT (SELECT source_grade, icans_point, subjects FROM out_grade_shift "
        "WHERE study_id = 'CART-DEMO' AND comparator_set = 'broad') ON icans_point USING sum(subjects)",
    ),
    "out_incidence": ViewUse(
        "one study, window, estimate and threshold",
        ("study_id", "window_days", "estimate", "threshold"),
        "low and high are bounds of what the record allows; the confidence interval is around each of them.",
        "SELECT study_id, estimate, subjects, denominator, percent FROM out_incidence "
        "WHERE is_primary_window AND threshold = '>= 3'",
    ),
    "out_incidence_by_run": ViewUse(
        "one published run, window, estimate and threshold",
        ("run_id", "window_days", "estimate", "threshold"),
        "Compare runs with is_comparable only: the others differ by more than the mapping release.",
        "SELECT mapping_release_id, subjects, subjects_against_current FROM out_incidence_by_run "
        "WHERE is_comparable AND is_primary_window AND threshold = 'any' AND estimate = 'icans_point'",
    ),
    "out_latest_runs": ViewUse(
        "one study",
        ("study_id",),
        "mapping_review_status belongs to every number that is shown.",
        "SELECT study_id, run_id, mapping_release_id, mapping_review_status FROM out_latest_runs",
    ),
    "out_mapping_diff": ViewUse(
        "one row of a release table that differs between two releases",
        ("old_release_id", "new_release_id", "map_table", "row_key"),
        "A changed decision changes no result until a study is run under the new release.",
        "SELECT change, map_table, count(*) AS rows FROM out_mapping_diff GROUP BY ALL ORDER BY ALL",
    ),
    "out_mapping_impact": ViewUse(
        "one subject, infusion (0 = all) and window whose result would differ",
        ("old_release_id", "new_release_id", *_SUBJECT, "infusion_number", "window_days"),
        "A preview: these are not the current results.",
        "SELECT study_id, count(DISTINCT subject_id) AS subjects FROM out_mapping_impact "
        "WHERE is_primary_window GROUP BY ALL",
    ),
    "out_mapping_releases": ViewUse(
        "one mapping release",
        ("release_id",),
        "A release without clinical sign-offs is not clinically reviewed, whatever its status.",
        "SELECT release_id, status, clinical_sign_offs, current_studies FROM out_mapping_releases",
    ),
    "out_run_history": ViewUse(
        "one published run",
        ("run_id",),
        "Only published runs; the data home may hold more (regrade diff compares any two).",
        "SELECT study_id, is_current, mapping_release_id, icans_point_any FROM out_run_history",
    ),
    "out_subject_changes": ViewUse(
        "one subject, comparator set and window",
        _WINDOW,
        "Subjects appear once per set and window: filter both, and is_counted, before counting.",
        "SELECT change_point, count(*) AS subjects FROM out_subject_changes WHERE is_counted "
        "AND comparator_set = 'broad' AND is_primary_window GROUP BY ALL",
    ),
    "out_subject_courses": ViewUse(
        "one subject, infusion and estimate",
        (*_SUBJECT, "infusion_number", "estimate"),
        "Filter estimate: low, point and high are three readings of one course, not three courses.",
        "SELECT study_id, median(onset_day) AS onset FROM out_subject_courses "
        "WHERE estimate = 'point' GROUP BY ALL",
    ),
    "out_subject_grades_by_release": ViewUse(
        "one run, subject, infusion (0 = all) and window",
        ("run_id", "subject_id", "infusion_number", "window_days"),
        "All published runs: filter is_current or one release before counting.",
        "SELECT mapping_release_id, count(*) FILTER (differs) AS differ FROM out_subject_grades_by_release "
        "WHERE is_primary_window AND infusion_number = 0 GROUP BY ALL",
    ),
    "out_time_to_event": ViewUse(
        "one subject, parameter and estimate",
        (*_SUBJECT, "parameter", "estimate"),
        "Filter parameter and estimate; censored follows ADTTE (0 = event).",
        "SELECT parameter, count(*) FILTER (is_event) AS events, count(*) AS subjects "
        "FROM out_time_to_event WHERE estimate = 'point' GROUP BY ALL",
    ),
    "out_unmapped_terms": ViewUse(
        "one normalised term and class of one study",
        ("study_id", "term_key", "body_system"),
        "Each unmapped term widens the interval of its subjects: it can only raise high.",
        "SELECT term_key, events, subjects FROM out_unmapped_terms LIMIT 10",
    ),
}
