"""Run diff: two runs of one study, row by row, with the cause of each row that differs.

What may live here: the order of the comparison, its counts and its result. What may not: matching rows
(`run_diff_rows`), causes (`run_causes`), reading run folders, wording and layout (`pipelines.report`).
Source: GRADING.md 6.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

import polars as pl

from pipelines.diffs.run_causes import derive_causes
from pipelines.diffs.run_diff_files import compare_files
from pipelines.diffs.run_diff_rows import CHANGE, KEY, count_transitions, describe_rows, pair_rows
from pipelines.diffs.run_diff_sides import RunSide, changed_settings, find_components
from pipelines.diffs.run_diff_tables import (
    HEADLINE,
    RESULT,
    STUDY_TABLES,
    SUBJECT_TABLES,
    Compared,
)
from schemas.base import Table
from schemas.errors import StoreError
from schemas.run_diffs import (
    DiffRunCrossings,
    DiffRunFiles,
    DiffRunHeadlines,
    DiffRunRows,
    DiffRunTables,
    DiffRunTransitions,
)

ENDS: Final = ("low", "point", "high")
THRESHOLDS: Final = (1, 2, 3, 4)
"""A grade at or above which a subject counts; 1 is 'any'."""


@dataclass(frozen=True)
class RunDiff:
    """What differs between the runs `a` and `b` of a study.

    `components` are what they differ in, `settings` the keys of the manifest (key, value before, value
    after). The frames are those of `schemas.run_diffs`. `subjects` counts subjects of either run,
    `subjects_changed` those with a row that differs. `has_only_lost`: the second delivery is the first
    without some of its rows.
    """

    a: RunSide = field(repr=False)
    b: RunSide = field(repr=False)
    components: tuple[str, ...]
    settings: tuple[tuple[str, Any, Any], ...]
    subjects: int
    subjects_changed: int
    tables: pl.DataFrame = field(repr=False)
    files: pl.DataFrame = field(repr=False)
    headlines: pl.DataFrame = field(repr=False)
    crossings: pl.DataFrame = field(repr=False)
    transitions: pl.DataFrame = field(repr=False)
    rows: pl.DataFrame = field(repr=False)

    @property
    def is_identical(self) -> bool:
        """Every compared row of every table is the same."""
        return int(self.tables.select(pl.sum_horizontal("added", "removed", "changed").sum()).item()) == 0

    @property
    def has_only_lost(self) -> bool:
        """Every file is the same or has lost rows, and has no other row and no other column."""
        files = self.files
        is_kept = (
            (files["only_b"] == 0)
            & files["change"].is_in(["same", "changed"])
            & files["columns_only_a"].is_null()
            & files["columns_only_b"].is_null()
        )
        return "data" in self.components and bool(is_kept.all()) and self.rows_lost > 0

    @property
    def rows_lost(self) -> int:
        """Rows of the first delivery of which the second has no equal."""
        return int(self.files["only_a"].sum())

    @property
    def exit_code(self) -> Literal[0, 1]:
        """0: identical; 1: something differs."""
        return 0 if self.is_identical else 1


def compare_runs(a: RunSide, b: RunSide, today: str) -> RunDiff:
    """Compare two runs of one study; `today` is the digest of the program that is installed.

    Raises `StoreError` for runs of two studies, and what reading the runs raises.
    """
    if a.study_id != b.study_id:
        raise StoreError(
            f"the runs are of the studies {a.study_id} and {b.study_id}",
            next_action="name two runs of one study",
        )
    components = find_components(a, b)
    pairs = {one: pair_rows(one, one.frame(a.table), one.frame(b.table)) for one in SUBJECT_TABLES}
    headline = pair_rows(HEADLINE, HEADLINE.frame(a.table), HEADLINE.frame(b.table))
    changed = {one: frame for one, frame in {**pairs, HEADLINE: headline}.items() if frame.height}
    causes = derive_causes(a, b, components, today, changed) if changed else {}
    found = [one for one in SUBJECT_TABLES if one in changed]
    rows = [
        describe_rows(one, pairs[one]).join(causes[one], on=KEY, how="left", validate="m:1") for one in found
    ]
    headlines = _describe_headlines(headline, causes.get(HEADLINE))
    transitions = [count_transitions(one, pairs[one], causes[one]) for one in found]
    everyone = pl.concat([side.table("core_subjects").select("subject_id") for side in (a, b)]).unique()
    touched = [frame.select("subject_id") for frame in changed.values()]
    return RunDiff(
        a=a,
        b=b,
        components=components,
        settings=changed_settings(a, b, is_data="data" in components),
        subjects=everyone.height,
        subjects_changed=pl.concat(touched).drop_nulls().n_unique() if touched else 0,
        tables=_finish(DiffRunTables, [_count_tables(a, b, pairs)], a, b),
        files=_finish(DiffRunFiles, [compare_files(a, b)], a, b),
        headlines=_finish(DiffRunHeadlines, [headlines], a, b),
        crossings=_finish(DiffRunCrossings, [_count_crossings(headlines)], a, b),
        transitions=_finish(DiffRunTransitions, transitions, a, b),
        rows=_finish(DiffRunRows, rows, a, b),
    )


def _finish(table: type[Table], frames: list[pl.DataFrame], a: RunSide, b: RunSide) -> pl.DataFrame:
    """The frames as one canonical table of this comparison."""
    filled = [frame for frame in frames if frame.height]
    if not filled:
        return table.empty()
    return table.require(
        pl.concat(filled).with_columns(
            study_id=pl.lit(a.study_id), run_a=pl.lit(a.run_id), run_b=pl.lit(b.run_id)
        )
    )


def _count_tables(a: RunSide, b: RunSide, pairs: dict[Compared, pl.DataFrame]) -> pl.DataFrame:
    """Rows of every compared table, by what became of them."""
    of_study = {one: pair_rows(one, one.frame(a.table), one.frame(b.table)) for one in STUDY_TABLES}
    lines = []
    for one, frame in {**pairs, **of_study}.items():
        counts = {
            name: frame.filter(pl.col(CHANGE) == name).height for name in ("added", "removed", "changed")
        }
        rows_a, rows_b = a.table(one.name).height, b.table(one.name).height
        lines.append(
            {"table_name": one.name, "is_of_subjects": one in pairs, "rows_a": rows_a, "rows_b": rows_b}
            | counts
            | {"same": rows_a - counts["removed"] - counts["changed"]}
        )
    return pl.DataFrame(lines)


def _describe_headlines(headline: pl.DataFrame, causes: pl.DataFrame | None) -> pl.DataFrame:
    """Subjects whose headline result differs, as `diff_run_headlines` has them but study and runs."""
    if causes is None:
        return DiffRunHeadlines.empty().drop("study_id", "run_a", "run_b")
    return headline.join(causes, on=KEY, how="left", validate="1:1").select(
        "subject_id",
        pl.col(CHANGE).alias("change"),
        *(f"{name}_{side}" for side in ("before", "after") for name in RESULT),
        "cause",
        "cause_basis",
    )


def _count_crossings(headlines: pl.DataFrame) -> pl.DataFrame:
    """Subjects whose low, point or high lies on another side of a threshold, by direction and cause."""
    frames = []
    for end in ENDS:
        for threshold in THRESHOLDS:
            known = {
                side: pl.when(pl.col(f"outcome_{side}") != "NOT_EVALUABLE").then(
                    pl.col(f"{end}_{side}") >= threshold
                )
                for side in ("before", "after")
            }
            counted = headlines.select(
                pl.lit(end).alias("estimate"),
                pl.lit(threshold, pl.Int8).alias("threshold"),
                _direction(known["before"], known["after"]).alias("direction"),
                "cause",
            ).drop_nulls("direction")
            frames.append(
                counted.group_by("estimate", "threshold", "direction", "cause").agg(
                    pl.len().cast(pl.Int64).alias("subjects")
                )
            )
    return pl.concat(frames)


def _direction(before: pl.Expr, after: pl.Expr) -> pl.Expr:
    """One of `schemas.run_diffs.DIRECTIONS`; null where nothing is crossed."""
    is_added, is_removed = pl.col("change") == "added", pl.col("change") == "removed"
    return (
        pl.when(is_added)
        .then(pl.when(after).then(pl.lit("entered")))
        .when(is_removed)
        .then(pl.when(before).then(pl.lit("left")))
        .when(before.is_null() & after.is_not_null())
        .then(pl.lit("from_unknown"))
        .when(after.is_null() & before.is_not_null())
        .then(pl.lit("to_unknown"))
        .when(after & ~before)
        .then(pl.lit("up"))
        .when(before & ~after)
        .then(pl.lit("down"))
    )
