"""Loads a mapping release: checks its lock, reads its files, refuses what breaks a rule.

What may live here: which release is loaded and in which order it is proven. What may not: the files
(`mappings.sheets`), the lock (`mappings.checksums`), the rules a release must obey (`mappings.checks`),
any clinical rule.
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from mappings.checks import release_problems
from mappings.checksums import verify_checksums
from mappings.release import Release
from mappings.release_file import ReleaseFile, read_release_file
from mappings.sheets import FILES, Sheet, read_sheet
from schemas.errors import ReleaseError
from schemas.release import MapReleases

_SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_ROOT = Path(__file__).parent / "releases"


def list_releases(root: Path | None = None) -> tuple[str, ...]:
    """Ids of the releases under `root` (the shipped ones by default), lowest semantic version first."""
    root = _ROOT if root is None else root
    names = [path.name for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    return tuple(sorted((name for name in names if _SEMVER.fullmatch(name)), key=_version))


def load_release(release_id: str | None = None, root: Path | None = None) -> Release:
    """Load and verify one release; None is the newest by semantic version.

    Raises `ReleaseError` naming file, row, column, value and the next action when the release is not
    there, is not what its checksums say, or breaks the format, a schema or a rule across tables.
    """
    known = list_releases(root)
    if release_id is None and known:
        release_id = known[-1]
    if release_id is None or release_id not in known:
        raise ReleaseError(
            "there is no such mapping release" if release_id else "there is no mapping release",
            value=release_id,
            next_action=f"choose one of: {', '.join(known)}" if known else "reinstall the package",
        )
    folder = (_ROOT if root is None else root) / release_id
    digest = verify_checksums(folder)
    about = read_release_file(folder / "release.yaml")
    if about.release_id != release_id:
        raise ReleaseError(
            "the release names itself differently from its folder",
            file=f"{release_id}/release.yaml",
            column="release_id",
            value=about.release_id,
            next_action=f"write release_id: {release_id}, or rename the folder",
        )
    tables = {name: sheet.frame for name, sheet in _read_sheets(folder).items()}
    tables[MapReleases.info().name] = MapReleases.require(_about(about, digest))
    return Release(release_id, digest, about.status, about.review_status, tables)


def _read_sheets(folder: Path) -> dict[str, Sheet]:
    """The tables of a release folder by name; the first problem of form or content is raised."""
    sheets = {}
    for file, (table, _) in FILES.items():
        sheet, problems = read_sheet(folder / file, folder.name)
        for problem in problems:
            raise problem.error()
        assert sheet is not None  # a file without a sheet has a problem
        sheets[table.info().name] = sheet
    for problem in release_problems(sheets):
        raise problem.error()
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


def _version(release_id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release_id.split("."))
