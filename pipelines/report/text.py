"""A document as plain text for a terminal or an e-mail, 100 columns wide.

What may live here: layout of the text. What may not: content. A table too wide for the page is told row by
row; a long one is cut, and says so: the JSON and the page hold all of it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len, chop_cells

from pipelines.report.document import Chapter, Document, Figure, Section, Table
from pipelines.report.wording import NUMERIC_KINDS, cell_text, facts_line, visible

WIDTH: Final = 100
MOST_ROWS: Final = 40
"""Rows of a table that are shown."""
NARROWEST: Final = 10
"""Columns a text column keeps when a table is fitted to the page."""
LONGEST: Final = 500
"""Characters of one cell that are shown."""
BETWEEN: Final = "  "


def render_text(document: Document) -> str:
    """The document as text; ends with a line end, no line is wider than 100 columns."""
    lines = [*_heading(document)]
    for chapter in document.chapters:
        lines += _chapter(chapter)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _heading(document: Document) -> Iterator[str]:
    yield from _wrapped(document.title.upper())
    yield "=" * WIDTH
    yield from _wrapped(document.status)
    if document.is_public:
        yield "Public copy: small counts are withheld, counts are rounded, nobody is listed."


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield from ("", "", *_wrapped(chapter.title), "=" * min(WIDTH, max(4, cell_len(visible(chapter.title)))))
    for fact in chapter.facts:
        yield from _wrapped(f"{fact.label}: {fact.value}", later="    ")
    for sentence in chapter.sentences:
        yield ""
        yield from _wrapped(sentence.text, "> ")
        yield from _wrapped(sentence.conventions, "    ")
    for section in chapter.sections:
        yield from _section(section, chapter)


def _section(section: Section, chapter: Chapter) -> Iterator[str]:
    yield from ("", *_wrapped(section.title), "-" * min(WIDTH, max(4, cell_len(visible(section.title)))))
    if section.lead:
        yield from _wrapped(section.lead)
    for figure in section.figures:
        yield from _figure(figure, section)
    for table in section.tables:
        yield ""
        yield from _table(table)
        yield from _wrapped(f"[{facts_line(chapter)}]", "  ")


def _figure(figure: Figure, section: Section) -> Iterator[str]:
    titles = [table.title for table in section.tables if table.table_id == figure.table_id]
    yield ""
    yield from _wrapped(f"Figure: {figure.title}. {figure.description} Its numbers: {titles[0]}.")


def _table(table: Table) -> Iterator[str]:
    yield from _wrapped(table.title, "* ")
    if table.lead:
        yield from _wrapped(table.lead, "  ")
    if table.withheld:
        yield from _wrapped(f"Withheld: {table.withheld}", "  ")
    shown = table.rows[:MOST_ROWS]
    kinds = [column.kind for column in table.columns]
    rows = [[_cut(cell_text(cell, kind)) for cell, kind in zip(row, kinds, strict=True)] for row in shown]
    heads = [visible(column.label) for column in table.columns]
    widths = _widths(heads, rows, kinds)
    if not rows:
        yield "  No rows."
    elif widths is None:
        yield from _records(heads, rows)
    else:
        yield from _grid(heads, rows, kinds, widths)
    if len(shown) < len(table.rows):
        yield f"  ... and {len(table.rows) - len(shown)} more; the page and the JSON hold all"
    for note in table.notes:
        yield from _wrapped(note, "  - ")
    for column in table.columns:
        if column.note:
            yield from _wrapped(f"{column.label}: {column.note}", "  - ")


def _widths(heads: list[str], rows: list[list[str]], kinds: Sequence[str]) -> list[int] | None:
    """Columns of the page for each column of the table; None where they do not fit."""
    numeric = [kind in NUMERIC_KINDS for kind in kinds]
    cells = [max((cell_len(row[index]) for row in rows), default=0) for index in range(len(heads))]
    words = [max(cell_len(word) for word in (head.split() or [""])) for head in heads]
    wished = [
        max(cell, min(cell_len(head), 14), word) for cell, head, word in zip(cells, heads, words, strict=True)
    ]
    least = [
        max(cell, word) if is_number else min(wish, max(NARROWEST, word))
        for cell, word, is_number, wish in zip(cells, words, numeric, wished, strict=True)
    ]
    room = WIDTH - 2 - len(BETWEEN) * (len(heads) - 1)
    if sum(least) > room:
        return None
    while sum(wished) > room:
        widest = max(range(len(wished)), key=lambda index: (wished[index] - least[index], wished[index]))
        wished[widest] -= 1
    return wished


def _grid(heads: list[str], rows: list[list[str]], kinds: Sequence[str], widths: list[int]) -> Iterator[str]:
    head = list(_line(heads, kinds, widths))
    yield from head
    yield "  " + BETWEEN.join("-" * width for width in widths)
    for row in rows:
        yield from _line(row, kinds, widths)


def _line(cells: list[str], kinds: Sequence[str], widths: list[int]) -> Iterator[str]:
    folded = [_folded(cell, width) for cell, width in zip(cells, widths, strict=True)]
    for level in range(max(len(lines) for lines in folded)):
        parts = []
        for lines, kind, width in zip(folded, kinds, widths, strict=True):
            text = lines[level] if level < len(lines) else ""
            blanks = " " * (width - cell_len(text))
            parts.append(blanks + text if kind in NUMERIC_KINDS else text + blanks)
        yield "  " + BETWEEN.join(parts)


def _records(heads: list[str], rows: list[list[str]]) -> Iterator[str]:
    for index, row in enumerate(rows, start=1):
        yield f"  ({index})"
        for head, cell in zip(heads, row, strict=True):
            yield from _wrapped(f"{head}: {cell}", "    ", later="        ")


def _wrapped(text: str, first: str = "", later: str | None = None) -> Iterator[str]:
    later = " " * len(first) if later is None else later
    for index, line in enumerate(_folded(visible(text), WIDTH - max(len(first), len(later)))):
        yield (later if index else first) + line


def _folded(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` columns; a word that is wider is cut."""
    if cell_len(text) <= width:
        return [text]
    return [
        piece
        for line in textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
        for piece in (chop_cells(line, width) if cell_len(line) > width else [line])
    ] or [""]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"
