"""What assessed moments do to the rows of their days, in one window of one infusion (GRADING.md 4.4).

The result is the interval that stands in place of the release's, before the context of the row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tests.oracle.decisions import Decision
from tests.oracle.interval import Interval, Union, hull, union
from tests.oracle.items import possible_total, reads_cartox
from tests.oracle.moments import Assessed, Baseline, Moment
from tests.oracle.placing import onset_of
from tests.oracle.release_index import Row
from tests.oracle.reports import Report, certain_days, days_between, in_context

if TYPE_CHECKING:
    from tests.oracle.study import History, Study

REPORTED_SIGNS = frozenset({"seizure", "motor", "icp"})
CAP = Interval(0, None, 2)


@dataclass(frozen=True)
class Bearing:
    """How assessments bear on a row; no rule, no change."""

    rule: str | None
    interval: Interval
    reasons: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Evidence:
    """Usable moments of a subject, and the moments that cap consciousness."""

    usable: list[Assessed]
    caps: list[Moment]
    baseline: Baseline

    @classmethod
    def of(
        cls,
        moments: Iterable[Moment],
        assessed: Iterable[Assessed],
        population: str,
        baseline: Baseline,
    ) -> Evidence:
        listed = list(assessed)
        spoken = {
            found.moment.day
            for found in listed
            if found.domain == "consciousness" or (found.domain == "all" and found.is_usable)
        }
        caps = [
            moment
            for moment in moments
            if population == "adult"
            and not moment.is_sedated
            and moment.day is not None
            and moment.day not in spoken
            and is_scored(moment)
        ]
        return cls([found for found in listed if found.is_usable], caps, baseline)

    def on(self, day: date, domain: str, infusion: Row) -> Interval | None:
        """The maximum of a domain on a day; None where nothing usable measures it."""
        found = [
            self.baseline.limit(assessed.domain, assessed.measured)
            for assessed in self.usable
            if assessed.moment.day == day
            and domain in assessed.domains
            and not is_before(assessed.moment, infusion)
        ]
        return union(found) if found else None

    def is_capped(self, day: date, infusion: Row) -> bool:
        return any(moment.day == day and not is_before(moment, infusion) for moment in self.caps)

    def coverage(self, day: date, domains: frozenset[str], infusion: Row) -> str:
        """'measured' in each domain, 'capped' where consciousness is only capped, else 'open'."""
        open_domains = {domain for domain in domains if self.on(day, domain, infusion) is None}
        if not open_domains:
            return "measured"
        return "capped" if open_domains == {"consciousness"} and self.is_capped(day, infusion) else "open"


def is_scored(moment: Moment) -> bool:
    """An ICE or a CARTOX-10 of at least 1, whichever is read: the patient was awake enough to take it."""
    total = possible_total(moment.items, "cartox_total" if reads_cartox(moment.items) else "ice_total")
    return total is not None and total[0] >= 1


def is_before(moment: Moment, infusion: Row) -> bool:
    first = infusion["infusion_earliest"]
    return moment.latest is not None and first is not None and bool(moment.latest < first)


def decide(study: Study, history: History, report: Report, bearing: Bearing) -> Decision:
    """The row in context, as its assessed days left it."""
    interval = bearing.interval if bearing.rule else None
    return in_context(study, history.subject, report, history.reports, history.baseline, interval)


def can_be_changed(report: Report) -> bool:
    return not (
        report.is_silent
        or report.release.disposition == "unmapped"
        or report.release.interval.high == 5
        or not report.domains
    )


def bear(report: Report, infusion: Row | None, window: int, evidence: Evidence) -> Bearing:
    """The row in a window, as its assessed days leave it."""
    row = report.release.interval
    if infusion is None or infusion["infusion_earliest"] is None or not can_be_changed(report):
        return Bearing(None, row)
    days = span_in_window(report.row, infusion, window)
    coverage = {evidence.coverage(day, report.domains, infusion) for day in days}
    if not days or "open" in coverage:
        return raised(report, infusion, window, evidence)
    together = maximum(report, days, infusion, evidence)
    if report.domains <= REPORTED_SIGNS:
        return against_sign(row, together)
    if "capped" in coverage:
        return capped(report, together)
    return Bearing("K-MEASURED-REPLACES", together, beside(row, together) or frozenset({"measured_replaces"}))


def span_in_window(row: Row, infusion: Row, window: int) -> list[date]:
    """Days of a row from the infusion to the end of the window; none where its days are not certain."""
    onset, end = onset_of(row), row["end_latest"]
    edges = (
        (onset.earliest, onset.latest),
        (row["end_earliest"], end),
        (infusion["infusion_earliest"], infusion["infusion_latest"]),
    )
    known = [first.date() for first, last in edges if first and last and first.date() == last.date()]
    if len(known) < 3 or known[1] < known[0]:
        return []
    start, stop, day_zero = known
    return days_between(max(start, day_zero), min(stop, day_zero + timedelta(days=window)))


def maximum(report: Report, days: Iterable[date], infusion: Row, evidence: Evidence) -> Interval:
    total = Union()
    for day in days:
        for domain in report.domains:
            found = evidence.on(day, domain, infusion)
            total = total if found is None else total.add(found)
    return total.result()


def beside(row: Interval, measured: Interval) -> frozenset[str]:
    """On which side of everything the row allows the measurement lies."""
    if measured.high < row.low:
        return frozenset({"measured_below"})
    return frozenset({"measured_above"}) if measured.low > row.high else frozenset()


def capped(report: Report, together: Interval) -> Bearing:
    row = report.release.interval
    high = max(together.high, min(2, row.high))
    is_below = row.low > high
    low = together.low if is_below else max(together.low, row.low)
    point = row.point if report.domains == {"consciousness"} else together.point
    if point is not None:
        point = min(max(point, low), high)
    reasons = {"measured_below"} if is_below else set()
    reasons |= beside(row, together) & {"measured_above"}
    return Bearing("K-ICE-CAP", Interval(low, point, high), frozenset(reasons or {"measured_replaces"}))


def against_sign(row: Interval, together: Interval) -> Bearing:
    """A report of a seizure, a weakness or a pressure sign, and a finding on each of its days."""
    if together.high == 0:
        kept = Interval(0, 0 if row.point == 0 else None, row.high)
        return Bearing("K-MEASURED-DENIES", kept, frozenset({"measured_denies"}))
    low, high = max(row.low, together.low), min(row.high, together.high)
    if low > high:
        both = hull((row, together))
        return Bearing("K-MEASURED-DISAGREES", Interval(both.low, None, both.high), beside(row, together))
    points = [point for point in (together.point, row.point) if point is not None and low <= point <= high]
    points += [low] if low == high else []
    return Bearing("K-MEASURED-NARROWS", Interval(low, points[0] if points else None, high))


def raised(report: Report, infusion: Row, window: int, evidence: Evidence) -> Bearing:
    """Some certain days of the row are assessed: the maximum of both."""
    row = report.release.interval
    found = [
        measured
        for day in certain_days_inside(report.row, infusion, window, evidence)
        for domain in report.domains
        if (measured := evidence.on(day, domain, infusion)) is not None
    ]
    if not found:
        return Bearing(None, row)
    together = union(found)
    reasons = beside(row, together) & {"measured_above"}
    return Bearing("K-MEASURED-RAISES", union((row, together)), reasons)


def certain_days_inside(row: Row, infusion: Row, window: int, evidence: Evidence) -> list[date]:
    """Assessed days that the row certainly covers and the window certainly holds."""
    first, last = infusion["infusion_earliest"].date(), infusion["infusion_latest"].date()
    span = certain_days(row)
    if span is None or first != last:
        return []
    assessed = {found.moment.day for found in evidence.usable if found.moment.day is not None}
    return [
        day for day in assessed if span[0] <= day <= span[1] and day >= last and (day - first).days <= window
    ]
