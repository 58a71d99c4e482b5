"""The fragments of the deployment notes are configuration that Dagster accepts, and hold no secret."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.instance.config import dagster_instance_config
from ruamel.yaml import YAML

import pipelines.engines

NOTES = (Path(pipelines.engines.__file__).parent / "DEPLOYMENT.md").read_text(encoding="utf-8")
FRAGMENTS: dict[str, str] = dict(
    re.findall(r"<!-- dagster.yaml: (\w+) -->\n```yaml\n(.*?)```", NOTES, re.DOTALL)
)


def written(folder: Path, *names: str) -> str:
    (folder / "dagster.yaml").write_text("\n".join(FRAGMENTS[name] for name in names), encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize("launcher", ["docker", "kubernetes"])
def test_dagster_takes_the_fragments(tmp_path: Path, launcher: str) -> None:
    """The launchers' own options are checked where their packages are installed; this is Dagster's part."""
    config, _ = dagster_instance_config(written(tmp_path, "common", launcher))
    assert config["concurrency"]["runs"]["max_concurrent_runs"] == 8
    assert config["run_launcher"]["class"] in ("DockerRunLauncher", "K8sRunLauncher")


def test_a_mistyped_key_would_be_noticed(tmp_path: Path) -> None:
    folder = written(tmp_path, "common")
    path = tmp_path / "dagster.yaml"
    path.write_text(path.read_text().replace("run_monitoring", "run_monitorng"), encoding="utf-8")
    with pytest.raises(dg.DagsterInvalidConfigError, match="run_monitorng"):
        dagster_instance_config(folder)


def test_secrets_are_names_of_variables_only() -> None:
    loaded: list[Any] = [YAML(typ="safe").load(io.StringIO(text)) for text in FRAGMENTS.values()]
    storage = next(part["storage"] for part in loaded if "storage" in part)["postgres"]["postgres_db"]
    assert {name for name, value in storage.items() if isinstance(value, dict)} >= {"username", "password"}
    for part in loaded:
        for variable in part.get("run_launcher", {}).get("config", {}).get("env_vars", []):
            name, _, value = variable.partition("=")
            assert not (value and re.search("KEY|PASSWORD|SECRET|USER", name)), variable
