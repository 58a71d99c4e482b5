"""Resources: where the data home is, and how steps are executed.

What may live here: configuration that Dagster hands to assets. What may not: IO at import; the
environment is read when a step runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import dagster as dg
from pydantic import Field

from pipelines.home import Home, resolve_home


class DataHome(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The data home of the deployment, resolved as the command line resolves it."""

    path: str = Field(
        default="", description="Data home; REGRADE_HOME or warehouse/ of the checkout when left empty"
    )

    def open(self) -> Home:
        """The home, its folders made. Raises `StoreError` when there is none or it is read-only."""
        return resolve_home(self.path).ensure()


_FORKSERVER: Final = {"forkserver": {"preload_modules": ["pipelines.definitions"]}}


def _requirements(config: Mapping[str, object]) -> Sequence[dg.ExecutorRequirement]:
    return dg.multiple_process_executor_requirements() if config.get("processes") != 1 else []


@dg.executor(
    name="local",
    config_schema={
        "processes": dg.Field(
            dg.Int,
            default_value=1,
            description="1 runs every step in the process of the run; more give each step a process",
        )
    },
    requirements=_requirements,
)
def local_executor(context: dg.InitExecutorContext) -> dg.Executor:
    """In-process unless configured: a process per step costs ten times the work of a small study."""
    processes = context.executor_config["processes"]
    chosen: dict[str, object] = (
        {"in_process": {"retries": {"enabled": {}}}}
        if processes == 1
        else {
            "multiprocess": {
                "max_concurrent": processes,
                "retries": {"enabled": {}},
                "start_method": _FORKSERVER,
            }
        }
    )
    create = dg.multi_or_in_process_executor.executor_creation_fn
    assert create is not None
    return create(context._replace(executor_config=chosen))
