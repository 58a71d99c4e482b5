"""`regrade explain STUDY SUBJECT`: the story of one subject, from what was recorded to the outcome.

What may live here: looking up what a sealed run says about one subject, section by section. What may not:
the layout (`explain_chart`), and deciding anything again: every value and sentence comes from the run, the
release in it, or the vocabulary and rule tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipelines.cli.explain_causes import cause_roles
from pipelines.cli.explain_chart import print_story
from pipelines.cli.explain_days import chart_days, said_unread, unread_values
from pipelines.cli.facts import (
    Facts,
    coded,
    current_run,
    interval,
    no_such_subject,
    rows_of,
    said_items,
    span,
    split,
)
from pipelines.cli.failures import OK
from pipelines.cli.output import print_json, release_line
from pipelines.grading.rules import RULES
from schemas import vocabulary
from schemas.errors import RegradeError
from warehouse.run_store import StoredRun

Row = Mapping[str, Any]
_ENDS: Final = ("low", "point", "high")
_NEEDED: Final = (
    "core_assessment_grades",
    "core_subject_courses",
    "core_contradictions",
    "core_closing_facts",
)


def run_explain_subject(home_option: str | None, study: str, subject: str, as_json: bool) -> int:
    """Print the story of a subject as the current run of its study tells it."""
    facts = explain_subject(current_run(home_option, study), subject)
    if as_json:
        print_json(facts)
    else:
        print_story(facts)
    return OK


def explain_subject(run: StoredRun, subject: str) -> Facts:
    """What the run says about one subject.

    Sections: subject, results (one per window, headline first), infusions with their days and courses,
    events, assessments, rejected_rows, contradictions, would_close_it, run. Raises `RegradeError` when the
    run has no such subject, or was made before a version that keeps courses; no message names a subject.
    """
    known = rows_of(run.table("core_subjects"), subject_id=subject)
    if not known:
        raise no_such_subject(run)
    if any(name not in run.tables for name in _NEEDED):
        raise RegradeError(
            "the run was made by an earlier version, which kept no assessments and courses",
            next_action=f"run it again: regrade run {run.study_id}",
        )
    (study,) = rows_of(run.table("core_studies"))
    return {
        "subject": _subject(run, known[0]),
        "results": _results(run, subject),
        "infusions": [_infusion(run, row) for row in _of(run, "core_infusions", subject)],
        "events": _events(run, subject),
        "assessments": _assessments(run, subject),
        "rejected_rows": _rejected(run, subject),
        "contradictions": _contradictions(run, subject),
        "would_close_it": _closing(run, subject),
        "run": {
            "run_id": run.run_id,
            "folder": str(run.folder),
            "mapping_release": release_line(study["mapping_release_id"], study["mapping_review_status"]),
        },
    }


def _of(run: StoredRun, table: str, subject: str, **values: object) -> list[Facts]:
    return rows_of(run.table(table), subject_id=subject, **values)


def _subject(run: StoredRun, row: Row) -> Facts:
    return {
        "study": run.study_id,
        "subject": row["subject_id"],
        "population": coded(vocabulary.POPULATIONS, row["population"]),
        "age_years": row["age_years"],
        "developmental_delay": row["has_developmental_delay"],
        "arm": row["arm"],
        "is_infused": row["is_infused"],
        "vital_status": row["vital_status"],
        "died": span(_date(row["death_earliest"]), _date(row["death_latest"])),
    }


def _results(run: StoredRun, subject: str) -> list[Facts]:
    rows = _of(run, "core_subject_grades", subject, infusion_number=0)
    rows.sort(key=lambda row: (not row["is_primary_window"], row["window_days"]))
    sentences = _sentences(run)
    return [
        {
            "window_days": row["window_days"],
            "is_primary": row["is_primary_window"],
            "outcome": coded(vocabulary.OUTCOMES, row["outcome"]),
            "interval": interval(row),
            "events_alone": interval(row, "events_alone_"),
            "drivers": {
                end: {
                    "domains": split(row[f"{end}_domains"]),
                    "rules": [
                        {"code": rule_id, "meaning": sentences.get(rule_id)}
                        for rule_id in split(row[f"{end}_rules"])
                    ],
                }
                for end in _ENDS
            },
            "review": [coded(vocabulary.REVIEW_REASONS, code) for code in split(row["review_reasons"])],
            "events": row["events"],
            "assessments": row["assessments"],
            "late_events": row["late_events"],
            "rejected_rows": row["rejected_rows"],
        }
        for row in rows
    ]


def _sentences(run: StoredRun) -> dict[str, str]:
    """Rule id to what a person reads: kernel rules, and grade rows of the release with their decision."""
    labels = dict(run.table("map_concepts").select("concept_id", "label").iter_rows())
    sentences = {rule_id: sentence for rule_id, (sentence, _) in RULES.items()}
    for row in run.table("map_grades").iter_rows(named=True):
        version = "" if row["scale_version"] == "any" else f" {row['scale_version']}"
        label = labels.get(row["concept_id"], "any term")
        sentences[row["rule_id"]] = (
            f"{label}, {row['scale'].upper()}{version} grade {row['grade']}: {row['decision']}"
        )
    return sentences


def _infusion(run: StoredRun, row: Row) -> Facts:
    subject, number = row["subject_id"], row["infusion_number"]
    return {
        "infusion": number,
        "date": row["infusion_text"] or span(_date(row["infusion_earliest"]), _date(row["infusion_latest"])),
        "product": row["product"],
        "days": chart_days(run, row, cause_roles(run)),
        "courses": [
            {
                name: course[name]
                for name in (
                    "estimate", "onset_day", "onset_study_day", "peak_grade", "peak_day", "last_day",
                    "duration_days", "resolution_day", "episodes", "recurrences", "is_late_onset",
                    "is_unresolved", "first_day_grade_3", "crs_relation", "has_imputed_date",
                )
            }
            for course in _of(run, "core_subject_courses", subject, infusion_number=number)
        ],
    }  # fmt: skip


def _events(run: StoredRun, subject: str) -> list[Facts]:
    """Rows of a comparator set, rows that can be ICANS, other causes and cytokine release."""
    roles = cause_roles(run)
    records = {row["event_id"]: row for row in _of(run, "core_adverse_events", subject)}
    windows = _of(run, "core_event_windows", subject)
    primary = rows_of(run.table("core_studies"))[0]["primary_window_days"]
    found = []
    for row in _of(run, "core_event_grades", subject):
        role = roles.get(row["concept_id"])
        if not (row["release_high"] or row["is_broad"] or role):
            continue
        record = records[row["event_id"]]
        mine = [window for window in windows if window["event_id"] == row["event_id"]]
        found.append(
            {
                "event": row["event_id"],
                "place": f"{row['source_file']}:{row['source_row']}",
                "term": record["preferred_term"] or record["verbatim_term"],
                "grade": row["source_grade"],
                "days": span(row["onset_day_earliest"], row["onset_day_latest"]),
                "infusion": row["infusion_number"],
                "disposition": coded(vocabulary.DISPOSITIONS, row["disposition"]),
                "cause": coded(vocabulary.CAUSE_ROLES, role) if role else None,
                "domains": split(row["domains"]),
                "by_the_row_alone": interval(row, "release_"),
                "interval": interval(row),
                "context": [
                    _rule(code)
                    for code in split(row["context_rules"])
                    if code not in {window["evidence_rule"] for window in mine}
                ],
                "windows": [
                    {
                        "infusion": window["infusion_number"],
                        "window_days": window["window_days"],
                        "is_primary": window["window_days"] == primary,
                        "status": window["window_status"],
                        "assessments": _rule(window["evidence_rule"]) if window["evidence_rule"] else None,
                        "interval": interval(window),
                    }
                    for window in mine
                ],
            }
        )
    return found


def _assessments(run: StoredRun, subject: str) -> list[Facts]:
    rows = _of(run, "core_assessment_grades", subject)
    unread = unread_values(run, subject)
    rows.sort(key=lambda row: (row["assessed_earliest"] is None, row["assessed_earliest"], row["domain"]))
    return [
        {
            "moment": row["moment"],
            "infusion": row["infusion_number"],
            "days": span(row["day_earliest"], row["day_latest"]),
            "domain": row["domain"],
            "evidence": row["evidence"],
            "says": said_items(said_unread(row, unread)),
            "rule": _rule(row["rule_id"]),
            "measured": interval(row, "measured_"),
            "interval": interval(row),
            "covers_its_day": row["is_usable"],
            "window": coded(vocabulary.WINDOW_STATUSES, row["window_status"]),
            "context": [_rule(code) for code in split(row["context_rules"])],
            "review": [coded(vocabulary.REVIEW_REASONS, code) for code in split(row["review_reasons"])],
            "would_close_it": split(row["requires"]),
        }
        for row in rows
    ]


def _rejected(run: StoredRun, subject: str) -> list[Facts]:
    return [
        {
            "place": f"{row['source_file']}:{row['source_row']}",
            "rule": row["rule_id"],
            "reason": row["reason"],
            "next_action": row["next_action"],
        }
        for row in _of(run, "core_rejected_rows", subject)
    ]


def _contradictions(run: StoredRun, subject: str) -> list[Facts]:
    return [
        {
            "kind": coded(vocabulary.CONTRADICTION_KINDS, row["kind"]),
            "detail": row["detail"],
            "left": {"places": split(row["left_place"]), "says": row["left_value"]},
            "right": {"places": split(row["right_place"]), "says": row["right_value"]},
            "rule": _rule(row["rule_id"]),
            "decision": row["decision"],
        }
        for row in _of(run, "core_contradictions", subject)
    ]


def _closing(run: StoredRun, subject: str) -> list[Facts]:
    rows = _of(run, "core_closing_facts", subject)
    rows.sort(key=lambda row: (row["impact_rank"], row["threshold"], row["first_day"], row["fact"]))
    return [
        {
            "threshold": row["threshold"],
            "sentence": row["sentence"],
            "infusion": row["infusion_number"],
            "first_day": row["first_day"],
            "last_day": row["last_day"],
            "impact": coded(vocabulary.CLOSING_IMPACTS, row["impact"]),
            "domains": split(row["domains"]),
            "rules": split(row["rules"]),
            "rows": row["events"],
        }
        for row in rows
    ]


def _rule(rule_id: str) -> Facts:
    """A kernel rule with its sentence; null for a rule of the release or of the checks."""
    sentence, source = RULES.get(rule_id, (None, None))
    return {"code": rule_id, "meaning": sentence, "source": source}


def _date(instant: Any) -> object:
    return None if instant is None else instant.date()
