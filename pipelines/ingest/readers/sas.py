"""SAS files: transport files (XPT v5 and v8) and sas7bdat, values read by pyreadstat.

Dates are converted here and not by that library, which folds a time of 25 hours to 01:00 and rounds
fractions of days: a number turns into a date, instant or time only where nothing is lost.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

import pyreadstat

from pipelines.ingest.readers.common import (
    MANIFEST_FILE,
    Parsed,
    Source,
    check_header,
    encoding_error,
    guarded,
    no_rejected,
    text_frame,
    unreadable,
)
from pipelines.ingest.readers.numbers import number_text
from pipelines.ingest.readers.xport_layout import (
    XportLayout,
    first_undecodable,
    hidden_text,
    is_blank_row,
    odd_number,
    read_layout,
    signed_zeros,
    special_missing,
)
from schemas.wording import counted

_ICONV: Final = {"utf-8": "UTF-8", "cp1252": "WINDOWS-1252", "latin-1": "ISO-8859-1"}
_DATE_FORMATS: Final = frozenset(
    {
        "DATE",
        "WEEKDATE",
        "WEEKDATX",
        "WORDDATE",
        "WORDDATX",
        "E8601DA",
        "IS8601DA",
        "B8601DA",
        "NENGO",
        "MINGUO",
    }
    | {
        order + mark
        for order in ("DDMMYY", "MMDDYY", "YYMMDD")
        for mark in ("", "B", "C", "D", "N", "P", "S")
    }
)
_INSTANT_FORMATS: Final = frozenset(
    {"DATETIME", "DTDATE", "DATEAMPM", "MDYAMPM", "E8601DT", "IS8601DT", "B8601DT", "E8601DN", "B8601DN"}
)
_TIME_FORMATS: Final = frozenset({"TIME", "TIMEAMPM", "HHMM", "TOD", "E8601TM", "IS8601TM", "B8601TM"})
_FORMAT_NAME: Final = re.compile(r"^([A-Z][A-Z0-9_]*?[A-Z_])\d*(?:\.\d*)?$")
_EPOCH: Final = datetime(1960, 1, 1)
_FIRST_YEAR: Final = 1582
_DAY_SECONDS: Final = 86_400

Cell = float | str | None


def read_xpt(path: Path, spec: Source) -> Parsed:
    """A transport file of version 5 or 8 with one table; see `_as_text` for the cells.

    Raises `UnreadableFileError` as `xport_layout.read_layout`, for text outside the declared encoding
    (READ-ENCODING), text behind a NUL byte (READ-NUL), a number in another form than SAS's, and when the
    library finds other rows than the bytes hold (READ-DAMAGED).
    """
    content = path.read_bytes()
    layout = read_layout(content, spec)
    table = _read(pyreadstat.read_xport, path, _ICONV[spec.encoding], spec)
    if table is None:
        offset = first_undecodable(content, layout, spec.encoding)
        raise encoding_error(spec, spec.encoding, layout.data_offset if offset is None else offset)
    data, meta = table
    names = check_header(list(meta.column_names), spec)
    if len(names) != len(layout.fields):
        raise _differs(spec, counted(len(names), "column"), f"{len(layout.fields)}")
    _require_plain_cells(content, layout, names, spec)
    columns = [list(data[name]) for name in names]
    _restore_blank_rows(columns, content, layout, spec)
    for position, rows in signed_zeros(content, layout).items():
        for row in rows:
            columns[position][row] = 0.0
    for position, cells in special_missing(content, layout).items():
        for row, text in cells.items():
            columns[position][row] = text
    parsed = _as_text(names, columns, meta)
    parsed.notes["encoding"] = spec.encoding
    parsed.notes["xport_version"] = str(layout.version)
    return parsed


def read_sas7bdat(path: Path, spec: Source) -> Parsed:
    """A SAS data set; its own header names the encoding unless the manifest declares one.

    Raises `UnreadableFileError` for a file shorter than its header says (READ-TRUNCATED) or damaged
    (READ-DAMAGED), and for text outside the encoding (READ-ENCODING).
    Known shortcoming: text behind a NUL byte in a cell is lost; SAS pads with blanks and writes none.
    """
    _require_whole(path, spec)
    declared = _ICONV[spec.encoding] if spec.is_encoding_declared else None
    table = _read(pyreadstat.read_sas7bdat, path, declared, spec, user_missing=True)
    if table is None:
        raise unreadable(
            spec,
            "text in the file is not in its encoding",
            f"declare the encoding in {MANIFEST_FILE} beside this file, e.g. encoding: cp1252",
            "READ-ENCODING",
            column="encoding",
        )
    data, meta = table
    names = check_header(list(meta.column_names), spec)
    specials = meta.missing_user_values
    columns = [_mark_specials(list(data[name]), name in specials) for name in names]
    if meta.number_rows is not None and columns and len(columns[0]) != meta.number_rows:
        raise _differs(spec, counted(len(columns[0]), "row"), f"{meta.number_rows}")
    parsed = _as_text(names, columns, meta)
    parsed.notes["encoding"] = declared or str(meta.file_encoding)
    return parsed


def _require_plain_cells(content: bytes, layout: XportLayout, names: list[str], spec: Source) -> None:
    """Refuse what the library would read as something else than the bytes say."""
    for found, rule_id, what in (
        (
            hidden_text(content, layout),
            "READ-NUL",
            "the text goes on behind a NUL byte, where it would be lost",
        ),
        (odd_number(content, layout), "READ-DAMAGED", "the number is not in the form SAS writes"),
    ):
        if found is not None:
            raise unreadable(
                spec,
                f"{what} (row {found[0] + 1})",
                "correct the cell at its source and export the table again",
                rule_id,
                column=names[found[1]],
            )


def _read(
    reader: Callable[..., tuple[Any, Any]], path: Path, encoding: str | None, spec: Source, **options: bool
) -> tuple[Mapping[str, Sequence[Cell]], Any] | None:
    """Columns by name, and the library's description of the file; None for text outside the encoding."""
    with guarded(spec, "a SAS file"):
        try:
            return reader(
                path, encoding=encoding, output_format="dict", disable_datetime_conversion=True, **options
            )
        except UnicodeDecodeError:
            return None
        except pyreadstat.ReadstatError as failure:
            if "convert string" in str(failure):
                return None
            raise


