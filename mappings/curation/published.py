"""Curation rules that hold a release against the published CTCAE vocabularies: whole, verbatim, no more.

What may live here: rules that read `mappings/vocabulary`. What may not: rules on the decisions alone
(`mappings.curation.decisions`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

import polars as pl

from mappings.checks import ANY
from mappings.curation.rules import Row, Rules, rule
from mappings.problem import Problem
from mappings.vocabularies import PublishedTerm

JOINT: Mapping[tuple[str, str], str] = {
    ("2.0", "somnolence"): "depressed level of consciousness",
    ("3.0", "somnolence"): "somnolence/depressed level of consciousness",
}
"""Concepts that a version decides under a term that names them beside another: key of that term."""

IN_SCOPE = r"^(nervous|neurolog|psychiatric|eye\b|ocular|musculoskeletal)"
"""Classes in which an unmapped term may be an ICANS sign (GRADING.md 3.3), by their normalised name."""

_DECIDE = "add the row with its decision; 'excluded' is a decision too"


class PublishedRules(Rules):
    """Rules on completeness, verbatim text and published codes."""

    @rule("MAP-COMPLETE-NEURO", "Every neuro term is decided at every grade it defines", whole=True)
    def neuro_terms_decided(self) -> Iterator[Problem]:
        """Every term of `neuro_terms.tsv`, v2.0 to v6.0; explicit 'no ICANS meaning' is a decision."""
        for version, keys in self.vocabularies.neuro.items():
            published = {term.key: term for term in self.vocabularies.terms[version]}
            for key in keys:
                yield from self._undecided(published[key])

    @rule("MAP-COMPLETE-CLASS", "Every term of a class in scope is decided", whole=True)
    def classes_decided(self) -> Iterator[Problem]:
        """A term of a class in scope that is not decided would be unmapped although NCI published it."""
        scope = set(self.sheets["map_classes"].frame.filter("is_in_scope")["class_key"])
        for version, terms in self.vocabularies.terms.items():
            for term in terms:
                if term.class_key in scope and term.key not in self.vocabularies.neuro[version]:
                    yield from self._undecided(term)

    def _undecided(self, term: PublishedTerm) -> Iterator[Problem]:
        concept = self.concept_of(term.version, term.key)
        if concept is None:
            what = f"CTCAE {term.version} publishes the term and the release does not map it"
            yield self.absent("map_terms", what, term.term, "add the term with its concept")
            return
        for grade in sorted(set(term.texts) - self._decided[term.version, concept]):
            what = f"CTCAE {term.version} defines grade {grade} of {concept} and no row decides it"
            yield self.absent("map_grades", what, term.term, _DECIDE)

    @rule("MAP-SOURCE-TEXT", "The text beside a decision is NCI's, verbatim")
    def verbatim_text(self) -> Iterator[Problem]:
        """Compared cell by cell with the vocabulary of the version, blanks and case included."""
        published = self._published

        def wrong(row: Row) -> bool:
            terms = published[row["scale_version"], row["concept_id"]]
            texts = {term.texts[row["grade"]] for term in terms if row["grade"] in term.texts}
            return bool(texts) and texts != {row["source_text"]}

        what = "the text is not the grade text of the vocabulary"
        action = "copy the text from mappings/vocabulary, and read the decision against it once more"
        yield from self._grade_rows("source_text", what, wrong, action)

    @rule("MAP-GRADE-UNDEFINED", "No row decides a grade that its version does not define")
    def undefined_grades(self) -> Iterator[Problem]:
        """The kernel reads an undefined grade from its neighbours; a row would hide that it is one."""
        published = self._published

        def wrong(row: Row) -> bool:
            terms = published[row["scale_version"], row["concept_id"]]
            return bool(terms) and not any(row["grade"] in term.texts for term in terms)

        action = "remove the row"
        yield from self._grade_rows("grade", "the version does not define the grade", wrong, action)

    @rule("MAP-VERSION-TERM", "No row decides for a version a concept that it has no term for")
    def version_without_term(self) -> Iterator[Problem]:
        """A concept that a version lacks takes the hull over the versions that have it."""
        published = self._published

        def wrong(row: Row) -> bool:
            return not published[row["scale_version"], row["concept_id"]]

        what = "no term of this version stands for the concept"
        yield from self._grade_rows("concept_id", what, wrong, "correct the version, or map a term")

    @rule("MAP-GENERIC-SCALE", "A preferred term on the generic scale is decided at all five grades")
    def generic_scale(self) -> Iterator[Problem]:
        """Rows of version 'any' are read in every version, and one of them defines each grade."""
        grades = self.sheets["map_grades"].frame.filter(
            pl.col("scale") == "ctcae", pl.col("scale_version") == ANY, pl.col("population") == ANY
        )
        for concept, found in grades.group_by("concept_id").agg("grade").sort("concept_id").iter_rows():
            for grade in sorted(set(range(1, 6)) - set(found)):
                what = f"{concept} has no row of version any for grade {grade}"
                yield self.absent("map_grades", what, concept, _DECIDE)

    @rule(
        "MAP-VOCABULARY", "vocabulary.tsv lists the published terms with their classes, no other", whole=True
    )
    def vocabulary(self) -> Iterator[Problem]:
        """A term without a class in the study is placed by this list."""
        action = "copy the row from mappings/vocabulary"
        listed = {
            (row["scale_version"], row["term"], row["code"], row["class_name"])
            for row in self.rows("map_vocabulary")
        }
        published = {
            (version, term.term, term.code, term.class_name)
            for version, terms in self.vocabularies.terms.items()
            for term in terms
        }
        for version, name, code, _ in sorted(published - listed):
            what = f"CTCAE {version} publishes the term with another code or class, or it is missing"
            yield self.absent("map_vocabulary", what, f"{name} {code}".strip(), action)
        wrong = [
            (row["scale_version"], row["term"], row["code"], row["class_name"]) not in published
            for row in self.rows("map_vocabulary")
        ]
        what = "the vocabulary of the version has no such term, code and class"
        yield from self.broken("map_vocabulary", "term", what, wrong, action)

    @rule("MAP-CLASS-SCOPE", "A class is in scope exactly where an ICANS sign can be filed")
    def class_scope(self) -> Iterator[Problem]:
        """Nervous, psychiatric, eye and musculoskeletal; v2 and v3: neurology, ocular, musculoskeletal."""
        wrong = pl.col("class_key").str.contains(IN_SCOPE) != pl.col("is_in_scope")
        what = "in scope are nervous, psychiatric, eye and musculoskeletal classes, and no others"
        yield from self.broken("map_classes", "is_in_scope", what, wrong)

    @rule("MAP-CLASS-COMPLETE", "Every published class is listed", whole=True)
    def classes_listed(self) -> Iterator[Problem]:
        """A class that is not listed would decide nothing about an unmapped term in it."""
        listed = set(self.sheets["map_classes"].frame["class_key"])
        for version, terms in self.vocabularies.terms.items():
            for name, key in sorted({(term.class_name, term.class_key) for term in terms}):
                if key not in listed:
                    what = f"CTCAE {version} publishes the class and the release does not list it"
                    yield self.absent("map_classes", what, name, "add the class with its scope")

    @rule("MAP-CODE", "A code is published by NCI, with a term of the same concept")
    def published_codes(self) -> Iterator[Problem]:
        """Read in every version (any): where published. In one version: published there."""
        concepts: dict[tuple[str, str], set[str | None]] = defaultdict(set)
        for version, terms in self.vocabularies.terms.items():
            for term in terms:
                concepts[version, term.code].add(self.concept_of(version, term.key))

        def wrong(row: Row) -> bool:
            versions = self.vocabularies.terms if row["scale_version"] == ANY else (row["scale_version"],)
            found = {c for version in versions for c in concepts[version, row["code"]] if c}
            return bool(row["code"]) and found != {row["concept_id"]}

        what = "NCI does not publish the code with a term of this concept"
        rows = [wrong(row) for row in self.rows("map_terms")]
        yield from self.broken("map_terms", "code", what, rows)

    def concept_of(self, version: str, key: str) -> str | None:
        """Concept the release gives a term key in a version; None where it has no decision."""
        return self._terms.get((key, version)) or self._terms.get((key, ANY))

    def _grade_rows(
        self, column: str, what: str, wrong: Callable[[Row], bool], action: str
    ) -> Iterator[Problem]:
        """Problems of the grade rows of a CTCAE version."""
        rows = [
            row["scale"] == "ctcae" and row["scale_version"] != ANY and wrong(row)
            for row in self.rows("map_grades")
        ]
        return self.broken("map_grades", column, what, rows, action)

    @cached_property
    def _terms(self) -> dict[tuple[str, str], str]:
        terms = self.sheets["map_terms"].frame.filter(
            pl.col("code") == "", pl.col("concept_id").is_not_null()
        )
        return dict(zip(terms.select("term_key", "scale_version").rows(), terms["concept_id"], strict=True))

    @cached_property
    def _decided(self) -> dict[tuple[str, str], set[int]]:
        found: dict[tuple[str, str], set[int]] = defaultdict(set)
        for row in self.rows("map_grades"):
            if row["scale"] == "ctcae" and row["population"] == ANY:
                found[row["scale_version"], row["concept_id"]].add(row["grade"])
        return found

    @cached_property
    def _published(self) -> dict[tuple[str, str], list[PublishedTerm]]:
        """Terms of a version that stand for a concept, by version and concept."""
        found: dict[tuple[str, str], list[PublishedTerm]] = defaultdict(list)
        for version, terms in self.vocabularies.terms.items():
            joint = {key: concept for (v, concept), key in JOINT.items() if v == version}
            for term in terms:
                for concept in {self.concept_of(version, term.key), joint.get(term.key)}:
                    if concept:
                        found[version, concept].append(term)
        return found
