"""DuckDB DDL, written from the schemas and from nothing else.

What may live here: column types, keys, comments, the reading of `views/*.sql`. What may not: data.
A column is described once, in `schemas/`; the comment an analyst reads in the database says what the
column holds, what null means and where it comes from in CDISC terms.
"""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Final

import polars as pl

from schemas.base import Table
from schemas.registry import PUBLISHED_TABLES

RUN_ID_COMMENT: Final = "Run the row belongs to: sha256 over inputs, manifest, release and code"
SMALL_TABLES: Final = frozenset(
    {"core_studies"}
    | {declared.info().name for declared in PUBLISHED_TABLES if not declared.info().run_scoped}
)
"""Tables that declare their primary key; on millions of rows an index doubles the load time, so the
other keys are proven unique before publication instead."""

_TYPES: Final[dict[pl.DataType, str]] = {
    pl.String(): "VARCHAR",
    pl.Boolean(): "BOOLEAN",
    pl.Int8(): "TINYINT",
    pl.Int32(): "INTEGER",
    pl.Int64(): "BIGINT",
    pl.Float64(): "DOUBLE",
    pl.Date(): "DATE",
    pl.Datetime("us"): "TIMESTAMP",
}


def warehouse_key(declared: type[Table]) -> tuple[str, ...]:
    """Primary key in the warehouse: run-scoped tables are unique within a run."""
    info = declared.info()
    return ("run_id", *info.key) if info.run_scoped else info.key


def table_statements(declared: type[Table]) -> list[str]:
    """`CREATE TABLE` and `COMMENT ON` statements of one table, columns in warehouse order."""
    info = declared.info()
    lines, comments = [], []
    if info.run_scoped:
        lines.append("run_id VARCHAR NOT NULL")
        comments.append(("run_id", RUN_ID_COMMENT))
    types = declared.polars_schema()
    for name, spec in declared.declared_columns().items():
        lines.append(f"{_quoted(name)} {_TYPES[types[name]]}" + ("" if spec.nullable else " NOT NULL"))
        comments.append((name, column_comment(declared, name)))
    key = ", ".join(_quoted(part) for part in warehouse_key(declared))
    if info.name in SMALL_TABLES:
        lines.append(f"PRIMARY KEY ({key})")
    body = ",\n  ".join(lines)
    return [
        f"CREATE TABLE {info.name} (\n  {body}\n)",
        f"COMMENT ON TABLE {info.name} IS {_literal(table_comment(declared))}",
        *(f"COMMENT ON COLUMN {info.name}.{_quoted(name)} IS {_literal(text)}" for name, text in comments),
    ]


def table_comment(declared: type[Table]) -> str:
    """What the table holds, what one row is, and its key."""
    about = " ".join((declared.__doc__ or "").split())
    return f"{about} One row is {declared.info().grain}; key: {', '.join(warehouse_key(declared))}."


def column_comment(declared: type[Table], name: str) -> str:
    """Description of a column, what null means where it may be null, and its CDISC origin."""
    spec = declared.declared_columns()[name]
    parts = [spec.description.rstrip(".") + "."]
    if spec.null_means:
        parts.append(f"Null: {spec.null_means}.")
    if spec.origin != "derived":
        parts.append(f"Origin: {spec.origin}.")
    return " ".join(parts)


@functools.cache
def view_statements() -> tuple[tuple[str, str], ...]:
    """Name and SQL of each analyst view, in name order; each file also comments on what it makes."""
    folder = files("warehouse") / "views"
    scripts = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple((name.removesuffix(".sql"), (folder / name).read_text(encoding="utf-8")) for name in scripts)


def ddl_text() -> str:
    """All DDL of the warehouse as one text: part of the key that says whether a publication is current."""
    tables = [statement for declared in PUBLISHED_TABLES for statement in table_statements(declared)]
    return ";\n".join(tables) + ";\n" + "\n".join(sql for _, sql in view_statements())


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
