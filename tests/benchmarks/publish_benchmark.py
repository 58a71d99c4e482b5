"""What it costs to publish one more study, in units of copying the published file.

    python tests/benchmarks/publish_benchmark.py --json figures.json

200 studies of 50,000 event rows each are in the warehouse; a study of 100,000 rows arrives, then is graded
again under another title. Each publication takes turns with the floor: the published file copied and flushed
to the disk, as a publication has to be. Building the whole file is measured last. `--rows 1000000
--studies 20` is a smoke test of a minute; below 64 MB the file is always built whole.

The two studies are invented by a seeded generator and regraded by the real pipeline once. The other runs are
their tables under other study and subject ids, written as run folders through the run store; only the digest
of their canonical text, which publishing does not read, is taken over instead of computed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mappings.loader import load_release
from pipelines.home import Home
from pipelines.stages import run_study
from schemas.registry import RELEASE_TABLES, STAGED_TABLES
from warehouse.disk import sha256_file
from warehouse.publisher import publish
from warehouse.run_store import RunStore, StoredRun, TableFile, run_id_of

ROWS_PER_SUBJECT = 100
NEURO_SHARE = 0.05
ASSESSED_DAYS = range(11)
NEURO_CLASSES = ("Nervous system disorders", "Psychiatric disorders")
UNPUBLISHED = frozenset(declared.info().name for declared in STAGED_TABLES)
SHARED = frozenset(declared.info().name for declared in RELEASE_TABLES)
MANIFEST = """\
study: {study}
files:
  - {{path: ae.csv, role: adverse_events}}
  - {{path: dm.csv, role: subjects}}
  - {{path: ex.csv, role: exposure}}
  - path: ice.csv
    role: assessments
    columns: {{subject_id: USUBJID, date: SEEN, test_code: ITEM, value: RESULT}}
    codes: {{ICE: ice_total}}
