"""Data homes for end-to-end tests: studies copied aside, run through the real stages, read back.

Nothing here knows what a result should be.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import duckdb
import polars as pl
from typer.testing import CliRunner, Result

from pipelines.cli.app import app
from pipelines.home import Home
from pipelines.stages import RunResult, run_study
from warehouse.run_store import RunStore

CHECKOUT = Path(__file__).resolve().parents[2]
SHIPPED = CHECKOUT / "warehouse" / "landing"
PUBLIC = CHECKOUT / "tests" / "data" / "public"


def home_with(root: Path, *folders: Path) -> Home:
    """A fresh data home whose landing folder holds copies of these study folders."""
    home = Home(root)
    home.ensure()
    for folder in folders:
        shutil.copytree(folder, home.landing / folder.name)
    return home


def write_study(home: Home, study: str, files: Mapping[str, str | bytes]) -> Path:
    """A study folder made of these files, `study.yaml` among them."""
    folder = home.landing / study
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


class Tables:
    """Every table of the run that is current for a study."""

    def __init__(self, home: Home, study: str) -> None:
        run = RunStore(home.runs).current(study)
        assert run is not None
        self.run = run

    def __getitem__(self, name: str) -> pl.DataFrame:
        return self.run.table(name)

    def rows(self, table: str, **where: object) -> list[dict[str, object]]:
        """Rows of a table with these values."""
        frame = self[table]
        for column, value in where.items():
            frame = frame.filter(pl.col(column) == value)
        return frame.to_dicts()

    def row(self, table: str, **where: object) -> dict[str, object]:
        """The one row of a table with these values."""
        (found,) = self.rows(table, **where)
        return found


def run(home: Home, study: str) -> tuple[RunResult, Tables]:
    """Run a study and open its tables."""
    result = run_study(home, study)
    return result, Tables(home, study)


def regrade(home: Home, *arguments: str) -> Result:
    """The command line, called as a user calls it but in this process."""
    return CliRunner().invoke(app, [*arguments, "--home", str(home.root)], env={"COLUMNS": "200"})


def ask(home: Home, query: str) -> pl.DataFrame:
    """Ask the published DuckDB file."""
    with duckdb.connect(str(home.database), read_only=True) as connection:
        return connection.sql(query).pl()


def warehouse_content(home: Home) -> str:
    """Every row of every published table and view, as text: what must survive a failure."""
    with duckdb.connect(str(home.database), read_only=True) as connection:
        names = sorted(
            name
            for (name,) in connection.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'main'"
            ).fetchall()
        )
        return json.dumps(
            {
                name: sorted(map(str, connection.execute(f'SELECT * FROM "{name}"').fetchall()))
                for name in names
            }
        )
