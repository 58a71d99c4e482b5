"""Run diff on studies of a few rows: which cause, which rows match, what counts as a difference."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from mappings.release import Release
from pipelines.diffs.run_diff import RunDiff, compare_runs
from pipelines.diffs.run_diff_rows import describe_rows, pair_rows
from pipelines.diffs.run_diff_sides import compose_manifest, find_components, find_counterpart
from pipelines.diffs.run_diff_tables import SUBJECT_TABLES, lazily
from pipelines.report.run_names import name_subjects, subject_ids
from pipelines.report.run_report import build_run_report
from schemas.errors import StoreError
from schemas.manifest import FileSpec, StudyManifest
from schemas.registry import TABLES
from tests import raw_studies as raw
from tests.release_drafts import release_of, rows_of
from tests.run_sides import EARLIER, SMALL, TODAY, Parts, make_side

COMPARED = {one.name: one for one in SUBJECT_TABLES}
SETTINGS: dict[str, Any] = {"grading": {"version": "4.03"}}


def event(term: str, grade: str, subject: str = "01", number: str = "1", **cells: str | None) -> Any:
    return raw.event(
        USUBJID=subject, AESEQ=number, AEDECOD=term, AEPTCD=None, AETOXGR=grade, AETERM=None, **cells
    )


def parts(
    *events: Any, release: Release = SMALL, subjects: tuple[str, ...] = ("01",), **settings: Any
) -> Parts:
    rows = {
        "adverse_events": tuple(events),
        "subjects": tuple(raw.subject(USUBJID=name) for name in subjects),
    }
    return Parts(rows, {**SETTINGS, **settings}, release)


def with_grade(rule_id: str, **cells: Any) -> Release:
    """The small release with other cells in one grade row."""
    rows = rows_of(SMALL)
    (row,) = [row for row in rows["map_grades"] if row["rule_id"] == rule_id]
    row |= cells
    return release_of(rows)


EXCLUDED = {"low": 0, "point": 0, "high": 0, "disposition": "excluded", "domains": None}
COMA_3 = "ctcae:any:coma:3"
SEIZURE_3 = "ctcae:4.03:seizure:3"


def compare(a: Parts, b: Parts, code: str = TODAY) -> RunDiff:
    return compare_runs(make_side(a, "a", code), make_side(b, "b"), TODAY)


def causes(diff: RunDiff, table: str) -> set[tuple[str, str, str]]:
    """Change, cause and how it is known of the rows of a table."""
    rows = diff.rows.filter(pl.col("table_name") == table)
    return set(rows.select("change", "cause", "cause_basis").rows())


# -- causes ----------------------------------------------------------------------------------------------


def test_a_grade_and_a_release_that_meet_in_one_row_are_an_interaction() -> None:
    diff = compare(
        parts(event("Coma", "2")),
        parts(event("Coma", "3"), release=with_grade(COMA_3, low=1, point=2, high=3)),
    )
    assert diff.components == ("data", "release")
    assert causes(diff, "core_adverse_events") == {("changed", "data", "rerun")}
    assert causes(diff, "core_event_grades") == {("changed", "data x release", "rerun")}


def test_parts_that_each_make_the_difference_alone_are_all_named() -> None:
    """Without the event there are no days of ICANS, and where the release excludes it there are none too."""
    diff = compare(
        parts(event("Coma", "3")),
        parts(release=with_grade(COMA_3, **EXCLUDED)),
    )
    assert causes(diff, "core_subject_days") == {("removed", "data | release", "rerun")}
    assert causes(diff, "core_event_grades") == {("removed", "data", "rerun")}


def test_rows_of_two_subjects_have_each_their_own_cause() -> None:
    diff = compare(
        parts(event("Coma", "3"), event("Seizure", "3", "02"), subjects=("01", "02")),
        parts(
            event("Coma", "4"),
            event("Seizure", "3", "02"),
            subjects=("01", "02"),
            release=with_grade(SEIZURE_3, low=2, point=2, high=2),
        ),
    )
    found = {row["subject_id"]: row["cause"] for row in diff.headlines.to_dicts()}
    assert found == {"01": "data", "02": "release"}


def test_three_parts_that_only_together_make_a_row() -> None:
    half = {"version": "4.03", "half_grades": "ceil"}
    diff = compare(
        parts(event("Coma", "2")),
        parts(event("Coma", "2.5"), release=with_grade(COMA_3, low=1, point=1, high=1), grading=half),
    )
    assert diff.components == ("data", "manifest", "release")
    assert causes(diff, "core_adverse_events") == {("changed", "data x manifest", "rerun")}
    assert causes(diff, "core_event_grades") == {("changed", "data x manifest x release", "rerun")}


def test_what_the_program_refuses_explains_nothing() -> None:
    """The convention is not in the small release: a run under it that declares it has no result."""
    rows = rows_of(SMALL)
    rows["map_conventions"] = [
        {**row, "convention_id": "all_coma_grade_3", "concept_id": "coma", "convention_grade": 3}
        | {"grades_covered": "2|3|4", "point": None}
        for row in rows["map_conventions"][:1]
    ]
    without = parts(event("Coma", "3"))
    declared = {"version": "4.03", "conventions": ("all_coma_grade_3",)}
    with_convention = parts(event("Coma", "3"), release=release_of(rows), grading=declared)
    there, back = compare(without, with_convention), compare(with_convention, without)
    assert causes(there, "core_event_grades") == {("changed", "manifest x release", "rerun")}
    assert causes(back, "core_event_grades") == {("changed", "manifest", "rerun")}


def test_the_only_difference_is_the_cause_of_every_row() -> None:
    first = parts(event("Coma", "3"))
    for name, second in {
        "data": parts(event("Coma", "4")),
        "manifest": parts(event("Coma", "3"), windows={"primary_days": 1, "sensitivity_days": (56,)}),
        "release": parts(event("Coma", "3"), release=with_grade(COMA_3, low=1)),
    }.items():
        diff = compare(first, second)
        assert diff.components == (name,)
        assert set(diff.rows["cause"]) == {name}
        assert set(diff.rows["cause_basis"]) == {"only_difference"}


def test_one_program_that_is_not_the_installed_one_and_cannot_be_reproduced() -> None:
    """Both runs say something the installed program does not: every part that differs is named."""
    other = {"core_event_grades": lambda frame: frame.with_columns(pl.lit("earlier word").alias("requires"))}
    sides = []
    for name, made in (
        ("a", parts(event("Coma", "2"))),
        ("b", parts(event("Coma", "3"), release=with_grade(COMA_3, low=1))),
    ):
        tables = make_side(made, name).table
        changed = {key: change(tables(key)) for key, change in other.items()}
        sides.append(make_side(made, name, EARLIER, changed))
    diff = compare_runs(*sides, TODAY)
    assert diff.components == ("data", "release")
    assert causes(diff, "core_event_grades") == {("changed", "data x release", "not_reproduced")}
    assert causes(diff, "core_adverse_events") == {("changed", "data", "rerun")}


@pytest.mark.parametrize("is_earlier_first", [True, False])
def test_what_an_earlier_program_did_and_what_the_data_did(is_earlier_first: bool) -> None:
    """Three subjects: another grade; another word of the earlier program; both."""
    subjects = ("01", "02", "03")
    first = parts(*(event("Coma", "3", name) for name in subjects), subjects=subjects)
    grades = {"01": "4", "02": "3", "03": "4"}
    second = parts(*(event("Coma", grades[name], name) for name in subjects), subjects=subjects)
    earlier, later = (first, second) if is_earlier_first else (second, first)
    tables = make_side(earlier, "earlier").table
    word = pl.when(pl.col("subject_id") != "01").then(pl.lit("earlier word")).otherwise("requires")
    changed = {"core_event_grades": tables("core_event_grades").with_columns(word.alias("requires"))}
    sides = [make_side(earlier, "earlier", EARLIER, changed), make_side(later, "later")]
    diff = compare_runs(*(sides if is_earlier_first else sides[::-1]), TODAY)
    rows = diff.rows.filter(pl.col("table_name") == "core_event_grades")
    assert sorted(rows.select("subject_id", "cause", "cause_basis").rows()) == [
        ("01", "data", "rerun"),
        ("02", "code", "remainder"),
        ("03", "data x code", "remainder"),
    ]


# -- what counts as a difference -------------------------------------------------------------------------


def test_a_release_that_decides_the_same_changes_no_row() -> None:
    rows = rows_of(SMALL)
    layered = {
        name: frame.with_columns(pl.lit("0.1.0").alias("layer")) if "layer" in frame.columns else frame
        for name, frame in release_of(rows).tables.items()
    }
    same = replace(release_of(rows), sha256="1" * 64, tables=layered)
    diff = compare(parts(event("Coma", "3")), parts(event("Coma", "3"), release=same))
    assert diff.components == ("release",)
    assert set(diff.b.table("core_event_grades")["mapping_layer"]) == {"0.1.0"}
    assert diff.is_identical
    assert diff.exit_code == 0


def test_rejected_rows_that_read_the_same_are_counted_not_confused() -> None:
    """Rows without a subject have no key: of three equal ones one is gone, two are the same."""
    nobody = event("Coma", "3", None)  # type: ignore[arg-type]
    diff = compare(
        parts(event("Coma", "3"), nobody, nobody, nobody), parts(event("Coma", "3"), nobody, nobody)
    )
    (line,) = diff.tables.filter(pl.col("table_name") == "core_rejected_rows").to_dicts()
    assert (line["rows_a"], line["removed"], line["added"], line["changed"], line["same"]) == (3, 1, 0, 0, 2)
    (row,) = diff.rows.filter(pl.col("table_name") == "core_rejected_rows").to_dicts()
    assert row["subject_id"] is None
    assert "cells_sha256" in json.loads(row["row_key"])
    assert "Coma" not in row["row_key"]


def test_rows_of_one_key_pair_by_their_cells_in_any_order() -> None:
    compared = COMPARED["core_medical_history"]
    schema = TABLES["core_medical_history"].polars_schema()
    line = {"study_id": "S1", "subject_id": "01", "source_file": "mh.csv", "preferred_term": "Stroke"}

    def history(*systems: str) -> pl.DataFrame:
        rows = [line | {"source_row": n, "body_system": name} for n, name in enumerate(systems, start=1)]
        tables = lazily({"core_medical_history": pl.DataFrame(rows, schema=schema)})
        return compared.frame(tables)

    for before, after in ((("A", "B", "C"), ("C", "D", "A")), (("C", "A", "B"), ("A", "D", "C"))):
        (row,) = describe_rows(compared, pair_rows(compared, history(*before), history(*after))).to_dicts()
        assert (row["change"], row["changed_columns"]) == ("changed", "body_system")
        assert (row["before"], row["after"]) == ('{"body_system":"B"}', '{"body_system":"D"}')


def test_the_cells_of_a_changed_row_are_those_that_differ() -> None:
    diff = compare(parts(event("Coma", "3")), parts(event("Coma", "4")))
    (row,) = diff.rows.filter(pl.col("table_name") == "core_adverse_events").to_dicts()
    assert row["changed_columns"] == "grade_text|grade"
    assert json.loads(row["before"]) == {"grade_text": "3", "grade": 3}
    assert json.loads(row["after"]) == {"grade_text": "4", "grade": 4}
    assert json.loads(row["row_key"]) == {"subject_id": "01", "event_id": "1"}
    told = diff.transitions.filter(pl.col("table_name") == "core_adverse_events")
    assert told.select("column_name", "transition", "cause", "rows", "example_key").rows() == [
        ("grade", "[3,4]", "data", 1, row["row_key"]),
        ("grade_text", '["3","4"]', "data", 1, row["row_key"]),
    ]


def test_subjects_that_cross_a_threshold_or_enter_or_leave() -> None:
    diff = compare(
        parts(event("Seizure", "3"), event("Coma", "4", "02"), subjects=("01", "02")),
        parts(event("Seizure", "5"), event("Coma", "4", "03"), subjects=("01", "03")),
    )
    assert set(diff.headlines["change"]) == {"added", "removed", "changed"}
    assert diff.crossings.filter(pl.col("estimate") == "low").select(
        "threshold", "direction", "subjects"
    ).rows() == [
        *[(1, "entered", 1), (1, "left", 1), (2, "entered", 1), (2, "left", 1)],
        *[(3, "entered", 1), (3, "left", 1), (4, "entered", 1), (4, "left", 1)],
    ]
    assert diff.crossings.filter((pl.col("estimate") == "high") & (pl.col("direction") == "up")).is_empty()


def test_a_delivery_that_only_lost_rows() -> None:
    three = [event("Coma", "3", number=name) for name in "123"]
    lost = compare(parts(*three), parts(*three[1:]))
    assert (lost.has_only_lost, lost.rows_lost) == (True, 1)
    assert not compare(parts(*three), parts(*three[1:], event("Coma", "3", number="4"))).has_only_lost
    assert not compare(parts(*three[1:]), parts(*three)).has_only_lost
    assert not compare(parts(*three), parts(*three, ae_table_complete=False)).has_only_lost
    fewer_columns = [{name: cell for name, cell in row.items() if name != "AESER"} for row in three[1:]]
    assert not compare(parts(*three), parts(*fewer_columns)).has_only_lost


def test_runs_of_two_studies_are_refused() -> None:
    side = make_side(parts(event("Coma", "3")), "a")
    with pytest.raises(StoreError, match="of the studies S1 and S2"):
        compare_runs(side, replace(side, study_id="S2"), TODAY)


# -- components ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "others", "expected"),
    [
        ([("ae.csv", "adverse_events")], [("ae.csv", "adverse_events")], "ae.csv"),
        ([("ae1.csv", "adverse_events")], [("ae2.csv", "adverse_events")], "ae2.csv"),
        ([("ae.csv", "adverse_events")], [("ae.csv", "subjects")], None),
        ([("a.csv", "assessments"), ("b.csv", "assessments")], [("c.csv", "assessments")], None),
        ([("a.csv", "crs"), ("b.csv", "crs")], [("b.csv", "crs"), ("c.csv", "crs")], "c.csv"),
        ([("a.csv", "crs")], [], None),
    ],
)
def test_which_file_stands_for_which(
    mine: list[tuple[str, str]], others: list[tuple[str, str]], expected: str | None
) -> None:
    def of(paths: list[tuple[str, str]]) -> tuple[FileSpec, ...]:
        items = {"assessments": {"items": {"ice_total": "ICE"}}}
        return tuple(
            FileSpec.model_validate({"path": path, "role": role, **items.get(role, {})})
            for path, role in paths
        )

    found = find_counterpart(of(mine)[0], of(mine), of(others))
    assert (None if found is None else found.path) == expected


def test_how_a_file_is_written_goes_with_the_file_and_its_settings_with_the_manifest() -> None:
    base = {"study": "S1", "grading": {"scale": "ctcae"}, "infusions": {"source": "none"}}

    def manifest(**settings: Any) -> StudyManifest:
        return StudyManifest.model_validate(
            base | {"files": [{"path": "ae.csv", "role": "adverse_events", **settings}]}
        )

    own = manifest(delimiter=";", where={"A": ["1"]})
    other = manifest(delimiter=",", where={"A": ["2"]}, date_order="day_first")
    (spec,) = compose_manifest(own.files, own, other).files
    assert (spec.delimiter, dict(spec.where), spec.date_order) == (";", {"A": ("2",)}, "day_first")


def test_a_release_that_the_manifest_names_is_a_release_not_a_setting() -> None:
    first = parts(event("Coma", "3"), mapping_release="0.0.1")
    second = parts(event("Coma", "3"), mapping_release="0.1.0", release=with_grade(COMA_3, low=1))
    assert find_components(make_side(first, "a"), make_side(second, "b")) == ("release",)


def test_two_programs_of_one_version_are_told_apart_by_their_digests() -> None:
    made = parts(event("Coma", "3"))
    old, new = make_side(made, "a", EARLIER), make_side(made, "b")
    document = build_run_report(compare_runs(replace(old, code_version=new.code_version), new, TODAY))
    said = document.chapters[0].sentences[0].text
    assert said == f"The runs differ in the program only: 0.1.0 {'b' * 12} -> 0.1.0 {'c' * 12}."


# -- names -----------------------------------------------------------------------------------------------


def test_names_stand_for_ids_in_columns_keys_and_texts() -> None:
    long = "SITE-0001"
    first = parts(event("Coma", "3", long), subjects=(long,))
    second = parts(event("Coma", "4", long, AEOUT=f"seen with {long}"), subjects=(long,))
    quoted = parts(
        *[{**row, "AETERM": f'as {long.lower()}, "twice"'} for row in second.rows["adverse_events"]],
        subjects=(long,),
    )
    diff = compare(first, quoted)
    assert subject_ids(diff) == {long}
    named = name_subjects(diff, {long: "S-ABC"})
    for frame in (named.rows, named.headlines, named.transitions):
        assert long.lower() not in str(frame.to_dicts()).lower()
    assert {json.loads(key)["subject_id"] for key in named.rows["row_key"]} == {"S-ABC"}
    assert {json.loads(key)["subject_id"] for key in named.transitions["example_key"]} == {"S-ABC"}
    after = [json.loads(text) for text in named.rows["after"].drop_nulls()]
    assert 'as S-ABC, "twice"' in [cells.get("verbatim_term") for cells in after]


def test_a_report_that_names_nobody_lists_nobody() -> None:
    diff = compare(parts(event("Coma", "3")), parts(event("Coma", "4")))
    document = build_run_report(diff)
    tables = [
        table for chapter in document.chapters for section in chapter.sections for table in section.tables
    ]
    assert document.subject_ids == "none"
    assert not [table for table in tables if table.is_listing]
    assert not [column for table in tables for column in table.columns if column.kind == "id"]
    shown = build_run_report(diff, "shown")
    assert shown.chapters[0].sections[-1].section_id == "listing"


def test_every_table_of_the_document_is_as_wide_as_its_rows() -> None:
    diff = compare(parts(event("Coma", "3")), parts(event("Coma", "4"), ae_table_complete=False))
    document = build_run_report(diff, "shown")
    tables = [table for section in document.chapters[0].sections for table in section.tables]
    assert {len(row) == len(table.columns) for table in tables for row in table.rows} == {True}
    (settings,) = [table for table in tables if table.table_id == "settings"]
    assert settings.rows == (("ae_table_complete", "true", "false"),)
