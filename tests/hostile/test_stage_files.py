"""What somebody changed in the work of an unfinished run is computed again: never trusted, never a crash."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.home import Home
from pipelines.stages import run_stage, run_study
from tests.end_to_end.homes import Tables, home_with
from tests.end_to_end.tiny_studies import write_tiny_study
from warehouse.run_store import RunStore

DAMAGE = {
    "empty list": "[]",
    "empty object": "{}",
    "number": "7",
    "null entries": "[null]",
    "nested": "[" * 20_000,
    "another place": '[{"name":"x","stage":"raw","file":"../../../x","rows":1,"digest":"0","sha256":"0"}]',
}


@pytest.fixture
def begun(tmp_path: Path) -> tuple[Home, Path]:
    """A study taken as far as `staged`, and the list of the tables of its raw stage."""
    home = home_with(tmp_path)
    write_tiny_study(home, "TINY")
    result = run_stage(home, "TINY", "staged")
    return home, RunStore(home.runs).work_folder("TINY", result.run_id) / "raw" / "stage.json"


@pytest.mark.parametrize("content", DAMAGE.values(), ids=DAMAGE)
def test_a_list_of_tables_made_by_hand(begun: tuple[Home, Path], content: str) -> None:
    home, listed = begun
    listed.write_text(content)
    assert run_study(home, "TINY").created
    assert Tables(home, "TINY")["core_rejected_rows"].height == 1


def test_a_table_left_out_of_the_list(begun: tuple[Home, Path]) -> None:
    home, listed = begun
    listed.write_text(json.dumps(json.loads(listed.read_text())[1:]))
    assert run_study(home, "TINY").created
