"""The notebook: every cell runs on the published studies, and none can write."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import duckdb
import pytest

from pipelines.home import Home
from tests.end_to_end.homes import CHECKOUT

NOTEBOOK = CHECKOUT / "warehouse" / "notebooks" / "explore.py"


def test_every_cell_runs_and_gives_what_the_file_says(
    shipped_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGRADE_HOME", str(shipped_home.root))
    spec = importlib.util.spec_from_file_location("explore", NOTEBOOK)
    assert spec is not None
    assert spec.loader is not None
    notebook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(notebook)
    outputs, found = notebook.app.run()
    assert len(outputs) == 5
    assert found["study"].value == "CART-DEMO"
    assert found["incidence"].num_rows == 24
    assert found["days"].num_rows > 20
    assert found["answer"].num_rows > 0
    with pytest.raises(duckdb.InvalidInputException, match="read-only"):
        found["warehouse"].execute("DELETE FROM core_runs")
    found["warehouse"].close()


def test_it_runs_as_a_script_and_leaves_the_file_as_it_was(shipped_home: Home) -> None:
    before = shipped_home.database.read_bytes()
    done = subprocess.run(
        [sys.executable, str(NOTEBOOK)],
        cwd=CHECKOUT,
        env={**os.environ, "REGRADE_HOME": str(shipped_home.root), "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert shipped_home.database.read_bytes() == before
