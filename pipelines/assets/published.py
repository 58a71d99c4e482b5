"""The published warehouse as an asset: the only step that opens DuckDB.

What may live here: one call of the publisher. What may not: a second writer.
"""

from __future__ import annotations

import dagster as dg

from pipelines.resources import DataHome
from warehouse.publisher import Publication, publish


@dg.asset(deps=["diffs", "mapping_diffs", "mapping_impact"], group_name="warehouse", kinds={"duckdb"})
def published(data_home: DataHome) -> dg.MaterializeResult[None]:
    """The DuckDB file: runs, releases and their comparisons, built aside and swapped in at once."""
    publication = publish(data_home.open())
    return dg.MaterializeResult(
        metadata=describe_publication(publication), data_version=dg.DataVersion(publication.content_key)
    )


def describe_publication(publication: Publication) -> dict[str, dg.MetadataValue]:
    """What Dagster shows of the published file."""
    return {
        "path": dg.MetadataValue.path(publication.path),
        "studies": dg.MetadataValue.int(len(publication.run_ids)),
        "runs": dg.MetadataValue.int(publication.runs),
        "left_out": dg.MetadataValue.json(list(publication.left_out)),
        "was_rebuilt": dg.MetadataValue.bool(publication.created),
        "content_key": dg.MetadataValue.text(publication.content_key),
    }
