"""Two runs as what went into them, what differs between these parts, and runs again with parts swapped.

What may live here: the components of a run and putting a run together from parts of two. What may not:
comparing results, causes, reading a run folder.

Decisions
- Data are the files that were read: which there are and their cells. Where the files differ, the settings
  that say how a file is written (READING) go with the file; where they do not, with the manifest.
- The settings of a file (its columns, codes, words, filters) go with the manifest. They apply to the file of
  the same path and role in the other delivery, else to the only other one of its role.
- The keys that choose the mapping release are not of the manifest: what they choose is the release.
- What the program refuses (a setting that the files do not fit) has no results and explains nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import polars as pl
from pydantic import ValidationError

from mappings.release import Release
from pipelines.diffs.run_diff_tables import TableReader, lazily
from pipelines.grading.kernel import grade_study
from pipelines.ingest.checking import check_study
from pipelines.ingest.raw import RawStudy
from pipelines.ingest.staging import stage_study
from schemas.errors import RegradeError
from schemas.manifest import FileSpec, StudyManifest
from schemas.registry import CHECKED_TABLES

READING: Final = ("format", "encoding", "delimiter", "quoted", "sheet", "null_values", "expected_rows")
"""Settings of a file that act before there are cells."""
MAPPING_KEYS: Final = frozenset({"mapping_release", "mapping_overlays", "meddra"})
RERUNNABLE: Final = ("data", "manifest", "release")


@dataclass(frozen=True)
class RunSide:
    """One run. `inputs` is the sha256 of each file by path; tables, cells and release are read on demand."""

    study_id: str
    run_id: str
    manifest: StudyManifest
    inputs: Mapping[str, str]
    release_id: str
    release_sha256: str
    code_version: str
    code_sha256: str
    table: TableReader = field(repr=False)
    raw: Callable[[], RawStudy] = field(repr=False)
    release: Callable[[], Release] = field(repr=False)


def find_components(a: RunSide, b: RunSide) -> tuple[str, ...]:
    """Names of the components that differ, in the order of `schemas.run_diffs.COMPONENTS`.

    Two runs of which none differs are told apart by their manifests: the order of files, rows expected, a
    release that is now named and was the newest before.
    """
    is_data = set(a.inputs.values()) != set(b.inputs.values())
    found = {
        "data": is_data,
        "manifest": bool(changed_settings(a, b, is_data=is_data)),
        "release": (a.release_id, a.release_sha256) != (b.release_id, b.release_sha256),
        "code": a.code_sha256 != b.code_sha256,
    }
    differing = tuple(name for name, differs in found.items() if differs)
    return differing or (("manifest",) if a.run_id != b.run_id else ())


def changed_settings(a: RunSide, b: RunSide, *, is_data: bool) -> tuple[tuple[str, Any, Any], ...]:
    """Settings of the manifest that differ: key, value in `a`, value in `b`, in the order of keys.

    Where the files differ, each delivery is seen under its own and under the other's settings.
    """
    if not is_data:
        return _differences(_settings(a.manifest), _settings(b.manifest))
    pairs = (
        (a.manifest, compose_manifest(a.manifest.files, a.manifest, b.manifest)),
        (compose_manifest(b.manifest.files, b.manifest, a.manifest), b.manifest),
    )
    found = [line for mine, other in pairs for line in _differences(_settings(mine), _settings(other))]
    return tuple(line for number, line in enumerate(found) if line not in found[:number])


def _settings(manifest: StudyManifest) -> dict[str, Any]:
    """Every setting by its dotted key; files by path, their order does not count."""
    content = manifest.model_dump(mode="json")
    files = {file["path"]: file for file in content.pop("files")}
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{name}": part for name, part in value.items()}
        elif key not in MAPPING_KEYS:
            flat[key] = value
    for path, file in files.items():
        flat |= {f"files[{path}].{name}": part for name, part in file.items() if name != "expected_rows"}
    return flat


def _differences(mine: dict[str, Any], other: dict[str, Any]) -> tuple[tuple[str, Any, Any], ...]:
    keys = sorted({*mine, *other})
    return tuple((key, mine.get(key), other.get(key)) for key in keys if mine.get(key) != other.get(key))


def compose_manifest(files: Sequence[FileSpec], own: StudyManifest, settings: StudyManifest) -> StudyManifest:
    """The settings of one manifest for the files of another: what is not a setting of them stays `own`'s."""
    specs = []
    for spec in files:
        counterpart = find_counterpart(spec, own.files, settings.files)
        if counterpart is None:
            specs.append(spec)
        else:
            kept = {name: getattr(spec, name) for name in ("path", *READING)}
            specs.append(counterpart.model_copy(update=kept))
    return settings.model_copy(update={"files": tuple(specs)})


