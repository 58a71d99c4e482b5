"""The five stages of a study, in order, and the run that holds their results.

What may live here: which stage calls which room, what a run id is made of, what a stage keeps. What
may not: clinical rules, file formats, DuckDB, Dagster. The command line and Dagster call the same
functions: `run_study` takes all stages at once, `run_stage` one of them, making the earlier ones
first where they are not there yet. Either way the last stage seals the run.
"""

from __future__ import annotations

import importlib
import json
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import polars as pl

from mappings.loader import default_release, list_releases, load_release
from mappings.meddra import load_meddra
from mappings.overlay import compose_release
from mappings.overlay_file import read_overlay
from mappings.release import Release
from pipelines.code_identity import code_sha256, code_version
from pipelines.diffs.incidence import LATE_IMPORT
from pipelines.diffs.scale import compare_scales
from pipelines.grading.kernel import Grader, stream_study
from pipelines.home import MANIFEST_NAME, Home
from pipelines.ingest.checking import stream_checks
from pipelines.ingest.raw import RawTable, StoredRawTable
from pipelines.ingest.staging import stream_staging
from pipelines.ingest.study import RawStudy, read_manifest, stream_study_files
from pipelines.input_files import InputWatch, hash_inputs
from schemas.errors import ManifestError, StoreError
from schemas.frames import Frames, Source, Sources
from schemas.manifest import FileSpec, StudyManifest
from schemas.registry import CHECKED_TABLES, TABLES
from warehouse.run_store import RUN_FORMAT, RunStore, StoredRun, TableFile, run_id_of

Stage: TypeAlias = Callable[["RunPlan", Sources], Generator[Frames]]
"""Takes the tables of the stages before it; gives the next rows of each of its own, again and again."""
Progress: TypeAlias = Callable[[str], None]

_RAW_FILES: Final = "raw_files"
_RAW_FILES_SCHEMA: Final = {
    "number": pl.Int64,
    "path": pl.String,
    "role": pl.String,
    "rows_in": pl.Int64,
    "rows_split": pl.Int64,
    "rows_rejected": pl.Int64,
    "blanks_to_null": pl.Int64,
    "declared_nulls": pl.Int64,
    "notes": pl.String,
}
_SMALL_ROWS: Final = 250_000
"""A table of more rows is not held in memory from one stage to the next."""


@dataclass(frozen=True)
class RunPlan:
    """A run that can be made: what goes in, and the id that follows from it.

    `identity` is everything the id is the sha256 of: input files by path and sha256, the manifest
    as canonical JSON, the release by id and sha256, parameters, and the code by version and digest.
    `grader` executes the kernel; it is no part of the id, since every engine gives the same bytes.
    """

    run_id: str
    study_id: str
    folder: Path
    manifest: StudyManifest
    release: Release
    identity: Mapping[str, Any]
    grader: Grader = field(default=stream_study, repr=False, compare=False)


@dataclass(frozen=True)
class RunResult:
    """`created` is False when the same inputs had already been run and no work was done.

    `is_current` is False for a run kept beside the one that stands for the study.
    """

    run_id: str
    study_id: str
    created: bool
    folder: Path
    release_id: str
    is_current: bool


@dataclass(frozen=True)
class StageResult:
    """What one stage of a run holds, and where. `frames` are read and verified on demand."""

    run_id: str
    study_id: str
    stage: str
    folder: Path
    files: Mapping[str, TableFile]
    frame: Callable[[str], pl.DataFrame] = field(repr=False)


def plan_run(home: Home, study_id: str, release_id: str | None = None) -> RunPlan:
    """Read the manifest, hash the inputs, load the release and derive the run id; writes nothing.

    The release is the one asked for, else the manifest's, else the newest shipped. Raises
    `ManifestError`, `ReleaseError` or `StoreError` (no such study, a file that cannot be read).
    """
    folder = home.study_folder(study_id)
    try:
        is_there = (folder / MANIFEST_NAME).is_file()
    except OSError as failure:
        raise StoreError(
            f"the study folder cannot be read ({failure.strerror})",
            file=str(folder),
            next_action="make the folder readable",
        ) from None
    if not is_there:
        known = ", ".join(home.studies()) or "none"
        raise StoreError(
            f"no study {study_id} with a {MANIFEST_NAME} in the landing folder (found: {known})",
            file=str(home.landing),
            next_action="put the study there; `regrade init FOLDER` writes the manifest",
        )
    manifest = read_manifest(folder)
    release = resolve_release(home, manifest, release_id)
    _require_conventions(manifest, release)
    identity = {
        "study": study_id,
        "inputs": hash_inputs(folder, manifest),
        "manifest": json.loads(manifest.model_dump_json()),
        "release": {"release_id": release.release_id, "sha256": release.sha256},
        "parameters": {"run_format": RUN_FORMAT},
        "code": {"version": code_version(), "sha256": code_sha256()},
    }
    return RunPlan(run_id_of(identity), study_id, folder, manifest, release, identity)


