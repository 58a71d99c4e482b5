"""The shipped release against the NCI vocabularies beside it: complete, verbatim, nothing invented."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import mappings
from mappings.loader import load_release
from mappings.term_key import term_key
from mappings.tsv import read_tsv

FOLDER = Path(mappings.__file__).parent / "vocabulary"
COLUMNS = ("class_name", "code", "term", "grade1", "grade2", "grade3", "grade4", "grade5")
FILES = {
    "2.0": "ctc_v2.tsv",
    "3.0": "ctcae_v3.tsv",
    "4.03": "ctcae_v4_03.tsv",
    "5.0": "ctcae_v5.tsv",
    "6.0": "ctcae_v6.tsv",
}
ROWS = {"2.0": 317, "3.0": 1059, "4.03": 790, "5.0": 837, "6.0": 850}
NEURO = (
    "version",
    "code",
    "term",
    "grades_available",
    "concept",
    "icans_domain",
    "relevance",
    "llt_name",
    "note",
)
Row = dict[str, Any]
VOCABULARY = {version: read_tsv(FOLDER / name, COLUMNS) for version, name in FILES.items()}
RELEASE = load_release()
TERMS = {
    (row["term_key"], row["scale_version"]): row["concept_id"]
    for row in RELEASE.tables["map_terms"].filter(pl.col("code") == "").iter_rows(named=True)
}
ADULT = RELEASE.tables["map_grades"].filter(pl.col("scale") == "ctcae", pl.col("population") == "any")
DECIDED: dict[tuple[str, str], dict[int, str]] = {}
for decided in ADULT.iter_rows(named=True):
    key = (decided["scale_version"], decided["concept_id"])
    DECIDED.setdefault(key, {})[decided["grade"]] = decided["source_text"]
JOINT = {
    ("2.0", "somnolence"): "Depressed level of consciousness",
    ("3.0", "somnolence"): "Somnolence/depressed level of consciousness",
}
"""Concepts decided by a term that names them beside another."""


def defined(row: dict[str, str]) -> dict[int, str]:
    """Grades a vocabulary row defines, with their text."""
    return {grade: row[f"grade{grade}"] for grade in range(1, 6) if row[f"grade{grade}"]}


def concept_of(version: str, term: str) -> str | None:
    """Concept the release gives a term in a version."""
    key = term_key(term)
    return TERMS.get((key, version)) or TERMS.get((key, "any"))


def in_scope(version: str) -> list[dict[str, str]]:
    """Vocabulary rows of a nervous, psychiatric, eye or musculoskeletal class."""
    classes = RELEASE.tables["map_classes"].filter("is_in_scope")["class_key"].to_list()
    return [row for row in VOCABULARY[version].to_dicts() if term_key(row["class_name"]) in classes]


@pytest.mark.parametrize("version", FILES)
def test_the_vocabulary_is_whole(version: str) -> None:
    assert VOCABULARY[version].height == ROWS[version]


@pytest.mark.parametrize("version", FILES)
def test_every_neuro_term_has_a_decision_for_every_grade_it_defines(version: str) -> None:
    listed = read_tsv(FOLDER / "neuro_terms.tsv", NEURO).filter(pl.col("version") == version)
    assert listed.height
    by_key = {term_key(row["term"]): row for row in VOCABULARY[version].to_dicts()}
    for term in listed["term"]:
        concept = concept_of(version, term)
        assert concept is not None, term
        assert DECIDED[(version, concept)] == defined(by_key[term_key(term)]), term


@pytest.mark.parametrize("version", FILES)
def test_every_term_of_an_in_scope_class_is_decided_verbatim(version: str) -> None:
    rows = in_scope(version)
    assert len(rows) > 40
    for row in rows:
        concept = concept_of(version, row["term"])
        assert concept is not None, row["term"]
        assert DECIDED[(version, concept)] == defined(row), row["term"]


def test_no_version_has_a_row_that_its_vocabulary_does_not_carry() -> None:
    carried = {
        (version, concept)
        for version, frame in VOCABULARY.items()
        for term in frame["term"]
        if (concept := concept_of(version, term))
    }
    for (version, concept), grades in DECIDED.items():
        if version == "any":
            assert set(grades) == {1, 2, 3, 4, 5}, concept
        elif (version, concept) in JOINT:
            rows = VOCABULARY[version].filter(pl.col("term") == JOINT[(version, concept)]).to_dicts()
            assert grades == defined(rows[0])
        else:
            assert (version, concept) in carried, (version, concept)


@pytest.mark.parametrize("version", FILES)
def test_the_list_of_terms_in_the_release_is_that_of_the_vocabulary(version: str) -> None:
    listed = RELEASE.tables["map_vocabulary"].filter(pl.col("scale_version") == version)
    columns = ["term", "code", "class_name"]
    assert set(listed.select(columns).rows()) == set(VOCABULARY[version].select(columns).rows())


def test_every_class_of_every_version_is_listed() -> None:
    listed = set(RELEASE.tables["map_classes"]["class_key"])
    for frame in VOCABULARY.values():
        assert {term_key(name) for name in frame["class_name"]} <= listed


def test_codes_are_those_that_nci_publishes_with_the_term() -> None:
    published = {
        (version, row["code"]): row["term"]
        for version, frame in VOCABULARY.items()
        for row in frame.to_dicts()
    }
    coded = RELEASE.tables["map_terms"].filter(pl.col("code") != "")
    assert coded.height > 200
    for row in coded.iter_rows(named=True):
        versions = FILES if row["scale_version"] == "any" else (row["scale_version"],)
        concepts = {
            concept_of(version, published[(version, row["code"])])
            for version in versions
            if (version, row["code"]) in published
        }
        assert concepts - {None} == {row["concept_id"]}, row["code"]


def test_comparator_sets_nest_and_hold_what_their_names_say() -> None:
    concepts = RELEASE.tables["map_concepts"]
    assert concepts.filter(pl.col("is_core") & ~pl.col("is_broad")).is_empty()
    broad = set(concepts.filter("is_broad")["concept_id"])
    core = set(concepts.filter("is_core")["concept_id"])
    assert {"headache", "anxiety", "insomnia", "tremor", "dizziness"} <= broad - core
    assert not broad & {"cataract", "arthralgia", "fatigue", "cytokine_release_syndrome"}
    # "Other, specify" of an eye or musculoskeletal class names nothing nervous: its terms are routed on
    # their text, and alone they count in neither set.
    catch_alls = {"eye_other_specify", "musculoskeletal_other_specify"}
    informing = set(ADULT.filter(pl.col("high") > 0)["concept_id"])
    assert catch_alls < informing
    assert core == informing - catch_alls
    assert not broad & catch_alls


def test_every_decision_says_why_and_on_what() -> None:
    grades = RELEASE.tables["map_grades"]
    for column in ("decision", "rationale", "source"):
        assert (grades[column].str.len_chars() > 3).all(), column
    promises = grades.filter(pl.col("rationale").str.contains("(?i)sign-?ed off|will be reviewed"))
    assert promises.is_empty()


def ladders() -> dict[tuple[str, str, str], dict[int, Row]]:
    """Grade rows by version, concept and population."""
    found: dict[tuple[str, str, str], dict[int, Row]] = {}
    for row in RELEASE.tables["map_grades"].filter(pl.col("scale") == "ctcae").iter_rows(named=True):
        key = (row["scale_version"], row["concept_id"], row["population"])
        found.setdefault(key, {})[row["grade"]] = row
    return found


def test_a_child_row_without_a_point_is_not_followed_by_a_point_below_its_high() -> None:
    every = ladders()
    for (version, concept, population), ladder in every.items():
        if population != "child":
            continue
        read = every[(version, concept, "any")] | ladder
        steps = [row for grade, row in sorted(read.items()) if grade < 5]
        for milder, worse in pairwise(steps):
            if milder["point"] is None and worse["point"] is not None:
                assert worse["point"] >= milder["high"], worse["rule_id"]


@pytest.mark.parametrize("bound", ["low", "point", "high"])
def test_a_higher_grade_never_means_a_lower_bound(bound: str) -> None:
    for key, ladder in ladders().items():
        steps = [row[bound] for _, row in sorted(ladder.items()) if row[bound] is not None]
        assert steps == sorted(steps), key


def test_a_child_row_is_never_narrower_than_the_adult_row() -> None:
    every = ladders()
    for (version, concept, population), ladder in every.items():
        for grade, row in ladder.items() if population == "child" else ():
            adult = every[(version, concept, "any")][grade]
            assert row["low"] <= adult["low"], row["rule_id"]
            assert row["high"] >= adult["high"], row["rule_id"]


def test_one_wording_of_one_concept_means_one_interval() -> None:
    informing = ADULT.filter(pl.col("source_text").is_not_null(), pl.col("grade") < 5)
    texts = informing.group_by("concept_id", "grade", pl.col("source_text").str.to_lowercase())
    split = texts.agg(pl.struct("low", "point", "high").n_unique().alias("intervals"))
    assert split.filter(pl.col("intervals") > 1).is_empty()
