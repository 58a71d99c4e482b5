"""Garbage, folders and pipes where the published file, its seal and the ledger should be: told of in words.

No command may show a defect, wait for ever or lose a run; what can be built again is built again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from pipelines.home import Home
from tests.end_to_end.homes import regrade
from tests.unit.store_samples import seal_sample
from warehouse.publisher import publish
from warehouse.run_store import RunStore

COMMANDS = (
    ("sql", "select study_id from core_runs"),
    ("status",),
    ("publish",),
    ("publish", "--rebuild"),
    ("ledger",),
    ("ledger", "check"),
    ("ledger", "correct", "1", "--reason", "another day"),
)
PLACES = ("icans.duckdb", "icans.duckdb.json", "runs/ledger.jsonl", "runs/ledger.head")
SEALS = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"content_key": 1, "file_sha256": [], "content": {"runs": [1]}}',
    b'{"content_key": "x", "file_sha256": "y", "content": {"runs": [[]]}}',
    b'{"content_key": "x", "file_sha256": "y", "content": {"runs": [[[], true, true]]}}',
    b'{"content_key": "x", "file_sha256": "y", "content": {"runs": 5}}',
    b'{"content_key": "x", "file_sha256": "y", "content": {}}',
    b'{"content_key": "x", "file_sha256": "y", "before_sha256": ["z"]}',
    b'{"content_key": "x", "file_sha256": "y", "ledger": {"sequence": "z", "hash": 1}}',
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """One sealed run, published."""
    made = Home(tmp_path / "home").ensure()
    seal_sample(made.runs, "A")
    publish(made)
    return made


def call(home: Home, words: tuple[str, ...]) -> Result:
    """A command that must come to an end."""
    found: list[Result] = []
    calling = threading.Thread(target=lambda: found.append(regrade(home, *words)), daemon=True)
    calling.start()
    calling.join(60)
    assert found, f"{words} waits for ever"
    return found[0]


def require_words(done: Result, words: tuple[str, ...]) -> None:
    assert "Traceback" not in done.output, words
    assert "unexpected" not in done.output, (words, done.output)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_file_is_named_and_nothing_is_lost(
    place: str, make: Callable[[Path], None], home: Home
) -> None:
    path = home.root / place
    path.unlink()
    make(path)
    for words in COMMANDS:
        done = call(home, words)
        require_words(done, words)
        if words[0] == "publish":
            assert done.exit_code == 1
            assert f"{path}: a folder, pipe or device stands where a file belongs" in done.stderr
            assert "Next: move it away" in done.stderr
    run = RunStore(home.runs).current("A")
    assert run is not None
    run.verify()
    path.rmdir() if path.is_dir() else path.unlink()
    assert regrade(home, "publish").exit_code == 0
    assert regrade(home, "sql", "select study_id from core_runs").stdout.split() == ["study_id", "A"]


@pytest.mark.parametrize("seal", SEALS, ids=range(len(SEALS)))
def test_a_seal_of_garbage_serves_nothing_and_is_written_again(seal: bytes, home: Home) -> None:
    (home.root / "icans.duckdb.json").write_bytes(seal)
    asked = call(home, COMMANDS[0])
    require_words(asked, COMMANDS[0])
    assert asked.exit_code == 1
    assert "regrade publish" in asked.stderr
    for words in COMMANDS[1:]:
        require_words(call(home, words), words)
    assert regrade(home, *COMMANDS[0]).stdout.split() == ["study_id", "A"]


@pytest.mark.parametrize("head", [b"", b"{", b"[" * 100_000, b'{"sequence": -1, "hash": "x"}', b"\xff"])
def test_a_ledger_head_of_garbage_is_told_of_and_mended(head: bytes, home: Home) -> None:
    (home.runs / "ledger.head").write_bytes(head)
    for words in COMMANDS:
        require_words(call(home, words), words)
    assert regrade(home, "ledger", "check").exit_code == 0
    assert "recovered" in regrade(home, "ledger").stdout


def test_more_entries_than_any_ledger_has_are_all_of_them(home: Home) -> None:
    every = regrade(home, "ledger").stdout
    assert regrade(home, "ledger", "--last", "9" * 30).stdout == every
