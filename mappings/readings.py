"""What each look-up of a set of rows reads: the way to see that one row takes the place of another.

What may live here: which rows of the term and grade tables stand behind an answer (the order of the
kernel: version, any, others; own before synonym; child before any; concept before every concept). What
may not: hulls, missing or undefined grades, a verdict on whether a change is allowed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import polars as pl

from mappings.checks import ANY, EVERY_CONCEPT
from schemas.vocabulary import CTCAE_VERSIONS

Row: TypeAlias = dict[str, Any]
GRADES = (1, 2, 3, 4, 5)


class Read(NamedTuple):
    """A row behind an answer: its rule, its layer and what it answers."""

    rule: str
    layer: str
    answer: Hashable


Readings: TypeAlias = Mapping[tuple[Hashable, ...], frozenset[Read]]
"""Look-up -> the rows behind its answer; a look-up that no row answers is left out."""


def term_rule(row: Mapping[str, Any]) -> str:
    """Id of a term row: `key:version`, with `:code` where the row has one."""
    return ":".join([row["term_key"], row["scale_version"], *([row["code"]] if row["code"] else [])])


RULE_OF: Mapping[str, Any] = {
    "map_concepts": lambda row: row["concept_id"],
    "map_terms": term_rule,
    "map_grades": lambda row: row["rule_id"],
    "map_conventions": lambda row: f"{row['convention_id']}:{row['concept_id']}",
}
"""Table -> function from a row to the id by which an overlay overrides it."""


def term_readings(terms: pl.DataFrame, keys: Iterable[str], codes: Iterable[str]) -> Readings:
    """Readings of these term keys and codes in every version, and in none recorded."""
    by_place: dict[tuple[str, str], list[Row]] = defaultdict(list)
    wanted = {("text", key) for key in keys} | {("code", code) for code in codes if code}
    for row in terms.iter_rows(named=True):
        for place in (("text", row["term_key"]), ("code", row["code"])):
            if place in wanted:
                by_place[place].append(row)
    return {
        (*place, version): frozenset(
            Read(term_rule(row), row["layer"], _concept(row)) for row in _term_rows(rows, version)
        )
        for place, rows in by_place.items()
        for version in (*CTCAE_VERSIONS, None)
    }


def _concept(row: Row) -> str | None:
    """Concept the row decides; a broader term decides none."""
    concept: str | None = row["concept_id"]
    return None if row["relation"] == "broader" else concept


def _term_rows(rows: list[Row], version: str | None) -> list[Row]:
    decided = [row for row in rows if _concept(row) is not None]
    by_version: dict[str, list[Row]] = defaultdict(list)
    for row in decided:
        by_version[row["scale_version"]].append(row)
    own = {v: [row for row in found if row["relation"] == "own"] for v, found in by_version.items()}
    by_version = {v: own[v] or found for v, found in by_version.items()}
    for wanted in () if version is None else (version, ANY):
        if wanted in by_version:
            return by_version[wanted]
    # A term that the rows only list as undecided stays so by those rows.
    return [row for found in by_version.values() for row in found] or rows


def grade_readings(grades: pl.DataFrame, places: Iterable[tuple[str, str]]) -> Readings:
    """Readings of these (scale, concept) pairs at every version, grade and population."""
    by_place: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in grades.iter_rows(named=True):
        by_place[row["scale"], row["concept_id"]].append(row)
    found: dict[tuple[Hashable, ...], frozenset[Read]] = {}
    for scale, concept in set(places):
        rows = by_place[scale, concept] or by_place[scale, EVERY_CONCEPT]
        versions = CTCAE_VERSIONS if scale == "ctcae" else {row["scale_version"] for row in rows}
        for version in versions:
            for population in (ANY, "child"):
                ladder = _ladder(rows, version, population) or _ladder(rows, ANY, population)
                for grade in GRADES:
                    if decided := ladder.get(grade):
                        answer = (decided["rule_id"], decided["layer"])
                        read = Read(*answer, answer)
                        found[scale, concept, version, grade, population] = frozenset({read})
    return found


def _ladder(rows: list[Row], version: str, population: str) -> dict[int, Row]:
    ladder: dict[int, Row] = {}
    for wanted in (ANY, "child") if population == "child" else (ANY,):
        for row in rows:
            if row["scale_version"] == version and row["population"] == wanted:
                ladder[row["grade"]] = row
    return ladder
