"""Files that are small and cost much, or large and mean nothing: refused or read, in bounded time and memory.

Each is read as a study's file is; `costs_little` bounds the seconds on the clock and the memory of this
process and of the one that reads. Machines differ: the bounds are far above what a file should cost and far
below what an unbounded one would.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import resource
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow
import pytest
from pyarrow import parquet

from mappings.overlay_file import read_overlay
from mappings.release_file import read_release_file
from pipelines.ingest.raw import RawTable
from pipelines.ingest.readers import isolated
from pipelines.ingest.readers.isolated import read_tables
from pipelines.ingest.readers.limits import GIB, MIB, limits_of
from pipelines.ingest.study import read_manifest
from pipelines.stages import run_study
from schemas.errors import ManifestError, ReleaseError, UnreadableFileError
from schemas.manifest import FileSpec
from tests.end_to_end.homes import Tables, home_with, write_study
from tests.hostile.fuzz import seeds


@contextmanager
def costs_little(seconds: float = 60, memory: int = 2 * GIB) -> Iterator[None]:
    """The block takes at most so long, and adds at most so much to the peak memory of either process."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    before = [resource.getrusage(kind).ru_maxrss * 1024 for kind in kinds]
    begin = time.perf_counter()
    yield
    assert time.perf_counter() - begin < seconds
    after = [resource.getrusage(kind).ru_maxrss * 1024 for kind in kinds]
    assert all(now - then < memory for now, then in zip(after, before, strict=True))


def read(path: Path, **options: Any) -> RawTable:
    (table,) = read_tables([(path, FileSpec(path=path.name, role="adverse_events", **options))])
    return table


def refused(path: Path, rule: str, **options: Any) -> UnreadableFileError:
    with costs_little(), pytest.raises(UnreadableFileError) as caught:
        read(path, **options)
    assert (caught.value.file, caught.value.rule_id) == (path.name, rule)
    assert caught.value.next_action
    assert len(str(caught.value)) < 1_000
    return caught.value


# Compressed files


def workbook_with(path: Path, sheet: Callable[[Any], None], more: tuple[str, ...] = ()) -> Path:
    """The seed workbook with another first sheet, and further entries."""
    path.with_suffix(".seed").write_bytes(seeds.xlsx_files()[0])
    with (
        zipfile.ZipFile(path.with_suffix(".seed")) as source,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target,
    ):
        for entry in source.namelist():
            if entry.endswith("sheet1.xml"):
                with target.open(entry, "w", force_zip64=True) as stream:
                    sheet(stream)
            else:
                target.writestr(entry, source.read(entry))
        for entry in more:
            target.writestr(entry, b"x")
    return path


HEAD = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
TAIL = b"</sheetData></worksheet>"


def blanks(stream: Any) -> None:
    stream.write(HEAD)
    for _ in range(300):
        stream.write(b" " * MIB)
    stream.write(TAIL)


def test_a_workbook_that_unpacks_without_end(tmp_path: Path) -> None:
    path = workbook_with(tmp_path / "ae.xlsx", blanks)
    assert path.stat().st_size < 2 * MIB
    assert "unpacks to more than" in str(refused(path, "READ-FILE-SIZE"))


def test_a_workbook_that_lies_about_its_size(tmp_path: Path) -> None:
    path = workbook_with(tmp_path / "ae.xlsx", blanks)
    content = bytearray(path.read_bytes())
    name = b"xl/worksheets/sheet1.xml"
    directory = content.rfind(b"PK\x01\x02", 0, content.rfind(name))
    content[directory + 24 : directory + 28] = (1_000).to_bytes(4, "little")
    path.write_bytes(content)
    refused(path, "READ-DAMAGED")


