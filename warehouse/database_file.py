"""The DuckDB file itself: built whole, or changed in a copy by the runs that came and went.

What may live here: the SQL that writes tables, views and rows. What may not: what is chosen
(`warehouse.selection`), where the file stands and who is told (`warehouse.publisher`).

`build` by one worker gives the same bytes for the same content on the same platform, as far as `_REPEATABLE`
reaches; by several, the same rows in the same order, laid out as their blocks got ready. `change` gives the
same rows, comments and views; where they lie in the file depends on what was there before, so nothing may
rely on the order in which a table without ORDER BY gives its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import duckdb
import polars as pl

from schemas.base import Table
from schemas.errors import StoreError
from schemas.registry import MAPPING_DIFF_TABLES, PUBLISHED_TABLES, RELEASE_TABLES
from schemas.results import CoreRuns
from schemas.wording import counted
from warehouse.comparison_store import StoredComparison
from warehouse.database_key import DatabaseKey, attach_options, prepare_to_encrypt, storage_version
from warehouse.ddl import table_statements, view_statements, warehouse_key
from warehouse.run_store import StoredRun, TableFile
from warehouse.selection import PublishedRun, Selection

_REPEATABLE: Final[dict[str, str | bool | int | float | list[str]]] = {
    "block_allocator_memory": "256MB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
"""Blocks in this memory start zeroed, as DuckDB leaves padding unset; one worker writes them in one order."""
_SAMPLING: Final = "alp,alprd,bitpacking,chimp,dict_fsst,fsst,patas,roaring"
"""Compression methods left out because they sample at random, so that even the size of the file differs."""
_NO_LOG: Final = "RECOVERY_MODE NO_WAL_WRITES"
"""An unfinished file is thrown away: a log to finish it from would take a tenth of the time to build it."""
_FEW_ROWS: Final = 20_000
"""Rows up to which grouping by key takes less than asking whether keys ascend, and that enter together."""
_UNFIT: Final = (duckdb.BinderException, duckdb.ConversionException, duckdb.ConstraintException)
"""What DuckDB says of rows that another schema made."""
WASTE: Final = 0.3
"""Share of blocks without rows from which a file is built whole again."""


Blank: TypeAlias = Callable[[], duckdb.DuckDBPyConnection]
"""Gives what `connect_blank` makes, to one who closes it."""


@dataclass(frozen=True)
class Change:
    """What makes a file of one content that of another.

    `gone` are ids of runs whose rows leave, `come` the runs whose rows enter. Tables that are not of a run
    are written anew where `releases` or `comparisons` says so; those of runs always.
    """

    gone: Collection[str]
    come: Sequence[PublishedRun]
    releases: bool
    comparisons: bool


class _Stream:
    """A frame as Arrow batches and nothing else: a frame itself, DuckDB reads by pyarrow, whose start takes
    longer than all that is written so.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


class UnchangeableError(Exception):
    """The copy cannot be brought to the new content; the file has to be built whole."""


def connect_blank() -> duckdb.DuckDBPyConnection:
    """All tables and views without rows, in memory: what `build` begins with, and needs no file for."""
    connection = duckdb.connect(config={**_REPEATABLE, "threads": 1})
    connection.execute("BEGIN")
    for declared in PUBLISHED_TABLES:
        _create(connection, declared)
    for _, script in view_statements():
        connection.execute(script)
    connection.execute("COMMIT")
    return connection


def build(
    path: Path,
    chosen: Selection,
    comparisons: Callable[[], Sequence[StoredComparison]],
    key: DatabaseKey | None,
    blank: Blank = connect_blank,
    workers: int = 1,
) -> None:
    """Write a file that holds what was chosen; one of the same content, made by one worker and not
    encrypted, has the same bytes.

    `blank` is asked once for a connection, which is closed in the end; `comparisons` are asked for when the
    rows of all runs and releases are written. Raises `StoreError` for a run that does not fit or a key that
    is not unique, `duckdb.Error` where it cannot be written.
    """
    options = (f"STORAGE_VERSION '{storage_version(key)}'", _NO_LOG)
    with blank() as connection, _attached(connection, path, key, workers, *options):
        connection.execute("BEGIN")
        # At once: each of the many comments makes its table anew.
        connection.execute("COPY FROM DATABASE memory TO warehouse (SCHEMA)")
        for declared in PUBLISHED_TABLES:
            _fill(connection, declared, chosen, comparisons() if declared in MAPPING_DIFF_TABLES else ())
        connection.execute("COMMIT")


