"""SAS files: exact values, blanks counted, special missing kept, no file cut short taken for a whole one."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import polars as pl
import pyreadstat
import pytest

from pipelines.ingest.raw import ROW, RawTable
from pipelines.ingest.readers import read_table
from schemas.errors import UnreadableFileError
from schemas.manifest import FileSpec

DATA = Path(__file__).parent.parent / "data"
SAS7BDAT = DATA / "readers" / "types.sas7bdat"


def spec(path: Path, **options: Any) -> FileSpec:
    return FileSpec(path=path.name, role="adverse_events", **options)


def write_xpt(
    folder: Path, frame: pl.DataFrame, version: int = 5, formats: Mapping[str, str] | None = None
) -> Path:
    path = folder / "ae.xpt"
    pyreadstat.write_xport(
        frame, str(path), file_format_version=version, table_name="AE", variable_format=dict(formats or {})
    )
    return path


def read_bytes(folder: Path, content: bytes, name: str = "ae.xpt", **options: Any) -> RawTable:
    path = folder / name
    path.write_bytes(content)
    return read_table(path, spec(path, **options))


def refused(folder: Path, content: bytes, name: str = "ae.xpt", **options: Any) -> UnreadableFileError:
    with pytest.raises(UnreadableFileError) as caught:
        read_bytes(folder, content, name, **options)
    assert caught.value.file == name
    return caught.value


@pytest.mark.parametrize("version", [5, 8])
def test_transport_cells(tmp_path: Path, version: int) -> None:
    frame = pl.DataFrame(
        {
            "ID": ["a", " b", "", "long " * 20],
            "N": [3.0, 2.5, None, 1e-10],
            "D": [date(2020, 2, 29), None, date(1850, 2, 3), date(1960, 1, 1)],
            "T": [datetime(2020, 1, 1, 10, 0, 0), None, None, datetime(2020, 1, 1, 23, 59, 59, 500000)],
            "C": [time(10, 0), None, None, time(1, 2, 3)],
        }
    )
    path = write_xpt(tmp_path, frame, version)
    table = read_table(path, spec(path))
    assert table.frame.to_dict(as_series=False) == {
        ROW: [1, 2, 3, 4],
        "ID": ["a", " b", None, ("long " * 20).rstrip()],
        "N": ["3", "2.5", None, "1e-10"],
        "D": ["2020-02-29", None, "1850-02-03", "1960-01-01"],
        "T": ["2020-01-01T10:00:00", None, None, "2020-01-01T23:59:59.500000"],
        "C": ["10:00:00", None, None, "01:02:03"],
    }
    assert table.blanks_to_null == 1
    assert table.notes["dates_from_numbers"] == "D, T, C"
    assert table.notes["xport_version"] == str(version)


def test_a_number_that_is_no_date_stays_a_number(tmp_path: Path) -> None:
    frame = pl.DataFrame({"D": [0.5, 1e7, 21915.0], "T": [90000.0, -5.0, 60.0], "S": [1e12, -1e12, 0.0]})
    path = write_xpt(tmp_path, frame, formats={"D": "DATE9.", "T": "TIME8.", "S": "DATETIME20."})
    table = read_table(path, spec(path))
    assert table.frame["D"].to_list() == ["0.5", "10000000", "2020-01-01"]
    assert table.frame["T"].to_list() == ["90000", "-5", "00:01:00"]
    assert table.frame["S"].to_list() == ["1000000000000", "-1000000000000", "1960-01-01T00:00:00"]
    assert table.notes["numbers_that_are_no_dates"] == "6"


def test_special_missing_is_kept(tmp_path: Path) -> None:
    path = write_xpt(tmp_path, pl.DataFrame({"ID": ["x", "y", "z"], "N": [1.0, 7.0, None]}))
    content = path.read_bytes()
    seven = bytes.fromhex("4170000000000000")
    assert content.count(seven) == 1
    for first, text in ((b"A", ".A"), (b"Z", ".Z"), (b"_", "._")):
        table = read_bytes(tmp_path, content.replace(seven, first + bytes(7)))
        assert table.frame["N"].to_list() == ["1", text, None]


def test_blank_rows_at_the_end_are_rows(tmp_path: Path) -> None:
    path = write_xpt(tmp_path, pl.DataFrame({"ID": ["a" * 100, "", "b", "", ""]}))
    table = read_table(path, spec(path))
    assert table.frame["ID"].to_list() == ["a" * 100, None, "b", None, None]
    assert table.frame[ROW].to_list() == [1, 2, 3, 4, 5]
    assert table.blanks_to_null == 3


def test_cp1252_text(tmp_path: Path) -> None:
    path = write_xpt(tmp_path, pl.DataFrame({"ID": ["ok", "cafe"]}))
    content = path.read_bytes().replace(b"cafe", b"caf\xe9")
    error = refused(tmp_path, content)
    assert (error.rule_id, error.column) == ("READ-ENCODING", "encoding")
    assert f"byte {content.index(0xE9)} is not utf-8" in str(error)
    assert read_bytes(tmp_path, content, encoding="cp1252").frame["ID"].to_list() == ["ok", "café"]


@pytest.mark.parametrize("source", ["MSG-SDTM/ae.xpt", "XPTV8/ae_v8.xpt"])
@pytest.mark.parametrize("cut", [1, 79, 80, 800, 8_000])
def test_a_transport_file_cut_short_is_refused(tmp_path: Path, source: str, cut: int) -> None:
    content = (DATA / "public" / source).read_bytes()
    assert read_bytes(tmp_path, content).frame.height == 74
    error = refused(tmp_path, content[:-cut])
    assert error.rule_id == "READ-TRUNCATED"
    assert "get the whole file again" in error.next_action


def test_a_cut_between_rows_is_seen_through_the_expected_count(tmp_path: Path) -> None:
    # 80-byte rows: nothing in the file tells that the last one is gone.
    path = write_xpt(tmp_path, pl.DataFrame({"ID": ["a" * 80, "b" * 80, "c" * 80]}))
    content = path.read_bytes()[:-80]
    assert read_bytes(tmp_path, content).rows_in == 2
    assert refused(tmp_path, content, expected_rows=3).rule_id == "READ-ROW-COUNT"


def test_transport_header_cut_short(tmp_path: Path) -> None:
    content = (DATA / "public" / "MSG-SDTM" / "ae.xpt").read_bytes()
    assert refused(tmp_path, content[:800]).rule_id == "READ-DAMAGED"
    assert refused(tmp_path, b"").rule_id == "READ-EMPTY-FILE"
    assert refused(tmp_path, b"A,B\n1,2\n").rule_id == "READ-FILE-KIND"


def test_transport_file_of_several_tables(tmp_path: Path) -> None:
    content = (DATA / "public" / "MSG-SDTM" / "ae.xpt").read_bytes()
    assert refused(tmp_path, content + content[240:]).rule_id == "READ-SEVERAL-TABLES"


def test_transport_table_without_rows(tmp_path: Path) -> None:
    path = write_xpt(tmp_path, pl.DataFrame({"ID": ["a"], "N": [1.0]}))
    content = path.read_bytes()[:-80]
    assert content[-80:].startswith(b"HEADER RECORD*******OBS")
    table = read_bytes(tmp_path, content)
    assert (table.rows_in, table.frame.columns) == (0, [ROW, "ID", "N"])


def test_all_forms_of_one_table_read_the_same() -> None:
    folder = DATA / "public" / "MSG-SDTM"
    frames = [
        read_table(folder / name, spec(folder / name)).frame for name in ("ae.xpt", "ae.json", "ae.dsjc")
    ]
    assert frames[0].equals(frames[1])
    assert frames[0].equals(frames[2])


def test_sas7bdat_cells() -> None:
    table = read_table(SAS7BDAT, spec(SAS7BDAT))
    assert table.frame.height == 5
    assert table.frame.row(0) == (1, "1", "Some text", "2.5", "2018-01-02")
    assert table.frame["float_row"].to_list() == ["2.5", "17.23", "3.21", "100.9", "98.6"]
    assert table.notes["encoding"] == "WINDOWS-1252"
    assert table.notes["dates_from_numbers"] == "date_row"


def test_sas7bdat_special_missing(tmp_path: Path) -> None:
    content = SAS7BDAT.read_bytes()
    number = struct.pack("<d", 17.23)
    assert content.count(number) == 1
    for bits, text in ((0xFFFFFE0000000000, None), (0xFFFFFD0000000000, ".A"), (0xFFFFFF0000000000, "._")):
        table = read_bytes(tmp_path, content.replace(number, struct.pack("<Q", bits)), "ae.sas7bdat")
        assert table.frame["float_row"].to_list() == ["2.5", text, "3.21", "100.9", "98.6"]
        assert table.frame["text_row"][0] == "Some text"


@pytest.mark.parametrize("cut", [1, 4_096, 65_536, 130_000])
def test_sas7bdat_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    error = refused(tmp_path, SAS7BDAT.read_bytes()[:-cut], "ae.sas7bdat")
    assert error.rule_id == "READ-TRUNCATED"


def test_sas7bdat_that_is_something_else(tmp_path: Path) -> None:
    assert refused(tmp_path, b"PAR1xxxx", "ae.sas7bdat").rule_id == "READ-FILE-KIND"
    assert refused(tmp_path, b"", "ae.sas7bdat").rule_id == "READ-EMPTY-FILE"
