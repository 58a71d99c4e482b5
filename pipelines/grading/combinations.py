"""Distinct combinations of columns, numbered: what is decided once instead of once per row.

Only the numbering lives here; what is decided about a combination is the caller's. A number holds within the
frame it was made for and never enters a result.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def number_combinations(rows: pl.DataFrame, names: Sequence[str]) -> tuple[pl.Series, pl.DataFrame]:
    """The number of each row's combination, in the order of rows, and the combinations by number.

    Null is a value like any other. Columns that hold one value only are not looked at row by row.
    """
    if rows.is_empty():
        return pl.Series("combination", [], pl.UInt32), rows.select(names)
    varying = [name for name in names if not _is_constant(rows[name])]
    if not varying:
        return pl.zeros(rows.height, pl.UInt32, eager=True).alias("combination"), rows.select(names).head(1)
    members = (
        rows.select(varying)
        .with_row_index("_member")
        .group_by(varying)
        .agg("_member")
        .select("_member")
        .with_row_index("combination")
    )
    each = members.explode("_member", empty_as_null=False)
    numbers = pl.zeros(rows.height, pl.UInt32, eager=True).scatter(each["_member"], each["combination"])
    first = members["_member"].list.first()
    return numbers.alias("combination"), rows.select(names)[first]


def _is_constant(cells: pl.Series) -> bool:
    if cells.null_count():
        return cells.null_count() == cells.len()
    return bool((cells == cells[0]).all())
