"""`regrade sql`: ask the published DuckDB file. Read-only, no other file, no network, no settings."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import duckdb

from pipelines.cli.failures import OK
from pipelines.cli.output import print_csv, print_json, print_table, records, say
from pipelines.home import Home, resolve_home
from schemas.errors import RegradeError
from warehouse.reader import open_published

SHOWN_ROWS = 1000
"""A table on a terminal stops here and says so; piped text, JSON and CSV are always whole."""


def connect(home: Home) -> duckdb.DuckDBPyConnection:
    """Open the published file so that a query can read it and nothing else; see `open_published`."""
    return open_published(home)


def run_query(home_option: str | None, query: str, as_json: bool, as_csv: bool) -> int:
    """Print what the query returns; a wrong query is an error that quotes DuckDB's own words."""
    with connect(resolve_home(home_option)) as connection:
        try:
            if len(connection.extract_statements(query)) > 1:
                raise RegradeError(
                    "the query has several statements, of which only the last would be shown",
                    next_action="ask them one by one",
                )
            connection.execute(query)
            described = connection.description
        except duckdb.Error as failure:
            raise RegradeError(_first_words(failure), next_action=_advice(failure)) from None
        except AttributeError:  # an empty query has no result object
            described = None
        if not described:
            raise RegradeError(
                "the query is empty", next_action="ask something, e.g. select * from core_studies"
            )
        columns = [column[0] for column in described]
        try:
            if as_json:
                print_json(records(columns, _rows(connection)))
            elif as_csv:
                print_csv(columns, _rows(connection))
            elif sys.stdout.isatty():
                shown = connection.fetchmany(SHOWN_ROWS)
                print_table(columns, shown)
                if connection.fetchmany(1):
                    say(f"the first {SHOWN_ROWS} rows are shown; --csv or --json prints all of them")
            else:
                print_table(columns, _rows(connection))
        except duckdb.Error as failure:  # streamed results fail while they are read
            raise RegradeError(_first_words(failure), next_action=_advice(failure)) from None
    return OK


def _rows(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while batch := connection.fetchmany(10_000):
        yield from batch


def _first_words(failure: duckdb.Error) -> str:
    """DuckDB's message without its picture of the query."""
    return re.sub(r"\s+", " ", str(failure).split("\n\nLINE ")[0]).strip().rstrip(".")


def _advice(failure: duckdb.Error) -> str:
    name = type(failure).__name__
    if name in ("CatalogException", "BinderException"):
        return (
            "see the tables with: regrade sql 'show tables', and columns with: regrade sql 'describe TABLE'"
        )
    if name in ("PermissionException", "InvalidInputException"):
        return "the file is open for reading only, and a query reaches no other file"
    return "correct the query"
