"""Many studies in one go, both ways, and what they cost.

    python -m tests.engines.backfill --studies 200

makes that many tiny studies in a fresh data home, takes them all to the published file with a process for
each study (the multiprocess executor, as many at once as `--processes`), then does the same in another home
with one process for everything, and prints for each way: seconds, runs, publications, failed studies, and
events that speak of a lock. Anything but one publication, no failure and no lock leaves with 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import dagster as dg
import duckdb

from pipelines.engines.backfill import Backfill, run_backfill
from pipelines.home import Home
from tests.end_to_end.tiny_studies import write_tiny_study
from warehouse.run_store import RunStore

LOCK_WORDS = ("database is locked", "could not set lock", "lock on file", "resource temporarily unavailable")


@dataclass(frozen=True)
class Measured:
    """What one go gave."""

    way: str
    studies: int
    seconds: float
    runs: int
    published_studies: int
    publications: int
    failures: int
    lock_errors: int
    stopped: str | None

    @property
    def is_clean(self) -> bool:
        """Everything ran, once, and nothing met a lock."""
        whole = self.runs == self.published_studies == self.studies
        return whole and (self.publications, self.failures, self.lock_errors, self.stopped) == (1, 0, 0, None)


def make_home(root: Path, studies: int) -> Home:
    """A data home with so many tiny studies, of grades that differ."""
    home = Home(root).ensure()
    for number in range(studies):
        write_tiny_study(home, f"STUDY-{number:04d}", str(1 + number % 4))
    return home


def measure(root: Path, studies: int, processes: int) -> Measured:
    """One go over a fresh home."""
    home = make_home(root, studies)
    start = time.perf_counter()
    done = run_backfill(home, home.studies(), processes)
    seconds = time.perf_counter() - start
    log = events(home, done)
    with duckdb.connect(str(home.database), read_only=True) as connection:
        (published,) = connection.execute("SELECT count(*) FROM core_studies").fetchall()[0]
    store = RunStore(home.runs)
    return Measured(
        way="multiprocess" if processes > 1 else "in process",
        studies=studies,
        seconds=round(seconds, 1),
        runs=sum(store.current(study) is not None for study in home.studies()),
        published_studies=published,
        publications=len(materialised(home, "published")),
        failures=len(done.failures),
        lock_errors=sum(any(word in line.lower() for word in LOCK_WORDS) for line in log),
        stopped=done.stopped,
    )


def events(home: Home, done: Backfill) -> list[str]:
    """Every event of the run, as text."""
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        return [entry.to_json() for entry in instance.all_logs(done.dagster_run_id)]


def materialised(home: Home, asset: str) -> list[str | None]:
    """Partitions of each materialisation of an asset."""
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        found = instance.fetch_materializations(dg.AssetKey(asset), limit=10_000)
        return [record.partition_key for record in found.records]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2, help="studies at once in the multiprocess way")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    found = []
    for processes in (arguments.processes, 1):
        with tempfile.TemporaryDirectory(prefix="regrade-backfill-") as root:
            found.append(measure(Path(root), arguments.studies, processes))
        one = found[-1]
        print(
            f"{one.way:<13} {one.studies} studies  {one.seconds:8.1f} s  "
            f"{one.seconds / one.studies:5.2f} s each  runs {one.runs}  "
            f"publications {one.publications}  failed {one.failures}  "
            f"lock errors {one.lock_errors}" + (f"  stopped: {one.stopped}" if one.stopped else ""),
            flush=True,
        )
    if arguments.json:
        lines = [asdict(one) for one in found]
        arguments.json.write_text(json.dumps(lines, indent=2) + "\n", encoding="utf-8")
    return 0 if all(one.is_clean for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
