"""Intervals of ICANS grades: the hull of alternatives and the union of parts (GRADING.md 1 and 3.1).

Only arithmetic on `low <= point <= high` lives here, no rule about a term or a date.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Interval:
    """`point` None means that no single grade is defensible, never 0."""

    low: int
    point: int | None
    high: int

    def __post_init__(self) -> None:
        assert 0 <= self.low <= self.high <= 5, self
        assert self.point is None or self.low <= self.point <= self.high, self

    def contains(self, other: Interval) -> bool:
        return self.low <= other.low and other.high <= self.high

    def with_low_zero(self) -> Interval:
        return replace(self, low=0)

    def as_columns(self) -> dict[str, int | None]:
        return {"low": self.low, "point": self.point, "high": self.high}


NOTHING = Interval(0, 0, 0)


def hull(alternatives: Iterable[Interval]) -> Interval:
    """One of these is true, nobody knows which: lowest low, highest high, point only if all agree."""
    listed = list(alternatives)
    points = {part.point for part in listed}
    return Interval(
        min(part.low for part in listed),
        points.pop() if len(points) == 1 else None,
        max(part.high for part in listed),
    )


@dataclass(frozen=True)
class Union:
    """All of these happened: a running maximum that can be split and merged anywhere.

    `known_point` is the highest known point, `unknown_high` the highest high among parts without a
    point. Whether the point is null is decided once, at the end.
    """

    low: int = 0
    known_point: int = 0
    unknown_high: int = 0
    high: int = 0

    def add(self, part: Interval) -> Union:
        if part.point is None:
            return self.merge(Union(part.low, 0, part.high, part.high))
        return self.merge(Union(part.low, part.point, 0, part.high))

    def merge(self, other: Union) -> Union:
        return Union(
            max(self.low, other.low),
            max(self.known_point, other.known_point),
            max(self.unknown_high, other.unknown_high),
            max(self.high, other.high),
        )

    def result(self) -> Interval:
        point = None if self.unknown_high > self.known_point else self.known_point
        return Interval(self.low, point, self.high)


def union(parts: Iterable[Interval]) -> Interval:
    total = Union()
    for part in parts:
        total = total.add(part)
    return total.result()


def joined(parts: Iterable[str]) -> str | None:
    """A sorted list in one text column; null for an empty one."""
    return "|".join(sorted(parts)) or None
