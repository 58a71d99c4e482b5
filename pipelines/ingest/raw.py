"""The raw layer: what a reader hands on, cell for cell.

Here live the containers and the helpers every reader shares in building them. No format, no clinical
meaning, no typing of cells: those are in `readers/` and in staging.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
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

    def lazy(self) -> pl.LazyFrame:
        """All rows of `frame`."""
        return self.frame.lazy()

    def pieces(self, rows: int) -> Iterator[RawTable]:
        """The table in pieces of so many rows, at least one; what is said of the file is with the first."""
        for start in range(0, max(self.frame.height, 1), rows):
            yield _piece(self, self.frame.slice(start, rows), is_first=start == 0)

    @classmethod
    def join(cls, pieces: Sequence[RawTable]) -> RawTable:
        """The table of which these are all pieces, at least one, in order."""
        return cls(
            spec=pieces[0].spec,
            frame=pl.concat([piece.frame for piece in pieces]),
            rejected=pl.concat([piece.rejected for piece in pieces]),
            rows_in=sum(piece.rows_in for piece in pieces),
            blanks_to_null=sum(piece.blanks_to_null for piece in pieces),
            declared_nulls=sum(piece.declared_nulls for piece in pieces),
            notes={name: text for piece in pieces for name, text in piece.notes.items()},
        )


@dataclass(frozen=True)
class StoredRawTable:
    """A `RawTable` whose rows are read piece by piece from where they are stored; `source` is its `frame`."""

    spec: FileSpec
    source: pl.LazyFrame
    rejected: pl.DataFrame
    rows_in: int
    blanks_to_null: int = 0
    declared_nulls: int = 0
    notes: Mapping[str, str] = field(default_factory=dict)

    def lazy(self) -> pl.LazyFrame:
        """All rows."""
        return self.source

    def collect(self) -> RawTable:
        """The whole table in memory."""
        (table,) = self.pieces(max(self.rows_in, 1))
        return table

    def pieces(self, rows: int) -> Iterator[RawTable]:
        """As `RawTable.pieces`. Raises `SchemaError` when the stored rows are not those that were read."""
        height, found = self.rows_in - self.rejected.height, 0
        for start in range(0, max(height, 1), rows):
            frame = self.source.slice(start, rows).collect().rechunk()
            found += frame.height
            yield _piece(self, frame, is_first=start == 0)
        if found != height:
            raise SchemaError(
                f"{height} rows were read but {found} are stored",
                file=self.spec.path,
                next_action="delete the work of this run and run the study again",
            )


def _piece(table: RawTable | StoredRawTable, frame: pl.DataFrame, *, is_first: bool) -> RawTable:
    rejected = table.rejected if is_first else table.rejected.clear()
    return RawTable(
        spec=table.spec,
        frame=frame,
        rejected=rejected,
        rows_in=frame.height + rejected.height,
        blanks_to_null=table.blanks_to_null if is_first else 0,
        declared_nulls=table.declared_nulls if is_first else 0,
        notes=table.notes,
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
