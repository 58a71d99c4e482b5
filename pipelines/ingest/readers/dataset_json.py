"""CDISC Dataset-JSON 1.1: `.json`, `.ndjson`, and `.dsjc`, the compressed `.ndjson`.

Source: CDISC Dataset-JSON v1.1 (a metadata object with `records` and `columns`, then `rows`; in NDJSON
the metadata is the first line and each further line one row). The standard names zlib for `.dsjc`;
CDISC's own example files are gzip, so both envelopes are read.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

from pipelines.ingest.readers.common import (
    Parsed,
    RowCollector,
    Source,
    check_header,
    decode,
    unpacks_too_far,
    unreadable,
)
from pipelines.ingest.readers.limits import unpacked_limit
from schemas.wording import counted

_FIX_FILE: Final = "correct the row in the file at its source and run again"


class _NotJsonError(ValueError):
    """Something Python's parser would let pass although it is not JSON, or not safe."""


def read_json(path: Path, spec: Source) -> Parsed:
    """One JSON object with its `rows`; numbers are kept as the file spells them, null is an empty cell.

    Rejects rows with the wrong number of values (READ-FIELDS) or a nested value (READ-JSON).
    Raises `UnreadableFileError` for text that is not JSON, another version, unusable columns, and
    `records` differing from the rows present (READ-ROW-COUNT).
    """
    decoded = decode(path.read_bytes(), spec)
    try:
        content = _parse(decoded.text)
    except (ValueError, RecursionError) as failure:
        raise _not_json(spec, failure) from None
    metadata = _metadata(content, spec)
    rows = metadata.get("rows")
    if rows is None:
        rows = []
    if not isinstance(rows, list):
        raise _malformed(spec, "rows is not a list")
    return _collect(metadata, rows, spec, decoded.encoding)


def read_ndjson(path: Path, spec: Source) -> Parsed:
    """Metadata on the first line, one row on every further line; otherwise as `read_json`.

    A line that is not a JSON array is a rejected row (READ-JSON).
    """
    return _read_lines(path.read_bytes(), spec)


def read_dsjc(path: Path, spec: Source) -> Parsed:
    """A compressed `.ndjson`, in a zlib or gzip envelope.

    Raises `UnreadableFileError` also when the compressed data ends early (READ-TRUNCATED), is damaged, or
    unpacks to more than `limits` allows (READ-FILE-SIZE: 200 times its size, at most 4 GiB).
    """
    # 32 + 15: either envelope, largest window.
    unpacker = zlib.decompressobj(32 + 15)
    packed = path.read_bytes()
    try:
        content = unpacker.decompress(packed, unpacked_limit(len(packed)))
    except zlib.error:
        raise unreadable(
            spec,
            "damaged: the compressed data cannot be unpacked",
            "get the file again from its source",
            "READ-DAMAGED",
        ) from None
    if unpacker.unconsumed_tail:
        raise unpacks_too_far(spec, len(packed))
    if not unpacker.eof:
        raise unreadable(
            spec,
            "the file is cut short: the compressed data ends early",
            "get the whole file again",
            "READ-TRUNCATED",
        )
    if unpacker.unused_data:
        raise unreadable(
            spec,
            "data follows the end of the compressed table",
            "get the file again from its source",
            "READ-DAMAGED",
        )
    return _read_lines(content, spec)


def _read_lines(content: bytes, spec: Source) -> Parsed:
    decoded = decode(content, spec)
    lines = decoded.text.split("\n")
    try:
        first = _parse(lines[0])
    except (ValueError, RecursionError) as failure:
        raise _not_json(spec, failure) from None
    metadata = _metadata(first, spec)
    if "rows" in metadata:
        raise _malformed(spec, "the first line of an NDJSON file holds rows")
    while lines and not lines[-1].strip():
        lines.pop()
    return _collect(metadata, _parsed_lines(lines[1:]), spec, decoded.encoding)


def _parsed_lines(lines: Iterable[str]) -> Iterator[object]:
    for line in lines:
        try:
            yield _parse(line)
        except (ValueError, RecursionError):
            yield _Unparsed(line.removesuffix("\r"))


