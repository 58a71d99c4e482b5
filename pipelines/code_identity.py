"""Which program makes a run: its version, and the digest of the sources that decide results.

Only this lives here. Both are part of a run's id.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
from pathlib import Path
from typing import Final

from pipelines.home import PROJECT_NAME, project_version
from schemas.errors import StoreError

PURE_ROOMS: Final = ("schemas", "mappings", "pipelines/ingest", "pipelines/grading", "pipelines/diffs")
"""Rooms whose sources decide what a run's results are; their digest is part of the run id."""
_CODE_ROOT: Final = Path(__file__).resolve().parent.parent


def code_version() -> str:
    """Version of this program: of the checkout it runs from, else of the installed package."""
    return project_version(_CODE_ROOT) or importlib.metadata.version(PROJECT_NAME)


@functools.cache
def code_sha256() -> str:
    """sha256 over names and sources of the pure rooms; line ends do not count.

    Read once in a process, whose modules stay what they were when it started.
    """
    return sources_sha256(_CODE_ROOT)


def sources_sha256(root: Path) -> str:
    """`code_sha256` of the program under a folder. Raises `StoreError` where there is none."""
    digest = hashlib.sha256()
    sources = sorted(path for room in PURE_ROOMS for path in (root / room).rglob("*.py"))
    if not sources:
        raise StoreError(
            "the program was installed without its sources, so a run cannot say what made it",
            file=str(root),
            next_action="install it from a wheel or run it from a checkout",
        )
    for path in sources:
        text = path.read_bytes().replace(b"\r\n", b"\n")
        name = path.relative_to(root).as_posix()
        digest.update(f"{name}\0{hashlib.sha256(text).hexdigest()}\n".encode())
    return digest.hexdigest()
