"""`regrade deliver` and `regrade export`: write a run, or the published tables, into a folder.

What may live here: the words about what was written. What may not: what is written
(`pipelines.delivery`, `warehouse.export`).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from pipelines.cli.failures import OK
from pipelines.cli.output import SHORT, print_json, say, visible
from pipelines.cli.query import connect
from pipelines.delivery import DELIVERY_NAME, deliver
from pipelines.home import Home, given_path, resolve_home
from schemas.errors import StoreError
from schemas.wording import counted
from warehouse.database_seal import read_seal
from warehouse.disk import sha256_file
from warehouse.export import export_tables
from warehouse.ledger import Ledger, Note


def run_deliver(
    home_option: str | None,
    study_id: str,
    folder: Path,
    run_prefix: str | None,
    as_json: bool,
    reason: str | None = None,
) -> int:
    """Write the delivered folder and say what is in it and what is not."""
    home = resolve_home(home_option)
    target = home.require_outside(given_path(folder, "FOLDER"))
    done = deliver(home, study_id, target, run_prefix)
    _record(
        home,
        reason,
        Note(
            "delivered",
            {
                "study_id": done.study_id,
                "run_id": done.run_id,
                "files": done.files,
                "delivery_sha256": sha256_file(done.folder / DELIVERY_NAME),
            },
        ),
    )
    if as_json:
        print_json({**asdict(done), "folder": str(done.folder)})
        return OK
    print(
        f"delivered: study {visible(done.study_id)}, run {done.run_id[:SHORT]}, {counted(done.files, 'file')}"
    )
    print(f"folder     {visible(done.folder)}  (readable by its owner only: it holds subject identifiers)")
    if done.meddra is not None:
        print(f"not in it  MedDRA {done.meddra}: licensed; whoever verifies needs a copy of their own")
    if not done.has_program:
        print("not in it  the program: other sources are installed than made the run")
    print(f"verify     regrade verify {visible(done.folder)}")
    return OK


def run_export(
    home_option: str | None, folder: Path, style: str, as_json: bool, reason: str | None = None
) -> int:
    """Write every published table as one file and say where."""
    home = resolve_home(home_option)
    folder = home.require_outside(given_path(folder, "FOLDER").absolute())
    with connect(home) as connection:
        seal = read_seal(home)
        written = export_tables(connection, folder, style)
    key = None if seal is None else seal.content_key
    _record(home, reason, Note("exported", {"content_key": key, "format": style, "tables": len(written)}))
    if as_json:
        print_json({"folder": str(folder), "format": style, "tables": dict(written)})
        return OK
    rows = sum(written.values())
    print(f"exported: {counted(len(written), 'table')}, {counted(rows, 'row')}, as {style}")
    print(f"folder    {visible(folder)}  (readable by its owner only)")
    return OK


def _record(home: Home, reason: str | None, note: Note) -> None:
    """Tell the ledger; who may only read the data home may still take copies, and is told."""
    try:
        Ledger(home.runs, reason).append(note)
    except StoreError as failure:
        say(f"regrade: not in the ledger: {failure}")