def resolve_release(home: Home, manifest: StudyManifest, release_id: str | None = None) -> Release:
    """The release a study is graded by: the one asked for, else the manifest's, else the newest shipped.

    With the private overlays and the MedDRA version the manifest names, both of this data home. Raises
    `ReleaseError` naming file, line and next action, `ManifestError` for a release the manifest makes up.
    """
    known, named = list_releases(), manifest.mapping_release
    if release_id is None and named is not None and named not in known:
        raise ManifestError(
            "there is no such mapping release",
            file=f"{manifest.study}/{MANIFEST_NAME}",
            column="mapping_release",
            value=named,
            next_action=f"use one of: {', '.join(known)}",
        )
    # Who asks for a withdrawn release in so many words sees what it decided; a manifest does not.
    base = load_release(release_id or manifest.mapping_release, allow_withdrawn=release_id is not None)
    return read_layers(home, manifest)(base)


def read_layers(
    home: Home, manifest: StudyManifest, meddra: Path | None = None
) -> Callable[[Release], Release]:
    """What a study puts on any release: its private overlays and its MedDRA version, of this data home.

    `meddra` is another folder of dictionaries than the home's. Raises `ReleaseError` naming file, line and
    next action, as does what it returns.
    """
    overlays = [read_overlay(home.overlays / name) for name in manifest.mapping_overlays]
    dictionary = None
    if manifest.meddra is not None:
        dictionary = load_meddra((meddra or home.meddra) / manifest.meddra, manifest.meddra)
    return lambda base: compose_release(base, overlays, dictionary)


def _require_conventions(manifest: StudyManifest, release: Release) -> None:
    """A convention the release does not have would silently do nothing."""
    known = sorted(set(release.tables["map_conventions"]["convention_id"]))
    for name in manifest.grading.conventions:
        if name not in known:
            raise ManifestError(
                f"mapping release {release.release_id} has no such convention",
                file=f"{manifest.study}/{MANIFEST_NAME}",
                column="grading.conventions",
                value=name,
                next_action=f"use one of: {', '.join(known)}",
            )


# The stages.


def raw(plan: RunPlan, _: Sources) -> Generator[Frames]:
    """Every source cell as text, the rows that could not be split, and one line per file."""
    # While another process reads binary files, this one has time for what comes after. No daemon: one that is
    # cut off within native code at exit takes the process down.
    threading.Thread(target=_prepare_early).start()
    lines: dict[int, dict[str, Any]] = {}
    watch = InputWatch(plan.folder, plan.manifest, plan.identity["inputs"])
    with closing(stream_study_files(plan.folder, plan.manifest)) as pieces:
        for number, piece in pieces:
            name = _raw_name(number, piece.spec)
            yield {name: piece.frame, f"{name}_rejected": piece.rejected}
            lines[number] = _add_piece(lines.get(number), number, piece)
    watch.require_unchanged()
    for line in lines.values():
        line["notes"] = json.dumps(line["notes"], sort_keys=True, ensure_ascii=False)
    yield {_RAW_FILES: pl.DataFrame(list(lines.values()), schema=_RAW_FILES_SCHEMA)}


def _prepare_early() -> None:
    """What is imported by the last stage, and read by the comparison and publication that follow a run."""
    with suppress(Exception):  # said where it is needed, if it still cannot be imported
        importlib.import_module(LATE_IMPORT)
    for release_id in list_releases():
        with suppress(Exception):  # said where it is needed, if it still cannot be read
            load_release(release_id, allow_withdrawn=True)


