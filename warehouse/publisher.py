"""The one place that writes DuckDB: builds the warehouse file aside and swaps it in.

What may live here: writing what `warehouse.selection` chose into the file. What may not: results of any
kind; the file holds what the run folders hold and can be deleted at any time.

Every published run is verified byte by byte first. The new file is complete, proven and on the disk
before one rename puts it in place, so a reader sees the old file or the new one and never a half. The
ledger tells of it and the seal names it before that rename.
The same runs give the same content: every table, row, order, comment and view, and on the same platform
the same bytes, as far as `_REPEATABLE` reaches.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from pipelines.home import Home
from schemas.base import Table
from schemas.errors import StoreError
from schemas.registry import MAPPING_DIFF_TABLES, PUBLISHED_TABLES, RELEASE_TABLES
from schemas.results import CoreRuns
from warehouse.comparison_store import ComparisonStore, StoredComparison
from warehouse.database_seal import is_sealed, standing_sha256, write_seal
from warehouse.ddl import ddl_text, table_statements, view_statements, warehouse_key
from warehouse.ledger import Note
from warehouse.run_store import (
    RunStore,
    StoredRun,
    canonical_json,
    file_lock,
    flush,
    sha256_file,
    sha256_text,
)
from warehouse.selection import PublishedRun, Selection, select

STORAGE_VERSION: Final = "v1.2.0"
"""DuckDB 1.2 and later can open the file; 2.0's own default would lock out every 1.x client."""
_REPEATABLE: Final[dict[str, str | bool | int | float | list[str]]] = {
    "threads": 1,
    "block_allocator_memory": "256MB",
}
"""Blocks reach the file in one order; those in this memory start zeroed, as DuckDB leaves padding unset."""
_SAMPLING: Final = "alp,alprd,bitpacking,chimp,dict_fsst,fsst,patas,roaring"
"""Compression methods left out because they sample at random, so that even the size of the file differs."""


@dataclass(frozen=True)
class Publication:
    """What `publish` did. `created` is False when the file already held exactly this content.

    `run_ids` are the current runs, one for each study; `runs` counts those beside them too. `left_out`
    has a sentence for each thing that could not be published and what to do about it.
    """

    path: Path
    created: bool
    content_key: str
    run_ids: tuple[str, ...]
    runs: int
    left_out: tuple[str, ...]


def publish(home: Home, reason: str | None = None) -> Publication:
    """Bring the DuckDB file to the chosen runs, releases and comparisons; does nothing when it is there.

    `reason` is what the ledger says why. Tables exist even when no study has rows for them. Raises
    `StoreError`, leaving the old file as it is, when a run is damaged, when current runs disagree on the
    content of one mapping release, when a key is not unique, or when the home cannot be written.
    """
    home.ensure()
    with file_lock(home.runs / ".locks" / "publish.lock"):
        store = RunStore(home.runs, reason)
        chosen = select(store)
        run_ids = tuple(each.run.run_id for each in chosen.runs if each.is_current)
        contents = {name: release.sha256 for name, release in chosen.releases.items()}
        comparisons = ComparisonStore(home.runs).standing(contents, run_ids)
        key = content_key(chosen, comparisons)
        done = (key, run_ids, len(chosen.runs), chosen.left_out)
        standing = standing_sha256(home)
        if is_sealed(home, key, standing):
            return Publication(home.database, False, *done)
        for left_behind in home.root.glob(".publish-*"):  # by a process that was killed
            shutil.rmtree(left_behind, ignore_errors=True)
        workshop = Path(tempfile.mkdtemp(prefix=".publish-", dir=home.root))
        try:
            built = workshop / home.database.name
            try:
                _build(built, chosen, comparisons)
            except (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException):
                # A full disk is any of these, depending on where it strikes.
                raise StoreError(
                    "the warehouse file cannot be written",
                    file=str(home.database),
                    next_action="make room and run regrade publish; the runs and the old file are safe",
                ) from None
            flush(built)
            file_sha256 = sha256_file(built)
            facts = {"content_key": key, "file_sha256": file_sha256, "studies": len(run_ids)}
            entry = store.ledger.append(Note("published", facts))
            write_seal(home, key, file_sha256, entry, standing)
            built.replace(home.database)
            flush(home.root)
        finally:
            shutil.rmtree(workshop, ignore_errors=True)
        return Publication(home.database, True, *done)


