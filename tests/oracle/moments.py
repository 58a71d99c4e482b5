"""Assessed moments: which items belong together, and what bears on their cause (GRADING.md 4.1, 4.3).

A moment of a domain becomes an `Assessed`: its interval as measured, whether it can cover its day, and
its interval in context before any window. What it does to rows is in `measured`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import TYPE_CHECKING

from tests.oracle import context, placing
from tests.oracle.interval import NOTHING, Interval, union
from tests.oracle.items import SCALES_OF, Arousal, Items, Reading, read_moment
from tests.oracle.placing import Onset, Placing
from tests.oracle.release_index import Row

if TYPE_CHECKING:
    from tests.oracle.reports import Report
    from tests.oracle.study import Study

EVERY_DOMAIN = frozenset({"cognition", "consciousness", "icp", "motor", "seizure"})
JUDGED_AWAKE = ("cognition", "consciousness", "all")
END_OF_DAY = time(23, 59, 59, 999999)


@dataclass
class Moment:
    """Items of one subject with the same recorded time."""

    text: str
    earliest: datetime | None
    latest: datetime | None
    rows: list[Row] = field(default_factory=list)
    items: Items = field(default_factory=Items)
    is_sedated: bool = False

    @property
    def day(self) -> date | None:
        """The day, where it is certain."""
        if self.earliest is None or self.latest is None or self.earliest.date() != self.latest.date():
            return None
        return self.earliest.date()


@dataclass(frozen=True)
class Assessed:
    """One domain of a moment; `interval` is in context, before any window."""

    moment: Moment
    domain: str
    rule: str
    measured: Interval
    is_usable: bool
    is_of_unknown_scale: bool
    interval: Interval
    context: tuple[str, ...]
    reasons: frozenset[str]
    placings: list[Placing]

    @property
    def domains(self) -> frozenset[str]:
        return EVERY_DOMAIN if self.domain == "all" else frozenset({self.domain})

    def change(self, interval: Interval, rule: str, reason: str) -> Assessed:
        found = replace(self, interval=interval, context=(*self.context, rule))
        return replace(found, reasons=self.reasons | {reason})


def moments_of(study: Study, subject: str) -> list[Moment]:
    found: dict[str, Moment] = {}
    for row in study.rows_of("core_assessments", subject):
        first, last = row["assessed_earliest"], row["assessed_latest"]
        text = moment_text(first, last, f"{row['source_file']}:{row['source_row']}")
        moment = found.setdefault(text, Moment(text, first, last))
        if first is not None and last is not None and moment.earliest and moment.latest:
            moment.earliest, moment.latest = min(moment.earliest, first), max(moment.latest, last)
        moment.rows.append(row)
        add_item(moment, row)
    for moment in found.values():
        periods = study.rows_of("core_sedation", subject)
        moment.is_sedated |= any(can_lie_in(moment, period) for period in periods)
    return list(found.values())


def moment_text(first: datetime | None, last: datetime | None, place: str) -> str:
    """A day, a day with a time to the second, or the range it can be; the row where there is no date."""
    if first is None or last is None:
        return place
    if first.date() == last.date():
        is_whole_day = first.time() == time(0) and last.time() == END_OF_DAY
        return first.date().isoformat() if is_whole_day else first.isoformat(timespec="seconds")
    return f"{first.date().isoformat()}..{last.date().isoformat()}"


def add_item(moment: Moment, row: Row) -> None:
    items, item = moment.items, row["item"]
    moment.is_sedated |= bool(row["is_sedated"]) or row["not_done_reason"] == "sedated"
    if row["value_status"] == "not_done":
        items.not_done.setdefault(item, set()).add(row["not_done_reason"])
    elif row["value_status"] != "read":
        items.damaged.add(item)
    elif row["code"] is not None:
        items.words.setdefault(item, set()).add(row["code"])
        moment.is_sedated |= item == "sedated" and row["code"] == "yes"
    else:
        items.numbers.setdefault(item, set()).add(row["value"])


def can_lie_in(moment: Moment, period: Row) -> bool:
    """A period counts from its last possible start to its first possible end; a certain day counts whole."""
    start = bound(period["start_earliest"], period["start_latest"], is_start=True)
    end = bound(period["end_earliest"], period["end_latest"], is_start=False)
    if start is None or end is None or moment.earliest is None or moment.latest is None:
        return False
    return bool(start <= moment.latest and end >= moment.earliest)


def bound(first: datetime | None, last: datetime | None, is_start: bool) -> datetime | None:
    if first is not None and last is not None and first.date() == last.date():
        return first if is_start else last
    return last if is_start else first


def day_arousals(moments: Iterable[Moment]) -> dict[date, list[Arousal]]:
    """Arousals recorded on each day; under sedation they are no evidence."""
    found: dict[date, list[Arousal]] = defaultdict(list)
    for moment in moments:
        states = moment.items.words.get("arousal")
        if states and moment.day is not None and not moment.is_sedated:
            found[moment.day].append(frozenset(states))
    return found


def arousal_of_score(moment: Moment, by_day: dict[date, list[Arousal]]) -> Arousal:
    """That of the moment, else that of the day where it agrees whether the patient could be woken."""
    own = moment.items.words.get("arousal")
    if own:
        return frozenset(own)
    states = frozenset[str]() if moment.day is None else frozenset().union(*by_day.get(moment.day, []))
    return states if len({state == "unarousable" for state in states}) == 1 else frozenset()


def assess(
    study: Study, subject: Row, moments: list[Moment], reports: list[Report]
) -> tuple[Baseline, list[Assessed]]:
    """Every moment and domain of a subject, in context, and what was there before the infusion."""
    by_day = day_arousals(moments)
    measured = []
    for moment in moments:
        asleep = any(study.is_row_of_consciousness(report, moment.day) for report in reports)
        arousal = arousal_of_score(moment, by_day)
        for reading in read_moment(moment.items, arousal, subject["population"], asleep):
            measured.append(as_measured(study, subject, moment, reading))
    counts = study.manifest.context.baseline_deficit
    baseline = Baseline.of(study, subject["subject_id"], measured if counts else [])
    return baseline, [in_context(study, found, reports, baseline) for found in measured]


def as_measured(study: Study, subject: Row, moment: Moment, reading: Reading) -> Assessed:
    is_sedated = moment.is_sedated and reading.domain in JUDGED_AWAKE
    is_of_unknown_scale = reading.domain == "cognition" and len(SCALES_OF[subject["population"]]) > 1
    is_close = reading.interval.high - reading.interval.low <= 1
    infusions = study.infusions_of(subject["subject_id"])
    return Assessed(
        moment,
        reading.domain,
        reading.rule,
        reading.interval,
        moment.day is not None and not is_sedated and not is_of_unknown_scale and is_close,
        is_of_unknown_scale,
        reading.interval,
        (),
        reading.reasons,
        placing.place(Onset(moment.earliest, moment.latest), infusions) if infusions else [],
    )


# --- 4.3 context -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Baseline:
    """The last usable moment of each domain certainly before the first infusion."""

    last: dict[str, list[Assessed]]

    @classmethod
    def of(cls, study: Study, subject: str, measured: Iterable[Assessed]) -> Baseline:
        infusions = study.infusions_of(subject)
        first = infusions[0]["infusion_earliest"] if infusions else None
        before: dict[str, list[Assessed]] = defaultdict(list)
        for found in measured:
            latest = found.moment.latest
            if found.is_usable and first is not None and latest is not None and latest < first:
                for domain in found.domains:
                    before[domain].append(found)
        return cls({domain: at_the_end(usable) for domain, usable in before.items()})

    def deficit(self, domain: str) -> Interval | None:
        """What was measured before, where it is at least 1."""
        found = self.last.get(domain, [])
        before = union(assessed.measured for assessed in found)
        return before if found and before.low >= 1 else None

    def limit(self, domain: str, measured: Interval) -> Interval:
        """A moment that is not above the deficit before the infusion may be that deficit: low 0."""
        deficit = self.deficit(domain)
        is_new = deficit is None or measured.low > deficit.high
        return measured if is_new else measured.with_low_zero()


def at_the_end(usable: list[Assessed]) -> list[Assessed]:
    """Those of the last instant."""
    last = max(found.moment.latest for found in usable if found.moment.latest is not None)
    return [found for found in usable if found.moment.latest == last]


def in_context(study: Study, found: Assessed, reports: list[Report], baseline: Baseline) -> Assessed:
    """Sedation, attribution, another cause, an old deficit."""
    moment = found.moment
    if found.is_of_unknown_scale:
        found = replace(found, context=("K-AGE-UNKNOWN",))
    if moment.is_sedated and found.domain in JUDGED_AWAKE:
        unjudged = Interval(0, None if found.interval.high else 0, found.interval.high)
        found = found.change(unjudged, "K-SEDATED-MOMENT", "sedated_assessment")
    found = attribute(study, found, reports)
    span = context.Span.between(moment.earliest, moment.latest)
    others = [(report.row, report.concept) for report in reports]
    for cause in context.causes_at(span, others, study.manifest.context, study.release):
        if not cause.is_of_pressure:
            found = found.change(found.interval.with_low_zero(), cause.rule, cause.reason)
        elif found.domain == "icp":
            found = found.change(replace(found.interval, point=0), cause.rule, cause.reason)
    if baseline.limit(found.domain, found.measured) != found.measured:
        found = found.change(found.interval.with_low_zero(), "K-BASELINE-DEFICIT", "baseline_deficit")
    return found


def attribute(study: Study, found: Assessed, reports: list[Report]) -> Assessed:
    """The investigator's view of the rows that can be about this moment."""
    policy = study.manifest.attribution
    span = context.Span.between(found.moment.earliest, found.moment.latest)
    said = {
        report.row["relationship"]
        for report in reports
        if not report.is_silent
        and report.domains & found.domains
        and context.Span.possible(report.row).meets(span)
    }
    if policy == "ignore" or not said or not said <= {"not_related", "unlikely"}:
        return found
    if said == {"not_related"}:
        if policy == "exclude":
            return found.change(NOTHING, "K-NOT-RELATED-EXCLUDED", "attribution_not_related")
        return found.change(Interval(0, 0, found.interval.high), "K-NOT-RELATED", "attribution_not_related")
    return found.change(found.interval.with_low_zero(), "K-UNLIKELY", "attribution_unlikely")
