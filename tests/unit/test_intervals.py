"""The union of intervals: law 3 of GRADING.md, on the expressions the kernel uses."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.grading.intervals import CARRIED, combine_union, compute_joined, compute_union

Interval = tuple[int, int | None, int]

intervals = st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.booleans()).map(
    lambda drawn: (min(drawn[:3]), None if drawn[3] else sorted(drawn[:3])[1], max(drawn[:3]))
)


def frame(rows: list[Interval]) -> pl.DataFrame:
    schema = {"low": pl.Int8, "point": pl.Int8, "high": pl.Int8}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.lit("s").alias("subject"))


def union(rows: list[Interval]) -> Interval:
    return combine_union(frame(rows), ["subject"]).select("low", "point", "high").row(0)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(0, None, 3), (0, 2, 4), (3, 3, 3)], (3, 3, 4)),
        ([(0, None, 4), (3, 3, 3)], (3, None, 4)),
        ([(0, None, 3), (3, 3, 3)], (3, 3, 3)),
        ([(0, 0, 0)], (0, 0, 0)),
        ([(0, None, 4)], (0, None, 4)),
        ([(2, 2, 3), (1, 3, 4)], (2, 3, 4)),
    ],
)
def test_union(rows: list[Interval], expected: Interval) -> None:
    assert union(rows) == expected


@given(st.lists(intervals, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_union_does_not_depend_on_how_rows_are_split(rows: list[Interval], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    cut = len(shuffled) // 2
    parts = [part for part in (shuffled[:cut], shuffled[cut:]) if part]
    carried = pl.concat(frame(part).group_by("subject").agg(*CARRIED) for part in parts)
    again = carried.group_by("subject").agg(pl.all().max()).select(*compute_union()).row(0)
    assert again == union(rows)


@given(st.lists(intervals, min_size=1, max_size=6), intervals)
def test_a_further_row_only_raises(rows: list[Interval], further: Interval) -> None:
    before, after = union(rows), union([*rows, further])
    assert after[0] >= before[0]
    assert after[2] >= before[2]


@given(st.lists(intervals, min_size=1, max_size=6))
def test_low_point_high_stay_in_order(rows: list[Interval]) -> None:
    low, point, high = union(rows)
    assert low <= high
    assert point is None or low <= point <= high


def test_joined_parts_are_distinct_sorted_and_null_when_there_are_none() -> None:
    rows = pl.DataFrame({"g": ["a", "a", "b"], "x": ["m|c", "c|s", None], "use": [True, True, True]})
    joined = rows.group_by("g").agg(compute_joined("x", pl.col("use")).alias("x")).sort("g")
    assert joined["x"].to_list() == ["c|m|s", None]
