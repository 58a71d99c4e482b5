"""Staging of assessments: wide files, long files, that both agree, and hostile cells."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
import pytest

from pipelines.ingest.staging import stage_study
from schemas.errors import ManifestError
from tests.raw_assessments import CODES, ITEMS, items, long, of, page, qs, values, wide
from tests.raw_studies import Cells, problems, result, staged

# -- wide ------------------------------------------------------------------------------------------------


def test_a_wide_row_gives_one_row_per_cell_that_holds_something() -> None:
    raw = of(wide(page(ICE="7", AROUSAL="to voice"), page(DURATION="90 s", SED="Y")))
    assert values(raw) == [
        (1, "arousal", None, "voice", "read", None),
        (1, "ice_total", 7.0, None, "read", None),
        (2, "seizure_duration_min", 1.5, None, "read", None),
    ]
    rows = items(raw)
    assert [row["source_column"] for row in rows] == ["AROUSAL", "ICE", "DURATION"]
    assert [row["value_text"] for row in rows] == ["to voice", "7", "90 s"]
    assert [row["is_sedated"] for row in rows] == [None, None, True]
    assert rows[0]["assessed_text"] == "2020-01-03 08:00"
    assert rows[0]["assessed_earliest"] == datetime(2020, 1, 3, 8)
    assert rows[0]["assessed_precision"] == "time"


def test_blank_cells_are_no_rows_and_a_row_without_any_is_counted() -> None:
    tables = staged(of(wide(page(), page(ICE="NA", AROUSAL=" "), page(ICE="3"))))
    assert tables["staged_assessments"].height == 1
    assert result(tables, "STG-ASSESSMENT-EMPTY") == ("fail", 2, 3)
    assert result(tables, "STG-ROWS-FILTERED", "assessments") == ("fail", 2, 3)


def test_a_reason_makes_every_blank_item_of_its_row_a_row_without_a_value() -> None:
    raw = of(wide(page(AROUSAL="Unarousable", WHY="Patient unarousable")))
    assert values(raw) == [
        (1, "arousal", None, "unarousable", "read", None),
        (1, "ice_total", None, None, "not_done", "unarousable"),
        (1, "seizure_duration_min", None, None, "not_done", "unarousable"),
    ]
    assert items(raw)[1]["value_text"] == "Patient unarousable"
    assert items(raw)[1]["source_column"] == "ICE"


def test_the_status_not_done_without_a_reason_is_not_done() -> None:
    raw = of(wide(page(STATUS="NOT DONE"), page(STATUS="DONE", ICE="4")))
    assert [row[4:] for row in values(raw)] == [("not_done", "not_done")] * 3 + [("read", None)]
    assert items(raw)[0]["value_text"] is None


def test_a_reason_nobody_lists_is_other_and_stays_readable() -> None:
    row = items(of(wide(page(ICE="ND", WHY="lost the form"))))[1]
    assert (row["item"], row["not_done_reason"], row["value_text"]) == ("ice_total", "other", "lost the form")


def test_a_cell_that_says_more_than_the_reason_wins() -> None:
    raw = of(wide(page(ICE="UNAROUSABLE", WHY="other"), page(ICE="ND", WHY="sedated")))
    assert [row[5] for row in values(raw) if row[1] == "ice_total"] == ["unarousable", "sedated"]


def test_an_impossible_or_unreadable_value_keeps_its_row_and_its_text() -> None:
    tables = staged(of(wide(page(ICE="12", AROUSAL="odd", DURATION="brief"))))
    assert [row["value_status"] for row in tables["staged_assessments"].to_dicts()] == [
        "unreadable",
        "impossible",
        "unreadable",
    ]
    assert tables["staged_assessments"].select("value", "code").null_count().row(0) == (3, 3)
    assert problems(tables) == [
        ("value", "odd", "STG-ASSESSMENT-UNREADABLE"),
        ("value", "brief", "STG-ASSESSMENT-UNREADABLE"),
        ("value", "12", "STG-ASSESSMENT-IMPOSSIBLE"),
    ]
    places = tables["core_parse_problems"].select("table_name", "source_row", "column_name").rows()
    assert places == [("assessments", 1, name) for name in ("AROUSAL", "DURATION", "ICE")]
    assert result(tables, "STG-ASSESSMENT-IMPOSSIBLE") == ("fail", 1, 3)
    assert result(tables, "STG-ASSESSMENT-UNREADABLE") == ("fail", 2, 3)


def test_an_item_column_the_file_lacks_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(ManifestError, match=r"column ICES.*items\.ice_total|ice_total.*nearest: ICE"):
        staged(of(wide(page(), items={"ice_total": "ICES"})))


def test_column_names_of_items_are_found_in_any_case() -> None:
    assert values(of(wide(page(ICE="3"), items={"ice_total": "ice"})))[0][2] == 3.0


# -- long ------------------------------------------------------------------------------------------------


def test_a_long_row_is_the_item_its_code_means_in_any_case() -> None:
    raw = of(long(qs("icetot", "7"), qs("AROUSE", "Alert")))
    assert values(raw) == [
        (1, "ice_total", 7.0, None, "read", None),
        (2, "arousal", None, "alert", "read", None),
    ]
    assert items(raw)[0]["source_column"] == "QSSTRESC"


def test_other_codes_are_counted_and_named_and_codes_that_never_occur_too() -> None:
    tables = staged(of(long(qs("ICETOT", "7"), qs("EQ5D1", "2"), qs("EQ5D2", "2"), qs("John Doe!", "2"))))
    assert tables["staged_assessments"].height == 1
    assert result(tables, "STG-ITEM-UNMAPPED") == ("fail", 3, 4)
    assert result(tables, "STG-ITEM-CODE-ABSENT") == ("fail", 3, 4)
    assert result(tables, "STG-ROWS-FILTERED", "assessments") == ("fail", 3, 4)
    (action,) = tables["core_findings"].filter(pl.col("rule_id") == "STG-ITEM-UNMAPPED")["next_action"]
    assert action.endswith(": EQ5D1, EQ5D2")
    assert tables["core_rejected_rows"].height == 0


def test_not_done_in_sdtm() -> None:
    raw = of(long(qs("ICETOT", None, QSSTAT="NOT DONE", QSREASND="INTUBATED")))
    assert values(raw) == [(1, "ice_total", None, None, "not_done", "intubated")]
    assert items(raw)[0]["value_text"] == "INTUBATED"


def test_a_value_that_is_there_is_read_whatever_the_status_says() -> None:
    raw = of(long(qs("ICETOT", "7", QSSTAT="NOT DONE"), qs("ICETOT", None, QSSTAT="NOT DONE")))
    assert [row[2:5] for row in values(raw)] == [(7.0, None, "read"), (None, None, "not_done")]
    assert result(staged(raw), "STG-NOT-DONE-WITH-VALUE") == ("fail", 1, 2)


def test_a_long_row_without_value_status_or_reason_is_no_row() -> None:
    tables = staged(of(long(qs("ICETOT", None), qs("ICETOT", "1"))))
    assert tables["staged_assessments"]["source_row"].to_list() == [2]
    assert result(tables, "STG-ASSESSMENT-EMPTY") == ("fail", 1, 2)


def test_the_number_is_used_where_the_text_is_blank() -> None:
    raw = of(
        long(
            qs("ICETOT", None, QSSTRESN="7.0"),
            qs("ICETOT", "8", QSSTRESN="7"),
            qs("ICETOT", "NA", QSSTRESN="2"),
        )
    )
    assert [row[2] for row in values(raw)] == [7.0, 8.0, 2.0]
    assert [row["source_column"] for row in items(raw)] == ["QSSTRESN", "QSSTRESC", "QSSTRESN"]


@pytest.mark.parametrize(
    ("cells", "minutes"),
    [
        ({"QSSTRESC": "3", "QSSTRESU": "min", "QSORRES": "180", "QSORRESU": "SEC"}, 3.0),
        ({"QSSTRESC": "3", "QSORRES": "180", "QSORRESU": "SEC"}, 3.0),
        ({"QSORRES": "180", "QSORRESU": "SEC", "QSSTRESU": "min"}, 3.0),
        ({"QSORRES": "180", "QSSTRESU": "SEC"}, 180.0),
        ({"QSSTRESC": "180", "QSSTRESU": "SEC"}, 3.0),
    ],
)
def test_a_unit_counts_beside_its_own_value_only(cells: Cells, minutes: float) -> None:
    row = {"USUBJID": "01", "QSTESTCD": "SZDUR", "QSDTC": "2020-01-03", **cells}
    assert values(of(long(row)))[0][2] == minutes


def test_a_blank_unit_beside_a_duration_is_not_guessed() -> None:
    tables = staged(of(long(qs("SZDUR", "90", QSSTRESU=None), qs("ICETOT", "9", QSSTRESU=None))))
    assert result(tables, "STG-UNIT-UNKNOWN") == ("fail", 1, 2)
    assert problems(tables) == [("value", "90", "STG-UNIT-UNKNOWN")]
    assert tables["staged_assessments"]["value_status"].to_list() == ["unreadable", "read"]


@pytest.mark.parametrize(("policy", "value", "kept"), [("reject", None, 1), ("ceil", 3.0, 0)])
def test_half_bedside_grades_follow_the_manifest(policy: str, value: float | None, kept: int) -> None:
    tables = staged(of(long(qs("ICANSGR", "2.5")), grading={"half_grades": policy}))
    assert tables["staged_assessments"]["value"].to_list() == [value]
    assert len(problems(tables)) == kept
    rows = tables["core_findings"].filter(
        pl.col("rule_id") == "STG-GRADE-HALF", pl.col("table_name") == "assessments"
    )
    assert rows.select("status", "count", "denominator").row(0) == ("fail", 1, 1)


def test_words_of_the_manifest_translate() -> None:
    raw = of(
        long(
            qs("AROUSE", " v "),
            qs("ICETOT", None, QSREASND="Z9"),
            values={"arousal": {"V": "voice"}, "reason": {"z9": "sedated"}},
        )
    )
    assert [(row[3], row[5]) for row in values(raw)] == [("voice", None), (None, "sedated")]


@pytest.mark.parametrize(
    "spec",
    [
        {"codes": {"ICETOT": "ice_total", "icetot": "capd_total"}},
        {"codes": CODES, "values": {"arousal": {"V": "voice", "v ": "touch"}}},
    ],
)
def test_two_meanings_of_one_word_are_an_error(spec: dict[str, Any]) -> None:
    with pytest.raises(
        ManifestError, match=r"assessments\.csv.*listed twice.*files\[\]\.(codes|values\.arousal)"
    ):
        staged(of(long(qs("ICETOT", "7"), **spec)))


@pytest.mark.parametrize(
    ("drop", "says"),
    [
        ("USUBJID", "subject identifier"),
        ("QSTESTCD", "code of the item"),
        ("QSSTRESC", "value of the item"),
        ("QSDTC", "date of the assessment"),
    ],
)
def test_a_long_file_must_have_its_columns(drop: str, says: str) -> None:
    row = {name: cell for name, cell in qs("ICETOT", "7").items() if name != drop}
    with pytest.raises(ManifestError, match=rf"assessments\.csv.*{says}"):
        staged(of(long(row)))


# -- wide and long agree ---------------------------------------------------------------------------------


def test_wide_and_long_give_the_same_rows() -> None:
    facts = [
        page(ICE="7", AROUSAL="to voice", DURATION="90 s"),
        page(ICE="12", SEEN="2020-01-04"),
        page(WHY="sedated", SED="Y", SEEN="2020-01"),
    ]
    rows = [
        {
            "USUBJID": "01",
            "CODE": code,
            "TEXT": row[ITEMS[item]],
            "DAY": row["SEEN"],
            "REASON": row["WHY"],
            "SEDATION": row["SED"],
        }
        for row in facts
        for code, item in CODES.items()
        if item in ITEMS
    ]
    columns = {"test_code": "CODE", "value": "TEXT", "date": "DAY", "reason": "REASON", "sedated": "SEDATION"}
    places = ("source_row", "source_column")
    one, other = (
        staged(of(file))["staged_assessments"].drop(places)
        for file in (wide(*facts), long(*rows, columns=columns))
    )
    assert one.height == 7
    assert sorted(one.rows(), key=str) == sorted(other.rows(), key=str)


# -- accounts and hostile cells --------------------------------------------------------------------------


def test_the_filter_of_the_manifest_comes_first() -> None:
    raw = of(wide(page(ICE="1", VISIT="V1"), page(ICE="2", VISIT="V2"), where={"VISIT": ["V2"]}))
    assert [row[:3] for row in values(raw)] == [(2, "ice_total", 2.0)]
    assert result(staged(raw), "STG-ROWS-FILTERED", "assessments") == ("fail", 1, 2)


def test_files_without_rows_stage_to_nothing() -> None:
    header = ["USUBJID", "QSTESTCD", "QSSTRESC", "QSDTC"]
    for file in (wide(header=list(page())), long(header=header)):
        assert staged(of(file))["staged_assessments"].height == 0


HOSTILE = (
    "=1+1",
    "@SUM(A1)",
    "x" * 10_000,
    "7\x00",
    "\u202e7",
    "{}",
    "'; DROP TABLE x; --",
    "\U0001f9e0",
    "7\n8",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_cells_are_kept_and_never_believed(text: str) -> None:
    cells = dict.fromkeys((*ITEMS.values(), "WHY", "STATUS", "SED", "SEEN"), text)
    tables = staged(of(wide(page(**cells))))
    frame = tables["staged_assessments"]
    assert frame.height == 3
    assert frame.select("code", "is_sedated").null_count().row(0) == (3, 3)
    assert set(frame["value_status"]) <= {"unreadable", "read"}
    # A direction mark is no part of the cell: the score and the duration behind it are 7.
    assert frame.filter(pl.col("value_status") == "read").height == (2 if text == "\u202e7" else 0)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_codes_are_other_codes(text: str) -> None:
    tables = staged(of(long(qs(text, "7"), qs("ICETOT", text))))
    assert result(tables, "STG-ITEM-UNMAPPED") == ("fail", 1, 2)
    assert tables["staged_assessments"].height == 1


def test_messages_hold_no_subject_and_no_free_text() -> None:
    rows = [qs("Mrs. Secret 1950", "7", USUBJID="SECRET-7"), qs("ICETOT", "SECRET", USUBJID="SECRET-7")]
    findings = staged(of(long(*rows)))["core_findings"]
    assert "SECRET" not in findings.write_csv().upper()


def test_staging_asserts_its_accounts_for_wide_files() -> None:
    """Two items of one row are one row of the file."""
    tables = stage_study(of(wide(page(ICE="7", AROUSAL="alert"), page(ICE="8", AROUSAL="alert"))))
    assert tables["staged_assessments"].height == 4
    assert tables["staged_assessments"]["source_row"].n_unique() == 2