def _as_text(names: list[str], columns: list[list[Cell]], meta: Any) -> Parsed:
    """Cells as text: text as stored without SAS's padding, numbers as short as exact, dates in ISO 8601.

    A date, datetime or time format turns a number into ISO text where the number is one (whole days from
    1582 to 9999, a time within one day); other numbers in such a column stay numbers and are counted in
    the notes. Special missing values are `.A` to `.Z` and `._`; the ordinary missing value is null.
    """
    notes = {}
    for key, value in (("table", meta.table_name), ("label", meta.file_label)):
        if value:
            notes[key] = str(value)
    dated: list[str] = []
    undated = 0
    texts: list[list[str | None]] = []
    for name, cells in zip(names, columns, strict=True):
        if meta.readstat_variable_types.get(name) == "string":
            texts.append(cast("list[str | None]", cells))
            continue
        convert = _converter(meta.original_variable_types.get(name))
        column: list[str | None] = []
        for cell in cells:
            if cell is None or isinstance(cell, str):
                column.append(cell)
            elif cell != cell:  # noqa: PLR0124 - NaN is the ordinary missing value
                column.append(None)
            else:
                text = convert(cell) if convert else None
                undated += convert is not None and text is None
                column.append(number_text(cell) if text is None else text)
        if convert is not None:
            dated.append(name)
        texts.append(column)
    if dated:
        notes["dates_from_numbers"] = ", ".join(dated)
    if undated:
        notes["numbers_that_are_no_dates"] = str(undated)
    rows = range(1, len(texts[0]) + 1)
    return Parsed(text_frame(names, texts, rows), no_rejected(), notes)


def _converter(format_name: str | None) -> Callable[[float], str | None] | None:
    match = _FORMAT_NAME.match(format_name or "")
    base = match.group(1) if match else ""
    if base in _DATE_FORMATS:
        return _date_text
    if base in _INSTANT_FORMATS:
        return _instant_text
    return _time_text if base in _TIME_FORMATS else None


def _date_text(days: float) -> str | None:
    """Days since 1960-01-01 as a date, or None where the number is none.

    >>> _date_text(0.0), _date_text(21915.0), _date_text(0.5)
    ('1960-01-01', '2020-01-01', None)
    """
    if not days.is_integer():
        return None
    try:
        day = _EPOCH.date() + timedelta(days=int(days))
    except OverflowError:
        return None
    return day.isoformat() if day.year >= _FIRST_YEAR else None


def _instant_text(seconds: float) -> str | None:
    """Seconds since 1960-01-01T00:00:00 as an instant, or None where the number is none."""
    try:
        instant = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None
    return instant.isoformat() if instant.year >= _FIRST_YEAR else None


def _time_text(seconds: float) -> str | None:
    """Seconds since midnight as a time, or None where they leave the day."""
    if not 0 <= seconds < _DAY_SECONDS:
        return None
    instant = _EPOCH + timedelta(seconds=seconds)
    return instant.time().isoformat() if instant.date() == _EPOCH.date() else None


def _mark_specials(cells: list[Cell], has_specials: bool) -> list[Cell]:
    """Write the library's bare letter of a special missing value as SAS prints it."""
    return [f".{cell}" if has_specials and isinstance(cell, str) else cell for cell in cells]


def _restore_blank_rows(columns: list[list[Cell]], content: bytes, layout: XportLayout, spec: Source) -> None:
    """Give back the blank rows at the end of the table, which the library takes for padding."""
    read = len(columns[0])
    absent = range(read, layout.rows)
    if read > layout.rows or not all(is_blank_row(content, layout, row) for row in absent):
        raise _differs(spec, counted(read, "row"), f"{layout.rows}")
    for column, field in zip(columns, layout.fields, strict=True):
        column.extend([None if field.is_numeric else ""] * len(absent))


def _require_whole(path: Path, spec: Source) -> None:
    """Compare the size of a sas7bdat file with its header: header length + pages x page length."""
    with path.open("rb") as stream:
        head = stream.read(288)
    size = path.stat().st_size
    try:
        order = "<" if head[37] == 1 else ">"
        shift = 4 if head[35] == 0x33 else 0
        header_bytes, page_bytes = struct.unpack_from(f"{order}ii", head, 196 + shift)
        pages = struct.unpack_from(f"{order}q" if head[32] == 0x33 else f"{order}i", head, 204 + shift)[0]
    except (struct.error, IndexError):
        header_bytes, page_bytes, pages = size + 1, 0, 0
    if size < header_bytes + page_bytes * pages:
        raise unreadable(
            spec,
            f"the file is cut short: it has {counted(size, 'byte')}, its header promises more",
            "get the whole file again from its source and compare its size",
            "READ-TRUNCATED",
        )


def _differs(spec: Source, read: str, held: str) -> Exception:
    return unreadable(
        spec,
        f"damaged: {read} could be read where the file holds {held}",
        "get the file again from its source, or export it in another format",
        "READ-DAMAGED",
    )
