"""Excel workbooks (.xlsx), each cell as the text a person sees, through fastexcel (calamine)."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Final

import fastexcel
import polars as pl

from pipelines.ingest.readers.common import (
    MANIFEST_FILE,
    Parsed,
    Source,
    check_header,
    guarded,
    no_rejected,
    text_frame,
    unpacks_too_far,
    unreadable,
)
from pipelines.ingest.readers.limits import limits_of, unpacked_limit

_PIECE_BYTES: Final = 2**20
_OVERLAP: Final = 32
_MOST_ROWS: Final = 1_048_576
_BYTES_PER_CELL: Final = 64
_PLACE: Final = re.compile(rb"""\sr=["']([A-Z]{1,3})([0-9]{1,7})["']""")
_MISPLACED: Final = re.compile(
    rb"""\sr=(?!["'][A-Z]{0,3}[0-9]{1,7}["'])["'](?:[^"'>]{0,16}["'>]|[^"'>]{17})"""
)
_ERROR_CELLS: Final = {
    "Div0": "#DIV/0!",
    "NA": "#N/A",
    "Name": "#NAME?",
    "Null": "#NULL!",
    "Num": "#NUM!",
    "Ref": "#REF!",
    "Value": "#VALUE!",
    "GettingData": "#GETTING_DATA",
}
_TIME_OF_DAY: Final = r"^1899-12-3[01] (\d\d:\d\d:\d\d(?:\.\d+)?)$"
_MIDNIGHT: Final = r"^(\d{4}-\d\d-\d\d) 00:00:00$"
_INSTANT: Final = r"^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)$"


def read_xlsx(path: Path, spec: Source) -> Parsed:
    """The sheet the manifest names, or the only one; its first used row is the header.

    Whole numbers have no `.0`, dates are `YYYY-MM-DD`, instants `YYYY-MM-DDTHH:MM:SS`, times
    `HH:MM:SS`, error cells their Excel text such as `#N/A`. A workbook stores a date as an instant at
    midnight, so a cell at midnight reads as a date, which claims less. Rows without any cell are no rows;
    they keep their number, so that `__row` + header row is the row Excel shows, and are counted in the notes.
    Raises `UnreadableFileError` for a damaged workbook, one that unpacks to more than `limits` allows
    (READ-FILE-SIZE: 200 times its size, at most 4 GiB), a sheet that is not there or not chosen
    (READ-SHEET), and an unusable header.
    """
    with guarded(spec, "an Excel workbook"):
        _require_workbook(path, spec)
        workbook = fastexcel.read_excel(path)
        name = _choose_sheet(workbook.sheet_names, spec)
        sheet = workbook.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
        batch, errors = sheet.to_arrow_with_errors()
        table = pl.DataFrame(batch) if sheet.width else pl.DataFrame()
        columns = [_as_seen(column).to_list() for column in table.iter_columns()]
        for error in errors.errors if errors is not None else ():
            line, position = error.offset_position
            columns[position][line] = _error_text(error.detail)
    rows = list(zip(*columns, strict=True))
    start = next((index for index, row in enumerate(rows) if any(row)), len(rows))
    names = check_header(rows[start] if start < len(rows) else (), spec)
    kept: list[tuple[str | None, ...]] = []
    numbers: list[int] = []
    last = 0
    for number, row in enumerate(rows[start + 1 :], start=1):
        if any(cell is not None for cell in row):
            kept.append(row)
            numbers.append(number)
            last = number
    notes = {"sheet": name}
    if last > len(kept):
        notes["blank_lines"] = str(last - len(kept))
    cells = list(zip(*kept, strict=True)) if kept else [()] * len(names)
    return Parsed(text_frame(names, cells, numbers), no_rejected(), notes)


def _require_workbook(path: Path, spec: Source) -> None:
    """Refuse an archive that is no workbook, or unpacks beyond its limit: sizes it declares may be false."""
    room = unpacked_limit(path.stat().st_size)
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if not any(entry.filename == "xl/workbook.xml" for entry in entries):
            raise unreadable(
                spec,
                "the file is a ZIP archive but no Excel workbook (.xlsx)",
                "save the table as .xlsx or as CSV",
                "READ-FILE-KIND",
            )
        declared = sum(entry.file_size for entry in entries)
        for entry in entries if declared <= room else ():
            with archive.open(entry) as stream:
                place = _CellPlaces()
                while room >= 0 and (piece := stream.read(_PIECE_BYTES)):
                    room -= len(piece)
                    place.look(piece)
            place.require(spec, path.stat().st_size)
    if declared > room or room < 0:
        raise unpacks_too_far(spec, path.stat().st_size)


class _CellPlaces:
    """Where the cells of a sheet say they are: the library makes room for every cell up to the farthest."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_sheet = False
        self._is_misplaced = False
        self._columns: set[bytes] = set()
        self._rows = 0

    def look(self, piece: bytes) -> None:
        """Take in the next piece of an entry; one that is no sheet costs next to nothing."""
        text = self._rest + piece
        self._rest = text[-_OVERLAP:]
        self._is_sheet = self._is_sheet or b"sheetData" in text
        if not self._is_sheet:
            return
        self._is_misplaced = self._is_misplaced or _MISPLACED.search(text) is not None
        found = _PLACE.findall(text)
        self._columns.update(column for column, _ in found)
        self._rows = max(self._rows, max((int(row) for _, row in found), default=0))

    def require(self, spec: Source, size: int) -> None:
        """Refuse places no worksheet has (READ-DAMAGED), and a used area beyond the memory (READ-LIMIT)."""
        if self._is_misplaced or self._rows > _MOST_ROWS:
            raise unreadable(
                spec,
                "damaged: a cell says it is where no worksheet has one",
                "open the workbook, save it again, or export the table as CSV",
                "READ-DAMAGED",
            )
        columns = max((_column_number(column) for column in self._columns), default=0)
        if columns * self._rows > limits_of(size).memory // _BYTES_PER_CELL:
            raise unreadable(
                spec,
                f"a sheet uses {self._rows} rows and {columns} columns, too large an area to read",
                "delete the empty rows and columns around the table, or export it as CSV",
                "READ-LIMIT",
            )


def _choose_sheet(names: list[str], spec: Source) -> str:
    known = ", ".join(names)
    if spec.sheet is not None:
        if spec.sheet in names:
            return spec.sheet
        what = "the workbook has no sheet of this name"
        raise unreadable(spec, what, f"use one of: {known}", "READ-SHEET", column="sheet", value=spec.sheet)
    if len(names) == 1:
        return names[0]
    raise unreadable(
        spec,
        f"the workbook has {len(names)} sheets",
        f"declare sheet for this file in {MANIFEST_FILE}; sheets: {known}",
        "READ-SHEET",
        column="sheet",
    )


def _column_number(letters: bytes) -> int:
    """A is 1, XFD is 16,384."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _as_seen(column: pl.Series) -> pl.Series:
    """The library's text of instants as ISO dates, instants and times; every other text unchanged."""
    text = column.cast(pl.String).str
    return (
        text.replace(_TIME_OF_DAY, "${1}").str.replace(_MIDNIGHT, "${1}").str.replace(_INSTANT, "${1}T${2}")
    )


def _error_text(detail: str) -> str:
    code = detail.rpartition("Error(")[2].partition(")")[0]
    return _ERROR_CELLS.get(code, "#ERROR!")
