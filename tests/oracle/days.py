"""Subject-days and episodes (GRADING.md 5).

A row is spread over the days it covers, certainly or possibly, and leaves those that were assessed; a
moment gives its day its interval; days are united; runs of days with a point of at least 1 are episodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from tests.oracle.interval import Interval, union
from tests.oracle.placing import onset_of
from tests.oracle.release_index import Row

FAR = 10**6


@dataclass(frozen=True)
class Cover:
    """First and last day a row can cover and certainly covers, relative to one infusion.

    No day is certain where first_certain > last_certain.
    """

    first_possible: int
    first_certain: int
    last_certain: int
    last_possible: int
    is_open_ended: bool
    is_one_day: bool


@dataclass(frozen=True)
class Horizon:
    """What ends a row that has no end date: death, the data cut, the last day of the longest window."""

    death_latest: datetime | None
    cutoff: date | None
    last_day: int


def cover_of(row: Row, infusion: Row, horizon: Horizon) -> Cover:
    """Days of a row after an infusion.

    Ongoing without an end runs to the horizon, and those days are certain from the latest possible
    onset on. An unknown end, or one before the onset, makes them possible only: the day of onset is
    the only certain one, and only where it is known.
    """
    day_one, day_last = infusion["infusion_earliest"], infusion["infusion_latest"]
    if day_one is None:
        return Cover(0, FAR, -FAR, -FAR, False, False)

    def day_min(instant: datetime | None, unknown: int) -> int:
        return unknown if instant is None else (instant.date() - day_last.date()).days

    def day_max(instant: datetime | None, unknown: int) -> int:
        return unknown if instant is None else (instant.date() - day_one.date()).days

    onset = onset_of(row)
    start_min, start_max = day_min(onset.earliest, -FAR), day_max(onset.latest, FAR)
    limit = min(horizon.last_day, day_max(horizon.death_latest, FAR))
    if horizon.cutoff is not None:
        limit = min(limit, (horizon.cutoff - day_one.date()).days)
    end = row["end_latest"]
    has_end = end is not None and (onset.earliest is None or end.date() >= onset.earliest.date())
    is_open_ended = bool(row["is_ongoing"]) and not has_end
    if has_end:
        end_min, end_max = day_min(row["end_earliest"], -FAR), day_max(end, FAR)
    elif is_open_ended:
        end_min = end_max = limit
    else:
        end_min, end_max = start_min, limit
    # An event ends no sooner than it starts.
    end_min = max(end_min, start_min)
    end_max = max(end_max, start_min)
    is_one_day = has_end and start_min == start_max == end_min == end_max
    return Cover(start_min, start_max, end_min, end_max, is_open_ended, is_one_day)


def spread(cover: Cover, interval: Interval, horizon: int) -> dict[int, Interval]:
    """The interval of each day 0..horizon a row can touch."""
    found: dict[int, Interval] = {}
    for day in range(max(0, cover.first_possible), min(horizon, cover.last_possible) + 1):
        if cover.first_certain <= day <= cover.last_certain:
            found[day] = interval if cover.is_one_day else interval.with_low_zero()
        else:
            found[day] = Interval(0, None, interval.high)
    return found


def leave_assessed_days(
    days: dict[int, Interval], coverage: Mapping[int, str], is_of_consciousness_alone: bool
) -> dict[int, Interval]:
    """A row leaves the days on which its domains are measured; a capped day leaves it 0/point/2 at most."""
    found: dict[int, Interval] = {}
    for day, interval in days.items():
        state = coverage.get(day, "open")
        if state == "open":
            found[day] = interval
        elif state == "capped":
            point = interval.point if is_of_consciousness_alone else 0
            high = min(2, interval.high)
            found[day] = Interval(0, None if point is None else min(point, high), high)
    return found


def spread_moment(
    first: int | None, last: int | None, interval: Interval, horizon: int
) -> dict[int, Interval]:
    """A moment of one day gives it its interval; one that can be on several gives each 0/null/high."""
    start, stop = max(0, 0 if first is None else first), min(horizon, horizon if last is None else last)
    if first is not None and first == last:
        return dict.fromkeys(range(start, stop + 1), interval)
    return {day: Interval(0, None, interval.high) for day in range(start, stop + 1)}


@dataclass(frozen=True)
class DayPart:
    """Everything of a day."""

    interval: Interval
    domains: frozenset[str]
    point_domains: frozenset[str]
    is_assessed: bool


Spread = tuple[dict[int, Interval], frozenset[str]]
"""Intervals by day of one row or moment, and its domains."""


def unite_days(spreads: list[Spread], seen: set[int], assessed: set[int]) -> dict[int, DayPart]:
    """Every day on which some row or moment can exceed 0, or that was seen; `assessed` are those usably."""
    found: dict[int, DayPart] = {}
    for day in sorted({day for days, _ in spreads for day in days} | seen):
        parts = [(days[day], domains) for days, domains in spreads if day in days]
        total = union(interval for interval, _ in parts)
        if total.high >= 1 or day in seen:
            high = [domains for interval, domains in parts if interval.high == total.high]
            point = [domains for interval, domains in parts if interval.point == total.point]
            found[day] = DayPart(
                total,
                frozenset[str]().union(*high) if total.high else frozenset(),
                frozenset[str]().union(*point) if total.point else frozenset(),
                day in assessed,
            )
    return found


def find_episodes(days: dict[int, DayPart], gap_days: int) -> list[tuple[int, int]]:
    """First and last day of each episode.

    A day with point >= 1 belongs to an episode. Between two such days, days without a point on which
    ICANS is possible bridge; the others are a gap, and more than `gap_days` of them end the episode.
    """
    episodes: list[tuple[int, int]] = []
    for day in sorted(d for d, part in days.items() if (part.interval.point or 0) >= 1):
        if episodes:
            first, last = episodes[-1]
            uncovered = [
                d for d in range(last + 1, day) if d not in days or days[d].interval.point is not None
            ]
            if len(uncovered) <= gap_days:
                episodes[-1] = (first, day)
                continue
        episodes.append((day, day))
    return episodes


def crs_relation(onset_day: int, spans: list[tuple[int, int]]) -> str:
    """Onset of an episode against the days on which CRS is possible."""
    if not spans:
        return "none"
    if onset_day < min(first for first, _ in spans):
        return "before"
    if any(first <= onset_day <= last for first, last in spans):
        return "during"
    return "after"
