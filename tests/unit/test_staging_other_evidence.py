"""Staging of ADaM, XPT and supplemental assessments, cytokine release, history, severity and age groups."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pyreadstat
import pytest

from pipelines.ingest.readers import read_table
from schemas.manifest import FileSpec
from tests.raw_assessments import items, long, of, qs, values
from tests.raw_studies import EVENT, SUBJECT, event, problems, result, staged, study, subject, table

# -- ADaM, XPT and SUPPAE --------------------------------------------------------------------------------


def test_adam_bds_takes_the_day_where_the_time_is_blank() -> None:
    row = {
        "USUBJID": "01",
        "PARAMCD": "ICETOT",
        "AVALC": None,
        "AVAL": "7",
        "ADTM": None,
        "ADT": "2020-01-04",
    }
    timed = row | {"ADTM": "2020-01-04T08:00:00", "AVAL": "3"}
    rows = items(of(long(row, timed)))
    assert [(one["value"], one["assessed_precision"]) for one in rows] == [(7.0, "day"), (3.0, "time")]
    assert rows[0]["assessed_earliest"] == datetime(2020, 1, 4)
    assert [one["source_column"] for one in rows] == ["AVAL", "AVAL"]


def test_an_imputed_day_of_adam_is_taken_back() -> None:
    row = {"USUBJID": "01", "PARAMCD": "ICETOT", "AVAL": "7", "ADT": "2020-01-01", "ADTF": "D"}
    (one,) = items(of(long(row)))
    assert (one["assessed_precision"], one["assessed_latest"].day) == ("month", 31)


def test_sdtm_qs_from_a_transport_file(tmp_path: Path) -> None:
    rows = pl.DataFrame(
        {
            "USUBJID": ["01", "01", "01"],
            "QSTESTCD": ["ICETOT", "ICETOT", "EQ5D"],
            "QSSTRESC": ["7", "", "x"],
            "QSSTRESN": [7.0, None, None],
            "QSSTAT": ["", "NOT DONE", ""],
            "QSREASND": ["", "PATIENT UNAROUSABLE", ""],
            "QSDTC": ["2020-01-03T08:00", "2020-01-04", ""],
        }
    )
    pyreadstat.write_xport(rows, str(tmp_path / "qs.xpt"), table_name="QS", file_format_version=5)
    spec = FileSpec(path="qs.xpt", role="assessments", codes={"ICETOT": "ice_total"})
    raw = of(read_table(tmp_path / "qs.xpt", spec))
    assert values(raw) == [
        (1, "ice_total", 7.0, None, "read", None),
        (2, "ice_total", None, None, "not_done", "unarousable"),
    ]


def test_typed_cells_of_a_parquet_file_read_as_their_texts(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "USUBJID": [1, 1],
            "ICE": [7.0, None],
            "SEIZURE": [None, False],
            "AT": [datetime(2020, 1, 3, 8), None],
            "LASTS": [0.5, float("nan")],
        }
    )
    frame.write_parquet(tmp_path / "ice.parquet")
    items = {"ice_total": "ICE", "seizure": "SEIZURE", "seizure_duration_min": "LASTS"}
    spec = FileSpec(path="ice.parquet", role="assessments", items=items, columns={"date": "AT"})
    raw = of(read_table(tmp_path / "ice.parquet", spec))
    assert [row[:5] for row in values(raw)] == [
        (1, "ice_total", 7.0, None, "read"),
        (1, "seizure_duration_min", 0.5, None, "read"),
        (2, "seizure", None, "no", "read"),
    ]


@pytest.mark.parametrize("domain", ["FT", "RS", "FA"])
def test_other_domains_have_the_same_columns(domain: str) -> None:
    row = {
        "USUBJID": "01",
        **{domain + name[2:]: cell for name, cell in qs("ICETOT", "7").items() if name[:2] == "QS"},
    }
    assert values(of(long(row)))[0][:3] == (1, "ice_total", 7.0)


def supp(number: str | None, value: str, idvar: str | None = "AESEQ") -> dict[str, str | None]:
    return {
        "USUBJID": "01",
        "RDOMAIN": "AE",
        "IDVAR": idvar,
        "IDVARVAL": number,
        "QNAM": "ICANSGR",
        "QVAL": value,
    }


def test_a_supplemental_value_takes_the_onset_of_its_event() -> None:
    rows = [supp("1.0", "2"), supp("9", "3"), supp("1", "1", "AETERM"), supp(None, "4")]
    tables = staged(of(long(*rows)))
    found = tables["staged_assessments"].sort("source_row")
    assert found["value"].to_list() == [2.0, 3.0, 1.0, 4.0]
    assert found["assessed_earliest"].to_list() == [datetime(2020, 1, 3), None, None, None]
    assert found["assessed_precision"].to_list() == ["day", "none", "none", "none"]
    assert found["assessed_text"].to_list() == [None] * 4
    assert result(tables, "STG-ASSESSMENT-EVENT-UNKNOWN") == ("fail", 1, 2)


def test_the_events_are_found_whatever_the_order_of_the_files() -> None:
    files = (table("adverse_events", [EVENT]), table("subjects", [SUBJECT]), long(supp("1", "2")))
    forward, backward = (staged(study(*some)) for some in (files, files[::-1]))
    for name, frame in forward.items():
        assert frame.equals(backward[name]), name


def test_two_events_of_one_identifier_date_nothing() -> None:
    events = [event(), event(AESTDTC="2020-02-01")]
    raw = study(table("adverse_events", events), table("subjects", [SUBJECT]), long(supp("1", "2")))
    assert items(raw)[0]["assessed_earliest"] is None
    assert result(staged(raw), "STG-ASSESSMENT-EVENT-UNKNOWN") == ("fail", 1, 1)


def test_the_event_may_be_named_by_the_column_the_study_uses() -> None:
    events = table("adverse_events", [event(AESPID="K7")], columns={"event_id": "AESPID"})
    raw = study(events, table("subjects", [SUBJECT]), long(supp("K7", "2", "AESPID")))
    assert items(raw)[0]["assessed_earliest"] == datetime(2020, 1, 3)


# -- cytokine release, medical history, severity, age group ----------------------------------------------


def test_cytokine_release_from_clinical_events() -> None:
    row = {
        "USUBJID": "01",
        "CETERM": "CRS",
        "CETOXGR": "Grade 2",
        "CESTDTC": "2020-01-02",
        "CEENDTC": "ongoing",
    }
    rows = [row, row | {"CETERM": "Rash"}, row | {"CETOXGR": "2.5", "CEENDTC": "2020-01-04"}]
    tables = staged(of(table("crs", rows, where={"CETERM": ["CRS"]})))
    frame = tables["staged_crs"]
    assert frame.select("source_row", "grade", "is_ongoing").rows() == [(1, 2, True), (3, None, None)]
    assert frame["start_earliest"].to_list() == [datetime(2020, 1, 2)] * 2
    assert frame["end_latest"].to_list() == [None, datetime(2020, 1, 4, 23, 59, 59, 999999)]
    assert ("grade", "2.5", "STG-GRADE-HALF") in problems(tables)


def test_medical_history() -> None:
    row = {
        "USUBJID": "01",
        "MHTERM": "fits",
        "MHDECOD": "Epilepsy",
        "MHPTCD": "10015037.0",
        "MHSTDTC": "2010",
    }
    (one,) = staged(of(table("medical_history", [row])))["staged_medical_history"].to_dicts()
    assert (one["preferred_term"], one["pt_code"], one["verbatim_term"]) == ("Epilepsy", "10015037", "fits")
    assert (one["start_earliest"], one["start_latest"].year) == (datetime(2010, 1, 1), 2010)


@pytest.mark.parametrize(
    ("text", "severity", "unread"),
    [
        ("SEVERE", 3, False),
        ("LIFE-THREATENING", 4, False),
        ("NONE", None, False),
        (None, None, False),
        ("bad", None, True),
    ],
)
def test_the_severity_beside_a_toxicity_grade(text: str | None, severity: int | None, unread: bool) -> None:
    raw = study(table("adverse_events", [event(AESEV=text)]), table("subjects", [SUBJECT]))
    tables = staged(raw)
    assert tables["staged_adverse_events"]["severity"].to_list() == [severity]
    assert (
        ("severity", text, "STG-SEVERITY-UNREADABLE") in problems(tables) if unread else not problems(tables)
    )


def test_a_severity_that_is_the_grade_itself_is_no_second_opinion() -> None:
    cells = {key: cell for key, cell in event(AESEV="SEVERE").items() if key != "AETOXGR"}
    on_its_own = staged(
        study(table("adverse_events", [cells]), source="none", grading={"scale": "severity", "version": None})
    )
    mapped = staged(
        study(table("adverse_events", [event(AESEV="3")], columns={"grade": "AESEV"}), source="none")
    )
    for tables in (on_its_own, mapped):
        assert tables["staged_adverse_events"].select("grade", "severity").row(0) == (3, None)


def test_age_groups_are_ranges() -> None:
    tables = staged(
        study(
            table("adverse_events", [EVENT]),
            table("subjects", [subject(AGEGR1="2 - <12"), subject(USUBJID="2", AGEGR1="teens")]),
        )
    )
    frame = tables["staged_subjects"]
    assert frame.select("age_group_text", "age_group_lowest", "age_group_highest").rows() == [
        ("2 - <12", 2.0, 12.0),
        ("teens", None, None),
    ]
    assert problems(tables) == [("age_group_lowest", "teens", "STG-AGE-GROUP-UNREADABLE")]
