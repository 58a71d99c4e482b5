"""One flipped bit in a file of a run folder, and every command: it names the file, or does not read it.

What may live here: which files each command must name, flipping, and judging what a command says. A command
names the file, says what to do and leaves with an error, or it says to the letter what it says when nothing
is damaged. Every command with every file: `python -m tests.robustness.flipped_bits`.
"""

from __future__ import annotations

import itertools
import random
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pipelines.home import Home
from schemas.registry import CHECKED_TABLES
from tests.end_to_end.homes import regrade
from tests.end_to_end.tiny_studies import write_tiny_study
from warehouse.run_store import RunStore, StoredRun

STUDY = "TINY"
RECORD = {"run.json"}
CHECKED = RECORD | {f"{table.info().name}.parquet" for table in CHECKED_TABLES}
EXPLAINED = RECORD | {
    f"{name}.parquet"
    for name in (
        *("core_adverse_events", "core_event_grades", "core_event_windows", "core_subject_grades"),
        *("core_subject_days", "core_assessment_grades", "core_contradictions", "core_closing_facts"),
    )
}
ENDS = ("first", "middle", "last")


@dataclass(frozen=True)
class Reader:
    """A command and what it must name: of the run that stands for the study, and of the one beside it.

    `of_current` and `of_other` are file names, or None for every file. One that `withholds` says in its
    output why a part of it could not be made, and succeeds with the rest.
    """

    words: tuple[str, ...]
    of_current: set[str] | None
    of_other: set[str] | None
    withholds: bool = False


OUT, CURRENT, OTHER = "OUT", "CURRENT", "OTHER"
READERS = {
    "status": Reader(("status",), None, set()),
    "publish": Reader(("publish",), None, None),
    "publish --rebuild": Reader(("publish", "--rebuild"), None, None),
    "run": Reader(("run", STUDY), None, None),
    "run --release": Reader(("run", "--release", "1.0.0", STUDY), None, None),
    "report --run": Reader(("report", "--run", CURRENT, STUDY), None, set()),
    "report": Reader(("report", STUDY), RECORD, set(), withholds=True),
    "diff": Reader(("diff", STUDY, OTHER, CURRENT), None, None),
    "explain": Reader(("explain", STUDY, f"{STUDY}-S0001"), EXPLAINED, set()),
    "explain event": Reader(
        ("explain", STUDY, f"{STUDY}-S0001", "1"),
        RECORD | {"core_adverse_events.parquet", "core_event_grades.parquet"},
        set(),
    ),
    "deliver": Reader(("deliver", STUDY, OUT), None, set()),
    "verify": Reader(("verify", STUDY), None, set()),
    "verify --run": Reader(("verify", STUDY, "--run", OTHER), RECORD, None),
    "preview": Reader(("mappings", "preview", "1.1.0", "--against", "1.0.0"), CHECKED, set()),
    "work-list": Reader(("mappings", "work-list"), {*RECORD, "core_unmapped_terms.parquet"}, set()),
    "export": Reader(("export", OUT), set(), set()),
    "sql": Reader(("sql", "select count(*) from core_event_grades"), set(), set()),
}


@dataclass(frozen=True)
class Sound:
    """A home of one study with two runs, and what each command says there."""

    root: Path
    home: Home
    current: StoredRun
    other: StoredRun
    said: dict[str, tuple[int, str]]


def flip(path: Path, end: str) -> None:
    """Flip one bit: in the first tenth of a file, in the middle, or where Parquet has its columns' names."""
    content = bytearray(path.read_bytes())
    chance = random.Random(f"{path.name} {end}")
    tenth = max(1, len(content) // 10)
    start = {"first": 0, "middle": len(content) // 2, "last": len(content) - tenth}[end]
    content[start + chance.randrange(min(tenth, len(content) - start))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def ask(sound: Sound, name: str) -> tuple[int, str]:
    """Exit code of a command and everything it says, in a copy of the home that is as the home is now."""
    out, copy = sound.root / "out", Home(sound.root / "home")
    told = {CURRENT: sound.current.run_id, OTHER: sound.other.run_id, OUT: str(out)}
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(sound.home.root, copy.root)
    try:
        done = regrade(copy, *(told.get(word, word) for word in READERS[name].words))
        assert out.exists() == (OUT in READERS[name].words and done.exit_code == 0)
    finally:
        shutil.rmtree(copy.root)
    return done.exit_code, done.output


def make_sound(root: Path) -> Sound:
    """A study run under two releases and published; `said` is what the commands say there."""
    home = Home(root / "made").ensure()
    write_tiny_study(home, STUDY)
    for words in (("run", "--release", "1.0.0"), ("run",), ("report",)):
        assert regrade(home, *words).exit_code == 0
    store = RunStore(home.runs)
    runs = [store.find(STUDY, run_id) for run_id in store.ledger.history(STUDY)]
    other, current = (run for run in runs if run is not None)
    made = Sound(root, home, current, other, {})
    for name in READERS:
        made.said[name] = ask(made, name)
        assert made.said[name][0] == 0, made.said[name]
    return made


def faults(sound: Sound, name: str, path: Path, end: str) -> list[str]:
    """What is wrong with what a command does where a bit of this file of a run is flipped."""
    of_run = READERS[name].of_current if path.parent == sound.current.folder else READERS[name].of_other
    whole = path.read_bytes()
    flip(path, end)
    try:
        code, said = ask(sound, name)
    finally:
        path.write_bytes(whole)
    words = " ".join(said.split())
    found = [sign for sign in ("Traceback", "unexpected") if sign in said]
    if (code, said) == sound.said[name]:
        return [*found, "it serves the damaged file"] if of_run is None or path.name in of_run else found
    if (code == 0 and not READERS[name].withholds) or path.name not in words:
        found.append(f"it leaves with {code} and does not name the file: {words[-300:]}")
    if not any(action in words for action in ("Next:", "run the study again", "regrade run")):
        found.append(f"it does not say what to do: {words[-300:]}")
    return found


def main() -> int:
    """Every command and every file of both runs, three places of each: prints what is wrong; 1 if any is."""
    wrong = tried = 0
    with tempfile.TemporaryDirectory() as scratch:
        sound = make_sound(Path(scratch))
        for run in (sound.current, sound.other):
            for path in sorted(run.folder.iterdir()):
                for name, end in itertools.product(READERS, ENDS):
                    found = faults(sound, name, path, end)
                    tried, wrong = tried + 1, wrong + bool(found)
                    for fault in found:
                        print(f"{name}, {path.name}, {end}: {fault}")
    print(f"{tried} flipped bits, {wrong} not found and named")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
