"""What rooms hand to each other: tables by name, in memory or in files read batch by batch.

Only the types live here; what a table holds is declared in the other modules of this room.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import polars as pl

Frames: TypeAlias = Mapping[str, pl.DataFrame]
Source: TypeAlias = pl.DataFrame | pl.LazyFrame
Sources: TypeAlias = Mapping[str, Source]
"""Tables in memory, or in files that are read batch by batch."""
