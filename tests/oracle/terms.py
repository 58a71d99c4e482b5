"""Which concept a row is about, or whether its class can hold an ICANS sign at all (GRADING.md 3.3).

Codes first, then the coded term, the lowest-level term, and the verbatim term only where the
manifest allows it. Whole normalised terms only. The first step that yields a decision wins.
"""

from __future__ import annotations

from dataclasses import dataclass

from mappings.term_key import term_key
from schemas.vocabulary import CTCAE_VERSIONS
from tests.oracle.release_index import ReleaseIndex, Row


@dataclass(frozen=True)
class Resolution:
    """`concept_id` None: nobody has mapped the term; then `is_in_scope` says whether it may count."""

    concept_id: str | None
    method: str
    key: str | None
    is_in_scope: bool


def resolve(row: Row, version: str | None, verbatim_allowed: bool, release: ReleaseIndex) -> Resolution:
    version = version if version in CTCAE_VERSIONS else None
    for method, column in (("llt_code", "llt_code"), ("pt_code", "pt_code")):
        code = (row[column] or "").strip()
        concepts = concepts_of(release.terms_by_code.get(code, []), version) if code else set()
        # A code that versions use differently says nothing unless the version is known.
        if len(concepts) == 1:
            return Resolution(concepts.pop(), method, code, True)
    texts = ["preferred_term", "lowest_level_term", *(["verbatim_term"] if verbatim_allowed else [])]
    for column in texts:
        key = term_key(row[column])
        concepts = concepts_of(release.terms_by_key.get(key, []), version) if key else set()
        if len(concepts) == 1:
            return Resolution(concepts.pop(), column, key, True)
        if len(concepts) > 1:
            # Versions mean different things by this term and the version is not known.
            return Resolution(None, "none", key, True)
    listed = [term_key(row[c]) for c in ("preferred_term", "lowest_level_term", "verbatim_term")]
    shown = next((key for key in listed if key), None)
    return Resolution(None, "none", shown, class_in_scope(row, version, verbatim_allowed, release))


def concepts_of(candidates: list[Row], version: str | None) -> set[str]:
    """Concepts the candidates stand for in a version: its own entries, else 'any', else other versions.

    Without a version every entry stays possible. Own entries beat synonyms.
    """
    if version is None:
        tiers = [candidates]
    else:
        tiers = [
            [c for c in candidates if c["scale_version"] == version],
            [c for c in candidates if c["scale_version"] == "any"],
            candidates,
        ]
    for tier in tiers:
        if tier:
            own = [c for c in tier if c["relation"] == "own"]
            return {c["concept_id"] for c in (own or tier)}
    return set()


def class_in_scope(row: Row, version: str | None, verbatim_allowed: bool, release: ReleaseIndex) -> bool:
    """An unmapped term counts in a nervous, psychiatric, eye or musculoskeletal class, or without class.

    A class nobody has listed is as good as none. A term without a class takes the class that the
    published CTCAE vocabulary gives it, where all entries agree that it is elsewhere.
    """
    given = term_key(row["body_system"])
    if given:
        return release.class_scope.get(given, True)
    codes = [(row[c] or "").strip() for c in ("llt_code", "pt_code")]
    columns = ["preferred_term", "lowest_level_term", *(["verbatim_term"] if verbatim_allowed else [])]
    keys = [term_key(row[c]) for c in columns]
    entries = [
        entry
        for entry in release.vocabulary
        if (entry["term_key"] and entry["term_key"] in keys) or (entry["code"] and entry["code"] in codes)
    ]
    exact = [entry for entry in entries if entry["scale_version"] == version]
    scopes = [release.class_scope.get(term_key(e["class_name"]), True) for e in (exact or entries)]
    return any(scopes) if scopes else True
