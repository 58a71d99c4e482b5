"""Copies of the published tables: whole, typed, ordered and repeatable."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pipelines.home import Home
from schemas.registry import PUBLISHED_TABLES
from tests.end_to_end.homes import ask, regrade
from warehouse.ddl import warehouse_key


@pytest.fixture(scope="module")
def exported(shipped_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    for name, style in (("parquet", ()), ("csv", ("--format", "csv"))):
        done = regrade(shipped_home, "export", str(folder / name), *style)
        assert done.exit_code == 0, done.stderr
        assert f"exported: {len(PUBLISHED_TABLES)} tables" in done.stdout
    return folder


def test_every_table_is_copied_row_by_row_in_the_order_of_its_key(shipped_home: Home, exported: Path) -> None:
    rows = 0
    for declared in PUBLISHED_TABLES:
        name = declared.info().name
        copy = pl.read_parquet(exported / "parquet" / f"{name}.parquet")
        published = ask(shipped_home, f"SELECT * FROM {name}")
        key = list(warehouse_key(declared))
        assert copy.schema == published.schema
        assert copy.equals(published.sort(key))
        rows += copy.height
    assert rows > 40_000


def test_types_are_those_of_the_schemas(exported: Path) -> None:
    for declared in PUBLISHED_TABLES:
        schema = dict(pl.read_parquet_schema(exported / "parquet" / f"{declared.info().name}.parquet"))
        schema.pop("run_id" if declared.info().run_scoped else "", None)
        assert schema == declared.polars_schema()


def test_csv_says_the_same_and_keeps_null_and_empty_text_apart(exported: Path) -> None:
    for declared in PUBLISHED_TABLES:
        name = declared.info().name
        typed = pl.read_parquet(exported / "parquet" / f"{name}.parquet")
        text = pl.read_csv(exported / "csv" / f"{name}.csv", infer_schema=False)
        assert text.height == typed.height
        for column in (name for name, dtype in typed.schema.items() if dtype == pl.String):
            assert text[column].null_count() == typed[column].null_count(), (name, column)


def test_the_same_published_file_gives_the_same_bytes(
    shipped_home: Home, exported: Path, tmp_path: Path
) -> None:
    for style in ("parquet", "csv"):
        done = regrade(shipped_home, "export", str(tmp_path / style), "--format", style)
        assert done.exit_code == 0
        for path in (exported / style).iterdir():
            assert path.read_bytes() == (tmp_path / style / path.name).read_bytes(), path.name
            assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_overwritten(shipped_home: Home, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    done = regrade(shipped_home, "export", str(tmp_path))
    assert done.exit_code == 1
    assert "there is something in this place already" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_without_a_published_file_the_next_action_is_named(tmp_path: Path) -> None:
    done = regrade(Home(tmp_path / "home").ensure(), "export", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert "there is no warehouse file yet" in done.stderr


def test_another_format_is_a_wrong_command_line(shipped_home: Home, tmp_path: Path) -> None:
    assert regrade(shipped_home, "export", str(tmp_path / "out"), "--format", "xlsx").exit_code == 2
