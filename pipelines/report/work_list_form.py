"""The work list as a form: a table that a person fills in, and the cells read back from it.

What may live here: the columns of the form, writing it, reading its cells. What may not: what a decision
must hold (`pipelines.report.work_list_draft`). Cells that a spreadsheet could take for a formula are
written as text; so is every cell a person will type in.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.diffs.work_list import WORK_LIST_SCHEMA
from pipelines.ingest.raw import ROW
from pipelines.ingest.readers.isolated import read_tables
from pipelines.report.spreadsheet import (
    Cell,
    SheetOfCells,
    neutral,
    render_tsv_sheet,
    render_xlsx,
    restored,
)
from schemas.errors import ReleaseError, UnreadableFileError
from schemas.manifest import FileSpec
from schemas.wording import counted

SHEET = "Work list"
GRADES = (1, 2, 3, 4, 5)
GRADE_COLUMNS: Mapping[int, tuple[str, str, str]] = {
    grade: (f"low_{grade}", f"point_{grade}", f"high_{grade}") for grade in GRADES
}
CONCEPT_COLUMNS = ("label", "concept_group", "is_broad", "domains", "requires")
"""Filled in for a new concept only, with GRADE_COLUMNS."""

DECISION_COLUMNS = (
    *("concept_id", "relation", "reason"),
    *CONCEPT_COLUMNS,
    *(name for names in GRADE_COLUMNS.values() for name in names),
)
COLUMNS = (*WORK_LIST_SCHEMA, *DECISION_COLUMNS)

HELP: Mapping[str, str] = {
    "concept_id": "An existing concept, or a new one in lower snake case. An empty line is decided later.",
    "relation": "exact, spelling or narrower: the term takes the decisions of the concept. broader: it is "
    "listed and stays undecided. own: a new concept of its own, with the columns that follow.",
    "reason": "Why. Needed on every decided line.",
    "label": "New concept: its name.",
    "concept_group": "New concept: the family it belongs to.",
    "is_broad": "New concept: true if it is nervous or psychiatric, else false.",
    "domains": "New concept: the ICANS domains it restricts, joined by |; empty if every grade is 0.",
    "requires": "New concept: what would close it, joined by |; needed where a low is below its high.",
    "low_1 ... high_5": "New concept: ICANS grades a recorded grade 1 to 5 allows. An empty point means that "
    "no single grade is defensible; 0, 0, 0 means no ICANS meaning. Grade 5 has high 5 or 0.",
}


@dataclass(frozen=True)
class FormLine:
    """One filled or unfilled line: its number as a person sees it, and its cells, blank where empty."""

    number: int
    cells: Mapping[str, str]

    @property
    def is_decided(self) -> bool:
        """A person wrote something."""
        return any(self.cells[name] for name in DECISION_COLUMNS)


def render_work_list_tsv(work_list: pl.DataFrame) -> str:
    """The form as tab-separated text."""
    return render_tsv_sheet(_sheet(work_list))


def render_work_list_xlsx(work_list: pl.DataFrame) -> bytes:
    """The form as a workbook, with a sheet that says how it is filled in."""
    rows: list[Sequence[Cell]] = list(HELP.items())
    guide = SheetOfCells("How to fill it in", ("Column", "What to write"), rows, (20, 120))
    return render_xlsx([_sheet(work_list), guide])


def _sheet(work_list: pl.DataFrame) -> SheetOfCells:
    empty = (None,) * len(DECISION_COLUMNS)
    rows = [(*line, *empty) for line in work_list.select(list(WORK_LIST_SCHEMA)).iter_rows()]
    widths = (36, 30, 8, 8, 8, 8, 40, 40, 40, 26, 12, 40, 26, 20, 9, 24, 30, *[8] * 15)
    return SheetOfCells(SHEET, COLUMNS, rows, widths)


def read_form(path: Path) -> tuple[FormLine, ...]:
    """The lines of a form, XLSX or tab-separated (UTF-8, or UTF-16 as spreadsheet programs save it).

    Raises `ReleaseError` where the file cannot be read or its columns are not those of the form.
    """
    if not path.is_file():
        raise ReleaseError(
            "there is no such file", file=path.name, next_action="name the filled-in work list"
        )
    rows = _read_xlsx(path) if path.suffix.lower() == ".xlsx" else _read_text(path)
    header = [neutral(name) for name in COLUMNS]
    found = next(rows, (0, []))[1]
    while found and not found[-1]:
        found.pop()
    if found != header:
        odd = [name for name in found if name not in header] or [n for n in header if n not in found]
        raise ReleaseError(
            "the columns are not those of the work list",
            file=path.name,
            line=1,
            column=odd[0] if odd else None,
            next_action="keep the first row as it was exported, every column in its place",
        )
    lines = []
    for number, cells in rows:
        if len(cells) > len(header) and any(cells[len(header) :]):
            raise ReleaseError(
                f"the line has {counted(len(cells), 'cell')}, the form {counted(len(header), 'column')}",
                file=path.name,
                line=number,
                next_action="restore the line; a tab inside a cell may have split it",
            )
        padded = [*cells, *[""] * len(header)][: len(header)]
        values = (restored(cell).strip() for cell in padded)
        line = FormLine(number, dict(zip(COLUMNS, values, strict=True)))
        if any(line.cells.values()):
            lines.append(line)
    return tuple(lines)


def _read_text(path: Path) -> Iterator[tuple[int, list[str]]]:
    blob = path.read_bytes()
    encoding = "utf-16" if blob[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = blob.decode(encoding)
    except UnicodeDecodeError:
        raise ReleaseError(
            "the file is not UTF-8 text", file=path.name, next_action="save it as UTF-8 text or as .xlsx"
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t")
    try:
        yield from ((reader.line_num, cells) for cells in reader)
    except csv.Error:
        raise ReleaseError(
            "the line cannot be split: a cell is too long, or holds a NUL character or a broken quote",
            file=path.name,
            line=reader.line_num,
            next_action="restore the line from the exported form",
        ) from None


def _read_xlsx(path: Path) -> Iterator[tuple[int, list[str]]]:
    # As a study's workbook: in a process of its own, with its limits. The role plays no part in reading.
    spec = FileSpec(path="work_list.xlsx", role="adverse_events", format="xlsx", sheet=SHEET)
    try:
        (table,) = read_tables([(path, spec)])
    except UnreadableFileError as failure:
        raise ReleaseError(
            f"the workbook or its sheet {SHEET!r} cannot be read: {failure.what}",
            file=path.name,
            next_action="save it as .xlsx with that sheet, or as tab-separated text",
        ) from None
    yield 1, [name for name in table.frame.columns if name != ROW]
    for number, *cells in table.frame.iter_rows():
        yield number + 1, ["" if cell is None else str(cell) for cell in cells]
