"""Seconds, processor time and peak memory of a piece of work, and what is said of the machine.

Only measuring may live here. Nothing that names a machine, a folder or a person is ever recorded.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = ("polars", "duckdb", "pandas", "pyarrow", "pandera")
_RESET: Final = Path("/proc/self/clear_refs")
_STATUS: Final = Path("/proc/self/status")


@dataclass(frozen=True)
class Cost:
    """Wall seconds, processor seconds over all threads, and the highest resident memory meanwhile.

    Processor seconds hold those of finished child processes (binary files are read in one); `child_mib` is
    the highest memory of any of them so far.
    """

    seconds: float
    processor: float
    peak_mib: float
    child_mib: float

    def as_json(self) -> dict[str, float]:
        """Rounded, for JSON."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


class Stopwatch:
    """Measures from one moment to the next; on Linux each part has a memory peak of its own."""

    def __init__(self) -> None:
        self._restart()

    def _restart(self) -> None:
        if _RESET.exists():
            _RESET.write_text("5")
        self._wall, self._processor = time.perf_counter(), _processor_seconds()

    def lap(self) -> Cost:
        """Cost since the start or the last lap."""
        cost = Cost(
            time.perf_counter() - self._wall,
            _processor_seconds() - self._processor,
            _peak_mib(),
            resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
        )
        self._restart()
        return cost


def measure(work: Callable[[], object]) -> Cost:
    """Cost of one call."""
    watch = Stopwatch()
    work()
    return watch.lap()


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory, system family and the versions that matter; no host name, no path."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }


def _cpu_name() -> str:
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        for line in listed.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _peak_mib() -> float:
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
