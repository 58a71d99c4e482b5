"""Copies for the public: what is withheld, what is rounded, and that nothing can be worked out again."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.report.document import Cell, Chapter, Column, Document, Fact, Figure, Section, Table
from pipelines.report.public import SMALL_TEXT, WITHHELD_TEXT, make_public, round_count
from pipelines.report.suppression import LEFT_OPEN

KINDS = {"percent": "percent", "day": "day", "median": "number", "minimum": "number", "subject_id": "id"}


def table(rows: Sequence[tuple[Cell, ...]], names: str, *, is_listing: bool = False) -> Table:
    """A table whose first column is text unless its name says another kind; the others are counts."""
    columns = tuple(
        Column.model_validate(
            {"name": name, "label": name, "kind": KINDS.get(name, "text" if place == 0 else "count")}
        )
        for place, name in enumerate(names.split())
    )
    return Table(table_id="t", title="T", columns=columns, rows=tuple(rows), is_listing=is_listing)


def document(*tables: Table, **facts: str) -> Document:
    section = Section(
        section_id="s",
        title="S",
        tables=tables,
        figures=tuple(
            Figure(figure_id=each.table_id, kind="bars", title="F", description="D", table_id=each.table_id)
            for each in tables
        ),
    )
    chapter = Chapter(
        chapter_id="A",
        title="A",
        facts=tuple(Fact(label=label, value=value) for label, value in facts.items()),
        sections=(section,),
    )
    return Document(
        kind="scale_diff", title="T", status="S", subject_ids="shown", is_public=False, chapters=(chapter,)
    )


def public_rows(*tables: Table) -> tuple[tuple[Cell, ...], ...]:
    return make_public(document(*tables)).chapters[0].sections[0].tables[0].rows


SHOWN = """
    exact  0  1    7    8   12  13  17  18  100  104
    shown  0  <8   <8   10  10  15  15  20  100  105
"""


def test_how_a_count_is_shown() -> None:
    exact, shown = (line.split()[1:] for line in SHOWN.strip().splitlines())
    assert [str(round_count(int(count))) for count in exact] == shown


def test_percents_are_those_of_the_rounded_counts() -> None:
    rows = public_rows(
        table(
            [("A", 13, 52, 25.0), ("B", 3, 52, 5.8), ("C", 0, 52, 0.0)], "group subjects denominator percent"
        )
    )
    assert rows == (("A", 15, 50, 30.0), ("B", SMALL_TEXT, 50, None), ("C", 0, 50, 0.0))


def test_a_number_of_few_or_of_one_is_withheld() -> None:
    rows = public_rows(table([("A", 13, 5.0, 1), ("B", 3, 4.0, 2)], "group subjects median minimum"))
    assert rows == (("A", 15, 5.0, None), ("B", SMALL_TEXT, None, None))


def test_a_listing_and_its_figure_are_left_out() -> None:
    listing = table([("S-1", 3)], "subject_id grade", is_listing=True)
    copy = make_public(document(listing))
    (section,) = copy.chapters[0].sections
    assert section.tables[0].rows == ()
    assert section.tables[0].withheld
    assert section.figures == ()
    assert copy.subject_ids == "none"
    assert "S-1" not in json.dumps(copy.model_dump(mode="json"))


def test_dates_are_withheld_and_days_are_not() -> None:
    counts = table([(3, 20)], "day subjects")
    copy = make_public(document(counts, Cut="2017-03-31", Note="from 2016-05 on, at 2016-05-02T10:30"))
    text = json.dumps(copy.model_dump(mode="json"))
    assert "2017-03-31" not in text
    assert "2016" not in text
    assert copy.chapters[0].sections[0].tables[0].rows == ((3, 20),)


def test_a_copy_of_a_copy_is_the_same() -> None:
    copy = make_public(document(table([("A", 3, 15, 18)], "group few many total")))
    assert make_public(copy) == copy


# Nothing can be worked out again


def solutions(shown: Sequence[Sequence[Cell]]) -> Iterator[tuple[int, ...]]:
    """Every row of counts that would be shown so: all counts but the last add up to it."""
    (cells,) = shown
    possible = [
        range(1, 8) if cell == SMALL_TEXT else [n for n in range(60) if round_count(n) == cell]
        for cell in cells[:-1]
    ]
    for parts in itertools.product(*possible):
        total = sum(parts)
        if cells[-1] == WITHHELD_TEXT or round_count(total) == cells[-1]:
            yield (*parts, total)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=2, max_size=3))
def test_a_small_count_cannot_be_worked_out_from_its_row(parts: list[int]) -> None:
    names = "group " + " ".join(f"part_{place}" for place in range(len(parts))) + " total"
    (row,) = public_rows(table([("A", *parts, sum(parts))], names))
    found = list(solutions([row[1:]]))
    assert (*parts, sum(parts)) in found
    for place, count in enumerate(parts):
        if 1 <= count <= 7:
            assert len({solution[place] for solution in found}) >= LEFT_OPEN


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 14), min_size=2, max_size=2), min_size=2, max_size=2))
def test_a_small_count_cannot_be_worked_out_from_a_matrix(cells: list[list[int]]) -> None:
    rows: list[tuple[Cell, ...]] = [(name, *row, sum(row)) for name, row in zip("AB", cells, strict=True)]
    sums = [sum(column) for column in zip(*cells, strict=True)]
    shown = public_rows(table([*rows, ("total", *sums, sum(sums))], "group left right total"))
    inner = [shown[0][1], shown[0][2], shown[1][1], shown[1][2]]
    possible = [
        range(1, 8) if cell == SMALL_TEXT else [n for n in range(20) if round_count(n) == cell]
        for cell in inner
    ]
    found = []
    for a, b, c, d in itertools.product(*possible):
        margins = [(shown[0][3], a + b), (shown[1][3], c + d), (shown[2][1], a + c), (shown[2][2], b + d)]
        margins.append((shown[2][3], a + b + c + d))
        if all(cell in (WITHHELD_TEXT, round_count(count)) for cell, count in margins):
            found.append((a, b, c, d))
    exact = [count for row in cells for count in row]
    assert tuple(exact) in found
    for place, count in enumerate(exact):
        if 1 <= count <= 7:
            assert len({solution[place] for solution in found}) > 1


@pytest.mark.parametrize(
    ("parts", "total"),
    [((8, 2), 10), ((12, 3), 15), ((12, 6), WITHHELD_TEXT), ((4, 3), SMALL_TEXT), ((0, 9), 10)],
)
def test_when_a_total_is_withheld(parts: tuple[int, int], total: Cell) -> None:
    (row,) = public_rows(table([("A", *parts, sum(parts))], "group many few total"))
    assert row[-1] == total


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 25), min_size=2, max_size=3))
def test_a_small_count_of_a_study_cannot_be_worked_out_from_the_pooled_chapter(counts: list[int]) -> None:
    single = [document(table([("A", count)], "group subjects")).chapters[0] for count in counts]
    pooled = document(table([("A", sum(counts))], "group subjects")).chapters[0]
    chapters = (*single, pooled.model_copy(update={"chapter_id": "pooled"}))
    copy = make_public(document().model_copy(update={"chapters": chapters}))
    shown = [chapter.sections[0].tables[0].rows[0][1] for chapter in copy.chapters]
    found = list(solutions([shown]))
    assert (*counts, sum(counts)) in found
    for place, count in enumerate(counts):
        if 1 <= count <= 7:
            assert len({solution[place] for solution in found}) >= LEFT_OPEN