def find_counterpart(
    spec: FileSpec, among: Sequence[FileSpec], others: Sequence[FileSpec]
) -> FileSpec | None:
    """The file of the other delivery that stands for this one; None where there is none.

    The one of its path and role, else the only other one of its role, where it is the only one too.
    """
    same = [other for other in others if (other.path, other.role) == (spec.path, spec.role)]
    if same:
        return same[0]
    paths, known = {file.path for file in among}, {file.path for file in others}
    mine = [file for file in among if file.role == spec.role and file.path not in known]
    theirs = [file for file in others if file.role == spec.role and file.path not in paths]
    return theirs[0] if len(mine) == len(theirs) == 1 else None


class Reruns:
    """Runs of one study put together from parts of two runs, under the program that is installed.

    `today` is the digest of that program: of a run that it made, the stored rows are used.
    """

    def __init__(self, a: RunSide, b: RunSide, components: Sequence[str], today: str) -> None:
        self._sides = {False: a, True: b}
        self._components = components
        self._today = today
        self._checked: dict[tuple[bool, bool], tuple[TableReader, StudyManifest] | None] = {}

    def tables(self, swapped: frozenset[str], subjects: pl.Series) -> TableReader | None:
        """Checked and graded tables of these subjects with the components in `swapped` from the second run.

        Rows that belong to nobody are in too. None where the program refuses the parts.
        """
        is_manifest = "manifest" in swapped
        is_data = "data" in swapped if "data" in self._components else is_manifest
        if "manifest" not in self._components:
            is_manifest = is_data
        found = self._check(is_data, is_manifest)
        release = self._sides["release" in swapped].release()
        if found is None or not _knows_conventions(found[1], release):
            return None
        checked, manifest = found
        part = {}
        for name in (declared.info().name for declared in CHECKED_TABLES):
            frame = checked(name)
            if "subject_id" in frame.columns:
                mine = pl.col("subject_id")
                frame = frame.filter(mine.is_null() | mine.is_in(subjects.implode()))
            part[name] = frame
        return lazily({**part, **grade_study(part, release, manifest)})

    def _check(self, is_data: bool, is_manifest: bool) -> tuple[TableReader, StudyManifest] | None:
        """Checked tables of the files of one run under the manifest of one, made once."""
        chosen = (is_data, is_manifest)
        if chosen not in self._checked:
            self._checked[chosen] = self._make_checked(*chosen)
        return self._checked[chosen]

    def _make_checked(self, is_data: bool, is_manifest: bool) -> tuple[TableReader, StudyManifest] | None:
        files, settings = self._sides[is_data], self._sides[is_manifest]
        if files is settings and files.code_sha256 == self._today:
            return files.table, files.manifest
        try:
            raw = _under(files.raw(), settings.manifest, is_own=files is settings)
            return lazily(check_study(stage_study(raw), raw.manifest)), raw.manifest
        except (RegradeError, ValidationError):
            return None


def _under(raw: RawStudy, settings: StudyManifest, *, is_own: bool) -> RawStudy:
    """The cells as read, to be staged under the settings. Raises `ValidationError` where they do not fit."""
    if is_own:
        return raw
    composed = compose_manifest(raw.manifest.files, raw.manifest, settings)
    manifest = StudyManifest.model_validate(composed.model_dump())
    specs = {spec.path: spec for spec in manifest.files}
    return RawStudy(manifest, tuple(replace(table, spec=specs[table.spec.path]) for table in raw.tables))


def _knows_conventions(manifest: StudyManifest, release: Release) -> bool:
    """A run under a release that lacks a convention of its manifest is refused."""
    known = set(release.tables["map_conventions"]["convention_id"])
    return set(manifest.grading.conventions) <= known
