"""The key of subject pseudonyms: from the environment, or a file that only its owner can read.

What may live here: finding and making the key. What may not: pseudonyms (`pipelines.report.pseudonyms`).
The key is never part of a run, a report or a message. Whoever has it and the ids can undo pseudonyms;
without it two reports cannot be linked to each other. To rotate it, move the file away (or set another
REGRADE_PSEUDONYM_KEY): reports from then on have other pseudonyms, and only who kept the old key can link
them to earlier ones. Nothing stored depends on it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from pipelines.access import FOLDER_MODE
from pipelines.home import Home, given_path
from pipelines.secret_key import key_of_file, key_of_variable
from schemas.errors import StoreError

ENVIRONMENT_VARIABLE: Final = "REGRADE_PSEUDONYM_KEY"
FILE_NAME: Final = "pseudonym.key"
_CONFIGURATION: Final = "XDG_CONFIG_HOME"
_WHAT: Final = "the key of subject pseudonyms"
_MEND: Final = f"make it readable and the folder writable for you, or set {ENVIRONMENT_VARIABLE}"


def read_key(home: Home) -> bytes:
    """The key: REGRADE_PSEUDONYM_KEY, else the key file, which is made at first need.

    Raises `StoreError` for a key that `pipelines.secret_key` does not take, and a file that cannot be made.
    """
    given = key_of_variable(_WHAT, ENVIRONMENT_VARIABLE)
    if given is not None:
        return given.encode()
    path = key_path(home)
    try:
        if not path.is_file():
            _make(path)
    except OSError as failure:
        raise StoreError(
            f"{_WHAT} cannot be made ({failure.strerror})", file=str(path), next_action=_MEND
        ) from None
    return key_of_file(_WHAT, path, _MEND).encode()


def key_path(home: Home) -> Path:
    """Where the key file is: in the data home, or in the user's configuration if a repository holds that."""
    if any((folder / ".git").exists() for folder in (home.root, *home.root.parents)):
        configuration = os.environ.get(_CONFIGURATION, "").strip() or "~/.config"
        return given_path(configuration, _CONFIGURATION) / "icans-regrade" / FILE_NAME
    return home.root / FILE_NAME


def _make(path: Path) -> None:
    """Write a new key aside and link it into place, so that nobody ever reads half a key."""
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
        with contextlib.suppress(FileExistsError):  # another process was faster: its key is the key
            path.hardlink_to(aside)
    finally:
        aside.unlink()
