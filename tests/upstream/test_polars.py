"""What the kernel and the digests rely on in polars."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pyreadstat
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
ROOMS = ("schemas", "mappings", "pipelines", "warehouse")


def test_a_left_join_keeps_the_left_order_when_asked() -> None:
    size = 100_000
    left = pl.LazyFrame({"key": pl.int_range(size, eager=True).reverse()})
    right = pl.LazyFrame({"key": pl.int_range(size, eager=True), "value": pl.int_range(size, eager=True)})
    joined = left.join(right, on="key", how="left", maintain_order="left").collect()
    assert joined["key"].equals(left.collect()["key"])


def test_is_in_refuses_values_of_another_type() -> None:
    with pytest.raises(pl.exceptions.InvalidOperationError):
        pl.DataFrame({"grade": [1, 2]}).select(pl.col("grade").is_in(["1"]))


def test_exploding_an_empty_list_drops_the_row_unless_told_otherwise() -> None:
    frame = pl.DataFrame({"domains": [["motor"], []]}, schema={"domains": pl.List(pl.String)})
    assert frame.explode("domains", empty_as_null=True).height == 2
    assert frame.explode("domains", empty_as_null=False).height == 1


def test_parquet_gives_back_the_types_of_the_schemas(tmp_path: Path) -> None:
    types = {"a": pl.Int8(), "b": pl.Int32(), "c": pl.Datetime("us"), "d": pl.Boolean(), "e": pl.String()}
    frame = pl.DataFrame(schema=types)
    frame.write_parquet(tmp_path / "frame.parquet")
    assert dict(pl.read_parquet(tmp_path / "frame.parquet").schema) == types


def test_a_blank_in_a_sas_transport_file_arrives_as_empty_text_and_not_as_null(tmp_path: Path) -> None:
    path = str(tmp_path / "ae.xpt")
    frame = pl.DataFrame({"AETERM": ["a", None, ""], "AESEQ": [1.0, None, 3.0]})
    pyreadstat.write_xport(frame, path, table_name="AE", file_format_version=5)
    read, _ = pyreadstat.read_xport(path, output_format="polars")
    assert read["AETERM"].to_list() == ["a", "", ""]
    assert read["AESEQ"].to_list() == [1.0, None, 3.0]


def test_no_result_rests_on_the_hash_of_polars() -> None:
    """It differs between versions (1.44.2 and 2.1.0); results rest on sha256 of canonical text."""
    sources = [path for room in ROOMS for path in (CHECKOUT / room).rglob("*.py")]
    assert len(sources) > 20
    calls = re.compile(r"\.hash\(|\.hash_rows\(")
    assert [path.name for path in sources if calls.search(path.read_text(encoding="utf-8"))] == []
