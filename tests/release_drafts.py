"""Releases made from the small one by editing rows: by hand, or by Hypothesis.

Nothing here knows what a comparison should say.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import polars as pl
from hypothesis import strategies as st

from mappings.diff import COMPARED
from mappings.release import Release
from tests.small_release import small_release

Row = dict[str, Any]
Rows = dict[str, list[Row]]
Edit = Callable[[Rows], None]

OLD = small_release()
KEYS = {
    name: [key for key in table.info().key if key not in ("release_id", "layer")]
    for name, table in COMPARED.items()
}
CONTENT = {
    name: [column for column in table.declared_columns() if column not in ("release_id", "layer")]
    for name, table in COMPARED.items()
}


def rows_of(release: Release) -> Rows:
    return {name: release.tables[name].to_dicts() for name in COMPARED}


def release_of(rows: Rows, release_id: str = "0.1.0") -> Release:
    tables = dict(OLD.tables) | {
        name: table.canonicalise(
            pl.DataFrame(
                [row | {"release_id": release_id} for row in rows[name]],
                schema=table.polars_schema(),
                orient="row",
            )
        )
        for name, table in COMPARED.items()
    }
    return dataclasses.replace(OLD, release_id=release_id, tables=tables)


def edited(*edits: Edit, release_id: str = "0.1.0") -> Release:
    rows = rows_of(OLD)
    for edit in edits:
        edit(rows)
    return release_of(rows, release_id)


def content(release: Release) -> dict[str, pl.DataFrame]:
    return {name: release.tables[name].select(CONTENT[name]).sort(KEYS[name]) for name in COMPARED}


WORDED = frozenset({"label", "term", "source", "rationale", "decision", "note", "requires", "class_name"})


@st.composite
def drafts(
    draw: st.DrawFn,
    tables: tuple[str, ...] = tuple(COMPARED),
    kinds: tuple[str, ...] = ("add", "change", "drop"),
    most: int = 5,
) -> Release:
    """The small release with a few rows added, changed, dropped."""
    rows = rows_of(OLD)
    for _ in range(draw(st.integers(1, most))):
        name = draw(st.sampled_from(tables))
        row = draw(st.sampled_from(rows[name]))
        kind = draw(st.sampled_from(kinds))
        if kind == "drop" and len(rows[name]) > 1:
            rows[name].remove(row)
        elif kind == "change":
            columns = [column for column in CONTENT[name] if column not in (*KEYS[name], "rule_id")]
            column = draw(st.sampled_from(columns))
            row[column] = draw(st.sampled_from([other[column] for other in rows_of(OLD)[name]]))
            if column in WORDED and draw(st.booleans()):
                row[column] = f"{row[column]}!"
        elif kind == "add":
            other = dict(row)
            for key in KEYS[name]:
                if draw(st.booleans()):
                    pool = [given[key] for given in rows_of(OLD)[name]]
                    other[key] = draw(st.sampled_from(pool + (["zorbl"] if key.endswith("_key") else [])))
            if name == "map_terms" and draw(st.booleans()):
                other["concept_id"] = draw(st.sampled_from([r["concept_id"] for r in rows[name]]))
            if name == "map_grades":
                other["rule_id"] = rule_id(other)
            taken = {tuple(known[key] for key in KEYS[name]) for known in rows[name]}
            if tuple(other[key] for key in KEYS[name]) not in taken:
                rows[name].append(other)
    return release_of(rows)


def rule_id(row: Row) -> str:
    child = ":child" if row["population"] == "child" else ""
    return f"{row['scale']}:{row['scale_version']}:{row['concept_id']}:{row['grade']}{child}"
