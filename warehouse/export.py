"""Copies of the published tables as Parquet or CSV, for tools that open no DuckDB file.

What may live here: reading each table whole, in the order of its key, and writing it. What may not: another
content than the published file's, a clock. The same published content gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import duckdb
import polars as pl

from schemas.registry import PUBLISHED_TABLES
from warehouse.ddl import warehouse_key
from warehouse.disk import new_folder

FORMATS: Final = ("parquet", "csv")


def export_tables(connection: duckdb.DuckDBPyConnection, folder: Path, style: str) -> Mapping[str, int]:
    """Write each published table as `<name>.<style>`; returns table name to rows.

    `style` is one of FORMATS. In CSV (UTF-8, RFC 4180) null is an empty field and empty text is two quotes.
    The folder appears by one rename. Raises `StoreError` where it has something in it already or cannot be
    written.
    """
    written = {}
    with new_folder(folder.absolute()) as aside:
        for declared in PUBLISHED_TABLES:
            name = declared.info().name
            order = ", ".join(f'"{part}" NULLS FIRST' for part in warehouse_key(declared))
            frame = connection.sql(f"SELECT * FROM {name} ORDER BY {order}").pl()
            write_table(frame, aside / f"{name}.{style}")
            written[name] = frame.height
    return written


def write_table(frame: pl.DataFrame, path: Path) -> None:
    """Write one table by the suffix of its file, readable by its owner only."""
    if path.suffix == ".csv":
        frame.write_csv(path, quote_style="necessary")
    else:
        frame.rechunk().write_parquet(path, compression="zstd", statistics=True)
    path.chmod(0o600)
