"""Workbooks, Parquet and Dataset-JSON: cells as text, and damaged files refused with a next action."""

from __future__ import annotations

import gzip
import json
import zipfile
import zlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ingest.raw import ROW, RawTable
from pipelines.ingest.readers import read_table
from pipelines.ingest.readers.numbers import number_text
from schemas.errors import UnreadableFileError
from schemas.manifest import FileSpec

SDTM = Path(__file__).parent.parent / "data" / "public" / "MSG-SDTM"


def read(path: Path, **options: Any) -> RawTable:
    return read_table(path, FileSpec(path=path.name, role="adverse_events", **options))


def refused(path: Path, **options: Any) -> UnreadableFileError:
    with pytest.raises(UnreadableFileError) as caught:
        read(path, **options)
    assert caught.value.file == path.name
    assert caught.value.next_action
    return caught.value


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# Workbooks


def workbook(path: Path, rows: Sequence[Sequence[Any]], sheets: Sequence[str] = ("AE",)) -> Path:
    with xlsxwriter.Workbook(str(path)) as book:
        formats = {
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
            time: book.add_format({"num_format": "hh:mm"}),
        }
        for sheet in [book.add_worksheet(name) for name in sheets]:
            for row, values in enumerate(rows):
                for column, value in enumerate(values):
                    if type(value) in formats:
                        sheet.write_datetime(row, column, value, formats[type(value)])
                    elif isinstance(value, str) and value.startswith("#"):
                        sheet.write_formula(row, column, "=1/0", None, value)
                    elif value is not None:
                        sheet.write(row, column, value)
    return path


def test_workbook_cells_as_a_person_sees_them(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "ae.xlsx",
        [
            ["ID", "X", "D"],
            ["007", 3, date(2020, 1, 2)],
            [" a ", 2.5, datetime(2020, 1, 2, 3, 4, 5)],
            [12, True, time(3, 4)],
            ["NA", "3.0", "UN-UNK-2017"],
            [123456789012, 0.1 + 0.2, "#DIV/0!"],
        ],
    )
    table = read(path, null_values=("NA",))
    assert table.frame.rows() == [
        (1, "007", "3", "2020-01-02"),
        (2, " a ", "2.5", "2020-01-02T03:04:05"),
        (3, "12", "true", "03:04:00"),
        (4, None, "3.0", "UN-UNK-2017"),
        (5, "123456789012", "0.3", "#DIV/0!"),
    ]
    assert table.declared_nulls == 1
    assert table.notes["sheet"] == "AE"


def test_workbook_rows_keep_their_place(tmp_path: Path) -> None:
    path = workbook(tmp_path / "ae.xlsx", [["A", "B"], [1, None], [], [None, 2]])
    table = read(path)
    assert table.frame.rows() == [(1, "1", None), (3, None, "2")]
    assert table.notes["blank_lines"] == "1"


def test_workbook_sheets(tmp_path: Path) -> None:
    path = workbook(tmp_path / "ae.xlsx", [["A"], [1]], sheets=["AE", "DM"])
    error = refused(path)
    assert (error.rule_id, error.column) == ("READ-SHEET", "sheet")
    assert "AE, DM" in error.next_action
    assert read(path, sheet="DM").frame.height == 1
    assert refused(path, sheet="dm").value == "dm"


@pytest.mark.parametrize("rows", [[], [[None, "B"], [1, 2]], [["A", "A"], [1, 2]], [["A", None], [1, 2]]])
def test_workbook_header(tmp_path: Path, rows: list[list[Any]]) -> None:
    assert refused(workbook(tmp_path / "ae.xlsx", rows)).rule_id == "READ-HEADER"


def test_workbook_header_only(tmp_path: Path) -> None:
    table = read(workbook(tmp_path / "ae.xlsx", [["A", "B"]]))
    assert (table.rows_in, table.frame.columns) == (0, [ROW, "A", "B"])


