"""Standard output that is full, closed or read by nobody: one line, a code, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.home import Home
from tests.end_to_end.homes import CHECKOUT, home_with
from tests.end_to_end.tiny_studies import write_tiny_study

WITHOUT_A_COMMAND = ("--version", "--help", "status --help", "mappings --help")
COMMANDS = {
    "status": 1,
    "status --json": 1,
    "sql 'select * from range(50000)'": 1,
    "mappings diff 1.0.0 1.1.0": 2,
    "mappings preview 1.1.0 --format html": 2,
}
ALL = {**dict.fromkeys(WITHOUT_A_COMMAND, 1), **COMMANDS}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = home_with(tmp_path_factory.mktemp("streams") / "home")
    write_tiny_study(home, "TINY")
    done = shell(home, "run", "")
    assert done.returncode == 0, done.stderr
    return home


def shell(home: Home, command: str, streams: str) -> subprocess.CompletedProcess[str]:
    """The command line as a user starts it from a shell, buffered as Python does it by itself."""
    return subprocess.run(
        ["/bin/sh", "-c", f'"$PROGRAM" -m pipelines.cli {command} {streams}'],
        cwd=CHECKOUT,
        env={**os.environ, "PROGRAM": sys.executable, "REGRADE_HOME": str(home.root), "PYTHONUNBUFFERED": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize("streams", ["> /dev/full", ">&-"])
@pytest.mark.parametrize("command", ALL)
def test_results_that_cannot_be_written_are_one_line(home: Home, command: str, streams: str) -> None:
    done = shell(home, command, streams)
    assert done.returncode == ALL[command]
    assert done.stderr.startswith("regrade: standard output cannot be written (")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ALL)
def test_a_reader_that_left_is_told_nothing(home: Home, command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nobody:
        done = subprocess.run(
            ["/bin/sh", "-c", f'"$PROGRAM" -m pipelines.cli {command}'],
            cwd=CHECKOUT,
            env={**os.environ, "PROGRAM": sys.executable, "REGRADE_HOME": str(home.root)},
            stdout=nobody,
            stderr=subprocess.PIPE,
            check=False,
            timeout=300,
        )
    assert (done.returncode, done.stderr) == (ALL[command], b"")


@pytest.mark.parametrize("streams", ["2> /dev/full", "2>&-", "2>&- <&-"])
def test_work_does_not_stop_because_nobody_can_be_told(home: Home, streams: str) -> None:
    assert shell(home, "run NOPE", streams).returncode == 1
    assert shell(home, "mappings diff 1.0.0 9.9.9", streams).returncode == 2
    done = shell(home, "run", streams)
    assert (done.returncode, done.stdout.split()[:4]) == (0, ["study", "run", "release", "state"])


def test_no_file_of_the_program_takes_the_number_of_a_closed_stream(home: Home, tmp_path: Path) -> None:
    own = home_with(tmp_path / "own", home.landing / "TINY")
    done = shell(own, "run", ">&- 2>&- <&-")
    assert done.returncode == 1
    assert shell(own, "status", "").returncode == 0
    assert "intact" in shell(own, "ledger check", "").stdout
