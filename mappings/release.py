"""A loaded release: its identity and its tables, verified.

The loader is `mappings.loader.load_release`; the kernel sees nothing but this class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from mappings.meddra import Meddra


@dataclass(frozen=True, eq=False)  # compared by sha256; as an object it is only itself
class Release:
    """One mapping release, with the private overlays and the dictionary of a study where it has them.

    `tables` holds the seven `map_*` frames of `schemas.release`, canonical. `review_status` is the
    sentence every report prints, e.g. "under review, not clinically reviewed". `sha256` covers all that
    decides: overlays and dictionary too, which the id then names behind a `+`.
    """

    release_id: str
    sha256: str
    status: str
    review_status: str
    tables: Mapping[str, pl.DataFrame]
    dictionary: Meddra | None = field(default=None, repr=False)

    @property
    def base_id(self) -> str:
        """Id of the release without overlays and dictionary."""
        return self.release_id.partition("+")[0]