grading: {{scale: ctcae, version: "5.0"}}
infusions: {{source: exposure}}
"""


def write_study(folder: Path, rows: int, seed: int) -> None:
    """A landing folder of one study: about 100 event rows per subject, one in twenty neurological."""
    source = random.Random(seed)
    listed = load_release("1.0.0").tables["map_vocabulary"].filter(pl.col("scale_version") == "5.0")
    terms = sorted(set(listed.select("term", "class_name").iter_rows()))
    neuro = [pair for pair in terms if pair[1] in NEURO_CLASSES]
    other = [pair for pair in terms if pair[1] not in NEURO_CLASSES]
    events = ["USUBJID,AESEQ,AETERM,AEDECOD,AEBODSYS,AETOXGR,AESTDTC,AEENDTC,AEREL"]
    subjects, doses, scores = (
        ["USUBJID,AGE,AGEU,DTHFL"],
        ["USUBJID,EXTRT,EXSTDTC"],
        ["USUBJID,SEEN,ITEM,RESULT"],
    )
    for number in range(max(1, rows // ROWS_PER_SUBJECT)):
        subject, infused = f"{number:05d}", date(2020, 1, 1) + timedelta(days=source.randrange(700))
        subjects.append(f"{subject},{source.randrange(18, 80)},YEARS,N")
        doses.append(f"{subject},CART,{infused}")
        if number % 3 == 0:
            for day in ASSESSED_DAYS:
                scores.append(
                    f"{subject},{infused + timedelta(days=day)},ICE,{source.choice((10, 10, 10, 9, 7, 4))}"
                )
        for sequence in range(1, ROWS_PER_SUBJECT + 1):
            pool = neuro if source.random() < NEURO_SHARE else other
            term, name = pool[min(int(source.paretovariate(0.5)) - 1, len(pool) - 1)]
            start = infused + timedelta(days=source.randrange(-10, 90))
            begun = str(start)[:7] if source.random() < 0.05 else str(start)
            ended = "" if source.random() < 0.1 else str(start + timedelta(days=source.randrange(31, 45)))
            said = f"{term} {source.randrange(10**6)}" if source.random() < 0.3 else term
            grade = source.choices(("1", "2", "3", "4", ""), (40, 30, 20, 8, 2))[0]
            events.append(f'{subject},{sequence},"{said}","{term}","{name}",{grade},{begun},{ended},N')
    folder.mkdir(parents=True)
    (folder / "study.yaml").write_text(MANIFEST.format(study=folder.name), encoding="utf-8")
    for name, lines in {"ae": events, "dm": subjects, "ex": doses, "ice": scores}.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def regraded(rows: int, seed: int, aside: Path) -> StoredRun:
    """The run of an invented study of so many event rows."""
    home = Home(aside / f"{rows}-{seed}").ensure()
    write_study(home.landing / "BLOCK", rows, seed)
    run_study(home, "BLOCK")
    run = RunStore(home.runs).current("BLOCK")
    assert run is not None
    return run


def put(store: RunStore, block: StoredRun, study: str, note: str = "") -> None:
    """A current run of the study with the block's rows under its own ids."""
    made_from = {**block.identity, "study": study, "manifest": {**block.identity["manifest"], "title": note}}
    run_id = run_id_of(made_from)
    stages: dict[str, dict[str, TableFile]] = {}
    shutil.rmtree(store.runs / study / run_id, ignore_errors=True)  # of an earlier measurement
    with store.lock(study):
        for name, stored in block.tables.items():
            if name in UNPUBLISHED or name.startswith("raw_"):
                continue
            folder = store.work_folder(study, run_id) / stored.stage
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{name}.parquet"
            frame = pl.read_parquet(block.folder / stored.file)
            if name not in SHARED:
                named = {"study_id": pl.lit(study), "subject_id": pl.lit(f"{study}-") + pl.col("subject_id")}
                frame = frame.with_columns(**{key: to for key, to in named.items() if key in frame.columns})
            frame.write_parquet(path, compression="zstd", statistics=True)
            kept = replace(stored, file=path.name, sha256=sha256_file(path))
            stages.setdefault(stored.stage, {})[name] = kept
        store.set_current(store.seal(study, run_id, made_from, stages))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def copy(path: Path) -> None:
    """The floor: a copy that has reached the disk."""
    aside = path.with_suffix(".copy")
    shutil.copyfile(path, aside)
    handle = os.open(aside, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
    aside.unlink()


def measure(home: Home, block: StoredRun, repeats: int) -> dict[str, list[float]]:
    """Seconds of each step, taking turns."""
    store = RunStore(home.runs)
    taken: dict[str, list[float]] = {"copy": [], "a study arrives": [], "it is graded again": []}
    for turn in range(repeats):
        for step, note in (("a study arrives", ""), ("it is graded again", "another title")):
            put(store, block, f"NEW-{turn:03d}", note)
            os.sync()
            taken["copy"].append(seconds(lambda: copy(home.database)))
            os.sync()
            taken[step].append(seconds(lambda: publish(home)))
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=10_000_000, help="event rows already in the warehouse")
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--new-rows", type=int, default=0, help="event rows of the study; 2 x the others'")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keep the data home here, and use it again")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    each = asked.rows // asked.studies
    with tempfile.TemporaryDirectory(prefix="publish-", dir=asked.folder) as name:
        home = Home((asked.folder or Path(name)) / "home").ensure()
        store = RunStore(home.runs)
        if len(store.study_ids()) < asked.studies:
            block = regraded(each, 1, Path(name))
            for number in range(asked.studies):
                put(store, block, f"OLD-{number:03d}")
        arriving = regraded(asked.new_rows or 2 * each, 2, Path(name))
        whole = [seconds(lambda: publish(home))]
        taken = measure(home, arriving, asked.repeats)
        home.database.unlink()
        whole.append(seconds(lambda: publish(home)))
        size = home.database.stat().st_size
    floor = statistics.median(taken["copy"])
    print(
        f"{asked.studies} studies, {asked.rows} event rows, file of {size / 1e6:.0f} MB, "
        f"DuckDB {duckdb.__version__}"
    )
    print(f"{'step':22}{'seconds':>10}{'ratio':>8}")
    figures = {step: statistics.median(values) for step, values in taken.items()} | {"whole file": whole[-1]}
    for step, value in figures.items():
        print(f"{step:22}{value:10.2f}{value / floor:8.2f}")
    if asked.json is not None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        facts = {"rows": asked.rows, "studies": asked.studies, "bytes": size, "peak_mib": peak}
        report = facts | {
            "seconds": taken | {"whole file": whole},
            "ratio": {k: v / floor for k, v in figures.items()},
        }
        asked.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
