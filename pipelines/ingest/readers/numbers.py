"""Typed columns as text: numbers without a needless `.0`, dates and times in ISO 8601.

Only the spelling of values is decided here; what a value means is decided in staging.
"""

from __future__ import annotations

import polars as pl


def number_text(value: float) -> str:
    """Shortest text that reads back as the same number: 3.0 is '3', 0.1 is '0.1'; null never arrives here.

    >>> number_text(3.0), number_text(2.5), number_text(1e-10)
    ('3', '2.5', '1e-10')
    """
    return repr(value + 0.0).removesuffix(".0")  # + 0.0: no negative zero


def column_text(column: pl.Series) -> pl.Series | None:
    """A typed column as text; None for a type that has no plain text (lists, structures, bytes).

    Booleans become `true` and `false`, dates `YYYY-MM-DD`, instants `YYYY-MM-DDTHH:MM:SS` with their
    fraction and UTC offset where they have one.
    """
    dtype = column.dtype
    if dtype == pl.String:
        return column
    if dtype.is_float():
        cells = [None if value is None else number_text(value) for value in column.to_list()]
        return pl.Series(column.name, cells, dtype=pl.String)
    if isinstance(dtype, pl.Datetime):
        pattern = "%Y-%m-%dT%H:%M:%S%.f" + ("" if dtype.time_zone is None else "%:z")
        return column.dt.to_string(pattern)
    if isinstance(dtype, pl.Time):
        return column.dt.to_string("%H:%M:%S%.f")
    if (
        dtype.is_integer()
        or dtype.is_decimal()
        or dtype in (pl.Boolean, pl.Date, pl.Categorical, pl.Enum, pl.Null)
    ):
        return column.cast(pl.String)
    return None
