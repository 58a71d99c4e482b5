"""Parquet files, through pyarrow: its reader refuses damaged files with an error rather than a crash."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow  # type: ignore[import-untyped]
from pyarrow import parquet

from pipelines.ingest.raw import ROW
from pipelines.ingest.readers.common import Parsed, check_header, guarded, no_rejected, unreadable
from pipelines.ingest.readers.numbers import column_text
from schemas.manifest import FileSpec

_TAIL = b"PAR1"


def read_parquet(path: Path, spec: FileSpec) -> Parsed:
    """Every column of a Parquet file as text (see `numbers.column_text`).

    Raises `UnreadableFileError` for a truncated file (READ-TRUNCATED), a damaged one (READ-DAMAGED), an
    unusable header, and a column of lists, structures or bytes (READ-COLUMN-TYPE).
    """
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - len(_TAIL)))
        if stream.read() != _TAIL:
            raise unreadable(
                spec,
                "the file is cut short: its closing mark is missing",
                "get the whole file again",
                "READ-TRUNCATED",
            )
    with guarded(spec, "a Parquet file"):
        # ParquetFile, not read_table: a folder name such as study=1 must not become a column.
        with parquet.ParquetFile(path) as source:
            names = check_header(source.schema_arrow.names, spec)
            arrow = source.read()
        arrow.validate(full=True)
        # Built anew from the checked names: metadata of damaged files must not reach polars.
        typed = pl.DataFrame(pyarrow.table(arrow.columns, names=names))
    columns = [pl.Series(ROW, range(1, typed.height + 1), dtype=pl.Int64)]
    for name in names:
        with guarded(spec, "a Parquet file"):
            column = column_text(typed[name])
        if column is None:
            raise unreadable(
                spec,
                f"the column holds {typed[name].dtype}, which has no plain text",
                "export the column as text, number or date, or leave it out",
                "READ-COLUMN-TYPE",
                column=name,
            )
        columns.append(column)
    return Parsed(pl.DataFrame(columns), no_rejected())
