"""The delivered files of two runs, cell for cell, before anything was made of them.

What may live here: comparing files as sets of rows. What may not: what a cell means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from pipelines.diffs.run_diff_sides import RunSide, find_counterpart
from pipelines.ingest.raw import ROW, RawTable
from schemas.run_diffs import DiffRunFiles

_SIDE: Final = "__only"
_LINE: Final = {"cells": pl.String()}


def compare_files(a: RunSide, b: RunSide) -> pl.DataFrame:
    """`diff_run_files` of two runs, without runs: one row per file of either delivery."""
    rows: list[dict[str, Any]] = []
    used = set()
    tables_a = {table.spec.path: table for table in a.raw().tables}
    for new in b.raw().tables:
        spec = find_counterpart(new.spec, b.manifest.files, a.manifest.files)
        old = None if spec is None else tables_a[spec.path]
        used |= set() if spec is None else {spec.path}
        rows.append(_compare(old, new, a.inputs, b.inputs))
    rows += [_compare(old, None, a.inputs, b.inputs) for path, old in tables_a.items() if path not in used]
    schema = {name: kind for name, kind in DiffRunFiles.polars_schema().items() if name not in _OF_RUNS}
    return pl.DataFrame(rows, schema=schema, orient="row")


_OF_RUNS: Final = ("study_id", "run_a", "run_b")


def _compare(
    old: RawTable | None, new: RawTable | None, inputs_a: Mapping[str, str], inputs_b: Mapping[str, str]
) -> dict[str, Any]:
    told = new or old
    assert told is not None  # one of the two is there
    row: dict[str, Any] = {
        "role": told.spec.role,
        "path": told.spec.path,
        "previous_path": None,
        "rows_a": None if old is None else old.rows_in,
        "rows_b": None if new is None else new.rows_in,
        "only_a": 0 if old is None else old.rows_in,
        "only_b": 0 if new is None else new.rows_in,
        "change": "removed" if new is None else "added",
        "columns_only_a": None,
        "columns_only_b": None,
    }
    if old is None or new is None:
        return row
    if old.spec.path != new.spec.path:
        row["previous_path"] = old.spec.path
    names_a, names_b = _columns(old), _columns(new)
    row["columns_only_a"] = _listed([name for name in names_a if name not in names_b])
    row["columns_only_b"] = _listed([name for name in names_b if name not in names_a])
    if inputs_a[old.spec.path] == inputs_b[new.spec.path]:
        return row | {"change": "same", "only_a": 0, "only_b": 0}
    only_a, only_b = _count_unequal(old.frame, new.frame, [name for name in names_a if name in names_b])
    lines_a, lines_b = _count_unequal(
        old.rejected.select(_LINE.keys()), new.rejected.select(_LINE.keys()), list(_LINE)
    )
    return row | {"change": "changed", "only_a": only_a + lines_a, "only_b": only_b + lines_b}


def _columns(table: RawTable) -> list[str]:
    return [name for name in table.frame.columns if name != ROW]


def _listed(names: list[str]) -> str | None:
    return json.dumps(names, ensure_ascii=False) if names else None


def _count_unequal(a: pl.DataFrame, b: pl.DataFrame, columns: list[str]) -> tuple[int, int]:
    """Rows of each side without an equal one on the other, in the columns that both have."""
    if not columns:
        return a.height, b.height
    counts = (
        pl.concat(
            [
                a.select(columns).with_columns(pl.lit(1, pl.Int64).alias(_SIDE)),
                b.select(columns).with_columns(pl.lit(-1, pl.Int64).alias(_SIDE)),
            ]
        )
        .group_by(columns)
        .agg(pl.col(_SIDE).sum())[_SIDE]
    )
    more = counts.filter(counts > 0).sum()
    fewer = counts.filter(counts < 0).sum()
    return int(more), -int(fewer)
