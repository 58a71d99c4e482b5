"""Every study in one go: one Dagster run with a step for each study and one publication at the end.

What may live here: the job `regrade_all` and how it is started without the web interface. What may not: what
a run of a study does, or a second way to publish.

A run per partition, as the web interface launches them, records every check and costs a process and some
hundred events for each study; this one records the five stages of each partition and lets the executor decide
how many studies are worked on at once. Steps share nothing but the data home: runs are locked study by study,
and DuckDB is opened by the last step alone.
"""

# Annotations stay what they are: Dagster reads those of a step.
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg
from pydantic import Field

from pipelines.assets.published import describe_publication
from pipelines.home import Home
from pipelines.mapping_comparisons import renew_comparisons
from pipelines.partitions import register_studies
from pipelines.resources import DataHome, local_executor
from pipelines.stages import STAGES, run_study
from schemas.errors import RegradeError, StoreError
from schemas.wording import counted
from warehouse.publisher import publish

_SILENT: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Asked(dg.Config):
    """Studies of one go."""

    studies: list[str] = Field(default=[], description="Study ids; all of the landing folder when empty")


@dg.op(out=dg.DynamicOut(str))
def each_study(context: dg.OpExecutionContext, config: Asked, data_home: DataHome):  # type: ignore[no-untyped-def]
    """The studies, registered as partitions."""
    home = data_home.open()
    register_studies(context.instance, home)
    for number, study_id in enumerate(config.studies or home.studies()):
        yield dg.DynamicOutput(study_id, mapping_key=f"study_{number:05d}")


@dg.op
def regrade(context: dg.OpExecutionContext, data_home: DataHome, study_id: str) -> dict[str, str]:
    """One study to its sealed run. A failure is an outcome: it stops neither others nor the publication."""
    try:
        result = run_study(data_home.open(), study_id)
    except RegradeError as failure:
        return {"study_id": study_id, "failure": str(failure)}
    except Exception as defect:  # its words may quote study data
        return {"study_id": study_id, "failure": f"unexpected {type(defect).__name__}"}
    for stage in STAGES:
        context.log_event(
            dg.AssetMaterialization(
                stage,
                partition=study_id,
                metadata={"run_id": result.run_id, "run_folder": dg.MetadataValue.path(str(result.folder))},
            )
        )
    return {"study_id": study_id, "run_id": result.run_id}


@dg.op
def publish_all(context: dg.OpExecutionContext, data_home: DataHome, outcomes: list[dict[str, str]]) -> None:
    """The published file, once for all; then the run fails if a study did, naming each."""
    home = data_home.open()
    try:
        not_compared = renew_comparisons(home).failures
    except StoreError as damage:  # of one run; its study fails, the others are published
        not_compared = (str(damage),)
    publication = publish(home)
    described = describe_publication(publication)
    described["not_compared"] = dg.MetadataValue.json(list(not_compared))
    context.log_event(dg.AssetMaterialization("published", metadata=described))
    failed = {outcome["study_id"]: outcome["failure"] for outcome in outcomes if "failure" in outcome}
    if failed:
        raise dg.Failure(
            f"{len(failed)} of {counted(len(outcomes), 'study')} failed; the others are published",
            metadata=failed,
            allow_retries=False,
        )


@dg.job(
    resource_defs={"data_home": DataHome()},
    executor_def=local_executor,
    description="Every study of the landing folder to its run, some at a time; then one publication.",
)
def regrade_all() -> None:
    """One go over all studies."""
    publish_all(each_study().map(regrade).collect())


@dataclass(frozen=True)
class Backfill:
    """How one go went: studies that failed with their reasons, and why it stopped otherwise, if it did."""

    dagster_run_id: str
    studies: int
    failures: dict[str, str]
    stopped: str | None


def run_backfill(home: Home, studies: Sequence[str], processes: int) -> Backfill:
    """Run `regrade_all` in the Dagster instance of the data home; no daemon and no network are needed.

    `processes` is how many studies are worked on at once, each in a process of its own; 1 takes them one
    after the other in this process.
    """
    with dg.DagsterInstance.from_config(str(home.ensure_dagster())) as instance:
        result = dg.execute_job(
            dg.reconstructable(regrade_all),
            instance=instance,
            run_config={
                "execution": {"config": {"processes": processes}},
                "resources": {"data_home": {"config": {"path": str(home.root)}}},
                "ops": {"each_study": {"config": {"studies": list(studies)}}},
                **_SILENT,
            },
            raise_on_error=False,
        )
        failures: dict[str, str] = {}
        stopped = None
        for event in result.all_events:
            if event.is_step_failure:
                data = event.step_failure_data
                if event.step_key == "publish_all" and data.user_failure_data is not None:
                    shown = data.user_failure_data.metadata
                    failures = {name: str(value.value) for name, value in shown.items()}
                else:
                    stopped = _reason(event.step_key or "", data.error)
        if not result.success and not failures and stopped is None:
            stopped = "the run failed outside of its steps; see it in the web interface (regrade ui)"
        return Backfill(result.run_id, len(studies), failures, stopped)


def _reason(step: str, error: Any) -> str:
    """Why a step failed: our own words; of anything else, whose words may quote data, its type."""
    while error is not None and error.cause is not None:
        error = error.cause
    name = "error" if error is None else error.cls_name or "error"
    own = f"schemas.errors.{name}: "
    if error is not None and error.message.startswith(own):
        return f"{step}: {error.message.removeprefix(own).strip()}"
    return f"{step}: unexpected {name}"
