"""What the publisher relies on in DuckDB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest

from warehouse.table_writer import ROW_GROUP


def test_insert_by_name_puts_each_value_in_its_column() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (study VARCHAR NOT NULL, subject VARCHAR NOT NULL)")
        swapped = pl.DataFrame({"subject": ["s"], "study": ["S"]})
        connection.register("swapped", swapped)
        connection.execute("INSERT INTO t BY NAME SELECT * FROM swapped")
        assert connection.execute("SELECT study, subject FROM t").fetchall() == [("S", "s")]
        connection.execute("INSERT INTO t SELECT * FROM swapped")  # by position: the silent swap
        assert connection.execute("SELECT study FROM t WHERE subject = 'S'").fetchall() == [("s",)]


def test_a_failed_insert_in_a_transaction_leaves_the_old_rows() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (a INTEGER NOT NULL)")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.execute("BEGIN")
        connection.execute("DELETE FROM t")
        with pytest.raises(duckdb.BinderException):
            connection.execute("INSERT INTO t BY NAME SELECT 1 AS a, 2 AS unknown")
        connection.execute("ROLLBACK")
        assert connection.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_a_file_of_storage_version_1_2_says_so_and_opens(tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS old (STORAGE_VERSION 'v1.2.0')")
        connection.execute("CREATE TABLE old.t AS SELECT 1 AS a")
    assert path.read_bytes()[8:20] == b"DUCK" + (65).to_bytes(8, "little")
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("SELECT a FROM t").fetchall() == [(1,)]


@pytest.mark.parametrize("read_only", [False, True])
def test_a_second_process_cannot_open_a_file_that_is_being_written(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "one.duckdb"
    code = (
        "import duckdb, sys\n"
        "try:\n"
        f"    duckdb.connect(sys.argv[1], read_only={read_only})\n"
        "except duckdb.IOException as failure:\n"
        "    print('lock' in str(failure))\n"
    )
    with duckdb.connect(str(path)):
        completed = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, timeout=60
        )
    assert completed.stdout == "True\n"


def test_an_open_reader_keeps_the_file_it_opened(tmp_path: Path) -> None:
    for number in (1, 2):
        with duckdb.connect(str(tmp_path / f"{number}.duckdb")) as connection:
            connection.execute(f"CREATE TABLE t AS SELECT {number} AS a")
    with duckdb.connect(str(tmp_path / "1.duckdb"), read_only=True) as reader:
        (tmp_path / "2.duckdb").replace(tmp_path / "1.duckdb")
        assert reader.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_a_view_finds_its_tables_when_the_file_gets_another_name(tmp_path: Path) -> None:
    path = tmp_path / "first.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS warehouse")
        connection.execute("USE warehouse")
        connection.execute("CREATE TABLE t AS SELECT 1 AS a")
        connection.execute("CREATE VIEW v AS SELECT a FROM t")
    path.rename(tmp_path / "second.duckdb")
    with duckdb.connect(str(tmp_path / "second.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT a FROM v").fetchall() == [(1,)]


def test_two_workers_enter_the_row_groups_of_a_file_in_their_order(tmp_path: Path) -> None:
    rows = pl.DataFrame({"n": pl.int_range(0, 5 * ROW_GROUP + 7, eager=True)})
    rows.with_columns(text=pl.col("n").cast(pl.String)).write_parquet(
        tmp_path / "rows.parquet", row_group_size=ROW_GROUP
    )
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(f"ATTACH '{tmp_path / 'made.duckdb'}' AS made")
        connection.execute("USE made")
        connection.execute("CREATE TABLE t (n BIGINT, text VARCHAR)")
        connection.execute(f"INSERT INTO t BY NAME SELECT * FROM '{tmp_path / 'rows.parquet'}'")
        entered = connection.execute("SELECT n FROM t").fetchall()
    assert entered == rows.rows()


@pytest.mark.parametrize(("option", "has_log"), [("", True), ("(RECOVERY_MODE NO_WAL_WRITES)", False)])
def test_a_file_written_without_a_log_is_whole(tmp_path: Path, option: str, has_log: bool) -> None:
    path = tmp_path / "made.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS made {option}")
        connection.execute("USE made")
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE t AS SELECT range AS a FROM range(5000)")
        connection.execute("COMMIT")
        assert path.with_name("made.duckdb.wal").exists() == has_log
        connection.execute("CHECKPOINT made")
        connection.execute("USE memory")
        connection.execute("DETACH made")
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("SELECT count(*), max(a) FROM t").fetchall() == [(5000, 4999)]
