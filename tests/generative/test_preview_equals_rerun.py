"""An impact preview equals grading both releases from scratch and comparing every row.

Drafts are made by changing a release at random: grade cells, terms, codes, concepts, causes, classes,
conventions. Causes are held against leaving each change out of the whole release and grading everything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.diff import ReleaseDiff, apply_diff
from mappings.loader import load_release
from mappings.meddra import load_meddra
from mappings.release import Release
from mappings.term_key import term_key
from pipelines.diffs.mapping_impact import StudyInput, preview_impact
from pipelines.grading.kernel import grade_study
from schemas.registry import RELEASE_TABLES
from tests import oracle
from tests.choices import Chooser, Drawn, Seeded
from tests.small_release import small_release
from tests.strategies import Made, Terms, large_study, make_study
from tests.studies import Row, Rows, release_rows, to_frames

DRAFT = "0.0.2"
RESULT = ("low", "point", "high", "outcome")
SUBJECT_ROW = ("study_id", "subject_id", "infusion_number", "window_days")
MEDASCII = Path(__file__).parents[1] / "data" / "meddra_invented" / "MedAscii"
DICTIONARY = oracle.Dictionary.of(MEDASCII)
RELEASES = {
    "shipped": load_release(),
    "small": small_release(),
    "dictionary": replace(small_release(), dictionary=load_meddra(MEDASCII, "99.1")),
}
TERMS = {name: Terms.of(release) for name, release in RELEASES.items()}
LISTED = [(row[1], row[0]) for row in (*DICTIONARY.lowest, *DICTIONARY.preferred)]
TERMS["dictionary"] = replace(TERMS["small"], named=(*TERMS["small"].named, *LISTED, *LISTED))
SEEDS = range(60 if os.environ.get("REGRADE_LONG") else 3)
CONTENT = {name: release_rows(release) for name, release in RELEASES.items()}


def change_grade(choose: Chooser, rows: Rows) -> None:
    row = choose.pick([row for row in rows["map_grades"] if row["grade"] < 5])
    low, high = sorted((choose.pick(range(5)), choose.pick(range(1, 5))))
    point = choose.pick([None, *range(low, high + 1)])
    row |= {"low": low, "point": point, "high": high, "disposition": "informs"}
    row["domains"] = choose.pick(["cognition", "consciousness", "icp", "cognition|consciousness"])


def exclude_grade(choose: Chooser, rows: Rows) -> None:
    row = choose.pick(rows["map_grades"])
    row |= {"low": 0, "point": 0, "high": 0, "disposition": "excluded", "domains": None}


def remove_grade(choose: Chooser, rows: Rows) -> None:
    rows["map_grades"].remove(choose.pick(rows["map_grades"]))


def remove_concept_grades(choose: Chooser, rows: Rows) -> None:
    concept = choose.pick(rows["map_concepts"])["concept_id"]
    rows["map_grades"] = [row for row in rows["map_grades"] if row["concept_id"] != concept]


def change_population(choose: Chooser, rows: Rows) -> None:
    row = choose.pick(rows["map_grades"])
    other = "child" if row["population"] == "any" else "any"
    key = ("scale", "scale_version", "concept_id", "grade")
    taken = {(*(r[k] for k in key), r["population"]) for r in rows["map_grades"]}
    if (*(row[k] for k in key), other) not in taken:
        row["population"] = other
        row["rule_id"] = row["rule_id"].removesuffix(":child") + (":child" if other == "child" else "")


def remove_term(choose: Chooser, rows: Rows) -> None:
    rows["map_terms"].remove(choose.pick(rows["map_terms"]))


def point_elsewhere(choose: Chooser, rows: Rows) -> None:
    row = choose.pick(rows["map_terms"])
    row["concept_id"] = choose.pick([*rows["map_concepts"], {"concept_id": None}])["concept_id"]


def add_term(choose: Chooser, rows: Rows) -> None:
    term = choose.pick(["Zorbl syndrome", "Nausea", "Glaucoma", "CNS disorder", "Headache", "Odd feeling"])
    row = dict(choose.pick(rows["map_terms"]))
    row |= {"term": term, "term_key": term_key(term), "code": choose.pick(["", "99999999"])}
    row |= {"scale_version": choose.pick(["any", "4.03", "5.0"]), "relation": choose.pick(["exact", "own"])}
    row["concept_id"] = choose.pick(rows["map_concepts"])["concept_id"]
    key = ("term_key", "scale_version", "code")
    if all(any(row[k] != other[k] for k in key) for other in rows["map_terms"]):
        rows["map_terms"].append(row)


def change_role(choose: Chooser, rows: Rows) -> None:
    row = choose.pick(rows["map_concepts"])
    row["cause_role"] = choose.pick([None, "haemorrhage", "stroke", "cns_infection", "crs"])


def change_class(choose: Chooser, rows: Rows) -> None:
    row = choose.pick(rows["map_classes"])
    row["is_in_scope"] = not row["is_in_scope"]


def move_in_vocabulary(choose: Chooser, rows: Rows) -> None:
    row = choose.pick(rows["map_vocabulary"])
    row["class_name"] = choose.pick(rows["map_classes"])["class_name"]


def change_convention(choose: Chooser, rows: Rows) -> None:
    row = choose.pick(rows["map_conventions"])
    row["grades_covered"] = choose.pick(["1|2|3|4", "2|3", "3"])
    row["point"] = choose.pick([None, 3])


def change_words(choose: Chooser, rows: Rows) -> None:
    choose.pick(rows["map_grades"])["rationale"] = "said otherwise"


MUTATIONS: list[Callable[[Chooser, Rows], None]] = [
    *(change_grade, exclude_grade, remove_grade, remove_concept_grades, change_population, remove_term),
    *(point_elsewhere, add_term, change_role, change_class, move_in_vocabulary, change_convention),
    change_words,
]


def loadable(grades: list[Row]) -> Iterator[Row]:
    """Without child rows that stand in for no row: the loader refuses a release with such."""
    key = ("scale", "scale_version", "concept_id", "grade")
    held = {tuple(row[k] for k in key) for row in grades if row["population"] == "any"}
    yield from (row for row in grades if row["population"] == "any" or tuple(row[k] for k in key) in held)


def make_draft(choose: Chooser, base: Release, content: Rows, most: int) -> Release:
    """The release with one to `most` random changes."""
    rows: Rows = {name: [dict(row) for row in table] for name, table in content.items()}
    for _ in range(choose.pick(range(1, most + 1))):
        choose.pick(MUTATIONS)(choose, rows)
    rows["map_grades"] = list(loadable(rows["map_grades"]))
    tables = {
        table.info().name: table.require(
            pl.DataFrame(
                [row | {"release_id": DRAFT} for row in rows[table.info().name]],
                schema=table.polars_schema(),
                orient="row",
            )
        )
        for table in RELEASE_TABLES
    }
    return replace(base, release_id=DRAFT, sha256="1" * 64, tables=tables)


def leave_out(old: Release, new: Release, diff: ReleaseDiff, change: str) -> Release:
    """The whole new release without one change."""
    key = pl.concat_str("map_table", pl.lit(":"), "row_key")
    tables = dict(new.tables)
    rest = ReleaseDiff(diff.old_release_id, diff.new_release_id, diff.rows.filter(key != change))
    for name, frame in apply_diff(old.tables, rest).items():
        named = frame.with_columns(release_id=pl.lit(DRAFT), layer=pl.lit(DRAFT))
        tables[name] = named.select(tables[name].columns)
    grades = list(loadable(tables["map_grades"].to_dicts()))
    tables["map_grades"] = pl.DataFrame(grades, schema=tables["map_grades"].schema, orient="row")
    return replace(new, tables=tables)


def subject_rows(checked: dict[str, pl.DataFrame], release: Release, made: Made) -> dict[Any, Row]:
    graded = grade_study(checked, release, made.manifest)["core_subject_grades"]
    return {tuple(row[k] for k in SUBJECT_ROW): row for row in graded.iter_rows(named=True)}


def event_rows(checked: dict[str, pl.DataFrame], release: Release, made: Made) -> set[tuple[Any, ...]]:
    windows = grade_study(checked, release, made.manifest)["core_event_windows"]
    return set(windows.drop("study_id", "window_status").iter_rows())


def require_equal(made: Made, old: Release, new: Release) -> None:
    checked = to_frames(made.rows)
    impact = preview_impact([StudyInput(checked, made.manifest)], old, new)
    assert impact.failures == ()
    before, after = (subject_rows(checked, release, made) for release in (old, new))
    expected = {
        key: tuple(row[name] for row in (before[key], after[key]) for name in RESULT)
        for key in before
        if any(before[key][name] != after[key][name] for name in RESULT)
    }
    found = {
        tuple(row[k] for k in SUBJECT_ROW): tuple(
            row[f"{name}_{side}"] for side in ("before", "after") for name in RESULT
        )
        for row in impact.affected.iter_rows(named=True)
    }
    assert found == expected
    [study] = impact.studies
    events = event_rows(checked, old, made) ^ event_rows(checked, new, made)
    assert study.events_affected == len({event[:2] for event in events})
    require_matrix(study.matrix, before, after)
    require_causes(checked, made, old, new, impact.diff, impact.affected, before, after)


def require_matrix(matrix: pl.DataFrame, before: dict[Any, Row], after: dict[Any, Row]) -> None:
    expected: dict[tuple[int | None, int | None], int] = {}
    for key, row in before.items():
        if row["infusion_number"] == 0 and row["is_primary_window"]:
            placed = row["outcome"] != "NOT_EVALUABLE"
            cell = (row["point"], after[key]["point"]) if placed else (None, None)
            expected[cell] = expected.get(cell, 0) + 1
    assert {row[:2]: row[2] for row in matrix.iter_rows()} == expected


def require_causes(
    checked: dict[str, pl.DataFrame],
    made: Made,
    old: Release,
    new: Release,
    diff: ReleaseDiff,
    affected: pl.DataFrame,
    before: dict[Any, Row],
    after: dict[Any, Row],
) -> None:
    """Leave each change out of the whole release: the causes named are those that make a difference."""
    if affected.is_empty():
        return
    changes = [f"{row['map_table']}:{row['row_key']}" for row in diff.rows.iter_rows(named=True)]
    without = {change: subject_rows(checked, leave_out(old, new, diff, change), made) for change in changes}
    for row in affected.iter_rows(named=True):
        key = tuple(row[k] for k in SUBJECT_ROW)
        result = {change: [without[change][key][name] for name in RESULT] for change in changes}
        responsible = [change for change in changes if result[change] != [after[key][n] for n in RESULT]]
        is_one = len(responsible) == 1 and result[responsible[0]] == [before[key][n] for n in RESULT]
        assert row["cause"] == ("change" if is_one else "interaction")
        named = json.loads(row["changes"])
        assert named == responsible if responsible else named


@st.composite
def cases(draw: st.DrawFn, name: str) -> tuple[Made, Release]:
    choose = Drawn(draw)
    made = make_study(choose, TERMS[name])
    return made, make_draft(choose, RELEASES[name], CONTENT[name], 5)


@given(cases("small"))
def test_any_draft_of_the_small_release(case: tuple[Made, Release]) -> None:
    require_equal(case[0], RELEASES["small"], case[1])


@given(cases("dictionary"))
def test_any_draft_under_a_dictionary(case: tuple[Made, Release]) -> None:
    require_equal(case[0], RELEASES["dictionary"], case[1])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("name", "most"), [("small", 12), ("dictionary", 12), ("shipped", 4)])
def test_large_studies_in_which_changes_meet(name: str, most: int, seed: int) -> None:
    draft = make_draft(Seeded(seed), RELEASES[name], CONTENT[name], most)
    require_equal(large_study(TERMS[name], 100 + seed, subjects=40), RELEASES[name], draft)
