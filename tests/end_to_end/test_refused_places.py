"""Copies a user asks for, into places of the data home where they would do harm: refused, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.home import Home
from tests.end_to_end.homes import home_with, regrade
from tests.end_to_end.tiny_studies import write_tiny_study


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = home_with(tmp_path_factory.mktemp("places") / "home")
    write_tiny_study(home, "SMALL")
    assert regrade(home, "run").exit_code == 0
    return home


WRITERS = {
    "deliver": ["deliver", "SMALL", "{}"],
    "export": ["export", "{}"],
    "report": ["report", "--out", "{}"],
    "report again": ["report", "--from", "{REPORT}", "--out", "{}"],
    "diff": ["diff", "SMALL", "--out", "{}"],
}


@pytest.fixture(scope="module")
def report_json(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    assert regrade(home, "report", "--out", str(folder)).exit_code == 0
    return folder / "report.json"


@pytest.mark.parametrize("command", WRITERS)
@pytest.mark.parametrize("place", ["landing/OUT", "runs", "runs/OUT", "landing/SMALL/../OUT", "linked/OUT"])
def test_copies_are_not_written_into_landing_or_runs(
    home: Home, report_json: Path, command: str, place: str
) -> None:
    link = home.root / "linked"
    link.symlink_to("runs/SMALL")
    try:
        before = {str(path) for path in home.root.rglob("*")}
        target = str(home.root / place)
        arguments = [part.replace("{REPORT}", str(report_json)) for part in WRITERS[command]]
        done = regrade(home, *(target if part == "{}" else part for part in arguments))
        assert done.exit_code == (2 if command.startswith(("report", "diff")) else 1), done.output
        assert f"{target}: this place is inside " in done.stderr
        assert "Next: name a place outside landing/ and runs/" in done.stderr
        assert {str(path) for path in home.root.rglob("*")} == before
    finally:
        link.unlink()


@pytest.mark.parametrize("command", [["work-list"], ["preview", "1.0.0", "--against", "1.1.0"]])
def test_files_are_not_written_over_the_ledger(home: Home, command: list[str]) -> None:
    ledger = home.runs / "ledger.jsonl"
    before = ledger.read_bytes()
    done = regrade(home, "mappings", *command, "--output", str(ledger))
    assert done.exit_code in (1, 2)
    assert "runs/ of the data home, which is for runs only" in done.stderr
    assert ledger.read_bytes() == before
