"""Mapping releases as assets: the releases themselves, what each changed, what the newest does to studies.

What may live here: one call each and its metadata; counts, ids and hashes only. What may not: changing a
release, a comparison of its own, anything about a single subject.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

import dagster as dg

from mappings.curation import check_all
from mappings.loader import default_release, list_releases, load_release
from mappings.release import Release
from pipelines.checks import MAPPING_CHECK_SPECS, mapping_check_results
from pipelines.home import Home
from pipelines.mapping_comparisons import Comparisons, renew_diffs, renew_impacts
from pipelines.resources import DataHome
from schemas.errors import RegradeError

_COMPUTED: Final = "all_computed"


@dg.asset(group_name="mappings", kinds={"polars"}, check_specs=MAPPING_CHECK_SPECS)
def mapping_releases() -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Shipped releases: the terms and grades that decide. Each rule they must obey is a check."""
    releases: list[Release] = []
    unusable = []
    for release_id in list_releases():
        try:
            releases.append(load_release(release_id, allow_withdrawn=True))
        except RegradeError as failure:
            unusable.append(str(failure))
    digest = hashlib.sha256("\n".join(release.sha256 for release in releases).encode()).hexdigest()
    return dg.MaterializeResult(
        metadata={
            "default_release": default_release(),
            "unusable": unusable,
            "releases": dg.MetadataValue.table(
                [
                    dg.TableRecord(
                        {
                            "release_id": release.release_id,
                            "review_status": release.review_status,
                            "terms": release.tables["map_terms"].height,
                            "grades": release.tables["map_grades"].height,
                            "sha256": release.sha256,
                        }
                    )
                    for release in releases
                ],
                dg.TableSchema.from_name_type_dict(
                    {
                        "release_id": "string",
                        "review_status": "string",
                        "terms": "int",
                        "grades": "int",
                        "sha256": "string",
                    }
                ),
            ),
        },
        check_results=mapping_check_results(check_all()),
        data_version=dg.DataVersion(digest),
    )


def _comparison_asset(
    name: str, deps: list[str], renew: Callable[[Home], Comparisons], description: str
) -> dg.AssetsDefinition:
    """An asset that never fails: what cannot be compared is a failed check, and publishing goes on."""

    @dg.asset(
        name=name,
        deps=deps,
        group_name="mappings",
        kinds={"polars", "parquet"},
        description=description,
        check_specs=[
            dg.AssetCheckSpec(
                _COMPUTED, asset=name, description="Every comparison could be made", blocking=False
            )
        ],
    )
    def shim(data_home: DataHome) -> dg.MaterializeResult:  # type: ignore[type-arg]
        try:
            done = renew(data_home.open())
        except RegradeError as failure:
            done = Comparisons(0, 0, (str(failure),))
        return dg.MaterializeResult(
            metadata={"made": done.made, "kept": done.kept},
            check_results=[
                dg.AssetCheckResult(
                    check_name=_COMPUTED, passed=not done.failures, metadata={"failures": list(done.failures)}
                )
            ],
        )

    return shim


mapping_diffs = _comparison_asset(
    "mapping_diffs",
    ["mapping_releases"],
    renew_diffs,
    "Rows that differ between each release and the one it was made from: diff_mapping_rows.",
)
mapping_impact = _comparison_asset(
    "mapping_impact",
    ["mapping_diffs", "diffs"],
    renew_impacts,
    "What the newest release changes in each study's current run: diff_mapping_studies, diff_mapping_impact.",
)
