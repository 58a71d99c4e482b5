"""`regrade deliver` and `regrade export`: write a run, or the published tables, into a folder.

What may live here: the words about what was written. What may not: what is written
(`pipelines.delivery`, `warehouse.export`).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from pipelines.cli.failures import OK
from pipelines.cli.output import SHORT, print_json, visible
from pipelines.cli.query import connect
from pipelines.delivery import deliver
from pipelines.home import resolve_home
from warehouse.export import export_tables


def run_deliver(
    home_option: str | None, study_id: str, folder: Path, run_prefix: str | None, as_json: bool
) -> int:
    """Write the delivered folder and say what is in it and what is not."""
    done = deliver(resolve_home(home_option), study_id, folder.expanduser(), run_prefix)
    if as_json:
        print_json({**asdict(done), "folder": str(done.folder)})
        return OK
    print(f"delivered: study {visible(done.study_id)}, run {done.run_id[:SHORT]}, {done.files} files")
    print(f"folder     {visible(done.folder)}  (readable by its owner only: it holds subject identifiers)")
    if done.meddra is not None:
        print(f"not in it  MedDRA {done.meddra}: licensed; whoever verifies needs a copy of their own")
    if not done.has_program:
        print("not in it  the program: other sources are installed than made the run")
    print(f"verify     regrade verify {visible(done.folder)}")
    return OK


def run_export(home_option: str | None, folder: Path, style: str, as_json: bool) -> int:
    """Write every published table as one file and say where."""
    home = resolve_home(home_option)
    with connect(home) as connection:
        written = export_tables(connection, folder.expanduser(), style)
    if as_json:
        print_json({"folder": str(folder.expanduser().absolute()), "format": style, "tables": dict(written)})
        return OK
    rows = sum(written.values())
    print(f"exported: {len(written)} tables, {rows} rows, as {style}")
    print(f"folder    {visible(folder.expanduser().absolute())}  (readable by its owner only)")
    return OK
