"""Delimited text: every row is kept exactly or rejected with its line, never shifted or dropped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.ingest.raw import REJECTED_SCHEMA, ROW, RawTable
from pipelines.ingest.readers import read_table
from schemas.errors import UnreadableFileError
from schemas.manifest import FileSpec

PUBLIC = Path(__file__).parent.parent / "data" / "public"


def read(folder: Path, content: bytes | str, name: str = "ae.csv", **options: Any) -> RawTable:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, FileSpec(path=name, role="adverse_events", **options))


def cells(table: RawTable) -> list[tuple[Any, ...]]:
    return table.frame.rows()


def refused(folder: Path, content: bytes | str, name: str = "ae.csv", **options: Any) -> UnreadableFileError:
    with pytest.raises(UnreadableFileError) as caught:
        read(folder, content, name, **options)
    assert caught.value.file == name
    assert caught.value.next_action
    return caught.value


def test_cells_are_kept_as_written(tmp_path: Path) -> None:
    table = read(tmp_path, "A,B\n 1 ,NA\n03.50,  x\n")
    assert table.frame.schema == {ROW: pl.Int64, "A": pl.String, "B": pl.String}
    assert cells(table) == [(1, " 1 ", "NA"), (2, "03.50", "  x")]
    assert table.rejected.schema == REJECTED_SCHEMA
    assert (table.rows_in, table.blanks_to_null, table.declared_nulls) == (2, 0, 0)


def test_empty_and_declared_cells_become_null_and_are_counted(tmp_path: Path) -> None:
    table = read(tmp_path, 'A,B\n,NA\n"",na\nNA ,.\n', null_values=("NA", "."))
    assert cells(table) == [(1, None, None), (2, None, "na"), (3, "NA ", None)]
    assert (table.blanks_to_null, table.declared_nulls) == (2, 2)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_and_no_final_one(tmp_path: Path, end: str) -> None:
    assert cells(read(tmp_path, end.join(["A,B", "1,2", "3,4"]))) == [(1, "1", "2"), (2, "3", "4")]


def test_quoted_cells_hold_delimiters_quotes_and_line_breaks(tmp_path: Path) -> None:
    table = read(tmp_path, 'A,B\n"x, ""y""","first\r\nsecond"\nz,\n')
    assert cells(table) == [(1, 'x, "y"', "first\r\nsecond"), (2, "z", None)]
    assert table.notes["rows_over_several_lines"] == "1"


def test_wrong_number_of_fields_is_rejected_with_its_line(tmp_path: Path) -> None:
    table = read(tmp_path, 'A,B\n"two\nlines",1\n1,2,3\nonly\n5,6\n')
    assert cells(table) == [(1, "two\nlines", "1"), (4, "5", "6")]
    assert table.rejected["source_row"].to_list() == [2, 3]
    assert table.rejected["rule_id"].to_list() == ["READ-FIELDS", "READ-FIELDS"]
    # Line 4 of the file: the quoted cell above takes two lines.
    assert table.rejected["reason"][0] == "3 fields where the header has 2 (line 4 of the file)"
    assert json.loads(table.rejected["cells"][0]) == {"line": "1,2,3"}
    assert table.rows_in == 4


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ('1,"x"y', "READ-QUOTE"),
        ('1,x"y', "READ-QUOTE"),
        ('1,"never closed', "READ-QUOTE"),
        ("1,a\0b", "READ-NUL"),
        ("1,2,3", "READ-FIELDS"),
        ("1", "READ-FIELDS"),
        ("1," + "x" * 200_000, "READ-CELL-SIZE"),
    ],
)
@pytest.mark.parametrize("neighbour", ["8,9", '"8","9"'])
def test_a_broken_line_costs_only_itself(tmp_path: Path, line: str, rule: str, neighbour: str) -> None:
    table = read(tmp_path, f"A,B\n{neighbour}\n{line}\n{neighbour}\n{neighbour}\n")
    assert cells(table) == [(1, "8", "9"), (3, "8", "9"), (4, "8", "9")]
    assert table.rejected["rule_id"].to_list() == [rule]
    assert json.loads(table.rejected["cells"][0]) == {"line": line}
    assert "x" not in table.rejected["reason"][0].replace("text", "")


