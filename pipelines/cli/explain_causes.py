"""Which other rows of the record stand behind a context rule of one adverse event.

What may live here: finding the rows that the kernel's rule speaks about, so that a person can look at them.
What may not: deciding whether the rule applies: the run says that. Where more than one row fits, all are
named, because the rule needs only one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from mappings.term_key import term_key
from pipelines.cli.facts import Facts, rows_of, said_items, span, split
from pipelines.grading import rules
from warehouse.run_store import StoredRun

Row = Mapping[str, Any]
_CAUSES: Final = ("haemorrhage", "stroke", "cns_infection", "cns_progression")
_SLACK: Final = timedelta(days=1)
_TERMS: Final = ("preferred_term", "lowest_level_term", "verbatim_term")
_CODES: Final = ("llt_code", "pt_code")


def find_causes(run: StoredRun, grade: Row, record: Row) -> list[Facts]:
    """Rows behind the context rules of an event: the rule, where the row is and what it says.

    `grade` is the row of core_event_grades, `record` that of core_adverse_events. Empty where no rule of
    another cause applied.
    """
    applied = split(grade["context_rules"])
    finders: dict[str, Callable[[], list[Facts]]] = {
        rules.OTHER_CAUSE: lambda: _events(run, record, lambda row: row["cause_role"] in _allowed(run)),
        rules.HAEMORRHAGE_OEDEMA: lambda: _events(
            run, record, lambda row: row["cause_role"] == "haemorrhage"
        ),
        rules.PRES: lambda: _events(run, record, lambda row: row["concept_id"] == "pres"),
        rules.NAMED_CAUSE: lambda: _events(run, record, lambda row: _key(row) in _named(run)),
        rules.SEDATION: lambda: _sedation(run, record),
        rules.MEDICAL_HISTORY: lambda: _history(run, grade),
        rules.BASELINE_DEFICIT: lambda: _baseline(run, grade),
    }
    return [
        {"rule": rule_id, **found}
        for rule_id in applied
        if rule_id in finders
        for found in finders[rule_id]()
    ]


def cause_roles(run: StoredRun) -> dict[str, str]:
    """Concept to its role as another cause or as cytokine release, of the release in the run."""
    concepts = run.table("map_concepts").select("concept_id", "cause_role").drop_nulls()
    return {str(concept): str(role) for concept, role in concepts.iter_rows()}


def _allowed(run: StoredRun) -> list[str]:
    context = _context(run)
    return [cause for cause in _CAUSES if context.get(cause, True)]


def _named(run: StoredRun) -> list[str | None]:
    return [term_key(term) for term in _context(run).get("named_causes", ())]


def _context(run: StoredRun) -> Facts:
    """The context switches of the manifest the run was made with."""
    context: Facts = run.identity["manifest"].get("context", {})
    return context


def _key(row: Row) -> str | None:
    return term_key(row["preferred_term"]) if row["preferred_term"] else None


def _events(run: StoredRun, record: Row, is_cause: Callable[[Row], bool]) -> list[Facts]:
    """Other events of the subject that are a cause and can overlap, one day of slack on both sides."""
    roles = cause_roles(run)
    subject = record["subject_id"]
    concepts = {row["event_id"]: row for row in rows_of(run.table("core_event_grades"), subject_id=subject)}
    found = []
    for other in rows_of(run.table("core_adverse_events"), subject_id=subject):
        graded = concepts[other["event_id"]]
        named = other | {"concept_id": graded["concept_id"], "cause_role": roles.get(graded["concept_id"])}
        is_other = other["event_id"] != record["event_id"] and graded["disposition"] != "no_event"
        if is_other and is_cause(named) and _overlap(record, other):
            found.append(
                {
                    "place": f"{other['source_file']}:{other['source_row']}",
                    "event": other["event_id"],
                    "says": f"{other['preferred_term'] or other['verbatim_term'] or 'no term'}, "
                    f"grade {'not recorded' if other['grade'] is None else other['grade']}, "
                    f"{_days(other)}",
                }
            )
    return found


def _overlap(left: Row, right: Row) -> bool:
    return _starts_by_end(left, right) and _starts_by_end(right, left)


def _starts_by_end(one: Row, other: Row) -> bool:
    start, end = one["start_earliest"], other["end_latest"]
    return start is None or end is None or start.date() <= end.date() + _SLACK


def _days(row: Row, first: str = "start_earliest", last: str = "end_latest") -> str:
    dates = [None if row[name] is None else row[name].date() for name in (first, last)]
    return span(*dates) or "days not recorded"


def _sedation(run: StoredRun, record: Row) -> list[Facts]:
    return [
        {"place": f"{row['source_file']}:{row['source_row']}", "says": f"sedated {_days(row)}"}
        for row in rows_of(run.table("core_sedation"), subject_id=record["subject_id"])
        if _overlap(record, row)
    ]


def _history(run: StoredRun, grade: Row) -> list[Facts]:
    """Conditions whose term or code the release reads as the event's concept."""
    known = rows_of(run.table("map_terms"), concept_id=grade["concept_id"])
    keys, codes = {row["term_key"] for row in known}, {row["code"] for row in known if row["code"]}
    return [
        {
            "place": f"{row['source_file']}:{row['source_row']}",
            "says": f"medical history: {row['preferred_term'] or row['verbatim_term']}",
        }
        for row in rows_of(run.table("core_medical_history"), subject_id=grade["subject_id"])
        if any(row[name] and term_key(row[name]) in keys for name in _TERMS)
        or any(row[name] in codes for name in _CODES)
    ]


def _baseline(run: StoredRun, grade: Row) -> list[Facts]:
    """The last moment before the first infusion of each domain of the event."""
    domains = [*split(grade["domains"]), "all"]
    before: dict[str, Row] = {}
    for row in rows_of(run.table("core_assessment_grades"), subject_id=grade["subject_id"]):
        is_before = row["window_status"] == "before_infusion" and row["is_usable"]
        if is_before and row["domain"] in domains:
            last = before.get(row["domain"])
            if last is None or last["assessed_latest"] < row["assessed_latest"]:
                before[row["domain"]] = row
    return [
        {
            "place": f"assessment of {row['moment']}",
            "says": f"before the infusion: {said_items(row['evidence'])} ({domain} {row['measured_low']})",
        }
        for domain, row in sorted(before.items())
    ]
