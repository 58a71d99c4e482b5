"""Which concept a row is about, or whether its class can hold an ICANS sign at all (GRADING.md 3.3).

Codes first, then the coded term, the lowest-level term, and the verbatim term only where the
manifest allows it. Whole normalised terms only. The first step that yields a decision wins. Only where
none does, the study's dictionary, if it has one, is asked step by step.
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
    layers: frozenset[str] = frozenset()


def resolve(row: Row, version: str | None, verbatim_allowed: bool, release: ReleaseIndex) -> Resolution:
    """The first step with exactly one concept decides."""
    version = version if version in CTCAE_VERSIONS else None
    steps = steps_of(row, verbatim_allowed)
    for method, key in steps:
        is_code = method.endswith("_code")
        entries = (release.terms_by_code if is_code else release.terms_by_key).get(key, [])
        read = entries_of(entries, version)
        concepts = {entry["concept_id"] for entry in read}
        if len(concepts) == 1:
            return Resolution(concepts.pop(), method, key, True, layers_of(read, release))
        # Versions mean different things by this term and the version is not known: anything stays
        # possible. A code that versions use differently says nothing at all.
        if concepts and not is_code:
            return Resolution(None, "none", key, True)
    for method, key in steps:
        term = dictionary_term(method, key, release)
        read = [] if term is None else preferred_term_entries(term.preferred, version, release)
        if term is not None and read:
            by = "meddra" if term.is_current else "meddra_not_current"
            return Resolution(read[0]["concept_id"], by, term.code, True, layers_of(read, release))
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


def entries_of(candidates: list[Row], version: str | None) -> list[Row]:
    """The candidates read in a version: its own entries, else 'any', else other versions.

    Without a version every entry stays possible. In each version own entries beat synonyms.
    """
    versions = [[c for c in candidates if c["scale_version"] == v] for v in (*CTCAE_VERSIONS, "any")]
    by_version = [entry for entries in versions for entry in own_first(entries)]
    if version is not None:
        for wanted in (version, "any"):
            if tier := [entry for entry in by_version if entry["scale_version"] == wanted]:
                return tier
    return by_version


def own_first(entries: list[Row]) -> list[Row]:
    return [entry for entry in entries if entry["relation"] == "own"] or entries


def layers_of(entries: list[Row], release: ReleaseIndex) -> frozenset[str]:
    """Who says so: the release, unless only overlays do."""
    found = frozenset(entry["layer"] for entry in entries)
    base = release.release_id.split("+")[0]
    return frozenset({base}) if base in found else found


@dataclass(frozen=True)
class DictionaryTerm:
    """A term of the dictionary, the preferred term it belongs to, and whether it is still in use."""

    code: str
    preferred: str
    is_current: bool


def dictionary_term(method: str, key: str, release: ReleaseIndex) -> DictionaryTerm | None:
    """A code or name in the dictionary; a term the release lists as undecided is not looked up there."""
    if release.dictionary is None or is_undecided(key, release):
        return None
    preferred = [(pt[0], pt[1]) for pt in release.dictionary.preferred]
    lowest = [(llt[0], llt[1], llt[2], llt[9] == "Y") for llt in release.dictionary.lowest]
    if method.endswith("_code"):
        if any(code == key for code, _ in preferred):
            return DictionaryTerm(key, key, True)
        return next((DictionaryTerm(c, pt, current) for c, _, pt, current in lowest if c == key), None)
    named = [code for code, name in preferred if term_key(name) == key]
    if named:
        return DictionaryTerm(named[0], named[0], True) if len(named) == 1 else None
    below = [(not current, code, pt) for code, name, pt, current in lowest if term_key(name) == key]
    if len({pt for _, _, pt in below}) != 1:
        return None
    retired, code, pt = min(below)
    return DictionaryTerm(code, pt, not retired)


def preferred_term_entries(preferred: str, version: str | None, release: ReleaseIndex) -> list[Row]:
    """The release's rows for a preferred term, else those of its lowest-level terms if they agree."""
    assert release.dictionary is not None
    name = next(term_key(pt[1]) for pt in release.dictionary.preferred if pt[0] == preferred)
    if is_undecided(preferred, release) or is_undecided(name, release):
        return []
    by_code = entries_of(release.terms_by_code.get(preferred, []), version)
    if len({entry["concept_id"] for entry in by_code}) == 1:
        return by_code
    below: list[Row] = entries_of(release.terms_by_key.get(name, []), version)
    if not below:
        for llt in release.dictionary.lowest:
            if llt[2] == preferred:
                below += entries_of(release.terms_by_code.get(llt[0], []), version)
                below += entries_of(release.terms_by_key.get(term_key(llt[1]), []), version)
    return below if len({entry["concept_id"] for entry in below}) == 1 else []


def is_undecided(key: str, release: ReleaseIndex) -> bool:
    """The release lists the term or code, and in no row with a concept."""
    listed = any(key in (row["term_key"], row["code"]) for row in release.undecided)
    return listed and not release.terms_by_key.get(key) and not release.terms_by_code.get(key)


def class_in_scope(row: Row, steps: list[tuple[str, str]], release: ReleaseIndex) -> bool:
    """An unmapped term counts in a nervous, psychiatric, eye or musculoskeletal class, or without class.

    A class nobody has listed is as good as none. A term without a class takes the classes that the
    published CTCAE vocabulary gives it, in whatever version; one in scope is enough. Failing that, the
    primary class of the first of its codes and texts that the dictionary has.
    """
    given = release.class_scope.get(term_key(row["body_system"]))
    if given is not None:
        return given
    for method, key in steps:
        column = "code" if method.endswith("_code") else "term_key"
        classes = [entry["class_name"] for entry in release.vocabulary if entry[column] == key]
        if classes:
            return any(release.class_scope.get(term_key(name), True) for name in classes)
    for method, key in steps:
        term = dictionary_term(method, key, release)
        if term is not None and release.dictionary is not None:
            paths = [path for path in release.dictionary.paths if path[0] == term.preferred]
            primary = next(path[7] for path in paths if path[11] == "Y")
            return release.class_scope.get(term_key(primary), True)
    return True
