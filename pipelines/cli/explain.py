"""`regrade explain`: one adverse event from the raw cell to its ICANS interval, and why.

What may live here: looking up what a sealed run says about one event, and printing it. What may not:
deciding anything again: every value and sentence comes from the run, the release in it, or the
vocabulary and rule tables.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import polars as pl

from pipelines.cli.failures import OK, nearest
from pipelines.cli.output import EMPTY, print_json, release_line, visible
from pipelines.grading.rules import RULES
from pipelines.home import resolve_home
from schemas import vocabulary
from schemas.errors import RegradeError
from warehouse.run_store import RunStore, StoredRun

Facts = dict[str, Any]
_PLAIN_EVENT: Final = re.compile(r"^(?:[0-9]{1,6}(?:[-.][0-9]{1,3})?|x[0-9a-f]{16})$")
_LISTED: Final = 20


def run_explain(home_option: str | None, study: str, subject: str, event: str, as_json: bool) -> int:
    """Print the event's way through the current run of its study."""
    store = RunStore(resolve_home(home_option).runs)
    known = store.study_ids()
    run = store.current(study) if study in known else None
    if run is None:
        raise RegradeError(
            f"no run of this study{nearest(study, known)}",
            value=study[:80],
            next_action=f"run it with: regrade run {study}"
            if not known
            else "regrade status lists the studies that were run",
        )
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
            "interval": _interval(grade),
        },
        "source": _source(run, grade),
        "term": _term(run, grade, record),
        "grade": _grade(run, grade, record),
        "window": _window(run, grade, record),
        "attribution": {"investigator": record["relationship"], "policy": study["attribution_policy"]},
        "context": [_rule(rule) for rule in _split(grade["context_rules"])],
        "interval": {
            "before_context": _interval(grade, "release_"),
            "after_context": _interval(grade),
            "disposition": _coded(vocabulary.DISPOSITIONS, grade["disposition"]),
            "domains": _split(grade["domains"]),
        },
        "review": {
            "reasons": [_coded(vocabulary.REVIEW_REASONS, code) for code in _split(grade["review_reasons"])],
            "would_close_it": _split(grade["requires"]),
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
    of_subject = _rows(grades, subject_id=subject)
    for row in of_subject:
        if row["event_id"] == event:
            return row
    rejected = len(_rows(run.table("core_rejected_rows"), subject_id=subject, table_name="adverse_events"))
    more = f"; {rejected} of the subject's rows were rejected, see core_rejected_rows" if rejected else ""
    if of_subject:
        ids = sorted((row["event_id"] for row in of_subject), key=_natural)
        shown = ids[:_LISTED] if all(_PLAIN_EVENT.match(known) for known in ids) else []
        tail = " ..." if len(ids) > _LISTED else ""
        listed = f": {', '.join(shown)}{tail}" if shown else " (select event_id from core_event_grades)"
        raise RegradeError(
            f"the subject has no event {visible(event)[:80]!r}{more}",
            next_action=f"choose one of its {len(ids)} events{listed}",
        )
    if _rows(run.table("core_subjects"), subject_id=subject):
        raise RegradeError(
            f"no adverse event of this subject was graded{more}",
            next_action="ask for a subject of core_event_grades; regrade sql shows the rejected rows",
        )
    subjects = grades["subject_id"].n_unique()
    raise RegradeError(
        "the study has no such subject",
        next_action=f"write it as the data do; {subjects} subjects have events, list them with: regrade sql "
        f"\"select distinct subject_id from core_event_grades where study_id = '{run.study_id}'\"",
    )


def _source(run: StoredRun, grade: Mapping[str, Any]) -> Facts:
    files = _rows(run.table("raw_files"), path=grade["source_file"])
    cells: dict[str, Any] = {}
    for file in files:
        frame = run.table(f"raw_{file['number']}_{file['role']}")
        for row in _rows(frame, __row=grade["source_row"]):
            cells = {name: value for name, value in row.items() if name != "__row"}
    problems = _rows(
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
    rows = _rows(run.table("map_terms"), concept_id=concept, **{matched: key}) if concept else []
    rows = [row for row in rows if row["scale_version"] in (grade["scale_version"], "any")] or rows
    if matched == "term_key":  # a term is listed once more with each of its codes
        rows = [row for row in rows if not row["code"]] or rows
    label = [row["label"] for row in _rows(run.table("map_concepts"), concept_id=concept)] if concept else []
    return {
        "verbatim": record["verbatim_term"],
        "preferred_term": record["preferred_term"],
        "lowest_level_term": record["lowest_level_term"],
        "codes": [code for code in (record["llt_code"], record["pt_code"]) if code],
        "class": record["body_system"],
        "normalised": key,
        "match_method": _coded(vocabulary.MATCH_METHODS, grade["match_method"]),
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
    wanted = dict.fromkeys([*_split(grade["source_rules"]), grade["rule_id"]])
    shown = (
        "rule_id", "source_text", "decision", "rationale", "source", "domains", "low", "point", "high",
        "disposition", "requires", "review_reason", "layer",
    )  # fmt: skip
    rows = [row for row in run.table("map_grades").iter_rows(named=True) if row["rule_id"] in wanted]
    return {
        "as_written": record["grade_text"],
        "read_as": grade["source_grade"],
        "status": _coded(vocabulary.GRADE_STATUSES, grade["grade_status"]),
        "scale": _coded(vocabulary.SCALES, grade["scale"]),
        "version": grade["scale_version"],
        "rule": _rule(grade["rule_id"]),
        "grade_rows": [
            {name: _split(row[name]) if name in ("domains", "requires") else row[name] for name in shown}
            for row in rows
        ],
    }


def _window(run: StoredRun, grade: Mapping[str, Any], record: Mapping[str, Any]) -> Facts:
    subject, event = grade["subject_id"], grade["event_id"]
    infusions = _rows(run.table("core_infusions"), subject_id=subject)
    contributions = _rows(run.table("core_event_windows"), subject_id=subject, event_id=event)
    return {
        "onset_as_written": record["start_text"],
        "onset": _span(record["start_earliest"], record["start_latest"]),
        "end_as_written": record["end_text"],
        "infusion": grade["infusion_number"],
        "infusion_date": next(
            (row["infusion_text"] for row in infusions if row["infusion_number"] == grade["infusion_number"]),
            None,
        ),
        "onset_day": _span(grade["onset_day_earliest"], grade["onset_day_latest"]),
        "status": _coded(vocabulary.WINDOW_STATUSES, grade["window_status"]),
        "contributions": [
            {
                "infusion": row["infusion_number"],
                "window": f"day 0 to {row['window_days']}",
                "status": row["window_status"],
                "interval": _interval(row),
            }
            for row in contributions
        ],
    }


def _subject(run: StoredRun, subject: str) -> list[Facts]:
    rows = _rows(run.table("core_subject_grades"), subject_id=subject, infusion_number=0)
    return [
        {
            "window": f"day 0 to {row['window_days']}",
            "outcome": _coded(vocabulary.OUTCOMES, row["outcome"]),
            "interval": _interval(row),
        }
        for row in rows
    ]


def _rule(rule_id: str) -> Facts:
    """A kernel rule with its sentence; a grade row of the release is printed in full elsewhere."""
    sentence, source = RULES.get(rule_id, ("The grade row of the mapping release shown below.", None))
    return {"code": rule_id, "meaning": sentence, "source": source}


def _coded(words: Mapping[str, str], code: str | None) -> Facts:
    return {"code": code, "meaning": words.get(code) if code is not None else None}


def _interval(row: Mapping[str, Any], prefix: str = "") -> Facts:
    return {name: row[f"{prefix}{name}"] for name in ("low", "point", "high")}


def _span(first: object, last: object) -> str | None:
    if first is None and last is None:
        return None
    return (
        str(first)
        if first == last
        else f"{'?' if first is None else first} .. {'?' if last is None else last}"
    )


def _split(text: str | None) -> list[str]:
    return text.split("|") if text else []


def _rows(frame: pl.DataFrame, **values: object) -> list[Facts]:
    return list(frame.filter([pl.col(name) == value for name, value in values.items()]).iter_rows(named=True))


def _only(run: StoredRun, table: str, **values: object) -> Facts:
    return _rows(run.table(table), **values)[0]


def _natural(event: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", event)]


def print_facts(facts: Mapping[str, Any]) -> None:
    """Sections with indented lines; wrapped to the width of a terminal, whole when piped."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for number, (title, section) in enumerate(facts.items()):
        if number:
            print()
        print(title.upper())
        for line in _lines(section, 1):
            if not width:
                print(line)
                continue
            indent = " " * (len(line) - len(line.lstrip()) + 4)
            for part in textwrap.wrap(
                line, max(width, 40), subsequent_indent=indent, drop_whitespace=True
            ) or [""]:
                print(part)


def _lines(value: object, depth: int) -> Iterable[str]:
    pad = "  " * depth
    if isinstance(value, Mapping):
        for name, item in value.items():
            inline = _inline(item)
            if inline is not None:
                yield f"{pad}{visible(name)}: {inline}"
            else:
                yield f"{pad}{visible(name)}:"
                yield from _lines(item, depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            yield f"{pad}none"
        for item in value:
            inline = _inline(item)
            if inline is not None:
                yield f"{pad}- {inline}"
            else:
                first, *rest = _lines(item, depth + 1)
                yield f"{pad}- {first.lstrip()}"
                yield from rest
    else:
        yield f"{pad}{visible(value)}"


def _inline(value: object) -> str | None:
    """One-line form of a value; None when it needs lines of its own."""
    if isinstance(value, Mapping):
        names = list(value)
        if names == ["low", "point", "high"]:
            return " / ".join(visible(value[name]) for name in names) + "  (low / point / high)"
        if names[:2] == ["code", "meaning"] and len(names) <= 3:
            said = [visible(part) for part in list(value.values())[1:] if part is not None]
            return "  ".join([visible(value["code"]), *(f"({part})" for part in said)])
        return None
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            return "none"
        if (
            all(not isinstance(item, Mapping) for item in value)
            and sum(len(str(item)) for item in value) < 100
        ):
            return ", ".join(visible(item) for item in value)
        return None
    return EMPTY if value is None else visible(value)
