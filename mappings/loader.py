"""Loads a mapping release: checks its lock, reads its files, refuses what breaks a rule.

What may live here: which release is loaded and in which order it is proven. What may not: the files
(`mappings.sheets`), the lock (`mappings.checksums`), the rules a release must obey (`mappings.checks`),
any clinical rule.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from mappings.checks import release_problems
from mappings.checksums import verify_checksums
from mappings.lock import entry_problems, folders, read_lock
from mappings.release import Release
from mappings.release_file import ReleaseFile, read_release_file
from mappings.sheets import FILES, Sheet, read_sheet
from schemas.errors import ReleaseError
from schemas.release import MapReleases

_ROOT = Path(__file__).parent / "releases"


def releases_root() -> Path:
    """Folder of the shipped releases."""
    return _ROOT


def list_releases(root: Path | None = None) -> tuple[str, ...]:
    """Ids of the releases under `root` (the shipped ones by default), lowest semantic version first."""
    return folders(_ROOT if root is None else root)


def default_release(root: Path | None = None) -> str:
    """The release used where none is named: the newest published one, else the newest under review.

    A draft or a withdrawn release is only ever used by name. Raises `ReleaseError` where there is none.
    """
    statuses = {name: _status(_ROOT if root is None else root, name) for name in list_releases(root)}
    for status in ("published", "under_review"):
        found = [name for name in statuses if statuses[name] == status]
        if found:
            return found[-1]
    raise ReleaseError(
        "there is no mapping release" + (" that is published or under review" if statuses else ""),
        next_action=f"name one of: {', '.join(statuses)}" if statuses else "reinstall the package",
    )


def load_release(
    release_id: str | None = None, root: Path | None = None, *, allow_withdrawn: bool = False
) -> Release:
    """Load and verify one release; None is `default_release`.

    Raises `ReleaseError` naming file, line, column, value and the next action when the release is not
    there, is not what its checksums or the index say, breaks the format, a schema or a rule across
    tables, or was withdrawn and `allow_withdrawn` does not ask for it.
    """
    known = list_releases(root)
    if release_id is None:
        release_id = default_release(root)
    if release_id not in known:
        raise ReleaseError(
            "there is no such mapping release",
            value=release_id,
            next_action=f"choose one of: {', '.join(known)}" if known else "reinstall the package",
        )
    folder = (_ROOT if root is None else root) / release_id
    entry = read_lock(folder.parent).get(release_id)
    digest = verify_checksums(folder, frozen=entry is not None and entry.is_frozen)
    about = read_release_file(folder / "release.yaml")
    if entry is not None and entry.is_frozen:
        for problem in entry_problems(folder, entry, about.status):
            raise problem.error()
        about = replace(about, status=entry.status)
    if about.status == "withdrawn" and not allow_withdrawn:
        raise ReleaseError(
            "the release was withdrawn",
            file=f"{release_id}/release.yaml",
            next_action="use another release, or ask for this one in so many words to see what it decided",
        )
    if about.release_id != release_id:
        raise ReleaseError(
            "the release names itself differently from its folder",
            file=f"{release_id}/release.yaml",
            column="release_id",
            value=about.release_id,
            next_action=f"write release_id: {release_id}, or rename the folder",
        )
    return _read_release(folder, digest, about)


@functools.lru_cache(maxsize=8)
def _read_release(folder: Path, digest: str, about: ReleaseFile) -> Release:
    """A release folder whose files are those of the checksum list with this digest.

    The same release is read once, and is one object, of which the kernel remembers what it decides: a run
    loads its release, and every shipped one when it compares and publishes. Raises the first problem of form
    or content.
    """
    sheets = _read_sheets(folder)
    for problem in release_problems(sheets):
        raise problem.error()
    tables = {name: sheet.frame for name, sheet in sheets.items()}
    tables[MapReleases.info().name] = MapReleases.require(_about(about, digest))
    return Release(folder.name, digest, about.status, about.review_status, tables)


def _read_sheets(folder: Path) -> Mapping[str, Sheet]:
    """The tables of a release folder by name; the first problem of form is raised."""
    sheets = {}
    for file, (table, _) in FILES.items():
        sheet, problems = read_sheet(folder / file, folder.name)
        for problem in problems:
            raise problem.error()
        assert sheet is not None  # a file without a sheet has a problem
        sheets[table.info().name] = sheet
    return sheets


def _about(about: ReleaseFile, digest: str) -> pl.DataFrame:
    row = {
        "release_id": about.release_id,
        "status": about.status,
        "parent_release_id": about.parent_release_id,
        "release_sha256": digest,
        "clinical_sign_offs": about.count("clinical"),
        "data_sign_offs": about.count("data"),
        "licence": about.licence,
        "sources": "; ".join(about.sources),
        "change_note": " ".join(about.change_note),
    }
    return pl.DataFrame([row], schema=MapReleases.polars_schema())


def _status(root: Path, release_id: str) -> str:
    """Status of a release by the index, where it has an entry there, else by its release.yaml."""
    entry = read_lock(root).get(release_id)
    return entry.status if entry else read_release_file(root / release_id / "release.yaml").status