def test_workbook_damaged_or_something_else(tmp_path: Path) -> None:
    path = workbook(tmp_path / "ae.xlsx", [["A"], [1]])
    content = path.read_bytes()
    assert refused(write(path, content[:-100])).rule_id == "READ-DAMAGED"
    assert refused(write(path, b"A,B\n")).rule_id == "READ-FILE-KIND"
    assert "password" in str(refused(write(path, bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600))))
    assert refused(write(path, b"")).rule_id == "READ-EMPTY-FILE"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.txt", "no workbook")
    assert refused(path).rule_id == "READ-FILE-KIND"


# Parquet


def test_parquet_cells(tmp_path: Path) -> None:
    path = tmp_path / "ae.parquet"
    pl.DataFrame(
        {
            "S": [" a", "", None],
            "I": [1, None, -3],
            "F": [3.0, 0.1, None],
            "B": [True, False, None],
            "D": [date(2020, 1, 2), None, None],
            "T": [datetime(2020, 1, 2), datetime(2020, 1, 2, 3, 4, 5, 500000), None],
            "Z": [datetime(2020, 1, 2, tzinfo=UTC), None, None],
            "C": [time(1, 2), None, None],
            "M": [Decimal("3.10"), None, None],
            "E": pl.Series(["x", None, "y"], dtype=pl.Categorical),
            "N": [None, None, None],
        }
    ).write_parquet(path)
    table = read(path)
    assert table.frame.drop(ROW).schema == dict.fromkeys("SIFBDTZCMEN", pl.String)
    assert table.frame.rows() == [
        (
            1,
            " a",
            "1",
            "3",
            "true",
            "2020-01-02",
            "2020-01-02T00:00:00",
            "2020-01-02T00:00:00+00:00",
            "01:02:00",
            "3.10",
            "x",
            None,
        ),
        (2, None, None, "0.1", "false", None, "2020-01-02T03:04:05.500", None, None, None, None, None),
        (3, None, "-3", None, None, None, None, None, None, None, "y", None),
    ]
    assert table.blanks_to_null == 1


def test_parquet_refusals(tmp_path: Path) -> None:
    path = tmp_path / "ae.parquet"
    pl.DataFrame({"A": [[1]]}).write_parquet(path)
    assert (refused(path).rule_id, refused(path).column) == ("READ-COLUMN-TYPE", "A")
    pl.DataFrame({"A": [1]}).write_parquet(path)
    content = path.read_bytes()
    assert refused(write(path, content[:-50])).rule_id == "READ-TRUNCATED"
    assert refused(write(path, content[:8] + content[40:])).rule_id == "READ-DAMAGED"
    assert refused(write(path, b"A,B\n")).rule_id == "READ-FILE-KIND"
    assert refused(write(path, b"")).rule_id == "READ-EMPTY-FILE"


# Dataset-JSON


def metadata(names: Sequence[Any] = ("ID", "N"), **more: Any) -> dict[str, Any]:
    return {"datasetJSONVersion": "1.1.0", "name": "AE", "columns": [{"name": name} for name in names]} | more


def ndjson(first: object, *lines: str) -> bytes:
    return "\n".join([json.dumps(first), *lines, ""]).encode()


@pytest.mark.parametrize("name", ["ae.json", "ae.ndjson", "ae.dsjc"])
def test_published_example(name: str) -> None:
    table = read(SDTM / name)
    assert table.frame.shape == (74, 38)
    assert table.frame.select("USUBJID", "AESEQ", "AESTDY", "AEENDY").row(0) == ("CDISC001", "1", "3", None)
    assert table.blanks_to_null == 1001
    assert table.notes["label"] == "Adverse Events"


def test_compressed_in_either_envelope(tmp_path: Path) -> None:
    content = (SDTM / "ae.ndjson").read_bytes()
    for packed in (zlib.compress(content), gzip.compress(content)):
        path = write(tmp_path / "ae.dsjc", packed)
        assert read(path).frame.height == 74
        assert refused(write(path, packed[:-20])).rule_id == "READ-TRUNCATED"
        assert refused(write(path, packed + b"more")).rule_id == "READ-DAMAGED"
        assert refused(write(path, packed[:40] + b"\xff" * 40 + packed[80:])).rule_id in {
            "READ-DAMAGED",
            "READ-TRUNCATED",
        }


