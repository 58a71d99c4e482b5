"""Readers: one data file in, every cell out as text, nothing changed and nothing dropped.

One module per format; here they are chosen, and here is what all formats have in common: the empty
file, empty and declared-null cells, and the expected row count.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

import polars as pl

from pipelines.ingest.raw import ROW, RawTable
from pipelines.ingest.readers.common import MANIFEST_FILE, Parsed, unreadable
from pipelines.ingest.readers.kinds import choose_format, require_kind
from schemas.manifest import FileFormat, FileSpec

_READERS: Final[dict[FileFormat, tuple[str, str]]] = {
    "xpt": ("sas", "read_xpt"),
    "sas7bdat": ("sas", "read_sas7bdat"),
    "csv": ("delimited", "read_delimited"),
    "xlsx": ("spreadsheet", "read_xlsx"),
    "parquet": ("columnar", "read_parquet"),
    "dataset_json": ("dataset_json", "read_json"),
    "dataset_ndjson": ("dataset_json", "read_ndjson"),
    "dataset_dsjc": ("dataset_json", "read_dsjc"),
}
_HEAD_BYTES: Final = 4096


def read_table(path: Path, spec: FileSpec) -> RawTable:
    """Read one data file as the manifest describes it.

    1. The format is the declared one, else the suffix's; the first bytes must agree (READ-FORMAT,
       READ-FILE-KIND). An empty file is an error (READ-EMPTY-FILE); a header without rows is not.
    2. The format's reader splits the file into text cells; rows it cannot split go to `rejected`.
    3. The empty text becomes null and is counted in `blanks_to_null`: SAS and text formats know no
       difference. A cell that equals an entry of `null_values` becomes null, counted in `declared_nulls`.
    4. `expected_rows`, where given, must equal the rows read, rejected ones included (READ-ROW-COUNT).

    `path` is where the file is; messages name it as the manifest does. Raises `UnreadableFileError`
    for everything that makes the whole file unusable, with the next action.
    """
    file_format = choose_format(spec)
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
        if not head:
            raise unreadable(
                spec, "the file is empty (0 bytes)", "get the file again from its source", "READ-EMPTY-FILE"
            )
        require_kind(head, spec, file_format)
        parsed = _reader(file_format)(path, spec)
    except OSError as failure:
        reason = failure.strerror or type(failure).__name__
        raise unreadable(
            spec, f"the file cannot be opened: {reason}", "check that it exists and may be read", "READ-OPEN"
        ) from None
    rows_in = parsed.frame.height + parsed.rejected.height
    if spec.expected_rows is not None and spec.expected_rows != rows_in:
        raise unreadable(
            spec,
            f"the file has {rows_in} rows where the manifest expects {spec.expected_rows}",
            f"get the whole file, or correct expected_rows in {MANIFEST_FILE}",
            "READ-ROW-COUNT",
            column="expected_rows",
        )
    frame, blanks, declared = _null_cells(parsed.frame, spec)
    return RawTable(
        spec=spec,
        frame=frame,
        rejected=parsed.rejected,
        rows_in=rows_in,
        blanks_to_null=blanks,
        declared_nulls=declared,
        notes={"format": file_format, **parsed.notes},
    )


def _reader(file_format: FileFormat) -> Callable[[Path, FileSpec], Parsed]:
    # Imported when first used: a study of text files needs none of the format libraries.
    module, function = _READERS[file_format]
    reader: Callable[[Path, FileSpec], Parsed] = getattr(import_module(f"{__name__}.{module}"), function)
    return reader


def _null_cells(frame: pl.DataFrame, spec: FileSpec) -> tuple[pl.DataFrame, int, int]:
    """The frame with empty and declared-null cells null, and how many cells each made so."""
    words = [word for word in spec.null_values if word]
    blanks = declared = 0
    columns = [frame[ROW]]
    for column in frame.drop(ROW).iter_columns():
        is_blank = (column == "").fill_null(value=False)
        is_word = column.is_in(words).fill_null(value=False)
        blanks += int(is_blank.sum())
        declared += int(is_word.sum())
        columns.append(column.set(is_blank | is_word, None))
    return pl.DataFrame(columns), blanks, declared
