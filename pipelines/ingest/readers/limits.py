"""How much one file may cost to read: time, memory, unpacked bytes. Constants and rules only.

Every limit grows with the size of the file, so that a large table is read and a small file that unpacks
without end is not. A file that meets a limit is refused by name (READ-LIMIT, READ-FILE-SIZE).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

GIB: Final = 2**30
MIB: Final = 2**20

BASE_SECONDS: Final = 60
SECONDS_PER_MIB: Final = 2
"""Time on the clock for one file: a minute and two seconds per MiB; processor time is bounded alike."""

BASE_MEMORY: Final = 3 * GIB
MEMORY_PER_BYTE: Final = 128
"""Address space for reading: 3 GiB, of which libraries reserve 1 to 2, and 128 times the file, never more
than the machine has where that is above 3 GiB."""

FREE_UNPACKED: Final = 64 * MIB
UNPACKED_PER_BYTE: Final = 200
LARGEST_UNPACKED: Final = 4 * GIB
"""Unpacked size of a compressed container: up to 64 MiB whatever the ratio, above that at most 200 times
the file (text compresses 5 to 60 times), never over 4 GiB."""

FREE_CELLS: Final = GIB
CELLS_PER_BYTE: Final = 200
LARGEST_CELLS: Final = 64 * GIB
"""Text of all cells that are handed on: up to 1 GiB, above that at most 200 times the file, never over
64 GiB. A Parquet file of 140 MB with 10^7 adverse events and 32 columns gives some 3 GiB; reading it
takes 0.7 GiB of memory, because it goes piece by piece."""

LARGEST_TEXT: Final = 4 * GIB
"""Largest text file (csv, json, ndjson); a larger one has to be split, or exported as Parquet."""

MOST_REJECTED: Final = 1_000_000
"""Rows of a text file that cannot be split; of more, none is a table's. One takes 100 times its own text."""


@dataclass(frozen=True)
class Limits:
    """Bounds for one file: seconds on the clock, bytes of address space, bytes of cells handed on."""

    seconds: float
    memory: int
    cells: int


def limits_of(size: int) -> Limits:
    """Bounds for a file of this size in bytes."""
    return Limits(
        seconds=BASE_SECONDS + SECONDS_PER_MIB * (size // MIB),
        memory=max(BASE_MEMORY, min(BASE_MEMORY + MEMORY_PER_BYTE * size, _machine_memory())),
        cells=min(max(FREE_CELLS, CELLS_PER_BYTE * size), LARGEST_CELLS),
    )


def unpacked_limit(size: int) -> int:
    """Most bytes a compressed file of this size may unpack to."""
    return min(max(FREE_UNPACKED, UNPACKED_PER_BYTE * size), LARGEST_UNPACKED)


def _machine_memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not on every system
        return LARGEST_CELLS
