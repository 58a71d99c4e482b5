"""The subject and infusion level: the union of parts, its drivers and its outcome (GRADING.md 5).

Parts are event rows as placed in a window, rejected rows of the subject, and the doubt that an
incomplete table leaves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.manifest import normalise_version
from tests.oracle.decisions import excluded_at_every_grade
from tests.oracle.interval import NOTHING, Interval, Union
from tests.oracle.release_index import Row
from tests.oracle.terms import resolve

if TYPE_CHECKING:
    from tests.oracle.study import Placed, Study

COUNTED = ("inside", "partly", "no_infusion_date")
EVERY_DOMAIN = frozenset({"cognition", "consciousness", "icp", "motor", "seizure"})
WITHHELD = frozenset({"the rows or records the study withholds"})


@dataclass(frozen=True)
class Part:
    interval: Interval
    domains: frozenset[str]
    reasons: frozenset[str]
    requires: frozenset[str] | None


def grade_subject(
    study: Study,
    subject: Row,
    events: list[Placed],
    assessed: list[Placed],
    unassessed: list[Placed],
) -> list[Row]:
    """One row per infusion and window, and infusion 0 for all of them together.

    A subject without any dated infusion has infusion 0 only, and is not evaluable; so is an undated
    infusion beside dated ones. `unassessed` are the events as they were if nothing had been assessed.
    """
    infusions = study.infusions_of(subject["subject_id"])
    dated = {0: bool(infusions)}
    dated |= {row["infusion_number"]: row["infusion_earliest"] is not None for row in infusions}
    doubts = _doubts(study, subject)
    rejected = [r for r in study.rows_of("core_rejected_rows", subject["subject_id"]) if is_event_row(r)]
    found = []
    for window in study.windows:
        for number, is_dated in dated.items():
            here = [placed_here(entries, window, number) for entries in (events, assessed, unassessed)]
            mine, moments, alone = (of_status(entries, *COUNTED) for entries in here)
            counted = {entry.row["event_id"] for entry in mine}
            late = {entry.row["event_id"] for entry in of_status(here[0], "late")} - counted
            of_rows = [doubt for doubt in doubts if "rejected_assessment" not in doubt.reasons]
            by_events = summarise(_parts(alone) + of_rows, is_dated)
            found.append(
                {
                    "study_id": subject["study_id"],
                    "subject_id": subject["subject_id"],
                    "infusion_number": number,
                    "window_days": window,
                    "is_primary_window": window == study.primary,
                    "is_infused": subject["is_infused"],
                    **summarise(_parts(mine) + _parts(moments) + doubts, is_dated),
                    "events": len(counted),
                    "assessments": len({(m.row["moment"], m.row["domain"]) for m in moments}),
                    **{f"events_alone_{name}": by_events[name] for name in ("low", "point", "high")},
                    "late_events": len(late),
                    "rejected_rows": len(rejected),
                }
            )
    return found


def placed_here(entries: list[Placed], window: int, number: int) -> list[Placed]:
    """Those of a window and infusion; infusion 0 takes all."""
    return [
        entry
        for entry in entries
        if entry.row["window_days"] == window and number in (0, entry.row["infusion_number"])
    ]


def of_status(entries: list[Placed], *statuses: str) -> list[Placed]:
    return [entry for entry in entries if entry.row["window_status"] in statuses]


def _parts(placed: list[Placed]) -> list[Part]:
    window_reason = {"partly": {"onset_partly_in_window"}, "no_infusion_date": {"no_infusion_date"}}
    parts = []
    for entry in placed:
        reasons = entry.reasons
        if not entry.is_silent:
            reasons |= window_reason.get(entry.row["window_status"], set())
        parts.append(Part(entry.interval, entry.domains, reasons, entry.requires))
    return parts


def _doubts(study: Study, subject: Row) -> list[Part]:
    """What could be there: a rejected row that may be an ICANS sign, a table that is not complete.

    A rejected assessment is no death report.
    """
    anything = Interval(0, None, 4 if subject["vital_status"] == "alive" else 5)
    doubts = []
    for row in study.rows_of("core_rejected_rows", subject["subject_id"]):
        if is_event_row(row):
            interval = NOTHING if is_harmless(study, row, subject["population"]) else anything
            domains = EVERY_DOMAIN if interval.high else frozenset[str]()
            doubts.append(Part(interval, domains, frozenset({"rejected_row"}), WITHHELD))
        elif row["table_name"] == "assessments" and row["rule_id"] != "CHK-DUPLICATE-ROW":
            unread = Interval(0, None, 4)
            doubts.append(Part(unread, EVERY_DOMAIN, frozenset({"rejected_assessment"}), WITHHELD))
    if not study.manifest.ae_table_complete:
        doubts.append(Part(anything, EVERY_DOMAIN, frozenset({"table_incomplete"}), WITHHELD))
    return doubts


def is_event_row(rejected: Row) -> bool:
    """A rejected event row that says more than a row in use."""
    return bool(rejected["table_name"] == "adverse_events" and rejected["rule_id"] != "CHK-DUPLICATE-ROW")


def is_harmless(study: Study, rejected: Row, population: str) -> bool:
    """The term can be read, and no grade of it could be an ICANS sign in this subject."""
    grading = study.manifest.grading
    version = normalise_version(grading.scale, grading.version) if grading.scale == "ctcae" else None
    found = resolve(rejected, version, grading.verbatim_terms, study.release)
    if found.concept_id is None:
        return not found.is_in_scope
    readings = {"adult": (False,), "child": (True,), "unknown": (False, True)}[population]
    return all(excluded_at_every_grade(found.concept_id, child, study.release) for child in readings)


def summarise(parts: list[Part], is_evaluable: bool) -> Row:
    """Union of the parts, who sets each of its three values, and the result in one word."""
    total = Union()
    for part in parts:
        total = total.add(part.interval)
    result = total.result()
    outcome = "ICANS" if result.low >= 1 else "NOT_ICANS" if result.high == 0 else "INDETERMINATE"
    drivers = {
        "low_domains": [p for p in parts if result.low and p.interval.low == result.low],
        "point_domains": [p for p in parts if result.point and p.interval.point == result.point],
        "high_domains": [p for p in parts if result.high and p.interval.high == result.high],
    }
    is_open = result.low < result.high
    open_parts = [p.requires for p in parts if is_open and p.interval.low < p.interval.high]
    known = [requires for requires in open_parts if requires is not None]
    # What would close an assessment is worded by the kernel alone.
    worded = {"requires": _joined(known)} if len(known) == len(open_parts) else {}
    return {
        **result.as_columns(),
        "outcome": outcome if is_evaluable else "NOT_EVALUABLE",
        **{name: _joined(p.domains for p in behind) for name, behind in drivers.items()},
        "review_reasons": _joined(part.reasons for part in parts),
        **worded,
    }


def _joined(parts: Iterable[frozenset[str]]) -> str | None:
    return "|".join(sorted(frozenset[str]().union(*parts))) or None
