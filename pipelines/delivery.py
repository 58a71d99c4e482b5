"""A run as a folder to hand over: its inputs, manifest, release, overlays, results and the program.

What may live here: what goes into a delivered folder, its record, reading the record back. What may not:
recomputing (`pipelines.verification`), a licensed dictionary in any form, a clock.

The folder is laid out as a data home, so the program works on it as it is:

    README.md, delivery.json           what this is; every file by size and sha256
    landing/<study>/                   the manifest and the files the run read, byte by byte
    mappings/<overlay>/                private overlays, where the study has them
    releases/<release>/, releases.lock the mapping release as data
    runs/<study>/<run id>/             the run as it was sealed: run.json and one Parquet file per table
    tables/                            the result tables as CSV
    program/                           the sources that made the run, with the libraries beside them

The same run delivered by the same program gives the same bytes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

import polars as pl

from mappings import loader
from mappings.checksums import LINES_SUFFIX
from mappings.lock import LOCK
from mappings.overlay_file import ABOUT, OVERLAY_FILES
from pipelines.code_identity import code_sha256, sources_sha256
from pipelines.delivery_program import write_program
from pipelines.delivery_readme import readme
from pipelines.home import MANIFEST_NAME, Home
from pipelines.ingest.study import locate_file, read_manifest
from pipelines.input_files import hash_inputs
from pipelines.mapping_comparisons import manifest_of
from pipelines.verification import Difference, Source, Verification, stored_run, verify_run
from schemas.errors import RegradeError, StoreError
from schemas.manifest import StudyManifest
from schemas.registry import PUBLISHED_TABLES
from warehouse.disk import canonical_json, new_folder, sha256_file, sha256_text
from warehouse.run_store import RECORD_NAME, RunStore, StoredRun

DELIVERY_NAME: Final = "delivery.json"
DELIVERY_FORMAT: Final = 1
_AGAIN: Final = "ask for the folder again"


@dataclass(frozen=True)
class Delivery:
    """A folder that was written. `has_program` is False where other sources than these made the run.

    `meddra` is the version of the licensed dictionary that is needed and not included, null for none.
    """

    folder: Path
    study_id: str
    run_id: str
    files: int
    has_program: bool
    meddra: str | None


def deliver(home: Home, study_id: str, folder: Path, run_prefix: str | None = None) -> Delivery:
    """Write the delivered folder of a run, the study's current one where none is named.

    It appears by one rename when it is whole. Raises `StoreError` where the folder has something in it
    already, where there is no such run or it is damaged, and `RegradeError` where its inputs, overlays or
    release are no longer at hand as the run read them.
    """
    home.study_folder(study_id)
    run = stored_run(RunStore(home.runs), study_id, run_prefix)
    run.verify()
    target = folder.absolute()
    with new_folder(target) as aside:
        return _write(home, run, aside, target)


def _write(home: Home, run: StoredRun, aside: Path, target: Path) -> Delivery:
    manifest = manifest_of(run)
    _copy_inputs(home, run, manifest, Home(aside))
    _copy_release(home, run, manifest, aside)
    stored = aside / "runs" / run.study_id / run.run_id
    stored.mkdir(parents=True)
    for name in (RECORD_NAME, *(file.file for file in run.tables.values())):
        shutil.copyfile(run.folder / name, stored / name)
    (stored.parent / "current").write_text(run.run_id + "\n", encoding="ascii")
    _write_tables(run, aside / "tables")
    has_program = run.identity["code"]["sha256"] == code_sha256()
    if has_program:
        write_program(aside / "program")
    facts: dict[str, Any] = {
        "format": DELIVERY_FORMAT,
        "study_id": run.study_id,
        "run_id": run.run_id,
        "identity": run.identity,
        "program_included": has_program,
        "not_included": [] if manifest.meddra is None else [f"MedDRA {manifest.meddra} (licensed)"],
    }
    (aside / "README.md").write_text(readme(run, manifest, has_program), encoding="utf-8")
    facts["files"] = [
        {
            "path": path.relative_to(aside).as_posix(),
            "bytes": path.stat().st_size,
            "sha256": sha256_file(path),
        }
        for path in _all_files(aside)
    ]
    facts["record_sha256"] = sha256_text(canonical_json(facts))
    record = json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False)
    (aside / DELIVERY_NAME).write_text(record + "\n", encoding="utf-8")
    for path in (aside, *aside.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)  # it holds what the source data hold
    return Delivery(target, run.study_id, run.run_id, len(facts["files"]), has_program, manifest.meddra)


def _copy_inputs(home: Home, run: StoredRun, manifest: StudyManifest, to: Home) -> None:
    """The files of the run and its manifest; proven on the copies to be what the run read."""
    source, copies = home.study_folder(run.study_id), to.study_folder(run.study_id)
    copies.mkdir(parents=True)
    for spec in manifest.files:
        place = copies / os.path.normpath(spec.path.replace("\\", "/"))
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(locate_file(source, spec), place)
    recorded = {entry["path"]: entry["sha256"] for entry in run.identity["inputs"]}
    for entry in hash_inputs(copies, manifest):
        if recorded.get(entry["path"]) != entry["sha256"]:
            raise StoreError(
                "the input file is not the one the run read",
                file=f"{run.study_id}/{entry['path']}",
                next_action=f"put the file of that run back, or regrade run {run.study_id} and deliver that",
            )
    if _landed_manifest(source) == manifest:
        shutil.copyfile(source / MANIFEST_NAME, copies / MANIFEST_NAME)  # with its comments
    else:
        text = json.dumps(run.identity["manifest"], indent=1, sort_keys=True)
        (copies / MANIFEST_NAME).write_text(text + "\n", encoding="utf-8")  # JSON is YAML


def _landed_manifest(folder: Path) -> StudyManifest | None:
    """The manifest as it is in the landing folder now; None where it cannot be read any more."""
    try:
        return read_manifest(folder)
    except RegradeError:
        return None


def _copy_release(home: Home, run: StoredRun, manifest: StudyManifest, aside: Path) -> None:
    """The base release with its line of the index, and the overlays; together they must be the run's."""
    base_id = run.release_id.partition("+")[0]
    shipped = loader.releases_root()
    releases = aside / "releases"
    releases.mkdir()
    if base_id not in loader.list_releases():
        raise StoreError(
            "the mapping release of the run is not installed",
            value=base_id,
            next_action="deliver with the version of the program that made the run",
        )
    shutil.copytree(shipped / base_id, releases / base_id, copy_function=shutil.copyfile)
    for name in (LOCK, f"{base_id}{LINES_SUFFIX}"):
        if (shipped / name).is_file():
            shutil.copyfile(shipped / name, releases / name)
    for name in manifest.mapping_overlays:
        overlay = Home(aside).overlays / name
        overlay.mkdir(parents=True)
        for file in (ABOUT, *OVERLAY_FILES):
            if (home.overlays / name / file).is_file():
                shutil.copyfile(home.overlays / name / file, overlay / file)
    Source(Home(aside), releases, home.meddra).release_of(run)


