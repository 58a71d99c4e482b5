"""Where identifiers, narratives and keys may be, and that they are nowhere else."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tests.privacy.planted import BROKEN, DATABASE_KEY, MARKS, ODD, PSEUDONYM_KEY, STUDY, TELLS_IDS, Used

MAY_HOLD = (
    r"home/landing/.*",  # what the sponsor sent
    r"home/runs/[A-Z0-9-]+/[0-9a-f]{64}/\w+\.parquet",  # results
    r"home/runs/\.work/[A-Z0-9-]+/[0-9a-f]{64}/.*\.parquet",  # stages of a run that was not finished
    r"outside/copies/\w+\.parquet",  # an export is the results
    r"outside/delivered/landing/.*",  # a delivery is inputs and results
    r"outside/delivered/runs/[A-Z0-9-]+/[0-9a-f]{64}/\w+\.parquet",
    r"outside/delivered/tables/\w+\.\w+",
)
"""Every artefact that may hold what a study holds; of any other, not one byte of it."""
PATTERN = re.compile(
    b"|".join(re.escape(mark.encode(way)) for mark in MARKS for way in ("utf-8", "utf-16-le", "utf-16-be")),
    re.IGNORECASE,
)


def artefacts(used: Used) -> Iterator[tuple[str, Path]]:
    """Every file that is left, by its path from the folder of the data home."""
    root = used.outside.parent
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield path.relative_to(root).as_posix(), path


def test_everything_was_done(used: Used) -> None:
    """So that what is searched below is there."""
    failed = [words for words, code, _ in used.said if code and words[0] not in ("diff", "run", "dagster")]
    assert failed == []
    assert used.code("diff", STUDY) == 1
    assert {study for study in BROKEN if used.code("run", study) == 0} == ODD
    dagster = {words[1]: code for words, code, _ in used.said if words[0] == "dagster"}
    assert dagster == {STUDY: 0, "NO-COLUMN": 1}
    kinds = {Path(name).suffix for name, _ in artefacts(used)}
    assert {".json", ".jsonl", ".duckdb", ".html", ".db", ".parquet", ".lock", ".svg"} <= kinds
    events = sum(_events(path) for name, path in artefacts(used) if name.endswith(".db"))
    assert events > 20


def _events(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        if "event_logs" not in tables:
            return 0
        ((count,),) = connection.execute("SELECT count(*) FROM event_logs").fetchall()
        return int(count)


def test_the_search_finds_what_is_there(used: Used) -> None:
    found = {mark for mark in MARKS for name, path in artefacts(used) if mark.encode() in path.read_bytes()}
    assert found == {"QXSUBJ", "qxnarrative", "qxcomment"}
    for way in ("utf-8", "utf-16-le", "utf-16-be"):
        assert PATTERN.search(f"a {MARKS[0].lower()} b".encode(way))


def test_no_artefact_but_those_that_may_holds_anything_of_the_study(used: Used) -> None:
    leaks = {
        f"{name}: {match.group().decode(errors='replace')}"
        for name, path in artefacts(used)
        if not any(re.fullmatch(pattern, name) for pattern in MAY_HOLD)
        and (match := PATTERN.search(path.read_bytes()))
    }
    assert leaks == set()


def test_no_name_of_a_file_or_folder_holds_anything_of_the_study(used: Used) -> None:
    root = used.outside.parent
    assert not [path for path in root.rglob("*") if PATTERN.search(str(path.relative_to(root)).encode())]


def test_no_command_says_anything_of_a_subject_unless_that_is_what_it_is_for(used: Used) -> None:
    leaks = [
        (words, line)
        for words, _, said in used.said
        if not any(word in TELLS_IDS for word in words)
        for line in said.splitlines()
        if PATTERN.search(line.encode())
    ]
    assert leaks == []


def test_commands_that_are_for_it_do_name_the_subject(used: Used) -> None:
    told = [said for words, _, said in used.said if words[0] in TELLS_IDS]
    assert len(told) == 3
    assert all(MARKS[0] in said for said in told)
    assert not any(key in said for said in told for key in (PSEUDONYM_KEY, DATABASE_KEY))
