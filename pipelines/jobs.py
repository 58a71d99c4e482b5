"""Jobs: what a person or a schedule starts.

What may live here: selections of assets. What may not: logic.
"""

from __future__ import annotations

from typing import Final

import dagster as dg

REGRADE_STUDY: Final = dg.define_asset_job(
    "regrade_study",
    selection=dg.AssetSelection.all(),
    description="Take one study from the landing folder to the published warehouse.",
)
PUBLISH: Final = dg.define_asset_job(
    "publish",
    selection=dg.AssetSelection.assets("published"),
    description="Build the DuckDB file from the current runs of all studies.",
)
