"""The digest of a canonical table: sha256 over bytes that no file format, engine or library version decides.

Only the digest lives here. It is taken frame by frame as rows come, and does not depend on where one frame
ends and the next begins.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final, Protocol

import polars as pl

from schemas.errors import SchemaError

_TYPE_NAMES: Final[dict[pl.DataType, str]] = {
    pl.String(): "text",
    pl.Boolean(): "boolean",
    pl.Int8(): "int8",
    pl.Int16(): "int16",
    pl.Int32(): "int32",
    pl.Int64(): "int64",
    pl.UInt8(): "uint8",
    pl.UInt16(): "uint16",
    pl.UInt32(): "uint32",
    pl.UInt64(): "uint64",
    pl.Float64(): "float64",
    pl.Date(): "date",
    pl.Datetime("us"): "datetime[us]",
}
"""Names of our own, so that no library decides what a digest is taken over."""
_NULL_LENGTH: Final = 2**32 - 1
_ROWS_AT_ONCE: Final = 65_536
"""Rows whose bytes are in memory at once: those of a whole batch were 130 MiB of a run's."""


class _Hash(Protocol):
    def update(self, data: memoryview, /) -> None: ...

    def hexdigest(self) -> str: ...


class TableDigest:
    """sha256 of a canonical table, fed with its rows in order, in as many frames as one likes.

    Each column has two byte streams. The first tells null from value: for text the length of each cell in
    bytes as an unsigned 32-bit number, 2^32 - 1 for null; for other types one byte a cell, 1 for a value.
    The second holds the values: text in UTF-8 without any separator, numbers little-endian in their width,
    booleans as one byte, dates as 32-bit days and date-times as 64-bit microseconds since 1970-01-01, floats
    as IEEE 754; a null is 0. The digest is the sha256 of the JSON of [rows, [[name, type, sha256 of the
    first stream, sha256 of the second], ...]] without blanks. Lengths make it impossible for one text to
    pass for another, and null and empty text differ.

    Raises `SchemaError` for a column type that no table of this project has.
    """

    def __init__(self, schema: Mapping[str, pl.DataType]) -> None:
        unknown = [name for name, dtype in schema.items() if dtype not in _TYPE_NAMES]
        if unknown:
            raise SchemaError(
                f"no canonical bytes are defined for the type of the columns {', '.join(unknown)}",
                next_action="cast them to a type of the schema first",
            )
        self._types = {name: _TYPE_NAMES[dtype] for name, dtype in schema.items()}
        # One query a frame, for all columns at once: a query for each costs more than its rows.
        cells = [each for name, dtype in schema.items() for each in _canonical_cells(name, dtype)]
        self._cells = [each.alias(str(number)) for number, each in enumerate(cells)]
        self._streams: dict[str, tuple[_Hash, _Hash]] = {
            name: (hashlib.sha256(), hashlib.sha256()) for name in schema
        }
        self.rows = 0

    def update(self, frame: pl.DataFrame) -> None:
        """Take in the next rows."""
        self.rows += frame.height
        for rows in frame.iter_slices(_ROWS_AT_ONCE):
            cells = iter(rows.select(self._cells).iter_columns())
            for name in self._types:
                for stream in self._streams[name]:
                    stream.update(_bytes_of(next(cells)))

    def hexdigest(self) -> str:
        """The digest of all rows so far."""
        columns = [
            [name, self._types[name], first.hexdigest(), second.hexdigest()]
            for name, (first, second) in self._streams.items()
        ]
        text = json.dumps([self.rows, columns], ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def canonical_digest(frame: pl.DataFrame) -> str:
    """`TableDigest` of a whole canonical frame."""
    digest = TableDigest(frame.schema)
    digest.update(frame)
    return digest.hexdigest()


def _canonical_cells(name: str, dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
    """The cells of the two streams of a column, none of them null."""
    cells = pl.col(name)
    if dtype == pl.String():
        # A null adds no bytes of its own, as the empty text does not.
        first, second = cells.str.len_bytes().fill_null(_NULL_LENGTH), cells.fill_null("")
    else:
        first, second = cells.is_not_null().cast(pl.UInt8), cells.to_physical().fill_null(0)
    if dtype == pl.Boolean():
        second = cells.fill_null(value=False).cast(pl.UInt8)
    if dtype == pl.Float64():
        second = cells.fill_nan(float("nan")).fill_null(0)  # one NaN, whatever its payload
    return first, second


def _bytes_of(cells: pl.Series) -> memoryview:
    """The values of cells without nulls, one after the other."""
    array = cells.rechunk().to_arrow()
    values = array.buffers()[-1]
    if values is None or not len(array):
        return memoryview(b"")
    first, last = array.offset, array.offset + len(array)
    if cells.dtype == pl.String:
        ends = memoryview(array.buffers()[1]).cast("b").cast("q")
        first, last = ends[first], ends[last]
    else:
        width = array.type.bit_width // 8
        first, last = first * width, last * width
    return memoryview(values)[first:last]
