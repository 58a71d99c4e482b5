"""Adverse events are staged piece by piece: the size of a piece changes no row, no problem and no finding."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines.ingest.cells import WholeFile
from pipelines.ingest.raw import RawStudy, RawTable, StoredRawTable
from pipelines.ingest.staging import stage_study, stream_staging
from schemas.errors import ManifestError, SchemaError
from schemas.manifest import FileSpec
from tests import raw_studies
from tests.benchmarks.generator import draw_block

SEED = 9


def make_study() -> RawStudy:
    """Two adverse-event files of invented rows, one in no order and with a filter; supplemental grades."""
    block = draw_block(SEED, 8)
    texts = {name: frame.with_columns(pl.all().cast(pl.String)) for name, frame in block.items()}
    events = texts["ae"].sample(fraction=1, shuffle=True, seed=SEED).to_dicts()
    events += [{**events[5], "AESEQ": None}, dict(events[7]), {**events[9], "USUBJID": None}]
    events.append({**events[11], "AESEQ": "9001", "AETOXGR": "2.5"})
    late = [
        {**row, "AESPID": row["AESEQ"], "AESEQ": f"2{row['AESEQ']}"}
        for row in texts["ae"].head(150).to_dicts()
    ]
    grades = [
        {
            "USUBJID": row["USUBJID"],
            "IDVAR": "AESEQ",
            "IDVARVAL": row["AESEQ"],
            "QNAM": "ICANSGR",
            "QVAL": "2",
        }
        for row in events[:40]
    ]
    return raw_studies.study(
        raw_studies.table("adverse_events", events, path="b.csv", rejected=[REJECTED]),
        raw_studies.table("adverse_events", late, path="a.csv", where={"EPOCH": ["TREATMENT", "SCREENING"]}),
        raw_studies.table("assessments", grades, codes={"ICANSGR": "astct_grade"}),
        raw_studies.table("subjects", texts["dm"].to_dicts()),
    )


REJECTED = {
    "source_row": 99_999,
    "rule_id": "READ-RAGGED",
    "reason": "a row of another length",
    "next_action": "correct the row",
    "cells": '{"line": "BENCH,AE"}',
}


@pytest.fixture(scope="module")
def study():
    raw = make_study()
    return raw, stage_study(raw)


@pytest.mark.parametrize("batch_rows", [1, 37, 200, 5_000])
@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "from files"])
def test_pieces_change_nothing(study, batch_rows: int, stored: bool) -> None:
    raw, whole = study
    if batch_rows == 1:
        raw, whole = small_study()
    tables = store(raw) if stored else raw.tables
    found: dict[str, list[pl.DataFrame]] = {}
    for part in stream_staging(raw.manifest, tables, batch_rows):
        for name, frame in part.items():
            found.setdefault(name, []).append(frame)
    assert found.keys() == whole.keys()
    for name, frame in whole.items():
        assert_frame_equal(pl.concat(found[name]), frame)


def small_study():
    raw = make_study()
    tables = tuple(
        RawTable(
            table.spec,
            table.frame.head(12),
            table.rejected,
            min(table.frame.height, 12) + table.rejected.height,
        )
        for table in raw.tables
    )
    raw = RawStudy(raw.manifest, tables)
    return raw, stage_study(raw)


def store(raw: RawStudy) -> Sequence[StoredRawTable]:
    return [
        StoredRawTable(table.spec, table.frame.lazy(), table.rejected, table.rows_in, table.blanks_to_null)
        for table in raw.tables
    ]


def test_the_study_has_what_pieces_could_lose(study) -> None:
    _, whole = study
    events = whole["staged_adverse_events"]
    assert events["subject_id"].null_count() > 0
    assert events["event_id"].str.starts_with("x").any()
    assert set(events["source_file"]) == {"a.csv", "b.csv"}
    assert whole["staged_assessments"]["assessed_earliest"].null_count() < whole["staged_assessments"].height
    assert {"STG-GRADE-HALF", "READ-RAGGED"} <= set(whole["core_rejected_rows"]["rule_id"])
    findings = whole["core_findings"].filter(pl.col("rule_id") == "STG-ROWS-FILTERED")
    assert findings.filter(pl.col("table_name") == "adverse_events")["count"].item() > 0


@pytest.mark.parametrize("batch_rows", [1, 2, 10])
def test_day_numbers_of_sas_are_told_by_the_whole_column(batch_rows: int) -> None:
    # 2014 alone would be a year; beside 20848, a day number of 2017, it can be either.
    rows = [
        raw_studies.event(AESEQ=str(n), AESTDTC=text) for n, text in enumerate(["2014", "20848", "20900"])
    ]
    raw = raw_studies.plain(rows)
    found = stage_study(raw, batch_rows)
    assert_frame_equal(found["staged_adverse_events"], stage_study(raw)["staged_adverse_events"])
    assert found["staged_adverse_events"]["start_precision"].to_list() == ["none", "day", "day"]


def test_the_whole_column_is_read_once_by_pieces_that_ask_at_once() -> None:
    reads: list[int] = []

    def slow(rows: pl.DataFrame) -> pl.DataFrame:
        reads.append(rows.height)
        time.sleep(0.2)
        return rows

    rows = pl.DataFrame({"__row": [1, 2, 3], "AESTDTC": [" 20878", "20879", "20879"]}).lazy()
    whole = WholeFile(rows.map_batches(slow))
    spec = FileSpec(path="ae.csv", role="adverse_events")
    with ThreadPoolExecutor(3) as pieces:
        found = list(pieces.map(lambda _: sorted(whole.texts(spec, "AESTDTC")), range(3)))
    assert found == [["20878", "20879"]] * 3
    assert reads == [3]


@pytest.mark.parametrize("batch_rows", [1, 10])
def test_a_filter_that_keeps_a_row_of_one_piece_only_is_a_filter(batch_rows: int) -> None:
    rows = [raw_studies.event(AESEQ=str(n), AEPRESP=word) for n, word in enumerate("NNYN")]
    for word, kept in (("Y", 1), ("X", 0)):
        raw = raw_studies.study(
            raw_studies.table("adverse_events", rows, where={"AEPRESP": [word]}),
            raw_studies.table("subjects", [raw_studies.SUBJECT]),
        )
        if kept:
            assert stage_study(raw, batch_rows)["staged_adverse_events"].height == kept
        else:
            with pytest.raises(ManifestError, match="keeps no row"):
                stage_study(raw, batch_rows)


def test_stored_rows_that_are_not_those_read_are_refused(study) -> None:
    raw, _ = study
    first = raw.tables[0]
    short = StoredRawTable(first.spec, first.frame.lazy().head(50), first.rejected, first.rows_in)
    with pytest.raises(SchemaError, match="are stored"):
        list(stream_staging(raw.manifest, [short, *raw.tables[1:]], 20))
