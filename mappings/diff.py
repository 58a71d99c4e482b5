"""The differences between two mapping releases, and the class of release they prove.

What may live here: comparing the tables of two releases, applying a comparison, the rule on version
numbers. What may not: labels of single rows (`mappings.change_labels`), studies (`pipelines.diffs`).

A release is MAJOR if any decision about an existing term changes or anything is removed, MINOR if only
coverage is added, PATCH if only words change. The class is the highest of the labels, so nobody has to
be believed: a release whose number says less than its content is a problem (`check_version`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import polars as pl

from mappings.change_labels import Labeller, Row
from mappings.problem import Problem
from mappings.release import Release
from schemas.base import SEPARATOR, Table
from schemas.mapping_diffs import CHANGE_CLASSES, CHANGE_LABELS, KINDS_OF_ROW, DiffMappingRows
from schemas.registry import RELEASE_TABLES

COMPARED: Mapping[str, type[Table]] = {
    name: table for name in KINDS_OF_ROW for table in RELEASE_TABLES if table.info().name == name
}
"""Tables that are compared. What a release says of itself (`map_releases`) always differs."""

_PROVENANCE = frozenset({"release_id", "layer"})
_REASON = {"map_grades": "rationale", "map_conventions": "rationale", "map_terms": "note"}
_SEMVER = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:[-+].*)?")


class CellChange(NamedTuple):
    """One cell before and after; of an added row `before` is None, of a removed row `after`."""

    map_table: str
    row_key: str
    change: str
    column: str
    before: Any
    after: Any
    rationale: str | None


@dataclass(frozen=True)
class ReleaseDiff:
    """What differs between two releases; `rows` is the canonical frame of `diff_mapping_rows`."""

    old_release_id: str
    new_release_id: str
    rows: pl.DataFrame

    @cached_property
    def change_class(self) -> str:
        """NONE, PATCH, MINOR or MAJOR: the highest class of any row."""
        found = set(self.rows["change_class"])
        return max(found, key=CHANGE_CLASSES.index, default=CHANGE_CLASSES[0])

    @cached_property
    def counts(self) -> dict[str, int]:
        """Rows per label, in the order of CHANGE_LABELS; a row counts once for each of its labels."""
        found = Counter(label for labels in self.rows["labels"] for label in labels.split(SEPARATOR))
        return {label: found[label] for label in CHANGE_LABELS if label in found}

    def required_version(self, old_version: str | None = None) -> str:
        """The lowest version number the new release may have; the old one where nothing differs.

        `old_version` None is the id of the old release. Raises ValueError where that is no version.
        """
        major, minor, patch = _version(old_version or self.old_release_id)
        return {
            "MAJOR": f"{major + 1}.0.0",
            "MINOR": f"{major}.{minor + 1}.0",
            "PATCH": f"{major}.{minor}.{patch + 1}",
            "NONE": f"{major}.{minor}.{patch}",
        }[self.change_class]

    def cells(self) -> Iterator[CellChange]:
        """Every cell that differs, in the order of the rows; of an added or removed row, all of them."""
        for row in self.rows.iter_rows(named=True):
            before, after = _load(row["before"]), _load(row["after"])
            for name in before | after:
                yield CellChange(
                    row["map_table"],
                    row["row_key"],
                    row["change"],
                    name,
                    before.get(name),
                    after.get(name),
                    row["rationale"],
                )


def compare_releases(old: Release, new: Release) -> ReleaseDiff:
    """Every row that differs, labelled; which layer of a release a row stands in is not compared."""
    labeller = Labeller(old.tables, new.tables)
    rows = [
        _render(name, before, after, labeller.label(name, before, after))
        for name, table in COMPARED.items()
        for before, after in _differing(table, old.tables[name], new.tables[name])
    ]
    ids = {"old_release_id": old.release_id, "new_release_id": new.release_id}
    frame = pl.DataFrame(
        [ids | row for row in rows], schema=DiffMappingRows.polars_schema(), orient="row", strict=True
    )
    return ReleaseDiff(old.release_id, new.release_id, DiffMappingRows.require(frame))


def apply_diff(old: Mapping[str, pl.DataFrame], diff: ReleaseDiff) -> dict[str, pl.DataFrame]:
    """Tables of the new release, made from those of the old one and the diff: proof that it is complete.

    The columns `release_id` and `layer` are left out; rows stand in the order of their key.
    """
    result: dict[str, pl.DataFrame] = {}
    for name, table in COMPARED.items():
        rows = {_row_key(name, row): row for row in _content(table, old[name]).iter_rows(named=True)}
        changes = diff.rows.filter(pl.col("map_table") == name)
        for change in changes.iter_rows(named=True):
            known = rows.pop(change["previous_key"] or change["row_key"], {})
            if change["change"] != "removed":
                rows[change["row_key"]] = known | _load(change["after"])
        schema = {key: dtype for key, dtype in table.polars_schema().items() if key not in _PROVENANCE}
        keys = [key for key in table.info().key if key not in _PROVENANCE]
        result[name] = pl.DataFrame(list(rows.values()), schema=schema, orient="row").sort(keys)
    return result


def check_version(old: Release, new: Release, diff: ReleaseDiff | None = None) -> Problem | None:
    """None, or what is wrong with the number of a release made from `old`: it says less than it changes.

    A number may say more. `diff` spares a second comparison.
    """
    diff = compare_releases(old, new) if diff is None else diff
    needed = max(_version(diff.required_version()), _next_patch(diff.old_release_id))
    number = ".".join(map(str, needed))
    found = _version(diff.new_release_id)
    if found >= needed:
        return None
    if found <= _version(diff.old_release_id):
        message = f"the release is not numbered above {diff.old_release_id}, the release it is compared with"
    else:
        first = diff.rows.filter(pl.col("change_class") == diff.change_class).row(0, named=True)
        labels = first["labels"].replace(SEPARATOR, ", ")
        message = (
            f"the number says less than the content: against {diff.old_release_id} the release is "
            f"{diff.change_class} (first: {first['map_table']} {first['row_key']}: {labels})"
        )
    return Problem(
        kind="content",
        release_id=diff.new_release_id,
        file="release.yaml",
        rule_id="MAP-VERSION",
        message=message,
        next_action=f"number the release {number} or higher",
        column="release_id",
        value=diff.new_release_id,
    )


def _content(table: type[Table], frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(name for name in table.declared_columns() if name not in _PROVENANCE)


def _differing(
    table: type[Table], old: pl.DataFrame, new: pl.DataFrame
) -> Iterator[tuple[Row | None, Row | None]]:
    """Pairs (before, after) of rows that differ; None where a release has no such row.

    A grade row that only changed its population is a pair, though the population is part of its key.
    """
    name = table.info().name
    sides = _content(table, old), _content(table, new)
    before, after = (
        {
            _row_key(name, row): row
            for row in rows.join(other, on=rows.columns, how="anti", nulls_equal=True).iter_rows(named=True)
        }
        for rows, other in (sides, reversed(sides))
    )
    gone = {key: before[key] for key in before.keys() - after.keys()}
    for key in after.keys() - before.keys():
        yield gone.pop(_other_population(name, after[key]), None), after[key]
    yield from ((row, None) for row in gone.values())
    yield from ((before[key], after[key]) for key in before.keys() & after.keys())


def _other_population(name: str, row: Row) -> str:
    """Key of the same decision for the other population; of other tables, of no row at all."""
    if name != "map_grades":
        return ""
    return _row_key(name, {**row, "population": "any" if row["population"] == "child" else "child"})


def _row_key(name: str, row: Row) -> str:
    """One text per key. The parts of a grade are codes; those of other tables may hold anything."""
    if name == "map_grades":
        parts = [row["scale"], row["scale_version"], row["concept_id"], str(row["grade"])]
        return ":".join(parts + ["child"] * (row["population"] == "child"))
    keys = [key for key in COMPARED[name].info().key if key not in _PROVENANCE]
    return SEPARATOR.join(str(row[key]).replace("\\", "\\\\").replace(SEPARATOR, "\\|") for key in keys)


def _render(name: str, before: Row | None, after: Row | None, labels: tuple[str, ...]) -> dict[str, Any]:
    shown = after or before or {}
    differing = [key for key in shown if before and after and before[key] != after[key]]
    key = _row_key(name, shown)
    previous = _row_key(name, before) if before and after else key
    cells = differing or list(shown)
    classes = [CHANGE_LABELS[label].change_class for label in labels]
    bounds = {
        f"{bound}_{side}": row[bound] if name == "map_grades" and row else None
        for side, row in (("before", before), ("after", after))
        for bound in ("low", "point", "high")
    }
    return {
        "map_table": name,
        "row_key": key,
        "previous_key": None if previous == key else previous,
        "change": "added" if before is None else "removed" if after is None else "changed",
        "labels": SEPARATOR.join(labels),
        "change_class": max(classes, key=CHANGE_CLASSES.index),
        "concept_id": shown.get("concept_id"),
        "previous_concept_id": before.get("concept_id") if before else None,
        "scale_version": shown.get("scale_version"),
        "grade": shown.get("grade"),
        **bounds,
        "changed_columns": SEPARATOR.join(differing) or None,
        "before": _dump(before, cells),
        "after": _dump(after, cells),
        "rationale": shown.get(_REASON.get(name, "")),
    }


def _dump(row: Row | None, names: list[str]) -> str | None:
    return None if row is None else json.dumps({name: row[name] for name in names}, ensure_ascii=False)


def _load(text: str | None) -> dict[str, Any]:
    cells: dict[str, Any] = json.loads(text) if text else {}
    return cells


def _next_patch(release_id: str) -> tuple[int, int, int]:
    major, minor, patch = _version(release_id)
    return major, minor, patch + 1


def _version(release_id: str) -> tuple[int, int, int]:
    match = _SEMVER.fullmatch(release_id)
    if match is None:
        raise ValueError(f"{release_id!r} is not a semantic version")
    return int(match[1]), int(match[2]), int(match[3])
