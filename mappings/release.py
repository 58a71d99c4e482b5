"""A loaded release: its identity and its tables, verified.

The loader is `mappings.loader.load_release`; the kernel sees nothing but this class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Release:
    """One mapping release.

    `tables` holds the seven `map_*` frames of `schemas.release`, canonical. `review_status` is the
    sentence every report prints, e.g. "under review, not clinically reviewed".
    """

    release_id: str
    sha256: str
    status: str
    review_status: str
    tables: Mapping[str, pl.DataFrame]
