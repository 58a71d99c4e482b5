"""What all readers share: their intermediate result, their errors, header rules and decoding.

No format lives here, and no reader imports another reader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

from pipelines.ingest.raw import REJECTED_SCHEMA, ROW
from pipelines.ingest.readers.limits import MIB, MOST_REJECTED, unpacked_limit
from schemas.errors import RegradeError, UnreadableFileError

if TYPE_CHECKING:
    # Only for annotations: the process that reads binary files starts without the manifest's models.
    from schemas.manifest import FileFormat, FileSpec

MANIFEST_FILE: Final = "study.yaml"
UTF8_BOM: Final = b"\xef\xbb\xbf"
_WIDE_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_CHUNK_ROWS: Final = 50_000
_UNUSABLE: Final = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True)
class Source:
    """What a reader must know of a manifest's entry, as plain values: it travels to another process.

    `path` is the file's name in messages; the other fields are those of `FileSpec`.
    """

    path: str
    format: FileFormat | None = None
    encoding: str = "utf-8"
    is_encoding_declared: bool = False
    delimiter: str | None = None
    quoted: bool | None = None
    sheet: str | None = None
    null_values: tuple[str, ...] = ()

    @classmethod
    def of(cls, spec: FileSpec) -> Source:
        """The entry of a manifest."""
        return cls(
            spec.path,
            spec.format,
            spec.encoding,
            "encoding" in spec.model_fields_set,
            spec.delimiter,
            spec.quoted,
            spec.sheet,
            spec.null_values,
        )


@dataclass(frozen=True)
class Parsed:
    """What one format's reader returns: rows split into text cells, and the rows that would not split."""

    frame: pl.DataFrame
    rejected: pl.DataFrame
    notes: dict[str, str] = field(default_factory=dict)


def unreadable(
    spec: Source,
    what: str,
    next_action: str,
    rule_id: str,
    *,
    column: str | None = None,
    value: str | None = None,
) -> UnreadableFileError:
    """Build the error for a file of which nothing can be used; it names the file as the manifest does.

    `column` is a column of the file or the manifest key to change; `value` a manifest value, never a cell.
    """
    return UnreadableFileError(
        what, file=spec.path, column=column, value=value, next_action=next_action, rule_id=rule_id
    )


def unpacks_too_far(spec: Source, size: int) -> UnreadableFileError:
    """The error for a compressed file of this size in bytes that unpacks to more than is read."""
    return unreadable(
        spec,
        f"unpacks to more than {unpacked_limit(size) / MIB:.0f} MiB, from a file of {size} bytes",
        "get the file again from its source; a larger table has to be split, or exported as Parquet",
        "READ-FILE-SIZE",
    )


