"""The pieces of work that are measured, each in a process of its own and beside its floor.

    python -m tests.benchmarks.tasks NAME FOLDER     prints the costs as JSON

What may live here: a task per line of the benchmark table. What may not: how often and in which order they
run, and what is printed (`__main__`). A task takes the folder that `prepare` filled: `landing/BENCH` (raw
files), `checked` (the checked tables of the same rows).

The floor of a task is what no program can do without: polars streams the same Parquet files from disk to
disk. It is measured just before and just after the task, each time in a process of its own, so that nobody's
memory counts as another's, and with the same setting of the allocator. A whole run has the raw files for
floor, the kernel the checked tables.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import polars as pl

from mappings.loader import load_release
from mappings.release import Release
from pipelines.grading.kernel import BATCH_ROWS, collect_batch, split_subjects, stream_study
from pipelines.grading.subject_results import grade_events
from pipelines.home import Home
from pipelines.ingest.study import read_manifest
from pipelines.memory import keep_pages
from pipelines.stages import run_study
from schemas.base import Table
from schemas.frames import Frames, Sources
from schemas.in_order import in_order
from schemas.manifest import StudyManifest
from schemas.results import CoreEventGrades, CoreSubjectGrades
from tests.benchmarks.generator import STUDY, write_checked, write_study
from tests.benchmarks.machine import Cost, Stopwatch, measure
from warehouse.publisher import publish
from warehouse.table_writer import TableWriters

Costs = dict[str, Cost]
SecondKernel = Callable[[Mapping[str, Path], Release, StudyManifest, Path], None]
KERNEL_TABLES: Final[tuple[type[Table], ...]] = (CoreEventGrades, CoreSubjectGrades)
OUTPUTS: Final = "outputs"


def prepare(folder: Path, rows: int, seed: int) -> None:
    """Raw files and checked tables of one size."""
    write_study(folder / "landing" / STUDY, rows, seed)
    write_checked(folder / "checked", rows, seed)


def count_rows(folder: Path) -> dict[str, int]:
    """Adverse-event rows as read, and those that passed the checks."""
    files = {
        "event_rows": folder / "landing" / STUDY / "ae.parquet",
        "checked_rows": folder / "checked" / "core_adverse_events.parquet",
    }
    return {name: pl.scan_parquet(path).select(pl.len()).collect().item() for name, path in files.items()}


def run_kernel(folder: Path) -> Costs:
    """Checked Parquet in; terms, contributions, windows, subjects; events and subjects written."""
    manifest, release = read_manifest(folder / "landing" / STUDY), load_release()

    def grade(batch: Sources) -> Frames:
        grades = grade_events(collect_batch(batch), release, manifest).tables
        return {table.info().name: table.require(grades[table.info().name]) for table in KERNEL_TABLES}

    return _graded(folder, "kernel", lambda checked: in_order(grade, split_subjects(checked, BATCH_ROWS)))


def run_all_tables(folder: Path) -> Costs:
    """The same with every graded table made and written."""
    manifest, release = read_manifest(folder / "landing" / STUDY), load_release()
    return _graded(folder, "kernel, all tables", lambda checked: stream_study(checked, release, manifest))


def _graded(folder: Path, name: str, grade: Callable[[Sources], Iterator[Frames]]) -> Costs:
    files = checked_files(folder)
    target = _fresh(folder / OUTPUTS / "kernel")

    def work() -> None:
        with TableWriters(target) as writers:
            for part in grade({table: pl.scan_parquet(path) for table, path in files.items()}):
                writers.append(part)
            writers.close()

    return {name: measure(work)}


def run_pandas(folder: Path) -> Costs:
    """The same two tables by the pandas version."""
    from tests.benchmarks import pandas_kernel  # noqa: PLC0415 - its memory is not the kernel's

    return _second(folder, "pandas", pandas_kernel.grade)


def run_duckdb(folder: Path) -> Costs:
    """The same two tables by the SQL version."""
    from tests.benchmarks import duckdb_kernel  # noqa: PLC0415 - as pandas

    return _second(folder, "duckdb", duckdb_kernel.grade)


def _second(folder: Path, name: str, grade: SecondKernel) -> Costs:
    release, manifest = load_release(), read_manifest(folder / "landing" / STUDY)
    files, target = checked_files(folder), _fresh(folder / OUTPUTS / name)
    return {name: measure(lambda: grade(files, release, manifest, target))}


def agree(folder: Path) -> dict[str, int]:
    """Rows on which each second implementation said what the kernel says; a difference is an error."""
    from tests.benchmarks.agreement import assert_agreement  # noqa: PLC0415 - as pandas

    outputs = folder / OUTPUTS
    return {
        name: assert_agreement(outputs / "kernel", outputs / name)
        for name in ("pandas", "duckdb")
        if (outputs / name).is_dir() and (outputs / "kernel").is_dir()
    }


def run_whole(folder: Path) -> Costs:
    """Raw Parquet in, every stage, the run folder, the published DuckDB file."""
    home = Home(_fresh(folder / "home"))
    home.landing.mkdir()
    shutil.copytree(folder / "landing" / STUDY, home.landing / STUDY, copy_function=os.link)
    costs: Costs = {}
    watch, stages = Stopwatch(), ["plan"]

    def note(stage: str) -> None:
        costs[stages[-1]] = watch.lap()
        stages.append(stage)

    run_study(home, STUDY, progress=note)
    costs[stages[-1]] = watch.lap()
    costs["publish"] = measure(lambda: publish(home))
    whole = Cost(
        sum(cost.seconds for cost in costs.values()),
        sum(cost.processor for cost in costs.values()),
        max(cost.peak_mib for cost in costs.values()),
        max(cost.child_mib for cost in costs.values()),
    )
    return {**costs, "whole run": whole}


def copy_checked(folder: Path) -> Costs:
    """The floor of what takes the checked tables."""
    return _copy(checked_files(folder), folder)


def copy_raw(folder: Path) -> Costs:
    """The floor of what takes the raw files."""
    return _copy({path.stem: path for path in (folder / "landing" / STUDY).glob("*.parquet")}, folder)


def _copy(files: Mapping[str, Path], folder: Path) -> Costs:
    target, ordered = _fresh(folder / "copies"), sorted(files, key=lambda name: files[name].stat().st_size)

    def copy(names: Iterable[str]) -> None:
        for name in names:
            pl.scan_parquet(files[name]).sink_parquet(target / f"{name}.parquet")

    copy(ordered[:1])  # the first call of all pays for starting threads
    return {"floor": measure(lambda: copy(ordered))}


def run_beside_floor(name: str, folder: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """The parts of a task and their costs, and the floor before and after it."""
    floor = "copy of raw" if name == "whole run" else "copy of checked"
    yield "floor before", _in_process(floor, folder)["floor"]
    yield from _in_process(name, folder).items()
    yield "floor after", _in_process(floor, folder)["floor"]


def _in_process(name: str, folder: Path) -> dict[str, dict[str, float]]:
    command = [sys.executable, "-W", "ignore", "-m", __spec__.name, "alone", str(folder), name]
    found: dict[str, dict[str, float]] = json.loads(subprocess.check_output(command))
    return found


def checked_files(folder: Path) -> dict[str, Path]:
    """The checked tables of one size by name."""
    return {path.stem: path for path in sorted((folder / "checked").glob("*.parquet"))}


def _fresh(folder: Path) -> Path:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


TASKS: Final[dict[str, Callable[[Path], Costs]]] = {
    "kernel": run_kernel,
    "duckdb": run_duckdb,
    "pandas": run_pandas,
    "kernel, all tables": run_all_tables,
    "whole run": run_whole,
}
"""Measured in this order, again and again."""
FLOORS: Final[dict[str, Callable[[Path], Costs]]] = {
    "copy of checked": copy_checked,
    "copy of raw": copy_raw,
}


def main() -> None:
    keep_pages()  # for the processes that are measured: the program's and its floor's alike
    name, folder = sys.argv[1], Path(sys.argv[2])
    if name == "prepare":
        prepare(folder, int(sys.argv[3]), int(sys.argv[4]))
    elif name in ("count", "agree"):
        print(json.dumps(count_rows(folder) if name == "count" else agree(folder)))
    elif name == "alone":
        costs = {**TASKS, **FLOORS}[sys.argv[3]](folder)
        print(json.dumps({part: cost.as_json() for part, cost in costs.items()}))
    else:
        print(json.dumps(dict(run_beside_floor(name, folder))))


if __name__ == "__main__":
    main()
