"""Whatever gets its final name is on the disk before, and its name soon after: a power loss finds no half."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.home import Home
from tests.end_to_end.homes import CHECKOUT
from tests.end_to_end.tiny_studies import write_tiny_study
from tests.robustness.flushing import Watch


def watched(home: Home, told: Path, *words: str) -> dict[str, list[str]]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.robustness.flushing", str(told), str(home.root)]
    done = subprocess.run(
        [*command, "--", *words, "--home", str(home.root)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(told.read_text())
    return found


@pytest.mark.slow
def test_results_are_flushed_before_and_after_they_get_their_names(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    write_tiny_study(home, "TINY")
    run = watched(home, tmp_path / "told", "run")
    assert run["faults"] == []
    (folder,) = (home.runs / "TINY").glob("[0-9a-f]" * 64)
    named = [name for name in run["results"] if name != "runs/ledger.head"]
    assert named == [
        f"runs/TINY/{folder.name}",
        "runs/TINY/releases.json",
        "runs/TINY/current",
        "icans.duckdb.json",
        "icans.duckdb",
    ]
    assert run["results"].count("runs/ledger.head") == 5  # the chain is opened, and four entries
    write_tiny_study(home, "OTHER")
    again = watched(home, tmp_path / "told", "run")
    assert again["faults"] == []
    assert [name for name in again["results"] if name.startswith("icans.duckdb")] == [
        "icans.duckdb.json",  # names both files, until the new one stands
        "icans.duckdb",
        "icans.duckdb.json",
    ]
    for words, result in (
        (("deliver", "TINY", str(home.root / "handed")), "handed"),
        (("export", str(home.root / "copied")), "copied"),
    ):
        done = watched(home, tmp_path / "told", *words)
        assert done["faults"] == []
        assert result in done["results"]


def test_the_watch_sees_what_was_not_flushed(tmp_path: Path) -> None:
    def make(name: str, *, file: bool, folder: bool) -> Path:
        source = tmp_path / f".{name}"
        source.mkdir()
        (source / "table").write_text("x")
        for path, wanted in ((source / "table", file), (source, folder)):
            if wanted:
                handle = os.open(path, os.O_RDONLY)
                seen.flushed(handle)
                os.close(handle)
        return source

    seen = Watch(tmp_path)
    assert seen.renames(make("a", file=False, folder=True), tmp_path / "handed")
    assert seen.renames(make("b", file=True, folder=False), tmp_path / "handed")
    assert not seen.renames(make("c", file=False, folder=False), tmp_path / "elsewhere")
    assert seen.renames(make("d", file=True, folder=True), tmp_path / "handed")
    seen.renamed(tmp_path / "handed")
    seen.settled("before the end")
    assert seen.faults == [
        "handed: table was never flushed",
        "handed: . was never flushed",
        "handed: its folder was not flushed before the end",
    ]
