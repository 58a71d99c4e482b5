"""The lock of a release: one sha256 per file, and what a difference means.

What may live here: computing, writing and verifying `checksums.sha256`. What may not: reading a table.
The list is in the format of `sha256sum`, so `sha256sum -c checksums.sha256` checks a release as well.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from schemas.errors import ReleaseError

CHECKSUMS = "checksums.sha256"
_LINE = re.compile(r"([0-9a-f]{64})  ([\w.-]+)")


def render_checksums(folder: Path) -> str:
    """The checksum list of a release folder as it should be: sorted by name, the list itself left out."""
    return "".join(
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in _names(folder)
    )


def verify_checksums(folder: Path) -> str:
    """Verify every file of a release folder and return the sha256 of its checksum list.

    That digest is the identity of the release. Tells apart a damaged list, a missing file, an extra file
    and an edited file, each a `ReleaseError` that names the file and the next action.
    """
    place = f"{folder.name}/"
    path = folder / CHECKSUMS
    if not path.is_file():
        raise ReleaseError(
            "the release has no checksum list",
            file=place + CHECKSUMS,
            next_action="restore the file; without it nothing shows what the release was",
        )
    blob = path.read_bytes()
    listed: dict[str, str] = {}
    for number, line in enumerate(blob.decode("utf-8", "replace").split("\n")[:-1], 1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in listed:
            raise ReleaseError(
                "the line is not '<sha256>  <file name>', or names a file twice",
                file=place + CHECKSUMS,
                row=number,
                next_action="restore the checksum list",
            )
        listed[match[2]] = match[1]
    if not listed or not blob.endswith(b"\n") or list(listed) != sorted(listed):
        raise ReleaseError(
            "the checksum list is empty, cut off or out of order",
            file=place + CHECKSUMS,
            next_action="restore the checksum list",
        )
    present = _names(folder)
    for name in sorted(set(listed) - set(present)):
        raise ReleaseError(
            "the file is listed but missing", file=place + name, next_action="restore the file"
        )
    for name in sorted(set(present) - set(listed)):
        raise ReleaseError(
            "the file is not part of the release",
            file=place + name,
            next_action="move it out of the folder; additions belong in the next release",
        )
    for name, digest in listed.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            raise ReleaseError(
                "the file was edited: its sha256 is not the one listed",
                file=place + name,
                next_action="restore the file, or put the correction in the next release",
            )
    return hashlib.sha256(blob).hexdigest()


def _names(folder: Path) -> list[str]:
    """Files of a release; macOS and Windows litter counts as extra, so nothing is passed over."""
    return sorted(path.name for path in folder.iterdir() if path.name != CHECKSUMS)
