"""A comparison of two releases as plain text, one line per decision.

What may live here: the text of a `ReleaseDiff`. What may not: finding or labelling a difference
(`mappings.diff`), the effect on studies (`pipelines.report`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from mappings.diff import ReleaseDiff
from schemas.base import SEPARATOR
from schemas.mapping_diffs import KINDS_OF_ROW

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_PLURAL = {"Class": "Classes", "Vocabulary": "Vocabulary"}
_NAMING = {
    "map_concepts": "label",
    "map_terms": "term",
    "map_classes": "class_name",
    "map_vocabulary": "term",
}


def render_diff(diff: ReleaseDiff) -> str:
    """The class the diff proves, rows per label, then every row that differs with its cells and reason.

    Grades of one added or removed ladder that say the same share a line. A dash stands for null.
    """
    head = f"{diff.old_release_id} -> {diff.new_release_id}: {diff.change_class}"
    if diff.rows.is_empty():
        return f"{head}\nThe releases decide the same in the same words.\n"
    lines = [f"{head} ({diff.required_version()} or higher)"]
    lines += [f"{count:6}  {label}" for label, count in diff.counts.items()]
    for table, kind in KINDS_OF_ROW.items():
        rows = [row for row in diff.rows.iter_rows(named=True) if row["map_table"] == table]
        if rows:
            lines += ["", _PLURAL.get(kind, f"{kind}s")]
            lines += _of_grades(rows) if table == "map_grades" else _of_rows(rows)
    return "\n".join(lines) + "\n"


def _of_rows(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"{_SIGNS[row['change']]} {_named(row)}{_labels(row)}"
        yield from _cells(row)


def _of_grades(rows: list[dict[str, Any]]) -> Iterator[str]:
    def place(row: dict[str, Any]) -> tuple[str, bool, int]:
        head, _, child = row["row_key"].partition(f":{row['grade']}")
        return head, bool(child), row["grade"]

    def ladder(row: dict[str, Any]) -> tuple[Any, ...]:
        """What rows must share to stand on one line; a changed row stands alone."""
        head, is_child, grade = place(row)
        alone = grade if row["change"] == "changed" else None
        said = (row[name] for name in ("change", "labels", "rationale"))
        return head, is_child, alone, *said, _interval(row, "before"), _interval(row, "after")

    for _, group in groupby(sorted(rows, key=place), key=ladder):
        members = list(group)
        first = members[0]
        head, is_child, grade = place(first)
        name = f"{head}:{grade}" + (f"-{members[-1]['grade']}" if len(members) > 1 else "")
        before, after = _interval(first, "before"), _interval(first, "after")
        moved = f"{before} -> {after}" if before and after and before != after else after or before
        yield f"{_SIGNS[first['change']]} {name}{':child' if is_child else ''}  {moved}{_labels(first)}"
        yield from _cells(first, leave_out=("low", "point", "high"))
        if "rationale" not in (first["changed_columns"] or "").split(SEPARATOR):
            yield f"    {first['rationale']}"


def _named(row: dict[str, Any]) -> str:
    cells = json.loads(row["after"] or row["before"])
    name = cells.get(_NAMING.get(row["map_table"], ""), row["row_key"])
    if row["change"] == "changed":
        name = row["row_key"]
    if row["map_table"] != "map_terms":
        return str(name)
    version = "" if row["scale_version"] in (None, "any") else f" in {row['scale_version']}"
    return f"{name}{version} -> {row['concept_id'] or 'undecided'}"


def _labels(row: dict[str, Any]) -> str:
    labels = [label for label in row["labels"].split(SEPARATOR) if not label.startswith(("Add", "Del"))]
    return f"  [{', '.join(labels)}]" if labels else ""


def _cells(row: dict[str, Any], leave_out: tuple[str, ...] = ()) -> Iterator[str]:
    """Before -> after, one line per cell of a changed row."""
    if row["change"] != "changed":
        return
    before, after = json.loads(row["before"]), json.loads(row["after"])
    for name in after:
        if name not in leave_out:
            yield f"    {name}: {_text(before[name])} -> {_text(after[name])}"


def _interval(row: dict[str, Any], side: str) -> str:
    if row[f"low_{side}"] is None:
        return ""
    return "/".join(_text(row[f"{bound}_{side}"]) for bound in ("low", "point", "high"))


def _text(value: object) -> str:
    return "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
