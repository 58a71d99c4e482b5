"""Damage to mapping releases, as hands and spreadsheets do it: one cell, one line, one file at a time.

Only damage lives here; what a check must say of it stands in the tests.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mappings
from mappings.curation import lint_release
from mappings.lock import folders
from mappings.sheets import FILES

SHIPPED = Path(mappings.__file__).parent / "releases"


def copy_of_releases(target: Path) -> Path:
    """A copy of the shipped releases with fresh checksums; the newest one stands last."""
    shutil.copytree(SHIPPED, target)
    for name in folders(target):
        lint_release(target / name, fix=True)
    return target


def newest(root: Path) -> Path:
    """Folder of the newest release under a root."""
    return root / folders(root)[-1]


@dataclass(frozen=True)
class Mutation:
    """One cell of one line changed; `line` is 1-based."""

    file: str
    line: int
    column: str
    before: str
    after: str

    def apply(self, folder: Path) -> None:
        """Write the change, byte by byte the same elsewhere."""
        path = folder / self.file
        lines = path.read_bytes().split(b"\n")
        cells = lines[self.line - 1].decode().split("\t")
        at = FILES[self.file][1].index(self.column)
        assert cells[at] == self.before
        cells[at] = self.after
        lines[self.line - 1] = "\t".join(cells).encode()
        path.write_bytes(b"\n".join(lines))


def first_row(path: Path) -> int:
    """Line of the first data row of a table: below the comment block and the header."""
    lines = path.read_bytes().split(b"\n")
    return next(number for number, line in enumerate(lines, 2) if not line.startswith(b"#"))


def mutations(folder: Path, file: str, columns: tuple[str, ...], count: int, seed: int) -> list[Mutation]:
    """Seeded single-cell changes of a table, each on a line of its own; a cell always changes."""
    chance = random.Random(f"{file}:{seed}")
    path = folder / file
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    first = first_row(path)
    every = FILES[file][1]
    rows = {number: lines[number - 1].split("\t") for number in range(first, len(lines) + 1)}
    found = []
    for line in sorted(chance.sample(sorted(rows), min(count, len(rows)))):
        column = chance.choice(columns)
        at = every.index(column)
        before = rows[line][at]
        others = sorted({cells[at] for cells in rows.values()} - {before})
        changes: list[Callable[[], str]] = [lambda text=before: _typed_over(text, chance)]
        if others:
            changes.append(lambda known=others: chance.choice(known))
        if before:
            changes.append(str)
        after = chance.choice(changes)()
        found.append(Mutation(file, line, column, before, after))
    return found


def _typed_over(text: str, chance: random.Random) -> str:
    """One character replaced, dropped or added, never a tab, a line end or a blank."""
    letters = "0123456789abcdexyz"
    at = chance.randrange(len(text) + 1)
    letter = chance.choice(letters)
    kept = text[at + 1 :] if chance.random() < 0.7 else text[at:]
    changed = text[:at] + letter + kept
    return changed if changed != text else text + letter
