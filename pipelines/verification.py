"""A stored run recomputed from its manifest, and compared with what is stored.

What may live here: recomputing in memory, comparing, saying what differs. What may not: writing of any
kind, layout of the answer (`pipelines.cli.verify`), making a delivery (`pipelines.delivery`).

Three outcomes and no fourth: identical, differs, not_compared. What could not be verified is never the
same. A difference names table, row and column; a cell is shown only where it is a number or a flag.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import polars as pl

from mappings.loader import load_release
from mappings.release import Release
from pipelines.code_identity import code_sha256, code_version
from pipelines.home import Home
from pipelines.input_files import hash_inputs
from pipelines.mapping_comparisons import manifest_of
from pipelines.run_comparisons import find_run
from pipelines.stages import (
    STAGES,
    RunPlan,
    collect_stage,
    read_layers,
)
from schemas.digest import canonical_digest
from schemas.errors import RegradeError, StoreError
from schemas.registry import TABLES
from schemas.wording import counted
from warehouse.disk import sha256_file
from warehouse.run_store import RunStore, StoredRun, TableFile, run_id_of

Outcome: TypeAlias = Literal["identical", "differs", "not_compared"]
_SHORT: Final = 12


@dataclass(frozen=True)
class Difference:
    """Something that is not as recorded.

    `file` is a stored file, null where the results differ; `table`, `row` (1-based, in the order of the
    stored table) and `column` say where the recomputed result parts from the stored one, null where the
    whole file or table is meant. `key` has the numbers of the row's key, never a subject.
    """

    what: str
    file: str | None = None
    table: str | None = None
    row: int | None = None
    column: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Verification:
    """`tables` were recomputed and compared; `reason` says why nothing could be, null where it could.

    `remarks` are true of the comparison and change nothing in its outcome.
    """

    outcome: Outcome
    study_id: str
    run_id: str
    tables: int
    inputs: int
    differences: tuple[Difference, ...]
    reason: str | None
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """Where a run and all that made it lie: a data home or a delivered folder, which is laid out as one.

    `releases` is the folder of the mapping releases, None for the shipped ones; `meddra` the folder with
    the dictionaries, None for that of the home.
    """

    home: Home
    releases: Path | None = None
    meddra: Path | None = None

    def release_of(self, run: StoredRun) -> Release:
        """The release of a run, from its files: base, private overlays and dictionary.

        Raises `RegradeError` where one is missing, cannot be read or is not what the run was graded by.
        """
        manifest = manifest_of(run)
        base = load_release(run.release_id.partition("+")[0], self.releases, allow_withdrawn=True)
        release = read_layers(self.home, manifest, self.meddra)(base)
        if release.sha256 != run.release_sha256:
            raise StoreError(
                "the mapping release has other content than the one the run was graded by",
                value=run.release_id,
                next_action="put the release and overlays of that run back, or run the study again",
            )
        return release


def verify_home_run(home: Home, study_id: str, run_prefix: str | None = None) -> Verification:
    """Recompute a run of the data home, the study's current one where none is named.

    Raises `RegradeError` where there is no such run or its record cannot be read.
    """
    store = RunStore(home.runs)
    home.study_folder(study_id)  # refuses what is no study identifier
    return verify_run(Source(home), stored_run(store, study_id, run_prefix))


def stored_run(store: RunStore, study_id: str, prefix: str | None) -> StoredRun:
    """The run whose id starts so, the study's current one without; `StoreError` where there is none."""
    current = store.current(study_id)
    if current is None:
        known = ", ".join(store.study_ids()) or "none"
        raise StoreError(
            "the study has no run",
            value=study_id,
            next_action=f"name a study that was run (there are: {known}), or a delivered folder",
        )
    return current if prefix is None else find_run(store, study_id, prefix)


def verify_run(source: Source, run: StoredRun, known: tuple[Difference, ...] = ()) -> Verification:
    """Recompute one run and compare every table; `known` are differences that were found before.

    Never raises a `RegradeError`: what cannot be recomputed is the outcome not_compared, or differs where
    something stored is not what was recorded.
    """
    differences = [*known, *_damage(run)]
    remarks = []
    is_same_code = run.identity["code"]["sha256"] == code_sha256()
    if not is_same_code:
        remarks.append(_other_code(run))
    tables: dict[str, pl.DataFrame] = {}
    reason = None
    try:
        tables = _recompute(source, run)
    except RegradeError as failure:
        reason = str(failure)
    except Exception as failure:
        if is_same_code:
            raise
        reason = f"this version of the program cannot recompute the run ({type(failure).__name__})"
    if reason is None:
        found = list(_compare(run, tables))
        if found and not is_same_code and not differences:
            reason = (
                "the results differ, and other code recomputed them than made them, so this says nothing "
                "about the run. Next: verify with the version that made it"
            )
        differences += found
    stored_is_sound = not known and not any(each.file for each in differences)
    outcome: Outcome
    if reason is not None and stored_is_sound:
        outcome = "not_compared"
    else:
        outcome = "differs" if differences else "identical"
    inputs = len(run.identity["inputs"])
    return Verification(
        outcome, run.study_id, run.run_id, len(tables), inputs, tuple(differences), reason, tuple(remarks)
    )


