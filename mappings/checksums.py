"""The lock of a release: one sha256 per file, one short digest per line, and what a difference means.

What may live here: `checksums.sha256` inside a release and the list of line digests beside it. What may
not: reading a table, the index of all releases (`mappings.lock`). `checksums.sha256` is in the format of
`sha256sum`, so `sha256sum -c` checks a release as well. The line digests decide nothing: they say which
line of an edited file is not what it was.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

from mappings.problem import Problem
from schemas.wording import counted

CHECKSUMS = "checksums.sha256"
LINES_SUFFIX = ".lines"
ACCEPT = "restore the file, or accept the edit of this unpublished release: `regrade mappings lint --fix`"
FROZEN = "restore the file; a correction of a published release belongs in the next release"

_LINE = re.compile(r"([0-9a-f]{64})  ([\w.-]+)")
_SHOWN = 20


def render_checksums(folder: Path) -> str:
    """The checksum list of a release folder as it should be: sorted by name, the list itself left out."""
    return "".join(f"{sha256(folder / name)}  {name}\n" for name in _names(folder))


def verify_checksums(folder: Path, *, frozen: bool = False) -> str:
    """Verify every file of a release folder and return the sha256 of its checksum list.

    That digest is the identity of the release. Tells apart a damaged list, a missing file, an extra file
    and an edited file, each a `ReleaseError` that names the file and the next action.
    """
    for problem in checksum_problems(folder, frozen=frozen):
        raise problem.error()
    return sha256(folder / CHECKSUMS)


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def checksum_problems(folder: Path, *, frozen: bool = False) -> Iterator[Problem]:
    """Everything in a release folder that its checksum list does not say.

    `frozen` is a published release: its next action never offers to accept an edit.
    """

    def problem(kind: str, file: str, rule: str, what: str, action: str, line: int | None = None) -> Problem:
        return Problem(kind, folder.name, file, rule, what, action, line)

    path = folder / CHECKSUMS
    if not path.is_file():
        what = "the release has no checksum list"
        action = "restore the file; without it nothing shows what the release was"
        yield problem("missing", CHECKSUMS, "MAP-LOCK-MISSING", what, action)
        return
    text = path.read_bytes().decode("utf-8", "replace")
    listed: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, entry in enumerate(text.split("\n")[:-1], 1):
        match = _LINE.fullmatch(entry)
        if match is None or match[2] in listed:
            what = "the line is not '<sha256>  <file name>', or names a file twice"
            yield problem("edited", CHECKSUMS, "MAP-LOCK-LIST", what, "restore the checksum list", number)
            return
        listed[match[2]] = match[1]
        lines[match[2]] = number
    if not listed or not text.endswith("\n") or list(listed) != sorted(listed):
        what = "the checksum list is empty, cut off or out of order"
        yield problem("edited", CHECKSUMS, "MAP-LOCK-LIST", what, "restore the checksum list", len(listed))
        return
    present = _names(folder)
    for name in sorted(set(listed) - set(present)):
        what = "the file is listed but missing"
        yield problem("missing", name, "MAP-LOCK-MISSING", what, "restore the file")
    for name in sorted(set(present) - set(listed)):
        what = "the file is not part of the release"
        action = "move it out of the folder; additions belong in the next release"
        yield problem("extra", name, "MAP-LOCK-EXTRA", what, action)
    edited = [name for name in sorted(set(listed) & set(present)) if sha256(folder / name) != listed[name]]
    digests = read_lines(folder) if edited else {}
    for name in edited:
        action = FROZEN if frozen else ACCEPT
        changed = list(changed_lines(folder / name, digests[name])) if name in digests else None
        if changed == []:
            what = f"the checksum is not that of {name}, whose lines are unchanged"
            action = "restore the checksum list"
            yield problem("edited", CHECKSUMS, "MAP-LOCK-LIST", what, action, lines[name])
        for line, said in changed or [(None, "its sha256 is not the one listed")]:
            what = f"the file was edited: {said}"
            if changed != []:
                yield problem("edited", name, "MAP-LOCK-EDITED", what, action, line)


def lines_path(folder: Path) -> Path:
    """The list of line digests of a release: beside its folder, so that it is no part of the release."""
    return folder.with_name(folder.name + LINES_SUFFIX)


def render_lines(folder: Path) -> str:
    """The line digests of every file of a release: '[file]', then eight hexadecimal digits per line."""
    parts: list[str] = []
    for name in _names(folder):
        parts.extend([f"[{name}]", *_digests(folder / name)])
    return "\n".join(parts) + "\n"


def read_lines(folder: Path) -> dict[str, list[str]]:
    """Line digests by file; empty where the release has no such list."""
    path = lines_path(folder)
    found: dict[str, list[str]] = {}
    digests: list[str] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
        if line.startswith("["):
            digests = found.setdefault(line[1:-1], [])
        else:
            digests.append(line)
    return found


def changed_lines(path: Path, digests: list[str]) -> Iterator[tuple[int | None, str]]:
    """Line number and what happened to it, for every line that is not what its digest says."""
    now = _digests(path)
    found: list[tuple[int | None, str]] = []
    for what, old, old_end, new, new_end in SequenceMatcher(None, digests, now, autojunk=False).get_opcodes():
        if what == "equal":
            continue
        shared = min(old_end - old, new_end - new)
        found.extend((new + offset + 1, "the line was changed") for offset in range(shared))
        found.extend((line + 1, "the line was added") for line in range(new + shared, new_end))
        if old_end - old > shared:
            gone = old_end - old - shared
            found.append((new + shared + 1, f"{counted(gone, 'line')} removed here"))
    yield from found[:_SHOWN]
    if len(found) > _SHOWN:
        yield None, f"also different: {counted(len(found) - _SHOWN, 'more line')}"


def _digests(path: Path) -> list[str]:
    return [hashlib.sha256(line).hexdigest()[:8] for line in path.read_bytes().split(b"\n")]


def _names(folder: Path) -> list[str]:
    """Files of a release; macOS and Windows litter counts as extra, so nothing is passed over."""
    return sorted(path.name for path in folder.iterdir() if path.name != CHECKSUMS)
