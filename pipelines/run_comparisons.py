"""Two runs of a study, found in the run store, verified and compared.

What may live here: which runs are meant, whether they can be compared, opening their parts. What may not:
how they are compared (`pipelines.diffs.run_diff`), wording (`pipelines.report`), writing of any kind.

What cannot be verified is never the same: a missing folder, a damaged file or a run of a version whose
tables are not today's is a `StoreError`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Final

import polars as pl

from mappings.loader import load_release
from mappings.release import Release
from pipelines.code_identity import code_sha256
from pipelines.diffs.run_diff import RunDiff, compare_runs
from pipelines.diffs.run_diff_sides import RunSide
from pipelines.diffs.run_diff_tables import STUDY_TABLES, SUBJECT_TABLES
from pipelines.home import Home
from pipelines.ingest.raw import RawStudy
from pipelines.mapping_comparisons import manifest_of
from pipelines.stages import read_layers, rebuild_raw_study
from schemas.errors import RegradeError, StoreError
from schemas.registry import TABLES
from schemas.vocabulary import STUDY_ID_PATTERN
from warehouse.run_store import RUN_FORMAT, RunStore, StoredRun
from warehouse.selection import release_of

_PREFIX = re.compile(r"[0-9a-f]{4,64}")
_SHOWN: Final = 12
"""Digits of a run id in a message."""


def compare_stored_runs(home: Home, study_id: str, first: str | None, second: str | None) -> RunDiff:
    """Compare two runs of a study, each named by the first digits of its id.

    Without names, the current run is compared with the one that was made before it; with one name, that run
    with the current one. Raises `RegradeError` where a run is not there, is damaged or was made by a version
    of the program whose tables are not today's.
    """
    store = RunStore(home.runs)
    old, new = choose_runs(store, study_id, first, second)
    for run in (old, new):
        run.verify()
    return compare_runs(open_side(home, old), open_side(home, new), code_sha256())


def choose_runs(
    store: RunStore, study_id: str, first: str | None, second: str | None
) -> tuple[StoredRun, StoredRun]:
    """The two runs that are meant; raises `StoreError` naming the runs there are."""
    if not re.fullmatch(STUDY_ID_PATTERN, study_id) or not (store.runs / study_id).is_dir():
        known = ", ".join(store.study_ids()) or "none"
        raise StoreError(
            "no run of such a study",
            value=study_id,
            next_action=f"name a study that was run (there are: {known}), or run it",
        )
    if first is not None and second is not None:
        return find_run(store, study_id, first), find_run(store, study_id, second)
    current = store.current(study_id)
    if current is None:
        raise StoreError(
            "the study has no current run", value=study_id, next_action=f"regrade run {study_id}"
        )
    if first is not None:
        return find_run(store, study_id, first), current
    return _run_before(store, current), current


def find_run(store: RunStore, study_id: str, prefix: str) -> StoredRun:
    """The run whose id starts with these digits. Raises `StoreError` for none, several or no digits."""
    ids = _run_ids(store, study_id)
    found = [run_id for run_id in ids if run_id.startswith(prefix)] if _PREFIX.fullmatch(prefix) else []
    run = store.find(study_id, found[0]) if len(found) == 1 else None
    if run is None:
        what = "several runs of the study start so" if found else "the study has no such run"
        raise StoreError(what, value=prefix, next_action=_name_one(store, study_id))
    return run


def _run_before(store: RunStore, current: StoredRun) -> StoredRun:
    """The run of the study that was made or chosen last before the current one was."""
    study_id = current.study_id
    history = store.ledger.history(study_id)
    if current.run_id in history:
        history = history[: len(history) - history[::-1].index(current.run_id)]
    known = set(_run_ids(store, study_id))
    gone = None
    for run_id in reversed(history):
        if run_id != current.run_id:
            run = store.find(study_id, run_id) if run_id in known else None
            if run is not None:
                return run
            gone = gone or run_id
    if gone is not None:
        raise StoreError(
            "the folder of the run before the current one is gone",
            value=gone[:_SHOWN],
            next_action=_name_one(store, study_id),
        )
    raise StoreError(
        "the study has no run before its current one",
        value=study_id,
        next_action=_name_one(store, study_id),
    )


def _run_ids(store: RunStore, study_id: str) -> list[str]:
    """Folders that are named as runs are, sorted."""
    return sorted(
        folder.name
        for folder in (store.runs / study_id).iterdir()
        if folder.is_dir() and re.fullmatch(r"[0-9a-f]{64}", folder.name)
    )


def _name_one(store: RunStore, study_id: str) -> str:
    listed = ", ".join(run_id[:_SHOWN] for run_id in _run_ids(store, study_id)[:8])
    return f"name two runs by the first digits of their ids; there are: {listed or 'none'}"


def open_side(home: Home, run: StoredRun) -> RunSide:
    """A run with its parts, each read and verified when it is asked for.

    Raises `StoreError` where a table that is compared is not what this version of the program declares.
    """
    table = _require_tables(run)
    manifest = manifest_of(run)
    return RunSide(
        study_id=run.study_id,
        run_id=run.run_id,
        manifest=manifest,
        inputs={entry["path"]: entry["sha256"] for entry in run.identity["inputs"]},
        release_id=run.release_id,
        release_sha256=run.release_sha256,
        code_version=str(run.identity["code"]["version"]),
        code_sha256=str(run.identity["code"]["sha256"]),
        table=table,
        raw=_once(lambda: rebuild_raw_study(manifest, table)),
        release=functools.cache(lambda: open_release(home, run)),
    )


def _once(make: Callable[[], RawStudy]) -> Callable[[], RawStudy]:
    return functools.cache(make)


def _require_tables(run: StoredRun) -> Callable[[str], pl.DataFrame]:
    """Reader of the run's tables, each read and verified once; all that are compared have today's columns."""
    layout = run.identity["parameters"].get("run_format")
    if layout != RUN_FORMAT:
        raise StoreError(
            f"the run has the layout {layout}, this version of the program reads {RUN_FORMAT}",
            file=str(run.folder),
            next_action=f"run the inputs of that run again (regrade run {run.study_id}), then compare",
        )
    for name in {one.name for one in (*SUBJECT_TABLES, *STUDY_TABLES)}:
        if not run.has_columns(name, TABLES[name].polars_schema()):
            raise StoreError(
                f"another version of the program made the run: its table {name} has other columns",
                file=str(run.folder),
                next_action=f"run the inputs of that run again (regrade run {run.study_id}), then compare",
            )
    return functools.cache(run.table)


def open_release(home: Home, run: StoredRun) -> Release:
    """The release a run was graded by, with its dictionary where it had one.

    Raises `StoreError` where the run was graded with a dictionary or overlay that is not the installed one.
    """
    manifest = manifest_of(run)
    if manifest.meddra is None:
        return release_of(run)
    base_id = run.release_id.partition("+")[0]
    try:
        release = read_layers(home, manifest)(load_release(base_id, allow_withdrawn=True))
    except RegradeError as failure:
        raise _no_dictionary(run, manifest.meddra, str(failure)) from None
    if release.sha256 != run.release_sha256:
        raise _no_dictionary(run, manifest.meddra, "the installed content is not that of the run")
    return release


def _no_dictionary(run: StoredRun, version: str, why: str) -> StoreError:
    return StoreError(
        f"the run was graded with MedDRA {version}, and the causes cannot be found without it: {why}",
        file=str(run.folder),
        next_action="put the dictionary (and the overlays) of that run into the data home",
    )
