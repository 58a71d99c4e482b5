"""The mapping release as nested dicts, for lookups only; every decision stays in the release rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]


class ReleaseIndex:
    """Rows of the `map_*` tables by what they are looked up with."""

    def __init__(self, tables: Mapping[str, Sequence[Row]]) -> None:
        self.release_id: str = tables["map_releases"][0]["release_id"]
        self.concepts: dict[str, Row] = {row["concept_id"]: row for row in tables["map_concepts"]}
        self.terms_by_key: dict[str, list[Row]] = defaultdict(list)
        self.terms_by_code: dict[str, list[Row]] = defaultdict(list)
        for row in tables["map_terms"]:
            if row["relation"] == "broader" or row["concept_id"] is None:
                continue
            if row["term_key"]:
                self.terms_by_key[row["term_key"]].append(row)
            if row["code"]:
                self.terms_by_code[row["code"]].append(row)
        self.grades: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in tables["map_grades"]:
            self.grades[row["scale"], row["concept_id"]].append(row)
        self.conventions: list[Row] = list(tables["map_conventions"])
        self.class_scope: dict[str, bool] = {
            row["class_key"]: row["is_in_scope"] for row in tables["map_classes"]
        }
        self.vocabulary: list[Row] = list(tables["map_vocabulary"])

    def cause_role(self, concept_id: str | None) -> str | None:
        return None if concept_id is None else self.concepts[concept_id]["cause_role"]