def test_a_workbook_whose_cells_point_at_one_long_text(tmp_path: Path) -> None:
    """Small packed and unpacked; the cells are what is large."""

    def sheet(stream: Any) -> None:
        stream.write(HEAD)
        stream.write(b'<row r="1"><c r="A1" t="inlineStr"><is><t>A</t></is></c></row>')
        for row in range(2, 60_002):
            stream.write(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>'.encode())
        stream.write(TAIL)

    path = workbook_with(tmp_path / "ae.xlsx", sheet)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as source:
        entries = {name: source.read(name) for name in source.namelist()}
    entries["xl/sharedStrings.xml"] = (
        b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>'
        + b"x" * 30_000_000
        + b"</t></si></sst>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for name, text in entries.items():
            target.writestr(name, text)
    assert len(content) < MIB
    with costs_little(memory=6 * GIB), pytest.raises(UnreadableFileError) as caught:
        read(path)
    assert caught.value.rule_id in ("READ-LIMIT", "READ-CRASH", "READ-DAMAGED")


@pytest.mark.parametrize(
    ("place", "rule"),
    [
        ("CCCCCCCCCCC2", "READ-DAMAGED"),
        ("A4294967296", "READ-DAMAGED"),
        ("a2", "READ-DAMAGED"),
        ("XFD1048576", "READ-LIMIT"),
        ("B1048577", "READ-DAMAGED"),
    ],
)
def test_a_cell_far_from_the_table(tmp_path: Path, place: str, rule: str) -> None:
    """The library makes room for every cell up to the farthest: it was stopped by its limits alone."""
    sheet = HEAD + b'<row r="1"><c r="A1" t="inlineStr"><is><t>ID</t></is></c></row>'
    sheet += f'<row r="2"><c r="{place}"><v>7</v></c></row>'.encode() + TAIL
    error = refused(workbook_with(tmp_path / "ae.xlsx", lambda stream: stream.write(sheet)), rule)
    assert "cell" in error.what or "area" in error.what


def test_entries_of_a_workbook_that_point_elsewhere_are_never_written(tmp_path: Path) -> None:
    outside = tmp_path / "planted"
    path = workbook_with(
        tmp_path / "ae.xlsx",
        lambda stream: stream.write(
            HEAD + b'<row r="1"><c r="A1" t="inlineStr"><is><t>ID</t></is></c></row>'
            b'<row r="2"><c r="A2"><v>7</v></c></row>' + TAIL
        ),
        more=(str(outside), "../planted", "../../planted", "C:\\planted", "xl/../../planted"),
    )
    assert read(path).frame.rows() == [(1, "7")]
    assert not list(tmp_path.rglob("planted*"))
    assert not (tmp_path.parent / "planted").exists()


@pytest.mark.parametrize("envelope", ["gzip", "zlib"])
def test_a_compressed_dataset_that_unpacks_without_end(tmp_path: Path, envelope: str) -> None:
    packer = zlib.compressobj(1, wbits=31 if envelope == "gzip" else 15)
    path = tmp_path / "ae.dsjc"
    with path.open("wb") as stream:
        stream.write(packer.compress(seeds.ndjson_files()[0]))
        for _ in range(200):
            stream.write(packer.compress(b"[" * MIB))
        stream.write(packer.flush())
    assert path.stat().st_size < 4 * MIB
    assert "unpacks to more than" in str(refused(path, "READ-FILE-SIZE"))


def test_a_compressed_file_inside_a_compressed_file_is_no_dataset(tmp_path: Path) -> None:
    path = tmp_path / "ae.dsjc"
    path.write_bytes(gzip.compress(gzip.compress(bytes(50 * MIB))))
    assert refused(path, "READ-ENCODING").next_action


def test_a_parquet_file_that_repeats_one_text_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = dataclasses.replace(limits_of(1), cells=64 * MIB)  # 1 GiB takes longer than a test should
    monkeypatch.setattr(isolated, "limits_of", lambda size: limits)
    values = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array([0] * 3_000_000, pyarrow.int32()), pyarrow.array(["long text " * 300])
    )
    path = tmp_path / "ae.parquet"
    parquet.write_table(pyarrow.table({"A": values}), path, store_schema=False)
    assert path.stat().st_size < MIB
    assert "cells take more than" in str(refused(path, "READ-LIMIT"))


def varint(number: int) -> bytes:
    """A whole number as Thrift writes it."""
    number <<= 1
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def parquet_claiming(path: Path, claimed: int) -> Path:
    """A file of 12,345 rows whose metadata says another number, wherever it says one."""
    pl.DataFrame({"A": ["x", "y", "z"] * 4_115}).write_parquet(path, statistics=False)
    content = path.read_bytes()
    size = int.from_bytes(content[-8:-4], "little")
    body, footer = content[: -8 - size], content[-8 - size : -8]
    assert varint(12_345) in footer
    footer = footer.replace(varint(12_345), varint(claimed))
    path.write_bytes(body + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    return path


@pytest.mark.parametrize("claimed", [12_346, 2**31, 2**62])
def test_a_parquet_file_that_claims_more_rows_than_it_has(tmp_path: Path, claimed: int) -> None:
    path = parquet_claiming(tmp_path / "ae.parquet", claimed)
    with costs_little(), pytest.raises(UnreadableFileError) as caught:
        read(path)
    assert caught.value.rule_id in ("READ-DAMAGED", "READ-CRASH", "READ-LIMIT")


def test_a_parquet_file_that_claims_fewer_rows_is_the_table_it_claims(tmp_path: Path) -> None:
    """Nothing in it says otherwise, as with a text whose last lines were taken out: `expected_rows` does."""
    path = parquet_claiming(tmp_path / "ae.parquet", 12_344)
    assert read(path).frame["A"].to_list() == (["x", "y", "z"] * 4_115)[:-1]
    refused(path, "READ-ROW-COUNT", expected_rows=12_345)


# Nesting


@pytest.mark.parametrize("deep", ["[" * 1_000_000, '{"a":' * 300_000, "[" * 500 + "]" * 500])
def test_json_nested_without_end(tmp_path: Path, deep: str) -> None:
    metadata, row, *_ = seeds.ndjson_files()[2].decode().split("\n")
    whole, lines, packed = (tmp_path / f"dm.{suffix}" for suffix in ("json", "ndjson", "dsjc"))
    whole.write_text('{"datasetJSONVersion": "1.1.0", "rows": ' + deep)
    refused(whole, "READ-DAMAGED")
    lines.write_text(deep.replace("[", '{"a":', 1) + "\n")
    refused(lines, "READ-DAMAGED")
    for path, pack in ((lines, bytes), (packed, gzip.compress)):
        path.write_bytes(pack("\n".join([metadata, deep, row]).encode()))
        with costs_little():
            table = read(path)
        assert (table.rows_in, table.frame["__row"].to_list()) == (2, [2])
        assert json.loads(table.rejected["cells"][0])["line"].startswith(deep[:100])


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "x: " + "[" * 100_000,
        "x: " + "{a: " * 100_000,
        "x: " + "9" * 100_000,
        "x: 2017-13-45\n",
        "? " * 50_000,
    ],
    ids=["anchors", "lists", "maps", "digits", "no day", "keys"],
)
def test_yaml_that_unfolds_or_never_ends(tmp_path: Path, text: str) -> None:
    study, overlay = tmp_path / "ST-1", tmp_path / "acme"
    for folder, name in ((study, "study.yaml"), (overlay, "overlay.yaml"), (overlay, "release.yaml")):
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    with costs_little(memory=GIB):
        with pytest.raises(ManifestError, match=r"ST-1/study\.yaml"):
            read_manifest(study)
        with pytest.raises(ReleaseError, match=r"acme/overlay\.yaml"):
            read_overlay(overlay)
        with pytest.raises(ReleaseError, match=r"acme/release\.yaml"):
            read_release_file(overlay / "release.yaml")


