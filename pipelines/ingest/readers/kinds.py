"""Which format a file is in: declared, by its suffix, and by its first bytes; the three must agree.

Only recognition lives here; reading is in the modules named after the formats.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from pipelines.ingest.readers.common import MANIFEST_FILE, UTF8_BOM, Source, unreadable

if TYPE_CHECKING:
    from schemas.manifest import FileFormat

SUFFIXES: Final[dict[str, FileFormat]] = {
    ".xpt": "xpt",
    ".sas7bdat": "sas7bdat",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".psv": "csv",
    ".txt": "csv",
    ".xlsx": "xlsx",
    ".parquet": "parquet",
    ".json": "dataset_json",
    ".ndjson": "dataset_ndjson",
    ".dsjc": "dataset_dsjc",
}
"""Format of a file whose manifest entry declares none. Delimited text of any kind is `csv`."""

SAS7BDAT_MAGIC: Final = bytes(12) + bytes.fromhex("c2ea8160b31411cfbd92080009c7318c181f1011")

_MAGIC: Final[tuple[tuple[bytes, str, frozenset[str]], ...]] = (
    (b"HEADER RECORD*******LIB", "a SAS transport file (xpt)", frozenset({"xpt"})),
    (SAS7BDAT_MAGIC, "a SAS data set (sas7bdat)", frozenset({"sas7bdat"})),
    (b"PK\x03\x04", "an Excel workbook or another ZIP archive (xlsx)", frozenset({"xlsx"})),
    (b"PAR1", "a Parquet file (parquet)", frozenset({"parquet"})),
    (b"\x1f\x8b", "a gzip-compressed file", frozenset({"dataset_dsjc"})),
    (bytes.fromhex("d0cf11e0a1b11ae1"), "an old or a password-protected Office file", frozenset()),
    (b"%PDF", "a PDF file", frozenset()),
)
_MARKUP: Final = (b"<!doctype html", b"<html", b"<?xml")
_SNIFFED_BYTES: Final = 1024


def choose_format(spec: Source) -> FileFormat:
    """Declared format, else the one of the suffix.

    Raises `UnreadableFileError` (READ-FORMAT) when there is neither.
    """
    if spec.format is not None:
        return spec.format
    suffix = PurePosixPath(spec.path).suffix.lower()
    if suffix not in SUFFIXES:
        raise unreadable(
            spec,
            f"the suffix {suffix or '(none)'} says no format",
            f"declare format in {MANIFEST_FILE}, or rename the file; known: {', '.join(SUFFIXES)}",
            "READ-FORMAT",
        )
    return SUFFIXES[suffix]


def require_kind(head: bytes, spec: Source, expected: FileFormat) -> None:
    """Refuse a file whose first bytes belong to another format than the expected one.

    Raises `UnreadableFileError` (READ-FILE-KIND) naming what the file seems to be.
    """
    found, fits = _recognise(head)
    if expected in fits:
        return
    raise unreadable(
        spec,
        f"the file is not what its name or manifest says ({expected}): it looks like {found}",
        f"declare the right format in {MANIFEST_FILE}, or get the file again from its source",
        "READ-FILE-KIND",
    )


def _recognise(head: bytes) -> tuple[str, frozenset[str]]:
    """What the first bytes look like, and the formats that is acceptable for."""
    for magic, name, fits in _MAGIC:
        if head.startswith(magic):
            return name, fits
    text = head.removeprefix(UTF8_BOM).lstrip()
    if text[:1] == b"{":
        # A table whose first column name starts with a brace stays readable as text.
        is_object = b'"' in text[:20]
        return "JSON", frozenset({"dataset_json", "dataset_ndjson"} if is_object else {"csv"})
    if text[:20].lower().startswith(_MARKUP):
        return "a web page or an XML file", frozenset()
    if head[:1] == b"\x78" and len(head) > 1 and (head[0] * 256 + head[1]) % 31 == 0:
        # RFC 1950: 0x78 with a check on two bytes; "x^" in a table header passes it too.
        return "a zlib-compressed file", frozenset(
            {"dataset_dsjc", "csv"} if head[1] == 0x5E else {"dataset_dsjc"}
        )
    sniffed = head[:_SNIFFED_BYTES]
    is_wide_text = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if sniffed.count(0) * 10 > len(sniffed) and not is_wide_text:
        return "binary data", frozenset()
    return "text", frozenset({"csv"})
