"""Which totals of a table give a withheld count away, found by working the counts out as a reader could.

What may live here: that attack, on one table. What may not: what a withheld cell looks like (`public`).
A table has totals where a count column is named `total` (the other counts of the row add up to it) or where
a row is labelled `total` (the rows above add up to it), as far as its numbers bear that out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from pipelines.report.document import Cell, Column

LEFT_OPEN: Final = 4
"""A withheld count that a reader can narrow down to fewer values than this is given away."""

Place = tuple[int, int]
Bounds = tuple[float, float]
Sum = tuple[Place, tuple[Place, ...]]


def find_revealing_totals(
    rows: Sequence[tuple[Cell, ...]],
    columns: Sequence[Column],
    small: int,
    shown_as: Callable[[int], int | str],
) -> frozenset[Place]:
    """Places (row, column) of totals to withhold, besides the counts that are small themselves.

    `shown_as` is how a count is shown: text where it is withheld. Totals are withheld until every count
    that is withheld as small can still have LEFT_OPEN values, as far as the sums of this table tell.
    """
    counts = {
        (number, place): cell
        for number, row in enumerate(rows)
        for place, (cell, column) in enumerate(zip(row, columns, strict=True))
        if column.kind == "count" and isinstance(cell, int)
    }
    sums = _find_sums(rows, columns, counts)
    hidden: set[Place] = set()
    while True:
        bounds = _work_out(_show(counts, hidden, small, shown_as), sums)
        revealed = {
            place
            for place, count in counts.items()
            if 1 <= count <= small and bounds[place][1] - bounds[place][0] + 1 < LEFT_OPEN
        }
        telling = {total for total, parts in sums if revealed & {total, *parts}} - hidden
        telling = {place for place in telling if not 1 <= counts[place] <= small}
        if not telling:
            return frozenset(hidden)
        hidden |= telling


def _find_sums(
    rows: Sequence[tuple[Cell, ...]], columns: Sequence[Column], counts: dict[Place, int]
) -> list[Sum]:
    places = [place for place, column in enumerate(columns) if column.kind == "count"]
    totals = [place for place in places if columns[place].name == "total"]
    last = [number for number, row in enumerate(rows) if row and row[0] == "total"]
    sums: list[Sum] = []
    for place in totals:
        for number in range(len(rows)):
            parts = tuple((number, other) for other in places if other != place and (number, other) in counts)
            sums.append(((number, place), parts))
    for number in last:
        for place in places:
            parts = tuple(
                (other, place) for other in range(len(rows)) if other != number and (other, place) in counts
            )
            sums.append(((number, place), parts))
    return [
        (total, parts)
        for total, parts in sums
        if total in counts and parts and counts[total] == sum(counts[part] for part in parts)
    ]


def _show(
    counts: dict[Place, int], hidden: set[Place], small: int, shown_as: Callable[[int], int | str]
) -> dict[Place, Bounds]:
    """What each cell says by itself: the counts that are shown the way it is."""
    bounds: dict[Place, Bounds] = {}
    for place, count in counts.items():
        shown = shown_as(count)
        if place in hidden:
            bounds[place] = (0, math.inf)
        elif isinstance(shown, str):
            bounds[place] = (1, small)
        else:
            low = high = count
            while low > 0 and shown_as(low - 1) == shown:
                low -= 1
            while shown_as(high + 1) == shown:
                high += 1
            bounds[place] = (low, high)
    return bounds


def _work_out(bounds: dict[Place, Bounds], sums: Sequence[Sum]) -> dict[Place, Bounds]:
    """The bounds drawn together by the sums, again and again until nothing more follows."""
    bounds = dict(bounds)
    while True:
        before = dict(bounds)
        for total, parts in sums:
            low, high = (sum(bounds[part][end] for part in parts) for end in (0, 1))
            _narrow(bounds, total, low, high)
            for part in parts:
                others_low = low - bounds[part][0]
                others_high = sum(bounds[other][1] for other in parts if other != part)
                _narrow(bounds, part, bounds[total][0] - others_high, bounds[total][1] - others_low)
                low = sum(bounds[each][0] for each in parts)
        if bounds == before:
            return bounds


def _narrow(bounds: dict[Place, Bounds], place: Place, low: float, high: float) -> None:
    bounds[place] = (max(bounds[place][0], low), min(bounds[place][1], high))
