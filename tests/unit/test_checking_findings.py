"""Findings: every rule has a planted fault that it finds, and a clean study on which it stays quiet."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from pipelines.ingest.rules import EVENT_RULES, INFUSION_RULES, SEDATION_RULES, SUBJECT_RULES
from tests.raw_studies import EVENT, SUBJECT, checked, event, plain, result, study, subject, table

LATE = date(2020, 6, 30)
PLANTED: list[tuple[str, dict[str, str | None], dict[str, str | None]]] = [
    ("CHK-START-AFTER-END", {"AESTDTC": "2020-01-06"}, {}),
    ("CHK-ONSET-AFTER-DEATH", {}, {"DTHDTC": "2020-01-02"}),
    ("CHK-END-AFTER-DEATH", {}, {"DTHDTC": "2020-01-04"}),
    ("CHK-EVENT-BEFORE-BIRTH", {"AESTDTC": "1969"}, {"BRTHDTC": "1970-01-01"}),
    ("CHK-ONSET-AFTER-CUTOFF", {"AESTDTC": "2020-07-01", "AEENDTC": None}, {}),
    ("CHK-ONSET-MISSING", {"AESTDTC": None}, {}),
    ("CHK-ONSET-PARTIAL", {"AESTDTC": "2020-01"}, {}),
    ("CHK-ONGOING-WITH-END", {"AEENRTPT": "ONGOING"}, {}),
    ("CHK-GRADE-MISSING", {"AETOXGR": None}, {}),
    ("CHK-GRADE-ZERO", {"AETOXGR": "0"}, {}),
    ("CHK-FATAL-BELOW-GRADE-5", {"AEOUT": "FATAL", "AESDTH": "Y"}, {}),
    ("CHK-GRADE-5-NOT-FATAL", {"AETOXGR": "5"}, {}),
    ("CHK-GRADE-5-ALIVE", {"AETOXGR": "5"}, {"DTHFL": "N"}),
    ("CHK-FATAL-ALIVE", {"AEOUT": "FATAL"}, {"DTHFL": "N"}),
    ("CHK-FATAL-OUTCOME-DISAGREES", {"AESDTH": "Y"}, {}),
    ("CHK-FATAL-NOT-SERIOUS", {"AEOUT": "FATAL"}, {}),
    ("CHK-TERM-MISSING", {"AETERM": None, "AEDECOD": None, "AEPTCD": None}, {}),
    ("CHK-CODED-TERM-MISSING", {"AEDECOD": None, "AEPTCD": None}, {}),
    ("CHK-CLASS-MISSING", {"AEBODSYS": None}, {}),
    ("CHK-RELATIONSHIP-MISSING", {"AEREL": None}, {}),
    ("CHK-OUTCOME-MISSING", {"AEOUT": "UNKNOWN"}, {}),
    ("CHK-EVENT-SUBJECT-NOT-LISTED", {"USUBJID": "99"}, {}),
    ("CHK-EVENT-SUBJECT-NOT-INFUSED", {"USUBJID": "99"}, {}),
    ("CHK-INFUSED-WITHOUT-EVENT", {"USUBJID": "99"}, {}),
    ("CHK-AGE-MISSING", {}, {"AGE": None}),
    ("CHK-AGE-AT-CONSENT", {}, {"AGE": "11"}),
    ("CHK-AGE-BIRTH-DISAGREE", {}, {"BRTHDTC": "1980-01-01"}),
    ("CHK-DEATH-BEFORE-INFUSION", {}, {"DTHDTC": "2019-12-31"}),
    ("CHK-INFUSION-BEFORE-BIRTH", {}, {"BRTHDTC": "2021"}),
    ("CHK-INFUSION-UNDATED", {}, {"RFSTDTC": "someday"}),
    ("CHK-INFUSION-PARTIAL", {}, {"RFSTDTC": "2020-01"}),
    ("CG0391", {"AESDTH": "U"}, {}),
    ("CG0134", {"AEOUT": "FATAL"}, {}),
    ("CG0135", {"AESDTH": "Y"}, {}),
    ("STG-FATAL-CONTRADICTION", {"AESDTH": "Y"}, {}),
    ("STG-ALIVE-WITH-DEATH-DATE", {}, {"DTHFL": "N", "DTHDTC": "2020-02-01"}),
    ("STG-SEVERITY-TOXICITY", {"AESEV": "SEVERE"}, {}),
    ("STG-AGE-RANGE", {}, {"AGE": "-5"}),
]


@pytest.mark.parametrize(("rule_id", "cells", "person"), PLANTED, ids=[case[0] for case in PLANTED])
def test_a_planted_fault_is_found_and_its_absence_is_not(
    rule_id: str, cells: dict[str, str | None], person: dict[str, str | None]
) -> None:
    planted = checked(plain([event(**cells)], [subject(**person)], data_cutoff=LATE))
    status, count, denominator = result(planted, rule_id)
    assert (status, count) == ("fail", 1)
    assert denominator >= 1
    clean = checked(plain([event(AESEV="MODERATE")], [subject(BRTHDTC="1969-06-01")], data_cutoff=LATE))
    assert result(clean, rule_id)[0] in ("pass", "not_applicable")


def test_every_rule_on_rows_has_a_planted_fault() -> None:
    planted = {case[0] for case in PLANTED}
    elsewhere = {
        "CHK-VERSION-MISSING",
        "CHK-SPONSOR-FLAG-MISSING",
        "CHK-INFUSED-NOT-LISTED",
        "CHK-SEDATION-UNDATED",
        "CHK-SEDATION-START-AFTER-END",
    }
    rules = {rule.rule.rule_id for rule in (*EVENT_RULES, *SUBJECT_RULES, *INFUSION_RULES, *SEDATION_RULES)}
    assert rules - planted == elsewhere


def test_faults_that_need_another_study() -> None:
    sedated = [
        {"USUBJID": "01", "CMSTDTC": "2020-01-05", "CMENDTC": "2020-01-03"},
        {"USUBJID": "01", "CMSTDTC": "2020-01-03", "CMENDTC": None},
    ]
    raw = study(
        table(
            "adverse_events", [event(NEURO="Y"), event(AESEQ="2")], columns={"sponsor_neurotoxicity": "NEURO"}
        ),
        table("subjects", [SUBJECT]),
        table("infusions", [{"USUBJID": "02", "EXSTDTC": "2020-01-01"}]),
        table("sedation", sedated),
        source="table",
        grading={"version": None},
    )
    tables = checked(raw)
    assert result(tables, "CHK-VERSION-MISSING") == ("fail", 2, 2)
    assert result(tables, "CHK-SPONSOR-FLAG-MISSING") == ("fail", 1, 2)
    assert result(tables, "CHK-INFUSED-NOT-LISTED") == ("fail", 1, 1)
    assert result(tables, "CHK-SEDATION-UNDATED") == ("fail", 1, 2)
    assert result(tables, "CHK-SEDATION-START-AFTER-END") == ("fail", 1, 1)


def test_rules_without_rows_to_judge_are_not_applicable() -> None:
    tables = checked(plain(events=[], subjects=[]))
    findings = tables["core_findings"].filter(pl.col("denominator") == 0)
    assert set(findings.get_column("status")) == {"not_applicable"}
    assert {"CHK-START-AFTER-END", "CG0391", "CG0134", "CHK-INFUSION-UNDATED"} <= set(
        findings.get_column("rule_id")
    )


def test_the_same_rules_are_reported_whatever_the_data() -> None:
    keys = ["rule_id", "table_name", "column_name"]
    full, empty = (checked(plain(events)) for events in ([event(), event(AESEQ="2", AETOXGR="x")], []))
    assert full["core_findings"].select(keys).equals(empty["core_findings"].select(keys))


def test_a_study_without_a_subject_table_says_so() -> None:
    tables = checked(study(table("adverse_events", [EVENT]), source="none"))
    assert result(tables, "CHK-SUBJECT-TABLE-ABSENT") == ("fail", 1, 1)
    assert result(tables, "CHK-INFUSIONS-ABSENT") == ("fail", 1, 1)
    assert result(tables, "CHK-EVENT-SUBJECT-NOT-LISTED")[0] == "not_applicable"


def test_findings_name_places_and_never_a_subject() -> None:
    events = [event(USUBJID="SECRET-7", AESEQ=str(number), AEBODSYS=None) for number in range(1, 9)]
    findings = checked(plain(events))["core_findings"]
    row = findings.filter(pl.col("rule_id") == "CHK-CLASS-MISSING").row(0, named=True)
    assert row["example_rows"] == "|".join(f"adverse_events.csv:{number}" for number in range(1, 6))
    assert "SECRET" not in findings.write_csv()
