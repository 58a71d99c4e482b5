"""Delimited text: comma, tab, `|`, `;`, `$` or any declared character.

Quoting rule. In a `$` file (FDA FAERS) a quotation mark is plain text, because FAERS never quotes and
writes free text as it came. In every other file RFC 4180 holds to the letter: a cell may be enclosed in
double quotes, a quote inside it is doubled, and a quote inside an open cell makes the row unreadable,
since a reader that guesses there shifts values. `quoted` in the manifest overrides this by file.

A row that cannot be split costs its own text, never its neighbours: after a broken quote, reading goes
on at the next line. Blank lines hold no cells; they are counted in the notes and get no row number.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from pipelines.ingest.readers.common import (
    MANIFEST_FILE,
    Parsed,
    RowCollector,
    Source,
    check_header,
    decode,
    unreadable,
)
from schemas.wording import counted

_DELIMITERS: Final = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|"}
_CANDIDATES: Final = {",": "comma", "\t": "tab", "|": "|", "$": "$", ";": "semicolon"}
_LINES_PER_ROW: Final = 200
"""Most lines one row may span; more means a quote that was never closed. Bounds the re-reading too."""

_DAMAGED: Final = re.compile("[\udc80-\udcff]")
_CONTROLS: Final = re.compile("[\x80-\x9f]")
_FIX_FILE: Final = "correct the line in the file at its source and run again"


def read_delimited(path: Path, spec: Source) -> Parsed:
    """Split a text table into cells exactly as written; an empty cell is the empty text.

    Rejects rows with the wrong number of fields (READ-FIELDS), a NUL byte (READ-NUL), a misplaced or
    unclosed quote (READ-QUOTE), a cell over 131,072 characters (READ-CELL-SIZE), or bytes outside an
    explicitly declared encoding (READ-ENCODING). Each reason names the line of the file.
    Raises `UnreadableFileError` for an unusable header, an undecidable delimiter, or bytes outside the
    default encoding.
    """
    decoded = decode(path.read_bytes(), spec, keep_damage=True)
    # newline="" splits at \n, \r and \r\n only, and keeps them: cells may hold any of the three.
    source = _Lines(io.StringIO(decoded.text, newline="").readlines())
    while source.at < len(source.lines) and not source.lines[source.at].strip("\r\n"):
        source.at += 1
    heading = source.lines[source.at] if source.at < len(source.lines) else ""
    delimiter = _delimiter(heading, spec)
    is_quoted = delimiter != "$" if spec.quoted is None else spec.quoted
    reader = csv.reader(
        source, delimiter=delimiter, strict=True, quoting=csv.QUOTE_MINIMAL if is_quoted else csv.QUOTE_NONE
    )
    source.allow(_LINES_PER_ROW)
    collector = RowCollector(_header(reader, spec), spec)
    notes = {"encoding": decoded.encoding, "delimiter": _CANDIDATES.get(delimiter, delimiter)}
    notes["quoting"] = "RFC 4180" if is_quoted else "none: quotation marks are text"
    check = _RowCheck(collector.width, delimiter, decoded.text if is_quoted else "", decoded.is_damaged)
    check.has_nul = "\0" in decoded.text
    blank = spanning = 0
    while source.at < len(source.lines):
        begin = source.at
        source.allow(_LINES_PER_ROW)
        try:
            row = next(reader)
        except csv.Error as failure:
            source.at = begin + 1
            rule, what = _broken(failure)
            collector.reject(source.text(begin), rule, f"{what} (line {begin + 1} of the file)", _FIX_FILE)
            continue
        if not row:
            blank += 1
            continue
        fault = check.fault(row, source.text(begin))
        if fault is None:
            spanning += source.at - begin > 1
            collector.keep(row)
        else:
            collector.reject(
                source.text(begin), fault[0], f"{fault[1]} (line {begin + 1} of the file)", _FIX_FILE
            )
    if blank:
        notes["blank_lines"] = str(blank)
    if spanning:
        notes["rows_over_several_lines"] = str(spanning)
    if decoded.encoding == "latin-1" and _CONTROLS.search(decoded.text):
        notes["control_characters"] = "0x80 to 0x9f occur: is the encoding cp1252?"
    if "\ufffd" in decoded.text:
        notes["lost_characters"] = (
            f"lost before this file was written: {counted(decoded.text.count(chr(0xFFFD)), 'character')}"
        )
    return collector.finish(notes)


class _Lines:
    """The lines of the file, for the csv module to draw from, with a place that can be set back."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.at = 0
        self._stop = len(lines)

    def allow(self, count: int) -> None:
        """Let the next row draw at most this many lines."""
        self._stop = min(self.at + count, len(self.lines))

    def text(self, begin: int) -> str:
        """The lines from `begin` to here, without the last line end."""
        drawn = self.lines[begin] if self.at == begin + 1 else "".join(self.lines[begin : self.at])
        return drawn.removesuffix("\n").removesuffix("\r")

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self.at >= self._stop:
            raise StopIteration
        self.at += 1
        return self.lines[self.at - 1]