def _add_piece(line: dict[str, Any] | None, number: int, piece: RawTable) -> dict[str, Any]:
    """What is known of a file so far, with one more piece of it."""
    counts = {
        "rows_in": piece.rows_in,
        "rows_split": piece.frame.height,
        "rows_rejected": piece.rejected.height,
        "blanks_to_null": piece.blanks_to_null,
        "declared_nulls": piece.declared_nulls,
    }
    so_far = line or {"number": number, "path": piece.spec.path, "role": piece.spec.role, "notes": {}}
    sums = {name: so_far.get(name, 0) + count for name, count in counts.items()}
    return {**so_far, **sums, "notes": {**so_far["notes"], **piece.notes}}


def _raw_name(number: int, spec: FileSpec) -> str:
    return f"raw_{number}_{spec.role}"


def staged(plan: RunPlan, tables: Sources) -> Generator[Frames]:
    """Typed rows, partial dates as ranges; what cannot be read keeps its text."""
    yield from stream_staging(plan.manifest, [*_stored_tables(plan.manifest, tables.__getitem__)])


def checked(plan: RunPlan, tables: Sources) -> Generator[Frames]:
    """Valid rows, rejected rows and findings."""
    yield from stream_checks(tables, plan.manifest)


def graded(plan: RunPlan, tables: Sources) -> Generator[Frames]:
    """ICANS intervals of events, subjects, days and episodes, and the release that decided."""
    yield plan.release.tables
    of_study = {table.info().name: tables[table.info().name] for table in CHECKED_TABLES}
    yield from plan.grader(of_study, plan.release, plan.manifest)


def diffs(_: RunPlan, tables: Sources) -> Generator[Frames]:
    """Source scale against ICANS, and incidence."""
    yield compare_scales(tables, tables)


STAGES: Final[dict[str, Stage]] = {
    "raw": raw,
    "staged": staged,
    "checked": checked,
    "graded": graded,
    "diffs": diffs,
}
"""The stages by name, in order."""


def run_study(
    home: Home,
    study_id: str,
    *,
    release_id: str | None = None,
    progress: Progress | None = None,
    reason: str | None = None,
    grader: Grader = stream_study,
) -> RunResult:
    """Take a study through all stages, seal the run and make it the study's current one.

    Under a release that is not the study's own (the manifest's, else the newest shipped) the run is kept
    beside the current one and does not take its place; a study without a current run gets it as that.
    A run that is there already is verified, not made again; one that another process is making is waited for.
    `progress` is called with the name of each stage as it starts; `reason` is what the ledger says why;
    `grader` executes the kernel. Raises `RegradeError`; then the study keeps the run it had.
    """
    home.ensure()
    plan = replace(plan_run(home, study_id, release_id), grader=grader)
    store = RunStore(home.runs, reason)
    with store.lock(study_id):
        run = store.find(study_id, plan.run_id)
        created = run is None
        if run is None:
            tables: dict[str, Source] = {}
            files = {stage: _take_stage(store, plan, stage, tables, progress) for stage in STAGES}
            run = store.seal(study_id, plan.run_id, plan.identity, files)
        else:
            run.verify()
            store.note("reused", study_id=study_id, run_id=run.run_id)
        is_current = _keep(store, plan, run, release_id)
    return RunResult(run.run_id, study_id, created, run.folder, plan.release.release_id, is_current)


def _keep(store: RunStore, plan: RunPlan, run: StoredRun, asked: str | None) -> bool:
    """Record a sealed run; True when it stands for its study."""
    store.remember(run)
    if asked not in (None, plan.manifest.mapping_release or default_release()):
        current = store.current(plan.study_id)
        if current is not None and current.release_id != run.release_id:
            return False
    store.set_current(run)
    return True


def run_stage(home: Home, study_id: str, stage: str, *, release_id: str | None = None) -> StageResult:
    """Take a study as far as one stage; the last stage seals the run and keeps it as `run_study` does.

    Stages that are there, in a sealed run or from an earlier call, are not computed again. Raises
    `RegradeError`; then the study keeps the run it had.
    """
    home.ensure()
    plan = plan_run(home, study_id, release_id)
    store = RunStore(home.runs)
    is_last = stage == list(STAGES)[-1]
    with store.lock(study_id):
        run = store.find(study_id, plan.run_id)
        if run is None and is_last:
            tables: dict[str, Source] = {}
            files = {name: _take_stage(store, plan, name, tables, None) for name in STAGES}
            run = store.seal(study_id, plan.run_id, plan.identity, files)
        if run is not None:
            if is_last:
                run.verify()
                _keep(store, plan, run, release_id)
            return _sealed_result(run, stage)
        tables = {}
        for name in STAGES:
            files_of_stage = _take_stage(store, plan, name, tables, None)
            if name == stage:
                break
    work = store.work_folder(study_id, plan.run_id) / stage
    return StageResult(
        plan.run_id, study_id, stage, work, files_of_stage, lambda table: tables[table].lazy().collect()
    )


