"""Rows of one table in two runs: which are in one run only, which are in both with other cells.

What may live here: matching rows and writing them down. What may not: which tables and columns count
(`run_diff_tables`), causes, counts for a reader.

Equal rows cancel out first, also where several share a key; of the rest, rows of the same key are paired in
the order of their cells, so that nothing depends on the order of the rows.
"""

from __future__ import annotations

import hashlib
from typing import Final

import polars as pl

from pipelines.diffs.run_diff_tables import Compared

KEY: Final = "_key"
REPEAT: Final = "_repeat"
CHANGE: Final = "_change"
_BEFORE, _AFTER = "_before", "_after"
_DIGITS: Final = 16
_HIDDEN: Final = "cells"
"""Part of a key that is the row itself: shown as a digest."""


def encode(columns: tuple[str, ...]) -> pl.Expr:
    """The columns as one JSON object: exact, so that equal text is an equal row."""
    return pl.struct(columns).struct.json_encode()


def pair_rows(compared: Compared, a: pl.DataFrame, b: pl.DataFrame) -> pl.DataFrame:
    """Rows that differ: the key columns, KEY (them as JSON), REPEAT, CHANGE (added, removed or changed), and

    each compared column of the first run with `_before` and of the second with `_after`. `a` and `b` are
    frames of `Compared.frame`.
    """
    rest_a, rest_b = _unequal(compared, a, b)
    keys = [*compared.key, REPEAT]
    left = _numbered(compared, rest_a).rename({name: name + _BEFORE for name in compared.columns})
    right = _numbered(compared, rest_b).rename({name: name + _AFTER for name in compared.columns})
    is_a, is_b = pl.lit(value=True).alias("_in_a"), pl.lit(value=True).alias("_in_b")
    return (
        left.with_columns(is_a)
        .join(right.with_columns(is_b), on=keys, how="full", coalesce=True, nulls_equal=True)
        .with_columns(
            encode(compared.key).alias(KEY),
            pl.when(pl.col("_in_a").is_null())
            .then(pl.lit("added"))
            .when(pl.col("_in_b").is_null())
            .then(pl.lit("removed"))
            .otherwise(pl.lit("changed"))
            .alias(CHANGE),
        )
        .drop("_in_a", "_in_b")
    )


def _unequal(compared: Compared, a: pl.DataFrame, b: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of each side without an equal one on the other."""
    if a.equals(b):
        return a.clear(), b.clear()
    columns = [*compared.key, *compared.columns]
    if not compared.is_key_unique:
        counter = pl.int_range(pl.len(), dtype=pl.Int64).over(columns).alias("_equal")
        a, b = a.with_columns(counter), b.with_columns(counter)
        columns = [*columns, "_equal"]
    rest_a = a.join(b, on=columns, how="anti", nulls_equal=True)
    rest_b = b.join(a, on=columns, how="anti", nulls_equal=True)
    return rest_a.drop("_equal", strict=False), rest_b.drop("_equal", strict=False)


def _numbered(compared: Compared, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with REPEAT: 1, 2, ... within a key, by their cells."""
    if compared.is_key_unique:
        return rows.with_columns(pl.lit(1, pl.Int64).alias(REPEAT))
    ordered = rows.sort([*compared.key, *compared.columns], nulls_last=False)
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over(list(compared.key))
    return ordered.with_columns(number.alias(REPEAT))


def differs(name: str) -> pl.Expr:
    """The cell of a column differs in a row that both runs have."""
    is_changed = pl.col(CHANGE) == "changed"
    return is_changed & pl.col(name + _BEFORE).ne_missing(pl.col(name + _AFTER))


def describe_rows(compared: Compared, pairs: pl.DataFrame) -> pl.DataFrame:
    """Rows of `pair_rows` as `diff_run_rows` has them, but study, runs and cause; KEY stays."""
    columns = compared.columns
    shown_key = _shown_key(compared)
    subject = pl.col("subject_id") if compared.has_subject else pl.lit(None, pl.String)
    is_changed = pl.col(CHANGE) == "changed"
    names = [pl.when(differs(name)).then(pl.lit(name)) for name in columns]
    joined = pl.concat_str(*names, separator="|", ignore_nulls=True)
    return pairs.select(
        KEY,
        pl.lit(compared.name).alias("table_name"),
        shown_key.alias("row_key"),
        pl.col(REPEAT).alias("repeat"),
        subject.alias("subject_id"),
        pl.col(CHANGE).alias("change"),
        pl.when(is_changed).then(joined).alias("changed_columns"),
        pl.when(pl.col(CHANGE) != "added").then(_cells(columns, _BEFORE)).alias("before"),
        pl.when(pl.col(CHANGE) != "removed").then(_cells(columns, _AFTER)).alias("after"),
    )


def _cells(columns: tuple[str, ...], side: str) -> pl.Expr:
    """Cells of one side as a JSON object: those that differ, or all where the row is in one run only."""
    parts = []
    for name in columns:
        cell = pl.struct(pl.col(name + side).alias(name)).struct.json_encode().str.slice(1)
        is_told = differs(name) | (pl.col(CHANGE) != "changed")
        parts.append(pl.when(is_told).then(cell.str.strip_suffix("}")))
    return pl.format(
        "{}{}{}", pl.lit("{"), pl.concat_str(*parts, separator=",", ignore_nulls=True), pl.lit("}")
    )


def _shown_key(compared: Compared) -> pl.Expr:
    """The key for a reader, as JSON: without the study, and a row's own cells as a digest."""
    parts = [pl.col(name) for name in compared.key if name not in ("study_id", _HIDDEN)]
    if _HIDDEN in compared.key:
        parts.append(pl.col(_HIDDEN).map_elements(_digest, return_dtype=pl.String).alias("cells_sha256"))
    return pl.struct(parts).struct.json_encode()


def _digest(cells: str) -> str:
    return hashlib.sha256(cells.encode()).hexdigest()[:_DIGITS]


def count_transitions(compared: Compared, pairs: pl.DataFrame, causes: pl.DataFrame) -> pl.DataFrame:
    """Changed cells by column, values and cause, as `diff_run_transitions` has them but study and runs.

    `causes` holds KEY and `cause`.
    """
    known = pairs.filter(pl.col(CHANGE) == "changed").join(causes, on=KEY, how="left", validate="m:1")
    frames = [
        known.filter(differs(name))
        .select(
            pl.lit(compared.name).alias("table_name"),
            pl.lit(name).alias("column_name"),
            pl.concat_str(
                pl.lit("["), _value(name, _BEFORE), pl.lit(","), _value(name, _AFTER), pl.lit("]")
            ).alias("transition"),
            pl.col(name + _BEFORE).cast(pl.String).alias("before"),
            pl.col(name + _AFTER).cast(pl.String).alias("after"),
            "cause",
            _shown_key(compared).alias("row_key"),
        )
        .group_by("table_name", "column_name", "transition", "before", "after", "cause")
        .agg(pl.len().cast(pl.Int64).alias("rows"), pl.col("row_key").min().alias("example_key"))
        for name in compared.columns
    ]
    return pl.concat(frames)


def _value(name: str, side: str) -> pl.Expr:
    """A cell as a JSON value."""
    cell = pl.struct(pl.col(name + side).alias("v")).struct.json_encode()
    return cell.str.slice(len('{"v":')).str.strip_suffix("}")
