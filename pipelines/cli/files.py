"""Files that a command writes where the user says: each appears whole, or not at all.

What may live here: writing one file aside and renaming it, and what is said where that fails. What may not:
what is in a file, and whole folders that appear at once (`warehouse.disk.new_folder`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from schemas.errors import StoreError


def write_file(path: Path, content: str | bytes) -> None:
    """Write a report whole: aside first, then one rename."""
    aside = path.with_name(f".{path.name}.new")
    aside.write_bytes(content.encode() if isinstance(content, str) else content)
    aside.replace(path)


def write_rows(path: Path, frame: pl.DataFrame) -> None:
    """Write a table as Parquet, whole: aside first, then one rename."""
    aside = path.with_name(f".{path.name}.new")
    frame.rechunk().write_parquet(aside, compression="zstd", statistics=True)
    aside.replace(path)


@contextmanager
def report_folder(folder: Path) -> Iterator[None]:
    """Make the folder of a report if it is not there. Raises `StoreError` where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except (OSError, pl.exceptions.ComputeError):
        raise StoreError(
            "the report cannot be written",
            file=str(folder),
            next_action="name a folder that can be written, with --out",
        ) from None
