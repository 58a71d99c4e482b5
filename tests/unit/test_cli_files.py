"""Files a command writes where the user says appear whole, or leave nothing."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pipelines.cli.files import write_file, write_rows


def test_a_file_that_cannot_be_finished_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    write_file(report, "whole")
    with pytest.raises(UnicodeEncodeError):
        write_file(report, "half \ud800")
    assert report.read_text() == "whole"
    with pytest.raises(pl.exceptions.PolarsError):
        write_rows(tmp_path / "rows.parquet", pl.DataFrame({"a": [object()]}, schema={"a": pl.Object}))
    assert list(tmp_path.iterdir()) == [report]
