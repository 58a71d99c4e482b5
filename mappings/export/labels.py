"""What a decision is called for a reader, the same in every export.

What may live here: labels of rows. What may not: a format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mappings.checks import ANY
from mappings.release import Release

Row = Mapping[str, Any]

_SCALES = {"ctcae": "CTCAE", "cres": "CRES", "astct": "ASTCT"}


def concept_labels(release: Release) -> dict[str, str]:
    """Concept to the name a person reads."""
    concepts = release.tables["map_concepts"]
    return dict(zip(concepts["concept_id"], concepts["label"], strict=True))


def grade_label(row: Row, labels: Mapping[str, str]) -> str:
    """What a grade row is about: scale, version, concept, grade, children where it says so."""
    concept = labels.get(row["concept_id"], "any term")
    version = "" if row["scale_version"] == ANY else f" {row['scale_version']}"
    child = ", child" if row["population"] == "child" else ""
    return f"{_SCALES[row['scale']]}{version} {concept} grade {row['grade']}{child}"


def possible_grades(row: Row) -> list[int]:
    """ICANS grades the interval allows. Motor alone is binary (ASTCT 2019, table 2): 0 or 4, and death."""
    binary = row["domains"] == "motor"
    return [grade for grade in range(row["low"], row["high"] + 1) if not binary or grade in (0, 4, 5)]


def interval_label(row: Row) -> str:
    """The interval: one grade, a range, or the grades of a binary domain."""
    grades = possible_grades(row)
    if len(grades) == 1:
        return f"ICANS {grades[0]}"
    if grades != list(range(grades[0], grades[-1] + 1)):
        return f"ICANS {', '.join(map(str, grades[:-1]))} or {grades[-1]}"
    return f"ICANS {grades[0]} to {grades[-1]}"
