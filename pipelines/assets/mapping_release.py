"""The mapping release as an asset: the newest shipped one, verified.

What may live here: loading a release and saying what it is. What may not: changing one.
"""

from __future__ import annotations

import dagster as dg

from mappings.loader import load_release


@dg.asset(group_name="release", kinds={"polars"})
def mapping_release() -> dg.MaterializeResult[None]:
    """Concepts, terms and grades that decide, unless a study's manifest names another release."""
    release = load_release()
    rows = {f"rows/{name}": frame.height for name, frame in sorted(release.tables.items())}
    return dg.MaterializeResult(
        metadata={
            "release_id": release.release_id,
            "sha256": release.sha256,
            "review_status": release.review_status,
            **rows,
        },
        data_version=dg.DataVersion(release.sha256),
    )
