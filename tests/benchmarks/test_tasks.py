"""Every task of the benchmark runs on a small study and is measured beside its floor.

pandas is an extra: without it these tests are skipped, unless REGRADE_REQUIRE_EXTRAS says they must run.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
from pathlib import Path

import pytest

if importlib.util.find_spec("pandas") is None and os.environ.get("REGRADE_REQUIRE_EXTRAS") != "1":
    pytest.skip("no pandas (pip install '.[bench]')", allow_module_level=True)

from tests.benchmarks import tasks
from tests.benchmarks.machine import Cost, describe_machine

ROWS = 1_200
SEED = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prepared = tmp_path_factory.mktemp("benchmark")
    tasks.prepare(prepared, ROWS, SEED)
    return prepared


@pytest.fixture(scope="module")
def costs(folder: Path) -> dict[str, dict[str, Cost]]:
    return {name: task(folder) for name, task in tasks.TASKS.items()}


def test_every_task_has_its_own_line(costs: dict[str, dict[str, Cost]]) -> None:
    for name, parts in costs.items():
        assert name in parts
        assert all(cost.seconds >= 0 and cost.peak_mib > 0 for cost in parts.values())


@pytest.mark.parametrize(("name", "copied"), [("kernel", "core_adverse_events"), ("whole run", "ae")])
def test_a_task_is_measured_between_two_copies_of_its_input(folder: Path, name: str, copied: str) -> None:
    parts = dict(tasks.run_beside_floor(name, folder))
    assert next(iter(parts)) == "floor before"
    assert list(parts)[-1] == "floor after"
    assert name in parts
    assert all(cost["seconds"] > 0 and cost["peak_mib"] > 0 for cost in parts.values())
    assert (folder / "copies" / f"{copied}.parquet").is_file()


def test_a_whole_run_is_measured_stage_by_stage(costs: dict[str, dict[str, Cost]]) -> None:
    parts = costs["whole run"]
    stages = ["plan", "raw", "staged", "checked", "graded", "diffs", "publish"]
    assert [part for part in parts if part in stages] == stages
    total = sum(parts[stage].seconds for stage in stages)
    assert parts["whole run"].seconds == pytest.approx(total)


def test_the_measured_outputs_agree(folder: Path, costs: dict[str, dict[str, Cost]]) -> None:
    compared = tasks.agree(folder)
    rows = tasks.count_rows(folder)
    assert compared.keys() == {"pandas", "duckdb"}
    assert all(count > rows["checked_rows"] for count in compared.values())


def test_what_is_said_of_the_machine_names_no_machine() -> None:
    said = json.dumps(describe_machine())
    assert platform.node() not in said
    assert str(Path.cwd()) not in said
    assert {"cpu", "cores", "memory_gib", "polars", "duckdb", "pandas"} <= json.loads(said).keys()
