"""Starting the command line in a process group of its own, and timing one that nobody disturbs.

What may live here: processes. What may not: what a home must look like afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.homes import CHECKOUT


@dataclass(frozen=True)
class Undisturbed:
    """Seconds from the start of the process to each change of a file, and to its end."""

    changes: tuple[float, ...]
    seconds: float


def start(words: Sequence[str], change: int, told: Path) -> subprocess.Popen[bytes]:
    """The command in a process group of its own; it ends itself before this change of a file, 0 for never."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.robustness.child", str(change), str(told), "--"]
    return subprocess.Popen(
        [*command, *words],
        cwd=CHECKOUT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def run_undisturbed(words: Sequence[str], told: Path) -> Undisturbed:
    """Run the command to its end. Raises `RuntimeError` with its words when it fails."""
    told.unlink(missing_ok=True)
    began = time.time()
    process = start(words, 0, told)
    _, errors = process.communicate()
    seconds = time.time() - began
    if process.returncode not in (0, 1) or b"failed" in errors:
        raise RuntimeError(f"{words}: {errors.decode()}")
    return Undisturbed(tuple(float(line) - began for line in told.read_text().split()), seconds)
