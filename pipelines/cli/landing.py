"""The landing folder as commands see it: which studies are meant, and which folders are none and why.

What may live here: choosing studies by name and naming what is left out. What may not: running
(`pipelines.cli.running`), what a study folder holds (`pipelines.ingest`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.cli.failures import nearest
from pipelines.cli.output import say
from pipelines.home import MANIFEST_NAME, Home
from schemas.errors import RegradeError
from schemas.vocabulary import STUDY_ID_PATTERN


@dataclass(frozen=True)
class OtherFolder:
    """A folder of landing that is no study: `what` keeps it from being one, and what to do about it.

    `has_manifest`: something in it is called study.yaml, so somebody means it to be a study, and leaving it
    out is a failure.
    """

    folder: str
    what: str
    next_action: str
    has_manifest: bool

    def __str__(self) -> str:
        return f"{self.folder} {self.what} and is left out. Next: {self.next_action}"


@dataclass(frozen=True)
class Selection:
    """Study ids to run, and the folders that are left out of all there are."""

    studies: list[str]
    left_out: tuple[OtherFolder, ...] = ()

    @property
    def is_whole(self) -> bool:
        """No study that somebody means to be one is left out."""
        return not any(other.has_manifest for other in self.left_out)


def select_studies(home: Home, asked: Sequence[str]) -> Selection:
    """The studies asked for, or all, without repeats; what is left out is said.

    Raises `RegradeError` for an unknown one, naming the nearest. A landing folder that is no study yet is
    named too: it is a study that somebody meant to run.
    """
    known = home.studies()
    others = other_folders(home)
    if not asked:
        for other in others:
            say(f"regrade: {other}")
        if not known:
            raise RegradeError(
                "no study has landed",
                file=str(home.landing),
                next_action="put a folder of tables there and run regrade init FOLDER, or try regrade demo",
            )
        return Selection(list(known), others)
    for name in asked:
        for other in others:
            if other.folder == f"landing/{name}":
                raise RegradeError(
                    f"the study {other.what}", file=other.folder, next_action=other.next_action
                )
        if name not in known:
            raise RegradeError(
                f"no such study{nearest(name, known)}",
                value=name,
                next_action=f"name a study of {home.landing}",
            )
    return Selection(list(dict.fromkeys(asked)))


def other_folders(home: Home) -> tuple[OtherFolder, ...]:
    """Folders of landing that are no studies, by name; not those set aside, whose names begin with . or _."""
    if not home.landing.is_dir():
        return ()
    known = set(home.studies())
    folders = (
        path for path in home.landing.iterdir() if path.is_dir() and not path.name.startswith((".", "_"))
    )
    return tuple(_no_study(path) for path in sorted(folders) if path.name not in known)


def _no_study(path: Path) -> OtherFolder:
    folder = f"landing/{path.name}"
    has_manifest = os.path.lexists(path / MANIFEST_NAME)
    if not re.fullmatch(STUDY_ID_PATTERN, path.name):
        what = "has a name that is no study identifier"
        next_action = (
            "rename the folder and the study in its study.yaml: letters, digits, '.', '_' and '-' only, "
            "a letter or digit first, at most 64"
        )
    elif has_manifest:
        what, next_action = "has a study.yaml that is no file", f"put the file itself in {folder}"
    else:
        what, next_action = "has no study.yaml", f"regrade init {folder}"
    return OtherFolder(folder, what, next_action, has_manifest)
