"""Opening the published DuckDB file, or the tables of one run, for queries that read and nothing else.

What may live here: connections that cannot write, reach another file, the network or a setting. What may
not: queries, writing (`warehouse.publisher`).
"""

from __future__ import annotations

import duckdb
import polars as pl

from pipelines.home import Home
from schemas.base import Table
from schemas.errors import StoreError
from schemas.registry import MAPPING_DIFF_TABLES, PUBLISHED_TABLES, RELEASE_TABLES
from schemas.results import CoreRuns
from warehouse.database_seal import require_sealed
from warehouse.ddl import table_statements, view_statements
from warehouse.run_store import StoredRun
from warehouse.selection import PublishedRun


def open_published(home: Home) -> duckdb.DuckDBPyConnection:
    """Open the published file so that a query can read it and nothing else.

    Raises `StoreError` when there is no file yet, when it is not the one that was published, or when it is
    no database this version can open.
    """
    if not home.database.is_file():
        raise StoreError(
            "there is no warehouse file yet",
            file=str(home.database),
            next_action="run regrade run, or regrade publish",
        )
    require_sealed(home)
    try:
        return duckdb.connect(
            str(home.database),
            read_only=True,
            config={
                "enable_external_access": False,
                "python_enable_replacements": False,
                "lock_configuration": True,
            },
        )
    except duckdb.Error:
        raise StoreError(
            "the warehouse file cannot be opened",
            file=str(home.database),
            next_action="run regrade publish: it builds the file again from the runs",
        ) from None


def open_run(run: StoredRun) -> duckdb.DuckDBPyConnection:
    """The tables and views of the warehouse over one run, as if it were published alone and current.

    Nothing is copied: the tables are views of the run's Parquet files, which are verified first. Comparisons
    of mapping releases are empty. Raises `StoreError` for a damaged run, or one of another schema.
    """
    run.verify()
    connection = duckdb.connect(config={"python_enable_replacements": False})
    try:
        paths = []
        for declared in PUBLISHED_TABLES:
            if declared is CoreRuns or declared in MAPPING_DIFF_TABLES:
                for statement in table_statements(declared):
                    connection.execute(statement)
            else:
                paths.append(_make_table(connection, run, declared))
        row = PublishedRun(run, is_current=True, is_comparable=True).row()
        values = ", ".join("?" for _ in row)
        connection.execute(f"INSERT INTO core_runs ({', '.join(row)}) VALUES ({values})", list(row.values()))
        for _, script in view_statements():
            connection.execute(script)
        connection.execute(f"SET allowed_paths = [{', '.join(map(_literal, paths))}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except BaseException:
        connection.close()
        raise
    return connection


def _make_table(connection: duckdb.DuckDBPyConnection, run: StoredRun, declared: type[Table]) -> str:
    """A view of the table's file, with the run id where the warehouse has it; returns the path."""
    name = declared.info().name
    stored = run.tables.get(name)
    schema = None if stored is None else pl.read_parquet_schema(run.folder / stored.file)
    if stored is None or schema is None or dict(schema) != declared.polars_schema():
        raise StoreError(
            f"the table {name} of the run does not fit the schema of this version of the program",
            file=str(run.folder),
            next_action=f"run the study {run.study_id} again",
        )
    path = str(run.folder / stored.file)
    own = "" if declared in RELEASE_TABLES else f"{_literal(run.run_id)} AS run_id, "
    connection.execute(f"CREATE VIEW {name} AS SELECT {own}* FROM read_parquet({_literal(path)})")
    return path


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
