"""Which labels a difference between two releases earns; the labels prove the class of the release.

What may live here: from one row before and after to its labels. What may not: finding the rows that
differ (`mappings.diff`), the labels themselves (`schemas.mapping_diffs`).

An added row is coverage only where nothing decided the event before. A term row for one version may take
a spelling or a code away from the row for any version; a grade row of a concept that has decisions may
take a grade or a child away from the row, or from the hull, that decided it. Such a row takes over, and
that is a change of decision.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from mappings.term_key import term_key
from schemas.base import SEPARATOR
from schemas.mapping_diffs import CHANGE_LABELS, KINDS_OF_ROW
from schemas.vocabulary import CTCAE_VERSIONS

Row = Mapping[str, Any]
Tables = Mapping[str, pl.DataFrame]
ANY = "any"
EVERY_CONCEPT = "*"

_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "map_concepts": {"is_broad": "Comparator set", "is_core": "Comparator set", "cause_role": "Cause role"},
    "map_terms": {"relation": "Relation"},
    "map_grades": {
        "population": "Population",
        "domains": "Domain",
        "disposition": "Disposition",
        "review_reason": "Review",
    },
    "map_conventions": {"convention_grade": "Convention", "grades_covered": "Convention"},
    "map_classes": {"is_in_scope": "Scope"},
    "map_vocabulary": {},
}
"""Columns whose change has a label of its own; the interval, the concept and the class are read below."""

_LISTS = frozenset({"domains", "grades_covered", "review_reason"})
"""Lists joined by | that are read as sets: another order is words only."""

_INTERVAL = ("low", "point", "high")


class Labeller:
    """Labels of single differences; knows both releases, because an added row may take over."""

    def __init__(self, old: Tables, new: Tables) -> None:
        self._texts: dict[str, dict[str, str]] = defaultdict(dict)
        self._codes: dict[str, dict[str, str]] = defaultdict(dict)
        for row in old["map_terms"].iter_rows(named=True):
            self._enter(row)
        self._graded = set(old["map_grades"]["concept_id"])
        self._conventions = set(old["map_conventions"]["convention_id"])
        self._scope = _scope(old), _scope(new)
        self._listed: dict[str, set[str]] = defaultdict(set)
        for row in old["map_vocabulary"].iter_rows(named=True):
            self._listed[row["term_key"]].add(row["class_name"])

    def label(self, table: str, before: Row | None, after: Row | None) -> tuple[str, ...]:
        """Labels of a row that differs, in the order of CHANGE_LABELS; None is a row that is not there."""
        if after is None:
            labels = {f"Deletion: {KINDS_OF_ROW[table]}"}
        elif before is None:
            labels = {f"Addition: {KINDS_OF_ROW[table]}", *self._of_addition(table, after)}
        else:
            labels = set(self._of_change(table, before, after))
        return tuple(label for label in CHANGE_LABELS if label in labels)

    def _of_addition(self, table: str, row: Row) -> Iterator[str]:
        if table == "map_terms":
            if self._takes_over(row):
                yield "Takes over"
            listed = self._listed.get(row["term_key"], set())
            unknown = row["term_key"] not in self._texts
            if unknown and listed and not any(self._is_in_scope(name, 0) for name in listed):
                yield "Was out of scope"
        elif (table == "map_grades" and self._has_decisions(row["concept_id"])) or (
            table == "map_conventions"
            and row["convention_id"] in self._conventions
            and self._has_decisions(row["concept_id"])
        ):
            yield "Takes over"

    def _of_change(self, table: str, before: Row, after: Row) -> Iterator[str]:
        differing = [name for name in after if before[name] != after[name]]
        labels: set[str] = set()
        words = False
        for name in differing:
            if name == "class_name" and table == "map_vocabulary":
                found = self._of_class(before[name], after[name])
            elif name in ("concept_id", "relation") and _decided(before) != _decided(after):
                found = self._of_concept(before, after)
            elif name in _INTERVAL:
                found = _of_bound(name, before[name], after[name])
            elif name == "rule_id" and before["population"] != after["population"]:
                found = "Population"
            elif name in _LISTS and _parts(before[name]) == _parts(after[name]):
                found = None
            else:
                found = _COLUMNS[table].get(name)
            if found is None:
                words = True
            else:
                labels.add(found)
        if "low" in after:
            labels |= _of_interval(before, after)
        yield from labels
        if words:
            yield "Clarification" if labels else "Text only"

    def _of_class(self, before: str, after: str) -> str | None:
        return None if self._is_in_scope(before, 0) == self._is_in_scope(after, 1) else "Scope"

    def _of_concept(self, before: Row, after: Row) -> str:
        if _decided(after) is None:
            return "Undecided"
        if _decided(before) is None:
            return "Takes over" if self._takes_over(after) else "Decided"
        return "Re-pointed"

    def _has_decisions(self, concept_id: str) -> bool:
        return concept_id == EVERY_CONCEPT or concept_id in self._graded

    def _is_in_scope(self, class_name: str, side: int) -> bool:
        return self._scope[side].get(term_key(class_name), True)

    def _enter(self, row: Row) -> None:
        """As the kernel reads terms (GRADING.md 3.3): own comes before a synonym."""
        concept = _decided(row)
        if concept is not None:
            for known, key in ((self._texts, row["term_key"]), (self._codes, row["code"])):
                if key and (row["relation"] == "own" or row["scale_version"] not in known[key]):
                    known[key][row["scale_version"]] = concept

    def _takes_over(self, row: Row) -> bool:
        """With this row in the old release, something it resolved would resolve otherwise."""
        concept = _decided(row)
        if concept is None:
            return False
        for known, key in ((self._texts, row["term_key"]), (self._codes, row["code"])):
            entries = known.get(key, {})
            joined = entries | {row["scale_version"]: concept}
            for version in (*CTCAE_VERSIONS, None):
                if _resolve(entries, version) not in (None, _resolve(joined, version)):
                    return True
        return False


def _decided(row: Row) -> str | None:
    """Concept a term row decides for; a broader term never does."""
    return row["concept_id"] if "relation" in row and row["relation"] != "broader" else None


def _resolve(entries: Mapping[str, str], version: str | None) -> str | None:
    """Concept in a version, else in any, else the one that all versions share; None where there is none."""
    for wanted in () if version is None else (version, ANY):
        if wanted in entries:
            return entries[wanted]
    concepts = set(entries.values())
    return concepts.pop() if len(concepts) == 1 else None


def _of_bound(name: str, before: int | None, after: int | None) -> str:
    if before is None or after is None:
        return "Point gained" if before is None else "Point lost"
    return f"{name.capitalize()} {'up' if after > before else 'down'}"


def _of_interval(before: Row, after: Row) -> set[str]:
    """How the interval as a whole moved: exactly one label where low or high differ."""
    low, high = after["low"] - before["low"], after["high"] - before["high"]
    if low == high == 0:
        return set()
    if low <= 0 <= high:
        return {"Widened"}
    if high <= 0 <= low:
        return {"Narrowed"}
    return {"Up" if low > 0 else "Down"}


def _parts(text: str | None) -> frozenset[str]:
    return frozenset((text or "").split(SEPARATOR))


def _scope(tables: Tables) -> dict[str, bool]:
    classes = tables["map_classes"]
    return dict(zip(classes["class_key"], classes["is_in_scope"], strict=True))
