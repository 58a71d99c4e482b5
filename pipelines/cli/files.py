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
from warehouse.disk import flush


def write_file(path: Path, content: str | bytes) -> None:
    """Write a report whole."""
    with _aside(path) as aside:
        aside.write_bytes(content.encode() if isinstance(content, str) else content)


def write_rows(path: Path, frame: pl.DataFrame) -> None:
    """Write a table as Parquet, whole."""
    with _aside(path) as aside:
        frame.rechunk().write_parquet(aside, compression="zstd", statistics=True)


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """A file beside the target, which takes its place once it is on the disk.

    Its name is always the same: what a killed command left is written over by the next.
    """
    aside = path.with_name(f".{path.name}.new")
    try:
        yield aside
        flush(aside)
        aside.replace(path)
        flush(path.parent)
    finally:
        aside.unlink(missing_ok=True)  # what could not be finished may hold rows of subjects


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
