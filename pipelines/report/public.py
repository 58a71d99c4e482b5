"""A copy of a report for the public: no listing, no date, no small count, and none that can be worked out.

What may live here: redaction of a `Document` by the kinds of its columns. What may not: subjects, queries.
Counts of 1 to 7 are withheld and the others rounded to the nearest 5, totals and denominators too, so
that nothing exact is left to subtract from; percent and limits are made again from the rounded counts. A
total that would leave a withheld count fewer than LEFT_OPEN possible values is withheld as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from pipelines.report.build import POOLED, limits_in_percent
from pipelines.report.document import Cell, Chapter, Column, Document, Fact, Section, Table
from pipelines.report.sentences import make_sentences
from pipelines.report.suppression import Place, find_revealing_totals

SMALL: Final = 7
BASE: Final = 5
SMALL_TEXT: Final = "<8"
WITHHELD_TEXT: Final = "withheld"
"""Stands for a total that would give a small count away."""
NO_LISTING: Final = "a public copy lists no subjects, events or terms"
NOTE: Final = (
    "Public copy: counts of 1 to 7 are withheld, other counts are rounded to the nearest 5, percent and "
    "limits are those of the rounded counts, and smallest and largest values are left out. The query gives "
    "the exact counts."
)
Hidden = frozenset[tuple[int, int]]
"""Row and column of totals that would give a small count away."""
_DATE: Final = re.compile(r"\b\d{4}-\d{2}(-\d{2})?([T ]\d{2}:\d{2}(:\d{2})?)?\b")
_OF_ONE: Final = ("minimum", "maximum")
"""Numbers that are the value of a single subject."""


def make_public(document: Document) -> Document:
    """The copy; a copy of a copy is the same."""
    if document.is_public:
        return document
    hidden = _find_hidden(document)
    return document.model_copy(
        update={
            "title": _without_dates(document.title),
            "subject_ids": "none",
            "is_public": True,
            "chapters": tuple(
                _chapter(chapter, {name: _in_chapter(places, number) for name, places in hidden.items()})
                for number, chapter in enumerate(document.chapters)
            ),
        }
    )


def round_count(count: int) -> int | str:
    """A count as a public copy shows it.

    >>> [round_count(count) for count in (0, 1, 7, 8, 12, 13)]
    [0, '<8', '<8', 10, 10, 15]
    """
    if 1 <= count <= SMALL:
        return SMALL_TEXT
    return BASE * ((count + BASE // 2) // BASE)


def _find_hidden(document: Document) -> dict[str, frozenset[Place]]:
    """By table, the totals that are withheld in each chapter."""
    chapters = [
        {table.table_id: table for section in chapter.sections for table in section.tables}
        for chapter in document.chapters
    ]
    is_last_pooled = document.chapters[-1].chapter_id == POOLED if document.chapters else False
    names = {name for tables in chapters for name, table in tables.items() if not table.is_listing}
    return {
        name: find_revealing_totals(
            [tables.get(name) for tables in chapters], SMALL, round_count, is_last_pooled=is_last_pooled
        )
        for name in sorted(names)
    }


def _in_chapter(places: frozenset[Place], number: int) -> Hidden:
    return frozenset((row, column) for chapter, row, column in places if chapter == number)


def _chapter(chapter: Chapter, hidden: Mapping[str, Hidden]) -> Chapter:
    sections = tuple(_section(section, hidden) for section in chapter.sections)
    tables = {table.table_id: table for section in sections for table in section.tables}
    return chapter.model_copy(
        update={
            "title": _without_dates(chapter.title),
            "facts": tuple(
                Fact(label=fact.label, value=_without_dates(fact.value)) for fact in chapter.facts
            ),
            "sentences": make_sentences(tables),
            "sections": sections,
        }
    )


def _section(section: Section, hidden: Mapping[str, Hidden]) -> Section:
    tables = tuple(_table(table, hidden.get(table.table_id, frozenset())) for table in section.tables)
    listed = {table.table_id for table in tables if table.is_listing}
    return section.model_copy(
        update={
            "lead": None if section.lead is None else _without_dates(section.lead),
            "tables": tables,
            "figures": tuple(figure for figure in section.figures if figure.table_id not in listed),
        }
    )


def _table(table: Table, hidden: Hidden) -> Table:
    if table.is_listing:
        return table.model_copy(update={"rows": (), "withheld": NO_LISTING})
    rows = tuple(
        _row(row, table.columns, [place for number, place in hidden if number == index])
        for index, row in enumerate(table.rows)
    )
    return table.model_copy(update={"rows": rows, "notes": (*map(_without_dates, table.notes), NOTE)})


def _row(row: tuple[Cell, ...], columns: Sequence[Column], hidden: Sequence[int]) -> tuple[Cell, ...]:
    cells: dict[str, Cell] = {}
    for place, (cell, column) in enumerate(zip(row, columns, strict=True)):
        if column.kind == "count" and place in hidden:
            cells[column.name] = WITHHELD_TEXT
        elif column.kind == "count" and isinstance(cell, int):
            cells[column.name] = round_count(cell)
        else:
            cells[column.name] = _without_dates(cell) if isinstance(cell, str) else cell
    counted = cells["subjects"] if "subjects" in cells else _worst(cells, columns)
    for column in columns:
        if column.kind == "percent":
            cells[column.name] = _percent(cells, column.name)
        elif column.kind == "id" or _tells_of_one(column, counted):
            cells[column.name] = None
    return tuple(cells[column.name] for column in columns)


def _tells_of_one(column: Column, counted: Cell) -> bool:
    """A number of so few subjects that it is nearly that of one."""
    return column.kind == "number" and (column.name in _OF_ONE or isinstance(counted, str))


def _worst(cells: dict[str, Cell], columns: Sequence[Column]) -> Cell:
    """A withheld count of the row, if it has one."""
    counts = [cells[column.name] for column in columns if column.kind == "count"]
    return next((cell for cell in counts if isinstance(cell, str)), None)


def _percent(cells: dict[str, Cell], name: str) -> Cell:
    """The percent, or a limit, of the counts as they are shown; null where one of them is not."""
    if name in ("percent", "ci_low_percent", "ci_high_percent"):
        count = cells.get("subjects", cells.get("number"))
    else:
        count = cells.get(name.removesuffix("percent") + "subjects")
    total = cells.get("denominator")
    if not isinstance(count, int) or not isinstance(total, int) or total == 0:
        return None
    if name.startswith("ci_"):
        return limits_in_percent(count, total)[name == "ci_high_percent"]
    return round(100 * count / total, 1)


def _without_dates(text: str) -> str:
    return _DATE.sub("(date withheld)", text)
