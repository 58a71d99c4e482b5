"""What is published: which runs stand beside each other and which mapping releases explain them.

What may live here: that choice and its reasons. What may not: DuckDB, writing of any kind.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mappings.loader import list_releases, load_release
from mappings.release import Release
from schemas.errors import ReleaseError, StoreError
from schemas.registry import PUBLISHED_TABLES, RELEASE_TABLES
from warehouse.disk import canonical_json, sha256_text
from warehouse.run_store import RunStore, StoredRun

_MAPPING_KEYS = frozenset({"mapping_release", "mapping_overlays", "meddra"})


@dataclass(frozen=True)
class PublishedRun:
    """A run that is published. `is_comparable`: only its mapping release differs from the current run's."""

    run: StoredRun
    is_current: bool
    is_comparable: bool

    def row(self) -> dict[str, Any]:
        """The row of `core_runs`."""
        identity = self.run.identity
        return {
            "run_id": self.run.run_id,
            "study_id": self.run.study_id,
            "is_current": self.is_current,
            "is_comparable": self.is_comparable,
            "code_version": identity["code"]["version"],
            "code_sha256": identity["code"]["sha256"],
            "manifest_sha256": sha256_text(canonical_json(identity["manifest"])),
            "inputs_sha256": sha256_text(canonical_json(identity["inputs"])),
            "mapping_release_id": self.run.release_id,
            "mapping_release_sha256": self.run.release_sha256,
        }


@dataclass(frozen=True)
class Selection:
    """Runs by study, the current one first; releases by id; a sentence on each thing that is left out."""

    runs: tuple[PublishedRun, ...]
    releases: Mapping[str, Release]
    left_out: tuple[str, ...]


def select(store: RunStore, *, vouched: Collection[str] = ()) -> Selection:
    """The current run of every study, the latest one under each other release, and every release.

    All shipped releases are in, and those of a run that do not ship (overlays). A run beside the current
    one is left out when it no longer fits: its release has other content now, or another version of the
    program made its tables. The files of every run are verified but those of the run ids `vouched` for.
    Raises `StoreError` when a run is damaged or when current runs disagree on the content of a release.
    """
    releases, left_out = _shipped_releases()
    current = [run for study in store.study_ids() if (run := store.current(study)) is not None]
    for run in current:
        if run.run_id not in vouched:
            run.verify()
    _require_one_content(current, releases)
    for run in current:
        if _is_other_content(releases, run):
            left_out.append(
                f"release {run.release_id} as it is installed: {run.study_id} was graded by an earlier "
                f"content. Next: regrade run {run.study_id}"
            )
        if run.release_id not in releases or _is_other_content(releases, run):
            releases[run.release_id] = release_of(run)
    runs = []
    for run in current:
        runs.append(PublishedRun(run, is_current=True, is_comparable=True))
        for other in store.beside(run):
            if other.run_id not in vouched:
                other.verify()
            reason = _unfit(other, releases)
            if reason is None:
                releases.setdefault(other.release_id, release_of(other))
                same = _apart_from_release(other) == _apart_from_release(run)
                runs.append(PublishedRun(other, is_current=False, is_comparable=same))
            else:
                base_id = other.release_id.partition("+")[0]
                left_out.append(
                    f"the run of {other.study_id} under {other.release_id}: {reason}. "
                    f"Next: regrade run --release {base_id} {other.study_id}"
                )
    return Selection(tuple(runs), dict(sorted(releases.items())), tuple(left_out))


def release_of(run: StoredRun) -> Release:
    """The release a run was graded by, from the tables it keeps. Raises `StoreError` for another schema."""
    tables = {declared.info().name: run.table(declared.info().name) for declared in RELEASE_TABLES}
    for name, declared in ((declared.info().name, declared) for declared in RELEASE_TABLES):
        if dict(tables[name].schema) != declared.polars_schema():
            raise StoreError(
                f"the table {name} of the run does not fit the schema of this version of the program",
                file=str(run.folder),
                next_action=f"run the study {run.study_id} again",
            )
    status = tables["map_releases"].row(0, named=True)["status"]
    review = run.table("core_studies").row(0, named=True)["mapping_review_status"]
    return Release(run.release_id, run.release_sha256, status, review, tables)


def _shipped_releases() -> tuple[dict[str, Release], list[str]]:
    """Shipped releases by id, withdrawn ones too. One that is being edited stops no publication."""
    releases, left_out = {}, []
    for release_id in list_releases():
        try:
            releases[release_id] = load_release(release_id, allow_withdrawn=True)
        except ReleaseError as failure:
            left_out.append(f"release {release_id}: {failure}")
    return releases, left_out


def _require_one_content(runs: list[StoredRun], releases: Mapping[str, Release]) -> None:
    """Rows of one release id would explain the results of one of the studies wrongly."""
    contents: dict[str, dict[str, list[str]]] = {}
    for run in runs:
        contents.setdefault(run.release_id, {}).setdefault(run.release_sha256, []).append(run.study_id)
    for release_id, studies in contents.items():
        if len(studies) == 1:
            continue
        shipped = releases[release_id].sha256 if release_id in releases else None
        first, *others = (names[0] for names in studies.values())
        again = sorted(name for sha256, names in studies.items() if sha256 != shipped for name in names)
        raise StoreError(
            f"the studies {first} and {', '.join(others)} were graded with different contents of mapping "
            f"release {release_id}",
            next_action=f"run again, with the release that is installed: regrade run {' '.join(again)}",
        )


def _is_other_content(releases: Mapping[str, Release], run: StoredRun) -> bool:
    release = releases.get(run.release_id)
    return release is not None and release.sha256 != run.release_sha256


def _unfit(run: StoredRun, releases: Mapping[str, Release]) -> str | None:
    """Why a run cannot stand beside the current ones; None when it can."""
    if _is_other_content(releases, run):
        return "the release has another content now"
    for declared in PUBLISHED_TABLES:
        info = declared.info()
        if not info.run_scoped and declared not in RELEASE_TABLES:
            continue
        if not run.has_columns(info.name, declared.polars_schema()):
            return "another version of the program made it"
    return None


def _apart_from_release(run: StoredRun) -> str:
    """Everything that determines a run but the mapping, as text to compare."""
    kept: dict[str, Any] = {name: part for name, part in run.identity.items() if name != "release"}
    kept["manifest"] = {name: part for name, part in kept["manifest"].items() if name not in _MAPPING_KEYS}
    return canonical_json(kept)
