"""How polars holds on to the memory it has freed.

Only this lives here. polars comes with the allocator jemalloc and returns freed pages to the system after
half a second; each batch of a large study then asks for the same pages again, and the system clears each of
them first: a tenth of the processor time of grading 10,000,000 rows. jemalloc's own default, ten seconds,
with no more arenas than processors needs no more memory than polars' choice with its four a processor.
"""

from __future__ import annotations

import os
from typing import Final

VARIABLE: Final = "_RJEM_MALLOC_CONF"
"""What polars' jemalloc reads when it is loaded; no other library does."""


def keep_pages() -> None:
    """Ask for it in this process, if it has not yet loaded polars, and in its children.

    A setting that is there stays. Where polars has another allocator, nothing changes.
    """
    arenas = max(2, os.cpu_count() or 1)
    os.environ.setdefault(VARIABLE, f"dirty_decay_ms:10000,muzzy_decay_ms:0,narenas:{arenas}")
