"""The long form: mutated files over all targets, each with bounded time and memory.

    nice -n 15 python -m tests.hostile.fuzz --files 100000

prints attempts and failures per target, writes the same as JSON, and keeps every case found in
`tests/hostile/regressions/`. Half of the files of a target written in Python are drawn by coverage when
atheris is installed (`pip install -e '.[fuzz]'`); all others by a mutator that knows lengths, archives
and lines. The same seed gives the same mutated files. Leaves with 1 when anything failed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.hostile.fuzz.record import Record
from tests.hostile.fuzz.targets import BY_NAME, TARGETS, Target

RESTARTS = 25


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=100_000, help="mutated files over all targets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--targets", nargs="*", choices=sorted(BY_NAME), default=[t.name for t in TARGETS])
    parser.add_argument(
        "--no-guided", action="store_true", help="mutator only, even where atheris is installed"
    )
    parser.add_argument("--json", type=Path, default=Path("fuzz.json"), help="where the figures go")
    options = parser.parse_args()
    guided = not options.no_guided and importlib.util.find_spec("atheris") is not None
    chosen = [BY_NAME[name] for name in options.targets]
    whole = sum(target.share for target in chosen)
    records, begin = [], time.perf_counter()
    print(f"{'target':14} {'attempts':>9} {'guided':>8} {'read':>8} {'failures':>9} {'slowest':>9}")
    for target in chosen:
        files = -(-options.files * target.share // whole)
        record = _fuzz(target, files, options.seed, guided=guided and target.guided)
        records.append(record)
        _print(record)
    total = Record("all")
    for record in records:
        total.add(record)
    _print(total)
    content = {
        "files": options.files,
        "seed": options.seed,
        "guided_by": "atheris" if guided else None,
        "seconds": round(time.perf_counter() - begin),
        "attempts": total.attempts,
        "failures": sum(len(record.failures) for record in records),
        "targets": [asdict(record) for record in records],
    }
    options.json.write_text(json.dumps(content, indent=1), encoding="utf-8")
    print(f"{content['seconds']} s; figures in {options.json}")
    return 1 if content["failures"] else 0


def _print(record: Record) -> None:
    print(
        f"{record.target:14} {record.attempts:9} {record.guided:8} {record.accepted:8} "
        f"{len(record.failures):9} {record.slowest:7.2f} s",
        flush=True,
    )
    for what, case in record.failures.items() if record.target != "all" else ():
        print(f"    {what}: {case}")


def _fuzz(target: Target, files: int, seed: int, *, guided: bool) -> Record:
    record = Record(target.name)
    by_coverage = files // 2 if guided else 0
    with tempfile.TemporaryDirectory(prefix="regrade-fuzz-") as name:
        folder = Path(name)
        if by_coverage:
            _guided(target, by_coverage, seed, folder, record)
        first, restarts = 0, 0
        while first < files - by_coverage and restarts < RESTARTS:
            first = _mutated(target, first, files - by_coverage, seed, folder, record)
            restarts += 1
    return record


def _mutated(target: Target, first: int, last: int, seed: int, folder: Path, record: Record) -> int:
    """Run the worker; the number of the case to go on with."""
    command = [sys.executable, "-m", "tests.hostile.fuzz.worker", target.name, str(folder)]
    result = folder / "record.json"
    result.unlink(missing_ok=True)
    numbers = ["--first", str(first), "--last", str(last), "--seed", str(seed)]
    done = subprocess.run(
        [*command, *numbers], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    reached = Record.read(result) if result.is_file() else Record(target.name)
    record.add(reached)
    if done.returncode == 0:
        return last
    number = int((folder / "number").read_text())
    # Cases since the record was last written: all of them were run.
    record.attempts += number + 1 - first - reached.attempts
    record.fail(_death(done.returncode, done.stderr), (folder / "case.bin").read_bytes())
    return number + 1


def _guided(target: Target, runs: int, seed: int, folder: Path, record: Record) -> None:
    command = [sys.executable, "-m", "tests.hostile.fuzz.guided", target.name, str(folder)]
    numbers = ["--runs", str(runs), "--seed", str(seed)]
    done = subprocess.run(
        [*command, *numbers], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    if (folder / "record.json").is_file():
        record.add(Record.read(folder / "record.json"))
    for found in folder.glob("found-*"):
        record.fail(f"{found.name.split('-')[1]}: {_death(done.returncode, done.stderr)}", found.read_bytes())
    if not record.attempts:
        record.failures[f"the guided run did not start: {_death(done.returncode, done.stderr)}"] = "none"


def _death(code: int, words: bytes) -> str:
    last = words.decode("utf-8", "replace").strip().splitlines()[-1:] or [""]
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return f"the process ended ({name}) {last[0][:80]}".strip()


if __name__ == "__main__":
    sys.exit(main())