def change(
    path: Path,
    chosen: Selection,
    comparisons: Sequence[StoredComparison],
    what: Change,
    key: DatabaseKey | None,
    workers: int = 1,
) -> None:
    """Bring a copy of the published file to what was chosen, at the cost of what changed.

    Raises `UnchangeableError` where the file is another than it should be or too much of it is empty, else as
    `build` does.
    """
    try:
        with duckdb.connect(config=_REPEATABLE) as connection, _attached(connection, path, key, workers):
            _require_dense(connection)
            connection.execute("BEGIN")
            for declared in PUBLISHED_TABLES:
                if declared.info().run_scoped and declared is not CoreRuns:
                    _exchange(connection, declared, what)
                elif (
                    declared is CoreRuns
                    or (declared in RELEASE_TABLES and what.releases)
                    or (declared in MAPPING_DIFF_TABLES and what.comparisons)
                ):
                    connection.execute(f"DROP TABLE {declared.info().name}")
                    _create(connection, declared)
                    _fill(connection, declared, chosen, comparisons)
            connection.execute("COMMIT")
    except (duckdb.CatalogException, duckdb.InvalidInputException, duckdb.SerializationException):
        raise UnchangeableError from None


@contextmanager
def _attached(
    connection: duckdb.DuckDBPyConnection, path: Path, key: DatabaseKey | None, workers: int, *options: str
) -> Iterator[None]:
    connection.execute(f"SET threads = {workers}")
    connection.execute(f"SET temp_directory = {literal(str(path.parent / 'spill'))}")
    if key is not None:
        prepare_to_encrypt(connection)
        connection.execute("SET temp_file_encryption = true")
    connection.execute(f"SET disabled_compression_methods = '{_SAMPLING}'")
    connection.execute(f"ATTACH {literal(str(path))} AS warehouse {attach_options(key, *options)}")
    connection.execute("USE warehouse")
    yield
    connection.execute("CHECKPOINT warehouse")
    connection.execute("USE memory")
    connection.execute("DETACH warehouse")


def _require_dense(connection: duckdb.DuckDBPyConnection) -> None:
    ((total, free),) = connection.execute(
        "SELECT total_blocks, free_blocks FROM pragma_database_size() WHERE database_name = 'warehouse'"
    ).fetchall()
    if free > WASTE * total:
        raise UnchangeableError


def _create(connection: duckdb.DuckDBPyConnection, declared: type[Table]) -> None:
    connection.execute(";\n".join(table_statements(declared)))


def _fill(
    connection: duckdb.DuckDBPyConnection,
    declared: type[Table],
    chosen: Selection,
    comparisons: Sequence[StoredComparison],
) -> None:
    name = declared.info().name
    if declared is CoreRuns:
        if chosen.runs:
            _insert_runs(connection, chosen.runs)
    elif declared in RELEASE_TABLES:
        for release in chosen.releases.values():
            _insert_frame(connection, name, release.tables[name])
    elif declared in MAPPING_DIFF_TABLES:
        for stored in comparisons:
            if name in stored.tables:
                source = f"read_parquet({literal(str(stored.path(name)))})"
                connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM {source}")
    else:
        _insert_tables(connection, [each.run for each in chosen.runs], declared)
        return
    _prove_key(connection, name, warehouse_key(declared), "")


def _exchange(connection: duckdb.DuckDBPyConnection, declared: type[Table], what: Change) -> None:
    name = declared.info().name
    if what.gone:
        leaving = ", ".join(map(literal, what.gone))
        connection.execute(f"DELETE FROM {name} WHERE run_id IN ({leaving})")
    _insert_tables(connection, [each.run for each in what.come], declared)


def _insert_tables(
    connection: duckdb.DuckDBPyConnection, runs: Sequence[StoredRun], declared: type[Table]
) -> None:
    """The rows of runs, whose keys are proven: no two runs have one, since it begins with the run's id.

    Few rows enter together: a statement for each run costs more than its rows.
    """
    name = declared.info().name
    for batch in _batches(runs, declared):
        rows = sum(run.tables[name].rows for run in batch)
        try:
            entered = _insert(connection, batch, name)
        except _UNFIT:
            raise _unfit(batch, declared) from None
        if entered != rows:
            raise _unfit(batch, declared)
        if entered > 1:
            these = ", ".join(literal(run.run_id) for run in batch)
            _prove_key(connection, name, warehouse_key(declared), f"WHERE run_id IN ({these})", rows)


