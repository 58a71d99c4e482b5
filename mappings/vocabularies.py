"""The published CTCAE vocabularies in `vocabulary/`, as tables to hold a release against.

What may live here: reading those files. What may not: a rule about a release. The loader of a release
does not come here; only the curation checks do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl

from mappings.term_key import term_key
from mappings.tsv import read_tsv

VERSION_FILES: Mapping[str, str] = {
    "2.0": "ctc_v2.tsv",
    "3.0": "ctcae_v3.tsv",
    "4.03": "ctcae_v4_03.tsv",
    "5.0": "ctcae_v5.tsv",
    "6.0": "ctcae_v6.tsv",
}
"""CTCAE version -> file with its text."""

GRADES = (1, 2, 3, 4, 5)
_TERMS = ("class_name", "code", "term", *(f"grade{grade}" for grade in GRADES))
_NEURO = (
    *("version", "code", "term", "grades_available", "concept"),
    *("icans_domain", "relevance", "llt_name", "note"),
)
_ERRATA = ("meddra_code", "soc", "term", "element", "previous", "updated", "update_date")
_PROVENANCE = ("file", "rows", "role", "repo", "path", "commit", "blob", "repo_licence", "note")
FILES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(VERSION_FILES.values(), _TERMS),
    "ctcae_v6_errata.tsv": _ERRATA,
    "neuro_terms.tsv": _NEURO,
    "provenance.tsv": _PROVENANCE,
}
"""File of the vocabulary folder -> its columns."""

UNSOURCED = ("neuro_terms.tsv", "provenance.tsv")
"""Files the project wrote itself; every other one has rows in `provenance.tsv`."""

_SHIPPED = Path(__file__).parent / "vocabulary"


@dataclass(frozen=True)
class PublishedTerm:
    """A term of one CTCAE version with the text of every grade it defines."""

    version: str
    term: str
    key: str
    code: str
    class_name: str
    class_key: str
    texts: Mapping[int, str]


@dataclass(frozen=True)
class Vocabularies:
    """The vocabularies of all versions.

    `terms` holds every published term by version, `neuro` the keys of the neurological ones by version,
    `files` every file of the folder as text.
    """

    terms: Mapping[str, tuple[PublishedTerm, ...]]
    neuro: Mapping[str, tuple[str, ...]]
    files: Mapping[str, pl.DataFrame]


@cache
def read_vocabularies(folder: Path | None = None) -> Vocabularies:
    """Read a vocabulary folder, the shipped one by default; raises `ReleaseError` for a damaged file."""
    folder = _SHIPPED if folder is None else folder
    files = {name: read_tsv(folder / name, columns) for name, columns in FILES.items()}
    neuro = files["neuro_terms.tsv"]
    return Vocabularies(
        {version: tuple(_published(version, files[name])) for version, name in VERSION_FILES.items()},
        {
            version: tuple(term_key(term) for term in neuro.filter(pl.col("version") == version)["term"])
            for version in VERSION_FILES
        },
        files,
    )


def _published(version: str, frame: pl.DataFrame) -> list[PublishedTerm]:
    return [
        PublishedTerm(
            version,
            row["term"],
            term_key(row["term"]),
            row["code"],
            row["class_name"],
            term_key(row["class_name"]),
            {grade: row[f"grade{grade}"] for grade in GRADES if row[f"grade{grade}"]},
        )
        for row in frame.iter_rows(named=True)
    ]
