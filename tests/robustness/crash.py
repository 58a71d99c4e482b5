"""Kill `regrade` at random moments and look at what is left.

    python -m tests.robustness.crash --kills 200 --seed 1 --json crash.json

Each attempt copies a data home, starts a real process in it and kills its process group with SIGKILL: half of
the times at a moment drawn from the time in which it changes files, half of the times just before one of its
changes of files (`tests.robustness.child`). Then the home must be sound (`situations.faults_of`), the same
command must finish, and what it leaves must be, byte by byte, what an undisturbed one leaves.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.home import Home
from tests.robustness.processes import start
from tests.robustness.situations import Situation, copy_home, faults_of, finished_faults, make_situations


@dataclass
class Tally:
    """What came of one command: kills that struck, and what was wrong, with the attempt that showed it."""

    name: str
    kills: int = 0
    at_moment: int = 0
    at_change: int = 0
    ended_before: int = 0
    failures: list[str] = field(default_factory=list)

    def added_to(self, other: Tally | None) -> Tally:
        """This and another one together."""
        if other is None:
            return self
        return Tally(
            self.name,
            self.kills + other.kills,
            self.at_moment + other.at_moment,
            self.at_change + other.at_change,
            self.ended_before + other.ended_before,
            other.failures + self.failures,
        )


def strike(situation: Situation, home: Home, chance: random.Random, told: Path) -> tuple[str, int]:
    """Start the command and kill it; says how, and what the process left with."""
    undisturbed, words = situation.undisturbed, situation.arguments(home)
    if undisturbed.changes and chance.random() < 0.5:
        change = chance.randint(1, len(undisturbed.changes))
        process = start(words, change, told)
        process.communicate()
        return f"before change {change} of {len(undisturbed.changes)}", process.returncode
    first = undisturbed.changes[0] if undisturbed.changes else 0.0
    moment = chance.uniform(0.9 * first, undisturbed.seconds)
    process = start(words, 0, told)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(moment)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return f"after {moment:.3f} s of {undisturbed.seconds:.3f}", process.returncode


def attack(
    situation: Situation,
    kills: int,
    seed: int,
    aside: Path,
    rerun_every: int = 1,
    echo: bool = False,
) -> Tally:
    """Kill the command so many times; each time the home is judged, every so many times it is finished.

    In between, the next kill strikes what the last one left.
    """
    chance = random.Random(f"{seed} {situation.name}")
    tally = Tally(situation.name)
    home = copy_home(situation.before, aside / "attacked")
    while tally.kills < kills and tally.ended_before < 3 * kills + 9:
        how, left_with = strike(situation, home, chance, aside / "told")
        struck = left_with == -signal.SIGKILL
        tally.ended_before += not struck
        tally.kills += struck
        tally.at_change += struck and how.startswith("before")
        tally.at_moment += struck and how.startswith("after")
        found = faults_of(situation, home)
        if not struck and left_with not in (0, 1):
            found.append(f"the command left with {left_with}")
        is_last = not struck or tally.kills % rerun_every == 0 or tally.kills == kills
        if is_last:
            failure = situation.finish(home)
            found += [] if failure is None else [f"the command does not finish afterwards: {failure}"]
            found += finished_faults(situation, home)
        tally.failures += [f"{situation.name}, kill {tally.kills}, {how}: {fault}" for fault in found]
        if echo:
            print(f"{situation.name} {tally.kills}/{kills} {how} {'; '.join(found) or 'sound'}", flush=True)
        if found or is_last:
            home = copy_home(situation.before, aside / "attacked")
    return tally


def share(kills: int, situations: Sequence[Situation]) -> list[int]:
    """Kills for each situation: three quarters for commands that change something."""
    weights = [3 if situation.changes else 1 for situation in situations]
    shares = [kills * weight // sum(weights) for weight in weights]
    shares[0] += kills - sum(shares)
    return shares


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", action="append", help="name of a situation; may be repeated")
    asked = parser.parse_args()
    began = time.time()
    tallies: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory(prefix="regrade-crash-") as name:
        aside = Path(name)
        situations = make_situations(aside, asked.only)
        left, seed = asked.kills, asked.seed
        while left > 0:  # in rounds, so that what was done when somebody stops it is spread over all
            now = min(left, 20)
            for situation, kills in zip(situations, share(now, situations), strict=True):
                made = attack(situation, kills, seed, aside, echo=True)
                tallies[situation.name] = made.added_to(tallies.get(situation.name))
            left, seed = left - now, seed + 1
            report(list(tallies.values()), asked.seed, time.time() - began, asked.json)
    return 1 if any(tally.failures for tally in tallies.values()) else 0


def report(tallies: Sequence[Tally], seed: int, seconds: float, path: Path | None) -> None:
    """Print the table of what was done so far, and write it as JSON."""
    print(f"\n{'command':16} {'kills':>6} {'moment':>7} {'change':>7} {'failures':>9}")
    for tally in tallies:
        print(
            f"{tally.name:16} {tally.kills:6} {tally.at_moment:7} {tally.at_change:7} {len(tally.failures):9}"
        )
    failures = sum(len(tally.failures) for tally in tallies)
    print(f"{'all':16} {sum(tally.kills for tally in tallies):6} {'':15} {failures:9}\n", flush=True)
    if path is not None:
        told = {"seed": seed, "seconds": round(seconds), "commands": [vars(tally) for tally in tallies]}
        path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
