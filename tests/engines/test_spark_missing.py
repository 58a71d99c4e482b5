"""What a user without Spark sees."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from pipelines.engines.spark import session
from pipelines.home import Home
from schemas.errors import RegradeError
from tests.end_to_end.homes import regrade
from tests.end_to_end.tiny_studies import write_tiny_study


def without_pyspark(name: str) -> object:
    return None if name == "pyspark" else find_spec(name)


def test_the_message_has_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "find_spec", without_pyspark)
    home = Home(tmp_path).ensure()
    write_tiny_study(home, "TINY")
    result = regrade(home, "run", "--engine", "spark")
    assert result.exit_code == 1
    assert "regrade: the Spark engine is not installed (pyspark" in result.output
    assert "Next: install it with: pip install" in result.output
    assert "icans-regrade[spark]" in result.output
    assert not list(home.runs.glob("TINY/*"))


def test_without_java_the_message_says_so() -> None:
    class GatewayError(Exception):
        def getCondition(self) -> str:  # noqa: N802 - Spark's name
            return "JAVA_GATEWAY_EXITED"

    with (
        pytest.raises(RegradeError, match=r"Java did not answer\. Next: install Java 17"),
        session.plain_failures(),
    ):
        raise GatewayError


def test_too_little_memory_is_named_with_what_helps() -> None:
    with (
        pytest.raises(RegradeError, match=r"ran out of memory\. Next: give more shards"),
        session.plain_failures(),
    ):
        raise RuntimeError(
            "An error occurred while calling o1.x: java.lang.OutOfMemoryError: Java heap space"
        )


def test_options_of_spark_without_spark_are_a_wrong_command_line(tmp_path: Path) -> None:
    result = regrade(Home(tmp_path), "run", "--master", "local[2]")
    assert result.exit_code == 2
    assert "--engine spark" in result.output
