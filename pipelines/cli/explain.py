"""`regrade explain`: one adverse event from the raw cell to its ICANS interval, and why.

What may live here: looking up what a sealed run says about one event, and printing it. What may not:
deciding anything again: every value and sentence comes from the run, the release in it, or the
vocabulary and rule tables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pipelines.cli.explain_causes import find_causes
from pipelines.cli.facts import (
    Facts,
    coded,
    current_run,
    interval,
    kernel_rule,
    no_such_subject,
    print_facts,
    rows_of,
    span,
    split,
)
from pipelines.cli.failures import OK
from pipelines.cli.output import print_json, release_line, visible
from schemas import vocabulary
from schemas.errors import RegradeError, quoted
from schemas.wording import counted
from warehouse.run_store import StoredRun

_PLAIN_EVENT: Final = re.compile(r"^(?:[0-9]{1,6}(?:[-.][0-9]{1,3})?|x[0-9a-f]{16})$")
_LISTED: Final = 20


def run_explain(home_option: str | None, study: str, subject: str, event: str, as_json: bool) -> int:
    """Print the event's way through the current run of its study."""
    run = current_run(home_option, study)
    facts = explain_event(run, subject, event)
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)
    return OK


def explain_event(run: StoredRun, subject: str, event: str) -> Facts:
    """What the run says about one event, section by section.

    Raises `RegradeError` when the run has no such subject or event; the message names no subject.
    """
    grade = _event_row(run, subject, event)
    record = _only(run, "core_adverse_events", subject_id=subject, event_id=event)
    study = run.table("core_studies").row(0, named=True)
    return {
        "result": {
            "study": run.study_id,
            "subject": subject,
            "event": event,
            "concept": grade["concept_id"],
            "source_grade": grade["source_grade"],
            "interval": interval(grade),
        },
        "source": _source(run, grade),
        "term": _term(run, grade, record),
        "grade": _grade(run, grade, record),
        "window": _window(run, grade, record),
        "attribution": {"investigator": record["relationship"], "policy": study["attribution_policy"]},
        "context": [kernel_rule(rule) for rule in split(grade["context_rules"])],
        "because_of": find_causes(run, grade, record),
        "interval": {
            "before_context": interval(grade, "release_"),
            "after_context": interval(grade),
            "disposition": coded(vocabulary.DISPOSITIONS, grade["disposition"]),
            "domains": split(grade["domains"]),
        },
        "review": {
            "reasons": [coded(vocabulary.REVIEW_REASONS, code) for code in split(grade["review_reasons"])],
            "would_close_it": split(grade["requires"]),
        },
        "subject": _subject(run, subject),
        "run": {
            "run_id": run.run_id,
            "folder": str(run.folder),
            "mapping_release": release_line(study["mapping_release_id"], study["mapping_review_status"]),
        },
    }


def _event_row(run: StoredRun, subject: str, event: str) -> Facts:
    grades = run.table("core_event_grades")
    of_subject = rows_of(grades, subject_id=subject)
    for row in of_subject:
        if row["event_id"] == event:
            return row
    rejected = len(rows_of(run.table("core_rejected_rows"), subject_id=subject, table_name="adverse_events"))
    more = f"; {rejected} of the subject's rows were rejected, see core_rejected_rows" if rejected else ""
    if of_subject:
        ids = sorted((row["event_id"] for row in of_subject), key=_natural)
        shown = ids[:_LISTED] if all(_PLAIN_EVENT.match(known) for known in ids) else []
        tail = " ..." if len(ids) > _LISTED else ""
        listed = f": {', '.join(shown)}{tail}" if shown else " (select event_id from core_event_grades)"
        raise RegradeError(
            f"the subject has no event {quoted(visible(event))}{more}",
            next_action=f"choose another; it has {counted(len(ids), 'event')}{listed}",
        )
    if rows_of(run.table("core_subjects"), subject_id=subject):
        raise RegradeError(
            f"no adverse event of this subject was graded{more}",
            next_action="ask for a subject of core_event_grades; regrade sql shows the rejected rows",
        )
    raise no_such_subject(run)


def _source(run: StoredRun, grade: Mapping[str, Any]) -> Facts:
    files = rows_of(run.table("raw_files"), path=grade["source_file"])
    cells: dict[str, Any] = {}
    for file in files:
        frame = run.table(f"raw_{file['number']}_{file['role']}")
        for row in rows_of(frame, __row=grade["source_row"]):
            cells = {name: value for name, value in row.items() if name != "__row"}
    problems = rows_of(
        run.table("core_parse_problems"), source_file=grade["source_file"], source_row=grade["source_row"]
    )
    return {
        "file": grade["source_file"],
        "row": grade["source_row"],
        "cells": {name: value for name, value in cells.items() if value is not None},
        "empty_cells": sorted(name for name, value in cells.items() if value is None),
        "unreadable_cells": [
            {"column": p["column_name"], "text": p["text"], "rule": p["rule_id"]} for p in problems
        ],
    }


