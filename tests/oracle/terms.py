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
    """The first step with exactly one concept decides."""
    version = version if version in CTCAE_VERSIONS else None
    steps = steps_of(row, verbatim_allowed)
    for method, key in steps:
        is_code = method.endswith("_code")
        entries = (release.terms_by_code if is_code else release.terms_by_key).get(key, [])
        concepts = concepts_of(entries, version)
        if len(concepts) == 1:
            return Resolution(concepts.pop(), method, key, True)
        # Versions mean different things by this term and the version is not known: anything stays
        # possible. A code that versions use differently says nothing at all.
        if concepts and not is_code:
            return Resolution(None, "none", key, True)
    texts = [key for method, key in steps if not method.endswith("_code")]
    is_coded = any(row[column] is not None for column in ("llt_code", "pt_code", *CODED_TEXTS))
    verbatim = "" if is_coded and not verbatim_allowed else term_key(row["verbatim_term"])
    shown = [*texts, *([verbatim] if verbatim else []), *(key for _, key in steps)]
    return Resolution(None, "none", shown[0] if shown else None, class_in_scope(row, steps, release))


CODED_TEXTS = ("preferred_term", "lowest_level_term")


def steps_of(row: Row, verbatim_allowed: bool) -> list[tuple[str, str]]:
    """Methods in order, with the code or the normalised term each looks up."""
    codes = [(column, (row[column] or "").strip()) for column in ("llt_code", "pt_code")]
    columns = (*CODED_TEXTS, "verbatim_term") if verbatim_allowed else CODED_TEXTS
    texts = [(column, term_key(row[column])) for column in columns]
    return [(method, key) for method, key in (*codes, *texts) if key]


def concepts_of(candidates: list[Row], version: str | None) -> set[str]:
    """Concepts the candidates stand for in a version: its own entries, else 'any', else other versions.

    Without a version every entry stays possible. Own entries beat synonyms.
    """
    if version is None:
        versions = [[c for c in candidates if c["scale_version"] == v] for v in (*CTCAE_VERSIONS, "any")]
        return {concept for entries in versions for concept in own_first(entries)}
    for tier in (
        [c for c in candidates if c["scale_version"] == version],
        [c for c in candidates if c["scale_version"] == "any"],
        candidates,
    ):
        if tier:
            return own_first(tier)
    return set()


def own_first(entries: list[Row]) -> set[str]:
    own = [entry for entry in entries if entry["relation"] == "own"]
    return {entry["concept_id"] for entry in (own or entries)}


def class_in_scope(row: Row, steps: list[tuple[str, str]], release: ReleaseIndex) -> bool:
    """An unmapped term counts in a nervous, psychiatric, eye or musculoskeletal class, or without class.

    A class nobody has listed is as good as none. A term without a class takes the classes that the
    published CTCAE vocabulary gives it, in whatever version; one in scope is enough.
    """
    given = release.class_scope.get(term_key(row["body_system"]))
    if given is not None:
        return given
    for method, key in steps:
        column = "code" if method.endswith("_code") else "term_key"
        classes = [entry["class_name"] for entry in release.vocabulary if entry[column] == key]
        if classes:
            return any(release.class_scope.get(term_key(name), True) for name in classes)
    return True
