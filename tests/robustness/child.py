"""The command line in a process of its own that ends itself just before its n-th change of a file.

    python -m tests.robustness.child N FILE -- WORDS...

N is 0 for never. FILE gets one line for each change that Python makes: seconds since the epoch. Changes that
a native library makes (a Parquet file, the DuckDB file) are between these; moments at random reach them.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

CHANGES = frozenset({"os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link", "os.truncate", "os.chmod"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def changes_a_file(event: str, arguments: tuple[object, ...]) -> bool:
    """Whether an audit event is about to change what is on the disk."""
    if event in CHANGES:
        return True
    if event != "open" or not isinstance(arguments[2], int) or not arguments[2] & _WRITING:
        return False
    path = str(arguments[0])
    return "__pycache__" not in path and not path.startswith(("/dev/", "/proc/"))


def watch(last: int, told: Path) -> None:
    """Count changes from now on; before the last one that may be, this process group is killed."""
    told_to = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    count = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        if not changes_a_file(event, arguments):
            return
        count += 1
        os.write(told_to, f"{time.time()}\n".encode())
        if count == last:
            os.killpg(0, signal.SIGKILL)

    sys.addaudithook(hook)


def main() -> None:
    last, told, dashes, *words = sys.argv[1:]
    if dashes != "--":
        raise SystemExit("usage: python -m tests.robustness.child N FILE -- WORDS...")
    watch(int(last), Path(told))
    sys.argv = ["regrade", *words]
    from pipelines.cli import main as command_line  # noqa: PLC0415 - imports are watched too

    command_line()


if __name__ == "__main__":
    main()
