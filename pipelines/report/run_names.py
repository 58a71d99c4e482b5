"""A run diff with other names for its subjects: in id columns, in the keys of rows, and in texts.

What may live here: putting names in place of ids. What may not: making pseudonyms (`pseudonyms`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

import polars as pl

from pipelines.diffs.run_diff import RunDiff
from pipelines.report.document import Column
from pipelines.report.pseudonyms import QUOTED_AT_LEAST, hide_subjects
from schemas.run_diffs import DiffRunHeadlines, DiffRunRows, DiffRunTransitions

_TEXT: Final = (Column(name="text", label="text", kind="text"),)


def subject_ids(diff: RunDiff) -> frozenset[str]:
    """Every subject of either run, rejected rows too."""
    frames = [side.table("core_subjects")["subject_id"] for side in (diff.a, diff.b)]
    return frozenset(pl.concat([*frames, diff.rows["subject_id"].drop_nulls()]).unique().to_list())


def name_subjects(diff: RunDiff, names: Mapping[str, str]) -> RunDiff:
    """The comparison with `names` in place of ids; rows stand in the order of the names afterwards.

    Cells that quote an id have it replaced too. Raises `KeyError` for an id that has no name.
    """
    known = pl.DataFrame({"subject_id": list(names), "_name": list(names.values())})
    rows = _renamed(diff.rows, known, "row_key", names)
    transitions = diff.transitions.with_columns(
        pl.col("example_key").str.json_path_match("$.subject_id").alias("subject_id")
    )
    return replace(
        diff,
        rows=DiffRunRows.require(_renumbered(_quoted(rows, ("row_key", "before", "after"), names))),
        headlines=DiffRunHeadlines.require(_renamed(diff.headlines, known, None, names)),
        transitions=DiffRunTransitions.require(
            _summed(
                _quoted(
                    _renamed(transitions, known, "example_key", names),
                    ("transition", "before", "after", "example_key"),
                    names,
                )
            )
        ),
    )


def _renamed(
    frame: pl.DataFrame, known: pl.DataFrame, key: str | None, names: Collection[str]
) -> pl.DataFrame:
    """`subject_id`, and the same at the beginning of a JSON key, by name."""
    missing = set(frame["subject_id"].drop_nulls().unique()) - set(names)
    if missing:
        raise KeyError(f"{len(missing)} subjects have no name")
    joined = frame.join(known, on="subject_id", how="left", validate="m:1")
    if key is not None:
        old, new = (_beginning(name) for name in ("subject_id", "_name"))
        is_named = pl.col("subject_id").is_not_null()
        rest = pl.col(key).str.strip_prefix(old)
        joined = joined.with_columns(pl.when(is_named).then(new + rest).otherwise(key).alias(key))
    return joined.with_columns(pl.col("_name").alias("subject_id")).drop("_name")


def _beginning(name: str) -> pl.Expr:
    value = pl.struct(pl.col(name).alias("subject_id")).struct.json_encode()
    return value.str.strip_suffix("}")


def _quoted(frame: pl.DataFrame, columns: tuple[str, ...], names: Mapping[str, str]) -> pl.DataFrame:
    """Texts without the ids they quote; only texts that hold one are rewritten."""
    long = [name for name in names if len(name) >= QUOTED_AT_LEAST]
    written = [*long, *(json.dumps(name, ensure_ascii=False)[1:-1] for name in long)]
    for column in columns:
        holds = frame[column].str.contains_any(written, ascii_case_insensitive=True)
        texts = frame[column].filter(holds.fill_null(value=False)).unique().to_list()
        if texts:
            hidden = hide_subjects([(text,) for text in texts], _TEXT, (), names)
            changed = dict(zip(texts, (row[0] for row in hidden), strict=True))
            frame = frame.with_columns(pl.col(column).replace(changed))
    return frame


def _renumbered(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose keys read the same under the new names are numbered apart."""
    keys = ["table_name", "row_key"]
    ordered = rows.sort(*keys, "repeat", "before", "after")
    return ordered.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over(keys).alias("repeat"))


def _summed(transitions: pl.DataFrame) -> pl.DataFrame:
    """Transitions that read the same under the new names are one."""
    keys = list(DiffRunTransitions.info().key)
    return transitions.group_by(keys).agg(
        pl.col("before", "after").first(), pl.col("rows").sum(), pl.col("example_key").min()
    )
