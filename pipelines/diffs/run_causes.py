"""Why rows differ between two runs: one component after the other is swapped and the study run again.

What may live here: which swaps are needed and what their results say. What may not: putting a run together
(`run_diff_sides`), matching rows (`run_diff_rows`).

A component is the cause of a row if swapping it alone, from the first run's to the second's, gives the row
of the second run. Where several do, all are named; where none does, the smallest sets of components that do
together are named as interactions. Of a key that several rows share, all rows count as one.

The program of a run cannot be run again. Where it differs, both runs are made again with the program that is
installed: what these do not show of the difference is the program's, and a row of which only a part is the
program's is an interaction with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Final

import polars as pl

from pipelines.diffs.run_diff_rows import KEY, encode
from pipelines.diffs.run_diff_sides import RERUNNABLE, Reruns, RunSide
from pipelines.diffs.run_diff_tables import Compared, TableReader
from schemas.run_diffs import ALTERNATIVE, INTERACTION

CODE: Final = "code"
_VALUE: Final = "_value"
_REFUSED: Final = "refused"
"""Stands for the rows of a run that the program refuses; no JSON text is this."""

Pending = dict[Compared, pl.DataFrame]


def derive_causes(
    a: RunSide,
    b: RunSide,
    components: Sequence[str],
    today: str,
    changed: Mapping[Compared, pl.DataFrame],
) -> dict[Compared, pl.DataFrame]:
    """KEY, `cause` and `cause_basis` of each key of rows that differ.

    `changed` holds the pairs of `run_diff_rows.pair_rows` of every table with rows of subjects; `components`
    are those that differ, `today` is the digest of the installed program.
    """
    keys = {one: pairs.select(KEY, "subject_id").unique() for one, pairs in changed.items()}
    if len(components) == 1:
        return {one: _same_cause(frame, components[0], "only_difference") for one, frame in keys.items()}
    swappable = tuple(name for name in RERUNNABLE if name in components)
    reruns = Reruns(a, b, swappable, today)
    stored_a = _look_up_all(keys, a.table)
    stored_b = _look_up_all(keys, b.table)
    everything = frozenset(swappable)
    subjects = _subjects(keys.values())
    start = stored_a if a.code_sha256 == today else _rerun(reruns, frozenset(), keys, subjects)
    goal = stored_b if b.code_sha256 == today else _rerun(reruns, everything, keys, subjects)
    pending = {
        one: frame.with_columns(
            stored_a[one].alias("stored_a"),
            stored_b[one].alias("stored_b"),
            start[one].alias("start"),
            goal[one].alias("goal"),
        )
        for one, frame in keys.items()
    }
    named = _find_smallest(reruns, swappable, pending)
    return {one: _conclude(frame, swappable, is_code=CODE in components) for one, frame in named.items()}


def _same_cause(keys: pl.DataFrame, cause: str, basis: str) -> pl.DataFrame:
    return keys.select(KEY, pl.lit(cause).alias("cause"), pl.lit(basis).alias("cause_basis"))


def _subjects(frames: Iterable[pl.DataFrame]) -> pl.Series:
    found = [frame["subject_id"] for frame in frames]
    return pl.concat(found).drop_nulls().unique() if found else pl.Series("subject_id", [], pl.String)


def _rerun(
    reruns: Reruns, swapped: frozenset[str], keys: Pending, subjects: pl.Series
) -> dict[Compared, pl.Series]:
    tables = reruns.tables(swapped, subjects)
    if tables is None:
        return {one: pl.repeat(_REFUSED, frame.height, eager=True) for one, frame in keys.items()}
    return _look_up_all(keys, tables)


def _look_up_all(keys: Pending, tables: TableReader) -> dict[Compared, pl.Series]:
    return {one: look_up(one, frame, tables) for one, frame in keys.items()}


def look_up(compared: Compared, keys: pl.DataFrame, tables: TableReader) -> pl.Series:
    """The rows of each key as one text, in the order of `keys`; empty where there are none."""
    if keys.is_empty():
        return pl.Series(_VALUE, [], dtype=pl.String)
    mine = pl.col("subject_id")
    subjects = keys["subject_id"].drop_nulls().unique()
    frame = compared.frame(tables).filter(mine.is_null() | mine.is_in(subjects.implode()))
    rows = (
        frame.select(encode(compared.key).alias(KEY), encode(compared.columns).alias(_VALUE))
        .join(keys.select(KEY), on=KEY, how="semi")
        .group_by(KEY)
        .agg(pl.col(_VALUE).sort())
        .with_columns(pl.col(_VALUE).list.join("\n"))
    )
    found = keys.select(KEY).join(rows, on=KEY, how="left", maintain_order="left", validate="m:1")
    return found[_VALUE].fill_null("")


def _find_smallest(reruns: Reruns, swappable: Sequence[str], pending: Pending) -> Pending:
    """The frames with `named`: the smallest sets that lead from start to goal, null where all are needed."""
    for size in range(1, len(swappable)):
        pending = {one: _with_named(frame) for one, frame in pending.items()}
        open_rows = {
            one: frame.filter(
                (pl.col("start") != pl.col("goal")) & (pl.col("goal") != _REFUSED) & pl.col("named").is_null()
            )
            for one, frame in pending.items()
        }
        subjects = _subjects(open_rows.values())
        if not any(frame.height for frame in open_rows.values()):
            break
        found: dict[Compared, list[pl.DataFrame]] = {one: [] for one in pending}
        for chosen in combinations(swappable, size):
            values = _rerun(reruns, frozenset(chosen), open_rows, subjects)
            for one, frame in open_rows.items():
                explained = frame.filter(values[one] == frame["goal"])
                found[one].append(explained.select(KEY, pl.lit(INTERACTION.join(chosen)).alias("_set")))
        for one, frames in found.items():
            sets = pl.concat(frames).group_by(KEY, maintain_order=True).agg("_set")
            pending[one] = (
                pending[one]
                .join(sets, on=KEY, how="left", validate="1:1")
                .with_columns(pl.coalesce("named", "_set").alias("named"))
                .drop("_set")
            )
    return {one: _with_named(frame) for one, frame in pending.items()}


def _with_named(frame: pl.DataFrame) -> pl.DataFrame:
    if "named" in frame.columns:
        return frame
    return frame.with_columns(pl.lit(None, pl.List(pl.String)).alias("named"))


def _conclude(rows: pl.DataFrame, swappable: Sequence[str], *, is_code: bool) -> pl.DataFrame:
    """KEY, `cause`, `cause_basis` from what the reruns gave."""
    together = pl.lit(INTERACTION.join(swappable))
    sets = pl.col("named").list.join(ALTERNATIVE).fill_null(together)
    moved = (pl.col("start") != pl.col("stored_a")) | (pl.col("goal") != pl.col("stored_b"))
    if not is_code:
        return rows.select(
            KEY,
            pl.when(moved).then(together).otherwise(sets).alias("cause"),
            pl.when(moved).then(pl.lit("not_reproduced")).otherwise(pl.lit("rerun")).alias("cause_basis"),
        )
    with_code = (
        pl.col("named")
        .list.eval(pl.element() + f"{INTERACTION}{CODE}")
        .list.join(ALTERNATIVE)
        .fill_null(INTERACTION.join([*swappable, CODE]))
    )
    is_code_alone = (pl.col("start") == pl.col("goal")) & (pl.col("start") != _REFUSED)
    return rows.select(
        KEY,
        pl.when(is_code_alone).then(pl.lit(CODE)).when(moved).then(with_code).otherwise(sets).alias("cause"),
        pl.when(is_code_alone | moved)
        .then(pl.lit("remainder"))
        .otherwise(pl.lit("rerun"))
        .alias("cause_basis"),
    )
