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

from pipelines.access import FOLDER_MODE, is_open_to_others, mending
from pipelines.home import Home
from schemas.errors import StoreError

ENVIRONMENT_VARIABLE: Final = "REGRADE_PSEUDONYM_KEY"
FILE_NAME: Final = "pseudonym.key"
SHORTEST: Final = 16
"""Characters of a key; a shorter one could be guessed."""


def read_key(home: Home) -> bytes:
    """The key: REGRADE_PSEUDONYM_KEY, else the key file, which is made at first need.

    Raises `StoreError` for a key that is too short, or a file that others can read, or that cannot be read
    or written.
    """
    given = os.environ.get(ENVIRONMENT_VARIABLE, "").strip()
    if given:
        return _checked(given, ENVIRONMENT_VARIABLE)
    path = key_path(home)
    try:
        if not path.is_file():
            _make(path)
        if is_open_to_others(path):
            raise StoreError(
                "others on this machine can read the key of subject pseudonyms",
                file=str(path),
                next_action=f"{mending(path)}; if somebody may have read it, delete it: a new one is made",
            )
        return _checked(path.read_text(encoding="utf-8").strip(), str(path))
    except (OSError, UnicodeDecodeError):
        raise StoreError(
            "the key of subject pseudonyms cannot be read or made",
            file=str(path),
            next_action=f"make the folder writable, or set {ENVIRONMENT_VARIABLE}",
        ) from None


def key_path(home: Home) -> Path:
    """Where the key file is: in the data home, or in the user's configuration if a repository holds that."""
    if any((folder / ".git").exists() for folder in (home.root, *home.root.parents)):
        configuration = os.environ.get("XDG_CONFIG_HOME", "").strip() or "~/.config"
        return Path(configuration).expanduser() / "icans-regrade" / FILE_NAME
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


def _checked(key: str, source: str) -> bytes:
    if len(key) < SHORTEST:
        raise StoreError(
            f"the key of subject pseudonyms has fewer than {SHORTEST} characters",
            file=source,
            next_action="use a longer random text, the same for reports that shall be linked",
        )
    return key.encode()
