"""Whatever happens to the bytes of a file: an error that names it, or a table that accounts for every row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.ingest.raw import ROW, RawTable
from pipelines.ingest.readers import read_table
from schemas.errors import RegradeError
from schemas.manifest import FileSpec

DATA = Path(__file__).parent.parent / "data"


def parquet_bytes(folder: Path) -> bytes:
    path = folder / "whole.parquet"
    pl.DataFrame({"A": ["x", "y"], "N": [1.0, None], "D": [date(2020, 1, 1), None]}).write_parquet(path)
    return path.read_bytes()


def workbook_bytes(folder: Path) -> bytes:
    path = folder / "whole.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("AE")
        for row, values in enumerate([["ID", "N"], ["a", 1], ["b", 2.5]]):
            sheet.write_row(row, 0, values)
    return path.read_bytes()


def file_bytes(name: str) -> Callable[[Path], bytes]:
    return lambda folder: (DATA / name).read_bytes()


SOURCES: dict[str, Callable[[Path], bytes]] = {
    "v5.xpt": file_bytes("public/MSG-SDTM/ae.xpt"),
    "v8.xpt": file_bytes("public/XPTV8/ae_v8.xpt"),
    "types.sas7bdat": file_bytes("readers/types.sas7bdat"),
    "dm.json": file_bytes("public/MSG-SDTM/dm.json"),
    "dm.ndjson": file_bytes("public/MSG-SDTM/dm.ndjson"),
    "dm.dsjc": file_bytes("public/MSG-SDTM/dm.dsjc"),
    "faers.txt": file_bytes("public/FAERS/THER17Q2.txt"),
    "quoted.csv": lambda folder: b'"A","B"\n"x ""y""",1\n"two\nlines",2\n' * 20,
    "ae.parquet": parquet_bytes,
    "ae.xlsx": workbook_bytes,
}

EDITS = st.lists(
    st.tuples(
        st.sampled_from(["set", "set_near_start", "cut", "insert", "truncate"]),
        st.floats(min_value=0, max_value=1, exclude_max=True),
        st.one_of(
            st.sampled_from([b'"', b"\n", b"\0", b"\xff", b",", b"$", b"\xe9"]),
            st.binary(min_size=1, max_size=40),
        ),
    ),
    min_size=1,
    max_size=6,
)


def damage(content: bytes, edits: list[tuple[str, float, bytes]]) -> bytes:
    changed = bytearray(content)
    for kind, place, piece in edits:
        reach = min(len(changed), 2_000) if kind == "set_near_start" else len(changed)
        at = int(place * reach)
        if kind == "truncate":
            del changed[at:]
        elif kind == "cut":
            del changed[at : at + len(piece)]
        elif kind == "insert":
            changed[at:at] = piece
        else:
            changed[at : at + len(piece)] = piece
    return bytes(changed)


@pytest.mark.parametrize("name", SOURCES)
def test_damaged_files_never_lose_rows_in_silence(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    whole = SOURCES[name](folder)
    path = folder / name

    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(edits=EDITS, declared=st.booleans())
    def check(edits: list[tuple[str, float, bytes]], declared: bool) -> None:
        path.write_bytes(damage(whole, edits))
        spec = FileSpec(path=name, role="adverse_events", **({"encoding": "utf-8"} if declared else {}))
        try:
            table = read_table(path, spec)
        except RegradeError as caught:
            error = caught
        else:
            assert_accounted_for(table)
            return
        assert error.file == name
        assert error.rule_id is not None
        assert str(folder) not in str(error)

    check()


def assert_accounted_for(table: RawTable) -> None:
    assert table.rows_in == table.frame.height + table.rejected.height
    assert set(table.frame.drop(ROW).dtypes) == {pl.String}
    numbers = pl.concat([table.frame[ROW], table.rejected["source_row"].alias(ROW)])
    assert numbers.is_unique().all()
    assert table.rejected["cells"].str.json_path_match("$.line").is_not_null().all()
