"""What Spark costs beside the local engine: its start, its shuffle, and each row it grades.

    python -m tests.benchmarks.spark_benchmark --rows 100000 1000000 --json figures.json

One session in `local[2]` measures, for each size, with the rows of `tests.benchmarks.generator`:

    local      the kernel as `regrade run` executes it, from checked Parquet, results thrown away
    spark      the same on Spark, results streamed to the driver in order, as a run takes them
    split      rows read and packed by subject, nothing moved: Spark's reading and the way into Python
    shuffle    split, and the blocks moved to their shards

and prints seconds, processor seconds of all processes, and rows per processor second, which says more on a
machine that does other things too. The shuffle's cost of a row is `shuffle` less `split`. The first grading
after the start is measured apart: it brings the workers up and compiles Spark's own code.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from mappings.loader import load_release
from pipelines.engines.spark import grading
from pipelines.engines.spark.session import relied_on, spark_session
from pipelines.grading.kernel import stream_study
from pipelines.ingest.study import read_manifest
from tests.benchmarks.generator import STUDY, write_checked
from tests.benchmarks.machine import describe_machine

TICKS: Final = os.sysconf("SC_CLK_TCK")
Figures = dict[str, Any]


def processor_seconds() -> float:
    """Of this process and everything it started, ended or not (Linux)."""
    parents: dict[int, int] = {}
    spent: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:  # it has just ended, and its parent has its seconds
                continue
            parents[int(folder.name)] = int(fields[1])
            spent[int(folder.name)] = sum(map(int, fields[11:15]))
    mine, found = os.getpid(), 0
    for process in parents:
        above = process
        while above in parents and above != mine:
            above = parents[above]
        found += spent[process] if above == mine else 0
    return found / TICKS


def measure(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds and processor seconds."""
    spent, start = processor_seconds(), time.perf_counter()
    work()
    return round(time.perf_counter() - start, 2), round(processor_seconds() - spent, 2)


def drain(parts: Any) -> int:
    """Take every row, keep none."""
    return sum(frame.height for part in parts for frame in part.values())


def measure_size(session: Any, rows: int, seed: int) -> Figures:
    """The four ways at one size."""
    release = load_release()
    with tempfile.TemporaryDirectory(prefix="regrade-spark-benchmark-") as name:
        folder = Path(name)
        files = write_checked(folder, rows, seed)
        manifest = read_manifest(folder / STUDY)
        events = pl.scan_parquet(files["core_adverse_events"]).select(pl.len()).collect().item()
        checked: Mapping[str, pl.LazyFrame] = {table: pl.scan_parquet(path) for table, path in files.items()}

        def split(*, moved: bool) -> None:
            with relied_on(session):
                sources = grading.open_sources(session, folder.as_uri())
                shards = grading.default_shards(session, sources)
                bounds = grading.choose_bounds(sources, shards)
                blocks = grading.split(session, sources, bounds)
                if moved:
                    blocks = blocks.repartitionById(len(bounds) + 1, "shard")
                blocks.write.format("noop").mode("overwrite").save()

        ways: dict[str, Callable[[], object]] = {
            "local": lambda: drain(stream_study(checked, release, manifest)),
            "spark": lambda: drain(grading.stream_folder(session, folder.as_uri(), release, manifest)),
            "split": lambda: split(moved=False),
            "shuffle": lambda: split(moved=True),
        }
        return {"event_rows": events} | {way: measure(work) for way, work in ways.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    start = time.perf_counter()
    with spark_session(arguments.master) as session:
        figures: Figures = {
            "machine": describe_machine(),
            "load": os.getloadavg()[0],
            "start_seconds": round(time.perf_counter() - start, 1),
            "first": measure_size(session, 1_000, arguments.seed),
            "sizes": [],
        }
        print(f"start {figures['start_seconds']} s, first grading {figures['first']['spark'][0]} s")
        print(f"{'rows':>12} {'way':<8} {'s':>8} {'cpu s':>8} {'rows per cpu s':>15}")
        for rows in arguments.rows:
            found = measure_size(session, rows, arguments.seed)
            figures["sizes"].append(found)
            for way in ("local", "spark", "split", "shuffle"):
                seconds, spent = found[way]
                rate = round(found["event_rows"] / max(spent, 0.01))
                print(
                    f"{found['event_rows']:>12,} {way:<8} {seconds:>8.1f} {spent:>8.1f} {rate:>15,}",
                    flush=True,
                )
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
