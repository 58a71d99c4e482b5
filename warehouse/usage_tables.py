"""How each table is to be used: what to beware of, and a question that it answers.

What may live here: for each table a warning and an example query, as `warehouse.usage` has them for views.
What may not: descriptions (they stand in `schemas/`).
"""

from __future__ import annotations

from typing import Final

from warehouse.usage import NOW, TableUse

TABLES: Final[dict[str, TableUse]] = {
    "core_runs": TableUse(
        "Join it wherever a table has run_id: is_current picks one run per study.",
        "SELECT study_id, run_id, mapping_release_id FROM core_runs WHERE is_current",
    ),
    "core_adverse_events": TableUse(
        "Rows as checked, before grading; rejected rows are in core_rejected_rows.",
        f"SELECT scale, scale_version, count(*) AS events FROM core_adverse_events {NOW} GROUP BY ALL",
    ),
    "core_subjects": TableUse(
        "Includes subjects known from other tables only; is_infused tells who rates are of.",
        f"SELECT study_id, count(*) FILTER (is_infused) AS infused FROM core_subjects {NOW} GROUP BY ALL",
    ),
    "core_infusions": TableUse(
        "Dates are ranges; only where earliest equals latest is the day known.",
        f"SELECT study_id, infusion_number, count(*) AS infusions FROM core_infusions {NOW} GROUP BY ALL",
    ),
    "core_sedation": TableUse(
        "A sedated moment is no evidence about cognition or consciousness.",
        f"SELECT study_id, count(DISTINCT subject_id) AS subjects FROM core_sedation {NOW} GROUP BY ALL",
    ),
    "core_assessments": TableUse(
        "One row per item, not per assessment: count moments in core_assessment_grades.",
        f"SELECT item, count(*) AS rows FROM core_assessments {NOW} GROUP BY ALL ORDER BY rows DESC",
    ),
    "core_crs": TableUse(
        "Cytokine release changes no ICANS grade; it explains the course.",
        f"SELECT count(DISTINCT subject_id) AS subjects FROM core_crs {NOW}",
    ),
    "core_medical_history": TableUse(
        "History lowers only low, and never removes a row.",
        f"SELECT count(DISTINCT subject_id) AS subjects FROM core_medical_history {NOW}",
    ),
    "core_parse_problems": TableUse(
        "Quotes source cells: treat it as source data.",
        f"SELECT column_name, count(*) AS cells FROM core_parse_problems {NOW} GROUP BY ALL",
    ),
    "core_rejected_rows": TableUse(
        "A rejected event can only raise high of its subject, where the subject is known.",
        f"SELECT rule_id, count(*) AS rows FROM core_rejected_rows {NOW} GROUP BY ALL ORDER BY rows DESC",
    ),
    "core_findings": TableUse(
        "Passes and not-applicables are rows too: filter status.",
        f"SELECT status, count(*) AS checks FROM core_findings {NOW} GROUP BY ALL",
    ),
    "core_studies": TableUse(
        "subjects counts all, subjects_infused those rates are of.",
        f"SELECT study_id, subjects_infused, primary_window_days FROM core_studies {NOW}",
    ),
    "core_event_grades": TableUse(
        "Events of any date; core_event_windows says which count in which window.",
        f"SELECT low, point, high, count(*) AS events FROM core_event_grades {NOW} GROUP BY ALL ORDER BY ALL",
    ),
    "core_event_windows": TableUse(
        "An event is in several windows and, after a second infusion, near several infusions.",
        f"SELECT window_days, window_status, count(*) AS events FROM core_event_windows {NOW} GROUP BY ALL",
    ),
    "core_assessment_grades": TableUse(
        "Null point: the moment was assessed and settles nothing.",
        f"SELECT domain, count(*) AS moments FROM core_assessment_grades {NOW} GROUP BY ALL",
    ),
    "core_assessment_windows": TableUse(
        "A moment is in several windows: filter window_days.",
        f"SELECT window_days, count(*) AS moments FROM core_assessment_windows {NOW} GROUP BY ALL",
    ),
    "core_subject_grades": TableUse(
        "Filter infusion_number = 0 (all infusions) and is_primary_window for one row per subject.",
        f"SELECT outcome, count(*) AS subjects FROM core_subject_grades {NOW} "
        "AND infusion_number = 0 AND is_primary_window GROUP BY ALL",
    ),
    "core_subject_days": TableUse(
        "No row: nothing on that day allows ICANS and nothing was assessed.",
        f"SELECT day, count(*) AS subjects FROM core_subject_days {NOW} AND high > 0 GROUP BY ALL",
    ),
    "core_episodes": TableUse(
        "Episodes join days on which ICANS is possible; duration_days counts both ends.",
        f"SELECT crs_relation, count(*) AS episodes FROM core_episodes {NOW} GROUP BY ALL",
    ),
    "core_event_dates": TableUse(
        "Imputed dates are for descriptions only; no interval rests on them.",
        f"SELECT study_id, count(*) AS events FROM core_event_dates {NOW} GROUP BY ALL",
    ),
    "core_subject_courses": TableUse(
        "Filter estimate: low, point and high are three readings of one course.",
        f"SELECT estimate, median(duration_days) AS days FROM core_subject_courses {NOW} GROUP BY ALL",
    ),
    "core_time_to_event": TableUse(
        "Filter parameter and estimate before any Kaplan-Meier estimate.",
        f"SELECT parameter, estimate, count(*) AS subjects FROM core_time_to_event {NOW} GROUP BY ALL",
    ),
    "core_course_summary": TableUse(
        "Medians with and without imputed dates are separate rows: filter imputed_dates.",
        f"SELECT measure, estimate, median FROM core_course_summary {NOW} AND imputed_dates = 'included'",
    ),
    "core_contradictions": TableUse(
        "Nothing is averaged: decision says which statement was kept, or that both stay possible.",
        f"SELECT kind, count(*) AS found FROM core_contradictions {NOW} GROUP BY ALL",
    ),
    "core_closing_facts": TableUse(
        "All facts of a subject and threshold together settle it.",
        f"SELECT fact, count(DISTINCT subject_id) AS subjects FROM core_closing_facts {NOW} GROUP BY ALL",
    ),
    "core_unmapped_terms": TableUse(
        "Terms in scope only; a term of another body system is not listed.",
        f"SELECT term_key, events FROM core_unmapped_terms {NOW} ORDER BY events DESC",
    ),
    "core_incidence": TableUse(
        "subjects_unknown are in the denominator and not in subjects.",
        f"SELECT study_id, estimate, subjects, denominator FROM core_incidence {NOW} AND threshold = 1",
    ),
    "diff_scale_events": TableUse(
        "Change is per event; a subject's change is in diff_scale_subjects and is not their sum.",
        f"SELECT change_point, count(*) AS events FROM diff_scale_events {NOW} GROUP BY ALL",
    ),
    "diff_scale_subjects": TableUse(
        "A subject has a row per comparator set and window: filter both before counting.",
        f"SELECT change_point, count(*) AS subjects FROM diff_scale_subjects {NOW} "
        "AND comparator_set = 'broad' AND is_primary_window GROUP BY ALL",
    ),
    "diff_scale_thresholds": TableUse(
        "Rows of one threshold add up over crossing; thresholds do not add up.",
        f"SELECT threshold, crossing, sum(subjects) AS subjects FROM diff_scale_thresholds {NOW} "
        "AND comparator_set = 'broad' AND estimate = 'point' GROUP BY ALL ORDER BY ALL",
    ),
    "map_releases": TableUse(
        "Releases are never changed once published: a correction is a newer release.",
        "SELECT release_id, status, clinical_sign_offs FROM map_releases",
    ),
    "map_concepts": TableUse(
        "Filter release_id: every published release is in here.",
        "SELECT release_id, count(*) AS concepts FROM map_concepts GROUP BY ALL",
    ),
    "map_terms": TableUse(
        "Filter release_id; scale_version 'any' holds for each version without a row of its own.",
        "SELECT release_id, count(*) AS terms FROM map_terms GROUP BY ALL",
    ),
    "map_grades": TableUse(
        "Filter release_id; the source text beside each decision is NCI's.",
        "SELECT scale_version, grade, low, point, high FROM map_grades WHERE concept_id = 'encephalopathy'",
    ),
    "map_conventions": TableUse(
        "A convention acts only in studies whose manifest names it.",
        "SELECT DISTINCT convention_id FROM map_conventions",
    ),
    "map_classes": TableUse(
        "Class names are as spelled in sources, normalised.",
        "SELECT release_id, count(*) AS classes FROM map_classes GROUP BY ALL",
    ),
    "map_vocabulary": TableUse(
        "What CTCAE lists, not what was decided about it.",
        "SELECT scale_version, count(*) AS terms FROM map_vocabulary GROUP BY ALL",
    ),
    "diff_mapping_rows": TableUse(
        "Compares releases, not results: diff_mapping_studies says what a release does to a study.",
        "SELECT old_release_id, new_release_id, count(*) AS rows FROM diff_mapping_rows GROUP BY ALL",
    ),
    "diff_mapping_studies": TableUse(
        "A preview of the newest release on the current run; nothing was changed by it.",
        "SELECT study_id, new_release_id, subjects, subjects_affected FROM diff_mapping_studies",
    ),
    "diff_mapping_impact": TableUse(
        "Filter infusion_number = 0 and is_primary_window for one row per subject.",
        "SELECT study_id, count(*) AS subjects FROM diff_mapping_impact "
        "WHERE infusion_number = 0 AND is_primary_window GROUP BY ALL",
    ),
}
