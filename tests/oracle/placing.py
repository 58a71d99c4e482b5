"""Where an onset stands: which infusion it can follow and whether it is in the window (GRADING.md 3.5).

Day 0 is the infusion. A date is the range of instants it can be; nothing is imputed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tests.oracle.interval import NOTHING, Interval
from tests.oracle.release_index import Row

BEFORE = 0
"""Stands for 'before the first infusion' among the infusions an onset can follow."""


@dataclass(frozen=True)
class Onset:
    earliest: datetime | None
    latest: datetime | None


@dataclass(frozen=True)
class Placing:
    """`number` 0 and no status other than no_infusion_date where the subject has no dated infusion."""

    number: int
    day_earliest: int | None
    day_latest: int | None
    is_certain: bool


def onset_of(row: Row) -> Onset:
    """The onset as recorded; an event starts no later than it ends, unless the record contradicts itself."""
    earliest, latest, end = row["start_earliest"], row["start_latest"], row["end_latest"]
    if end is not None and (latest is None or end < latest) and (earliest is None or earliest <= end):
        latest = end
    return Onset(earliest, latest)


def candidates(onset: Onset, infusions: list[Row]) -> list[int]:
    """Positions (1-based) of the infusions that can be the latest one before the onset; BEFORE too.

    An infusion without a date beside dated ones can have been at any time.
    """
    found = [BEFORE] if can_precede(onset, infusions[0]) else []
    for position, infusion in enumerate(infusions, start=1):
        first = infusion["infusion_earliest"]
        not_too_early = onset.latest is None or first is None or onset.latest >= first
        is_last = position == len(infusions)
        if not_too_early and (is_last or can_precede(onset, infusions[position])):
            found.append(position)
    return found


def can_precede(onset: Onset, infusion: Row) -> bool:
    last = infusion["infusion_latest"]
    return onset.earliest is None or last is None or bool(onset.earliest < last)


def place(onset: Onset, infusions: list[Row]) -> list[Placing]:
    """One placing per infusion the onset can follow; none when it is certainly before the first."""
    possible = candidates(onset, infusions)
    return [
        Placing(
            infusions[position - 1]["infusion_number"],
            *days_after(onset, infusions[position - 1]),
            is_certain=len(possible) == 1,
        )
        for position in possible
        if position != BEFORE
    ]


def days_after(onset: Onset, infusion: Row) -> tuple[int | None, int | None]:
    first, last = infusion["infusion_earliest"], infusion["infusion_latest"]
    return (
        None if onset.earliest is None or last is None else (onset.earliest.date() - last.date()).days,
        None if onset.latest is None or first is None else (onset.latest.date() - first.date()).days,
    )


def window_status(placing: Placing, window_days: int) -> str:
    """late and inside only where the record settles it; everything else is partly."""
    if placing.day_earliest is not None and placing.day_earliest > window_days:
        return "late"
    if (
        placing.is_certain
        and placing.day_earliest is not None
        and placing.day_latest is not None
        and placing.day_earliest >= 0
        and placing.day_latest <= window_days
    ):
        return "inside"
    return "partly"


def contribution(interval: Interval, status: str) -> Interval:
    """What a row gives to a window: nothing before or after it, no low where the record leaves doubt."""
    if status in ("late", "before_infusion"):
        return NOTHING
    return interval if status == "inside" else interval.with_low_zero()
