"""The five stages as assets, one partition per study.

What may live here: the shim from a stage to a materialisation. What may not: what a stage does.
"""

from typing import Final

import dagster as dg

from pipelines.assets.metadata import describe_stage, main_table, table_schema
from pipelines.checks import CHECK_SPECS, check_results
from pipelines.partitions import STUDIES
from pipelines.resources import DataHome
from pipelines.stages import STAGES, run_stage

_DEPENDENCIES: Final = {
    "raw": [],
    "staged": ["raw"],
    "checked": ["staged"],
    "graded": ["checked", "mapping_releases"],
    "diffs": ["graded"],
}


def _stage_asset(stage: str) -> dg.AssetsDefinition:
    declared = main_table(stage)

    @dg.asset(
        name=stage,
        deps=_DEPENDENCIES[stage],
        partitions_def=STUDIES,
        group_name="study",
        kinds={"polars", "parquet"},
        description=STAGES[stage].__doc__,
        metadata={} if declared is None else {"dagster/column_schema": table_schema(declared)},
        check_specs=CHECK_SPECS if stage == "checked" else None,
    )
    def shim(context: dg.AssetExecutionContext, data_home: DataHome) -> dg.MaterializeResult:  # type: ignore[type-arg]
        result = run_stage(data_home.open(), context.partition_key, stage)
        return dg.MaterializeResult(
            metadata=describe_stage(result),
            check_results=check_results(result.frame("core_findings")) if stage == "checked" else None,
            data_version=dg.DataVersion(f"{result.run_id}/{stage}"),
        )

    return shim


STAGE_ASSETS: Final = [_stage_asset(stage) for stage in STAGES]
