"""Laws of comparing two releases, on drafts nobody would write by hand."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.diff import COMPARED, apply_diff, compare_releases
from mappings.release import Release
from pipelines.grading.decisions import DecisionTable, Recorded
from pipelines.grading.terms import CODED_COLUMNS, TermIndex
from schemas.base import SEPARATOR
from schemas.mapping_diffs import CHANGE_LABELS, DiffMappingRows
from schemas.vocabulary import CTCAE_VERSIONS
from tests.release_drafts import CONTENT, KEYS, OLD, Row, content, drafts, rule_id

CONVENTIONS = OLD.tables["map_conventions"]["convention_id"].unique().to_list()


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
