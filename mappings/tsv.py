"""The exact text format of a release: UTF-8, LF, tabs, no quoting, every cell text.

What may live here: reading and writing that format, with the place of every fault. What may not: what
the columns mean (`mappings.sheets`). Spreadsheet damage is named here, never repaired.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mappings.problem import Problem
from schemas.errors import ReleaseError
from schemas.wording import counted

RESTORE = "restore the file from the release (git checkout, or the archive it came in)"
_RESTORE_CELL = "restore the cell from the release; a spreadsheet may have changed it"

_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f\u00a0\u00ad\u2018-\u201f\u200b-\u200f\u2028\u2029\u2060\ufeff\ufffd]"
)
"""Control characters, curly quotes, invisible blanks and the mark of a byte that was lost."""
LARGEST_BYTES = 64 * 2**20
"""A table of decisions is never larger; the largest shipped one has under 2 MiB."""
_PLAIN = b"\t\n" + bytes(range(0x20, 0x7F))
"""Most of every file: searching what is left for unseen characters takes a tenth of the time."""
_QUOTED = r'^"(?:[^"]|"")*"$'


@dataclass(frozen=True)
class Text:
    """A file as read: comment lines without '#', cells as text, line of the first row, faults.

    `frame` is None where the faults leave no table.
    """

    comment: tuple[str, ...]
    frame: pl.DataFrame | None
    first_line: int
    faults: tuple[Problem, ...]


@dataclass(frozen=True)
class _Place:
    release_id: str
    file: str

    def fault(
        self,
        rule: str,
        what: str,
        *,
        line: int | None = None,
        column: str | None = None,
        value: str | None = None,
        action: str = RESTORE,
    ) -> Problem:
        return Problem("form", self.release_id, self.file, rule, what, action, line, column, value)


def scan_tsv(path: Path, columns: Sequence[str]) -> Text:
    """Read a table of a release and name every fault of its form; blank cells stay ''.

    Lines that start with '#' before the header line are the SSSOM metadata block.
    """
    place = _Place(path.parent.name, path.name)
    with path.open("rb") as stream:
        blob = stream.read(LARGEST_BYTES + 1)
    if len(blob) > LARGEST_BYTES:
        what = f"the file is larger than {LARGEST_BYTES // 2**20} MiB"
        return Text((), None, 0, (place.fault("MAP-FORM-SIZE", what, line=1),))
    if blob[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in blob[:4]:
        what = "the file is UTF-16, not UTF-8 (saved as 'Unicode text')"
        return Text((), None, 0, (place.fault("MAP-FORM-ENCODING", what, line=1),))
    try:
        text = blob.decode("utf-8")
    except UnicodeDecodeError as fault:
        line = blob.count(b"\n", 0, fault.start) + 1
        what = f"byte {fault.start} is not UTF-8"
        value = f"0x{blob[fault.start]:02x}"
        return Text((), None, 0, (place.fault("MAP-FORM-ENCODING", what, line=line, value=value),))
    faults: list[Problem] = []
    if text.startswith("\ufeff"):
        what = "the file begins with a byte-order mark"
        faults.append(place.fault("MAP-FORM-BOM", what, line=1, value="U+FEFF"))
        text = text[1:]
    if "\r" in text:
        line = text.count("\n", 0, text.index("\r")) + 1
        what = "the line ends are not LF"
        faults.append(place.fault("MAP-FORM-LINE-END", what, line=line, value="CR"))
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.endswith("\n"):
        what = "the last line has no line end: the file is empty or was cut off"
        last = text.rpartition("\n")[2]
        faults.append(place.fault("MAP-FORM-CUT-OFF", what, line=text.count("\n") + 1, value=last[-40:]))
        text += "\n"
    lines = text[:-1].split("\n")
    start = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines) - 1)
    comment = tuple(line[1:] for line in lines[:start])
    header = lines[start].split("\t")
    if header != list(columns):
        faults.append(_header_fault(place, header, columns, start + 1))
        return Text(comment, None, start + 2, tuple(faults))
    rows = lines[start + 1 :]
    first = start + 2
    is_whole = all(row.count("\t") == len(columns) - 1 for row in rows)
    if not is_whole:
        faults.extend(_row_faults(place, rows, columns, first))
    if _UNSEEN.search(blob.translate(None, _PLAIN).decode("utf-8")):
        faults.extend(_character_faults(place, rows, columns, first))
    if not is_whole:
        return Text(comment, None, first, tuple(faults))
    cells = "\t".join(rows).split("\t") if rows else []
    frame = pl.DataFrame(
        [
            pl.Series(name, cells[position :: len(columns)], dtype=pl.String)
            for position, name in enumerate(columns)
        ]
    )
    faults.extend(_cell_faults(place, frame, first))
    return Text(comment, frame, first, tuple(faults))


def read_tsv(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    """The table of a file without fault; the first fault is raised as `ReleaseError`."""
    text = scan_tsv(path, columns)
    for fault in text.faults:
        raise fault.error()
    assert text.frame is not None  # a file without a table has a fault
    return text.frame


def _header_fault(place: _Place, header: list[str], columns: Sequence[str], line: int) -> Problem:
    if header[: len(columns)] == list(columns) and not any(header[len(columns) :]):
        extra = len(header) - len(columns)
        what = f"the header ends in {extra} empty columns"
        return place.fault("MAP-FORM-HEADER", what, line=line, value="")
    odd = sorted(set(header) ^ set(columns))
    differs = f"differs in {', '.join(odd)}" if odd else "order"
    what = f"the header is not that of the format ({differs})"
    found = next((h for h, c in zip(header, columns, strict=False) if h != c), None)
    wanted = next((c for h, c in zip(header, columns, strict=False) if h != c), None)
    return place.fault("MAP-FORM-HEADER", what, line=line, column=wanted, value=found)


def _row_faults(place: _Place, rows: list[str], columns: Sequence[str], first: int) -> Iterator[Problem]:
    """Rows that do not have one cell per column."""
    width = len(columns)
    for line, row in enumerate(rows, first):
        cells = row.split("\t")
        if len(cells) == width:
            continue
        what = f"the row has {counted(len(cells), 'cell')}, not {width}"
        column = value = None
        opened = next((i for i, cell in enumerate(cells) if cell.startswith('"')), None)
        if opened is not None and len(cells) > width and any(c.endswith('"') for c in cells[opened + 1 :]):
            what += ": a quoted cell holds a tab"
            column, value = columns[min(opened, width - 1)], cells[opened]
        elif len(cells) > width and not any(cells[width:]):
            what += ": the line ends in empty cells"
            column, value = columns[-1], cells[width - 1]
        elif len(cells) < width:
            what += ": the line was cut off or lost a tab"
            column, value = columns[len(cells) - 1], cells[-1]
        yield place.fault("MAP-FORM-CELLS", what, line=line, column=column, value=value)


def _character_faults(
    place: _Place, rows: list[str], columns: Sequence[str], first: int
) -> Iterator[Problem]:
    for line, row in enumerate(rows, first):
        for column, cell in zip(columns, row.split("\t"), strict=False):
            found = _UNSEEN.search(cell)
            if found:
                what = f"the cell holds the character U+{ord(found[0]):04X} (curly quote, invisible or lost)"
                action = f"type a plain character, or {_RESTORE_CELL}"
                yield place.fault(
                    "MAP-FORM-CHARACTER", what, line=line, column=column, value=cell, action=action
                )


def _cell_faults(place: _Place, frame: pl.DataFrame, first: int) -> Iterator[Problem]:
    for rule, is_wrong, what in (
        ("MAP-FORM-QUOTED", pl.all().str.contains(_QUOTED), "the cell is quoted"),
        ("MAP-FORM-BLANKS", pl.all() != pl.all().str.strip_chars(), "the cell has outer blanks"),
    ):
        wrong = frame.select(is_wrong)
        for column in (name for name in frame.columns if wrong[name].any()):
            for row in wrong[column].arg_true():
                cell = frame[column][int(row)]
                yield place.fault(
                    rule, what, line=first + int(row), column=column, value=cell, action=_RESTORE_CELL
                )


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
