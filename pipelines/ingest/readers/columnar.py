"""Parquet files, through pyarrow: its reader refuses damaged files with an error rather than a crash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow  # type: ignore[import-untyped]
from pyarrow import parquet

from pipelines.ingest.raw import ROW
from pipelines.ingest.readers.common import Parsed, Source, check_header, guarded, no_rejected, unreadable
from pipelines.ingest.readers.numbers import column_text
from schemas.wording import counted

_TAIL: Final = b"PAR1"
_ROWS_PER_PIECE: Final = 131_072
"""Rows taken at a time: memory follows this and the widest rows, not the length of the table."""


def read_parquet(path: Path, spec: Source) -> Iterator[Parsed]:
    """Every column of a Parquet file as text (see `numbers.column_text`), in pieces of 131,072 rows.

    Checksums of pages are verified where the file has them. Raises `UnreadableFileError` for a truncated
    file (READ-TRUNCATED), a damaged one or one whose rows are not as many as it declares (READ-DAMAGED), an
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
        source = parquet.ParquetFile(path, page_checksum_verification=True)
        with source:
            names = check_header(source.schema_arrow.names, spec)
            declared = source.metadata.num_rows
            # The types of the columns are checked on a table without rows: it may have no batch at all.
            yield _piece(source.schema_arrow.empty_table(), names, 0, spec)
            done = 0
            for batch in source.iter_batches(batch_size=_ROWS_PER_PIECE):
                yield _piece(pyarrow.Table.from_batches([batch]), names, done, spec)
                done += batch.num_rows
    if done != declared:
        raise unreadable(
            spec,
            f"damaged: {counted(done, 'row')} could be read where the file declares {declared}",
            "get the file again from its source, or export it in another format",
            "READ-DAMAGED",
        )


def _piece(arrow: Any, names: list[str], done: int, spec: Source) -> Parsed:
    arrow.validate(full=True)
    # Built anew from the checked names: metadata of damaged files must not reach polars.
    typed = pl.DataFrame(pyarrow.table(arrow.columns, names=names))
    columns = [pl.int_range(done + 1, done + typed.height + 1, dtype=pl.Int64, eager=True).alias(ROW)]
    for name in names:
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
