"""Reading one study folder: its manifest `study.yaml` and the data files it lists.

Only finding, safety of paths, and reading; what the manifest means is in `schemas.manifest`, what the
cells mean is in staging.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

from pipelines.ingest.raw import RawStudy, RawTable
from pipelines.ingest.readers.common import MANIFEST_FILE
from pipelines.ingest.readers.isolated import read_tables, stream_tables
from schemas.errors import ManifestError
from schemas.manifest import FileSpec, StudyManifest, parse_manifest
from schemas.plain_yaml import LARGEST_BYTES, PlainYamlError, parse_plain_yaml

__all__ = [
    "MANIFEST_FILE",
    "RawStudy",
    "RawTable",
    "locate_file",
    "read_manifest",
    "read_study",
    "stream_study_files",
]

_NAMES_COMPARED: Final = 2_000


def read_manifest(folder: Path) -> StudyManifest:
    """The manifest of a study folder.

    Plain YAML only: a key given twice, an anchor or alias, a tag, more than one document, nesting deeper
    than 20 levels and files over 256 KiB are errors, each named with its line. The study identifier must
    be the name of the folder, so that a copied folder cannot pass for another study.
    Raises `ManifestError`.
    """
    path = folder / MANIFEST_FILE
    # The name as given: the folder itself may be a link.
    name = folder.absolute().name
    shown = f"{name}/{MANIFEST_FILE}"
    if not folder.is_dir():
        raise ManifestError(
            "there is no such study folder",
            file=name,
            next_action="put the study's files in a folder named after the study",
        )
    content = _parse_yaml(_manifest_bytes(path, shown), shown)
    manifest = parse_manifest(content, shown)
    if manifest.study != name:
        raise ManifestError(
            f"the folder is named {name}",
            file=shown,
            column="study",
            value=manifest.study,
            next_action="give the folder and the study the same name",
        )
    return manifest


def read_study(folder: Path, manifest: StudyManifest) -> RawStudy:
    """Every data file of the manifest, in its order, as text cells.

    All files are located before the first is read, so that a missing one is reported at once.
    Raises `ManifestError` for a file that is missing, no ordinary file, or outside the folder, and
    `UnreadableFileError` for one that cannot be used.
    """
    return RawStudy(manifest, read_tables(_located(folder, manifest)))


def stream_study_files(folder: Path, manifest: StudyManifest) -> Generator[tuple[int, RawTable]]:
    """The same piece by piece: the place of a file in the manifest, and its next rows. Raises as it does."""
    return stream_tables(_located(folder, manifest))


def _located(folder: Path, manifest: StudyManifest) -> list[tuple[Path, FileSpec]]:
    return [(locate_file(folder, spec), spec) for spec in manifest.files]


def locate_file(folder: Path, spec: FileSpec) -> Path:
    """Where a data file is, links resolved.

    Raises `ManifestError` naming file and manifest: READ-FILE-MISSING (with the nearest name the folder
    has), READ-FILE-OUTSIDE for a path or link that leaves the folder, READ-FILE-KIND for no ordinary file.
    """
    root = folder.resolve()
    listed = f"{folder.absolute().name}/{MANIFEST_FILE}"
    try:
        path = (root / spec.path.replace("\\", "/")).resolve()
        is_there = path.exists()
    except (OSError, RuntimeError):
        raise _misplaced(
            spec, listed, "the path or link leads nowhere", "READ-FILE-MISSING", "copy the file itself"
        ) from None
    if not path.is_relative_to(root):
        raise _misplaced(
            spec,
            listed,
            "the file lies outside the study folder",
            "READ-FILE-OUTSIDE",
            "copy the file into the folder",
        )
    if not is_there:
        raise _misplaced(
            spec, listed, "there is no such file", "READ-FILE-MISSING", _nearest_file(root, spec)
        )
    if not path.is_file():
        raise _misplaced(
            spec, listed, "this is no ordinary file", "READ-FILE-KIND", "list the data file itself"
        )
    return path


def _misplaced(spec: FileSpec, listed: str, what: str, rule_id: str, next_action: str) -> ManifestError:
    return ManifestError(
        f"{what} (listed in {listed})", file=spec.path, next_action=next_action, rule_id=rule_id
    )


def _nearest_file(root: Path, spec: FileSpec) -> str:
    # Only so many: comparing names takes longer than the study when somebody's archive lies there.
    found = itertools.islice((path for path in root.rglob("*") if path.is_file()), _NAMES_COMPARED)
    known = sorted(path.relative_to(root).as_posix() for path in found)
    by_folded = {name.casefold(): name for name in known if name != MANIFEST_FILE}
    close = difflib.get_close_matches(spec.path.casefold(), list(by_folded), n=1, cutoff=0.5)
    if close:
        return f"add the file, or correct its path; nearest name in the folder: {by_folded[close[0]]}"
    return "add the file to the study folder, or take it out of the manifest"


def _manifest_bytes(path: Path, shown: str) -> bytes:
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve()):
            raise ManifestError(
                "the manifest lies outside the study folder",
                file=shown,
                next_action="copy the file into the folder",
            )
        if path.exists() and not path.is_file():
            raise ManifestError(
                "the manifest is no ordinary file",
                file=shown,
                next_action="put the file itself in the folder",
            )
        with path.open("rb") as stream:
            return stream.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise ManifestError(
            "the study folder has no manifest",
            file=shown,
            next_action="write one; regrade init FOLDER makes a first version from the files",
        ) from None
    except OSError as failure:
        raise ManifestError(
            f"the manifest cannot be opened: {failure.strerror}",
            file=shown,
            next_action="check that it may be read",
        ) from None


def _parse_yaml(content: bytes, shown: str) -> dict[str, Any]:
    try:
        keys = parse_plain_yaml(content)
    except PlainYamlError as failure:
        raise ManifestError(
            failure.what,
            file=shown if failure.line is None else f"{shown}, line {failure.line}",
            next_action=failure.next_action,
        ) from None
    if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys):
        raise ManifestError(
            "the manifest is not a list of keys and values",
            file=shown,
            next_action="start each line with a key and a colon; regrade init writes an example",
        )
    return keys
