"""Mapping releases compared for the warehouse: what each changed, and what the newest does to each study.

What may live here: which pairs of releases are compared, on which runs, and keeping the results. What may
not: how releases or results are compared (`mappings.diff`, `pipelines.diffs.mapping_impact`), publishing.

The comparisons are a step of their own before a publication: they are derived, kept under a key of all
that goes in, and made again only when that changes. One that fails is a message; nothing waits for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from mappings.diff import compare_releases
from mappings.lock import SEMVER, version
from mappings.release import Release
from pipelines.code_identity import code_sha256
from pipelines.diffs.mapping_impact import StudyImpact, StudyInput, preview_impact
from pipelines.home import Home
from pipelines.stages import read_layers
from schemas.errors import RegradeError, StoreError
from schemas.manifest import StudyManifest, parse_manifest
from schemas.mapping_diffs import DiffMappingImpact, DiffMappingRows, DiffMappingStudies
from schemas.registry import CHECKED_TABLES
from warehouse.comparison_store import Compared, ComparisonStore
from warehouse.run_store import RunStore, StoredRun
from warehouse.selection import Selection, select


@dataclass(frozen=True)
class Comparisons:
    """`made` comparisons were computed, `kept` were there; `failures` are messages with a next action."""

    made: int
    kept: int
    failures: tuple[str, ...]


Job = tuple[Compared, Release, Release, StoredRun | None]


def renew_comparisons(home: Home) -> Comparisons:
    """All comparisons: what `renew_diffs` and `renew_impacts` make."""
    return _renew(home, _pairs_to_diff, _runs_to_preview)


def renew_diffs(home: Home) -> Comparisons:
    """Compare each release with its parent, and the pairs of releases that studies are compared under.

    Raises `RegradeError` only where the current runs cannot be read (publishing says the same).
    """
    return _renew(home, _pairs_to_diff)


def renew_impacts(home: Home) -> Comparisons:
    """Compare each study's current run under the newest release and under the one it stands on.

    A study that stands on the newest release is compared with the parent of that: what it changed.
    Raises as `renew_diffs` does.
    """
    return _renew(home, _runs_to_preview)


def _renew(home: Home, *choices: Callable[[Selection], Iterator[Job]]) -> Comparisons:
    home.ensure()
    store = ComparisonStore(home.runs)
    made = 0
    failures: list[str] = []
    with store.lock():
        # Chosen under the lock: what another process has just run is not forgotten below.
        chosen = select(RunStore(home.runs))
        jobs = [job for choose in choices for job in choose(chosen)]
        for compared, old, new, run in jobs:
            if store.find(compared) is not None:
                continue
            pair = f"{old.release_id} -> {new.release_id}" + ("" if run is None else f" for {run.study_id}")
            try:
                store.keep(compared, _diff(old, new) if run is None else _preview(home, run, old, new))
            except RegradeError as failure:
                failures.append(f"{pair}: {failure}")
            except Exception as defect:  # no comparison may cost a publication
                failures.append(f"{pair}: unexpected {type(defect).__name__}. Next: report this defect")
            else:
                made += 1
        wanted = [
            compared for choose in (_pairs_to_diff, _runs_to_preview) for compared, *_ in choose(chosen)
        ]
        store.forget_others(wanted)
    return Comparisons(made, len(jobs) - made - len(failures), tuple(failures))


def study_input(home: Home, run: StoredRun) -> StudyInput:
    """A study as its run checked it, with the overlays and the dictionary its manifest names.

    Raises `StoreError` when another version of the program made the run, `ReleaseError` for an overlay or
    a dictionary that cannot be read.
    """
    checked = {declared.info().name: run.table(declared.info().name) for declared in CHECKED_TABLES}
    for declared in CHECKED_TABLES:
        if dict(checked[declared.info().name].schema) != declared.polars_schema():
            raise StoreError(
                "another version of the program made the run",
                file=str(run.folder),
                next_action=f"run the study {run.study_id} again",
            )
    manifest = manifest_of(run)
    return StudyInput(checked, manifest, read_layers(home, manifest))


def manifest_of(run: StoredRun) -> StudyManifest:
    """The manifest the run was made with."""
    return parse_manifest(json.loads(json.dumps(run.identity["manifest"])), f"{run.study_id}/run.json")


def newest_release(releases: Mapping[str, Release]) -> Release | None:
    """The highest version that was not withdrawn, a draft too; None where there is none."""
    found = [name for name in releases if SEMVER.fullmatch(name) and releases[name].status != "withdrawn"]
    return releases[max(found, key=version)] if found else None


def parent_of(release: Release, releases: Mapping[str, Release]) -> Release | None:
    """The release it was made from, where that is at hand."""
    return releases.get(release.tables["map_releases"].row(0, named=True)["parent_release_id"])


def _pairs_to_diff(chosen: Selection) -> Iterator[Job]:
    """Every release against its parent, and the pairs that studies are compared under."""
    pairs = [(parent_of(release, chosen.releases), release) for release in chosen.releases.values()]
    pairs += [(old, new) for _, old, new, _ in _runs_to_preview(chosen)]
    ids = set()
    for old, new in pairs:
        if old is not None and (old.release_id, new.release_id) not in ids:
            ids.add((old.release_id, new.release_id))
            yield _compared(old, new, None), old, new, None


def _runs_to_preview(chosen: Selection) -> Iterator[Job]:
    newest = newest_release(chosen.releases)
    for each in chosen.runs if newest is not None else ():
        base_id = each.run.release_id.partition("+")[0]
        if each.is_current and newest is not None:
            is_newest = base_id == newest.release_id
            old = parent_of(newest, chosen.releases) if is_newest else chosen.releases.get(base_id)
            if old is not None:
                yield _compared(old, newest, each.run), old, newest, each.run


def _compared(old: Release, new: Release, run: StoredRun | None) -> Compared:
    contents = {release.release_id: release.sha256 for release in (old, new)}
    study = (None, None) if run is None else (run.run_id, run.study_id)
    return Compared(old.release_id, new.release_id, contents, code_sha256(), *study)


def _diff(old: Release, new: Release) -> dict[str, pl.DataFrame]:
    return {DiffMappingRows.info().name: compare_releases(old, new).rows}


def _preview(home: Home, run: StoredRun, old: Release, new: Release) -> dict[str, pl.DataFrame]:
    impact = preview_impact([study_input(home, run)], old, new)
    for failure in impact.failures:
        raise StoreError(failure.message, next_action=failure.next_action)
    (study,) = impact.studies
    return {
        DiffMappingImpact.info().name: impact.affected,
        DiffMappingStudies.info().name: _summary(study, run, old, new),
    }


def _summary(study: StudyImpact, run: StoredRun, old: Release, new: Release) -> pl.DataFrame:
    row = {
        "old_release_id": old.base_id,
        "new_release_id": new.base_id,
        "study_id": study.study_id,
        "run_id": run.run_id,
        "rows_valid": study.rows,
        "rows_matched": study.rows_matched,
        "rows_changed": study.rows_changed,
        "events_affected": study.events_affected,
        "subjects": study.subjects,
        "subjects_affected": study.subjects_affected,
        "subjects_affected_primary": study.subjects_affected_primary,
    }
    return DiffMappingStudies.require(pl.DataFrame([row], schema=DiffMappingStudies.polars_schema()))
