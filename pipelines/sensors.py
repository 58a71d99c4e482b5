"""Sensors: what is noticed without being asked.

What may live here: the landing-folder sensor. What may not: starting runs; a person decides that.
"""

from __future__ import annotations

import dagster as dg

from pipelines.partitions import STUDIES, new_studies
from pipelines.resources import DataHome


@dg.sensor(
    name="landing_folder",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Registers each study folder of the landing folder as a partition.",
)
def landing_folder(context: dg.SensorEvaluationContext, data_home: DataHome) -> dg.SensorResult:
    """Register new study folders; studies are never taken away."""
    added = new_studies(context.instance, data_home.open())
    if not added:
        return dg.SensorResult(skip_reason="no new study in the landing folder")
    return dg.SensorResult(dynamic_partitions_requests=[STUDIES.build_add_request(added)])
