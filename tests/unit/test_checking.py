"""Checks: staged rows in, valid rows, rejected rows and findings out."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import polars as pl
import pytest
from pandera.config import config_context

from pipelines.ingest.checking import check_study
from pipelines.ingest.populations import derive_population
from pipelines.ingest.splitting import split_by_schema
from pipelines.ingest.staging import stage_study
from schemas.base import Table
from schemas.errors import SchemaError
from schemas.evidence import CoreAdverseEvents, CoreSedation, StagedInfusions, StagedSubjects
from schemas.registry import CHECKED_TABLES
from tests.raw_studies import EVENT, SUBJECT, checked, event, plain, result, study, subject, table


def test_checking_returns_every_checked_table_canonical() -> None:
    tables = checked(plain())
    assert set(tables) == {model.info().name for model in CHECKED_TABLES}
    for model in CHECKED_TABLES:
        assert model.require(tables[model.info().name]).equals(tables[model.info().name])


def test_a_plain_study_passes() -> None:
    tables = checked(plain())
    assert [tables[f"core_{name}"].height for name in ("adverse_events", "subjects", "infusions")] == [
        1,
        1,
        1,
    ]
    assert tables["core_rejected_rows"].height == 0
    failing = tables["core_findings"].filter(pl.col("status") == "fail").get_column("rule_id").to_list()
    assert failing == []


# -- rejected rows -------------------------------------------------------------------------------------


def rejects(tables: dict[str, pl.DataFrame]) -> list[tuple[str, int, str]]:
    return tables["core_rejected_rows"].select("table_name", "source_row", "rule_id").rows()


def test_a_row_without_a_subject_is_rejected_with_its_cells() -> None:
    tables = checked(plain([event(USUBJID=None), event()], [subject(), subject(USUBJID=" ")]))
    assert rejects(tables) == [
        ("adverse_events", 1, "CHK-SUBJECT-MISSING"),
        ("subjects", 2, "CHK-SUBJECT-MISSING"),
    ]
    row = tables["core_rejected_rows"].row(0, named=True)
    assert json.loads(row["cells"]) == event(USUBJID=None)
    assert (row["subject_id"], row["preferred_term"]) == (None, "Confusional state")
    assert result(tables, "CHK-SUBJECT-MISSING", "adverse_events") == ("fail", 1, 2)


def test_infusions_and_sedation_without_a_subject_are_rejected() -> None:
    raw = study(
        table("adverse_events", [EVENT]),
        table("exposure", [{"USUBJID": None, "EXSTDTC": "2020-01-01"}]),
        table("sedation", [{"USUBJID": None, "CMSTDTC": "2020-01-01"}]),
        source="exposure",
    )
    assert rejects(checked(raw)) == [
        ("infusions", 1, "CHK-SUBJECT-MISSING"),
        ("sedation", 1, "CHK-SUBJECT-MISSING"),
    ]


def test_the_same_row_twice_is_kept_once() -> None:
    tables = checked(plain([event(), event(AESEQ="2"), event()]))
    assert rejects(tables) == [("adverse_events", 3, "CHK-DUPLICATE-ROW")]
    assert tables["core_adverse_events"].height == 2


def test_the_same_row_twice_without_a_number_is_kept_once() -> None:
    cells = {key: value for key, value in EVENT.items() if key != "AESEQ"}
    assert rejects(checked(plain([cells, cells]))) == [("adverse_events", 2, "CHK-DUPLICATE-ROW")]


def test_the_same_key_with_other_cells_rejects_all_of_them() -> None:
    tables = checked(plain([event(), event(AETOXGR="3"), event(), event(AESEQ="2")]))
    assert rejects(tables) == [("adverse_events", row, "CHK-KEY-CONFLICT") for row in (1, 2, 3)]
    assert tables["core_adverse_events"].get_column("event_id").to_list() == ["2"]
    row = tables["core_rejected_rows"].row(1, named=True)
    assert (row["subject_id"], row["pt_code"]) == ("01", "10010305")
    assert json.loads(row["cells"])["AETOXGR"] == "3"
    assert "01" not in row["reason"]


def test_the_same_number_of_two_subjects_is_no_conflict() -> None:
    tables = checked(plain([event(), event(USUBJID="02")], [subject(), subject(USUBJID="02")]))
    assert tables["core_rejected_rows"].height == 0


def test_contradicting_subject_rows_leave_a_subject_of_unknown_age_and_fate() -> None:
    tables = checked(plain(subjects=[subject(AGE="50", DTHFL="Y"), subject(AGE="60")]))
    assert rejects(tables) == [("subjects", row, "CHK-KEY-CONFLICT") for row in (1, 2)]
    row = tables["core_subjects"].row(0, named=True)
    assert (row["is_in_subject_table"], row["is_infused"]) == (True, True)
    assert (row["age_years"], row["population"], row["vital_status"]) == (None, "unknown", "unknown")
    assert tables["core_infusions"].height == 1


def test_rows_in_are_rows_valid_and_rows_rejected() -> None:
    raw = plain([event(), event(), event(USUBJID=None), event(AETOXGR="1.5", AESEQ="9"), event(AESEQ="2")])
    tables = checked(raw)
    events = tables["core_rejected_rows"].filter(pl.col("table_name") == "adverse_events")
    assert tables["core_adverse_events"].height + events.height == raw.tables[0].rows_in


# -- infusions -----------------------------------------------------------------------------------------


def infused(*days: str | None, subject_id: str = "01", **manifest: Any) -> dict[str, pl.DataFrame]:
    doses = [{"USUBJID": subject_id, "EXTRT": "X", "EXSTDTC": day} for day in days]
    return checked(
        study(
            table("adverse_events", [EVENT]),
            table("subjects", [SUBJECT]),
            table("exposure", doses),
            source="exposure",
            **manifest,
        )
    )


def numbered(tables: dict[str, pl.DataFrame]) -> list[tuple[int, str | None]]:
    return tables["core_infusions"].select("infusion_number", "infusion_text").rows()


def test_infusions_are_numbered_in_time_order_and_undated_ones_last() -> None:
    tables = infused("2020-03-01", None, "2020-01-01")
    assert numbered(tables) == [(1, "2020-01-01"), (2, "2020-03-01"), (3, None)]
    assert result(tables, "CHK-INFUSION-UNDATED") == ("fail", 1, 3)


def test_bags_of_one_day_are_one_infusion_that_starts_with_the_first() -> None:
    tables = infused("2020-01-01T14:00", "2020-01-01T10:00", "2020-02-01")
    assert numbered(tables) == [(1, "2020-01-01T10:00"), (2, "2020-02-01")]
    assert result(tables, "CHK-INFUSION-SPLIT") == ("fail", 1, 3)


def test_a_bag_without_a_time_leaves_the_start_open_until_the_other_one() -> None:
    row = infused("2020-01-01", "2020-01-01T10:00")["core_infusions"].row(0, named=True)
    assert row["infusion_earliest"] == datetime(2020, 1, 1)
    assert row["infusion_latest"] == datetime(2020, 1, 1, 10, 0, 59, 999999)


def test_partial_infusion_dates_are_one_infusion_only_if_they_say_the_same() -> None:
    assert len(numbered(infused("2020-01", "2020-01"))) == 1
    assert len(numbered(infused("2020-01", "2020-01-05"))) == 2


def test_only_the_first_dose_where_the_manifest_says_so() -> None:
    tables = infused("2020-03-01", "2020-01-01", infusions={"first_only": True})
    assert numbered(tables) == [(1, "2020-01-01")]
    assert result(tables, "CHK-INFUSION-LATER-DOSE") == ("fail", 1, 2)


def test_an_unreadable_infusion_date_keeps_the_infusion() -> None:
    tables = infused("someday")
    row = tables["core_infusions"].row(0, named=True)
    assert (row["infusion_text"], row["infusion_earliest"]) == ("someday", None)
    assert tables["core_subjects"].row(0, named=True)["is_infused"]


# -- subjects ------------------------------------------------------------------------------------------


def test_subjects_are_everyone_the_study_mentions() -> None:
    raw = study(
        table("adverse_events", [event(), event(USUBJID="02"), event(USUBJID="03", AETOXGR="2.5")]),
        table("subjects", [subject(USUBJID="04"), SUBJECT]),
        table("infusions", [{"USUBJID": "05", "EXSTDTC": "2020-01-01"}]),
        source="table",
    )
    frame = checked(raw)["core_subjects"]
    assert frame.select("subject_id", "is_in_subject_table", "is_infused").rows() == [
        ("01", True, False),
        ("02", False, False),
        ("03", False, False),
        ("04", True, False),
        ("05", False, True),
    ]
    assert frame.filter(~pl.col("is_in_subject_table")).get_column("source_file").null_count() == 3


@pytest.mark.parametrize(
    ("birth", "infusion", "age", "delay", "population", "years"),
    [
        (None, "2020-01-01", 12.0, None, "adult", 12.0),
        (None, "2020-01-01", 11.99, None, "unknown", 11.99),
        (None, "2020-01-01", 11.0, None, "unknown", 11.0),
        (None, "2020-01-01", 10.99, None, "child", 10.99),
        (None, "2020-01-01", 11.5, True, "child", 11.5),
        (None, "2020-01-01", None, None, "unknown", None),
        (None, "2020-01-01", None, True, "child", None),
        (None, "2020-01-01", 14.0, True, "child", 14.0),
        (None, "2020-01-01", 14.0, False, "adult", 14.0),
        ("2008-01-01", "2020-01-01", None, None, "adult", 12.0),
        ("2008-01-02", "2020-01-01", None, None, "child", 11.9966),
        ("2008-01-02", "2020-01-01", 12.0, None, "child", 11.9966),
        ("2008-02-29", "2020-02-28", None, None, "child", 11.9993),
        ("2008-02-29", "2020-02-29", None, None, "adult", 12.0),
        ("2008", "2020-06-01", None, None, "unknown", None),
        ("2008", "2020-06-01", 12.0, None, "adult", 12.0),
        ("2008", "2020-06-01", 11.0, None, "unknown", 11.0),
        ("2008-12-31", "2020-06-01", 11.0, None, "child", 11.4189),
        ("2008-01-01", "2020-06-01", 11.0, None, "adult", 12.4162),
        ("2008-07", "2020-06-30", None, None, "child", None),
        ("2008-07", "2020-07-31", None, None, "adult", None),
        ("2008-07", "2020-07-15", None, None, "unknown", None),
        ("2008-07-15", "2020-07", None, None, "unknown", None),
        ("1950", "2020-06-01", None, None, "adult", None),
        ("2021-01-01", "2020-06-01", 40.0, None, "adult", 40.0),
        ("2008-01-01", None, None, None, "unknown", None),
    ],
)
def test_population(
    birth: str | None,
    infusion: str | None,
    age: float | None,
    delay: bool | None,
    population: str,
    years: float | None,
) -> None:
    raw = plain(subjects=[subject(BRTHDTC=birth, RFSTDTC=infusion, AGE=None if age is None else str(age))])
    tables = stage_study(raw)
    delayed = pl.lit(delay, pl.Boolean).alias("has_developmental_delay")
    tables["staged_subjects"] = tables["staged_subjects"].with_columns(delayed)
    row = check_study(tables, raw.manifest)["core_subjects"].row(0, named=True)
    assert row["population"] == population
    assert row["age_years"] == (None if years is None else pytest.approx(years, abs=1e-4))


def test_age_from_birth_needs_two_whole_days() -> None:
    instant = pl.Datetime("us")
    frame = pl.DataFrame(
        {
            "birth_earliest": [datetime(1980, 3, 5), datetime(1980, 1, 1)],
            "birth_latest": [datetime(1980, 3, 5, 23), datetime(1980, 12, 31)],
            "infusion_earliest": [datetime(2020, 3, 5), datetime(2020, 3, 5)],
            "infusion_latest": [datetime(2020, 3, 5, 23), datetime(2020, 3, 5, 23)],
            "recorded_age": [None, None],
            "age_group_lowest": [None, None],
            "age_group_highest": [None, None],
            "has_developmental_delay": [None, None],
        },
        schema_overrides={
            "recorded_age": pl.Float64,
            "age_group_lowest": pl.Float64,
            "age_group_highest": pl.Float64,
            "has_developmental_delay": pl.Boolean,
            "birth_latest": instant,
        },
    )
    assert derive_population(frame).get_column("age_from_birth").to_list() == [40.0, None]


# -- the checks themselves -----------------------------------------------------------------------------


def _frames() -> list[tuple[type[Table], pl.DataFrame, dict[str, Any]]]:
    raw = study(
        table("adverse_events", [event(AESEQ=str(number)) for number in (1, 2, 3)]),
        table("subjects", [subject(USUBJID=str(number)) for number in (1, 2, 3)]),
        table("infusions", [{"USUBJID": str(number), "EXSTDTC": "2020-01-01"} for number in (1, 2, 3)]),
        table("sedation", [{"USUBJID": str(number), "CMSTDTC": "2020-01-01"} for number in (1, 2, 3)]),
        source="table",
    )
    tables = stage_study(raw)
    return [
        (CoreAdverseEvents, tables["staged_adverse_events"], {"grade": 9}),
        (CoreAdverseEvents, tables["staged_adverse_events"], {"grade_status": "guessed"}),
        (CoreAdverseEvents, tables["staged_adverse_events"], {"subject_id": None}),
        (StagedSubjects, tables["staged_subjects"], {"age_years": 200.0}),
        (StagedSubjects, tables["staged_subjects"], {"vital_status": "maybe"}),
        (StagedInfusions, tables["staged_infusions"], {"infusion_precision": "roughly"}),
        (CoreSedation, tables["staged_sedation"], {"subject_id": None}),
    ]


@pytest.mark.parametrize("number", range(7))
def test_one_bad_row_per_schema_is_quarantined_alone(number: int) -> None:
    model, frame, fault = _frames()[number]
    (column, value), dtype = next(iter(fault.items())), frame.schema[next(iter(fault))]
    bad = frame.with_columns(
        pl.when(pl.col("source_row") == 2).then(pl.lit(value, dtype)).otherwise(pl.col(column)).alias(column)
    )
    valid, invalid = split_by_schema(bad, model)
    assert valid.get_column("source_row").sort().to_list() == [1, 3]
    assert invalid.get_column("source_row").to_list() == [2]
    assert invalid.get_column("broken").item().startswith(f"{column}: ")


def test_a_row_that_breaks_its_schema_is_rejected_by_the_checks() -> None:
    raw = plain([event(), event(AESEQ="2")])
    tables = stage_study(raw)
    grade = pl.when(pl.col("event_id") == "2").then(pl.lit(9, pl.Int8)).otherwise("grade").alias("grade")
    tables["staged_adverse_events"] = tables["staged_adverse_events"].with_columns(grade)
    result_tables = check_study(tables, raw.manifest)
    row = result_tables["core_rejected_rows"].row(0, named=True)
    assert (row["rule_id"], row["source_row"], row["subject_id"]) == ("CHK-SCHEMA", 2, "01")
    assert "grade: less_than_or_equal_to(5)" in row["reason"]
    assert json.loads(row["cells"])["verbatim_term"] == "confused"
    assert result(result_tables, "CHK-SCHEMA", "adverse_events") == ("fail", 1, 2)


@pytest.mark.parametrize(
    "broken",
    [pl.col("grade").cast(pl.Int64), pl.col("start_earliest").cast(pl.String)],
    ids=["integer width", "text for an instant"],
)
def test_a_table_of_the_wrong_type_stops_the_run(broken: pl.Expr) -> None:
    raw = plain()
    tables = stage_study(raw)
    tables["staged_adverse_events"] = tables["staged_adverse_events"].with_columns(broken)
    with pytest.raises(SchemaError, match="core_adverse_events does not fit its schema"):
        check_study(tables, raw.manifest)


def test_a_missing_column_stops_the_run() -> None:
    raw = plain()
    tables = stage_study(raw)
    with pytest.raises(SchemaError, match="does not fit its schema"):
        split_by_schema(tables["staged_adverse_events"].drop("outcome"), CoreAdverseEvents)


def test_validation_switched_off_stops_the_run() -> None:
    raw = plain()
    tables = stage_study(raw)
    with (
        config_context(validation_enabled=False),
        pytest.raises(SchemaError, match="PANDERA_VALIDATION_ENABLED"),
    ):
        check_study(tables, raw.manifest)
    check_study(tables, raw.manifest)


def test_the_order_of_rows_in_the_staged_tables_changes_nothing() -> None:
    events = [event(AESEQ=str(number % 7), AETOXGR=str(number % 4)) for number in range(20)]
    raw = plain(events, [subject(), subject(USUBJID="02", RFSTDTC="2020-05"), subject(USUBJID="02", AGE="7")])
    tables = stage_study(raw)
    expected = check_study(tables, raw.manifest)
    shuffled = {name: frame.sample(fraction=1.0, shuffle=True, seed=7) for name, frame in tables.items()}
    for name, frame in check_study(shuffled, raw.manifest).items():
        assert frame.equals(expected[name]), name
