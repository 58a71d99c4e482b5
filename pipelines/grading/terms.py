"""Which concept a row's term stands for, and how it was found.

Source: GRADING.md 3.3. Order of steps, first hit wins: LLT or PT code, coded preferred term,
lowest-level-term text, verbatim term where the manifest allows it. Whole normalised keys only: never
a part of a term, never a nearest match. Where no step hits and the study has a MedDRA dictionary, the
same steps are taken once more through it, from a code or a text to its preferred term: a dictionary
adds decisions and changes none. Work is done on distinct combinations of the term columns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final
from weakref import WeakKeyDictionary

import polars as pl

from mappings.meddra import Found
from mappings.release import Release
from mappings.term_key import term_key
from pipelines.grading.combinations import number_combinations
from schemas.base import SEPARATOR

CODED_COLUMNS = ("llt_code", "pt_code", "preferred_term", "lowest_level_term")
TERM_COLUMNS = (*CODED_COLUMNS, "verbatim_term", "body_system")
ANY = "any"
_REMEMBERED: Final = 100_000
"""Combinations of terms whose concept is kept in memory."""

RESOLVED_SCHEMA: dict[str, pl.DataType] = {
    "term_status": pl.String(),
    "concept_id": pl.String(),
    "match_method": pl.String(),
    "term_key": pl.String(),
    "term_layers": pl.String(),
}


@dataclass(frozen=True)
class Resolved:
    """`term_status` is mapped, unmapped or out_of_scope; `concept_id` None unless mapped.

    `layers` are those of the term rows that say so: the release where it does, else the overlays.
    """

    term_status: str
    concept_id: str | None
    match_method: str
    term_key: str | None
    layers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Entry:
    """What the term rows of one key and version say; `is_own`: the term has decisions of its own."""

    concept_id: str
    is_own: bool
    layers: frozenset[str]

    def joined(self, other: _Entry) -> _Entry:
        """A term with rows of its own comes before a synonym; rows that agree are one entry."""
        if self.is_own != other.is_own:
            return self if self.is_own else other
        return replace(self, layers=self.layers | other.layers)


_Entries = Mapping[str, _Entry]
"""What is said of one key or code, by version."""


class TermIndex:
    """The terms, codes and classes of a release, and its dictionary, for look-up by key."""

    def __init__(self, release: Release) -> None:
        self._base = release.base_id
        self._dictionary = release.dictionary
        self._terms: dict[str, dict[str, _Entry]] = defaultdict(dict)
        self._codes: dict[str, dict[str, _Entry]] = defaultdict(dict)
        self._resolved: dict[tuple[str | bool | None, ...], Resolved] = {}
        listed: set[str] = set()
        for row in release.tables["map_terms"].iter_rows(named=True):
            places = [(self._terms, row["term_key"])] + [(self._codes, row["code"])] * bool(row["code"])
            listed.update(key for _, key in places)
            # A broader term never decides; a term with rows of its own comes before a synonym.
            if row["concept_id"] is None or row["relation"] == "broader":
                continue
            entry = _Entry(row["concept_id"], row["relation"] == "own", frozenset({row["layer"]}))
            for index, key in places:
                known = index[key].get(row["scale_version"])
                index[key][row["scale_version"]] = known.joined(entry) if known else entry
        self._negatives = listed - self._terms.keys() - self._codes.keys()
        self._classes: dict[str, bool] = {
            row["class_key"]: row["is_in_scope"]
            for row in release.tables["map_classes"].iter_rows(named=True)
        }
        self._vocabulary: dict[str, set[str]] = defaultdict(set)
        for row in release.tables["map_vocabulary"].iter_rows(named=True):
            class_key = term_key(row["class_name"])
            self._vocabulary[row["term_key"]].add(class_key)
            if row["code"]:
                self._vocabulary[f"code {row['code']}"].add(class_key)

    def recall(self, row: Mapping[str, str | None], version: str | None, verbatim_terms: bool) -> Resolved:
        """`resolve`, remembered: a study is graded in batches that hold the same terms."""
        key = (*(row[name] for name in TERM_COLUMNS), version, verbatim_terms)
        found = self._resolved.get(key)
        if found is None:
            found = self.resolve(row, version, verbatim_terms)
            if len(self._resolved) >= _REMEMBERED:
                self._resolved.clear()  # by any of the batches at work, so nothing is looked up twice
            self._resolved[key] = found
        return found

    def resolve(self, row: Mapping[str, str | None], version: str | None, verbatim_terms: bool) -> Resolved:
        """Concept of one row's terms; `version` is the CTCAE version, None where not recorded."""
        steps = list(_steps(row, verbatim_terms))
        for method, key in steps:
            is_code = method.endswith("_code")
            entries = _in_version((self._codes if is_code else self._terms).get(key, {}), version)
            concepts = {entry.concept_id for entry in entries}
            if len(concepts) == 1:
                return Resolved("mapped", concepts.pop(), method, key, self._layers(entries))
            if concepts and not is_code:
                # Versions mean different things by the term and the version is not known.
                return Resolved("unmapped", None, "none", key)
        for method, key in steps:
            if (found := self._find(method, key)) and (entries := self._of_preferred(found.pt_code, version)):
                by = "meddra" if found.is_current else "meddra_not_current"
                return Resolved("mapped", entries[0].concept_id, by, found.code, self._layers(entries))
        texts = [key for method, key in steps if not method.endswith("_code")]
        codes = [key for method, key in steps if method.endswith("_code")]
        shown = next((key for key in (*texts, term_key(row["verbatim_term"]), *codes) if key), None)
        status = "unmapped" if self._is_in_scope(row["body_system"], steps) else "out_of_scope"
        return Resolved(status, None, "none", shown)

    def _layers(self, entries: Iterable[_Entry]) -> frozenset[str]:
        """An overlay that repeats what the release says decides nothing."""
        layers = frozenset().union(*(entry.layers for entry in entries))
        return frozenset({self._base}) if self._base in layers else layers

    def _find(self, method: str, key: str) -> Found | None:
        """The dictionary's term; None where the release itself says that the term decides nothing."""
        if self._dictionary is None or key in self._negatives:
            return None
        is_code = method.endswith("_code")
        return self._dictionary.find_code(key) if is_code else self._dictionary.find_text(key)

    def _of_preferred(self, pt_code: str, version: str | None) -> list[_Entry]:
        """What the release says of a preferred term, by code, else by name.

        Else what it says of the preferred term's lowest-level terms, if those it decides agree. Empty
        where it decides none, where they differ, and where it says that the term decides nothing.
        """
        assert self._dictionary is not None
        name = self._dictionary.pt_key(pt_code)
        if not self._negatives.isdisjoint((pt_code, name)):
            return []
        by_code = _in_version(self._codes.get(pt_code, {}), version)
        by_name = _in_version(self._terms.get(name, {}), version)
        below = [
            entry
            for term in self._dictionary.llts(pt_code)
            for entries in (self._codes.get(term.code, {}), self._terms.get(term.key, {}))
            for entry in _in_version(entries, version)
        ]
        for entries in (by_code, by_name, below):
            concepts = {entry.concept_id for entry in entries}
            if len(concepts) == 1:
                return entries
            if concepts and entries is not by_code:
                return []
        return []

    def _is_in_scope(self, body_system: str | None, steps: list[tuple[str, str]]) -> bool:
        """In scope by the class given; without a known class, by where CTCAE lists the term, else by its
        primary class in the dictionary; else yes.
        """
        given = self._classes.get(term_key(body_system))
        if given is not None:
            return given
        for method, key in steps:
            listed = self._vocabulary.get(f"code {key}" if method.endswith("_code") else key)
            if listed:
                return any(self._classes.get(class_key, True) for class_key in listed)
        for method, key in steps:
            if self._dictionary is not None and (found := self._find(method, key)):
                return self._classes.get(self._dictionary.class_key(found.pt_code), True)
        return True


