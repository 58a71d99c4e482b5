"""Readers: one data file in, every cell out as text, nothing changed and nothing dropped.

One module per format; here they are chosen, and here is what all formats have in common: the empty
file, empty and declared-null cells, and the expected row count. Everything here reads in the process
that calls it; the program reads files through `isolated.read_tables`, which gives binary formats a
process of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from pipelines.ingest.raw import ROW, RawTable
from pipelines.ingest.readers.common import MANIFEST_FILE, Parsed, Source, unreadable
from pipelines.ingest.readers.kinds import choose_format, require_kind
from pipelines.ingest.readers.limits import GIB, LARGEST_TEXT
from schemas.wording import counted

if TYPE_CHECKING:
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


_TEXT_FORMATS: Final = frozenset({"csv", "dataset_json", "dataset_ndjson"})


def read_table(path: Path, spec: FileSpec) -> RawTable:
    """Read one data file as the manifest describes it, in this process.

    1. The format is the declared one, else the suffix's; the first bytes must agree (READ-FORMAT,
       READ-FILE-KIND). An empty file is an error (READ-EMPTY-FILE); a header without rows is not.
    2. The format's reader splits the file into text cells; rows it cannot split go to `rejected`.
    3. The empty text becomes null and is counted in `blanks_to_null`: SAS and text formats know no
       difference. A cell that equals an entry of `null_values` becomes null, counted in `declared_nulls`.
    4. `expected_rows`, where given, must equal the rows read, rejected ones included (READ-ROW-COUNT).

    `path` is where the file is; messages name it as the manifest does. Raises `UnreadableFileError`
    for everything that makes the whole file unusable, with the next action.
    """
    source = Source.of(spec)
    file_format = open_file(path, source)
    with opened(source):
        pieces = [
            raw_piece(
                spec, file_format, null_cells(piece.frame, spec.null_values), piece.rejected, piece.notes
            )
            for piece in read_pieces(path, source, file_format)
        ]
    table = RawTable.join(pieces)
    require_rows(spec, table.rows_in)
    return table


def open_file(path: Path, source: Source) -> FileFormat:
    """Format of a file, after a look at its size and first bytes; see `read_table` for what is refused."""
    file_format = choose_format(source)
    with opened(source):
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
        size = path.stat().st_size
    if not head:
        raise unreadable(
            source, "the file is empty (0 bytes)", "get the file again from its source", "READ-EMPTY-FILE"
        )
    require_kind(head, source, file_format)
    if is_text(file_format) and size > LARGEST_TEXT:
        raise unreadable(
            source,
            f"the text is larger than {LARGEST_TEXT // GIB} GiB",
            "export the table as Parquet, or split it into several files",
            "READ-FILE-SIZE",
        )
    return file_format


@contextmanager
def opened(source: Source) -> Iterator[None]:
    """Turn what the system says of a file that cannot be opened into an `UnreadableFileError`."""
    try:
        yield
    except OSError as failure:
        reason = failure.strerror or type(failure).__name__
        raise unreadable(
            source,
            f"the file cannot be opened: {reason}",
            "check that it exists and may be read",
            "READ-OPEN",
        ) from None


def is_text(file_format: FileFormat) -> bool:
    """Whether a format is plain text, read by Python alone; the others go through native libraries."""
    return file_format in _TEXT_FORMATS


def read_pieces(path: Path, source: Source, file_format: FileFormat) -> Iterator[Parsed]:
    """The table in pieces, top to bottom, at least one; only formats stored in groups give several."""
    # Imported when first used: a study of text files needs none of the format libraries.
    module, function = _READERS[file_format]
    reader: Callable[[Path, Source], Parsed | Iterator[Parsed]] = getattr(
        import_module(f"{__name__}.{module}"), function
    )
    parsed = reader(path, source)
    if isinstance(parsed, Parsed):
        yield parsed
    else:
        yield from parsed


def raw_piece(
    spec: FileSpec,
    file_format: FileFormat,
    nulled: tuple[pl.DataFrame, int, int],
    rejected: pl.DataFrame,
    notes: Mapping[str, str],
) -> RawTable:
    """A piece of the raw table, of what `null_cells` gave."""
    frame, blanks, declared = nulled
    return RawTable(
        spec=spec,
        frame=frame,
        rejected=rejected,
        rows_in=frame.height + rejected.height,
        blanks_to_null=blanks,
        declared_nulls=declared,
        notes={"format": file_format, **notes},
    )


def require_rows(spec: FileSpec, rows_in: int) -> None:
    """Refuse a file that does not have as many rows as the manifest expects (READ-ROW-COUNT)."""
    if spec.expected_rows is not None and spec.expected_rows != rows_in:
        raise unreadable(
            Source.of(spec),
            f"the file has {counted(rows_in, 'row')} where the manifest expects {spec.expected_rows}",
            f"get the whole file, or correct expected_rows in {MANIFEST_FILE}",
            "READ-ROW-COUNT",
            column="expected_rows",
        )


def null_cells(frame: pl.DataFrame, null_values: Sequence[str]) -> tuple[pl.DataFrame, int, int]:
    """The frame with empty and declared-null cells null, and how many cells each made so."""
    words = [word for word in null_values if word]
    blanks = declared = 0
    columns = [frame[ROW]]
    for column in frame.drop(ROW).iter_columns():
        is_null = (column == "").fill_null(value=False)
        empty = int(is_null.sum())
        found = 0
        if words:
            is_word = column.is_in(words).fill_null(value=False)
            found = int(is_word.sum())
            is_null |= is_word
        blanks += empty
        declared += found
        columns.append(column.set(is_null, None) if empty or found else column)
    return pl.DataFrame(columns), blanks, declared
