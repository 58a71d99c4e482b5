"""Comparing two releases: an example of every label, and what the labels prove of the number."""

from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl
import pytest

from mappings.diff import check_version, compare_releases
from mappings.diff_text import render_diff
from mappings.loader import load_release
from mappings.term_key import term_key
from schemas.base import SEPARATOR
from schemas.mapping_diffs import CHANGE_CLASSES, CHANGE_LABELS
from tests.release_drafts import OLD, Edit, Row, Rows, edited
from tests.small_release import ID

# Edits, named by what they do


def find(rows: Rows, name: str, **where: Any) -> Row:
    (row,) = [row for row in rows[name] if all(row[key] == value for key, value in where.items())]
    return row


def grade(rule: str, /, **cells: Any) -> Edit:
    return lambda rows: find(rows, "map_grades", rule_id=rule).update(cells)


def cell(name: str, where: Row, /, **cells: Any) -> Edit:
    return lambda rows: find(rows, name, **where).update(cells)


def drop(name: str, **where: Any) -> Edit:
    return lambda rows: rows[name].remove(find(rows, name, **where))


def copy(name: str, where: Row, /, **cells: Any) -> Edit:
    return lambda rows: rows[name].append(find(rows, name, **where) | cells)


def new_term(term: str, /, **cells: Any) -> Edit:
    named = {"term": term, "term_key": term_key(term), "scale_version": "any", "code": ""}
    return copy("map_terms", {"term": "Convulsion"}, **(named | cells))


def new_grade(rule_id: str, **key: Any) -> Edit:
    return copy("map_grades", {"rule_id": "ctcae:any:coma:1"}, rule_id=rule_id, **key)


SEIZURE = "ctcae:4.03:seizure:3"  # 3/3/4
APHASIA = {"term": "Aphasia"}
NEW_CONCEPT = copy("map_concepts", {"concept_id": "stroke"}, concept_id="brand_new", cause_role=None)

