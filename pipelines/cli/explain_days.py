"""The days of one subject after one infusion: what was recorded on each, and what the run says of it.

What may live here: placing rows of a sealed run on days. What may not: layout, and any grade of its own: the
interval of a day is that of core_subject_days, and a day without a row there can hold no ICANS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pipelines.cli.facts import Facts, interval, rows_of, said_items, split
from pipelines.grading import rules
from warehouse.run_store import StoredRun

Row = Mapping[str, Any]


@dataclass(frozen=True)
class _Days:
    """Days of a row: it certainly holds from `sure_first` to `sure_last`, possibly from `first` to `last`."""

    first: int | None
    sure_first: int | None
    sure_last: int | None
    last: int | None

    def certain(self, day: int) -> bool:
        if self.sure_first is None or self.sure_last is None:
            return False
        return self.sure_first <= day <= self.sure_last

    def possible(self, day: int) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


def chart_days(run: StoredRun, infusion: Row, roles: Mapping[str, str]) -> list[Facts]:
    """One entry per day with anything recorded, in order; empty where the infusion has no certain date.

    Days count the infusion as 0. Rows of adverse events are those that can be ICANS, and other causes; of
    assessments those with a certain date, before the first infusion too.
    """
    subject, number = infusion["subject_id"], infusion["infusion_number"]
    start = _certain_date(infusion["infusion_earliest"], infusion["infusion_latest"])
    if start is None:
        return []
    days = {row["day"]: row for row in _of(run, "core_subject_days", subject, infusion_number=number)}
    moments = _moments(run, subject, number, start)
    events = _events(run, subject, number, start, roles)
    crs = [placed for row, placed in events if roles.get(row["concept_id"]) == "crs"]
    crs += [_placed(row, start) for row in _of(run, "core_crs", subject)]
    sedated = [_placed(row, start) for row in _of(run, "core_sedation", subject)]
    shown = [(row, placed) for row, placed in events if roles.get(row["concept_id"]) != "crs"]
    died = _death(run, subject, start)
    listed = {0, *days, *moments} | ({died} if died is not None and died >= 0 else set())
    return [
        {
            "day": day,
            "study_day": day + 1 if day >= 0 else day,
            "date": (start + timedelta(days=day)).isoformat(),
            "interval": interval(days[day]) if day in days else None,
            "domains": split(days[day]["domains"]) if day in days else [],
            "point_domains": split(days[day]["point_domains"]) if day in days else [],
            "is_assessed": bool(days[day]["is_assessed"]) if day in days else day in moments,
            "is_crs": any(placed.certain(day) for placed in crs),
            "is_sedated": any(placed.certain(day) for placed in sedated)
            or any(moment["is_sedated"] for moment in moments.get(day, ())),
            "is_infusion": day == 0,
            "is_death": day == died,
            "events": [
                {
                    "event": row["event_id"],
                    "concept": row["concept_id"] or row["term_key"],
                    "source_grade": row["source_grade"],
                    "is_certain": placed.certain(day),
                    "is_cause": row["concept_id"] in roles,
                }
                for row, placed in shown
                if placed.possible(day)
            ],
            "assessments": moments.get(day, []),
        }
        for day in sorted(listed)
    ]


def _of(run: StoredRun, table: str, subject: str, **values: object) -> list[Facts]:
    return rows_of(run.table(table), subject_id=subject, **values)


def _events(
    run: StoredRun, subject: str, number: int, start: date, roles: Mapping[str, str]
) -> list[tuple[Facts, _Days]]:
    """Events that can follow this infusion, with their days; what contributes nothing only as a cause."""
    follows = {row["event_id"] for row in _of(run, "core_event_windows", subject, infusion_number=number)}
    records = {row["event_id"]: row for row in _of(run, "core_adverse_events", subject)}
    return [
        (row, _placed(records[row["event_id"]], start))
        for row in _of(run, "core_event_grades", subject)
        if row["event_id"] in follows and (row["release_high"] or row["concept_id"] in roles)
    ]


def _moments(run: StoredRun, subject: str, number: int, start: date) -> dict[int, list[Facts]]:
    """Moments with a certain date by day, one entry per moment with the intervals of its domains.

    A moment that follows no infusion counts from the first one.
    """
    unread = unread_values(run, subject)
    found: dict[int, dict[str, Facts]] = {}
    for row in _of(run, "core_assessment_grades", subject):
        on = _certain_date(row["assessed_earliest"], row["assessed_latest"])
        if on is None or (row["infusion_number"] or 1) != number:
            continue
        moment = found.setdefault((on - start).days, {}).setdefault(
            row["moment"], {"moment": row["moment"], "time": _time(row), "says": [], "domains": []}
        )
        moment["says"].append(said_items(said_unread(row, unread)))
        moment["domains"].append(
            {
                "domain": row["domain"],
                **interval(row),
                "rule": row["rule_id"],
                "covers_its_day": row["is_usable"],
                "is_sedated": rules.SEDATED_MOMENT in split(row["context_rules"]),
            }
        )
    return {
        day: [
            moment
            | {
                "says": ", ".join(dict.fromkeys(moment["says"])),
                "is_sedated": any(domain["is_sedated"] for domain in moment["domains"]),
            }
            for _, moment in sorted(moments.items())
        ]
        for day, moments in found.items()
    }


Unread = Mapping[tuple[datetime | None, str], str]
"""What is written where a value cannot be read or cannot be, by first instant of the moment and item."""


def unread_values(run: StoredRun, subject: str) -> Unread:
    """The cells of a subject's assessments that gave no value."""
    return {
        (row["assessed_earliest"], row["item"]): row["value_text"]
        for row in _of(run, "core_assessments", subject)
        if row["value_status"] in ("impossible", "unreadable")
    }


def said_unread(row: Row, unread: Unread) -> str:
    """The evidence of a moment, with what is written where the run only says that it is no value."""
    parts = []
    for part in split(row["evidence"]):
        item, _, value = part.partition("=")
        text = unread.get((row["assessed_earliest"], item))
        parts.append(part if text is None else f"{item}={text} ({value})")
    return "|".join(parts)


def _placed(row: Row, start: date) -> _Days:
    """Days of a row with start and end; without an end only the onset is certain, unless it is ongoing."""
    first, sure_first = _day(row["start_earliest"], start), _day(row["start_latest"], start)
    sure_last, last = _day(row["end_earliest"], start), _day(row["end_latest"], start)
    if row.get("is_ongoing"):
        sure_last = None if sure_first is None else 10**6
    elif sure_last is None and first == sure_first:
        sure_last = sure_first
    return _Days(first, sure_first, sure_last, last)


def _death(run: StoredRun, subject: str, start: date) -> int | None:
    days: Iterable[date | None] = (
        _certain_date(row["death_earliest"], row["death_latest"])
        for row in _of(run, "core_subjects", subject)
    )
    return next(((on - start).days for on in days if on is not None), None)


def _certain_date(first: datetime | None, last: datetime | None) -> date | None:
    if first is None or last is None or first.date() != last.date():
        return None
    return first.date()


def _day(instant: datetime | None, start: date) -> int | None:
    return None if instant is None else (instant.date() - start).days


def _time(row: Row) -> str | None:
    """Time of day, where one was recorded."""
    first: datetime = row["assessed_earliest"]
    is_whole_day = row["assessed_latest"] - first > timedelta(hours=23)
    return None if is_whole_day else first.strftime("%H:%M")