def test_json_numbers_stay_as_spelled(tmp_path: Path) -> None:
    rows = ',"rows":[[1.50,1E3],["1.50",true],[123456789012345678901234567890,null],["",-0]]}'
    path = write(tmp_path / "ae.json", (json.dumps(metadata(records=4))[:-1] + rows).encode())
    assert read(path).frame.drop(ROW).rows() == [
        ("1.50", "1E3"),
        ("1.50", "true"),
        ("123456789012345678901234567890", None),
        (None, "-0"),
    ]


def test_json_rows_that_do_not_fit_are_rejected(tmp_path: Path) -> None:
    first = metadata(records=6)
    rows = ['["a", 1]', '["b"]', '["c", 1, 2]', '["d", [1]]', '{"ID": "e"}', '["f", 1]']
    lines = write(tmp_path / "ae.ndjson", ndjson(first, *rows))
    whole = write(
        tmp_path / "ae.json", json.dumps(first | {"rows": [json.loads(row) for row in rows]}).encode()
    )
    for path in (lines, whole):
        table = read(path)
        assert table.frame.rows() == [(1, "a", "1"), (6, "f", "1")]
        assert table.rejected["source_row"].to_list() == [2, 3, 4, 5]
        assert table.rejected["rule_id"].to_list() == ["READ-FIELDS", "READ-FIELDS", "READ-JSON", "READ-JSON"]
        assert json.loads(json.loads(table.rejected["cells"][0])["line"]) == ["b"]


@pytest.mark.parametrize("line", ['["a", 1', "", "[NaN, 1]", "nonsense", '["\\ud800", 1]', "[" * 100_000])
def test_ndjson_line_that_is_no_row(tmp_path: Path, line: str) -> None:
    table = read(write(tmp_path / "ae.ndjson", ndjson(metadata(records=3), '["a", 1]', line, '["c", 1]')))
    assert table.frame[ROW].to_list() == [1, 3]
    assert table.rejected["rule_id"][0] in {"READ-JSON", "READ-ENCODING"}
    assert table.rows_in == 3


def test_json_record_count(tmp_path: Path) -> None:
    path = write(tmp_path / "ae.ndjson", ndjson(metadata(records=3), '["a", 1]', '["b", 1]'))
    error = refused(path)
    assert error.rule_id == "READ-ROW-COUNT"
    assert "says it has 3 records but holds 2" in str(error)
    assert "not declared" in read(write(path, ndjson(metadata(), '["a", 1]'))).notes["records"]
    assert read(write(path, ndjson(metadata(records=0)))).rows_in == 0


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"[1]", "READ-FILE-KIND"),
        (b'{"datasetJSONVersion": "1.1.0"', "READ-DAMAGED"),
        (b'{"datasetJSONVersion": "1.0.0"}', "READ-VERSION"),
        (b'{"a": 1}', "READ-VERSION"),
        (b'{"datasetJSONVersion": "1.1.0", "columns": 3}', "READ-DAMAGED"),
        (b'{"datasetJSONVersion": "1.1.0", "columns": [3]}', "READ-DAMAGED"),
        (b'{"datasetJSONVersion": "1.1.0", "columns": [{"name": ["A"]}]}', "READ-DAMAGED"),
        (b'{"datasetJSONVersion": "1.1.0", "columns": []}', "READ-HEADER"),
        (b'{"datasetJSONVersion": "1.1.0", "columns": [{"name": "A"}, {"name": "A"}]}', "READ-HEADER"),
        (b'{"datasetJSONVersion": "1.1.0", "columns": [{"name": "A"}, {}]}', "READ-HEADER"),
        (b'{"datasetJSONVersion": "1.1.0", "columns": [{"name": "A"}], "rows": {}}', "READ-DAMAGED"),
        (b'{"a": 1, "a": 2}', "READ-DAMAGED"),
        (b'{"a": "\xe9"}', "READ-ENCODING"),
        (b'{"a":' * 100_000, "READ-DAMAGED"),
        (b"", "READ-EMPTY-FILE"),
    ],
)
def test_json_that_is_no_dataset(tmp_path: Path, content: bytes, rule: str) -> None:
    assert refused(write(tmp_path / "ae.json", content)).rule_id == rule


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_number_text_is_exact(value: float) -> None:
    text = number_text(value)
    assert float(text) == value
    assert not text.endswith(".0")
