"""What the rest of the record does to a row: death, attribution, other causes, an old condition, sedation.

GRADING.md 3.5 and 4.5. Each rule takes the interval as the rule before left it. None of them touches a
row that contributes nothing anyway (excluded, out of scope, grade 0). The window comes last and lives in
`placing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from mappings.term_key import term_key
from schemas.manifest import Context
from tests.oracle.decisions import Decision
from tests.oracle.interval import NOTHING, Interval
from tests.oracle.placing import onset_of
from tests.oracle.release_index import ReleaseIndex, Row

SILENT = ("excluded", "out_of_scope", "no_event")
OTHER_CAUSES = ("haemorrhage", "stroke", "cns_infection", "cns_progression")
SLACK = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """Days from first to last; an unknown bound is open."""

    first: date | None
    last: date | None

    @classmethod
    def between(cls, earliest: datetime | None, latest: datetime | None) -> Span:
        return cls(_day(earliest), _day(latest))

    @classmethod
    def possible(cls, row: Row) -> Span:
        """Days the row can cover; an end that contradicts the onset bounds nothing."""
        onset, end = onset_of(row), row["end_latest"]
        if end is not None and onset.earliest is not None and end.date() < onset.earliest.date():
            end = None
        return cls.between(onset.earliest, end)

    def meets(self, other: Span, slack: timedelta = timedelta(0)) -> bool:
        begins_in_time = self.first is None or other.last is None or self.first <= other.last + slack
        ends_in_time = self.last is None or other.first is None or other.first - slack <= self.last
        return begins_in_time and ends_in_time


@dataclass(frozen=True)
class Cause:
    """A rule about another cause that applies; one of pressure only touches rows of icp alone."""

    rule: str
    reason: str
    is_of_pressure: bool = False


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


def causes_at(
    span: Span, others: Iterable[tuple[Row, str | None]], switches: Context, release: ReleaseIndex
) -> list[Cause]:
    """Other causes within one day of the span, in the order of their rules (4.5).

    `others` are rows of the subject with their concept.
    """
    near = [
        (row, concept)
        for row, concept in others
        if row["grade"] != 0
        and span.meets(Span.between(row["start_earliest"], row["end_latest"]), slack=SLACK)
    ]
    kinds = {kind_of_cause(row, concept, switches, release) for row, concept in near}
    found = []
    if kinds & set(OTHER_CAUSES):
        found.append(Cause("K-OTHER-CAUSE", "other_cause_overlap"))
    if "haemorrhage" in kinds:
        found.append(Cause("K-HAEMORRHAGE-OEDEMA", "haemorrhage_overlap", is_of_pressure=True))
    if "pres" in kinds:
        found.append(Cause("K-PRES", "pres_overlap"))
    if "named" in kinds:
        found.append(Cause("K-NAMED-CAUSE", "named_cause_overlap"))
    return found


def kind_of_cause(row: Row, concept: str | None, switches: Context, release: ReleaseIndex) -> str | None:
    """What a row is another cause as: by its role in the release, as PRES, or because it is named."""
    role = release.cause_role(concept)
    if role in OTHER_CAUSES and getattr(switches, role):
        return role
    if concept == "pres" and switches.pres:
        return "pres"
    named = {term_key(name) for name in switches.named_causes}
    return "named" if row["preferred_term"] and term_key(row["preferred_term"]) in named - {""} else None


def apply_causes(decision: Decision, causes: Iterable[Cause]) -> Decision:
    """Another cause on the same days: low 0; a pressure sign over a bleed: point 0."""
    for cause in causes:
        if not cause.is_of_pressure:
            decision = _set(decision, decision.interval.with_low_zero(), cause.reason, cause.rule)
        elif decision.domains == {"icp"}:
            decision = _set(decision, replace(decision.interval, point=0), cause.reason, cause.rule)
    return decision


def apply_medical_history(decision: Decision, is_old: bool) -> Decision:
    """The subject already had the condition before the infusion."""
    if not is_old:
        return decision
    return _set(decision, decision.interval.with_low_zero(), "medical_history", "K-MEDICAL-HISTORY")


def apply_baseline(decision: Decision, deficits: set[str]) -> Decision:
    """Every domain of the row already had a deficit before the infusion."""
    if not decision.domains or not decision.domains <= deficits:
        return decision
    return _set(decision, decision.interval.with_low_zero(), "baseline_deficit", "K-BASELINE-DEFICIT")


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