def test_a_line_nested_without_end_is_a_rejected_row_of_its_study(tmp_path: Path) -> None:
    home = home_with(tmp_path)
    names = ("USUBJID", "AESEQ", "AETERM", "AEDECOD", "AETOXGR", "AESTDTC")
    metadata = {"datasetJSONVersion": "1.1.0", "columns": [{"name": name} for name in names]}
    rows = ['["S1","1","fit","Seizure","3","2020-03-05"]', "[" * 100_000, '["S1",1' + ',{"a":' * 100_000]
    manifest = (
        "study: DEEP\nfiles: [{path: ae.ndjson, role: adverse_events}, {path: dm.csv, role: subjects}]\n"
        'grading: {scale: ctcae, version: "4.03"}\ninfusions: {source: none}\n'
    )
    lines = "\n".join([json.dumps(metadata), *rows])
    files = {"study.yaml": manifest, "ae.ndjson": lines, "dm.csv": "USUBJID,AGE\nS1,60\n"}
    write_study(home, "DEEP", files)
    with costs_little():
        run_study(home, "DEEP")
    tables = Tables(home, "DEEP")
    assert tables.row("core_adverse_events")["grade"] == 3
    assert tables["core_rejected_rows"].select("source_row", "rule_id").rows() == [
        (2, "READ-JSON"),
        (3, "READ-JSON"),
    ]