def test_an_unclosed_quote_far_from_the_end_keeps_the_rest(tmp_path: Path) -> None:
    rows = "".join(f"{number},x\n" for number in range(1000))
    table = read(tmp_path, f'A,B\n"open,1\n{rows}')
    assert table.frame.height == 1000
    assert table.rejected["source_row"].to_list() == [1]


def test_blank_lines_are_counted_and_are_no_rows(tmp_path: Path) -> None:
    table = read(tmp_path, "\nA,B\n\n1,2\n\n\n3,4\n\n")
    assert cells(table) == [(1, "1", "2"), (2, "3", "4")]
    assert table.notes["blank_lines"] == "4"


def test_header_without_rows_is_an_empty_table(tmp_path: Path) -> None:
    table = read(tmp_path, "A,B\n")
    assert table.frame.schema == {ROW: pl.Int64, "A": pl.String, "B": pl.String}
    assert table.rows_in == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("A,A\n1,2\n", "column A: the header names this column twice"),
        ("A,\n1,2\n", "column 2 of 2 has no name"),
        ('" ",B\n1,2\n', "column 1 of 2 has no name"),
        ("__row,B\n1,2\n", "cannot be used"),
        ("A\0,B\n1000,2000\n", "cannot be used"),
        ('"A,B\n', "quotation marks of the header"),
        ("\n\n", "there is no header"),
    ],
)
def test_header_that_cannot_be_used(tmp_path: Path, content: str, says: str) -> None:
    error = refused(tmp_path, content)
    assert error.rule_id == "READ-HEADER"
    assert says in str(error)


@pytest.mark.parametrize(
    ("name", "options", "delimiter"),
    [
        ("ae.csv", {}, ","),
        ("ae.tsv", {}, "\t"),
        ("ae.psv", {}, "|"),
        ("ae.txt", {}, "$"),
        ("ae.txt", {}, ";"),
        ("ae.csv", {"delimiter": ";"}, ";"),
        ("ae.txt", {"delimiter": "\t"}, "\t"),
        ("ae.dat", {"format": "csv", "delimiter": "^"}, "^"),
    ],
)
def test_delimiters(tmp_path: Path, name: str, options: dict[str, str], delimiter: str) -> None:
    table = read(tmp_path, "A,B\n1,2\n".replace(",", delimiter), name, **options)
    assert cells(table) == [(1, "1", "2")]


@pytest.mark.parametrize(
    ("name", "content"),
    [("ae.txt", "A,B$C\n"), ("ae.txt", "A\n1\n"), ("ae.csv", "A;B\n1;2\n"), ("ae.tsv", "A,B\n")],
)
def test_a_delimiter_is_never_guessed(tmp_path: Path, name: str, content: str) -> None:
    error = refused(tmp_path, content, name)
    assert (error.rule_id, error.column) == ("READ-DELIMITER", "delimiter")


def test_one_column_is_a_table(tmp_path: Path) -> None:
    assert cells(read(tmp_path, "USUBJID\n1\n")) == [(1, "1")]


def test_quotes_are_text_in_a_dollar_file_or_where_declared(tmp_path: Path) -> None:
    assert cells(read(tmp_path, 'A$B\n"5" MG$x"\n', "drug.txt")) == [(1, '"5" MG', 'x"')]
    assert cells(read(tmp_path, 'A|B\n"5" MG|x"\n', "drug.psv", quoted=False)) == [(1, '"5" MG', 'x"')]
    assert cells(read(tmp_path, 'A$B\n"5$5"$x\n', "drug.txt", quoted=True)) == [(1, "5$5", "x")]


def test_utf8_and_its_byte_order_mark(tmp_path: Path) -> None:
    for content in ("A,B\nµg,é\n".encode(), "A,B\nµg,é\n".encode("utf-8-sig")):
        assert cells(read(tmp_path, content)) == [(1, "µg", "é")]


@pytest.mark.parametrize(("encoding", "cell"), [("cp1252", "5 µg \u2013 café"), ("latin-1", "café µ")])
def test_declared_encodings(tmp_path: Path, encoding: str, cell: str) -> None:
    table = read(tmp_path, f"A,B\n{cell},1\n".encode(encoding), encoding=encoding)
    assert cells(table) == [(1, cell, "1")]
    assert table.notes["encoding"] == encoding


