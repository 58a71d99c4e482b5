"""Intervals as polars expressions: the union of GRADING.md section 1, law 3.

Low and high are maxima. Null points do not merge pairwise: the highest known point and the highest
high among rows without a point are carried, and null is decided once at the end, so that the result
does not depend on how rows are split into groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from pipelines.grading.combinations import number_combinations
from schemas.base import SEPARATOR

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


def derive_joined(
    rows: pl.DataFrame, by: Sequence[str], columns: Mapping[str, tuple[str, pl.Expr]]
) -> pl.DataFrame:
    """Distinct parts of `|`-joined columns per group: `by`, and for each name what (column, where) gives.

    `where` says which rows of a group count. Parts are sorted and joined again; null where there is none.
    A group with one distinct text, as most have, needs no list.
    """
    numbers, groups = number_combinations(rows, by)
    numbered = rows.with_columns(numbers.alias("_group"))
    result = groups.with_row_index("_group")
    for name, (column, where) in columns.items():
        texts = (
            numbered.filter(where & (pl.col(column) != ""))
            .select("_group", pl.col(column).alias(name))
            .unique()
            .group_by("_group")
            .agg(name)
        )
        if texts.is_empty():
            result = result.with_columns(pl.lit(None, pl.String).alias(name))
            continue
        is_single = pl.col(name).list.len() == 1
        single = texts.filter(is_single).with_columns(pl.col(name).list.first())
        several = texts.filter(~is_single).explode(name, empty_as_null=False)
        joined = (
            several.with_columns(pl.col(name).str.split(SEPARATOR))
            .explode(name, empty_as_null=False)
            .unique()
            .sort("_group", name)
            .group_by("_group", maintain_order=True)
            .agg(pl.col(name).str.join(SEPARATOR))
        )
        found = pl.concat([single.with_columns(_sort_parts(single[name])), joined])
        result = result.join(found, on="_group", how="left", validate="1:1")
    return result.drop("_group")


def _sort_parts(texts: pl.Series) -> pl.Series:
    """Each text with its distinct parts in order; a text is looked at once."""
    sorted_texts = {text: SEPARATOR.join(sorted(set(text.split(SEPARATOR)))) for text in texts.unique()}
    return texts.replace_strict(sorted_texts, return_dtype=pl.String)


def compute_joined(column: str, where: pl.Expr) -> pl.Expr:
    """`derive_joined` as an aggregate among others, for tables of few rows.

    Sorted and joined again; null where there is none.
    """
    parts = pl.col(column).filter(where).drop_nulls().str.split("|").list.explode(empty_as_null=False)
    joined = parts.unique().sort().str.join("|")
    return pl.when(joined.str.len_bytes() > 0).then(joined)
