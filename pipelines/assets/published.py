"""The published warehouse as an asset: the only step that opens DuckDB.

What may live here: one call of the publisher. What may not: a second writer.
"""

from __future__ import annotations

import dagster as dg

from pipelines.resources import DataHome
from warehouse.publisher import publish


@dg.asset(deps=["diffs", "mapping_diffs", "mapping_impact"], group_name="warehouse", kinds={"duckdb"})
def published(data_home: DataHome) -> dg.MaterializeResult[None]:
    """The DuckDB file: runs, releases and their comparisons, built aside and swapped in at once."""
    publication = publish(data_home.open())
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(publication.path),
            "studies": len(publication.run_ids),
            "runs": publication.runs,
            "left_out": list(publication.left_out),
            "was_rebuilt": publication.created,
            "content_key": publication.content_key,
        },
        data_version=dg.DataVersion(publication.content_key),
    )
