"""Which concept a row's term stands for, and how it was found.

Source: GRADING.md 3.3. Order of steps, first hit wins: LLT or PT code, coded preferred term,
lowest-level-term text, verbatim term where the manifest allows it. Whole normalised keys only: never
a part of a term, never a nearest match. Work is done on distinct combinations of the term columns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from mappings.release import Release
from mappings.term_key import term_key

CODED_COLUMNS = ("llt_code", "pt_code", "preferred_term", "lowest_level_term")
TERM_COLUMNS = (*CODED_COLUMNS, "verbatim_term", "body_system")
ANY = "any"

RESOLVED_SCHEMA: dict[str, pl.DataType] = {
    "term_status": pl.String(),
    "concept_id": pl.String(),
    "match_method": pl.String(),
    "term_key": pl.String(),
}


@dataclass(frozen=True)
class Resolved:
    """`term_status` is mapped, unmapped or out_of_scope; `concept_id` None unless mapped."""

    term_status: str
    concept_id: str | None
    match_method: str
    term_key: str | None


class TermIndex:
    """The terms, codes and classes of a release, for look-up by key."""

    def __init__(self, release: Release) -> None:
        self._terms: dict[str, dict[str, str]] = defaultdict(dict)
        self._codes: dict[str, dict[str, str]] = defaultdict(dict)
        for row in release.tables["map_terms"].iter_rows(named=True):
            # A broader term never decides; a term with rows of its own comes before a synonym.
            if row["concept_id"] is None or row["relation"] == "broader":
                continue
            entries = [self._terms[row["term_key"]]]
            if row["code"]:
                entries.append(self._codes[row["code"]])
            for concepts in entries:
                if row["relation"] == "own" or row["scale_version"] not in concepts:
                    concepts[row["scale_version"]] = row["concept_id"]
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

    def resolve(self, row: Mapping[str, str | None], version: str | None, verbatim_terms: bool) -> Resolved:
        """Concept of one row's terms; `version` is the CTCAE version, None where not recorded."""
        steps = list(_steps(row, verbatim_terms))
        for method, key in steps:
            is_code = method.endswith("_code")
            concepts = _in_version((self._codes if is_code else self._terms).get(key, {}), version)
            if len(concepts) == 1:
                return Resolved("mapped", concepts.pop(), method, key)
            if concepts and not is_code:
                # Versions mean different things by the term and the version is not known.
                return Resolved("unmapped", None, "none", key)
        texts = [key for method, key in steps if not method.endswith("_code")]
        codes = [key for method, key in steps if method.endswith("_code")]
        shown = next((key for key in (*texts, term_key(row["verbatim_term"]), *codes) if key), None)
        status = "unmapped" if self._is_in_scope(row["body_system"], steps) else "out_of_scope"
        return Resolved(status, None, "none", shown)

    def _is_in_scope(self, body_system: str | None, steps: list[tuple[str, str]]) -> bool:
        """In scope by the class given; without a known class, by where CTCAE lists the term; else yes."""
        given = self._classes.get(term_key(body_system))
        if given is not None:
            return given
        for method, key in steps:
            listed = self._vocabulary.get(f"code {key}" if method.endswith("_code") else key)
            if listed:
                return any(self._classes.get(class_key, True) for class_key in listed)
        return True


def _steps(row: Mapping[str, str | None], verbatim_terms: bool) -> Iterator[tuple[str, str]]:
    for method in ("llt_code", "pt_code"):
        if code := (row[method] or "").strip():
            yield method, code
    texts = ("preferred_term", "lowest_level_term") + (("verbatim_term",) if verbatim_terms else ())
    for method in texts:
        if key := term_key(row[method]):
            yield method, key


def _in_version(entries: Mapping[str, str], version: str | None) -> set[str]:
    """Concepts in the row's version, else in 'any', else in all versions; all of them if it has none."""
    for wanted in () if version is None else (version, ANY):
        if wanted in entries:
            return {entries[wanted]}
    return set(entries.values())


def resolve_terms(rows: pl.DataFrame, release: Release, *, verbatim_terms: bool) -> pl.DataFrame:
    """Add `term_status`, `concept_id`, `match_method` and `term_key` to every row.

    `rows` has the columns of TERM_COLUMNS, `scale` and `scale_version` (all text, null allowed).
    Without `verbatim_terms` a verbatim term never decides; it only names the row on the work list
    when nothing is coded.
    """
    index = TermIndex(release)
    is_coded = pl.any_horizontal(pl.col(name).is_not_null() for name in CODED_COLUMNS)
    shown = pl.when(verbatim_terms | ~is_coded).then("verbatim_term")
    keyed = rows.with_columns(shown.alias("_verbatim"))
    keys = [*CODED_COLUMNS, "_verbatim", "body_system", "scale", "scale_version"]
    distinct = keyed.select(keys).unique()
    found = []
    for row in distinct.iter_rows(named=True):
        version = row["scale_version"] if row["scale"] == "ctcae" else None
        terms = {**row, "verbatim_term": row["_verbatim"]}
        resolved = index.resolve(terms, version, verbatim_terms)
        found.append((resolved.term_status, resolved.concept_id, resolved.match_method, resolved.term_key))
    decided = distinct.hstack(pl.DataFrame(found, schema=RESOLVED_SCHEMA, orient="row"))
    return keyed.join(decided, on=keys, how="left", nulls_equal=True, validate="m:1").drop("_verbatim")
