"""Subject-days and episodes (GRADING.md 5).

A row is spread over the days it covers, certainly or possibly; days are united; runs of days with a
point of at least 1 are episodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from tests.oracle.interval import Interval, union
from tests.oracle.placing import onset_of
from tests.oracle.release_index import Row

FAR = 10**6


@dataclass(frozen=True)
class Cover:
    """First and last day a row can cover and certainly covers, relative to one infusion."""

    first_possible: int
    first_certain: int
    last_certain: int
    last_possible: int
    is_open_ended: bool

    @property
    def is_one_certain_day(self) -> bool:
        return self.first_possible == self.first_certain == self.last_certain == self.last_possible


def cover_of(
    row: Row, infusion: Row, death_latest: datetime | None, cutoff: date | None, horizon: int
) -> Cover:
    """Days of a row after an infusion.

    An end before the onset is read as an end on the day of onset. Ongoing without an end runs to
    death, cut-off or the last day of the longest window, and those days are certain; an unknown end
    makes them possible only.
    """
    first, last = infusion["infusion_earliest"].date(), infusion["infusion_latest"].date()

    def day_min(instant: datetime | None, default: int) -> int:
        return default if instant is None else (instant.date() - last).days

    def day_max(instant: datetime | None, default: int) -> int:
        return default if instant is None else (instant.date() - first).days

    onset = onset_of(row)
    start_min = day_min(onset.earliest, -FAR)
    start_max = day_max(onset.latest, FAR)
    limits = [horizon, day_max(death_latest, FAR)]
    if cutoff is not None:
        limits.append((cutoff - first).days)
    limit = min(limits)
    has_end = row["end_earliest"] is not None or row["end_latest"] is not None
    is_open_ended = bool(row["is_ongoing"]) and not has_end
    if is_open_ended:
        end_min = end_max = limit
    else:
        end_min = day_min(row["end_earliest"], start_max if start_max < FAR else -FAR)
        end_max = day_max(row["end_latest"], limit)
    if start_min == start_max:
        # The day of onset is covered whatever the end says.
        end_min, end_max = max(end_min, start_max), max(end_max, start_max)
    return Cover(start_min, start_max, end_min, end_max, is_open_ended)


def spread(cover: Cover, interval: Interval, horizon: int) -> dict[int, Interval]:
    """The interval of each day 0..horizon a row can touch."""
    found: dict[int, Interval] = {}
    for day in range(max(0, cover.first_possible), min(horizon, cover.last_possible) + 1):
        if cover.first_certain <= day <= cover.last_certain:
            found[day] = interval if cover.is_one_certain_day else interval.with_low_zero()
        else:
            found[day] = Interval(0, None, interval.high)
    return found


@dataclass(frozen=True)
class DayPart:
    """A row on a day."""

    interval: Interval
    domains: frozenset[str]


def unite_days(spreads: list[tuple[dict[int, Interval], frozenset[str]]]) -> dict[int, DayPart]:
    """Every day on which some row can exceed 0."""
    found: dict[int, DayPart] = {}
    for day in sorted({day for days, _ in spreads for day in days}):
        parts = [(days[day], domains) for days, domains in spreads if day in days]
        total = union(interval for interval, _ in parts)
        if total.high >= 1:
            behind = [domains for interval, domains in parts if interval.high == total.high]
            found[day] = DayPart(total, frozenset[str]().union(*behind))
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
