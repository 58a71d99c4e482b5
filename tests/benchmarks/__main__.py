"""Measures the program in units of copying the same data.

    python -m tests.benchmarks --rows 100000 1000000 --json figures.json

For each size a study is generated (`generator`); then every task of `tasks` runs in a process of its own, all
of them in turn, as often as --repeats says, each between two copies of its input (the floor). A figure is the
median; a ratio is that of the medians of task and floor, because both suffer alike from a busy machine.
Before a time counts, the results of the second implementations must be those of the kernel, row by row.
Processor seconds and their ratio stand beside wall seconds: others' work does not reach them. `child` is the
memory of the process that reads a binary file. Last come the start of the program and a usual trial.

Only the order of the measurements and their printing live here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.machine import describe_machine
from tests.benchmarks.tasks import TASKS
from tests.benchmarks.usual_trial import measure_usual_trial

_COLUMNS: Final = (
    ("step", 26),
    ("seconds", 10),
    ("cpu s", 10),
    ("ratio", 8),
    ("cpu ratio", 11),
    ("rows/s", 12),
    ("peak MiB", 10),
    ("child", 10),
)
_FLOORS: Final = ("floor before", "floor after")
Figures = dict[str, Any]


def measure_size(rows: int, seed: int, repeats: int, names: list[str], parent: Path | None) -> Figures:
    """Figures of one size; every process sees the same files."""
    with tempfile.TemporaryDirectory(dir=parent) as name:
        _child("prepare", name, str(rows), str(seed))
        found = json.loads(_child("count", name))
        costs: dict[str, dict[str, list[dict[str, float]]]] = {task: defaultdict(list) for task in names}
        for repeat in range(repeats):
            for task in names:
                for part, cost in json.loads(_child(task, name)).items():
                    costs[task][part].append(cost)
            if repeat == 0:
                found["rows_in_agreement"] = json.loads(_child("agree", name))
    lines = []
    for task in names:
        floors = [cost for part in _FLOORS for cost in costs[task].pop(part)]
        lines.append(_line(f"floor of {task}", floors, floors, found["event_rows"]))
        lines += [_line(part, taken, floors, found["event_rows"]) for part, taken in costs[task].items()]
    return {**found, "seed": seed, "repeats": repeats, "lines": lines}


def _line(
    step: str, taken: list[dict[str, float]], floors: list[dict[str, float]], rows: int
) -> dict[str, Any]:
    def median(costs: list[dict[str, float]], name: str) -> float:
        return statistics.median(cost[name] for cost in costs)

    seconds, processor = median(taken, "seconds"), median(taken, "processor")
    return {
        "step": step,
        "seconds": round(seconds, 3),
        "processor_seconds": round(processor, 3),
        "ratio": round(seconds / median(floors, "seconds"), 2),
        "processor_ratio": round(processor / median(floors, "processor"), 2),
        "rows_per_second": round(rows / seconds) if seconds else None,
        "peak_mib": round(max(cost["peak_mib"] for cost in taken)),
        "child_mib": round(max(cost["child_mib"] for cost in taken)),
    }


def _child(*arguments: str) -> str:
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.tasks", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def _print(figures: Figures) -> None:
    print(f"\n{figures['event_rows']:,} adverse-event rows, {figures['checked_rows']:,} of them valid")
    print("".join(f"{name:<{width}}" if name == "step" else f"{name:>{width}}" for name, width in _COLUMNS))
    for name, compared in figures["rows_in_agreement"].items():
        print(f"{name} and kernel agree on {compared:,} rows")
    for line in figures["lines"]:
        rate = "" if line["rows_per_second"] is None else f"{line['rows_per_second']:,}"
        print(
            f"{line['step']:<26}{line['seconds']:>10.3f}{line['processor_seconds']:>10.3f}"
            f"{line['ratio']:>8.2f}{line['processor_ratio']:>11.2f}{rate:>12}"
            f"{line['peak_mib']:>10,}{line['child_mib']:>10,}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS), metavar="TASK")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument(
        "--scratch", type=Path, help="folder for the generated files; the system's by default"
    )
    parser.add_argument("--no-trial", action="store_true", help="leave out the usual trial")
    asked = parser.parse_args()
    sizes = []
    for rows in asked.rows:
        sizes.append(measure_size(rows, asked.seed, asked.repeats, asked.tasks, asked.scratch))
        _print(sizes[-1])
    report: Figures = {"machine": describe_machine(), "sizes": sizes}
    if not asked.no_trial:
        report["usual_trial"] = trial = measure_usual_trial(asked.seed, asked.repeats)
        print(f"\nUsual trial, {trial['event_rows']:,} rows as XPT")
        for name in (name for name in trial if name.endswith("_seconds")):
            print(f"{name.removesuffix('_seconds').replace('_', ' '):<26}{trial[name]:>10.3f}")
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
