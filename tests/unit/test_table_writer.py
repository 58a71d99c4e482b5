"""Streaming a table to its file: the same bytes however rows arrive, and no file that passes for whole."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from schemas.digest import canonical_digest
from schemas.errors import StoreError
from warehouse.table_writer import ROW_GROUP, TableWriter, TableWriters

LARGE = pl.DataFrame(
    {
        "id": pl.int_range(0, 2 * ROW_GROUP + 7, eager=True),
        "text": [None if n % 7 == 0 else f"t{n % 1000}" for n in range(2 * ROW_GROUP + 7)],
    }
)
CUTS = {
    "at once": [0, LARGE.height],
    "small first": [0, 3, 5, ROW_GROUP, ROW_GROUP + 1, LARGE.height],
    "in tenths": [*range(0, LARGE.height, LARGE.height // 10), LARGE.height],
}


def write(path: Path, frame: pl.DataFrame, cuts: list[int]) -> bytes:
    writer = TableWriter(path, frame.schema)
    for first, last in pairwise(cuts):
        writer.append(frame[first:last])
    written = writer.close()
    assert (written.rows, written.digest) == (frame.height, canonical_digest(frame))
    assert pl.read_parquet(path).equals(frame)
    return path.read_bytes()


@pytest.mark.parametrize("rows", [0, 1, ROW_GROUP, ROW_GROUP + 1, LARGE.height])
def test_how_rows_arrive_changes_no_byte(tmp_path: Path, rows: int) -> None:
    frame = LARGE.head(rows)
    bytes_of = {
        how: write(tmp_path / f"{how}.parquet", frame, [*(cut for cut in cuts if cut < rows), rows])
        for how, cuts in CUTS.items()
    }
    assert len(set(bytes_of.values())) == 1


def test_a_stage_has_a_file_for_each_table(tmp_path: Path) -> None:
    with TableWriters(tmp_path) as writers:
        writers.append({"b": LARGE.head(2), "a": LARGE.head(1)})
        writers.append({"b": LARGE[2:4]})
        written = writers.close()
    assert {name: table.rows for name, table in written.items()} == {"a": 1, "b": 4}
    assert pl.read_parquet(tmp_path / "b.parquet").equals(LARGE.head(4))


@pytest.mark.parametrize("rows", [1, LARGE.height])
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, rows: int) -> None:
    (tmp_path / "table.parquet").mkdir()
    writer = TableWriter(tmp_path / "table.parquet", LARGE.schema)

    def write_much() -> None:
        for _ in range(5):
            writer.append(LARGE.head(rows))
        writer.close()

    with pytest.raises(StoreError, match=r"table\.parquet.*cannot be written.*free disk space"):
        write_much()


def test_a_failure_between_rows_ends_the_writing(tmp_path: Path) -> None:
    before = threading.active_count()

    def stop_between_rows() -> None:
        with TableWriters(tmp_path) as writers:
            writers.append({"table": LARGE})
            raise LookupError

    with pytest.raises(LookupError):
        stop_between_rows()
    assert threading.active_count() == before