def _take_stage(
    store: RunStore, plan: RunPlan, stage: str, tables: dict[str, Source], progress: Progress | None
) -> dict[str, TableFile]:
    """Read the stage if it is finished, else compute and write it; its tables join `tables`.

    Small tables stay in memory for the stages that follow, large ones are read from their files again.
    """
    if progress is not None:
        progress(stage)
    files = store.find_stage(plan.study_id, plan.run_id, stage)
    kept: dict[str, list[pl.DataFrame]] = {}
    if files is None:
        # A stage that is not taken to its end lets go of its processes and threads now, not when who caught
        # the failure forgets it.
        with closing(STAGES[stage](plan, tables)) as parts:
            rows = _keep_small(_declared(parts), kept)
            files = store.write_stage(plan.study_id, plan.run_id, stage, rows)
    for name, file in files.items():
        tables[name] = (
            pl.concat(kept[name])
            if kept.get(name)
            else pl.scan_parquet(store.work_folder(plan.study_id, plan.run_id) / stage / file.file)
        )
    return files


def collect_stage(stage: str, plan: RunPlan, tables: Sources) -> dict[str, pl.DataFrame]:
    """The whole tables of a stage, in memory; nothing is stored."""
    found: dict[str, list[pl.DataFrame]] = {}
    with closing(STAGES[stage](plan, tables)) as parts:
        for part in _declared(parts):
            for name, rows in part.items():
                found.setdefault(name, []).append(rows)
    return {name: pl.concat(frames) for name, frames in found.items()}


def _keep_small(parts: Iterable[Frames], kept: dict[str, list[pl.DataFrame]]) -> Iterator[Frames]:
    """The parts; of tables of few rows, `kept` has the frames in the end."""
    rows: dict[str, int] = {}
    for part in parts:
        for name, frame in part.items():
            rows[name] = rows.get(name, 0) + frame.height
            kept.setdefault(name, []).append(frame)
            if rows[name] > _SMALL_ROWS:
                kept[name].clear()
        yield part


def _sealed_result(run: StoredRun, stage: str) -> StageResult:
    files = {name: file for name, file in run.tables.items() if file.stage == stage}
    return StageResult(run.run_id, run.study_id, stage, run.folder, files, run.table)


def _declared(parts: Iterable[Frames]) -> Iterator[Frames]:
    """The parts, each table declared and of its declared columns; the rooms have validated their values."""
    for part in parts:
        for name, frame in part.items():
            is_raw = name.startswith("raw_")
            if not is_raw and (name not in TABLES or dict(frame.schema) != TABLES[name].polars_schema()):
                raise StoreError(
                    f"a stage made a table {name} that is not what the schemas declare",
                    next_action="report this defect; nothing was stored",
                )
        yield part


def rebuild_raw_study(manifest: StudyManifest, table: Callable[[str], pl.DataFrame]) -> RawStudy:
    """The raw stage as the readers gave it, rebuilt from its stored tables; `table` reads one by name."""
    return RawStudy(manifest, tuple(stored.collect() for stored in _stored_tables(manifest, table)))


def _stored_tables(manifest: StudyManifest, table: Callable[[str], Source]) -> Iterator[StoredRawTable]:
    """The tables of the raw stage, to be read piece by piece."""
    specs = {spec.path: spec for spec in manifest.files}
    for line in table(_RAW_FILES).lazy().collect().iter_rows(named=True):
        name = _raw_name(line["number"], specs[line["path"]])
        yield StoredRawTable(
            spec=specs[line["path"]],
            source=table(name).lazy(),
            rejected=table(f"{name}_rejected").lazy().collect(),
            rows_in=line["rows_in"],
            blanks_to_null=line["blanks_to_null"],
            declared_nulls=line["declared_nulls"],
            notes=json.loads(line["notes"]),
        )
