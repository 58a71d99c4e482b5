"""The layout of a SAS transport file: where its rows start, how long they are, how many there must be.

A transport file of version 5 stores no row count, so every reader takes a file that was cut short for a
smaller table. This module counts what the bytes can hold; pyreadstat reads the values. It also finds the
special missing values, which that library drops from transport files.

Source: SAS technical paper TS-140, "The Record Layout of a SAS Transport Data Set", and its version for
V8 and V9 files: 80-byte records, 140-byte name descriptions, rows one after the other, and blanks up to
the next multiple of 80.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from pipelines.ingest.readers.common import Source, unreadable
from schemas.wording import counted

RECORD: Final = 80
_HEADER: Final = b"HEADER RECORD*******"
_MISSING_MARKS: Final = b"._ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WHOLE_FILE: Final = "get the whole file again from its source and compare its size"

Bytes: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Flags: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True)
class XportField:
    """One variable: its place in a row."""

    is_numeric: bool
    offset: int
    length: int


@dataclass(frozen=True)
class XportLayout:
    """Place and number of the rows."""

    version: int
    fields: tuple[XportField, ...]
    data_offset: int
    row_bytes: int
    rows: int


def read_layout(content: bytes, spec: Source) -> XportLayout:
    """Layout of a transport file with one table.

    Raises `UnreadableFileError`: READ-TRUNCATED when the size is no multiple of 80, the last row is
    incomplete or the stored count is not met; READ-SEVERAL-TABLES; READ-DAMAGED for a broken header.
    """
    if len(content) % RECORD:
        raise unreadable(
            spec,
            f"the file is cut short: its size of {counted(len(content), 'byte')} is no multiple of {RECORD}",
            _WHOLE_FILE,
            "READ-TRUNCATED",
        )
    try:
        version, fields, start, declared = _parse_header(content)
    except (ValueError, struct.error, IndexError):
        raise unreadable(
            spec, "the header of the transport file is damaged or cut short", _WHOLE_FILE, "READ-DAMAGED"
        ) from None
    _require_one_table(content, start, spec)
    row_bytes = max(field.offset + field.length for field in fields)
    return XportLayout(
        version, fields, start, row_bytes, _count_rows(content, start, row_bytes, declared, spec)
    )


def special_missing(content: bytes, layout: XportLayout) -> dict[int, dict[int, str]]:
    """Special missing values: field position -> row (from 0) -> `.A` to `.Z` or `._`.

    A number that is missing in a special way is its letter followed by zero bytes; the ordinary missing
    value (`.`) is not listed.
    """
    found: dict[int, dict[int, str]] = {}
    for position, value in _numbers(content, layout):
        letter = value[:, 0]
        is_special = _is_missing_mark(letter) & (letter != ord(".")) & ~value[:, 1:].any(axis=1)
        rows = np.flatnonzero(is_special)
        if rows.size:
            found[position] = {int(row): f".{chr(letter[row])}" for row in rows}
    return found


def hidden_text(content: bytes, layout: XportLayout) -> tuple[int, int] | None:
    """First text with something behind a NUL byte: row (from 0) and field position; None where there is none.

    The library ends a text at its first NUL, so what follows would be lost. NULs at the end are padding.
    """
    if b"\0" not in content[layout.data_offset :]:
        return None
    cells = _row_bytes(content, layout)
    found = []
    for position, field in enumerate(layout.fields):
        if field.is_numeric or not layout.rows:
            continue
        value = cells[:, field.offset : field.offset + field.length]
        if not (value == 0).any():
            continue
        is_behind = np.logical_or.accumulate(value == 0, axis=1) & (value != 0) & (value != ord(" "))
        found += [(int(row), position) for row in np.flatnonzero(is_behind.any(axis=1))[:1]]
    return min(found, default=None)


def odd_number(content: bytes, layout: XportLayout) -> tuple[int, int] | None:
    """First number that is not in normal form: row (from 0) and field position; None where there is none.

    An IBM number starts with a digit (4 bits) that is not zero, unless all of them are. SAS writes no other,
    and the library takes one with a zero there for a number sixteen times as large.
    """
    found = []
    for position, value in _numbers(content, layout):
        is_odd = (value[:, 1] < 16) & value[:, 1:].any(axis=1)
        found += [(int(row), position) for row in np.flatnonzero(is_odd)[:1]]
    return min(found, default=None)


def signed_zeros(content: bytes, layout: XportLayout) -> dict[int, list[int]]:
    """Zeros with a sign or an exponent, e.g. minus zero: field position -> rows (from 0).

    The library takes them for missing values.
    """
    found = {}
    for position, value in _numbers(content, layout):
        first = value[:, 0]
        rows = np.flatnonzero((first != 0) & ~value[:, 1:].any(axis=1) & ~_is_missing_mark(first))
        if rows.size:
            found[position] = rows.tolist()
    return found


def _numbers(content: bytes, layout: XportLayout) -> Iterator[tuple[int, Bytes]]:
    """Position and bytes of every numeric field, a line per row; none for a table without rows."""
    cells = _row_bytes(content, layout)
    for position, field in enumerate(layout.fields):
        if field.is_numeric and layout.rows:
            yield position, cells[:, field.offset : field.offset + field.length]


def _is_missing_mark(first: Bytes) -> Flags:
    """Where the first byte of a number without digits says missing: `.`, `_` or `A` to `Z`."""
    marks: Flags = np.isin(first, np.frombuffer(_MISSING_MARKS, np.uint8))
    return marks


def is_blank_row(content: bytes, layout: XportLayout, row: int) -> bool:
    """Whether a row (from 0) consists of blanks only."""
    begin = layout.data_offset + row * layout.row_bytes
    return not content[begin : begin + layout.row_bytes].strip(b" ")


def first_undecodable(content: bytes, layout: XportLayout, codec: str) -> int | None:
    """Byte offset of the first text that is not in the encoding; None when only names or labels are not."""
    for row in range(layout.rows):
        for field in layout.fields:
            begin = layout.data_offset + row * layout.row_bytes + field.offset
            if field.is_numeric:
                continue
            try:
                content[begin : begin + field.length].decode(codec)
            except UnicodeDecodeError as failure:
                return begin + failure.start
    return None


def _parse_header(content: bytes) -> tuple[int, tuple[XportField, ...], int, int | None]:
    version = 8 if content[20:28] == b"LIBV8   " else 5
    member, names = (b"MEMBV8", b"NAMSTV8") if version == 8 else (b"MEMBER", b"NAMESTR")
    if not content.startswith(_HEADER + member, 3 * RECORD) or not content.startswith(
        _HEADER + names, 7 * RECORD
    ):
        raise ValueError
    name_bytes = int(content[3 * RECORD + 74 : 3 * RECORD + 78])
    count = int(content[7 * RECORD + 53 : 7 * RECORD + 58])
    if not 88 <= name_bytes <= 140 or count < 1:
        raise ValueError
    fields = []
    for index in range(count):
        begin = 8 * RECORD + index * name_bytes
        kind, length, offset = (
            struct.unpack_from(">h", content, begin)[0],
            struct.unpack_from(">H", content, begin + 4)[0],
            struct.unpack_from(">i", content, begin + 84)[0],
        )
        if kind not in (1, 2) or length < 1 or offset < 0 or (kind == 1 and not 2 <= length <= 8):
            raise ValueError
        fields.append(XportField(kind == 1, offset, length))
    # One behind the other: the library goes by the lengths alone, and would shift values.
    place = 0
    for field in fields:
        if field.offset != place:
            raise ValueError
        place += field.length
    place = 8 * RECORD + -(-count * name_bytes // RECORD) * RECORD
    # Version 8 may put long labels between the names and the rows.
    while not content.startswith(_HEADER + b"OBS", place):
        place += RECORD
        if place >= len(content):
            raise ValueError
    stored = content[place + 48 : place + 63].strip()
    declared = (
        int(stored) if version == 8 and stored.isdigit() and content.startswith(b" ", place + 48) else None
    )
    return version, tuple(fields), place + RECORD, declared


def _require_one_table(content: bytes, start: int, spec: Source) -> None:
    place = content.find(_HEADER + b"MEMB", start)
    while place != -1:
        if place % RECORD == 0:
            raise unreadable(
                spec,
                "the transport file holds several tables",
                "export one table into each file",
                "READ-SEVERAL-TABLES",
            )
        place = content.find(_HEADER + b"MEMB", place + 1)


def _count_rows(content: bytes, start: int, row_bytes: int, declared: int | None, spec: Source) -> int:
    """Rows the bytes hold: what follows them is under one record of blanks."""
    room = len(content) - start
    rows, rest = divmod(room, row_bytes)
    if declared is not None:
        if not 0 <= room - declared * row_bytes < RECORD:
            what = f"the file says it has {counted(declared, 'row')} but has room for {rows}"
            raise unreadable(spec, what, _WHOLE_FILE, "READ-TRUNCATED")
        return declared
    if rest >= RECORD or content[len(content) - rest :].strip(b" "):
        what = f"the file is cut short: a part of a row follows {counted(rows, 'whole row')}"
        raise unreadable(spec, what, _WHOLE_FILE, "READ-TRUNCATED")
    # Short blank rows at the very end cannot be told from padding, and are taken for padding.
    while (
        rows
        and room - (rows - 1) * row_bytes < RECORD
        and not content[start + (rows - 1) * row_bytes :].strip(b" ")
    ):
        rows -= 1
    return rows


def _row_bytes(content: bytes, layout: XportLayout) -> Bytes:
    flat = np.frombuffer(content, np.uint8, layout.rows * layout.row_bytes, layout.data_offset)
    return flat.reshape(layout.rows, layout.row_bytes)
