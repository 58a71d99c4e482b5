"""Checks of assessments, cytokine release, history and age groups: rejected rows, findings, populations."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import polars as pl
import pytest

from pipelines.ingest.assessment_rules import ASSESSMENT_RULES, CRS_RULES, HISTORY_RULES
from pipelines.ingest.checking import check_study
from pipelines.ingest.staging import stage_study
from schemas.errors import SchemaError
from tests.raw_assessments import long, of, page, qs, wide
from tests.raw_studies import EVENT, SUBJECT, Cells, checked, plain, result, staged, study, subject, table

CUTOFF = date(2020, 6, 30)
CRS: Cells = {"USUBJID": "01", "CETOXGR": "2", "CESTDTC": "2020-01-02", "CEENDTC": "2020-01-04"}
HISTORY: Cells = {"USUBJID": "01", "MHTERM": "fits", "MHDECOD": "Epilepsy", "MHSTDTC": "2010"}

Planted = tuple[str, list[Cells], dict[str, str | None]]
PLANTED: list[Planted] = [
    ("CHK-ASSESSMENT-UNDATED", [qs("ICETOT", "7", QSDTC=None)], {}),
    ("CHK-ASSESSMENT-UNDATED", [qs("ICETOT", "7", QSDTC="someday")], {}),
    ("CHK-ASSESSMENT-PARTIAL", [qs("ICETOT", "7", QSDTC="2020-01")], {}),
    ("CHK-ASSESSMENT-BEFORE-INFUSION", [qs("ICETOT", "10", QSDTC="2019-12-30")], {}),
    ("CHK-ASSESSMENT-AFTER-DEATH", [qs("ICETOT", "7", QSDTC="2020-02-02")], {"DTHDTC": "2020-02-01"}),
    ("CHK-ASSESSMENT-AFTER-CUTOFF", [qs("ICETOT", "7", QSDTC="2020-07-01")], {}),
    ("CHK-ASSESSMENT-WRONG-SCALE", [qs("CAPDTOT", "7")], {}),
    ("CHK-ASSESSMENT-WRONG-SCALE", [qs("ICETOT", "7")], {"AGE": "7"}),
    ("CHK-ASSESSMENT-NOT-DONE", [qs("ICETOT", None, QSSTAT="NOT DONE")], {}),
    ("CHK-ASSESSMENT-SUBJECT-NOT-LISTED", [qs("ICETOT", "7", USUBJID="99")], {}),
]
COLUMNS = dict.fromkeys(("QSSTAT", "QSREASND"))


def assessed(rows: list[Cells], person: dict[str, str | None]) -> dict[str, pl.DataFrame]:
    codes = {"ICETOT": "ice_total", "CAPDTOT": "capd_total"}
    file = table("assessments", [{**COLUMNS, **row} for row in rows], codes=codes)
    return checked(
        study(
            table("adverse_events", [EVENT]), table("subjects", [subject(**person)]), file, data_cutoff=CUTOFF
        )
    )


@pytest.mark.parametrize(("rule_id", "rows", "person"), PLANTED, ids=[case[0] for case in PLANTED])
def test_a_planted_fault_is_found_and_its_absence_is_not(
    rule_id: str, rows: list[Cells], person: dict[str, str | None]
) -> None:
    planted = assessed(rows, person)
    assert result(planted, rule_id)[:2] == ("fail", 1)
    assert planted["core_assessments"].height == 1
    clean = assessed([qs("ICETOT", "7")], {"DTHDTC": "2020-02-01"})
    assert result(clean, rule_id)[0] in ("pass", "not_applicable")


def test_every_rule_on_assessments_has_a_planted_fault() -> None:
    rules = {rule.rule.rule_id for rule in ASSESSMENT_RULES}
    assert rules - {case[0] for case in PLANTED} == {"CHK-ASSESSMENT-REPEATED", "CHK-ASSESSMENT-TWO-VALUES"}


def test_repeated_values_and_two_values_of_one_moment_are_kept_and_counted() -> None:
    rows: list[Cells] = [
        qs("ICETOT", "7"),
        qs("ICETOT", "7.0"),
        qs("ICETOT", "6"),
        qs("ICETOT", "7", QSDTC="2020-01-03T09:00"),
        qs("ICETOT", "7", USUBJID="02"),
        qs("CAPDTOT", "7", QSDTC=None),
        qs("CAPDTOT", "8", QSDTC=None),
    ]
    tables = assessed(rows, {})
    assert tables["core_assessments"].height == 7
    assert result(tables, "CHK-ASSESSMENT-REPEATED") == ("fail", 2, 5)
    assert result(tables, "CHK-ASSESSMENT-TWO-VALUES") == ("fail", 3, 5)


def test_a_score_that_was_not_taken_is_of_no_wrong_scale() -> None:
    tables = assessed([qs("CAPDTOT", None, QSREASND="not done")], {})
    assert result(tables, "CHK-ASSESSMENT-WRONG-SCALE") == ("not_applicable", 0, 0)


def test_an_unknown_age_has_no_wrong_scale() -> None:
    tables = assessed([qs("ICETOT", "7"), qs("CAPDTOT", "7")], {"AGE": None})
    assert result(tables, "CHK-ASSESSMENT-WRONG-SCALE") == ("not_applicable", 0, 0)


def test_a_row_without_a_subject_is_rejected_once_with_all_its_cells() -> None:
    row = page(USUBJID=None, ICE="3", AROUSAL="to voice")
    raw = of(wide(row, page(ICE="4")))
    tables = checked(raw)
    assert tables["core_assessments"]["source_row"].to_list() == [2]
    (rejected,) = tables["core_rejected_rows"].to_dicts()
    assert (rejected["table_name"], rejected["rule_id"], rejected["source_row"]) == (
        "assessments",
        "CHK-SUBJECT-MISSING",
        1,
    )
    assert json.loads(rejected["cells"]) == row
    assert staged(raw)["staged_source_rows"]["source_row"].to_list() == [1]
    assert result(tables, "CHK-SUBJECT-MISSING", "assessments") == ("fail", 1, 3)


def test_one_bad_item_rejects_its_row_and_no_other() -> None:
    raw = of(wide(page(ICE="3", AROUSAL="to voice"), page(ICE="4")))
    tables = stage_study(raw)
    bad = pl.when(pl.col("code") == "voice").then(pl.lit("odd")).otherwise("value_status")
    tables["staged_assessments"] = tables["staged_assessments"].with_columns(value_status=bad)
    kept = check_study(tables, raw.manifest)
    assert kept["core_assessments"]["source_row"].to_list() == [2]
    (rejected,) = kept["core_rejected_rows"].to_dicts()
    assert (rejected["source_row"], rejected["rule_id"]) == (1, "CHK-SCHEMA")
    assert "value_status" in rejected["reason"]


def test_a_broken_assessment_table_is_a_defect() -> None:
    raw = of(wide(page(ICE="3")))
    tables = stage_study(raw)
    tables["staged_assessments"] = tables["staged_assessments"].drop("code")
    with pytest.raises(SchemaError, match="core_assessments does not fit its schema"):
        check_study(tables, raw.manifest)


def test_a_subject_known_from_an_assessment_only_is_a_subject() -> None:
    tables = checked(of(long(qs("ICETOT", "7", USUBJID="77"))))
    listed = tables["core_subjects"].select("subject_id", "is_in_subject_table", "population").rows()
    assert listed == [("01", True, "adult"), ("77", False, "unknown")]


def test_the_order_of_rows_changes_nothing() -> None:
    raw = of(wide(page(ICE="3", AROUSAL="to voice"), page(ICE="4"), page(ICE="4", USUBJID=None)))
    tables = stage_study(raw)
    expected = check_study(tables, raw.manifest)
    shuffled = {name: frame.reverse() for name, frame in tables.items()}
    for name, frame in check_study(shuffled, raw.manifest).items():
        assert frame.equals(expected[name]), name


# -- cytokine release and medical history ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "row", "rule_id"),
    [
        ("crs", {**CRS, "CESTDTC": None}, "CHK-CRS-UNDATED"),
        ("crs", {**CRS, "CEENDTC": "2020-01-01"}, "CHK-CRS-START-AFTER-END"),
        ("crs", {**CRS, "USUBJID": "99"}, "CHK-CRS-SUBJECT-NOT-LISTED"),
        ("medical_history", {**HISTORY, "MHDECOD": None}, "CHK-HISTORY-TERM-MISSING"),
        ("medical_history", {**HISTORY, "MHSTDTC": "2020-02-01"}, "CHK-HISTORY-AFTER-INFUSION"),
    ],
)
def test_faults_of_cytokine_release_and_history(role: str, row: Cells, rule_id: str) -> None:
    sound = {"crs": CRS, "medical_history": HISTORY}[role]
    assert result(checked(of(table(role, [row]))), rule_id) == ("fail", 1, 1)
    assert result(checked(of(table(role, [sound]))), rule_id) == ("pass", 0, 1)
    known = {rule.rule.rule_id for rule in (*CRS_RULES, *HISTORY_RULES)}
    assert rule_id in known
    assert len(known) == 5


@pytest.mark.parametrize("role", ["crs", "medical_history"])
def test_rows_without_a_subject_are_rejected(role: str) -> None:
    row = {**({"crs": CRS, "medical_history": HISTORY}[role]), "USUBJID": None}
    tables = checked(of(table(role, [row])))
    assert tables[f"core_{role}"].height == 0
    (rejected,) = tables["core_rejected_rows"].to_dicts()
    assert (rejected["table_name"], json.loads(rejected["cells"])) == (role, row)


def test_rules_without_such_files_are_not_applicable() -> None:
    findings = checked(plain())["core_findings"]
    rules = {rule.rule.rule_id for rule in (*ASSESSMENT_RULES, *CRS_RULES, *HISTORY_RULES)}
    rows = findings.filter(pl.col("rule_id").is_in(sorted(rules)))
    assert rows.height == len(rules)
    assert set(rows["status"]) == {"not_applicable"}


# -- age -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "group", "birth", "population"),
    [
        (None, "2-11", None, "child"),
        (None, "<12", None, "child"),
        (None, "12-17", None, "adult"),
        (None, ">=65", None, "adult"),
        (None, "<18", None, "unknown"),
        (None, "2-12", None, "unknown"),
        (None, "ADOLESCENT", None, "unknown"),
        (None, "teens", None, "unknown"),
        ("40", "<12", None, "adult"),
        ("7", ">=12", None, "child"),
        ("11", "<12", None, "unknown"),
        ("11", "<12", "2008-01-02", "child"),
        ("11", "<12", "2007-12-31", "adult"),
        (None, "<12", "2007-12-31", "adult"),
        (None, "<12", "2008", "child"),
        ("144 MONTHS", None, None, "adult"),
        ("143 MONTHS", None, None, "unknown"),
    ],
)
def test_birth_date_then_age_then_age_group_where_they_decide(
    age: str | None, group: str | None, birth: str | None, population: str
) -> None:
    number, _, unit = (age or "").partition(" ")
    person = subject(AGE=number or None, AGEU=unit or "YEARS", AGEGR1=group, BRTHDTC=birth)
    assert checked(plain(subjects=[person]))["core_subjects"]["population"].to_list() == [population]


@pytest.mark.parametrize(
    ("recorded_at", "age", "population", "count"),
    [
        ("consent", "11", "unknown", 1),
        ("consent", "11.9", "unknown", 1),
        ("consent", "10.9", "child", 0),
        ("consent", "12.0", "adult", 0),
        ("infusion", "11", "child", 0),
        ("infusion", "11.9", "child", 0),
        ("infusion", "12", "adult", 0),
    ],
)
def test_eleven_at_consent_may_be_twelve_at_the_infusion(
    recorded_at: str, age: str, population: str, count: int
) -> None:
    tables = checked(plain(subjects=[subject(AGE=age)], age_recorded_at=recorded_at))
    assert tables["core_subjects"]["population"].to_list() == [population]
    assert result(tables, "CHK-AGE-AT-CONSENT")[1:] == (count, 1)


def test_age_in_the_month_before_and_after_a_birthday() -> None:
    """Months above two overflow an Int8 when multiplied by a hundred; the age must not."""
    people: list[dict[str, Any]] = [
        subject(USUBJID=str(month), BRTHDTC=f"1990-{month:02}-15", RFSTDTC="2020-06-15")
        for month in range(1, 13)
    ]
    ages = checked(plain(events=[], subjects=people))["core_subjects"].select(
        pl.col("subject_id").cast(pl.Int64), "age_years"
    )
    assert {month for month, age in ages.rows() if age >= 30} == {1, 2, 3, 4, 5, 6}
    for month, age in ages.rows():
        days = (date(2020, 6, 15) - date(1990, month, 15)).days
        assert age == pytest.approx(days / 365.25, abs=0.01)


def test_the_plain_subject_is_in_no_age_group() -> None:
    frame = staged(plain(subjects=[SUBJECT]))["staged_subjects"]
    assert frame.select("age_group_text", "age_group_lowest", "age_group_highest").row(0) == (None,) * 3