def _steps(row: Mapping[str, str | None], verbatim_terms: bool) -> Iterator[tuple[str, str]]:
    for method in ("llt_code", "pt_code"):
        if code := (row[method] or "").strip():
            yield method, code
    texts = ("preferred_term", "lowest_level_term") + (("verbatim_term",) if verbatim_terms else ())
    for method in texts:
        if key := term_key(row[method]):
            yield method, key


def _in_version(entries: _Entries, version: str | None) -> list[_Entry]:
    """Entries of the row's version, else of 'any', else of all versions; all of them if it has none."""
    for wanted in () if version is None else (version, ANY):
        if wanted in entries:
            return [entries[wanted]]
    return list(entries.values())


_INDEXES: WeakKeyDictionary[Release, TermIndex] = WeakKeyDictionary()


def index_of(release: Release) -> TermIndex:
    """The index of a release, built once: a study is graded in batches."""
    if release not in _INDEXES:
        _INDEXES[release] = TermIndex(release)
    return _INDEXES[release]


def compute_shown_verbatim(*, verbatim_terms: bool) -> pl.Expr:
    """The verbatim term where it may decide or name the row, else null."""
    is_coded = pl.any_horizontal(pl.col(name).is_not_null() for name in CODED_COLUMNS)
    return pl.when(verbatim_terms | ~is_coded).then("verbatim_term")


def resolve_terms(rows: pl.DataFrame, release: Release, *, verbatim_terms: bool) -> pl.DataFrame:
    """Add the columns of RESOLVED_SCHEMA to every row.

    `rows` has the columns of TERM_COLUMNS, `scale` and `scale_version` (all text, null allowed).
    Without `verbatim_terms` a verbatim term never decides; it only names the row on the work list
    when nothing is coded.
    """
    index = index_of(release)
    shown = compute_shown_verbatim(verbatim_terms=verbatim_terms).alias("_verbatim")
    keys = [*CODED_COLUMNS, "_verbatim", "body_system", "scale", "scale_version"]
    numbers, distinct = number_combinations(rows.with_columns(shown), keys)
    found = []
    for row in distinct.iter_rows(named=True):
        version = row["scale_version"] if row["scale"] == "ctcae" else None
        terms = {**row, "verbatim_term": row["_verbatim"]}
        resolved = index.recall(terms, version, verbatim_terms)
        key, layers = resolved.term_key, SEPARATOR.join(sorted(resolved.layers))
        found.append((resolved.term_status, resolved.concept_id, resolved.match_method, key, layers))
    return rows.hstack(pl.DataFrame(found, schema=RESOLVED_SCHEMA, orient="row")[numbers])
