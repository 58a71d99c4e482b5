"""How the command line prints: tables, plain text, JSON, CSV, progress.

What may live here: printing of values that are already computed. What may not: reading results,
clinical words, decisions. Text from a study may hold terminal escapes: nothing reaches a stream
without going through `visible` or JSON's own escapes.
"""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import Any, TextIO

_CONTROLS = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
EMPTY = "-"
"""What a table shows for null; JSON shows null."""
MIN_COLUMN = 12
"""Narrower columns than this on average are not readable as a table."""
SHORT = 12
"""Hex digits of a run id that are shown; the whole id is in JSON and in the warehouse."""


def visible(value: object) -> str:
    """One line of text without control characters, bidirectional marks or line breaks.

    Each such character becomes U+FFFD, so that a removed one is still noticed; a tab or a line break
    becomes a blank. None becomes `-`.

    >>> visible("HEADACHE\\x1b[31m"), visible(None), visible(3)
    ('HEADACHE\\ufffd[31m', '-', '3')
    """
    if value is None:
        return EMPTY
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = re.sub(r"[\t\r\n]+", " ", str(value))
    return _CONTROLS.sub("\ufffd", text)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> None:
    """A ruled table on a terminal, aligned plain text otherwise; numbers to the right."""
    cells = [[visible(value) for value in row] for row in rows]
    names = [visible(name) for name in columns]
    numeric = [
        bool(cells) and all(re.fullmatch(r"-|-?[\d.,]+", row[index]) for row in cells)
        for index in range(len(names))
    ]
    if sys.stdout.isatty():
        _print_ruled(names, cells, numeric, title)
        return
    if title:
        print(visible(title))
    widths = [max(len(row[index]) for row in [names, *cells]) for index in range(len(names))]
    for row in [names, *cells]:
        padded = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, numeric, strict=True)
        ]
        print("  ".join(padded).rstrip())


def _print_ruled(names: list[str], cells: list[list[str]], numeric: list[bool], title: str | None) -> None:
    from rich import box  # noqa: PLC0415 - only a terminal needs rich
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(markup=False, highlight=False, emoji=False)
    natural = sum(max(len(row[index]) for row in [names, *cells]) + 3 for index in range(len(names)))
    if natural > console.width and console.width < MIN_COLUMN * len(names):
        _print_records(names, cells)
        return
    ruled = Table(title=Text(visible(title)) if title else None, title_justify="left", box=box.SIMPLE_HEAD)
    for name, right in zip(names, numeric, strict=True):
        ruled.add_column(Text(name), justify="right" if right else "left", overflow="fold")
    for row in cells:
        ruled.add_row(*(Text(text) for text in row))
    console.print(ruled)


def _print_records(names: list[str], cells: list[list[str]]) -> None:
    """Row by row, one value a line: what a terminal too narrow for the columns can still show."""
    width = max(map(len, names), default=0)
    for number, row in enumerate(cells, start=1):
        print(f"-- {number} " + "-" * max(width - 3, 0))
        for name, text in zip(names, row, strict=True):
            print(f"{name.ljust(width)}  {text}")


def print_paragraph(text: str) -> None:
    """Text wrapped to the width of a terminal, in one line when piped."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in textwrap.wrap(visible(text), max(width, 40)) if width else [visible(text)]:
        print(line)


def print_json(value: object) -> None:
    """One JSON document on standard output, ASCII only, so that no cell can hold a terminal escape."""
    json.dump(json_value(value), sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def json_value(value: Any) -> Any:
    """The value as JSON has it: dates as ISO 8601 text, bytes as hex, NaN and infinities as null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, dict):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in value]
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return str(value)


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """RFC 4180 on standard output; null is an empty field, control characters are replaced."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([visible(name) for name in columns])
    for row in rows:
        writer.writerow(["" if value is None else visible(value) for value in row])


def records(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[dict[str, object]]:
    """Rows as objects; a repeated column name gets `_1`, `_2`, ... so that no value is lost."""
    names: list[str] = []
    for name in columns:
        unique, repeat = name, 0
        while unique in names:
            repeat += 1
            unique = f"{name}_{repeat}"
        names.append(unique)
    return [dict(zip(names, row, strict=True)) for row in rows]


def say(message: str, *, stream: TextIO | None = None) -> None:
    """A line for a person, on standard error, so that standard output stays data."""
    print(visible(message), file=stream or sys.stderr)


@contextmanager
def progress(total: int) -> Iterator[tuple[Callable[[str], None], Callable[[], None]]]:
    """Yield (describe, advance); a bar on standard error when that is a terminal, else nothing."""
    if not sys.stderr.isatty() or total == 0:
        yield (lambda _text: None), (lambda: None)
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield (lambda text: bar.update(task, description=visible(text))), (lambda: bar.advance(task))


def release_line(release_id: str, review_status: str) -> str:
    """The sentence that goes with every result."""
    return visible(f"mapping release {release_id}, {review_status}")