# Width and length


def test_a_cell_of_millions_of_lines_is_no_row_for_each(tmp_path: Path) -> None:
    path = tmp_path / "ae.csv"
    path.write_text('A,B,C\n1,2,"' + "x,\n" * 2_000_000 + '"\n')
    assert "more than 1,000,000 rows cannot be split" in str(refused(path, "READ-LIMIT"))


@pytest.mark.parametrize("quote", ['"', ""], ids=["quoted", "plain"])
def test_a_text_cell_of_a_hundred_megabytes(tmp_path: Path, quote: str) -> None:
    path = tmp_path / "ae.csv"
    path.write_text(f"A,B\n1,{quote}{'x' * (100 * MIB)}{quote}\n2,y\n")
    with costs_little():
        table = read(path)
    assert table.frame.rows() == [(2, "2", "y")]
    assert table.rejected["rule_id"].to_list() == ["READ-CELL-SIZE"]


def test_a_binary_cell_of_a_hundred_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "ae.parquet"
    pl.DataFrame({"A": ["1", "2"], "B": ["x" * (100 * MIB), "y"]}).write_parquet(path)
    with costs_little():
        table = read(path)
    assert table.frame["B"].str.len_bytes().to_list() == [100 * MIB, 1]


def test_ten_thousand_columns(tmp_path: Path) -> None:
    names = [f"C{number}" for number in range(10_000)]
    frame = pl.DataFrame({name: ["x", str(number)] for number, name in enumerate(names)})
    frame.write_csv(tmp_path / "ae.csv")
    frame.write_parquet(tmp_path / "ae.parquet")
    for name in ("ae.csv", "ae.parquet"):
        with costs_little():
            table = read(tmp_path / name)
        assert table.frame.columns[1:] == names
        assert table.frame.row(1)[1:] == frame.row(1)


def test_a_study_of_ten_thousand_columns_is_graded(tmp_path: Path) -> None:
    home = home_with(tmp_path)
    more = ",".join(f"C{number}" for number in range(10_000))
    manifest = (
        "study: WIDE\nfiles: [{path: ae.csv, role: adverse_events}, {path: dm.csv, role: subjects}]\n"
        'grading: {scale: ctcae, version: "4.03"}\ninfusions: {source: none}\n'
    )
    cells = "S1,1,confused,Confusional state,3,2020-03-05," + ",".join(["x"] * 10_000)
    files = {
        "study.yaml": manifest,
        "ae.csv": f"USUBJID,AESEQ,AETERM,AEDECOD,AETOXGR,AESTDTC,{more}\n{cells}\n",
        "dm.csv": "USUBJID,AGE\nS1,60\n",
    }
    write_study(home, "WIDE", files)
    with costs_little():
        run_study(home, "WIDE")
    assert Tables(home, "WIDE").row("core_adverse_events")["grade"] == 3


def test_one_quote_that_is_never_closed_costs_one_line(tmp_path: Path) -> None:
    lines = [f"{number},text {number}" for number in range(100_000)]
    lines[10] = '10,"text 10'
    path = tmp_path / "ae.csv"
    path.write_text("\n".join(["A,B", *lines]) + "\n")
    with costs_little():
        table = read(path)
    assert table.rejected.select("source_row", "rule_id").rows() == [(11, "READ-QUOTE")]
    assert table.frame.row(-1) == (100_000, "99999", "text 99999")
    assert table.frame.height == 99_999


def test_a_quote_on_every_line_that_is_never_closed(tmp_path: Path) -> None:
    path = tmp_path / "ae.csv"
    path.write_text("A,B\n" + "".join(f'{number},"text {number}""\n' for number in range(20_000)))
    with costs_little():
        table = read(path)
    assert (table.rows_in, table.frame.height) == (20_000, 0)
