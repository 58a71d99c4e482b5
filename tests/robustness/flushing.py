"""The command line in a process of its own that notes whether renames wait for the disk.

    python -m tests.robustness.flushing FILE ROOT -- WORDS...

A power loss may undo any write that was not flushed. So when a result gets its name (a run folder, a pointer,
the published file, its seal, the head of the ledger, a delivered or exported folder), every file in it must
have been flushed after its last change, and every folder in it; and the folder that got the name must be
flushed before the next result gets one, and before the end. FILE gets a JSON object: `results` in their order
and `faults`. Files are looked at by their times on the disk, so what a native library writes counts too.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULTS = re.compile(
    r"runs/[^/.][^/]*/([0-9a-f]{64}|current|releases\.json)"
    r"|runs/ledger\.head|icans\.duckdb(\.json)?|handed|copied"
)

Place = tuple[int, int]


class Watch:
    """What was flushed, and which folder got a name that is not flushed yet."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.results: list[str] = []
        self.faults: list[str] = []
        self._flushed: dict[Place, int] = {}
        self._waiting: dict[Place, str] = {}

    def flushed(self, handle: int) -> None:
        stat = os.fstat(handle)
        self._flushed[stat.st_dev, stat.st_ino] = stat.st_mtime_ns
        self._waiting.pop((stat.st_dev, stat.st_ino), None)

    def renames(self, source: Path, target: Path) -> bool:
        """Look at a rename that is about to happen; True when it names a result."""
        name = os.path.relpath(target, self.root)
        if not RESULTS.fullmatch(name):
            return False
        self.settled(f"before {name}")
        self.results.append(name)
        inside = [source, *source.rglob("*")] if source.is_dir() else [source]
        for path in inside:
            stat = path.stat()
            seen = self._flushed.get((stat.st_dev, stat.st_ino))
            if seen != stat.st_mtime_ns:
                state = "never flushed" if seen is None else "changed after it was flushed"
                self.faults.append(f"{name}: {os.path.relpath(path, source)} was {state}")
        return True

    def renamed(self, target: Path) -> None:
        stat = target.parent.stat()
        self._waiting[stat.st_dev, stat.st_ino] = os.path.relpath(target, self.root)

    def settled(self, when: str) -> None:
        self.faults += [f"{name}: its folder was not flushed {when}" for name in self._waiting.values()]
        self._waiting.clear()


def watch(root: Path) -> Watch:
    """Wrap the calls of this process."""
    seen = Watch(root)
    fsync = os.fsync

    def watched_fsync(handle: Any) -> None:
        fsync(handle)
        seen.flushed(handle if isinstance(handle, int) else handle.fileno())

    def watched(rename: Callable[..., None]) -> Callable[..., None]:
        def call(source: Any, target: Any, **options: Any) -> None:
            there = Path(os.path.abspath(os.fspath(target)))  # noqa: PTH100 - no link is followed
            is_result = not options and seen.renames(Path(os.fspath(source)), there)
            rename(source, target, **options)
            if is_result:
                seen.renamed(there)

        return call

    os.fsync, os.rename, os.replace = watched_fsync, watched(os.rename), watched(os.replace)  # type: ignore[assignment]
    return seen


def main() -> None:
    told, root, dashes, *words = sys.argv[1:]
    if dashes != "--":
        raise SystemExit("usage: python -m tests.robustness.flushing FILE ROOT -- WORDS...")
    seen = watch(Path(root))

    def tell() -> None:
        seen.settled("before the end")
        Path(told).write_text(json.dumps({"results": seen.results, "faults": seen.faults}), encoding="utf-8")

    atexit.register(tell)
    sys.argv = ["regrade", *words]
    from pipelines.cli import main as command_line  # noqa: PLC0415 - after the calls are wrapped

    command_line()


if __name__ == "__main__":
    main()
