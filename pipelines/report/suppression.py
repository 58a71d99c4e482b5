"""Which totals give a withheld count away, found by working the counts out as a reader could.

What may live here: the sums that a reader can know of, and that attack on one table in all its chapters.
What may not: what a withheld cell looks like (`public`). Sums are: a count column named `total` over the
other counts of its row, a row labelled `total` over the rows above, and the pooled chapter over the rows of
the studies that say the same; each as far as the numbers bear it out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pipelines.report.document import Cell, Table

LEFT_OPEN: Final = 4
"""A withheld count that a reader can narrow down to fewer values than this is given away."""
_NOT_A_KEY: Final = ("count", "percent", "number")

Place = tuple[int, int, int]
"""Chapter, row and column."""
Bounds = tuple[float, float]
Sum = tuple[Place, tuple[Place, ...]]
ShownAs = Callable[[int], int | str]


def find_revealing_totals(
    tables: Sequence[Table | None], small: int, shown_as: ShownAs, *, is_last_pooled: bool = False
) -> frozenset[Place]:
    """Totals to withhold, besides the counts that are small themselves, in one table of each chapter.

    `tables` are in the order of chapters, None where a chapter has no such table; `is_last_pooled` says that
    the last one is over the subjects of all others. `shown_as` is how a count is shown: text where it is
    withheld. Totals are withheld until every count that is withheld as small can still have LEFT_OPEN values,
    as far as these sums tell.
    """
    counts = {
        (chapter, number, place): cell
        for chapter, table in enumerate(tables)
        if table is not None
        for number, row in enumerate(table.rows)
        for place, (cell, column) in enumerate(zip(row, table.columns, strict=True))
        if column.kind == "count" and isinstance(cell, int)
    }
    sums = [
        each
        for chapter, table in enumerate(tables)
        if table is not None
        for each in _sums_within(chapter, table)
    ]
    if is_last_pooled:
        sums += _sums_over_chapters(tables)
    known = [
        (total, tuple(part for part in parts if part in counts)) for total, parts in sums if total in counts
    ]
    known = [
        (total, parts)
        for total, parts in known
        if parts and counts[total] == sum(map(counts.__getitem__, parts))
    ]
    return _withhold(counts, known, small, shown_as)


def _withhold(
    counts: Mapping[Place, int], sums: Sequence[Sum], small: int, shown_as: ShownAs
) -> frozenset[Place]:
    hidden: set[Place] = set()
    shown_totals = {total for total, _ in sums if not 1 <= counts[total] <= small}
    while True:
        bounds = _work_out(_show(counts, hidden, small, shown_as), sums)
        revealed = {
            place
            for place, count in counts.items()
            if 1 <= count <= small and bounds[place][1] - bounds[place][0] + 1 < LEFT_OPEN
        }
        if not revealed:
            return frozenset(hidden)
        direct = _totals_of(revealed, sums)
        telling = (direct & shown_totals) - hidden
        if not telling:  # a total that is not shown can still be drawn from one that it is a part of
            telling = (_totals_of(direct | hidden, sums) & shown_totals) - hidden
        if not telling:
            return frozenset(hidden)
        hidden |= telling


def _totals_of(places: set[Place], sums: Sequence[Sum]) -> set[Place]:
    return {total for total, parts in sums if places & {total, *parts}}


def _sums_within(chapter: int, table: Table) -> list[Sum]:
    """Over the counts of a row, and over the rows above a row of totals."""
    places = [place for place, column in enumerate(table.columns) if column.kind == "count"]
    rows = range(len(table.rows))
    sums: list[Sum] = [
        ((chapter, row, total), tuple((chapter, row, place) for place in places if place != total))
        for total in places
        if table.columns[total].name == "total"
        for row in rows
    ]
    sums += [
        ((chapter, total, place), tuple((chapter, row, place) for row in rows if row != total))
        for total in rows
        if table.rows[total][0] == "total"
        for place in places
    ]
    return sums


def _sums_over_chapters(tables: Sequence[Table | None]) -> list[Sum]:
    """The counts of the last table over those of the rows of the others that are about the same."""
    places: dict[tuple[Cell, ...], list[tuple[int, int]]] = {}
    for chapter, table in enumerate(tables):
        if table is not None:
            keys = [place for place, column in enumerate(table.columns) if column.kind not in _NOT_A_KEY]
            for number, row in enumerate(table.rows):
                places.setdefault(tuple(row[place] for place in keys), []).append((chapter, number))
    last = len(tables) - 1
    pooled = tables[last]
    if pooled is None:
        return []
    counted = [place for place, column in enumerate(pooled.columns) if column.kind == "count"]
    return [
        (
            (last, number, place),
            tuple((chapter, row, place) for chapter, row in found if chapter != last),
        )
        for found in places.values()
        for chapter_of_total, number in found
        if chapter_of_total == last
        for place in counted
    ]


def _show(
    counts: Mapping[Place, int], hidden: set[Place], small: int, shown_as: ShownAs
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
    while True:
        before = dict(bounds)
        for total, parts in sums:
            lows = sum(bounds[part][0] for part in parts)
            highs = sum(bounds[part][1] for part in parts)
            _narrow(bounds, total, lows, highs)
            for part in parts:
                low, high = bounds[part]
                others_high = highs - high if highs < math.inf else _sum_without(bounds, parts, part)
                _narrow(bounds, part, bounds[total][0] - others_high, bounds[total][1] - (lows - low))
                lows += bounds[part][0] - low
                highs = highs - high + bounds[part][1] if highs < math.inf else highs
        if bounds == before:
            return bounds


def _sum_without(bounds: Mapping[Place, Bounds], parts: Sequence[Place], part: Place) -> float:
    return sum(bounds[other][1] for other in parts if other != part)


def _narrow(bounds: dict[Place, Bounds], place: Place, low: float, high: float) -> None:
    bounds[place] = (max(bounds[place][0], low), min(bounds[place][1], high))
