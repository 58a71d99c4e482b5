"""Opening the published DuckDB file, or the tables of one run, for queries that read and nothing else.

What may live here: connections that cannot write, reach another file, the network or a setting. What may
not: queries, writing (`warehouse.publisher`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import duckdb

from pipelines.home import Home
from schemas.base import Table
from schemas.errors import StoreError
from schemas.registry import MAPPING_DIFF_TABLES, PUBLISHED_TABLES, RELEASE_TABLES
from schemas.results import CoreRuns
from warehouse.database_key import (
    FILE_VARIABLE,
    KEY_VARIABLE,
    DatabaseKey,
    attach_options,
    is_encrypted,
    read_database_key,
    require_key_for,
)
from warehouse.database_seal import require_sealed
from warehouse.ddl import table_statements, view_statements
from warehouse.run_store import StoredRun
from warehouse.selection import PublishedRun

_CLOSED: Final[dict[str, str | bool | int | float | list[str]]] = {
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
}
"""Settings of every connection that reads: no variable of the process, no extension, no stored secret."""


def open_published(home: Home) -> duckdb.DuckDBPyConnection:
    """Open the published file so that a query can read it and nothing else.

    Raises `StoreError` when there is no file yet, when it is not the one that was published, when it is no
    database this version can open, or when it is encrypted and the key is missing or another.
    """
    if not home.database.is_file():
        raise StoreError(
            "there is no warehouse file yet",
            file=str(home.database),
            next_action="run regrade run, or regrade publish",
        )
    require_sealed(home)
    key = read_database_key()
    require_key_for(home.database, key)
    if is_encrypted(home.database):
        return _open_encrypted(home.database, key)
    try:
        return duckdb.connect(
            str(home.database),
            read_only=True,
            config={**_CLOSED, "enable_external_access": False, "lock_configuration": True},
        )
    except duckdb.Error:
        raise _not_opened(home.database) from None


def can_be_opened(path: Path, key: DatabaseKey | None) -> bool:
    """Whether the file can be opened with this key."""
    try:
        with duckdb.connect(config=_CLOSED) as connection:
            connection.execute(
                f"ATTACH {_literal(str(path))} AS warehouse {attach_options(key, 'READ_ONLY')}"
            )
    except duckdb.Error:
        return False
    return True


def _open_encrypted(path: Path, key: DatabaseKey | None) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config=_CLOSED)
    try:
        connection.execute(f"ATTACH {_literal(str(path))} AS warehouse {attach_options(key, 'READ_ONLY')}")
        connection.execute("USE warehouse")
        connection.execute("SET temp_directory = ''")  # what is spilled would lie there in plain
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except duckdb.InvalidInputException:
        connection.close()
        raise StoreError(
            "the warehouse file is encrypted with another key",
            file=str(path),
            next_action=f"give its key by {KEY_VARIABLE} or {FILE_VARIABLE}",
        ) from None
    except duckdb.Error:
        connection.close()
        raise _not_opened(path) from None
    return connection


def _not_opened(path: Path) -> StoreError:
    return StoreError(
        "the warehouse file cannot be opened",
        file=str(path),
        next_action="run regrade publish: it builds the file again from the runs",
    )


def open_run(run: StoredRun) -> duckdb.DuckDBPyConnection:
    """The tables and views of the warehouse over one run, as if it were published alone and current.

    Nothing is copied: the tables are views of the run's Parquet files, which are verified first. Comparisons
    of mapping releases are empty. Raises `StoreError` for a damaged run, or one of another schema.
    """
    run.verify()
    connection = duckdb.connect(config={**_CLOSED, "temp_directory": ""})
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
    if stored is None or not run.has_columns(name, declared.polars_schema()):
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
