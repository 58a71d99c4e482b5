"""What must hold of a table that was read, whatever the file: no row lost, no value shifted or invented.

Each check reads the bytes again by other means than the reader: a walk over the text, the standard
library, the definition of IBM numbers. A failed check is an `AssertionError`.
"""

from __future__ import annotations

import html
import io
import json
import re
import struct
import zipfile
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from pipelines.ingest.raw import ROW, RawTable
from pipelines.ingest.readers.common import Source
from pipelines.ingest.readers.xport_layout import read_layout

Row = list[str | None]


def assert_accounted(table: RawTable) -> None:
    """Every row has one number, is kept or rejected, and a rejected one keeps its text."""
    assert table.rows_in == table.frame.height + table.rejected.height
    numbers = [*table.frame[ROW].to_list(), *table.rejected["source_row"].to_list()]
    assert len(set(numbers)) == len(numbers)
    assert all(number >= 1 for number in numbers)
    assert all("line" in json.loads(cells) for cells in table.rejected["cells"])
    assert "" not in {cell for row in table.frame.iter_rows() for cell in row[1:]}


def rows_of(table: RawTable) -> dict[int, Row]:
    """Cells of the kept rows by row number."""
    return {number: list(cells) for number, *cells in table.frame.iter_rows()}


def lines_of(table: RawTable) -> dict[int, str]:
    """Text of the rejected rows by row number."""
    pairs = table.rejected.select("source_row", "cells").iter_rows()
    return {number: json.loads(cells)["line"] for number, cells in pairs}


def assert_delimited(content: bytes, table: RawTable, codec: str, delimiter: str, *, quoted: bool) -> None:
    """The header, the kept and the rejected rows, written one after the other, are the file."""
    if content.startswith(b"\xef\xbb\xbf"):
        content, codec = content[3:], "utf-8"
    text = content.decode(codec, "surrogateescape")
    kept, rejected = rows_of(table), lines_of(table)
    at = _after(text, _blank_end(text, 0), _row_pattern(table.frame.columns[1:], delimiter, quoted=quoted))
    for number in range(1, table.rows_in + 1):
        at = _blank_end(text, at)
        if number in kept:
            at = _after(text, at, _row_pattern(kept[number], delimiter, quoted=quoted))
            continue
        at = _after_line(text, at, rejected[number])
        assert at == len(text) or text[at] in "\r\n", f"row {number} ends within a line"
    assert not text[at:].strip("\r\n"), "text after the last row"


def _after_line(text: str, at: int, line: str) -> int:
    """Where a line ends; a byte that could not be decoded is shown in it as \\xNN."""
    place = 0
    while place < len(line):
        assert at < len(text), "a rejected row is longer than the file"
        shown = text[at]
        if "\udc80" <= shown <= "\udcff":
            shown = f"\\x{ord(shown) - 0xDC00:02x}"
        assert line.startswith(shown, place), "a rejected row is not the next line"
        place += len(shown)
        at += 1
    return at


def _row_pattern(cells: Sequence[str | None], delimiter: str, *, quoted: bool) -> re.Pattern[str]:
    forms = []
    for cell in cells:
        text = cell or ""
        form = [re.escape(text)] if not (quoted and text.startswith('"')) else []
        if quoted:
            form.append(re.escape('"' + text.replace('"', '""') + '"'))
        forms.append(f"(?:{'|'.join(form)})")
    return re.compile(re.escape(delimiter).join(forms))


def _after(text: str, at: int, pattern: re.Pattern[str]) -> int:
    ends = re.compile(pattern.pattern + r"(?=[\r\n]|\Z)", re.DOTALL)
    found = ends.match(text, at)
    assert found, "a row's cells are not the next ones of the file"
    return found.end()


def _blank_end(text: str, at: int) -> int:
    while at < len(text) and text[at] in "\r\n":
        at += 1
    return at


def assert_ndjson(content: bytes, table: RawTable) -> None:
    """Row k is what Python reads from line k + 1, value by value."""
    lines = content.decode("utf-8-sig").split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    assert table.rows_in == len(lines) - 1
    names = [column["name"] for column in _json(lines[0])["columns"]]
    assert names == table.frame.columns[1:]
    for number, cells in rows_of(table).items():
        assert cells == _texts(_json(lines[number])), f"row {number}"


def assert_json(content: bytes, table: RawTable) -> None:
    """Row k is entry k of `rows`."""
    whole = _json(content.decode("utf-8-sig"))
    rows = whole.get("rows") or []
    assert table.rows_in == len(rows)
    for number, cells in rows_of(table).items():
        assert cells == _texts(rows[number - 1]), f"row {number}"


