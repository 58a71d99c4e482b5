"""The raw layer: what a reader hands on, cell for cell.

Here live the containers and the helpers every reader shares in building them. No format, no clinical
meaning, no typing of cells: those are in `readers/` and in staging.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from schemas.errors import SchemaError

if TYPE_CHECKING:
    # Only for annotations: the process that reads binary files starts without the manifest's models.
    from schemas.manifest import FileSpec, StudyManifest

ROW: Final = "__row"
"""Name of the row-number column of every raw frame; no file may use it."""

REJECTED_SCHEMA: Final[dict[str, pl.DataType]] = {
    "source_row": pl.Int64(),
    "rule_id": pl.String(),
    "reason": pl.String(),
    "next_action": pl.String(),
    "cells": pl.String(),
}


@dataclass(frozen=True)
class RawTable:
    """One data file: the rows that could be split into cells, and the rows that could not.

    `frame` holds `__row` (Int64, number of the data row in the file, from 1) and every column of the
    file as text under its exact name; null means an empty cell, a SAS missing value, or a text that the
    manifest lists under `null_values`. Nothing is trimmed or corrected.
    `rejected` holds the other rows: `source_row` as above, `rule_id` (READ-...), `reason` and
    `next_action` without any cell value, and `cells`, the row as read: JSON `{"line": text}`.
    `rows_in` = rows of `frame` + rows of `rejected`, asserted here.
    """

    spec: FileSpec
    frame: pl.DataFrame
    rejected: pl.DataFrame
    rows_in: int
    blanks_to_null: int = 0
    declared_nulls: int = 0
    notes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rows_in != self.frame.height + self.rejected.height:
            raise SchemaError(
                f"{self.rows_in} rows read but {self.frame.height} kept and {self.rejected.height} rejected",
                file=self.spec.path,
                next_action="report this: a reader lost or doubled rows",
            )


@dataclass(frozen=True)
class RawStudy:
    """All data files of one study as read, in the order of the manifest."""

    manifest: StudyManifest
    tables: tuple[RawTable, ...]


def file_sha256(path: Path) -> str:
    """Lower-case hex sha256 of the bytes of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