@contextmanager
def guarded(spec: Source, kind: str) -> Iterator[None]:
    """Turn whatever a format library raises on damaged bytes into an `UnreadableFileError`.

    Its text is left out, as it may quote cells. A Rust panic is no `Exception`, hence the wider net.
    """
    try:
        yield
    except (RegradeError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as failure:
        if not isinstance(failure, Exception) and type(failure).__name__ != "PanicException":
            raise
        raise unreadable(
            spec,
            f"damaged: it cannot be read as {kind} ({type(failure).__name__})",
            "get the file again from its source, or export it in another format",
            "READ-DAMAGED",
        ) from None


def check_header(names: Sequence[str | None], spec: Source) -> list[str]:
    """Column names of a file, all present, distinct and usable; nothing is renamed.

    Raises `UnreadableFileError` (READ-HEADER) for no columns, a blank name, a name used twice, and the
    reserved name of the row number.
    """
    action = "correct the header of the file so that every column has one name of its own"
    if not names:
        raise unreadable(spec, "there is no header", "put the column names in the first row", "READ-HEADER")
    seen: set[str] = set()
    for position, name in enumerate(names, start=1):
        if name is None or not name.strip():
            raise unreadable(
                spec, f"column {position} of {len(names)} has no name in the header", action, "READ-HEADER"
            )
        if name in seen:
            raise unreadable(spec, "the header names this column twice", action, "READ-HEADER", column=name)
        if name == ROW or _UNUSABLE.search(name):
            raise unreadable(spec, f"column {position} has a name that cannot be used", action, "READ-HEADER")
        seen.add(name)
    return [name for name in names if name is not None]


class Decoded(NamedTuple):
    """Text of a file, the encoding it was read in, and whether undecodable bytes were kept in it."""

    text: str
    encoding: str
    is_damaged: bool = False


def decode(content: bytes, spec: Source, *, keep_damage: bool = False) -> Decoded:
    """Text of a file in the manifest's `encoding`; a UTF-8 byte order mark wins and is removed.

    With `keep_damage`, bytes that an *explicitly declared* encoding does not define come back as lone
    surrogates, for the caller to reject their rows: somebody who declares the encoding knows it.
    Raises `UnreadableFileError` (READ-ENCODING) with the byte offset otherwise.
    """
    if content.startswith(_WIDE_BOMS):
        raise unreadable(
            spec, "the file is in UTF-16 or UTF-32", "save it as UTF-8", "READ-ENCODING", column="encoding"
        )
    codec: str = spec.encoding
    start = 0
    if content.startswith(UTF8_BOM):
        codec, start = "utf-8", len(UTF8_BOM)
    try:
        return Decoded(content[start:].decode(codec), codec)
    except UnicodeDecodeError as failure:
        offset = failure.start + start
        if keep_damage and spec.is_encoding_declared:
            return Decoded(content[start:].decode(codec, "surrogateescape"), codec, is_damaged=True)
        raise encoding_error(spec, codec, offset, line=content.count(b"\n", 0, offset) + 1) from None


def encoding_error(spec: Source, codec: str, offset: int, line: int | None = None) -> UnreadableFileError:
    """The error for bytes outside the declared encoding, naming the offset and the manifest key."""
    where = f"byte {offset}" if line is None else f"byte {offset} (line {line})"
    return unreadable(
        spec,
        f"{where} is not {codec}",
        f"declare the encoding in {MANIFEST_FILE} beside this file, e.g. encoding: cp1252 (or latin-1), "
        "or save the file as UTF-8",
        "READ-ENCODING",
        column="encoding",
    )


def text_frame(
    names: Sequence[str], columns: Sequence[Sequence[str | None]], rows: Sequence[int]
) -> pl.DataFrame:
    """A raw frame from cells by column and the row numbers."""
    series = [pl.Series(ROW, rows, dtype=pl.Int64)]
    series += [
        pl.Series(name, list(cells), dtype=pl.String) for name, cells in zip(names, columns, strict=True)
    ]
    return pl.DataFrame(series)


class RowCollector:
    """Collects the rows of a file read row by row, in pieces so that memory stays near the text's size."""

    def __init__(self, names: Sequence[str], spec: Source) -> None:
        self._names = list(names)
        self._spec = spec
        self._rows: list[Sequence[str | None]] = []
        self._numbers: list[int] = []
        self._pieces: list[pl.DataFrame] = []
        self._rejected: list[tuple[int, str, str, str, str]] = []
        self._rejected_pieces: list[pl.DataFrame] = []
        self.last_row = 0
        self.width = len(self._names)

    def keep(self, cells: Sequence[str | None]) -> None:
        """Add one good row; it gets the next row number."""
        self.last_row += 1
        self._rows.append(cells)
        self._numbers.append(self.last_row)
        if len(self._rows) >= _CHUNK_ROWS:
            self._flush()

    def reject(self, line: str, rule_id: str, reason: str, next_action: str) -> None:
        """Add one row that cannot be split, with its text; it gets the next row number.

        Raises `UnreadableFileError` (READ-LIMIT) for one more than `limits` allows.
        """
        self.last_row += 1
        # A byte that was not decodable is shown as \\xNN.
        shown = line.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        cells = json.dumps({"line": shown}, ensure_ascii=False)
        self._rejected.append((self.last_row, rule_id, reason, next_action, cells))
        if len(self._rejected) >= _CHUNK_ROWS:
            self._flush_rejected()

    def finish(self, notes: dict[str, str]) -> Parsed:
        """Everything collected."""
        self._flush()
        self._flush_rejected()
        return Parsed(pl.concat(self._pieces), pl.concat(self._rejected_pieces), notes)

    def _flush(self) -> None:
        columns = list(zip(*self._rows, strict=True)) if self._rows else [()] * len(self._names)
        self._pieces.append(text_frame(self._names, columns, self._numbers))
        self._rows, self._numbers = [], []

    def _flush_rejected(self) -> None:
        if self._rejected and sum(piece.height for piece in self._rejected_pieces) >= MOST_REJECTED:
            raise unreadable(
                self._spec,
                f"more than {MOST_REJECTED:,} rows cannot be split into the columns of the header",
                f"declare delimiter or quoted for this file in {MANIFEST_FILE}, or export the table again",
                "READ-LIMIT",
            )
        self._rejected_pieces.append(pl.DataFrame(self._rejected, schema=REJECTED_SCHEMA, orient="row"))
        self._rejected = []


def no_rejected() -> pl.DataFrame:
    """An empty rejected frame, for formats whose rows always have every column."""
    return pl.DataFrame(schema=REJECTED_SCHEMA)
