"""Spreadsheets that compute nothing: every text is text, whatever it looks like.

What may live here: making cells harmless, writing and reading sheets of cells. What may not: what the
cells mean. A text that a spreadsheet program could take for a formula gets an apostrophe in front, in XLSX
and TSV alike; `restored` takes it away again.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import xlsxwriter  # type: ignore[import-untyped]  # it ships no stubs

from schemas.wording import counted

Cell = str | int | float | bool | None
MOST_ROWS = 1_048_575
"""Rows under the header that a sheet can hold."""
MOST_CHARACTERS = 32_767
"""Characters that a cell can hold."""
_FORMULA = re.compile(r"'*[=+\-@\t\r\n|%\uff1d\uff0b\uff0d\uff20]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_EPOCH = datetime(2000, 1, 1)
"""Time written into every file, so that the same content gives the same bytes."""


@dataclass(frozen=True)
class SheetOfCells:
    """One sheet: a header and rows of cells; `widths` in characters, by column."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    widths: tuple[int, ...] = ()


def neutral(text: str) -> str:
    """Text that no spreadsheet program takes for a formula; control characters become U+FFFD.

    >>> neutral("=1+1"), neutral("'=1+1"), neutral("headache")
    ("'=1+1", "''=1+1", 'headache')
    """
    text = _CONTROLS.sub("\ufffd", text)
    return f"'{text}" if _FORMULA.match(text) else text


def restored(text: str) -> str:
    """The text that `neutral` was given (control characters apart).

    >>> restored("'=1+1"), restored("'quoted'")
    ('=1+1', "'quoted'")
    """
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def render_xlsx(sheets: Sequence[SheetOfCells]) -> bytes:
    """A workbook of these sheets. Rows beyond what a sheet holds are left out and said so in the last."""
    target = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    workbook = xlsxwriter.Workbook(target, {**options, "strings_to_numbers": False})
    workbook.set_properties({"created": _EPOCH})
    head = workbook.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    # The text format keeps a spreadsheet program from reading what a person types later as a date.
    text = workbook.add_format({"num_format": "@", "valign": "top"})
    for sheet in sheets:
        page = workbook.add_worksheet(sheet.name)
        page.freeze_panes(1, 0)
        for position, name in enumerate(sheet.columns):
            page.write_string(0, position, neutral(name), head)
            width = sheet.widths[position] if position < len(sheet.widths) else 16
            page.set_column(position, position, width, text)
        for number, row in enumerate(sheet.rows[:MOST_ROWS], 1):
            if number == MOST_ROWS and len(sheet.rows) > MOST_ROWS:
                page.write_string(
                    number, 0, f"{counted(len(sheet.rows) - number + 1, 'more row')} left out", text
                )
                break
            for position, cell in enumerate(row):
                if isinstance(cell, str):
                    page.write_string(number, position, neutral(cell)[:MOST_CHARACTERS], text)
                elif cell is not None:
                    page.write(number, position, cell)
    workbook.close()
    return target.getvalue()


def render_tsv_sheet(sheet: SheetOfCells) -> str:
    """One sheet as UTF-8 tab-separated text, LF; tabs and line ends inside a cell become blanks."""
    lines = [sheet.columns, *sheet.rows]
    return "".join("\t".join(_flat(cell) for cell in line) + "\n" for line in lines)


def _flat(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    return neutral(re.sub(r"[\t\r\n]+", " ", cell)) if isinstance(cell, str) else str(cell)
