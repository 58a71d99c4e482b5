"""The mapping release as nested dicts, for lookups only; every decision stays in the release rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Dictionary:
    """Rows of a MedAscii folder as they stand there: fields by position."""

    preferred: list[list[str]]
    lowest: list[list[str]]
    paths: list[list[str]]

    @classmethod
    def of(cls, folder: Path) -> Dictionary:
        def rows(name: str) -> list[list[str]]:
            return [line.split("$") for line in (folder / name).read_text(encoding="utf-8").splitlines()]

        return cls(rows("pt.asc"), rows("llt.asc"), rows("mdhier.asc"))


class ReleaseIndex:
    """Rows of the `map_*` tables by what they are looked up with."""

    def __init__(self, tables: Mapping[str, Sequence[Row]], dictionary: Dictionary | None = None) -> None:
        self.release_id: str = tables["map_releases"][0]["release_id"]
        self.dictionary = dictionary
        self.concepts: dict[str, Row] = {row["concept_id"]: row for row in tables["map_concepts"]}
        self.terms_by_key: dict[str, list[Row]] = defaultdict(list)
        self.terms_by_code: dict[str, list[Row]] = defaultdict(list)
        self.undecided: list[Row] = []
        for row in tables["map_terms"]:
            if row["relation"] == "broader" or row["concept_id"] is None:
                self.undecided.append(row)
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