def _batches(runs: Sequence[StoredRun], declared: type[Table]) -> Iterator[list[StoredRun]]:
    """Runs in order, as many together as one version of the program made and have few rows of the table.

    Of one version, because columns of several types would meet in one that fits them all.
    """
    batch: list[StoredRun] = []
    rows = 0
    for run in runs:
        stored = _stored(run, declared)
        if batch and (rows + stored.rows > _FEW_ROWS or run.identity["code"] != batch[0].identity["code"]):
            yield batch
            batch, rows = [], 0
        batch.append(run)
        rows += stored.rows
    if batch:
        yield batch


def _stored(run: StoredRun, declared: type[Table]) -> TableFile:
    name = declared.info().name
    if name not in run.tables:
        raise StoreError(
            f"the run lacks the table {name}",
            file=str(run.folder),
            next_action=f"run the study {run.study_id} again with this version of the program",
        )
    return run.tables[name]


def _insert(connection: duckdb.DuckDBPyConnection, runs: Sequence[StoredRun], name: str) -> int:
    """How many rows of these runs entered the table, in the order of runs."""
    sources = " UNION ALL BY NAME ".join(
        f"SELECT {literal(run.run_id)} AS run_id, * "
        f"FROM read_parquet({literal(str(run.folder / run.tables[name].file))})"
        for run in runs
    )
    ((entered,),) = connection.execute(f"INSERT INTO {name} BY NAME {sources}").fetchall()
    return int(entered)


def _unfit(runs: Sequence[StoredRun], declared: type[Table]) -> StoreError:
    """What is wrong with the first run whose rows do not enter a table of their own."""
    name = declared.info().name
    for run in runs:
        with duckdb.connect(config=_REPEATABLE) as apart:
            _create(apart, declared)
            try:
                entered = _insert(apart, [run], name)
            except _UNFIT:
                return StoreError(
                    f"the table {name} of the run does not fit the schema of this version of the program",
                    file=str(run.folder),
                    next_action=f"run the study {run.study_id} again",
                )
        if entered != run.tables[name].rows:
            return StoreError(
                f"the record says {counted(run.tables[name].rows, 'row')} of {name}, {entered} were read",
                file=str(run.folder / run.tables[name].file),
                next_action="delete this folder and run the study again",
            )
    return StoreError(
        f"rows of {name} that fit alone do not fit together",
        next_action="report this defect; the warehouse file was left as it was",
    )


def _insert_runs(connection: duckdb.DuckDBPyConnection, runs: Sequence[PublishedRun]) -> None:
    """All rows at once: one by one, 200 of them take as long as the study that arrives."""
    _insert_frame(connection, "core_runs", pl.DataFrame([each.row() for each in runs]))


def _insert_frame(connection: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    connection.register("given_rows", _Stream(frame))
    connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM given_rows")
    connection.unregister("given_rows")


def _prove_key(
    connection: duckdb.DuckDBPyConnection, name: str, key: tuple[str, ...], where: str, rows: int = 0
) -> None:
    """No key stands twice: few rows are grouped; of many, one pass shows first whether they ascend."""
    if rows > _FEW_ROWS and _ascends(connection, name, key, where):
        return
    columns = ", ".join(key)
    repeated = connection.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM {name} {where} GROUP BY {columns} HAVING count(*) > 1)"
    ).fetchall()[0][0]
    if repeated:
        raise StoreError(
            f"{repeated} keys ({columns}) of {name} are not unique",
            next_action="report this defect; the warehouse file was left as it was",
        )


def _ascends(connection: duckdb.DuckDBPyConnection, name: str, key: tuple[str, ...], where: str) -> bool:
    """Each row has a greater key than the one before, so that none stands twice."""
    ascends = "false"
    for part in reversed(key):
        ascends = f"({part} > last_{part} OR ({part} = last_{part} AND {ascends}))"
    lagged = ", ".join(f"{part}, lag({part}) OVER () AS last_{part}" for part in key)
    ((rows, ascending),) = connection.execute(
        f"SELECT count(*), count(*) FILTER (WHERE {ascends}) FROM (SELECT {lagged} FROM {name} {where})"
    ).fetchall()
    return bool(ascending >= rows - 1)


def literal(text: str) -> str:
    """A text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"