def _json(text: str) -> Any:
    return json.loads(text, parse_float=str, parse_int=str)


def _texts(row: list[Any]) -> Row:
    words = {True: "true", False: "false", None: None}
    cells = [words[value] if value is None or isinstance(value, bool) else value for value in row]
    return [cell or None for cell in cells]


def assert_workbook(content: bytes, table: RawTable) -> None:
    """Every cell is a text or a number of the workbook's own XML, or a day that is one of its numbers."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        xml = " ".join(_entry(archive, name) for name in archive.namelist())
    # A text may be in several runs: with the marks between them, and without.
    written = re.sub(r"_x([0-9A-Fa-f]{4})_", lambda m: chr(int(m[1], 16)), xml)
    text = _flat(html.unescape(written + " " + re.sub(r"<[^>]*>", "", written)))
    numbers = {_number(word) for word in re.findall(r"[-+.0-9eE]+", xml)}
    for cell in (cell for row in rows_of(table).values() for cell in row if cell is not None):
        if _flat(cell) in text or cell in ("true", "false") or cell.startswith("#"):
            continue
        assert _is_near(_number(cell), numbers) or _is_day(cell, numbers), "a cell is not in the workbook"


def _entry(archive: zipfile.ZipFile, name: str) -> str:
    try:
        return archive.read(name).decode("utf-8", "replace")
    except Exception:  # an entry that Python cannot unpack
        return ""


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _is_near(value: float | None, numbers: set[float | None]) -> bool:
    # The library writes nine decimals: 0.1 + 0.2 is 0.3, as a person sees it.
    if value is None or value in numbers:
        return value is not None
    return any(number is not None and abs(number - value) <= 6e-10 for number in numbers)


def _is_day(cell: str, numbers: set[float | None]) -> bool:
    # A day, an instant or a time is a number of days since 1899-12-30, or since 1904-01-01.
    return bool(re.match(r"^(\d{4}-\d\d-\d\d)?T?(\d\d:\d\d:\d\d(\.\d+)?)?$", cell)) and bool(numbers)


def assert_texts_are_bytes(
    content: bytes, table: RawTable, columns: Sequence[str], codec: str = "utf-8"
) -> None:
    """Every text of these columns stands in the file byte for byte: for formats that store it plainly."""
    for name in (name for name in columns if name in table.frame.columns):
        for cell in table.frame[name].drop_nulls():
            assert cell.encode(codec) in content, f"a cell of {name} is not in the file"


def assert_transport(content: bytes, table: RawTable) -> None:
    """Every cell is what the bytes at its place say: text without padding, IBM numbers, days since 1960."""
    layout = read_layout(content, Source("ae.xpt"))
    assert table.rows_in == layout.rows
    for number, cells in rows_of(table).items():
        begin = layout.data_offset + (number - 1) * layout.row_bytes
        for cell, field in zip(cells, layout.fields, strict=True):
            stored = content[begin + field.offset : begin + field.offset + field.length]
            if not field.is_numeric:
                assert (cell or "") == stored.decode("utf-8").rstrip(" \0"), f"text of row {number}"
                continue
            value = ibm_number(stored)
            if value is None:
                assert cell is None or re.fullmatch(r"\.[A-Z_]", cell), f"missing number of row {number}"
            else:
                assert _is_number_or_date(cell, value), f"number of row {number}"


def ibm_number(stored: bytes) -> float | None:
    """Value of an IBM double of 2 to 8 bytes; None for a SAS missing value."""
    padded = stored.ljust(8, b"\0")
    if not any(padded[1:]) and padded[0] and (padded[0] in b"._" or 65 <= padded[0] <= 90):
        return None
    (bits,) = struct.unpack(">Q", padded)
    sign = -1.0 if bits >> 63 else 1.0
    return float(sign * (bits & (1 << 56) - 1) * 16.0 ** ((bits >> 56 & 0x7F) - 64 - 14))


def _is_number_or_date(cell: str | None, value: float) -> bool:
    if cell is None:
        return False
    as_number = _number(cell)
    if as_number is not None:
        return as_number == value or abs(as_number - value) <= abs(value) * 2**-50
    try:
        day = date.fromisoformat(cell[:10])
    except ValueError:
        return bool(re.fullmatch(r"\d\d:\d\d:\d\d(\.\d+)?", cell)) and 0 <= value < 86_400
    epoch = date(1960, 1, 1)
    return day in (epoch + timedelta(days=int(value)), epoch + timedelta(days=value // 86_400))