class _Unparsed(str):
    """A line that is not JSON."""

    __slots__ = ()


def _collect(metadata: dict[str, Any], rows: Iterable[object], spec: Source, encoding: str) -> Parsed:
    columns = metadata.get("columns")
    if not isinstance(columns, list) or not all(isinstance(column, dict) for column in columns):
        raise _malformed(spec, "columns is not a list of column descriptions")
    names = [column.get("name") for column in columns]
    if not all(name is None or isinstance(name, str) for name in names):
        raise _malformed(spec, "a column name is not text")
    collector = RowCollector(check_header(names, spec), spec)
    for row in rows:
        _add(collector, row)
    declared = metadata.get("records")
    if isinstance(declared, str) and declared.isdecimal() and not _is_number(declared, collector.last_row):
        raise unreadable(
            spec,
            f"the file says it has {declared[:20]} records but holds {collector.last_row}",
            "get the whole file again from its source",
            "READ-ROW-COUNT",
        )
    notes = {"encoding": encoding}
    for key in ("name", "label", "datasetJSONVersion"):
        if isinstance(metadata.get(key), str):
            notes[key] = metadata[key]
    if declared is None:
        notes["records"] = "not declared: a file that is cut short between rows would not be noticed"
    return collector.finish(notes)


def _is_number(text: str, number: int) -> bool:
    # Compared as text: Python refuses to make a number of thousands of digits.
    return len(text) <= 100 and int(text) == number


def _add(collector: RowCollector, row: object) -> None:
    if isinstance(row, _Unparsed):
        collector.reject(row, "READ-JSON", "the line is not JSON", _FIX_FILE)
        return
    if not isinstance(row, list):
        collector.reject(_shown(row), "READ-JSON", "the row is not a list of values", _FIX_FILE)
        return
    if len(row) != collector.width:
        reason = f"{counted(len(row), 'value')} where the file declares {counted(collector.width, 'column')}"
        collector.reject(_shown(row), "READ-FIELDS", reason, _FIX_FILE)
        return
    if any(isinstance(value, (list, dict)) for value in row):
        collector.reject(_shown(row), "READ-JSON", "a value is itself a list or an object", _FIX_FILE)
        return
    cells = [value if value is None or isinstance(value, str) else str(value).lower() for value in row]
    if any(cell is not None and not _is_text(cell) for cell in cells):
        collector.reject(_shown(row), "READ-ENCODING", "a value holds half of a surrogate pair", _FIX_FILE)
        return
    collector.keep(cells)


def _shown(row: object) -> str:
    return json.dumps(row, ensure_ascii=True)


def _is_text(cell: str) -> bool:
    return cell.isascii() or not any("\ud800" <= character <= "\udfff" for character in cell)


def _metadata(content: object, spec: Source) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise _malformed(spec, "the file does not start with an object")
    version = content.get("datasetJSONVersion")
    if not isinstance(version, str) or not (version == "1.1" or version.startswith("1.1.")):
        raise unreadable(
            spec,
            "this is not Dataset-JSON 1.1 (datasetJSONVersion)",
            "export the table as Dataset-JSON 1.1, or in another format",
            "READ-VERSION",
        )
    return content


def _parse(text: str) -> Any:
    """JSON with numbers left as the text they are written in, duplicate keys and NaN refused."""
    return json.loads(
        text, parse_float=str, parse_int=str, parse_constant=_refuse, object_pairs_hook=_distinct
    )


def _refuse(word: str) -> NoReturn:
    raise _NotJsonError(word)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise _NotJsonError("a key stands twice in one object")
    return content


def _not_json(spec: Source, failure: Exception) -> Exception:
    place = ""
    if isinstance(failure, json.JSONDecodeError):
        place = f" at line {failure.lineno}, character {failure.colno}"
    return unreadable(
        spec,
        f"the text is not JSON{place}, or is cut short",
        "get the whole file again from its source",
        "READ-DAMAGED",
    )


def _malformed(spec: Source, what: str) -> Exception:
    return unreadable(spec, what, "export the table as CDISC Dataset-JSON 1.1", "READ-DAMAGED")
