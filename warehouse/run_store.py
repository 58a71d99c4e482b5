"""Immutable run folders: how a run is written, sealed, found and verified.

What may live here: files, hashes, locks, atomic renames. What may not: what a stage computes, DuckDB.

    runs/<study>/<run_id>/   run.json and one Parquet file per table; never changed once there
    runs/<study>/current     run id of the run that stands for the study
    runs/<study>/releases.json   run id of the latest run under each mapping release
    runs/.work/<study>/<run_id>/<stage>/   stages of a run that is being made; never a result
    runs/.locks/<study>.lock one writer per study
    runs/ledger.jsonl        who did what when and why (`warehouse.ledger`); no result depends on it

A run folder appears by one rename, after everything in it has reached the disk: a crash leaves
work, never a half run. A folder without a valid `run.json` is no run. The ledger tells of a run folder and
of a change of a pointer before they are there.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from schemas.errors import StoreError
from schemas.wording import counted
from warehouse.disk import (
    canonical_json,
    file_lock,
    flush,
    make_folder,
    replace_text,
    sha256_file,
    sha256_text,
)
from warehouse.ledger import Ledger, Note
from warehouse.table_writer import TableWriters

RECORD_NAME: Final = "run.json"
RUN_FORMAT: Final = 3
"""Part of every run id; raise it when the layout of a run folder changes."""
_RUN_ID = re.compile(r"[0-9a-f]{64}")
_RERUN = "delete this folder and run the study again"


@dataclass(frozen=True)
class TableFile:
    """One stored table: `digest` is over its canonical text, `sha256` over the bytes of the file."""

    name: str
    stage: str
    file: str
    rows: int
    digest: str
    sha256: str


@dataclass(frozen=True)
class StoredRun:
    """A sealed run. `identity` is what its id is the hash of (inputs, manifest, release, code)."""

    run_id: str
    study_id: str
    folder: Path
    identity: Mapping[str, Any]
    tables: Mapping[str, TableFile]

    @property
    def release_id(self) -> str:
        """Mapping release the run was graded by."""
        return str(self.identity["release"]["release_id"])

    @property
    def release_sha256(self) -> str:
        """sha256 of everything of that release that decides."""
        return str(self.identity["release"]["sha256"])

    def table(self, name: str) -> pl.DataFrame:
        """Read one table after verifying its bytes. Raises `StoreError` when it is missing or changed."""
        stored = self.tables.get(name)
        if stored is None:
            raise StoreError(
                "the run has no such table", value=name, next_action="see run.json for its tables"
            )
        return _read_verified(self.folder, stored)

    def has_columns(self, name: str, schema: Mapping[str, pl.DataType | type[pl.DataType]]) -> bool:
        """Whether the run has the table with exactly these columns, as its file says without being hashed.

        A file that says otherwise is hashed first: raises `StoreError` when it is damaged, not another's.
        """
        stored = self.tables.get(name)
        if stored is None:
            return False
        try:
            fits = dict(pl.read_parquet_schema(self.folder / stored.file)) == dict(schema)
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
            fits = False
        if not fits:
            verified_path(self.folder, stored)
        return fits

    def verify(self) -> None:
        """Hash every file of the run against its record. Raises `StoreError` naming the first bad one."""
        for stored in self.tables.values():
            verified_path(self.folder, stored)


def run_id_of(identity: Mapping[str, Any]) -> str:
    """Run id: sha256 of the canonical JSON of everything that determines the run."""
    return sha256_text(canonical_json(identity))


def verified_path(folder: Path, stored: TableFile) -> Path:
    """Path of a stored table whose bytes are what the record says; else a `StoreError`."""
    path = folder / stored.file
    try:
        actual = sha256_file(path)
    except OSError:
        raise StoreError("a table of the run is missing", file=str(path), next_action=_RERUN) from None
    if actual != stored.sha256:
        raise StoreError(
            "the file is not what the run recorded (sha256 differs)", file=str(path), next_action=_RERUN
        )
    return path


def _read_verified(folder: Path, stored: TableFile) -> pl.DataFrame:
    frame = pl.read_parquet(verified_path(folder, stored))
    if frame.height != stored.rows:
        raise StoreError(
            f"the record says {counted(stored.rows, 'row')}, the file has {frame.height}",
            file=str(folder / stored.file),
            next_action=_RERUN,
        )
    return frame


class RunStore:
    """Run folders under one `runs` folder. Every write happens under the lock of its study.

    `why` is the reason that the ledger gives for what is done through this store.
    """

    def __init__(self, runs: Path, why: str | None = None) -> None:
        self.runs = runs
        self.ledger = Ledger(runs, why)

    def study_ids(self) -> tuple[str, ...]:
        """Studies that have a current run, sorted."""
        if not self.runs.is_dir():
            return ()
        return tuple(
            sorted(
                folder.name
                for folder in self.runs.iterdir()
                if not folder.name.startswith(".") and (folder / "current").is_file()
            )
        )

    @contextmanager
    def lock(self, study_id: str) -> Iterator[None]:
        """Wait for, then hold, the right to write runs of this study (across processes)."""
        with file_lock(self.runs / ".locks" / f"{study_id}.lock"):
            yield

    def find(self, study_id: str, run_id: str) -> StoredRun | None:
        """The sealed run, its record verified; None when there is no such run.

        Raises `StoreError` when the folder is there but its record is missing or altered.
        """
        folder = self.runs / study_id / run_id
        return self._load(folder) if folder.is_dir() else None

    def current(self, study_id: str) -> StoredRun | None:
        """The run that stands for the study; None when it was never run."""
        pointer = self.runs / study_id / "current"
        try:
            run_id = pointer.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            run_id = ""
        run = self.find(study_id, run_id) if _RUN_ID.fullmatch(run_id) else None
        if run is None:
            raise StoreError(
                "it names no run of this study", file=str(pointer), next_action="run the study again"
            )
        return run

    def set_current(self, run: StoredRun) -> None:
        """Make the run the one that stands for its study; one atomic rename, told to the ledger before."""
        pointer = self.runs / run.study_id / "current"
        before = _pointed_at(pointer)
        if before == run.run_id:
            return
        facts = {"study_id": run.study_id, "run_id": run.run_id, "previous_run_id": before}
        notes = [Note("current_changed", facts)]
        former = self._release_of(run.study_id, before)
        if former is not None and former != (run.release_id, run.release_sha256):
            notes.append(Note("release_changed", {**_release_facts(run), "previous_release_id": former[0]}))
        self.ledger.append(*notes)
        replace_text(pointer, run.run_id + "\n")

    def _release_of(self, study_id: str, run_id: str | None) -> tuple[str, str] | None:
        """Id and content of the release of a run that may be gone or damaged."""
        try:
            run = None if run_id is None else self.find(study_id, run_id)
        except StoreError:
            run = None
        return None if run is None else (run.release_id, run.release_sha256)

    def remember(self, run: StoredRun) -> None:
        """Make the run the latest of its study under its mapping release; one atomic rename.

        Written before `set_current`: a crash between the two leaves a run beside the current one, or
        the older run of one release in its place, and both are whole.
        """
        # What a process left that was killed when the run folder had just appeared.
        shutil.rmtree(self.work_folder(run.study_id, run.run_id), ignore_errors=True)
        latest = self._latest(run.study_id)
        if latest.get(run.release_id) == run.run_id:
            return
        if run.release_id not in latest:
            self.ledger.append(Note("release_first_run", _release_facts(run)))
        replace_text(
            self._latest_path(run.study_id), canonical_json(latest | {run.release_id: run.run_id}) + "\n"
        )

    def beside(self, current: StoredRun) -> tuple[StoredRun, ...]:
        """The latest run of the study under each release but the current run's, in order of release ids.

        A run whose folder was deleted is left out. Raises `StoreError` when a record is damaged.
        """
        runs = (
            self.find(current.study_id, run_id)
            for release_id, run_id in sorted(self._latest(current.study_id).items())
            if release_id != current.release_id
        )
        return tuple(run for run in runs if run is not None)

    def _latest_path(self, study_id: str) -> Path:
        return self.runs / study_id / "releases.json"

    def _latest(self, study_id: str) -> dict[str, str]:
        """Run id by release id; empty before the first run."""
        path = self._latest_path(study_id)
        try:
            found = json.loads(path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            found = None
        if not isinstance(found, dict) or not all(_RUN_ID.fullmatch(str(run)) for run in found.values()):
            raise StoreError(
                "it is not a list of runs by release",
                file=str(path),
                next_action="delete this file; the current run stays, others return when they are run again",
            )
        return found

    # Stages of a run in the making

    def work_folder(self, study_id: str, run_id: str) -> Path:
        """Where the stages of an unsealed run are kept."""
        return self.runs / ".work" / study_id / run_id

    def write_stage(
        self, study_id: str, run_id: str, stage: str, parts: Iterable[Mapping[str, pl.DataFrame]]
    ) -> dict[str, TableFile]:
        """Write the tables of one stage as their rows come; they count only once the whole stage is there.

        Each part holds the next rows of some tables, in canonical order.
        """
        work = self.work_folder(study_id, run_id)
        building = work / f".{stage}"
        shutil.rmtree(building, ignore_errors=True)
        shutil.rmtree(work / stage, ignore_errors=True)
        building.mkdir(parents=True)
        with TableWriters(building) as writers:
            for part in parts:
                writers.append(part)
            written = writers.close()
        files = {
            name: TableFile(name, stage, table.path.name, table.rows, table.digest, sha256_file(table.path))
            for name, table in written.items()
        }
        (building / "stage.json").write_text(
            canonical_json([asdict(file) for file in files.values()]), encoding="utf-8"
        )
        building.rename(work / stage)
        return files

    def stage_files(self, study_id: str, run_id: str, stage: str) -> dict[str, TableFile] | None:
        """Tables of a finished stage of an unsealed run; None when it has to be computed."""
        path = self.work_folder(study_id, run_id) / stage / "stage.json"
        try:
            files = {file["name"]: TableFile(**file) for file in json.loads(path.read_bytes())}
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        # A list that is not that of the folder is nobody's work: the stage is computed again.
        there = sorted(found.name for found in path.parent.glob("*.parquet"))
        return files if there and there == sorted(str(file.file) for file in files.values()) else None

    def find_stage(self, study_id: str, run_id: str, stage: str) -> dict[str, TableFile] | None:
        """Tables of a finished stage whose bytes are what was written; None when it has to be computed."""
        files = self.stage_files(study_id, run_id, stage)
        folder = self.work_folder(study_id, run_id) / stage
        try:
            for file in (files or {}).values():
                verified_path(folder, file)
        except StoreError:
            return None
        return files

    def seal(
        self,
        study_id: str,
        run_id: str,
        identity: Mapping[str, Any],
        stages: Mapping[str, Mapping[str, TableFile]],
    ) -> StoredRun:
        """Turn the finished stages into the run folder: flush to disk, then one rename.

        Where two stages hold a table of the same name, the later stage's is the run's.
        """
        work = self.work_folder(study_id, run_id)
        building = work / ".sealed"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        kept = {name: file for files in stages.values() for name, file in files.items()}
        for name, file in sorted(kept.items()):
            verified_path(work / file.stage, file).replace(building / f"{name}.parquet")
        record: dict[str, Any] = {
            "run_id": run_id,
            "study_id": study_id,
            "identity": identity,
            "tables": [asdict(kept[name]) for name in sorted(kept)],
        }
        record["record_sha256"] = sha256_text(canonical_json(record))
        (building / RECORD_NAME).write_text(canonical_json(record) + "\n", encoding="utf-8")
        for path in sorted(building.iterdir()):
            flush(path)
        flush(building)
        folder = self.runs / study_id / run_id
        make_folder(folder.parent)
        self.note("created", study_id=study_id, run_id=run_id, record_sha256=record["record_sha256"])
        building.rename(folder)
        flush(folder.parent)
        shutil.rmtree(self.runs / ".work" / study_id, ignore_errors=True)
        return self._load(folder)

    def _load(self, folder: Path) -> StoredRun:
        path = folder / RECORD_NAME
        try:
            record = json.loads(path.read_bytes())
            claimed = record.pop("record_sha256")
            files = [TableFile(**file) for file in record["tables"]]
            run_id, study_id, identity = record["run_id"], record["study_id"], record["identity"]
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            raise StoreError("the run has no readable record", file=str(path), next_action=_RERUN) from None
        place = (folder.parent.name, folder.name)
        if sha256_text(canonical_json(record)) != claimed or (study_id, run_id) != place:
            raise StoreError("the record of the run was altered", file=str(path), next_action=_RERUN)
        return StoredRun(run_id, study_id, folder, identity, {file.name: file for file in files})

    # History

    def note(self, action: str, **facts: object) -> None:
        """Append one entry to the ledger: ids and digests, never an identifier of a subject."""
        self.ledger.append(Note(action, facts))


def _pointed_at(pointer: Path) -> str | None:
    """What a pointer says, if it is a run id."""
    try:
        text = pointer.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return text if _RUN_ID.fullmatch(text) else None


def _release_facts(run: StoredRun) -> dict[str, object]:
    return {
        "study_id": run.study_id,
        "run_id": run.run_id,
        "release_id": run.release_id,
        "release_sha256": run.release_sha256,
    }
