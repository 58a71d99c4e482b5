"""What the rest of the record does to a row: death, attribution, other causes, sedation (GRADING.md 3.5).

Each rule takes the interval as the rule before left it. None of them touches a row that contributes
nothing anyway (excluded, out of scope, grade 0). The window comes last and lives in `placing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

from tests.oracle.decisions import Decision
from tests.oracle.interval import NOTHING, Interval
from tests.oracle.release_index import Row

SILENT = ("excluded", "out_of_scope", "no_event")
OTHER_CAUSES = ("haemorrhage", "stroke", "cns_infection", "cns_progression")
SLACK = timedelta(days=1)


def apply_death(row: Row, decision: Decision, is_alive: bool) -> Decision:
    """A fatal outcome opens 5; grade 5 of somebody alive is a contradiction."""
    interval = decision.interval
    if row["grade"] == 5 and is_alive:
        return _set(decision, Interval(0, None, 4), "death_contradiction", "K-DEATH-CONTRADICTION")
    if row["is_fatal"] and row["grade"] != 5:
        return _set(decision, replace(interval, high=5), "fatal_outcome", "K-FATAL-OUTCOME")
    return decision


def apply_attribution(row: Row, decision: Decision, policy: str) -> Decision:
    """The investigator's causality: not related opens the bottom and names 0, unlikely opens the bottom."""
    if policy == "ignore":
        return decision
    if row["relationship"] == "not_related":
        if policy == "exclude":
            return _set(decision, NOTHING, "attribution_not_related", "K-NOT-RELATED-EXCLUDED")
        kept = Interval(0, 0, decision.interval.high)
        return _set(decision, kept, "attribution_not_related", "K-NOT-RELATED")
    if row["relationship"] == "unlikely":
        return _set(decision, decision.interval.with_low_zero(), "attribution_unlikely", "K-UNLIKELY")
    return decision


def apply_other_causes(row: Row, decision: Decision, others: Iterable[tuple[Row, str | None]]) -> Decision:
    """Another cause on the same days, one day of slack: low 0; a pressure sign over a bleed: point 0.

    `others` are the other rows of the subject with the cause role of their concept.
    """
    roles = {
        role
        for other, role in others
        if role in OTHER_CAUSES and other["grade"] != 0 and _spans_touch(row, other)
    }
    if roles:
        decision = _set(decision, decision.interval.with_low_zero(), "other_cause_overlap", "K-OTHER-CAUSE")
    if "haemorrhage" in roles and decision.domains == {"icp"}:
        over_bleed = replace(decision.interval, point=0)
        decision = _set(decision, over_bleed, "haemorrhage_overlap", "K-HAEMORRHAGE-OEDEMA")
    return decision


def _spans_touch(row: Row, cause: Row) -> bool:
    """A day of the row can be within one day of a day of the cause; an unknown bound is open."""
    first, last = _day(row["start_earliest"]), _day(row["end_latest"])
    cause_first, cause_last = _day(cause["start_earliest"]), _day(cause["end_latest"])
    begins_in_time = first is None or cause_last is None or first <= cause_last + SLACK
    ends_in_time = last is None or cause_first is None or cause_first - SLACK <= last
    return begins_in_time and ends_in_time


def apply_sedation(row: Row, decision: Decision, sedation: Iterable[Row]) -> Decision:
    """Sedated on every day of a cognition or consciousness row: nobody could judge it."""
    if not decision.domains or not decision.domains <= {"cognition", "consciousness"}:
        return decision
    start, end = certain_day(row, "start"), certain_day(row, "end")
    if start is None or end is None or end < start:
        return decision
    sedated = {
        day
        for period in sedation
        if period["start_latest"] is not None and period["end_earliest"] is not None
        for day in days(period["start_latest"].date(), period["end_earliest"].date())
    }
    if sedated.issuperset(days(start, end)):
        return _set(decision, Interval(0, None, decision.interval.high), "sedation_overlap", "K-SEDATION")
    return decision


def certain_day(row: Row, edge: str) -> date | None:
    earliest, latest = _day(row[f"{edge}_earliest"]), _day(row[f"{edge}_latest"])
    return earliest if earliest == latest else None


def days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)


def _day(instant: datetime | None) -> date | None:
    return None if instant is None else instant.date()


def _set(decision: Decision, interval: Interval, reason: str, rule: str) -> Decision:
    return replace(
        decision,
        interval=interval,
        reasons=decision.reasons | {reason},
        context=(*decision.context, rule),
    )