def test_cp1252_declared_as_latin_1_is_noted(tmp_path: Path) -> None:
    content = "A,B\n1\u20132,x\n".encode("cp1252")
    assert "cp1252" in read(tmp_path, content, encoding="latin-1").notes["control_characters"]


def test_other_bytes_name_the_offset_and_the_key(tmp_path: Path) -> None:
    error = refused(tmp_path, b"A,B\n1,2\ncaf\xe9,1\n")
    assert (error.rule_id, error.column) == ("READ-ENCODING", "encoding")
    assert "byte 11 (line 3) is not utf-8" in str(error)
    assert "encoding: cp1252" in error.next_action


def test_other_bytes_under_a_declared_encoding_reject_their_rows(tmp_path: Path) -> None:
    table = read(tmp_path, b"A,B\n1,2\ncaf\xe9,1\n3,4\n", encoding="utf-8")
    assert cells(table) == [(1, "1", "2"), (3, "3", "4")]
    assert table.rejected["rule_id"].to_list() == ["READ-ENCODING"]
    assert json.loads(table.rejected["cells"][0]) == {"line": "caf\\xe9,1"}
    undefined = read(tmp_path, b"A,B\n1,\x81\n", encoding="cp1252")
    assert (undefined.frame.height, undefined.rejected.height) == (0, 1)


def test_utf16_is_named(tmp_path: Path) -> None:
    assert "UTF-16" in str(refused(tmp_path, "A,B\n1,2\n".encode("utf-16")))


def test_characters_lost_before_are_noted(tmp_path: Path) -> None:
    assert "file was written: 1 character" in read(tmp_path, "A,B\ncaf\ufffd,1\n").notes["lost_characters"]


@pytest.mark.parametrize(
    ("content", "looks_like"),
    [
        (b"PK\x03\x04....", "Excel"),
        (b"HEADER RECORD*******LIBRARY HEADER", "transport"),
        (b'{"datasetJSONVersion": "1.1.0"}', "JSON"),
        (b"<!DOCTYPE html><html>", "web page"),
        (bytes(600), "binary"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_file_that_is_not_text(tmp_path: Path, content: bytes, looks_like: str) -> None:
    error = refused(tmp_path, content)
    assert error.rule_id == "READ-FILE-KIND"
    assert looks_like in str(error)


def test_empty_missing_and_unknown_files(tmp_path: Path) -> None:
    assert refused(tmp_path, b"").rule_id == "READ-EMPTY-FILE"
    assert refused(tmp_path, b"A,B\n", "ae.dat").rule_id == "READ-FORMAT"
    with pytest.raises(UnreadableFileError) as caught:
        read_table(tmp_path / "none.csv", FileSpec(path="none.csv", role="subjects"))
    assert caught.value.rule_id == "READ-OPEN"


def test_expected_rows_count_rejected_rows_too(tmp_path: Path) -> None:
    content = "A,B\n1,2\n1,2,3\n"
    assert read(tmp_path, content, expected_rows=2).rows_in == 2
    error = refused(tmp_path, content, expected_rows=3)
    assert error.rule_id == "READ-ROW-COUNT"
    assert "2 rows where the manifest expects 3" in str(error)


def test_faers_file() -> None:
    table = read_table(
        PUBLIC / "FAERS" / "REAC17Q2.txt", FileSpec(path="REAC17Q2.txt", role="adverse_events")
    )
    assert table.frame.columns == [ROW, "primaryid", "caseid", "pt", "drug_rec_act"]
    assert table.frame.row(0) == (1, "109792364", "10979236", "Abnormal weight gain", None)
    assert (table.frame.height, table.rejected.height) == (286, 0)


def test_many_rows_in_pieces_keep_their_numbers(tmp_path: Path) -> None:
    body = "".join(f"{number},x\n" for number in range(1, 120_001))
    table = read(tmp_path, "A,B\n" + body)
    assert table.frame.select((pl.col(ROW).cast(pl.String) == pl.col("A")).all()).item()
    assert table.frame.height == 120_000