def _write_tables(run: StoredRun, folder: Path) -> None:
    folder.mkdir()
    for declared in PUBLISHED_TABLES:
        name = declared.info().name
        if name in run.tables:
            (folder / f"{name}.csv").write_bytes(csv_bytes(run.table(name)))


def csv_bytes(frame: pl.DataFrame) -> bytes:
    """RFC 4180 in UTF-8: null is an empty field, empty text is two quotes; cells are as they are."""
    return frame.write_csv(quote_style="necessary").encode()


def _all_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


# Reading a delivered folder back


def verify_delivery(folder: Path, meddra: Path | None) -> Verification:
    """Check every file of a delivered folder against its record, then recompute its run.

    `meddra` is where dictionaries are looked for when the folder has none. Raises `StoreError` where the
    folder is no delivery or its run has no record that can be read.
    """
    record = _read_record(folder)
    home = Home(folder)
    known = tuple(_changed_files(folder, record))
    try:
        home.study_folder(str(record["study_id"]))
        run = RunStore(home.runs).find(str(record["study_id"]), str(record["run_id"]))
    except StoreError as failure:
        return _unread(record, known, str(failure))
    if run is None:
        return _unread(record, known, "the folder of the run is missing. Next: " + _AGAIN)
    of_run = f"runs/{run.study_id}/{run.run_id}/"
    tables = {of_run + file.file for file in run.tables.values()}  # these are looked at with their rows
    known = tuple(each for each in known if each.file not in tables)
    known += tuple(_contradictions(folder, record, run))
    own = home.meddra if home.meddra.is_dir() else meddra
    found = verify_run(Source(home, folder / "releases", own), run, known)
    return replace(found, remarks=(*found.remarks, *_added_files(folder, record)))


