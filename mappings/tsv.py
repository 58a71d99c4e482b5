"""The exact text format of a release: UTF-8, LF, tabs, no quoting, every cell text.

What may live here: reading and writing that format, with the place of every fault. What may not: what
the columns mean (`mappings.loader`). Excel damage is refused here, never repaired.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from schemas.errors import ReleaseError

_RESTORE = "restore the file from the release (git checkout, or the archive it came in)"

_DAMAGE = re.compile(r'(?:^|\t)[^\S\t]|[^\S\t](?:\t|$)|(?:^|\t)"(?:[^\t"]|"")*""(?:[^\t"]|"")*"(?:\t|$)')


def read_tsv(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    """Read a table of a release as text; blank cells stay ''.

    Lines that start with '#' before the header line are the SSSOM metadata block and are passed over.
    Raises `ReleaseError` with file, row and column for a byte-order mark, a carriage return, bytes that
    are not UTF-8, a missing last newline, another header, a quoted cell, outer blanks or a row with the
    wrong number of cells.
    """
    name = path.name
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as fault:
        raise ReleaseError(
            f"byte {fault.start} is not UTF-8",
            file=name,
            next_action="save the file as UTF-8, or " + _RESTORE,
        ) from None
    if text.startswith("\ufeff"):
        raise ReleaseError("the file begins with a byte-order mark", file=name, next_action=_RESTORE)
    if "\r" in text:
        row = text[: text.index("\r")].count("\n")
        raise ReleaseError("the line ends are not LF", file=name, row=max(row, 1), next_action=_RESTORE)
    if not text.endswith("\n"):
        raise ReleaseError("the last line has no line end", file=name, next_action=_RESTORE)
    lines = text[:-1].split("\n")
    start = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines) - 1)
    header = lines[start].split("\t")
    if header != list(columns):
        odd = sorted(set(header) ^ set(columns))
        raise ReleaseError(
            "the header is not that of the format"
            + (f" (differs in {', '.join(odd)})" if odd else " (order)"),
            file=name,
            next_action=_RESTORE,
        )
    rows = [line.split("\t") for line in lines[start + 1 :]]
    for number, (line, cells) in enumerate(zip(lines[start + 1 :], rows, strict=True), 1):
        if len(cells) != len(columns):
            raise ReleaseError(
                f"the row has {len(cells)} cells, not {len(columns)}",
                file=name,
                row=number,
                next_action=_RESTORE,
            )
        if _DAMAGE.search(line):
            odd = [c for c, cell in zip(columns, cells, strict=True) if _DAMAGE.search(cell)]
            raise ReleaseError(
                "the cell is quoted or has outer blanks",
                file=name,
                row=number,
                column=odd[0] if odd else None,
                next_action=_RESTORE,
            )
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def render_tsv(frame: pl.DataFrame, comment: Sequence[str] = ()) -> str:
    """Text of a table of text columns; null is written as a blank cell.

    `comment` is the SSSOM metadata block, one YAML line each. Rows are written in the order given:
    canonical order is the caller's. Raises `ReleaseError` for a cell that holds a tab or a line end.
    """
    lines = [f"#{line}" for line in comment]
    lines.append("\t".join(frame.columns))
    for number, row in enumerate(frame.iter_rows(), 1):
        cells = ["" if cell is None else str(cell) for cell in row]
        for column, cell in zip(frame.columns, cells, strict=True):
            if any(mark in cell for mark in "\t\r\n"):
                raise ReleaseError(
                    "the cell holds a tab or a line end",
                    row=number,
                    column=column,
                    next_action="write the cell on one line without tabs",
                )
        lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"
