"""Assets: shims of a few lines around the stages, and what Dagster shows about them.

What may live here: one call per asset and its metadata. What may not: rules, IO of their own, or
anything about a single subject; the event log holds counts, hashes and paths.
"""

from __future__ import annotations

from typing import Final

from pipelines.assets.mapping_releases import mapping_diffs, mapping_impact, mapping_releases
from pipelines.assets.published import published
from pipelines.assets.reports import run_diff_report, scale_diff_report
from pipelines.assets.stages import STAGE_ASSETS

ASSETS: Final = [
    mapping_releases,
    *STAGE_ASSETS,
    mapping_diffs,
    mapping_impact,
    published,
    scale_diff_report,
    run_diff_report,
]
