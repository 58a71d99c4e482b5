"""The one Dagster code location: `dagster dev` opens it.

What may live here: putting assets, checks, jobs, sensors, resources and the executor together. What
may not: anything that reads a file or the environment at import.
"""

from __future__ import annotations

import dagster as dg

from pipelines.access import keep_private
from pipelines.assets import ASSETS
from pipelines.engines.backfill import regrade_all
from pipelines.jobs import PUBLISH, REGRADE_STUDY
from pipelines.memory import keep_pages
from pipelines.resources import DataHome, local_executor
from pipelines.sensors import landing_folder

keep_private()  # whatever process loads this: run, step or sensor
keep_pages()  # for the steps, which are processes of their own

defs = dg.Definitions(
    assets=ASSETS,
    jobs=[REGRADE_STUDY, regrade_all, PUBLISH],
    sensors=[landing_folder],
    resources={"data_home": DataHome()},
    executor=local_executor,
)
