"""A private overlay as a folder: what it says of itself, and its tables in the form of a release.

What may live here: reading `overlay.yaml` and the tables beside it strictly. What may not: putting them
on a release (`mappings.overlay`). A file or a key that is not known is an error, so that a misspelt
`term.tsv` never passes for nothing said.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mappings.lock import SEMVER, version
from mappings.release_file import read_start
from mappings.sheets import FILES, OVERRIDES, Sheet, read_sheet
from schemas.base import SEPARATOR
from schemas.errors import ReleaseError
from schemas.plain_yaml import PlainYamlError, parse_plain_yaml

ABOUT: Final = "overlay.yaml"
OVERLAY_FILES: Final = ("concepts.tsv", "terms.tsv", "grades.tsv", "conventions.tsv")
NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_KEYS: Final = ("name", "base", "licence", "change_note", "author_role")
_BOUND: Final = re.compile(rf"(==|>=|<=|>|<)?\s*({SEMVER.pattern})")


@dataclass(frozen=True)
class Overlay:
    """One overlay as read. `sheets` holds the tables it has, by table name."""

    name: str
    base: str
    licence: str
    change_note: str
    author_role: str
    sha256: str
    sheets: Mapping[str, Sheet]

    def fits(self, release_id: str) -> bool:
        """Whether the overlay was made for this release: every bound of `base` holds."""
        found = version(release_id)
        for bound in self.base.split(","):
            match = _BOUND.fullmatch(bound.strip())
            assert match is not None  # read_overlay refuses any other text
            wanted = version(match[2])
            holds = {
                "==": found == wanted,
                ">=": found >= wanted,
                "<=": found <= wanted,
                ">": found > wanted,
                "<": found < wanted,
            }
            if not holds[match[1] or "=="]:
                return False
        return True

    def overrides(self, table: str) -> list[tuple[str, ...]]:
        """For each row of a table, the rules it replaces."""
        raw = self.sheets[table].raw
        if OVERRIDES not in raw.columns:
            return [()] * raw.height
        return [tuple(cell.split(SEPARATOR)) if cell else () for cell in raw[OVERRIDES].to_list()]


def read_overlay(folder: Path) -> Overlay:
    """Read an overlay folder; the name of the folder is the name of the overlay.

    Raises `ReleaseError` naming file, line or key, and the next action: no such folder, a file that is
    none of an overlay, a fault of form or of a cell, or an overlay without a single row.
    """
    if not folder.is_dir():
        raise ReleaseError(
            "there is no such private overlay",
            file=str(folder),
            column="mapping_overlays",
            value=folder.name,
            next_action=f"put the folder with its {ABOUT} there, or take the name out of the manifest",
        )
    present = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    for name in present:
        if not (folder / name).is_file():
            raise ReleaseError(
                "this is no ordinary file",
                file=f"{folder.name}/{name}",
                next_action="put the file itself in the folder of the overlay, or move it out",
            )
    about = _read_about(folder)
    for name in present:
        if name not in (ABOUT, "README.md", *OVERLAY_FILES):
            raise ReleaseError(
                "the file is not part of an overlay",
                file=f"{folder.name}/{name}",
                next_action=f"rename it to one of {', '.join(OVERLAY_FILES)}, or move it out of the folder",
            )
    sheets = {}
    digest = hashlib.sha256((folder / ABOUT).read_bytes())
    for name in (name for name in OVERLAY_FILES if name in present):
        digest.update(f"{name}\0{hashlib.sha256((folder / name).read_bytes()).hexdigest()}\n".encode())
        sheet, problems = read_sheet(folder / name, folder.name, layer=folder.name)
        for problem in problems:
            raise problem.error()
        assert sheet is not None  # a file without a sheet has a problem
        sheets[FILES[name][0].info().name] = sheet
    if not any(sheet.frame.height for sheet in sheets.values()):
        raise ReleaseError(
            "the overlay decides nothing: it has no row",
            file=folder.name,
            next_action=f"add rows ({', '.join(OVERLAY_FILES)}), or take its name out of the manifest",
        )
    return Overlay(**about, sha256=digest.hexdigest(), sheets=sheets)


def _read_about(folder: Path) -> dict[str, str]:
    shown = f"{folder.name}/{ABOUT}"

    def refuse(what: str, action: str, key: str | None = None, value: object = None) -> ReleaseError:
        text = None if value is None else str(value)
        return ReleaseError(what, file=shown, column=key, value=text, next_action=action)

    try:
        about = parse_plain_yaml(read_start(folder / ABOUT))
    except FileNotFoundError:
        raise refuse("the overlay does not say what it is", f"add the keys {', '.join(_KEYS)}") from None
    except PlainYamlError as fault:
        line = "" if fault.line is None else f" (line {fault.line})"
        raise refuse(f"{fault.what}{line}", fault.next_action) from None
    if not isinstance(about, dict):
        raise refuse("the file is not a mapping of keys", f"give the keys {', '.join(_KEYS)}")
    for key in sorted({str(key) for key in about} ^ set(_KEYS)):
        what = "the key is missing" if key in _KEYS else "the key is not known"
        raise refuse(what, f"the keys are {', '.join(_KEYS)}", key)
    for key in _KEYS:
        if not isinstance(about[key], str) or not about[key].strip():
            raise refuse("the value is not text", "write it in quotes", key, about[key])
    if about["name"] != folder.name or not NAME.fullmatch(folder.name):
        raise refuse(
            "the name is not that of the folder, or not lower-case letters, digits and hyphens",
            "give the overlay and its folder the same plain name",
            *("name", about["name"]),
        )
    if not all(_BOUND.fullmatch(bound.strip()) for bound in about["base"].split(",")):
        raise refuse(
            "the base is neither a release nor a range of releases",
            'write "1.0.0" or ">=1.0.0,<2.0.0"',
            *("base", about["base"]),
        )
    return {key: str(about[key]) for key in _KEYS}
