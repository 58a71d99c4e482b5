"""The one place that writes DuckDB: builds the warehouse file aside and swaps it in.

What may live here: publishing the current runs. What may not: results of any kind; the file holds
what the run folders hold and can be deleted at any time.

Every current run is verified byte by byte first. The new file is complete, proven and on the disk
before one rename puts it in place, so a reader sees the old file or the new one and never a half.
The same runs give the same content: every table, row, order, comment and view. Not the same bytes:
DuckDB leaves padding inside its compressed blocks unset.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from pipelines.home import Home
from schemas.errors import StoreError
from schemas.registry import PUBLISHED_TABLES, RELEASE_TABLES
from schemas.results import CoreRuns
from warehouse.ddl import ddl_text, table_statements, view_statements, warehouse_key
from warehouse.run_store import (
    RunStore,
    StoredRun,
    canonical_json,
    file_lock,
    flush,
    sha256_file,
    sha256_text,
)

STORAGE_VERSION: Final = "v1.2.0"
"""DuckDB 1.2 and later can open the file; 2.0's own default would lock out every 1.x client."""
_RELEASE_NAMES: Final = frozenset(declared.info().name for declared in RELEASE_TABLES)


@dataclass(frozen=True)
class Publication:
    """What `publish` did. `created` is False when the file already held exactly this content."""

    path: Path
    created: bool
    content_key: str
    run_ids: tuple[str, ...]


def publish(home: Home) -> Publication:
    """Bring the DuckDB file to the current run of every study; does nothing when it already is.

    Tables exist even when no study has rows for them. Raises `StoreError`, leaving the old file as
    it is, when a run is damaged, when two runs disagree on the content of one mapping release, when
    a key is not unique, or when the home cannot be written.
    """
    home.ensure()
    with file_lock(home.runs / ".locks" / "publish.lock"):
        store = RunStore(home.runs)
        runs = [run for study in store.study_ids() if (run := store.current(study)) is not None]
        key = content_key(runs)
        run_ids = tuple(run.run_id for run in runs)
        for run in runs:
            run.verify()
        if _is_published(home, key):
            return Publication(home.database, False, key, run_ids)
        releases = _release_sources(runs)
        for left_behind in home.root.glob(".publish-*"):  # by a process that was killed
            shutil.rmtree(left_behind, ignore_errors=True)
        workshop = Path(tempfile.mkdtemp(prefix=".publish-", dir=home.root))
        try:
            built = workshop / home.database.name
            try:
                _build(built, runs, releases)
            except (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException):
                # A full disk is any of these, depending on where it strikes.
                raise StoreError(
                    "the warehouse file cannot be written",
                    file=str(home.database),
                    next_action="check the free disk space, then run regrade publish; nothing is lost",
                ) from None
            flush(built)
            built.replace(home.database)
            flush(home.root)
            _write_seal(home, key)
        finally:
            shutil.rmtree(workshop, ignore_errors=True)
        store.note("published", content_key=key)
        return Publication(home.database, True, key, run_ids)


def content_key(runs: Sequence[StoredRun]) -> str:
    """sha256 over the runs, the DDL and views, and the DuckDB version that writes the file."""
    content = {
        "duckdb": duckdb.__version__,
        "storage": STORAGE_VERSION,
        "ddl": sha256_text(ddl_text()),
        "runs": sorted(run.run_id for run in runs),
    }
    return sha256_text(canonical_json(content))


def _seal_path(home: Home) -> Path:
    return home.database.with_name(home.database.name + ".json")


def _write_seal(home: Home, key: str) -> None:
    """Say beside the file what it holds; written last, so a crash leaves a seal that does not fit."""
    seal = {"content_key": key, "file_sha256": sha256_file(home.database)}
    building = _seal_path(home).with_suffix(".new")
    building.write_text(canonical_json(seal) + "\n", encoding="utf-8")
    building.replace(_seal_path(home))


def _is_published(home: Home, key: str) -> bool:
    try:
        seal = _seal_path(home).read_text(encoding="utf-8")
        return seal == canonical_json({"content_key": key, "file_sha256": sha256_file(home.database)}) + "\n"
    except OSError:
        return False


def _release_sources(runs: Sequence[StoredRun]) -> dict[str, StoredRun]:
    """For each release in use, the run whose copy of it is published."""
    sources: dict[str, StoredRun] = {}
    for run in runs:
        release = run.identity["release"]
        first = sources.setdefault(release["release_id"], run)
        if first.identity["release"]["sha256"] != release["sha256"]:
            raise StoreError(
                f"the studies {first.study_id} and {run.study_id} were graded with different contents of "
                f"mapping release {release['release_id']}",
                next_action="run both studies again, so that they use the release that is installed",
            )
    return sources


def _build(path: Path, runs: Sequence[StoredRun], releases: dict[str, StoredRun]) -> None:
    # One thread, so that the same runs give the same rows in the same order and layout.
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"ATTACH {_literal(str(path))} AS warehouse (STORAGE_VERSION '{STORAGE_VERSION}')")
        connection.execute("USE warehouse")
        connection.execute("BEGIN")  # one commit: each of the many comments would be flushed on its own
        for declared in PUBLISHED_TABLES:
            for statement in table_statements(declared):
                connection.execute(statement)
            name = declared.info().name
            for run in releases.values() if name in _RELEASE_NAMES else runs:
                if declared is CoreRuns:
                    _insert_run(connection, run)
                else:
                    _insert_table(connection, run, name, declared.info().run_scoped)
            _prove_key(connection, name, warehouse_key(declared))
        for _, script in view_statements():
            connection.execute(script)
        connection.execute("COMMIT")
        connection.execute("CHECKPOINT warehouse")
        connection.execute("USE memory")
        connection.execute("DETACH warehouse")


def _insert_table(
    connection: duckdb.DuckDBPyConnection, run: StoredRun, name: str, is_run_scoped: bool
) -> None:
    stored = run.tables.get(name)
    if stored is None:
        raise StoreError(
            f"the run lacks the table {name}",
            file=str(run.folder),
            next_action=f"run the study {run.study_id} again with this version of the program",
        )
    source = f"read_parquet({_literal(str(run.folder / stored.file))})"
    prefix = f"{_literal(run.run_id)} AS run_id, " if is_run_scoped else ""
    try:
        connection.execute(f"INSERT INTO {name} BY NAME SELECT {prefix}* FROM {source}")
    except (duckdb.BinderException, duckdb.ConversionException, duckdb.ConstraintException):
        raise StoreError(
            f"the table {name} of the run does not fit the schema of this version of the program",
            file=str(run.folder),
            next_action=f"run the study {run.study_id} again",
        ) from None


def _insert_run(connection: duckdb.DuckDBPyConnection, run: StoredRun) -> None:
    row = run_row(run)
    values = ", ".join("?" for _ in row)
    names = ", ".join(row)
    connection.execute(f"INSERT INTO core_runs ({names}) VALUES ({values})", list(row.values()))


def run_row(run: StoredRun) -> dict[str, Any]:
    """The row of `core_runs` that describes a published run."""
    identity = run.identity
    return {
        "run_id": run.run_id,
        "study_id": run.study_id,
        "is_current": True,
        "code_version": identity["code"]["version"],
        "code_sha256": identity["code"]["sha256"],
        "manifest_sha256": sha256_text(canonical_json(identity["manifest"])),
        "inputs_sha256": sha256_text(canonical_json(identity["inputs"])),
        "mapping_release_id": identity["release"]["release_id"],
        "mapping_release_sha256": identity["release"]["sha256"],
    }


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
