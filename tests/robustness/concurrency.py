"""Eight processes run and publish in one home at the same time, while a reader asks the published file.

    python -m tests.robustness.concurrency --rounds 5 --commands 6 --seed 1 --json concurrency.json

In every round each process gets its own order of the same kinds of commands: runs of the same study and of
different ones, under two releases, and publications. Afterwards no command may have failed, the reader may
have met no error and no state that was never published whole, every run must have been made exactly once, and
all files and the published content must be those of a home in which the same was done one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from pipelines.home import Home
from pipelines.mapping_comparisons import renew_comparisons
from pipelines.stages import run_study
from tests.end_to_end.homes import CHECKOUT
from tests.end_to_end.tiny_studies import write_tiny_study
from tests.robustness.situations import content_of, copy_home, files_of
from warehouse.ledger import Ledger
from warehouse.ledger_check import check_ledger
from warehouse.publisher import publish
from warehouse.reader import open_published

WRITERS = 8
KINDS = (
    "run TINY-A",
    "run TINY-C",
    "run --release 1.0.0 TINY-B",
    "publish",
    "run TINY-A TINY-C",
    "run",
)
_STATE = """
SELECT r.study_id, r.run_id,
  (SELECT count(*) FROM core_event_grades e WHERE e.run_id = r.run_id),
  (SELECT count(*) FROM core_subject_grades s WHERE s.run_id = r.run_id),
  (SELECT count(*) FROM core_studies s WHERE s.run_id = r.run_id)
FROM core_runs r ORDER BY ALL
"""
State = tuple[tuple[object, ...], ...]


@dataclass
class Reader:
    """Asks the published file until told to stop: through `regrade`'s own door, and straight."""

    home: Home
    reads: int = 0
    errors: list[str] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def read(self) -> None:
        while not self.stop.is_set():
            try:
                straight = self.reads % 2
                path = str(self.home.database)
                opened = duckdb.connect(path, read_only=True) if straight else open_published(self.home)
                with opened as connection:
                    state = tuple(connection.execute(_STATE).fetchall())
            except Exception as failure:  # no error of any kind is expected
                self.errors.append(f"{type(failure).__name__}: {failure}")
            else:
                self.reads += 1
                if state not in self.states:
                    self.states.append(state)
            time.sleep(0.01)  # a writer needs a processor too


@dataclass
class Round:
    """What came of one round; `failures` is empty when all was well."""

    commands: int
    reads: int
    states: int
    created: int
    reused: int
    published: int
    seconds: float
    failures: list[str]


def prepare(root: Path) -> tuple[Home, Home]:
    """A home with two published studies, one changed since and one new; and what it is in the end."""
    before = Home(root / "before").ensure()
    for study, grade in (("TINY-A", "3"), ("TINY-B", "2")):
        write_tiny_study(before, study, grade)
        run_study(before, study)
    publish(before)
    write_tiny_study(before, "TINY-A", "1")
    write_tiny_study(before, "TINY-C", "4")
    after = copy_home(before, root / "after")
    run_study(after, "TINY-A")
    run_study(after, "TINY-C")
    run_study(after, "TINY-B", release_id="1.0.0")
    renew_comparisons(after)
    publish(after)
    return before, after


def run_round(before: Home, after: Home, commands: int, seed: int, aside: Path) -> Round:
    """One round in a copy of the home."""
    home = copy_home(before, aside / "home")
    told_before = len(list(Ledger(home.runs).entries()))
    lists = _shuffled(commands, seed, home)
    gate = aside / f"gate-{seed}"
    writers = [_start(words, gate, aside / f"writer-{seed}-{number}") for number, words in enumerate(lists)]
    while not all((aside / f"writer-{seed}-{number}.ready").exists() for number in range(WRITERS)):
        time.sleep(0.05)
    reader = Reader(home)
    thread = threading.Thread(target=reader.read)
    thread.start()
    began = time.time()
    gate.touch()
    for process in writers:
        process.wait()
    seconds = time.time() - began
    reader.stop.set()
    thread.join()
    failures = [f"the reader met {error}" for error in reader.errors]
    for number in range(WRITERS):
        path = aside / f"writer-{seed}-{number}.json"
        for done in json.loads(path.read_text()) if path.exists() else [{"words": "", "exit_code": "crash"}]:
            if done["exit_code"] or done["said"]:
                failures.append(f"{done['words']} left with {done['exit_code']}: {done.get('said')}")
    entries = list(Ledger(home.runs).entries())[told_before:]
    actions = Counter(entry.action for entry in entries)
    made = Counter(str(entry.facts["run_id"]) for entry in entries if entry.action == "created")
    failures += [f"run {run_id} was made {times} times" for run_id, times in made.items() if times != 1]
    asked = sum(_studies_of(words, home) for each in lists for words in each)
    if actions["created"] + actions["reused"] != asked:
        failures.append(f"{asked} runs were asked for, the ledger tells of {dict(actions)}")
    if files_of(home) != files_of(after) or content_of(home) != content_of(after):
        failures.append("the home is not what it is when the same is done one after the other")
    failures += [f"ledger: {problem.what}" for problem in check_ledger(Ledger(home.runs)).problems]
    failures += [f"{state}: a state without its rows" for state in reader.states if not _is_whole(state)]
    return Round(
        commands * WRITERS,
        reader.reads,
        len(reader.states),
        actions["created"],
        actions["reused"],
        actions["published"],
        round(seconds, 1),
        failures,
    )


def _shuffled(commands: int, seed: int, home: Home) -> list[list[list[str]]]:
    """Commands of each writer: every kind is begun with by one or two of them."""
    chance = random.Random(seed)
    lists = []
    for number in range(WRITERS):
        kinds = [KINDS[number % len(KINDS)], *(chance.choice(KINDS) for _ in range(commands - 1))]
        lists.append([[*kind.split(), "--home", str(home.root)] for kind in kinds])
    return lists


def _studies_of(words: list[str], home: Home) -> int:
    """How many studies a command runs."""
    if words[0] != "run":
        return 0
    named = sum(word.startswith("TINY-") for word in words[:-1])
    return named or len(home.studies())


def _is_whole(state: State) -> bool:
    """Every run of the tiny studies has three graded rows and one line about its study."""
    return all((row[2], row[4]) == (3, 1) and row[3] for row in state)


def _start(commands: list[list[str]], gate: Path, told: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-W", "ignore", "-m", "tests.robustness.writer"]
    process = subprocess.Popen(
        [*words, str(told.with_suffix(".json")), str(gate)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert process.stdin is not None
    process.stdin.write("\n".join(" ".join(command) for command in commands))
    process.stdin.close()
    return process


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--commands", type=int, default=6, help="commands of each of the eight processes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rounds = []
    print("round  commands  reads  states  created  reused  published  seconds  failures")
    with tempfile.TemporaryDirectory(prefix="regrade-writers-") as name:
        before, after = prepare(Path(name))
        for seed in range(asked.seed, asked.seed + asked.rounds):
            done = run_round(before, after, asked.commands, seed, Path(name))
            rounds.append(done)
            numbers = (done.commands, done.reads, done.states, done.created, done.reused, done.published)
            print(f"{seed:5} {' '.join(f'{n:8}' for n in numbers)} {done.seconds:8} {len(done.failures):9}")
            for failure in done.failures:
                print(f"  {failure}", flush=True)
    if asked.json is not None:
        asked.json.write_text(json.dumps([vars(each) for each in rounds], indent=1) + "\n", encoding="utf-8")
    return 1 if any(each.failures for each in rounds) else 0


if __name__ == "__main__":
    sys.exit(main())
