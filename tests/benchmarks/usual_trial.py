"""A usual trial from the command line: `regrade --help`, and `regrade run` of 1,200 rows as XPT.

Only these two commands are timed here, as a person would type them: start of the interpreter included. A warm
run is a run of a study that is not there yet, on a machine that has run the program before.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.benchmarks.generator import write_xport_study

TRIAL_ROWS: Final = 1_200
_COMMAND: Final = (sys.executable, "-m", "pipelines.cli")


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
        "help_seconds": round(statistics.median(helps[1:]), 3),
        "first_run_seconds": round(runs[0], 3),
        "warm_run_seconds": round(statistics.median(runs[1:]), 3),
    }


def _timed(arguments: list[str], home: Path) -> float:
    start = time.perf_counter()
    subprocess.run(
        [*_COMMAND, *arguments],
        env={**os.environ, "REGRADE_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start
