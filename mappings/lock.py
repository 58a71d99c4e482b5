"""The index of all releases under a root, and what it proves: nothing published has moved.

What may live here: `releases.lock`, its reading, writing and what differs from it. What may not: the
inside of a release. A file and the checksum list of its release can be changed together; the index then
no longer agrees. A published release is taken back here, by the word withdrawn, because its own folder
never changes again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mappings.checksums import (
    CHECKSUMS,
    FROZEN,
    changed_lines,
    lines_path,
    read_lines,
    render_lines,
    sha256,
)
from mappings.problem import Problem
from mappings.release_file import STATUSES

LOCK = "releases.lock"
SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
FROZEN_STATUSES = ("published", "withdrawn")
"""Statuses after which not one byte of a release changes."""

_HEADER = "release_id\tstatus\tchecksums_sha256"
_SHA = re.compile(r"[0-9a-f]{64}")
_REFRESH = "run `regrade mappings lint --fix`"


@dataclass(frozen=True)
class Entry:
    """One line of the index. `sha256` is that of the checksum list: the identity of the release."""

    release_id: str
    status: str
    sha256: str
    line: int

    @property
    def is_frozen(self) -> bool:
        """Nothing of the release may change any more."""
        return self.status in FROZEN_STATUSES


def version(release_id: str) -> tuple[int, ...]:
    """The three numbers of a semantic version, to sort by."""
    return tuple(int(part) for part in release_id.split("."))


def folders(root: Path) -> tuple[str, ...]:
    """Names of the release folders under a root, lowest semantic version first."""
    names = [path.name for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    return tuple(sorted((name for name in names if SEMVER.fullmatch(name)), key=version))


def read_lock(root: Path) -> Mapping[str, Entry]:
    """The index of a root by release id; empty where there is none. The first fault is raised."""
    entries, problems = scan_lock(root)
    for problem in problems:
        raise problem.error()
    return entries


def scan_lock(root: Path) -> tuple[Mapping[str, Entry], tuple[Problem, ...]]:
    """The index of a root and every fault of its form."""
    path = root / LOCK
    if not path.is_file():
        return {}, ()
    lines = path.read_bytes().decode("utf-8", "replace").split("\n")
    entries: dict[str, Entry] = {}
    problems: list[Problem] = []

    def fault(line: int, what: str, column: str | None = None, value: str | None = None) -> None:
        action = "restore the index from version control"
        problems.append(Problem("edited", "", LOCK, "MAP-LOCK-INDEX", what, action, line, column, value))

    if lines[0] != _HEADER or lines[-1] != "":
        fault(1, "the index lacks its header line or was cut off")
    for number, text in enumerate(lines[1:-1], 2):
        cells = text.split("\t")
        if len(cells) != 3 or not SEMVER.fullmatch(cells[0]) or cells[0] in entries:
            fault(number, "the line is not a release id, a status and a sha256, or names a release twice")
        elif cells[1] not in STATUSES:
            fault(number, f"the status is none of {', '.join(STATUSES)}", "status", cells[1])
        elif not _SHA.fullmatch(cells[2]):
            fault(number, "the cell is not a sha256", "checksums_sha256", cells[2])
        else:
            entries[cells[0]] = Entry(cells[0], cells[1], cells[2], number)
    if list(entries) != sorted(entries, key=version):
        fault(2, "the releases are not in the order of their versions")
    return entries, tuple(problems)


def render_lock(entries: Mapping[str, Entry]) -> str:
    """Text of the index, lowest semantic version first."""
    ordered = sorted(entries.values(), key=lambda entry: version(entry.release_id))
    return "".join(
        f"{line}\n" for line in (_HEADER, *(f"{e.release_id}\t{e.status}\t{e.sha256}" for e in ordered))
    )


def index_problems(root: Path) -> Iterator[Problem]:
    """Faults of the index itself, releases it lists that are gone, folders it does not list."""
    entries, problems = scan_lock(root)
    yield from problems
    present = folders(root)
    if not (root / LOCK).is_file():
        what = "the releases have no index: a release changed with its checksums would not be seen"
        yield Problem("missing", "", LOCK, "MAP-LOCK-INDEX", what, f"restore it, or {_REFRESH}")
        return
    if problems:
        return
    for entry in entries.values():
        if entry.release_id not in present:
            what = "the release is listed but its folder is missing"
            action = "restore the folder; a release that should not be used is withdrawn, never removed"
            yield Problem(*("missing", entry.release_id, LOCK, "MAP-LOCK-MISSING", what, action, entry.line))
    for name in present:
        if name not in entries:
            what = "the release is not in the index"
            action = f"{_REFRESH} to enter it, or move it out of the folder"
            yield Problem("extra", name, LOCK, "MAP-LOCK-EXTRA", what, action)


def entry_problems(folder: Path, entry: Entry, status: str | None) -> Iterator[Problem]:
    """What differs between a release folder and its entry; `status` is that of its release.yaml."""
    path = folder / CHECKSUMS
    if path.is_file() and sha256(path) != entry.sha256:
        if entry.is_frozen:
            what = f"the checksum list of a {entry.status} release was changed: it is not the one in {LOCK}"
            action = "restore the release folder; a correction belongs in the next release"
            yield Problem("tampered", folder.name, CHECKSUMS, "MAP-LOCK-TAMPERED", what, action)
        else:
            what = f"the entry in {LOCK} is older than the release"
            action = f"read the edit once more, then {_REFRESH}"
            yield Problem("outdated", folder.name, CHECKSUMS, "MAP-LOCK-OUTDATED", what, action)
    if status is not None and status != entry.status and (status, entry.status) != FROZEN_STATUSES:
        kind = "tampered" if entry.is_frozen else "outdated"
        what = f"release.yaml says {status}, {LOCK} says {entry.status}"
        action = "restore release.yaml" if entry.is_frozen else _REFRESH
        rule = f"MAP-LOCK-{kind.upper()}"
        yield Problem(kind, folder.name, LOCK, rule, what, action, entry.line, "status", entry.status)


def lines_problems(folder: Path, entry: Entry | None) -> Iterator[Problem]:
    """Lines that are not what the list of line digests says, in a release whose checksums are right.

    Where the checksum list is the one in the index, the list of line digests itself was changed.
    """
    path = lines_path(folder)
    kind = "tampered" if entry is not None and entry.is_frozen else "outdated"
    if not path.is_file():
        what = "the release has no list of line digests: an edited line could not be named"
        yield Problem("missing", folder.name, path.name, "MAP-LOCK-LINES", what, _REFRESH)
        return
    found, wanted = path.read_bytes().decode("utf-8", "replace"), render_lines(folder)
    if found == wanted:
        return
    if entry is not None and sha256(folder / CHECKSUMS) != entry.sha256:
        action = FROZEN if entry.is_frozen else f"read the edit once more, then {_REFRESH}"
        for name, digests in read_lines(folder).items():
            if (folder / name).is_file():
                for line, said in changed_lines(folder / name, digests):
                    what = f"{said}, and the checksum of the file with it"
                    yield Problem(kind, folder.name, name, "MAP-LOCK-LINES", what, action, line)
        return
    pairs = enumerate(zip(found.split("\n"), wanted.split("\n"), strict=False), 1)
    first = next((number for number, (a, b) in pairs if a != b), None)
    what = "the digest is not that of the line"
    yield Problem(kind, folder.name, path.name, "MAP-LOCK-LINES", what, _REFRESH, first)
