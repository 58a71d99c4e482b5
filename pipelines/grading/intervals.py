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
    All columns are found in one pass; a group with one distinct text, as most have, needs no list.
    """
    numbers, groups = number_combinations(rows, by)
    numbered = rows.lazy().with_columns(numbers.alias("_group"))
    texts = (
        pl.concat(
            numbered.filter(where & (pl.col(column) != "")).select(
                "_group", pl.lit(number, pl.UInt32).alias("_name"), pl.col(column).alias("_text")
            )
            for number, (column, where) in enumerate(columns.values())
        )
        .unique()
        .group_by("_group", "_name")
        .agg("_text")
        .collect(engine="in-memory")
    )
    is_single = pl.col("_text").list.len() == 1
    single = texts.filter(is_single).with_columns(pl.col("_text").list.first())
    several = (
        texts.lazy()
        .filter(~is_single)
        .explode("_text", empty_as_null=False)
        .with_columns(pl.col("_text").str.split(SEPARATOR))
        .explode("_text", empty_as_null=False)
        .unique()
        .sort("_group", "_name", "_text")
        .group_by("_group", "_name", maintain_order=True)
        .agg(pl.col("_text").str.join(SEPARATOR))
        .collect(engine="in-memory")
    )
    found = pl.concat([single.with_columns(sort_parts(single["_text"])), several])
    wide = found.pivot("_name", on_columns=range(len(columns)), index="_group", values="_text")
    wide.columns = ["_group", *columns]
    return groups.with_row_index("_group").join(wide, on="_group", how="left", validate="1:1").drop("_group")


def sort_parts(texts: pl.Series) -> pl.Series:
    """Each `|`-joined text with its distinct parts in order; a text is looked at once, null stays null."""
    sorted_texts = {
        text: SEPARATOR.join(sorted(set(text.split(SEPARATOR)))) for text in texts.drop_nulls().unique()
    }
    return texts.replace_strict(sorted_texts, return_dtype=pl.String)


def compute_joined(column: str, where: pl.Expr) -> pl.Expr:
    """`derive_joined` as an aggregate among others, for tables of few rows.

    Sorted and joined again; null where there is none.
    """
    parts = pl.col(column).filter(where).drop_nulls().str.split("|").list.explode(empty_as_null=False)
    joined = parts.unique().sort().str.join("|")
    return pl.when(joined.str.len_bytes() > 0).then(joined)
