"""Comparing two releases: every difference is found, labelled, and the labels prove the class."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.diff import COMPARED, apply_diff, check_version, compare_releases
from mappings.diff_text import render_diff
from mappings.loader import load_release
from mappings.release import Release
from mappings.term_key import term_key
from pipelines.grading.decisions import DecisionTable, Recorded
from pipelines.grading.terms import CODED_COLUMNS, TermIndex
from schemas.base import SEPARATOR
from schemas.mapping_diffs import CHANGE_CLASSES, CHANGE_LABELS, DiffMappingRows
from schemas.vocabulary import CTCAE_VERSIONS
from tests.small_release import ID, small_release

Row = dict[str, Any]
Rows = dict[str, list[Row]]
Edit = Callable[[Rows], None]

OLD = small_release()
CONVENTIONS = OLD.tables["map_conventions"]["convention_id"].unique().to_list()
KEYS = {
    name: [key for key in table.info().key if key not in ("release_id", "layer")]
    for name, table in COMPARED.items()
}
CONTENT = {
    name: [column for column in table.declared_columns() if column not in ("release_id", "layer")]
    for name, table in COMPARED.items()
}


def rows_of(release: Release) -> Rows:
    return {name: release.tables[name].to_dicts() for name in COMPARED}


def release_of(rows: Rows, release_id: str = "0.1.0") -> Release:
    tables = dict(OLD.tables) | {
        name: table.canonicalise(
            pl.DataFrame(
                [row | {"release_id": release_id} for row in rows[name]],
                schema=table.polars_schema(),
                orient="row",
            )
        )
        for name, table in COMPARED.items()
    }
    return dataclasses.replace(OLD, release_id=release_id, tables=tables)


def edited(*edits: Edit, release_id: str = "0.1.0") -> Release:
    rows = rows_of(OLD)
    for edit in edits:
        edit(rows)
    return release_of(rows, release_id)


def content(release: Release) -> dict[str, pl.DataFrame]:
    return {name: release.tables[name].select(CONTENT[name]).sort(KEYS[name]) for name in COMPARED}


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


# Laws, on drafts nobody would write by hand


WORDED = frozenset({"label", "term", "source", "rationale", "decision", "note", "requires", "class_name"})


@st.composite
def drafts(
    draw: st.DrawFn,
    tables: tuple[str, ...] = tuple(COMPARED),
    kinds: tuple[str, ...] = ("add", "change", "drop"),
    most: int = 5,
) -> Release:
    """The small release with a few rows added, changed, dropped."""
    rows = rows_of(OLD)
    for _ in range(draw(st.integers(1, most))):
        name = draw(st.sampled_from(tables))
        row = draw(st.sampled_from(rows[name]))
        kind = draw(st.sampled_from(kinds))
        if kind == "drop" and len(rows[name]) > 1:
            rows[name].remove(row)
        elif kind == "change":
            columns = [column for column in CONTENT[name] if column not in (*KEYS[name], "rule_id")]
            column = draw(st.sampled_from(columns))
            row[column] = draw(st.sampled_from([other[column] for other in rows_of(OLD)[name]]))
            if column in WORDED and draw(st.booleans()):
                row[column] = f"{row[column]}!"
        elif kind == "add":
            other = dict(row)
            for key in KEYS[name]:
                if draw(st.booleans()):
                    pool = [given[key] for given in rows_of(OLD)[name]]
                    other[key] = draw(st.sampled_from(pool + (["zorbl"] if key.endswith("_key") else [])))
            if name == "map_terms" and draw(st.booleans()):
                other["concept_id"] = draw(st.sampled_from([r["concept_id"] for r in rows[name]]))
            if name == "map_grades":
                other["rule_id"] = rule_id(other)
            taken = {tuple(known[key] for key in KEYS[name]) for known in rows[name]}
            if tuple(other[key] for key in KEYS[name]) not in taken:
                rows[name].append(other)
    return release_of(rows)


def rule_id(row: Row) -> str:
    child = ":child" if row["population"] == "child" else ""
    return f"{row['scale']}:{row['scale_version']}:{row['concept_id']}:{row['grade']}{child}"


@given(drafts())
def test_a_release_differs_from_itself_in_nothing(draft: Release) -> None:
    diff = compare_releases(draft, draft)
    assert diff.rows.equals(DiffMappingRows.empty())
    assert diff.change_class == "NONE"


@given(drafts(), drafts())
def test_the_diff_applied_to_the_old_release_gives_the_new_one(old: Release, new: Release) -> None:
    made = apply_diff(old.tables, compare_releases(old, new))
    for name, wanted in content(new).items():
        assert made[name].equals(wanted), name


@given(drafts(), drafts())
def test_every_cell_that_differs_appears_and_no_other(old: Release, new: Release) -> None:
    diff = compare_releases(old, new)
    for name in COMPARED:
        before, after = (
            {key_text(name, row): row for row in content(release)[name].to_dicts()} for release in (old, new)
        )
        rows = diff.rows.filter(pl.col("map_table") == name).to_dicts()
        found = {row["row_key"] for row in rows} | {row["previous_key"] for row in rows} - {None}
        assert found == {key for key in before | after if before.get(key) != after.get(key)}
        for row in rows:
            one, two = before.get(row["previous_key"] or row["row_key"]), after.get(row["row_key"])
            columns = [c for c in CONTENT[name] if one is None or two is None or one[c] != two[c]]
            for side, cells in (("before", one), ("after", two)):
                assert json.loads(row[side] or "null") == (cells and {c: cells[c] for c in columns})
            if one is not None and two is not None:
                assert row["changed_columns"].split(SEPARATOR) == columns


@given(drafts(), drafts())
def test_every_changed_column_has_its_label(old: Release, new: Release) -> None:
    for row in compare_releases(old, new).rows.iter_rows(named=True):
        labels = row["labels"].split(SEPARATOR)
        assert labels == [label for label in CHANGE_LABELS if label in labels]
        for column in (row["changed_columns"] or "").split(SEPARATOR):
            wanted = LABELS_OF_COLUMN.get((row["map_table"], column), WORDS)
            if column and row["change"] == "changed":
                assert any(label.startswith(wanted) for label in labels), (row["map_table"], column, labels)


@given(drafts(), drafts(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(old: Release, new: Release, random: Any) -> None:
    shuffled = [
        dataclasses.replace(
            release,
            tables={
                name: frame.sample(fraction=1, shuffle=True, seed=random.randrange(1000))
                for name, frame in release.tables.items()
            },
        )
        for release in (old, new)
    ]
    assert compare_releases(*shuffled).rows.equals(compare_releases(old, new).rows)


@given(drafts(), drafts())
def test_the_way_back_is_the_way_there_reversed(old: Release, new: Release) -> None:
    there, back = compare_releases(old, new).rows, compare_releases(new, old).rows
    reverse = {"added": "removed", "removed": "added", "changed": "changed"}
    named = pl.coalesce("previous_key", "row_key")
    sides = ["low_before", "high_before", "low_after", "high_after", "before", "after"]
    flipped = ["low_after", "high_after", "low_before", "high_before", "after", "before"]
    wanted = [
        (table, key, previous or key, reverse[change], *rest)
        for table, key, previous, change, *rest in there.select(
            "map_table", "row_key", "previous_key", "change", *sides
        ).rows()
    ]
    found = back.select("map_table", named, "row_key", "change", *flipped).rows()
    assert sorted(map(repr, found)) == sorted(map(repr, wanted))


@settings(max_examples=120)
@given(drafts(("map_terms",), ("add", "change"), most=2))
def test_what_is_not_major_points_no_term_elsewhere(draft: Release) -> None:
    if compare_releases(OLD, draft).change_class != "MAJOR":
        found = resolved(draft)
        assert {asked: found[asked] for asked in RESOLVED} == RESOLVED


@settings(max_examples=25)
@given(drafts(("map_grades", "map_conventions"), ("add", "change"), most=2))
def test_what_is_not_major_changes_no_decision(draft: Release) -> None:
    if compare_releases(OLD, draft).change_class != "MAJOR":
        assert decided(draft) == DECIDED


RECORDED = [
    Recorded("ctcae", version, grade, False, True, population)
    for version in (*CTCAE_VERSIONS, None)
    for grade in (1, 2, 3, 4, 5, None)
    for population in ("adult", "child")
] + [
    Recorded(scale, version, 2, False, True, "adult")
    for scale, version in (("cres", "2018"), ("astct", "2019"))
]


def resolved(release: Release) -> dict[tuple[str, str, str | None], str]:
    """Concept of every term and every code of the small release, in each version and without one."""
    index = TermIndex(release)
    found = {}
    for row in OLD.tables["map_terms"].iter_rows(named=True):
        for column, text in (("preferred_term", row["term"]), ("llt_code", row["code"])):
            for version in (*CTCAE_VERSIONS, None):
                asked = dict.fromkeys((*CODED_COLUMNS, "verbatim_term", "body_system")) | {column: text}
                concept = index.resolve(asked, version, False).concept_id
                if concept is not None:
                    found[column, text, version] = concept
    return found


def decided(release: Release) -> dict[tuple[str, Recorded], Any]:
    """What the kernel makes of every concept of the small release, with its conventions declared."""
    table = DecisionTable(release, CONVENTIONS)
    found = {}
    for concept in OLD.tables["map_concepts"]["concept_id"]:
        for recorded in RECORDED:
            decision = table.decide(concept, recorded)
            found[concept, recorded] = (decision.meaning, decision.domains, decision.review_reasons)
    return found


RESOLVED, DECIDED = resolved(OLD), decided(OLD)
WORDS = ("Text only", "Clarification")
LABELS_OF_COLUMN: dict[tuple[str, str], tuple[str, ...]] = {
    ("map_concepts", "is_broad"): ("Comparator set",),
    ("map_concepts", "is_core"): ("Comparator set",),
    ("map_concepts", "cause_role"): ("Cause role",),
    ("map_terms", "concept_id"): ("Re-pointed", "Decided", "Undecided", "Takes over", *WORDS),
    ("map_terms", "relation"): ("Relation", "Re-pointed", "Decided", "Undecided", "Takes over"),
    ("map_grades", "low"): ("Low",),
    ("map_grades", "point"): ("Point",),
    ("map_grades", "high"): ("High",),
    ("map_grades", "domains"): ("Domain", *WORDS),
    ("map_grades", "disposition"): ("Disposition",),
    ("map_grades", "review_reason"): ("Review",),
    ("map_grades", "population"): ("Population",),
    ("map_grades", "rule_id"): ("Population",),
    ("map_conventions", "convention_grade"): ("Convention",),
    ("map_conventions", "grades_covered"): ("Convention", *WORDS),
    ("map_conventions", "point"): ("Point",),
    ("map_classes", "is_in_scope"): ("Scope",),
    ("map_vocabulary", "class_name"): ("Scope", *WORDS),
}
"""Beginnings of the labels a column earns; any other column is words."""


def key_text(name: str, row: Row) -> str:
    return rule_id(row) if name == "map_grades" else "|".join(str(row[key]) for key in KEYS[name])


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
