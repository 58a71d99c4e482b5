"""How the kernel's cost grows with rows, in units of copying the same Parquet files.

    python tests/benchmarks/kernel_benchmark.py --rows 100000 1000000 10000000 --json figures.json

Prints one table and writes the same figures as JSON. Each size runs in a process of its own; there, the
floor (polars streams the checked tables from Parquet to Parquet) and the kernel (`grade_study` on the same
tables in memory) take turns, and the ratio is that of their medians: it says more than seconds do, because
both suffer alike from a busy machine. Linear growth is a ratio that stays where it is.

The rows are invented by a seeded generator in the proportions of an oncology trial: about 100 adverse-event
rows per subject, one in twenty neurological, one date in fourteen partial, and for a third of the subjects
an ICE every day from day 0 to 10, half of them with what wakes the patient. A block of 1,000 subjects is
drawn and repeated under other subject numbers.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mappings.loader import load_release
from mappings.release import Release
from pipelines.grading.kernel import grade_study
from schemas.base import Table
from schemas.manifest import StudyManifest
from schemas.registry import CHECKED_TABLES

START = datetime(2020, 1, 1)
BLOCK_SUBJECTS = 1_000
ROWS_PER_SUBJECT = 100
NEURO_SHARE = 0.05
ASSESSED_SHARE = 1 / 3
ASSESSED_DAYS = range(11)
NEURO_CLASSES = ("Nervous system disorders", "Psychiatric disorders")
COMMON = ("Headache", "Encephalopathy", "Tremor", "Confusion", "Dysphasia", "Dizziness", "Somnolence")
"""Neurological terms that CAR-T studies report most often, the most frequent first."""
PRECISIONS = ("day", "month", "none")
Columns = dict[str, list[Any]]


def make_block(seed: int, release: Release) -> dict[str, pl.DataFrame]:
    """The checked tables of BLOCK_SUBJECTS subjects."""
    source = random.Random(seed)
    subjects = [f"{number:04d}" for number in range(BLOCK_SUBJECTS)]
    infused = [START + timedelta(days=day) for day in source.choices(range(700), k=BLOCK_SUBJECTS)]
    columns: dict[str, Columns] = {
        "core_subjects": {
            "subject_id": subjects,
            "is_in_subject_table": [True] * BLOCK_SUBJECTS,
            "is_infused": [True] * BLOCK_SUBJECTS,
            "population": source.choices(["adult", "child", "unknown"], [85, 12, 3], k=BLOCK_SUBJECTS),
            "vital_status": source.choices(["unknown", "alive", "dead"], [50, 40, 10], k=BLOCK_SUBJECTS),
            "source_file": ["dm.csv"] * BLOCK_SUBJECTS,
            "source_row": list(range(1, BLOCK_SUBJECTS + 1)),
        },
        "core_infusions": {
            "subject_id": subjects,
            "infusion_number": [1] * BLOCK_SUBJECTS,
            "infusion_earliest": infused,
            "infusion_latest": [_end_of(day) for day in infused],
            "infusion_precision": ["day"] * BLOCK_SUBJECTS,
            "source_file": ["ex.csv"] * BLOCK_SUBJECTS,
            "source_row": list(range(1, BLOCK_SUBJECTS + 1)),
        },
        "core_adverse_events": _events(source, subjects, infused, release),
        "core_assessments": _assessments(source, subjects, infused),
    }
    return {table.info().name: _frame(table, columns.get(table.info().name, {})) for table in CHECKED_TABLES}


def _events(source: random.Random, subjects: list[str], infused: list[datetime], release: Release) -> Columns:
    rows = BLOCK_SUBJECTS * ROWS_PER_SUBJECT
    listed = release.tables["map_vocabulary"].filter(pl.col("scale_version") == "5.0")
    terms = sorted(listed.select("term", "class_name").iter_rows())
    neuro = [pair for pair in terms if pair[1] in NEURO_CLASSES]
    neuro.sort(key=lambda pair: COMMON.index(pair[0]) if pair[0] in COMMON else len(COMMON))
    other = [pair for pair in terms if pair[1] not in NEURO_CLASSES]
    source.shuffle(other)
    is_neuro = [source.random() < NEURO_SHARE for _ in range(rows)]
    drawn = _draw(source, is_neuro, neuro, other)
    holders = [number // ROWS_PER_SUBJECT for number in range(rows)]
    onsets = [
        infused[holder] + timedelta(days=after)
        for holder, after in zip(holders, source.choices(range(-10, 90), k=rows), strict=True)
    ]
    precisions = source.choices(PRECISIONS, [93, 5, 2], k=rows)
    starts = [_range_of(day, precision) for day, precision in zip(onsets, precisions, strict=True)]
    has_end = [source.random() < 0.9 for _ in range(rows)]
    ends = [
        day + timedelta(days=length) if known else None
        for day, length, known in zip(onsets, source.choices(range(15), k=rows), has_end, strict=True)
    ]
    grades = source.choices([1, 2, 3, 4, 5, None], [40, 30, 20, 7, 1, 2], k=rows)
    return {
        "subject_id": [subjects[holder] for holder in holders],
        "event_id": [f"{number % ROWS_PER_SUBJECT:03d}" for number in range(rows)],
        "source_file": ["ae.csv"] * rows,
        "source_row": list(range(1, rows + 1)),
        "preferred_term": [term for term, _ in drawn],
        "body_system": [name for _, name in drawn],
        "scale": ["ctcae"] * rows,
        "scale_version": ["5.0"] * rows,
        "grade": grades,
        "grade_status": ["missing" if grade is None else "read" for grade in grades],
        "start_earliest": [first for first, _ in starts],
        "start_latest": [last for _, last in starts],
        "start_precision": precisions,
        "end_earliest": ends,
        "end_latest": [None if day is None else _end_of(day) for day in ends],
        "end_precision": ["none" if day is None else "day" for day in ends],
        "relationship": source.choices([None, "related", "not_related", "unlikely"], [60, 30, 7, 3], k=rows),
    }


def _draw(
    source: random.Random,
    is_neuro: list[bool],
    neuro: list[tuple[str, str]],
    other: list[tuple[str, str]],
) -> list[tuple[str, str]]:
    """A term per row, the first of each list most often."""
    hits = sum(is_neuro)
    pools = {
        True: iter(source.choices(neuro, _falling(len(neuro)), k=hits)),
        False: iter(source.choices(other, _falling(len(other)), k=len(is_neuro) - hits)),
    }
    return [next(pools[hit]) for hit in is_neuro]


def _falling(length: int) -> list[float]:
    return [1 / place for place in range(1, length + 1)]


def _assessments(source: random.Random, subjects: list[str], infused: list[datetime]) -> Columns:
    """ICE of every day, with arousal for half of the subjects assessed."""
    rows: list[tuple[str, int, datetime, str, float | None, str | None]] = []
    for subject, day_zero in zip(subjects, infused, strict=True):
        if source.random() >= ASSESSED_SHARE:
            continue
        with_arousal = source.random() < 0.5
        for day in ASSESSED_DAYS:
            number, at = len(rows) + 1, day_zero + timedelta(days=day)
            score = source.choices([10, 9, 8, 6, 4, 2, 0], [60, 12, 8, 8, 6, 4, 2])[0]
            rows.append((subject, number, at, "ice_total", float(score), None))
            if with_arousal:
                word = source.choices(["alert", "voice", "touch", "unarousable"], [80, 14, 4, 2])[0]
                rows.append((subject, number, at, "arousal", None, word))
    items = [row[3] for row in rows]
    return {
        "subject_id": [row[0] for row in rows],
        "source_file": ["ice.csv"] * len(rows),
        "source_row": [row[1] for row in rows],
        "source_column": [item.upper() for item in items],
        "assessed_earliest": [row[2] for row in rows],
        "assessed_latest": [_end_of(row[2]) for row in rows],
        "assessed_precision": ["day"] * len(rows),
        "item": items,
        "value_text": [str(row[4]) if row[5] is None else row[5] for row in rows],
        "value": [row[4] for row in rows],
        "code": [row[5] for row in rows],
        "value_status": ["read"] * len(rows),
    }


def _end_of(day: datetime) -> datetime:
    return day + timedelta(days=1, microseconds=-1)


def _range_of(day: datetime, precision: str) -> tuple[datetime | None, datetime | None]:
    if precision == "none":
        return None, None
    if precision == "day":
        return day, _end_of(day)
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1) - timedelta(microseconds=1)


def _frame(table: type[Table], columns: Columns) -> pl.DataFrame:
    """The columns given, the others null; canonical."""
    schema = table.polars_schema()
    rows = len(next(iter(columns.values()), []))
    given = pl.DataFrame({"study_id": ["BENCH"] * rows, **columns}, schema_overrides=schema)
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in schema.items() if name not in given.columns]
    return table.canonicalise(given.with_columns(absent) if rows else table.empty())


def write_study(folder: Path, rows: int, seed: int, release: Release) -> None:
    """The checked tables of a study of about that many rows: the block, repeated under other numbers."""
    block = make_block(seed, release)
    copies = max(rows // (BLOCK_SUBJECTS * ROWS_PER_SUBJECT), 1)
    for name, frame in block.items():
        tiles = [_tile(frame, copy) for copy in range(copies if frame.height else 1)]
        pl.concat(tiles).sink_parquet(folder / f"{name}.parquet")


def _tile(frame: pl.DataFrame, copy: int) -> pl.LazyFrame:
    """The block under other subject numbers, still in canonical order."""
    tiled = frame.lazy()
    if frame.height:
        tiled = tiled.with_columns(pl.concat_str(pl.lit(f"{copy:04d}-"), "subject_id").alias("subject_id"))
    if "source_row" in frame.columns:
        tiled = tiled.with_columns((pl.col("source_row") + copy * frame.height).alias("source_row"))
    return tiled


def make_manifest() -> StudyManifest:
    """A CTCAE 5.0 study with both windows."""
    return StudyManifest.model_validate(
        {
            "study": "BENCH",
            "files": [{"path": "ae.csv", "role": "adverse_events"}],
            "grading": {"scale": "ctcae", "version": "5.0"},
            "infusions": {"source": "none"},
        }
    )


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _forget_peak() -> None:
    """Start the count of peak memory anew, where the system allows it (Linux)."""
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5")


def _peak_mib() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(rows: int, seed: int, repeats: int) -> dict[str, float]:
    """Figures of one size; floor and kernel take turns."""
    release, manifest = load_release(), make_manifest()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_study(folder, rows, seed, release)
        files = {path.stem: path for path in folder.glob("*.parquet")}
        checked = {table: pl.read_parquet(path) for table, path in files.items()}

        def copy() -> None:
            for table, path in files.items():
                pl.scan_parquet(path).sink_parquet(folder / f"{table}.copy")

        floors, kernels = [], []
        _forget_peak()
        for _ in range(repeats):
            floors.append(_timed(copy))
            kernels.append(_timed(lambda: grade_study(checked, release, manifest)))
        events, assessments = (checked[f"core_{table}"].height for table in ("adverse_events", "assessments"))
    seconds, floor = statistics.median(kernels), statistics.median(floors)
    return {
        "event_rows": events,
        "assessment_rows": assessments,
        "floor_seconds": round(floor, 3),
        "kernel_seconds": round(seconds, 3),
        "ratio": round(seconds / floor, 2),
        "rows_per_second": round(events / seconds),
        "peak_rss_mib": round(_peak_mib()),
        "repeats": repeats,
        "seed": seed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--child", action="store_true", help="measure one size here and print it as JSON")
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measure(arguments.rows[0], arguments.seed, arguments.repeats)))
        return
    figures = []
    names = ("AE rows", "assessed", "floor s", "kernel s", "ratio", "rows/s", "MiB")
    print(" ".join(f"{name:>{width}}" for name, width in zip(names, (12, 10, 9, 9, 7, 9, 7), strict=True)))
    for rows in arguments.rows:
        child = [sys.executable, __file__, "--child", "--rows", str(rows)]
        child += ["--seed", str(arguments.seed), "--repeats", str(arguments.repeats)]
        done = subprocess.run(child, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout)
        figures.append(found)
        print(
            f"{found['event_rows']:>12,} {found['assessment_rows']:>10,} {found['floor_seconds']:>9.2f} "
            f"{found['kernel_seconds']:>9.2f} {found['ratio']:>7.1f} {found['rows_per_second']:>9,} "
            f"{found['peak_rss_mib']:>7,}",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
