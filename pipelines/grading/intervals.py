"""Intervals as polars expressions: the union of GRADING.md section 1, law 3.

Low and high are maxima. Null points do not merge pairwise: the highest known point and the highest
high among rows without a point are carried, and null is decided once at the end, so that the result
does not depend on how rows are split into groups.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

CARRIED = (
    pl.col("low").max().alias("low"),
    pl.col("high").max().alias("high"),
    pl.col("point").max().alias("_known_point"),
    pl.col("high").filter(pl.col("point").is_null()).max().alias("_open_high"),
)
"""Aggregates that may be maximised again and again before `compute_union` is applied."""


def compute_union() -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Low, point and high from the carried aggregates; a group without rows is 0/0/0.

    The point is null when a row without a point could exceed the highest known point.
    """
    known = pl.col("_known_point").fill_null(0)
    point = pl.when(pl.col("_open_high").fill_null(0) <= known).then(known)
    return (
        pl.col("low").fill_null(0).cast(pl.Int8).alias("low"),
        point.cast(pl.Int8).alias("point"),
        pl.col("high").fill_null(0).cast(pl.Int8).alias("high"),
    )


def combine_union(rows: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Union of intervals per group: columns `by`, low, point, high. Row order does not matter."""
    return rows.group_by(list(by)).agg(*CARRIED).select(*by, *compute_union())


def compute_joined(column: str, where: pl.Expr) -> pl.Expr:
    """Distinct parts of a `|`-joined column over the rows of a group that satisfy `where`.

    Sorted and joined again; null where there is none.
    """
    parts = pl.col(column).filter(where).drop_nulls().str.split("|").list.explode(empty_as_null=False)
    joined = parts.unique().sort().str.join("|")
    return pl.when(joined.str.len_bytes() > 0).then(joined)