EXAMPLES: dict[str, tuple[Edit, str]] = {
    "low up": (grade("ctcae:4.03:encephalopathy:3", low=2), "Narrowed|Low up"),
    "low down": (grade(SEIZURE, low=2), "Widened|Low down"),
    "high up": (grade("ctcae:4.03:encephalopathy:1", high=3), "Widened|High up"),
    "high down": (grade(SEIZURE, high=3), "Narrowed|High down"),
    "wider on both sides": (grade(SEIZURE, low=2, high=5), "Widened|Low down|High up"),
    "narrower on both sides": (
        grade("ctcae:4.03:encephalopathy:2", low=1, high=2),
        "Narrowed|Low up|High down",
    ),
    "up as a whole": (grade(SEIZURE, low=4, point=4, high=5), "Up|Low up|Point up|High up"),
    "down as a whole": (grade(SEIZURE, low=2, point=2, high=3), "Down|Low down|Point down|High down"),
    "point alone": (grade(SEIZURE, point=4), "Point up"),
    "point gained": (grade("ctcae:4.03:delirium:2", point=1), "Point gained"),
    "point lost": (grade(SEIZURE, point=None), "Point lost"),
    "domain": (grade(SEIZURE, domains="seizure|motor"), "Domain"),
    "domain and words": (grade(SEIZURE, domains="motor", rationale="because"), "Domain|Clarification"),
    "disposition": (
        grade(SEIZURE, disposition="needs_adjudication", review_reason="needs_adjudication"),
        "Disposition|Review",
    ),
    "population": (
        grade(SEIZURE, population="child", rule_id=f"{SEIZURE}:child"),
        "Population",
    ),
    "rationale": (grade(SEIZURE, rationale="because"), "Text only"),
    "what would close it": (grade(SEIZURE, requires="duration"), "Text only"),
    "domains in another order": (
        grade("ctcae:4.03:encephalopathy:1", domains="consciousness|cognition"),
        "Text only",
    ),
    "grade removed": (drop("map_grades", rule_id=SEIZURE), "Deletion: Grade"),
    "grade added where none was defined": (
        new_grade("ctcae:4.03:dysphasia:4", scale_version="4.03", concept_id="dysphasia", grade=4),
        "Addition: Grade|Takes over",
    ),
    "child row added": (
        new_grade("ctcae:any:coma:1:child", population="child"),
        "Addition: Grade|Takes over",
    ),
    "version of a concept added": (
        new_grade("ctcae:3.0:delirium:1", scale_version="3.0", concept_id="delirium"),
        "Addition: Grade|Takes over",
    ),
    "re-pointed": (cell("map_terms", APHASIA, concept_id="coma"), "Re-pointed"),
    "term undecided": (cell("map_terms", APHASIA, concept_id=None), "Undecided"),
    "term turned broader": (
        cell("map_terms", APHASIA, relation="broader", concept_id=None),
        "Undecided",
    ),
    "term decided": (cell("map_terms", {"term": "Odd feeling"}, concept_id="coma"), "Decided"),
    "relation": (cell("map_terms", APHASIA, relation="spelling"), "Relation"),
    "spelling of the term": (cell("map_terms", APHASIA, term="APHASIA"), "Text only"),
    "term removed": (drop("map_terms", **APHASIA), "Deletion: Term"),
    "term added": (new_term("Staring"), "Addition: Term"),
    "term added that was out of scope": (new_term("Nausea"), "Addition: Term|Was out of scope"),
    "term of a version that agrees": (new_term("Convulsion", scale_version="3.0"), "Addition: Term"),
    "term of a version that takes over": (
        new_term("Convulsion", scale_version="3.0", concept_id="coma"),
        "Addition: Term|Takes over",
    ),
    "term of a further version": (
        # Without a version, Fits was a seizure whatever the study; now it is two things.
        new_term("Fits", scale_version="5.0", concept_id="coma"),
        "Addition: Term|Takes over",
    ),
    "code that takes over": (
        new_term("Fit of anger", code="77", scale_version="3.0", concept_id="delirium"),
        "Addition: Term|Takes over",
    ),
    "comparator set": (cell("map_concepts", {"concept_id": "headache"}, is_broad=False), "Comparator set"),
    "cause role": (cell("map_concepts", {"concept_id": "stroke"}, cause_role=None), "Cause role"),
    "name of a concept": (cell("map_concepts", {"concept_id": "stroke"}, label="Stroke!"), "Text only"),
    "concept added": (NEW_CONCEPT, "Addition: Concept"),
    "concept removed": (drop("map_concepts", concept_id="stroke"), "Deletion: Concept"),
    "convention covers less": (
        cell("map_conventions", {"concept_id": "seizure"}, grades_covered="1|2"),
        "Convention",
    ),
    "convention sets another grade": (
        cell("map_conventions", {"concept_id": "seizure"}, convention_grade=2),
        "Convention",
    ),
    "convention loses its point": (
        cell("map_conventions", {"concept_id": "seizure"}, point=None),
        "Point lost",
    ),
    "convention touches a further concept": (
        copy("map_conventions", {"concept_id": "seizure"}, concept_id="coma"),
        "Addition: Convention|Takes over",
    ),
    "convention added": (
        copy("map_conventions", {"concept_id": "seizure"}, convention_id="any_coma", concept_id="coma"),
        "Addition: Convention",
    ),
    "convention removed": (drop("map_conventions", concept_id="seizure"), "Deletion: Convention"),
    "class leaves scope": (cell("map_classes", {"class_key": "neurology"}, is_in_scope=False), "Scope"),
    "class named otherwise": (
        cell("map_classes", {"class_key": "neurology"}, class_name="NEUROLOGY"),
        "Text only",
    ),
    "class added": (
        copy("map_classes", {"class_key": "neurology"}, class_name="Pain", class_key="pain"),
        "Addition: Class",
    ),
    "class removed": (drop("map_classes", class_key="neurology"), "Deletion: Class"),
    "vocabulary moves out of scope": (
        cell("map_vocabulary", {"term_key": "glaucoma"}, class_name="Cardiac disorders"),
        "Scope",
    ),
    "vocabulary moves within scope": (
        cell("map_vocabulary", {"term_key": "glaucoma"}, class_name="Neurology"),
        "Text only",
    ),
    "vocabulary added": (
        copy("map_vocabulary", {"term_key": "glaucoma"}, scale_version="6.0"),
        "Addition: Vocabulary",
    ),
    "vocabulary removed": (drop("map_vocabulary", term_key="glaucoma"), "Deletion: Vocabulary"),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_labels_of_one_change(name: str) -> None:
    edit, labels = EXAMPLES[name]
    diff = compare_releases(OLD, edited(edit))
    assert diff.rows["labels"].to_list() == [labels]
    classes = [CHANGE_LABELS[label].change_class for label in labels.split(SEPARATOR)]
    assert diff.change_class == diff.rows["change_class"].item() == max(classes, key=CHANGE_CLASSES.index)


def test_every_label_has_an_example() -> None:
    shown = {label for _, labels in EXAMPLES.values() for label in labels.split(SEPARATOR)}
    assert shown == set(CHANGE_LABELS)


def test_a_changed_cell_is_shown_before_and_after_with_the_new_reason() -> None:
    diff = compare_releases(OLD, edited(grade(SEIZURE, low=2, rationale="brief seizures were graded 3")))
    row = diff.rows.row(0, named=True)
    assert (row["row_key"], row["previous_key"], row["change"]) == (SEIZURE, None, "changed")
    assert (row["low_before"], row["low_after"], row["point_after"]) == (3, 2, 3)
    assert row["changed_columns"] == "low|rationale"
    assert (row["before"], row["after"]) == (
        '{"low": 3, "rationale": "made by hand"}',
        '{"low": 2, "rationale": "brief seizures were graded 3"}',
    )
    assert row["rationale"] == "brief seizures were graded 3"
    text = render_diff(diff)
    assert f"~ {SEIZURE}  3/3/4 -> 2/3/4  [Widened, Low down, Clarification]\n" in text
    assert "    rationale: made by hand -> brief seizures were graded 3\n" in text


def test_another_population_is_one_changed_row_with_both_keys() -> None:
    diff = compare_releases(OLD, edited(EXAMPLES["population"][0]))
    row = diff.rows.row(0, named=True)
    assert (row["row_key"], row["previous_key"]) == (f"{SEIZURE}:child", SEIZURE)
    assert row["changed_columns"] == "rule_id|population"


def test_a_child_row_beside_a_removed_one_is_no_change_of_population() -> None:
    diff = compare_releases(OLD, edited(drop("map_grades", rule_id="ctcae:4.03:delirium:1")))
    assert diff.rows.select("row_key", "change").rows() == [("ctcae:4.03:delirium:1", "removed")]


def test_keys_of_rows_are_unambiguous() -> None:
    first, second = new_term("a", term_key="a|any", scale_version="x"), new_term("b", term_key="a")
    diff = compare_releases(OLD, edited(first, second))
    assert diff.rows["row_key"].to_list() == [r"a\|any|x|", "a|any|"]


# The class and the number


@pytest.mark.parametrize(
    ("name", "number", "needed"),
    [
        ("rationale", "0.0.2", None),
        ("rationale", "0.1.0", None),
        ("term added", "0.0.2", "0.1.0"),
        ("term added", "0.1.0", None),
        ("term added", "1.0.0", None),
        ("low up", "0.0.2", "1.0.0"),
        ("low up", "0.9.9", "1.0.0"),
        ("low up", "1.0.0", None),
        ("grade removed", "0.1.0", "1.0.0"),
        ("rationale", "0.0.1", "0.0.2"),
        ("low up", "0.0.0", "1.0.0"),
    ],
)
def test_a_number_that_says_less_than_the_content_is_a_problem(
    name: str, number: str, needed: str | None
) -> None:
    new = edited(EXAMPLES[name][0], release_id=number)
    problem = check_version(OLD, new)
    assert (problem is None) == (needed is None)
    if problem is not None and needed is not None:
        assert (problem.rule_id, problem.file, problem.value) == ("MAP-VERSION", "release.yaml", number)
        assert needed in problem.next_action


def test_the_problem_names_the_first_row_that_proves_it() -> None:
    problem = check_version(OLD, edited(EXAMPLES["low up"][0], EXAMPLES["term added"][0]))
    assert problem is not None
    assert "MAJOR (first: map_grades ctcae:4.03:encephalopathy:3: Narrowed, Low up)" in problem.message


def test_the_same_content_needs_no_more_than_a_later_number() -> None:
    diff = compare_releases(OLD, edited())
    assert (diff.change_class, diff.required_version(), diff.counts) == ("NONE", ID, {})
    assert check_version(OLD, edited(), diff) is None
    assert check_version(OLD, OLD) is not None
    assert "same" in render_diff(diff)


def test_overlays_are_compared_by_content_not_by_layer() -> None:
    tables = {
        name: frame.with_columns(layer=pl.lit("acme")) if "layer" in frame.columns else frame
        for name, frame in OLD.tables.items()
    }
    layered = dataclasses.replace(OLD, release_id=f"{ID}+acme.0123abcd", tables=tables)
    assert compare_releases(OLD, layered).rows.is_empty()


# The releases that ship


def test_the_shipped_1_1_0_only_adds() -> None:
    old, new = load_release("1.0.0"), load_release("1.1.0")
    diff = compare_releases(old, new)
    assert diff.change_class == "MINOR"
    assert check_version(old, new, diff) is None
    assert set(diff.counts) == {"Addition: Concept", "Addition: Term", "Addition: Grade"}
    assert new.tables["map_releases"]["parent_release_id"].item() == "1.0.0"


def test_every_added_row_of_the_shipped_1_1_0_stands_in_the_text() -> None:
    diff = compare_releases(load_release("1.0.0"), load_release("1.1.0"))
    text = render_diff(diff)
    assert text.startswith("1.0.0 -> 1.1.0: MINOR (1.1.0 or higher)\n")
    for cell in diff.cells():
        if cell.column == "term":
            assert f"+ {cell.after} -> " in text
        elif cell.column == "rationale":
            assert f"    {cell.after}\n" in text
