"""Whether two implementations decided the same, row by row.

Only the comparison lives here; it names columns and counts, and the first key that differs.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.benchmarks.decision_lookup import EVENT_COLUMNS, EVENT_KEY, SUBJECT_COLUMNS, SUBJECT_KEY

COMPARED = {
    "core_event_grades": (EVENT_KEY, EVENT_COLUMNS),
    "core_subject_grades": (SUBJECT_KEY, SUBJECT_COLUMNS),
}


def assert_agreement(first: Path, second: Path) -> int:
    """Rows compared. Raises `AssertionError` where a row is missing or a deciding column differs."""
    compared = 0
    for table, (key, columns) in COMPARED.items():
        one, other = (_read(folder / f"{table}.parquet", columns) for folder in (first, second))
        assert one.height == other.height, f"{table}: {one.height} rows against {other.height}"
        joined = one.join(other, on=key, how="inner", suffix=" other", validate="1:1")
        assert joined.height == one.height, f"{table}: {one.height - joined.height} rows are of another key"
        for name in (name for name in columns if name not in key):
            wrong = joined.filter(pl.col(name).ne_missing(pl.col(f"{name} other")))
            if wrong.height:
                shown = wrong.select(*key, name, f"{name} other").head(3).rows()
                raise AssertionError(f"{table}.{name}: {wrong.height} rows differ, first {shown}")
        compared += one.height
    return compared


def _read(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    """Text as text, numbers as integers; a number that is not whole would be an error of its own."""
    frame = pl.read_parquet(path, columns=list(columns))
    return frame.with_columns(
        pl.col(name).cast(pl.Int64 if frame.schema[name].is_numeric() else pl.String) for name in columns
    )