def _added_files(folder: Path, record: Mapping[str, Any]) -> Iterator[str]:
    """A remark on files that somebody put beside the delivered ones: who opens a folder trusts all of it."""
    recorded = {PurePosixPath(str(entry["path"])) for entry in record["files"]}
    inside = {path.parent for path in recorded if not path.is_absolute() and ".." not in path.parts}
    added = sorted(
        shown
        for parent in inside - {PurePosixPath()}  # notes beside the README are the reader's own
        if (folder / parent).is_dir()
        for path in (folder / parent).iterdir()
        if (shown := parent / path.name) not in recorded and (path.is_symlink() or path.is_file())
    )
    if added:
        more = f" and {len(added) - 1} more" if len(added) > 1 else ""
        yield f"not part of the delivery, added by somebody: {added[0]}{more}"


def _contradictions(folder: Path, record: Mapping[str, Any], run: StoredRun) -> Iterator[Difference]:
    """Copies beside the run that do not say what the run says, whatever the record of the delivery claims."""
    if _landed_manifest(Home(folder).study_folder(run.study_id)) != manifest_of(run):
        yield Difference("the manifest is not the one of the run", f"landing/{run.study_id}/{MANIFEST_NAME}")
    if record.get("program_included") and _sources(folder / "program") != run.identity["code"]["sha256"]:
        yield Difference("the sources are not those that made the run", "program")
    for declared in PUBLISHED_TABLES:
        name = declared.info().name
        path = folder / "tables" / f"{name}.csv"
        if name not in run.tables or not path.is_file():
            continue
        try:
            copied = path.read_bytes() == csv_bytes(run.table(name))
        except StoreError:
            continue  # the table itself differs, which is said elsewhere
        if not copied:
            yield Difference("the CSV copy is not that of the table of the run", f"tables/{name}.csv")


def _sources(folder: Path) -> str | None:
    try:
        return sources_sha256(folder)
    except StoreError:
        return None


def _unread(record: Mapping[str, Any], known: tuple[Difference, ...], why: str) -> Verification:
    ids = (str(record["study_id"]), str(record["run_id"]))
    return Verification("differs" if known else "not_compared", *ids, 0, 0, known, why, ())


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / DELIVERY_NAME
    try:
        record = json.loads(path.read_bytes())
        wanted = {"format", "study_id", "run_id", "files", "record_sha256"}
        readable = (
            isinstance(record, dict) and wanted <= record.keys() and record["format"] == DELIVERY_FORMAT
        )
        if readable:
            _ = [(str(entry["path"]), str(entry["sha256"])) for entry in record["files"]]
    except (OSError, ValueError, TypeError, KeyError):
        readable = False
    if not readable:
        raise StoreError(
            f"the folder is no delivery this version can read: {DELIVERY_NAME} is missing or damaged",
            file=str(folder),
            next_action="name a folder that `regrade deliver` wrote, or the id of a study that was run",
        )
    found: dict[str, Any] = record
    return found


def _changed_files(folder: Path, record: Mapping[str, Any]) -> Iterator[Difference]:
    said = {name: value for name, value in record.items() if name != "record_sha256"}
    if sha256_text(canonical_json(said)) != record["record_sha256"]:
        yield Difference("the record of the delivery was altered", DELIVERY_NAME)
    for entry in record["files"]:
        shown = str(entry["path"])
        parts = PurePosixPath(shown)
        path = folder / parts
        if parts.is_absolute() or ".." in parts.parts:
            yield Difference("the record names a file outside the folder", shown)
        elif not path.is_file():
            yield Difference("the file is missing", shown)
        elif sha256_file(path) != entry["sha256"]:
            yield Difference("the file is not what was delivered (sha256 differs)", shown)