def _other_code(run: StoredRun) -> str:
    made = run.identity["code"]
    return (
        f"version {made['version']} of the program (sources {str(made['sha256'])[:_SHORT]}) made the run; "
        f"version {code_version()} (sources {code_sha256()[:_SHORT]}) recomputed it"
    )


def _damage(run: StoredRun) -> Iterator[Difference]:
    """What of the run is not as its record says: its id, and each table that is missing or changed."""
    if run_id_of(run.identity) != run.run_id:
        yield Difference("the run id is not the sha256 of what the record says went in", "run.json")
    for name, stored in _in_order(run.tables):
        path = run.folder / stored.file
        if path.parent != run.folder or not path.is_file():
            yield Difference("the file is missing", stored.file, name)
        elif sha256_file(path) != stored.sha256:
            yield Difference("the file is not what the run recorded (sha256 differs)", stored.file, name)


def _recompute(source: Source, run: StoredRun) -> dict[str, pl.DataFrame]:
    """All tables of the run, computed again in memory from its inputs, manifest and release."""
    manifest = manifest_of(run)
    folder = source.home.study_folder(run.study_id)
    recorded = {entry["path"]: entry["sha256"] for entry in run.identity["inputs"]}
    found = {entry["path"]: entry["sha256"] for entry in hash_inputs(folder, manifest)}
    for path in sorted(recorded.keys() | found.keys()):
        if recorded.get(path) != found.get(path):
            raise StoreError(
                "the input file is not the one the run read, so the run cannot be recomputed",
                file=f"{run.study_id}/{path}",
                next_action="put the file of that run back, or run the study again",
            )
    plan = RunPlan(run.run_id, run.study_id, folder, manifest, source.release_of(run), run.identity)
    tables: dict[str, pl.DataFrame] = {}
    for stage in STAGES:
        tables.update(collect_stage(stage, plan, tables))
    return tables


def _compare(run: StoredRun, tables: Mapping[str, pl.DataFrame]) -> Iterator[Difference]:
    """The first difference of each table, in the order of the stages: what comes first explains the rest."""
    for name in sorted(tables.keys() - run.tables.keys()):
        yield Difference("the run lacks a table that was recomputed", table=name)
    for name, stored in _in_order(run.tables):
        if name not in tables:
            yield Difference("the table was not recomputed: no stage makes it", table=name)
            continue
        again = canonical_digest(tables[name])
        frame = _read(run, stored)
        if frame is None:
            if again != stored.digest:
                yield Difference("the recomputed table is not the recorded one", table=name)
        elif canonical_digest(frame) != again:
            yield _first_difference(name, frame, tables[name])
        elif stored.digest != again:
            yield Difference("the record has another digest than the stored table", table=name)


def _in_order(tables: Mapping[str, TableFile]) -> list[tuple[str, TableFile]]:
    stages = list(STAGES)
    known = {stage: at for at, stage in enumerate(stages)}
    return sorted(tables.items(), key=lambda item: (known.get(item[1].stage, len(stages)), item[0]))


def _read(run: StoredRun, stored: TableFile) -> pl.DataFrame | None:
    """The stored table even where it was changed; None where it is gone or no longer Parquet."""
    path = run.folder / stored.file
    if path.parent != run.folder:
        return None
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None


def _first_difference(name: str, stored: pl.DataFrame, again: pl.DataFrame) -> Difference:
    if stored.schema != again.schema:
        for column in dict.fromkeys([*again.columns, *stored.columns]):
            if stored.schema.get(column) != again.schema.get(column):
                return Difference(
                    "the column is not of both tables, or not of one type", None, name, None, column
                )
        return Difference("the columns stand in another order", table=name)
    rows = min(stored.height, again.height)
    first: tuple[int, str] | None = None
    for column in stored.columns:
        differs = _exact(stored[column].head(rows)).ne_missing(_exact(again[column].head(rows)))
        at = differs.arg_max() if differs.any() else None
        if at is not None and (first is None or at < first[0]):
            first = (at, column)
    if first is None:
        what = f"{counted(stored.height, 'row')} stored, {again.height} recomputed"
        return Difference(what, None, name, rows + 1)
    at, column = first
    what = "the cell differs"
    if stored.schema[column].is_numeric() or stored.schema[column] == pl.Boolean:
        what = f"{_shown(stored[column][at])} is stored, {_shown(again[column][at])} was recomputed"
    if stored.height != again.height:
        what += f" (and {counted(stored.height, 'row')} stored, {again.height} recomputed)"
    return Difference(what, None, name, at + 1, column, _key(name, stored, at))


def _exact(cells: pl.Series) -> pl.Series:
    """Cells to compare; numbers as the digest sees them, so that 0.0 and -0.0 differ."""
    if cells.dtype == pl.Float64:
        return pl.Series([None if cell is None else float(cell).hex() for cell in cells], dtype=pl.String)
    return cells


def _shown(value: object) -> str:
    return "null" if value is None else json.dumps(value)


def _key(name: str, frame: pl.DataFrame, at: int) -> str | None:
    """The parts of the row's key that are numbers or flags; text may be a subject or an event of one."""
    parts = [
        f"{column} {_shown(frame[column][at])}"
        for column in (TABLES[name].info().key if name in TABLES else ())
        if frame.schema.get(column) in (pl.Int8, pl.Int32, pl.Int64, pl.Boolean)
    ]
    return ", ".join(parts) or None
