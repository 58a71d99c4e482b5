"""Where the choices of made-up studies come from, and how well a moment is known.

Only choosing lives here; what is chosen between is in `tests.strategies` and its neighbour.
"""

from __future__ import annotations

import calendar
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

from tests import studies

T = TypeVar("T")


class Chooser(Protocol):
    """Where choices come from; the first option is the simplest."""

    def pick(self, options: Sequence[T]) -> T: ...


@dataclass
class Drawn:
    """Choices of Hypothesis."""

    draw: Any

    def pick(self, options: Sequence[T]) -> T:
        return self.draw(st.sampled_from(options))  # type: ignore[no-any-return]


@dataclass
class Seeded:
    """Choices of a seed."""

    seed: int
    source: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.source = random.Random(self.seed)

    def pick(self, options: Sequence[T]) -> T:
        return self.source.choice(options)


def moment(choose: Chooser, day: int, precision: str | None = None) -> studies.Moment:
    """A day after the first infusion, known as well as `precision` says."""
    at = studies.INFUSION_DAY + timedelta(days=day)
    if precision is None:
        precision = choose.pick(["day"] * 8 + ["time", "time", "month", "year", "none", "hole"])
    if precision == "time":
        instant = datetime.combine(at, time(choose.pick([10, 0, 23]), 15))
        return choose.pick(
            [(instant, instant), (instant, instant + timedelta(seconds=59, microseconds=999999))]
        )
    if precision == "month":
        return at.replace(day=1), at.replace(day=calendar.monthrange(at.year, at.month)[1])
    if precision == "year":
        return date(at.year, 1, 1), date(at.year, 12, 31)
    if precision == "hole":
        return date(at.year, 1, at.day), date(at.year, 12, at.day)
    return None if precision == "none" else at
