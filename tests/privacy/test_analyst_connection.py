"""What a query can do to the published file, other files, the network and settings: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.home import Home
from tests.unit.store_samples import seal_sample
from warehouse.publisher import publish
from warehouse.reader import open_published, open_run
from warehouse.run_store import RunStore

ATTACKS = (
    "COPY core_runs TO '{out}/x.csv'",
    "COPY (SELECT 1) TO '{out}/x.parquet'",
    "COPY (SELECT 1) TO '/dev/stdout'",
    "EXPORT DATABASE '{out}/x'",
    "IMPORT DATABASE '{out}'",
    "ATTACH '{out}/x.duckdb'",
    "ATTACH '{out}/secret.txt' AS s (TYPE sqlite)",
    "INSTALL httpfs",
    "FORCE INSTALL httpfs FROM community",
    "LOAD httpfs",
    "LOAD '{out}/secret.txt'",
    "UPDATE EXTENSIONS",
    "SET enable_external_access = true",
    "RESET enable_external_access",
    "SET lock_configuration = false",
    "SET temp_directory = '{out}'",
    "SET allowed_directories = ['{out}']",
    "SET autoload_known_extensions = true",
    "SET threads = 1",
    "PRAGMA threads = 1",
    "PRAGMA enable_profiling = 'json'",
    "PRAGMA profile_output = '{out}/x.json'",
    "CALL enable_logging(storage = 'file', storage_config = {{'path': '{out}'}})",
    "CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'x')",
    "FROM read_csv('{out}/secret.txt')",
    "FROM read_text('{out}/secret.txt')",
    "FROM read_blob('/proc/self/environ')",
    "FROM read_json('{out}/secret.txt')",
    "FROM read_parquet('{out}/x.parquet')",
    "FROM '{out}/secret.txt'",
    "FROM glob('{out}/*')",
    "FROM sniff_csv('{out}/secret.txt')",
    "FROM read_csv('https://localhost:1/x.csv')",
    "SELECT * FROM query('FROM read_text(''{out}/secret.txt'')')",
    "SELECT getenv('HOME')",
    "FROM python_variable",
)
WRITES = (
    "DROP TABLE core_runs",
    "DELETE FROM core_runs",
    "UPDATE core_runs SET study_id = 'x'",
    "INSERT INTO core_runs SELECT * FROM core_runs",
    "CREATE TABLE {database}.x AS SELECT 1",
    "CREATE OR REPLACE VIEW {database}.out_latest_runs AS SELECT 1",
    "COMMENT ON TABLE core_runs IS 'x'",
    "ALTER TABLE core_runs ADD COLUMN x INT",
)
python_variable = "a variable of the process is no table"


@pytest.fixture(scope="module", params=["plain", "encrypted", "run"])
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """A connection as the program gives it, and a folder with a file that it must not reach."""
    root = tmp_path_factory.mktemp("analyst")
    home = Home(root / "home").ensure()
    run = seal_sample(home.runs, "A")
    (root / "secret.txt").write_text("secret")
    with pytest.MonkeyPatch.context() as patched:
        if request.param == "encrypted":
            patched.setenv("REGRADE_DATABASE_KEY", "a key of many letters")
            patched.setenv("REGRADE_DATABASE_CRYPTO", "unsafe")
        if request.param != "run":
            publish(home)
        with open_run(run) if request.param == "run" else open_published(home) as connection:
            yield connection, root


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_query_reaches_nothing_outside(opened: tuple[duckdb.DuckDBPyConnection, Path], attack: str) -> None:
    connection, root = opened
    before = sorted(path.name for path in root.iterdir())
    with pytest.raises(duckdb.Error):
        connection.execute(attack.format(out=root)).fetchall()
    assert sorted(path.name for path in root.iterdir()) == before


def test_a_query_changes_nothing(opened: tuple[duckdb.DuckDBPyConnection, Path]) -> None:
    """A run is opened as views in memory, which end with the connection; only its files must stay."""
    connection, root = opened
    ((database,),) = connection.execute("SELECT current_database()").fetchall()
    for attack in WRITES if database != "memory" else ():
        with pytest.raises(duckdb.Error):
            connection.execute(attack.format(database=database))
    assert connection.execute("SELECT count(*) FROM core_runs").fetchall() == [(1,)]
    for run in (root / "home" / "runs" / "A").glob("*/run.json"):
        stored = RunStore(root / "home" / "runs").find("A", run.parent.name)
        assert stored is not None
        stored.verify()


@pytest.mark.parametrize(
    "query", ["select 1; select 2", "select 1; drop table core_runs", ";;select 1; select 2;"]
)
def test_several_statements_are_refused_not_half_shown(tmp_path: Path, query: str) -> None:
    home = Home(tmp_path / "home").ensure()
    publish(home)
    done = CliRunner().invoke(app, ["sql", query, "--home", str(home.root)])
    assert done.exit_code == 1
    assert "several statements" in done.output
    assert CliRunner().invoke(app, ["sql", "select 1;", "--home", str(home.root)]).exit_code == 0