def content_key(chosen: Selection, comparisons: Sequence[StoredComparison]) -> str:
    """sha256 over runs, releases, comparisons, the DDL and views, and the DuckDB version that writes."""
    content = {
        "duckdb": duckdb.__version__,
        "storage": STORAGE_VERSION,
        "ddl": sha256_text(ddl_text()),
        "runs": sorted((each.run.run_id, each.is_current) for each in chosen.runs),
        "releases": sorted((name, each.sha256, each.status) for name, each in chosen.releases.items()),
        "comparisons": sorted(
            (name, file.sha256) for stored in comparisons for name, file in stored.tables.items()
        ),
    }
    return sha256_text(canonical_json(content))


def _build(path: Path, chosen: Selection, comparisons: Sequence[StoredComparison]) -> None:
    with duckdb.connect(config=_REPEATABLE) as connection:
        connection.execute(f"SET disabled_compression_methods = '{_SAMPLING}'")
        connection.execute(f"ATTACH {_literal(str(path))} AS warehouse (STORAGE_VERSION '{STORAGE_VERSION}')")
        connection.execute("USE warehouse")
        connection.execute("BEGIN")  # one commit: each of the many comments would be flushed on its own
        for declared in PUBLISHED_TABLES:
            for statement in table_statements(declared):
                connection.execute(statement)
            _fill(connection, declared, chosen, comparisons)
            _prove_key(connection, declared.info().name, warehouse_key(declared))
        for _, script in view_statements():
            connection.execute(script)
        connection.execute("COMMIT")
        connection.execute("CHECKPOINT warehouse")
        connection.execute("USE memory")
        connection.execute("DETACH warehouse")


def _fill(
    connection: duckdb.DuckDBPyConnection,
    declared: type[Table],
    chosen: Selection,
    comparisons: Sequence[StoredComparison],
) -> None:
    name = declared.info().name
    if declared is CoreRuns:
        for each in chosen.runs:
            _insert_run(connection, each)
    elif declared in RELEASE_TABLES:
        for release in chosen.releases.values():
            connection.register("release_rows", release.tables[name])
            connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM release_rows")
            connection.unregister("release_rows")
    elif declared in MAPPING_DIFF_TABLES:
        for stored in comparisons:
            if name in stored.tables:
                source = f"read_parquet({_literal(str(stored.path(name)))})"
                connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM {source}")
    else:
        for each in chosen.runs:
            _insert_table(connection, each.run, name)


def _insert_table(connection: duckdb.DuckDBPyConnection, run: StoredRun, name: str) -> None:
    stored = run.tables.get(name)
    if stored is None:
        raise StoreError(
            f"the run lacks the table {name}",
            file=str(run.folder),
            next_action=f"run the study {run.study_id} again with this version of the program",
        )
    source = f"read_parquet({_literal(str(run.folder / stored.file))})"
    try:
        connection.execute(
            f"INSERT INTO {name} BY NAME SELECT {_literal(run.run_id)} AS run_id, * FROM {source}"
        )
    except (duckdb.BinderException, duckdb.ConversionException, duckdb.ConstraintException):
        raise StoreError(
            f"the table {name} of the run does not fit the schema of this version of the program",
            file=str(run.folder),
            next_action=f"run the study {run.study_id} again",
        ) from None


def _insert_run(connection: duckdb.DuckDBPyConnection, each: PublishedRun) -> None:
    row = each.row()
    values = ", ".join("?" for _ in row)
    names = ", ".join(row)
    connection.execute(f"INSERT INTO core_runs ({names}) VALUES ({values})", list(row.values()))


def _prove_key(connection: duckdb.DuckDBPyConnection, name: str, key: tuple[str, ...]) -> None:
    columns = ", ".join(key)
    repeated = connection.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM {name} GROUP BY {columns} HAVING count(*) > 1)"
    ).fetchall()[0][0]
    if repeated:
        raise StoreError(
            f"{repeated} keys ({columns}) of {name} are not unique",
            next_action="report this defect; the warehouse file was left as it was",
        )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
