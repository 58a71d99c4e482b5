"""Staging: cells in, typed rows, parse problems and rejected rows out."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from pipelines.ingest.staging import stage_study
from schemas.errors import ManifestError
from schemas.registry import STAGED_TABLES
from tests.raw_studies import EVENT, event, plain, problems, result, staged, study, subject, table


def first(raw: Any, name: str = "staged_adverse_events") -> dict[str, Any]:
    frame = staged(raw)[name]
    assert frame.height == 1
    return frame.row(0, named=True)


def one_event(**cells: str | None) -> dict[str, Any]:
    return first(plain([event(**cells)]))


def one_subject(**cells: str | None) -> dict[str, Any]:
    return first(plain(subjects=[subject(**cells)]), "staged_subjects")


def test_staging_returns_every_staged_table_canonical() -> None:
    tables = staged(plain())
    names = {model.info().name for model in STAGED_TABLES}
    assert names | {"core_parse_problems", "core_rejected_rows", "core_findings"} == set(tables)
    for model in STAGED_TABLES:
        assert model.canonicalise(tables[model.info().name]).equals(tables[model.info().name])


def test_a_plain_row_is_typed() -> None:
    row = one_event()
    expected = {
        "study_id": "S1",
        "subject_id": "01",
        "event_id": "1",
        "source_file": "adverse_events.csv",
        "source_row": 1,
        "preferred_term": "Confusional state",
        "pt_code": "10010305",
        "scale": "ctcae",
        "scale_version": "4.03",
        "grade_text": "2",
        "grade": 2,
        "grade_status": "read",
        "start_earliest": datetime(2020, 1, 3),
        "start_latest": datetime(2020, 1, 3, 23, 59, 59, 999999),
        "start_precision": "day",
        "relationship": "related",
        "outcome": "recovered",
        "is_fatal": False,
        "is_serious": False,
        "is_ongoing": None,
        "is_sponsor_neurotoxicity": None,
    }
    assert {name: row[name] for name in expected} == expected


def test_an_unreadable_cell_keeps_its_row_and_its_text() -> None:
    bad = event(
        AETOXGR="2 - Severe", AESTDTC="03/04/2020", AEOUT="odd", AEREL="odd", AESER="odd", AESDTH="odd"
    )
    tables = staged(plain([bad]))
    row = tables["staged_adverse_events"].row(0, named=True)
    assert (row["grade"], row["grade_status"], row["grade_text"]) == (None, "unreadable", "2 - Severe")
    assert (row["start_earliest"], row["start_text"]) == (None, "03/04/2020")
    assert (row["outcome"], row["relationship"], row["is_serious"], row["is_fatal"]) == (None,) * 4
    assert sorted(problems(tables)) == [
        ("grade", "2 - Severe", "STG-GRADE-UNREADABLE"),
        ("is_fatal", "odd", "STG-YESNO-UNREADABLE"),
        ("is_serious", "odd", "STG-YESNO-UNREADABLE"),
        ("outcome", "odd", "STG-OUTCOME-UNREADABLE"),
        ("relationship", "odd", "STG-RELATIONSHIP-UNREADABLE"),
        ("start_earliest", "03/04/2020", "STG-DATE-AMBIGUOUS"),
    ]
    place = tables["core_parse_problems"].filter(pl.col("field_name") == "grade").row(0, named=True)
    assert (place["source_file"], place["source_row"], place["column_name"]) == (
        "adverse_events.csv",
        1,
        "AETOXGR",
    )
    assert result(tables, "STG-GRADE-UNREADABLE") == ("fail", 1, 1)


def test_a_half_grade_is_rejected_with_all_its_cells() -> None:
    tables = staged(plain([event(AETOXGR="2.5"), event(AESEQ="2")]))
    assert tables["staged_adverse_events"].get_column("event_id").to_list() == ["2"]
    row = tables["core_rejected_rows"].row(0, named=True)
    assert (row["rule_id"], row["table_name"], row["source_row"]) == ("STG-GRADE-HALF", "adverse_events", 1)
    assert (row["subject_id"], row["preferred_term"], row["pt_code"]) == (
        "01",
        "Confusional state",
        "10010305",
    )
    assert json.loads(row["cells"]) == event(AETOXGR="2.5")
    assert result(tables, "STG-GRADE-HALF") == ("fail", 1, 2)


def test_a_half_grade_is_rounded_up_when_the_manifest_says_so() -> None:
    tables = staged(plain([event(AETOXGR="2.5")], grading={"half_grades": "ceil"}))
    row = tables["staged_adverse_events"].row(0, named=True)
    assert (row["grade"], row["grade_status"], row["grade_text"]) == (3, "rounded_up", "2.5")
    assert tables["core_rejected_rows"].height == 0
    assert result(tables, "STG-GRADE-HALF") == ("fail", 1, 1)


@pytest.mark.parametrize(
    ("flag", "outcome", "fatal"),
    [
        ("Y", "FATAL", True),
        ("Y", None, True),
        (None, "FATAL", True),
        ("N", "FATAL", True),
        ("Y", "RECOVERED", True),
        ("N", None, False),
        (None, "RECOVERING/RESOLVING", False),
        (None, "NOT RECOVERED/NOT RESOLVED", False),
        (None, "UNKNOWN", None),
        (None, None, None),
        ("U", "UNKNOWN", None),
    ],
)
def test_fatal_comes_from_flag_and_outcome(flag: str | None, outcome: str | None, fatal: bool | None) -> None:
    assert one_event(AESDTH=flag, AEOUT=outcome)["is_fatal"] is fatal


def test_fatal_never_comes_from_the_grade() -> None:
    assert one_event(AETOXGR="5", AESDTH=None, AEOUT=None)["is_fatal"] is None


def test_a_contradicted_death_is_a_finding() -> None:
    tables = staged(plain([event(AESDTH="N", AEOUT="FATAL")]))
    assert result(tables, "STG-FATAL-CONTRADICTION") == ("fail", 1, 1)


@pytest.mark.parametrize(
    ("cells", "ongoing"),
    [
        ({"AEENRTPT": "ONGOING"}, True),
        ({"AEENRF": "ONGOING"}, True),
        ({"AEENRF": "DURING"}, False),
        ({"AEONGO": "Y"}, True),
        ({"AEONGO": "N", "AEOUT": "NOT RECOVERED/NOT RESOLVED", "AEENDTC": None}, False),
        ({"AEOUT": "NOT RECOVERED/NOT RESOLVED", "AEENDTC": None}, True),
        ({"AEOUT": "NOT RECOVERED/NOT RESOLVED"}, None),
        ({"AEENDTC": "ONGOING"}, True),
        ({"AEOUT": None, "AEENDTC": None}, None),
    ],
)
def test_ongoing(cells: dict[str, str | None], ongoing: bool | None) -> None:
    assert one_event(**cells)["is_ongoing"] is ongoing


@pytest.mark.parametrize(
    ("scale", "version", "expected", "rule"),
    [
        (None, None, ("ctcae", "4.03"), None),
        ("CTCAE", "5.0", ("ctcae", "5.0"), None),
        ("NCI CTCAE v3.0", None, ("ctcae", "3.0"), None),
        ("CARTOX", None, ("cres", None), None),
        ("ASTCT", "2019", ("astct", "2019"), None),
        ("CTCAE", "9", ("ctcae", None), "STG-VERSION-UNKNOWN"),
        ("WHO", None, ("none", None), "STG-SCALE-UNKNOWN"),
    ],
)
def test_scale_and_version_by_row(
    scale: str | None, version: str | None, expected: tuple[str, str | None], rule: str | None
) -> None:
    events = table(
        "adverse_events", [event(TOX=scale, TOXV=version)], columns={"scale": "TOX", "scale_version": "TOXV"}
    )
    tables = staged(study(events, source="none"))
    row = tables["staged_adverse_events"].row(0, named=True)
    assert (row["scale"], row["scale_version"]) == expected
    assert [problem[2] for problem in problems(tables)] == ([rule] if rule else [])


def test_codes_and_identifiers_lose_the_point_zero_of_sas_and_excel() -> None:
    row = one_event(AESEQ="7.0", AEPTCD="10010305.0", USUBJID="01")
    assert (row["event_id"], row["pt_code"]) == ("7", "10010305")
    assert one_event(AESEQ="7.5")["event_id"] == "7.5"


def test_an_event_without_a_number_is_named_by_its_cells() -> None:
    rows = [
        {key: value for key, value in event(AETERM=term).items() if key != "AESEQ"}
        for term in ("a", "b", "a")
    ]
    names = staged(plain(rows))["staged_adverse_events"].get_column("event_id").to_list()
    text = "".join("-1:" if cell is None else f"{len(cell.encode())}:{cell}" for cell in rows[0].values())
    assert names[0] == "x" + hashlib.sha256(text.encode()).hexdigest()[:16]
    assert names[0] == names[2] != names[1]


def test_a_time_column_is_joined_and_its_bad_cells_are_its_own() -> None:
    row = one_event(AESTTM="10:30")
    assert (row["start_earliest"], row["start_precision"]) == (datetime(2020, 1, 3, 10, 30), "time")
    assert row["start_text"] == "2020-01-03 10:30"
    tables = staged(plain([event(AESTTM="late")]))
    assert tables["staged_adverse_events"].row(0, named=True)["start_precision"] == "day"
    problem = tables["core_parse_problems"].row(0, named=True)
    assert (problem["column_name"], problem["text"], problem["rule_id"]) == (
        "AESTTM",
        "late",
        "STG-TIME-UNREADABLE",
    )
    failed = tables["core_findings"].filter(pl.col("status") == "fail").select("rule_id", "column_name")
    assert failed.rows() == [("STG-TIME-UNREADABLE", "start_earliest")]


def test_a_declared_date_order_is_per_file() -> None:
    events = table("adverse_events", [event(AESTDTC="03/04/2020")], date_order="day_first")
    row = first(study(events, source="none"))
    assert row["start_earliest"] == datetime(2020, 4, 3)


def test_adam_dates_give_back_what_was_imputed() -> None:
    cells = {key: value for key, value in event(ASTDT="2020-01-01", ASTDTF="D").items() if key != "AESTDTC"}
    row = first(plain([cells]))
    assert (row["start_precision"], row["start_latest"]) == (
        "month",
        datetime(2020, 1, 31, 23, 59, 59, 999999),
    )


def test_a_column_of_sas_day_numbers() -> None:
    row = one_event(AESTDTC="21917", AEENDTC=None)
    assert row["start_earliest"] == datetime(2020, 1, 3)


@pytest.mark.parametrize(
    ("flag", "death", "alive_if_blank", "status"),
    [
        ("Y", None, False, "dead"),
        (None, "2020-02-01", False, "dead"),
        ("N", "2020-02-01", False, "dead"),
        (None, "2020-02-31", False, "dead"),
        (None, "UNK", False, "unknown"),
        ("N", None, False, "alive"),
        (None, None, False, "unknown"),
        (None, None, True, "alive"),
        ("U", None, True, "unknown"),
        ("odd", None, True, "unknown"),
    ],
)
def test_vital_status(flag: str | None, death: str | None, alive_if_blank: bool, status: str) -> None:
    raw = plain(subjects=[subject(DTHFL=flag, DTHDTC=death)], blank_death_flag_means_alive=alive_if_blank)
    assert first(raw, "staged_subjects")["vital_status"] == status


def test_a_study_without_a_death_flag_column_leaves_vital_status_unknown() -> None:
    cells = {key: value for key, value in subject().items() if key != "DTHFL"}
    row = first(plain(subjects=[cells], blank_death_flag_means_alive=True), "staged_subjects")
    assert row["vital_status"] == "unknown"


def test_ages() -> None:
    assert one_subject(AGE="144", AGEU="MONTHS")["age_years"] == 12.0
    assert one_subject(AGE="144", AGEU="MONTHS")["age_text"] == "144 MONTHS"
    assert one_subject(AGE="-1")["age_years"] is None
    assert one_subject(AGE="50", AGEU=None)["age_years"] is None


@pytest.mark.parametrize(
    ("start", "infusions", "precision"),
    [("2020-01-01", 1, "day"), (None, 0, None), ("2020-01", 1, "month"), ("someday", 1, "none")],
)
def test_infusions_from_the_reference_start(start: str | None, infusions: int, precision: str | None) -> None:
    frame = staged(plain(subjects=[subject(RFSTDTC=start)]))["staged_infusions"]
    assert frame.height == infusions
    if infusions:
        row = frame.row(0, named=True)
        assert (row["infusion_precision"], row["infusion_text"]) == (precision, start)


def dose(
    day: str | None = "2020-01-01", product: str | None = "TISA-CEL", **cells: str | None
) -> dict[str, str | None]:
    return {"USUBJID": "01", "EXTRT": product, "EXSTDTC": day, **cells}


def test_infusions_are_the_exposure_to_the_cell_product() -> None:
    doses = [dose(), dose(product="fludarabine"), dose("2020-03-01", "tisa cel"), dose(product=None)]
    raw = study(
        table("adverse_events", [EVENT]),
        table("exposure", doses),
        source="exposure",
        infusions={"products": ["Tisa-Cel"]},
    )
    tables = staged(raw)
    assert tables["staged_infusions"].get_column("source_row").to_list() == [1, 3]
    assert result(tables, "STG-ROWS-FILTERED", "infusions") == ("fail", 2, 4)


def test_without_products_every_exposure_row_is_an_infusion() -> None:
    raw = study(table("adverse_events", [EVENT]), table("exposure", [dose(), dose(None)]), source="exposure")
    assert staged(raw)["staged_infusions"].height == 2


def test_products_that_match_nothing_are_an_error() -> None:
    raw = study(
        table("adverse_events", [EVENT]),
        table("exposure", [dose(product="axi-cel")]),
        source="exposure",
        infusions={"products": ["tisa-cel"]},
    )
    with pytest.raises(
        ManifestError, match=r"exposure\.csv, column EXTRT.*tisa-cel.*axi-cel.*infusions\.products"
    ):
        stage_study(raw)


def test_a_file_the_manifest_takes_no_infusions_from_is_left_out() -> None:
    raw = study(table("adverse_events", [EVENT]), table("exposure", [dose()]), source="none")
    tables = staged(raw)
    assert tables["staged_infusions"].height == 0
    assert result(tables, "STG-ROWS-FILTERED", "infusions") == ("fail", 1, 1)


def test_sedation_periods() -> None:
    rows = [{"USUBJID": "01", "CMSTDTC": "2020-01-03", "CMENDTC": "2020-01-04T10:00"}]
    raw = study(table("adverse_events", [EVENT]), table("sedation", rows), source="none")
    row = first(raw, "staged_sedation")
    assert (row["start_earliest"], row["end_latest"]) == (
        datetime(2020, 1, 3),
        datetime(2020, 1, 4, 10, 0, 59, 999999),
    )


def test_where_keeps_rows_and_counts_the_others() -> None:
    events = table(
        "adverse_events",
        [event(STAT="D"), event(STAT="X", AESEQ="2"), event(STAT=None, AESEQ="3")],
        where={"STAT": ["D", ""]},
    )
    tables = staged(study(events, source="none"))
    assert tables["staged_adverse_events"].get_column("event_id").to_list() == ["1", "3"]
    assert result(tables, "STG-ROWS-FILTERED") == ("fail", 1, 3)
    assert tables["core_rejected_rows"].height == 0


def test_several_files_of_one_role_are_one_table_in_any_order() -> None:
    one = table("adverse_events", [event()], path="ae1.csv")
    two = table("adverse_events", [event(AESEQ="2")], path="ae2.csv")
    forward, backward = (staged(study(*files, source="none")) for files in ((one, two), (two, one)))
    assert forward["staged_adverse_events"].height == 2
    for name, frame in forward.items():
        assert frame.equals(backward[name]), name


def test_rows_the_reader_rejected_are_rejected_rows_with_what_can_be_read() -> None:
    base = {"rule_id": "READ-X", "reason": "r", "next_action": "n"}
    lines = [
        {**base, "source_row": 2, "cells": json.dumps(event())},
        {**base, "source_row": 3, "cells": json.dumps({"line": "01,2,x"})},
    ]
    tables = staged(study(table("adverse_events", [event()], rejected=lines), source="none"))
    frame = tables["core_rejected_rows"]
    assert frame.get_column("subject_id").to_list() == ["01", None]
    assert frame.get_column("preferred_term").to_list() == ["Confusional state", None]
    assert result(tables, "STG-ROWS-UNREADABLE") == ("fail", 2, 3)


@pytest.mark.parametrize(
    ("drop", "says"),
    [
        (("USUBJID",), r"adverse_events\.csv.*subject identifier.*USUBJID.*columns\.subject_id"),
        (("AETERM", "AEDECOD", "AEPTCD"), r"adverse_events\.csv.*term.*AETERM.*columns\.verbatim_term"),
        (("AETOXGR",), r"adverse_events\.csv.*toxicity grade.*AETOXGR.*columns\.grade.*grading\.scale"),
    ],
)
def test_a_missing_column_is_an_error_that_says_what_to_write(drop: tuple[str, ...], says: str) -> None:
    cells = {key: value for key, value in EVENT.items() if key not in drop}
    with pytest.raises(ManifestError, match=says):
        stage_study(plain([cells]))


def test_a_reference_start_that_is_not_there_is_an_error() -> None:
    cells = {key: value for key, value in subject().items() if key != "RFSTDTC"}
    with pytest.raises(ManifestError, match=r"subjects\.csv.*first treatment.*RFSTDTC.*reference_start"):
        stage_study(plain(subjects=[cells]))


def test_a_column_the_manifest_names_must_be_there() -> None:
    raw = study(table("adverse_events", [EVENT], columns={"grade": "AETOXGRD"}), source="none")
    with pytest.raises(
        ManifestError, match=r"column AETOXGRD.*grade.*nearest: AETOXGR.*files\[\]\.columns\.grade"
    ):
        stage_study(raw)
    bad = table("adverse_events", [EVENT], where={"STATUS": ["D"]})
    with pytest.raises(ManifestError, match=r"column STATUS.*files\[\]\.where"):
        stage_study(study(bad, source="none"))


def test_column_names_are_found_in_any_case() -> None:
    lower = {key.lower(): value for key, value in EVENT.items()}
    assert first(study(table("adverse_events", [lower]), source="none"))["grade"] == 2


def test_an_empty_table_stages_to_empty_tables() -> None:
    tables = staged(plain(events=[], subjects=[]))
    assert tables["staged_adverse_events"].height == 0
    assert tables["staged_subjects"].height == 0
    assert result(tables, "STG-GRADE-UNREADABLE") == ("not_applicable", 0, 0)


def test_severity_words_on_the_severity_scale() -> None:
    cells = {key: value for key, value in event(AESEV="SEVERE").items() if key != "AETOXGR"}
    raw = plain([cells], grading={"scale": "severity", "version": None})
    row = first(raw)
    assert (row["grade"], row["scale"], row["scale_version"], row["grade_text"]) == (
        3,
        "severity",
        None,
        "SEVERE",
    )


def test_without_a_scale_no_grade_is_read() -> None:
    row = first(plain([event()], grading={"scale": "none", "version": None}))
    assert (row["grade"], row["grade_status"], row["grade_text"], row["scale"]) == (
        None,
        "missing",
        None,
        "none",
    )
