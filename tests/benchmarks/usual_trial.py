"""A usual trial from the command line: `regrade --help`, and `regrade run` of 1,200 rows as XPT.

Only these two commands are timed here, as a person would type them: start of the interpreter included. A warm
run is a run of a study that is not there yet, on a machine that has run the program before, so with compiled
modules in place. Processor seconds, of the command and of the process it reads files with, say what it costs
on a machine that has other work too.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from tests.benchmarks.generator import write_xport_study

TRIAL_ROWS: Final = 1_200
_COMMAND: Final = (sys.executable, "-m", "pipelines.cli")


class Timed(NamedTuple):
    """Wall seconds, and processor seconds, of one command."""

    seconds: float
    processor: float


def measure_usual_trial(seed: int, repeats: int) -> dict[str, float]:
    """Median wall seconds; the first run of all is given apart."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        runs = []
        for number in range(repeats + 1):
            write_xport_study(home / "landing" / f"TRIAL-{number}", TRIAL_ROWS, seed + number)
            runs.append(_timed(["run", f"TRIAL-{number}"], home))
        helps = [_timed(["--help"], home) for _ in range(repeats + 1)]
    return {
        "event_rows": TRIAL_ROWS,
        "help_seconds": round(statistics.median(run.seconds for run in helps[1:]), 3),
        "first_run_seconds": round(runs[0].seconds, 3),
        "warm_run_seconds": round(statistics.median(run.seconds for run in runs[1:]), 3),
        "warm_run_best_seconds": round(min(run.seconds for run in runs[1:]), 3),
        "warm_run_processor_seconds": round(min(run.processor for run in runs[1:]), 3),
    }


def _timed(arguments: list[str], home: Path) -> Timed:
    # A machine of tests may be told to compile every module at every start; a person's is not.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, start = _processor_seconds(), time.perf_counter()
    subprocess.run(
        [*_COMMAND, *arguments],
        env={**environment, "REGRADE_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return Timed(time.perf_counter() - start, _processor_seconds() - before)


def _processor_seconds() -> float:
    """Of all processes that this one started and that ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