class _RowCheck:
    """What can be wrong with a row that the csv module split."""

    def __init__(self, width: int, delimiter: str, quoted_text: str, is_damaged: bool) -> None:
        self.has_nul = False
        self._width = width
        self._has_quotes = '"' in quoted_text
        self._is_damaged = is_damaged
        cell = rf'(?:"(?:[^"]+|"")*+"|[^"\r\n{re.escape(delimiter)}]*+)'
        self._strict_row = re.compile(f"{cell}(?:{re.escape(delimiter)}{cell})*+")

    def fault(self, row: list[str], text: str) -> tuple[str, str] | None:
        """Rule id and reason, or None for a good row."""
        if self._is_damaged and _DAMAGED.search(text):
            return "READ-ENCODING", "the line holds bytes outside the declared encoding"
        if self.has_nul and "\0" in text:
            return "READ-NUL", "the line holds a NUL byte"
        if self._has_quotes and '"' in "".join(row) and not self._strict_row.fullmatch(text):
            return "READ-QUOTE", "a quotation mark stands inside a cell that is not enclosed in quotes"
        if len(row) != self._width:
            return "READ-FIELDS", f"{counted(len(row), 'field')} where the header has {self._width}"
        return None


def _broken(failure: csv.Error) -> tuple[str, str]:
    if "field larger" in str(failure):
        return "READ-CELL-SIZE", "a cell is longer than 131,072 characters"
    if "end of data" in str(failure):
        return "READ-QUOTE", "a quotation mark is opened and never closed"
    return "READ-QUOTE", "a closing quotation mark is followed by text"


def _delimiter(heading: str, spec: Source) -> str:
    """Declared delimiter, else the suffix's, else the only candidate that the header holds."""
    if spec.delimiter is not None:
        return spec.delimiter
    present = [candidate for candidate in _CANDIDATES if candidate in heading]
    by_suffix = _DELIMITERS.get(PurePosixPath(spec.path).suffix.lower())
    if by_suffix is not None and (by_suffix in present or not present):
        return by_suffix
    if by_suffix is None and len(present) == 1:
        return present[0]
    shown = ", ".join(_CANDIDATES[candidate] for candidate in present) or "none"
    raise unreadable(
        spec,
        f"the delimiter is not clear: the header holds {shown}",
        f"declare delimiter for this file in {MANIFEST_FILE}, e.g. delimiter: '|'",
        "READ-DELIMITER",
        column="delimiter",
    )


def _header(reader: Iterator[list[str]], spec: Source) -> list[str]:
    try:
        names = next(reader, [])
    except csv.Error:
        raise unreadable(
            spec,
            "the quotation marks of the header do not match",
            "correct the header of the file",
            "READ-HEADER",
        ) from None
    return check_header(names, spec)