def _term(run: StoredRun, grade: Mapping[str, Any], record: Mapping[str, Any]) -> Facts:
    key, concept = grade["term_key"], grade["concept_id"]
    matched = "code" if grade["match_method"] in ("llt_code", "pt_code") else "term_key"
    rows = rows_of(run.table("map_terms"), concept_id=concept, **{matched: key}) if concept else []
    rows = [row for row in rows if row["scale_version"] in (grade["scale_version"], "any")] or rows
    if matched == "term_key":  # a term is listed once more with each of its codes
        rows = [row for row in rows if not row["code"]] or rows
    label = (
        [row["label"] for row in rows_of(run.table("map_concepts"), concept_id=concept)] if concept else []
    )
    return {
        "verbatim": record["verbatim_term"],
        "preferred_term": record["preferred_term"],
        "lowest_level_term": record["lowest_level_term"],
        "codes": [code for code in (record["llt_code"], record["pt_code"]) if code],
        "class": record["body_system"],
        "normalised": key,
        "match_method": coded(vocabulary.MATCH_METHODS, grade["match_method"]),
        "concept": {"code": concept, "label": label[0] if label else None},
        "decided_by": grade["mapping_layer"],
        "term_rows": [
            {
                name: row[name]
                for name in (
                    *("term", "code", "scale_version", "relation", "justification", "source", "note"),
                    "layer",
                )
            }
            for row in rows
        ],
    }


def _grade(run: StoredRun, grade: Mapping[str, Any], record: Mapping[str, Any]) -> Facts:
    wanted = dict.fromkeys([*split(grade["source_rules"]), grade["rule_id"]])
    shown = (
        "rule_id", "source_text", "decision", "rationale", "source", "domains", "low", "point", "high",
        "disposition", "requires", "review_reason", "layer",
    )  # fmt: skip
    rows = [row for row in run.table("map_grades").iter_rows(named=True) if row["rule_id"] in wanted]
    return {
        "as_written": record["grade_text"],
        "read_as": grade["source_grade"],
        "status": coded(vocabulary.GRADE_STATUSES, grade["grade_status"]),
        "scale": coded(vocabulary.SCALES, grade["scale"]),
        "version": grade["scale_version"],
        "rule": kernel_rule(grade["rule_id"]),
        "grade_rows": [
            {name: split(row[name]) if name in ("domains", "requires") else row[name] for name in shown}
            for row in rows
        ],
    }


def _window(run: StoredRun, grade: Mapping[str, Any], record: Mapping[str, Any]) -> Facts:
    subject, event = grade["subject_id"], grade["event_id"]
    infusions = rows_of(run.table("core_infusions"), subject_id=subject)
    contributions = rows_of(run.table("core_event_windows"), subject_id=subject, event_id=event)
    return {
        "onset_as_written": record["start_text"],
        "onset": span(record["start_earliest"], record["start_latest"]),
        "end_as_written": record["end_text"],
        "infusion": grade["infusion_number"],
        "infusion_date": next(
            (row["infusion_text"] for row in infusions if row["infusion_number"] == grade["infusion_number"]),
            None,
        ),
        "onset_day": span(grade["onset_day_earliest"], grade["onset_day_latest"]),
        "status": coded(vocabulary.WINDOW_STATUSES, grade["window_status"]),
        "contributions": [
            {
                "infusion": row["infusion_number"],
                "window": f"day 0 to {row['window_days']}",
                "status": row["window_status"],
                "assessments": kernel_rule(row["evidence_rule"]) if row["evidence_rule"] else None,
                "interval": interval(row),
            }
            for row in contributions
        ],
    }


def _subject(run: StoredRun, subject: str) -> list[Facts]:
    rows = rows_of(run.table("core_subject_grades"), subject_id=subject, infusion_number=0)
    return [
        {
            "window": f"day 0 to {row['window_days']}",
            "outcome": coded(vocabulary.OUTCOMES, row["outcome"]),
            "interval": interval(row),
        }
        for row in rows
    ]


def _only(run: StoredRun, table: str, **values: object) -> Facts:
    return rows_of(run.table(table), **values)[0]


def _natural(event: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", event)]
