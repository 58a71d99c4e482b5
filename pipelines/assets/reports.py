"""Reports as assets, one partition per study: the page opens from the metadata of the asset.

What may live here: one call each, its path and counts. What may not: content, anything about a single
subject, or a failure that costs a run: what cannot be made is a failed check, and everything else stands.
"""

import warnings
from collections.abc import Callable
from typing import Final

import dagster as dg

from pipelines.home import Home
from pipelines.partitions import STUDIES
from pipelines.report_pages import Page, write_diff_page, write_study_page
from pipelines.resources import DataHome
from schemas.errors import RegradeError

_MADE: Final = "report_made"


def _report_asset(
    name: str, write: Callable[[Home, str], Page | None], description: str
) -> dg.AssetsDefinition:
    with warnings.catch_warnings():
        # Partitioned checks are marked as a preview; tests/upstream pins what is relied on.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        check = dg.AssetCheckSpec(
            _MADE, asset=name, description="The report could be made", blocking=False, partitions_def=STUDIES
        )

    @dg.asset(
        name=name,
        deps=["published"],
        partitions_def=STUDIES,
        group_name="reports",
        kinds={"html"},
        description=description,
        check_specs=[check],
    )
    def shim(context: dg.AssetExecutionContext, data_home: DataHome) -> dg.MaterializeResult:  # type: ignore[type-arg]
        failure = None
        page = None
        try:
            page = write(data_home.open(), context.partition_key)
        except RegradeError as refused:
            failure = str(refused)
        except Exception as defect:  # its words may quote study data
            failure = f"unexpected {type(defect).__name__}. Next: report this defect"
        return dg.MaterializeResult(
            metadata=_described(page),
            check_results=[
                dg.AssetCheckResult(
                    check_name=_MADE,
                    passed=failure is None,
                    metadata={} if failure is None else {"failure": failure},
                )
            ],
        )

    return shim


def _described(page: Page | None) -> dict[str, dg.MetadataValue]:
    """Where the page is, and how much is on it; nothing where there is none."""
    if page is None:
        return {"tables": dg.MetadataValue.int(0), "figures": dg.MetadataValue.int(0)}
    return {
        "page": dg.MetadataValue.url(page.page.as_uri()),
        "path": dg.MetadataValue.path(page.page),
        "tables": dg.MetadataValue.int(page.tables),
        "figures": dg.MetadataValue.int(page.figures),
    }


scale_diff_report = _report_asset(
    "scale_diff_report",
    write_study_page,
    "What regrading changes in the study, as a page with pseudonyms in place of subject ids. A browser that "
    "follows no file link from here opens the path.",
)
run_diff_report = _report_asset(
    "run_diff_report",
    write_diff_page,
    "The current run against the one before it, with the cause of each difference; no page for a first run.",
)
