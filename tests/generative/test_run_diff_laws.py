"""Causes of a run diff are complete and exact: held against making every combination of the parts anew.

The reference knows nothing of swaps that can be spared: it stages, checks and grades the whole study for each
subset of the components and compares rows as plain tuples.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.diffs.run_diff import RunDiff, compare_runs
from pipelines.diffs.run_diff_tables import HEADLINE, SUBJECT_TABLES, Compared
from schemas.errors import RegradeError
from tests.choices import Chooser, Drawn, Seeded
from tests.run_sides import (
    TODAY,
    Parts,
    Tables,
    edit_release,
    edit_rows,
    edit_settings,
    make_parts,
    make_side,
    other_program,
    run_tables,
)

LONG = bool(os.environ.get("REGRADE_LONG"))
SEEDS = range(400 if LONG else 4)
COMPONENTS = ("data", "manifest", "release")
Rows = dict[tuple[Any, ...], list[tuple[Any, ...]]]
EVERY_TABLE = (*SUBJECT_TABLES, HEADLINE)


def rows_of(one: Compared, tables: Tables | None) -> Rows | None:
    """Rows by key as plain tuples; None where there are no results."""
    if tables is None:
        return None
    found: Rows = {}
    for row in one.frame(tables.__getitem__).iter_rows():
        found.setdefault(row[: len(one.key)], []).append(row[len(one.key) :])
    return {key: sorted(rows, key=repr) for key, rows in found.items()}


def tables_of(a: Parts, b: Parts, swapped: tuple[str, ...]) -> Tables | None:
    """Everything made anew from the parts of the second run in `swapped`, of the first otherwise."""
    data = b if "data" in swapped else a
    settings = (b if "manifest" in swapped else a).settings
    release = (b if "release" in swapped else a).release
    known = set(release.tables["map_conventions"]["convention_id"])
    if not set(settings["grading"]["conventions"]) <= known:
        return None
    try:
        return run_tables(data.raw(settings), release)
    except RegradeError:
        return None


def expected_cause(values: dict[tuple[str, ...], Any], stored: tuple[Any, Any], is_code: bool) -> str | None:
    """The cause of one key from the rows of every combination; None where nothing changed."""
    if stored[0] == stored[1]:
        return None
    everything = max(values, key=len)
    start, goal = values[()], values[everything]
    if is_code and start == goal:
        return "code"
    smallest = min(len(names) for names, value in values.items() if value == goal)
    found = [names for names, value in values.items() if value == goal and len(names) == smallest]
    tail = () if not is_code or (start == stored[0] and goal == stored[1]) else ("code",)
    return " | ".join(" x ".join((*names, *tail)) for names in found)


def require_exact(a: Parts, b: Parts, diff: RunDiff, stored: tuple[Tables, Tables]) -> None:
    """Every key of every table whose rows differ has the cause that the definition gives, no other has."""
    differing = tuple(name for name in COMPONENTS if name in diff.components)
    subsets = [names for size in range(len(differing) + 1) for names in combinations(differing, size)]
    made = {names: tables_of(a, b, names) for names in subsets}
    is_code = "code" in diff.components
    for one in EVERY_TABLE:
        of_subset = {names: rows_of(one, tables) for names, tables in made.items()}
        before, after = (rows_of(one, tables) or {} for tables in stored)
        expected = {}
        for key in {*before, *after}:
            values = {names: None if rows is None else rows.get(key, []) for names, rows in of_subset.items()}
            cause = expected_cause(values, (before.get(key, []), after.get(key, [])), is_code)
            if cause is not None:
                expected[key] = cause
        assert causes_of(one, diff) == sorted(expected.values()), one.name


def causes_of(one: Compared, diff: RunDiff) -> list[str]:
    """One cause per key of the diff that the comparison found."""
    if one is HEADLINE:
        return sorted(diff.headlines["cause"].to_list())
    rows = diff.rows.filter(diff.rows["table_name"] == one.name)
    return sorted(rows.select("row_key", "cause").unique()["cause"].to_list())


def make_pair(choose: Chooser) -> tuple[Parts, Parts]:
    a = make_parts(choose)
    b = a
    edits = {"data": edit_rows, "manifest": edit_settings, "release": edit_release}
    wanted = choose.pick(
        [
            COMPONENTS,
            COMPONENTS,
            ("data", "release"),
            ("data", "manifest"),
            ("manifest", "release"),
            ("data",),
        ]
    )
    for name in wanted:
        b = edits[name](choose, b)
    return a, b


def compare(a: Parts, b: Parts) -> tuple[RunDiff, tuple[Tables, Tables]] | None:
    """The diff of two runs; None where the program refuses one of them."""
    stored = tables_of(a, a, ()), tables_of(b, b, ())
    if stored[0] is None or stored[1] is None:
        return None
    diff = compare_runs(make_side(a, "a"), make_side(b, "b"), TODAY)
    return diff, (stored[0], stored[1])


def require_laws(choose: Chooser) -> None:
    a, b = make_pair(choose)
    found = compare(a, b)
    if found is not None:
        require_exact(a, b, *found)


@settings(max_examples=400 if LONG else 6)
@given(st.data())
def test_causes_are_complete_and_exact(data: st.DataObject) -> None:
    require_laws(Drawn(data.draw))


@pytest.mark.parametrize("seed", SEEDS)
def test_causes_are_complete_and_exact_where_all_parts_change(seed: int) -> None:
    require_laws(Seeded(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_no_rerun_explains_is_the_programs(seed: int) -> None:
    choose = Seeded(1000 + seed)
    a, b = make_pair(choose)
    found = compare(a, b)
    if found is None:
        return
    old_sides = choose.pick([(True, False), (False, True), (True, True)])
    stored, sides = [], []
    for part, name, tables, is_old in zip((a, b), ("a", "b"), found[1], old_sides, strict=True):
        changes = other_program(choose, tables) if is_old else {}
        stored.append({**tables, **changes})
        code = hashlib.sha256(name.encode()).hexdigest() if is_old else TODAY
        sides.append(make_side(part, name, code, changes))
    diff = compare_runs(*sides, TODAY)
    assert "code" in diff.components
    require_exact(a, b, diff, (stored[0], stored[1]))


@pytest.mark.parametrize("seed", range(3))
def test_the_way_back_has_the_same_rows(seed: int) -> None:
    """Comparing backwards turns added and removed round and finds the same keys."""
    found = compare(*make_pair(Seeded(2000 + seed)))
    if found is None:
        return
    forth, _ = found
    back = compare_runs(forth.b, forth.a, TODAY)
    turned = {"added": "removed", "removed": "added", "changed": "changed"}
    assert sorted(
        (row["table_name"], row["row_key"], turned[row["change"]]) for row in back.rows.to_dicts()
    ) == sorted((row["table_name"], row["row_key"], row["change"]) for row in forth.rows.to_dicts())
    assert back.components == forth.components


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_is_no_difference(seed: int) -> None:
    a = make_parts(Seeded(3000 + seed))
    b = replace(a, rows={role: tuple(reversed(rows)) for role, rows in a.rows.items()})
    diff = compare_runs(make_side(a, "a"), make_side(b, "b"), TODAY)
    changed = diff.tables.filter(diff.tables["is_of_subjects"])
    assert changed["added"].sum() + changed["removed"].sum() + changed["changed"].sum() == 0
    assert diff.rows.is_empty()
    assert not diff.has_only_lost
