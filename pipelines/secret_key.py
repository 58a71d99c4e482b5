"""Reading a key that somebody gave: from an environment variable, or from a file only its owner can read.

What may live here: where a key may come from and what makes it unfit. What may not: what a key is for
(`pipelines.pseudonym_key`, `warehouse.database_key`). A key is never an argument, and no message quotes one.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from pipelines.access import is_mode_open, mending
from schemas.errors import StoreError

SHORTEST: Final = 16
"""Characters of a key; a shorter one could be guessed."""
_LONGEST: Final = 4096
"""Bytes of a key file; a longer one is some other file."""
_ANOTHER: Final = "use one line of longer random text"


def key_of_variable(what: str, variable: str) -> str | None:
    """The key in an environment variable; None where it is not set.

    `what` names the key in messages. Raises `StoreError` for a variable that is set to nothing (whoever sets
    one means to give a key), and for a key that is too short or not one line of text.
    """
    given = setting(variable)
    return None if given is None else _checked(given, what, variable)


def key_of_file(what: str, path: Path, next_action: str) -> str:
    """The key in a file; `next_action` says what to do about one that cannot be read.

    Raises `StoreError` for what is no plain file, for a file that cannot be read or that others can read,
    for one that holds binary data, and for a key that is too short or not one line of text.
    """
    try:
        text = _read(path, what, next_action)
    except OSError:
        raise StoreError(f"{what} cannot be read", file=str(path), next_action=next_action) from None
    except UnicodeDecodeError:
        raise StoreError(f"{what} is not text in UTF-8", file=str(path), next_action=_ANOTHER) from None
    return _checked(text.strip(), what, str(path))


def setting(variable: str) -> str | None:
    """Text of an environment variable, None where it is not set. Raises `StoreError` where it is empty."""
    text = os.environ.get(variable)
    if text is not None and not text.strip():
        raise StoreError("it is set to nothing", file=variable, next_action="give it a value, or unset it")
    return None if text is None else text.strip()


def _read(path: Path, what: str, next_action: str) -> str:
    # Opened first and then looked at, so that nobody can put another file in between; a pipe must not wait.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            raise StoreError(
                f"{what} is not in a plain file but in a folder, pipe or device",
                file=str(path),
                next_action=next_action,
            )
        if is_mode_open(mode):
            raise StoreError(
                f"others on this machine can read {what}",
                file=str(path),
                next_action=f"{mending(path)}; if somebody may have read it, use another key",
            )
        content = os.read(handle, _LONGEST + 1)
    finally:
        os.close(handle)
    if len(content) > _LONGEST:
        raise StoreError(
            f"the file is longer than a key: more than {_LONGEST} bytes",
            file=str(path),
            next_action=next_action,
        )
    return content.decode("utf-8")


def _checked(key: str, what: str, source: str) -> str:
    if len(key) < SHORTEST or any(character < " " or "\ud800" <= character <= "\udfff" for character in key):
        raise StoreError(
            f"{what} has fewer than {SHORTEST} characters, or line breaks, or is not text in UTF-8",
            file=source,
            next_action=_ANOTHER,
        )
    return key
