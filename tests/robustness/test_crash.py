"""Twenty kills of real processes at seeded moments; `python -m tests.robustness.crash` makes more."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.home import Home
from tests.robustness.crash import attack
from tests.robustness.situations import (
    Situation,
    copy_home,
    faults_of,
    finished_faults,
    make_situations,
)

KILLS = {"changed study": 6, "publish": 5, "release check": 5, "preview": 4}


@pytest.fixture(scope="module")
def situations(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Situation]:
    made = make_situations(tmp_path_factory.mktemp("situations"), KILLS)
    return {situation.name: situation for situation in made}


@pytest.mark.slow
@pytest.mark.parametrize("name", KILLS)
def test_a_killed_command_loses_nothing(situations: dict[str, Situation], name: str, tmp_path: Path) -> None:
    tally = attack(situations[name], KILLS[name], 2026, tmp_path, rerun_every=4)
    assert tally.kills == KILLS[name]
    assert tally.failures == []


def test_there_are_twenty_kills() -> None:
    assert sum(KILLS.values()) == 20


# The judge itself can say no


def _run_folder(home: Home) -> Path:
    (folder,) = (home.runs / "TINY-B").glob("[0-9a-f]" * 64)
    return folder


def _half_a_run(home: Home) -> None:
    (_run_folder(home) / "core_event_grades.parquet").unlink()


def _another_byte(home: Home) -> None:
    path = _run_folder(home) / "core_event_grades.parquet"
    path.write_bytes(path.read_bytes() + b"\n")


def _work_as_a_run(home: Home) -> None:
    shutil.copytree(_run_folder(home), home.runs / "TINY-A" / ("0" * 64))


def _pointer_to_nothing(home: Home) -> None:
    (home.runs / "TINY-B" / "current").write_text("0" * 64)


def _another_database(home: Home) -> None:
    home.database.write_bytes(home.database.read_bytes() + b"\0")


def _no_ledger(home: Home) -> None:
    (home.runs / "ledger.jsonl").unlink()


@pytest.mark.parametrize(
    "damage",
    [_half_a_run, _another_byte, _work_as_a_run, _pointer_to_nothing, _another_database, _no_ledger],
)
def test_the_judge_sees_damage(
    situations: dict[str, Situation], damage: Callable[[Home], None], tmp_path: Path
) -> None:
    situation = situations["changed study"]
    home = copy_home(situation.after, tmp_path / "home")
    assert finished_faults(situation, home) == []
    damage(home)
    assert faults_of(situation, home)


def test_the_judge_sees_what_was_left_behind(situations: dict[str, Situation], tmp_path: Path) -> None:
    situation = situations["changed study"]
    home = copy_home(situation.after, tmp_path / "home")
    (home.root / ".publish-x").mkdir()
    assert finished_faults(situation, home) == [".publish-x: left behind"]
    assert finished_faults(situation, copy_home(situation.before, tmp_path / "other"))
