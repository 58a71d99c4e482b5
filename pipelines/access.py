"""Who may read what the program writes: its owner, and nobody else.

What may live here: the rights of new files and folders, and looking at those that are there. What may not:
changing the rights of what others made. A process that enters through the command line or Dagster calls
`keep_private` first, so that libraries, too, make files of mode 0600 and folders of 0700; whoever else calls
the program as a library decides for itself, but a data home it makes is a folder of mode 0700.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
_OTHERS: Final = 0o077


def keep_private() -> None:
    """From now on this process and its children make files that only their owner can read."""
    os.umask(_OTHERS)


def close_to_others(folder: Path) -> None:
    """Take the rights of others from a folder this program has just made, and from all in it."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)


def is_open_to_others(path: Path) -> bool:
    """Whether group or others have any right on it. Raises `OSError` where it cannot be looked at."""
    return is_mode_open(path.stat().st_mode)


def is_mode_open(mode: int) -> bool:
    """Whether a mode gives group or others any right; False where the system has no such rights."""
    return os.name == "posix" and bool(stat.S_IMODE(mode) & _OTHERS)


def mending(*paths: Path) -> str:
    """The command that takes the rights of others away."""
    return f"chmod -R go-rwx {shlex.join(map(str, paths))}"


def open_to_others(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Those of the files and folders that are there and that others can reach, in the order given.

    A folder closed to others closes all that is in it, so only what lies under no such folder is looked at.
    """
    found = []
    for path in paths:
        try:
            if is_open_to_others(path) and not any(map(_is_closed, path.parents)):
                found.append(path)
        except OSError:
            continue
    return tuple(found)


def _is_closed(folder: Path) -> bool:
    return not stat.S_IMODE(folder.stat().st_mode) & _OTHERS
