"""The canonical form of a release, and bringing a release that is not published into it.

What may live here: repair of form: encoding, line ends, outer blanks, empty columns, order, metadata
block, checksums, index. What may not: changing a cell that decides anything. A published release is never
touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mappings.checksums import CHECKSUMS, lines_path, render_checksums, render_lines, sha256
from mappings.curation.check import check_release, stray_files
from mappings.curation.identity import ABOUT
from mappings.header import render_header
from mappings.lock import LOCK, SEMVER, Entry, render_lock, scan_lock
from mappings.problem import Problem
from mappings.release_file import ReleaseFile, read_release_file
from mappings.sheets import FILES, key_columns
from schemas.errors import ReleaseError


@dataclass(frozen=True)
class LintResult:
    """What linting did or, without `fix`, would do, and the problems that are left for a person.

    `changes` are pairs of file and what changes in it; `fixed` says whether they were written.
    """

    release_id: str
    changes: tuple[tuple[str, str], ...]
    fixed: bool
    problems: tuple[Problem, ...]

    @property
    def is_clean(self) -> bool:
        """Nothing to change and nothing wrong."""
        return not self.changes and not self.problems


def lint_release(folder: Path, *, fix: bool) -> LintResult:
    """Bring the files of a release into canonical form and refresh its checksums and its entry.

    Never changes a decision: rows keep their cells, but for blanks around them, and no row comes or goes.
    A file with a fault that only a person can judge (a quoted cell, a cut-off line, a missing cell) is
    left as it is. A release that the index calls published or withdrawn is only checked.
    """
    entries, faults = scan_lock(folder.parent)
    entry = entries.get(folder.name)
    if faults or (entry is not None and entry.is_frozen):
        return LintResult(folder.name, (), False, check_release(folder))
    about = _about(folder)
    texts = dict(_canonical(folder, about)) if about is not None else {}
    changes = [(name, what) for name, (_, what) in texts.items()]
    if fix:
        for name, (text, _) in texts.items():
            _write(folder / name, text)
    changes.extend(_refresh(folder, about, fix=fix, pending=bool(texts)))
    return LintResult(folder.name, tuple(changes), fix, check_release(folder))


def _about(folder: Path) -> ReleaseFile | None:
    try:
        about = read_release_file(folder / ABOUT)
    except (ReleaseError, OSError):
        return None
    return about if about.release_id == folder.name else None


def _canonical(folder: Path, about: ReleaseFile) -> Iterator[tuple[str, tuple[str, str]]]:
    """Files that are not in canonical form: their text as it should be, and what changes."""
    for name, (table, columns) in FILES.items():
        path = folder / name
        if not path.is_file():
            continue
        old = path.read_bytes()
        text = _decoded(old)
        parts = None if text is None else _parts(text, columns)
        if parts is None:
            continue
        rows, done = parts
        comment = render_header(name, about)
        ordered = sorted(rows, key=key_columns(table, name, columns))
        if ordered != rows:
            done = [*done, "rows sorted"]
        assert Counter(map(tuple, ordered)) == Counter(map(tuple, rows))  # no row comes, goes or changes
        lines = [f"#{line}" for line in comment] + ["\t".join(row) for row in [list(columns), *ordered]]
        new = "\n".join(lines) + "\n"
        if new.encode() != old:
            yield name, (new, ", ".join(done) or "metadata block renewed")


def _decoded(blob: bytes) -> str | None:
    """Text of a file in UTF-8 or in UTF-16 with a byte-order mark; None for anything else."""
    encoding = "utf-16" if blob[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return blob.decode(encoding)
    except UnicodeDecodeError:
        return None


def _parts(text: str, columns: tuple[str, ...]) -> tuple[list[list[str]], list[str]] | None:
    """Rows of a table with its header and cells put right, and what was done; None: a person must look."""
    done = []
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        done.append("line ends LF")
    if not text.endswith("\n"):
        return None
    lines = [line for line in text[:-1].split("\n") if not line.startswith("#")]
    table = [[cell.strip() for cell in line.split("\t")] for line in lines]
    if any("\t".join(cells) != line for cells, line in zip(table, lines, strict=True)):
        done.append("blanks around cells removed")
    width = len(columns)
    if any(len(cells) > width for cells in table):
        done.append("empty columns at the end removed")
    if any(len(cells) < width or any(cells[width:]) for cells in table):
        return None
    table = [cells[:width] for cells in table]
    if not table or table[0] != list(columns):
        return None
    return table[1:], done


def _refresh(
    folder: Path, about: ReleaseFile | None, *, fix: bool, pending: bool
) -> Iterator[tuple[str, str]]:
    """Renew checksums, line digests and the entry of a release that is not published.

    A release enters the index as published only when nothing is wrong with it; from then on it is
    frozen. Nothing is renewed while a file lies in the folder that no release has.
    """
    if about is None or stray_files(folder) or not SEMVER.fullmatch(folder.name):
        return
    wanted = render_checksums(folder)
    if pending or _text(folder / CHECKSUMS) != wanted:
        yield CHECKSUMS, "checksums renewed"
    if pending or _text(lines_path(folder)) != render_lines(folder):
        yield lines_path(folder).name, "line digests renewed"
    if fix:
        _write(folder / CHECKSUMS, wanted)
        _write(lines_path(folder), render_lines(folder))
    entries, _ = scan_lock(folder.parent)
    entry = entries.get(folder.name)
    digest = sha256(folder / CHECKSUMS) if (folder / CHECKSUMS).is_file() else ""
    new = Entry(folder.name, about.status, digest, 0)
    if entry is not None and not pending and replace(entry, line=0) == new:
        return
    if new.is_frozen and _faults(folder):
        return
    yield LOCK, f"entry renewed: {about.status}"
    if fix:
        _write(folder.parent / LOCK, render_lock({**entries, folder.name: new}))


def _faults(folder: Path) -> bool:
    """Whether anything but the entry itself is wrong with a release."""
    return any(problem.kind not in ("outdated", "extra") for problem in check_release(folder))


def _text(path: Path) -> str | None:
    return path.read_bytes().decode("utf-8", "replace") if path.is_file() else None


def _write(path: Path, text: str) -> None:
    """Replace a file at once, so that an interrupted run leaves the old one."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    partial.replace(path)
