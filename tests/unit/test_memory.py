"""The allocator's setting is there before polars is, and a setting of the user's stays."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pipelines.memory import VARIABLE, keep_pages

BEFORE_POLARS = """
import sys
import pipelines.cli.app, pipelines.memory
assert "polars" not in sys.modules
"""


def test_command_line_can_ask_before_polars_is_loaded() -> None:
    subprocess.run([sys.executable, "-c", BEFORE_POLARS], check=True)


def test_a_setting_of_the_user_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    keep_pages()
    asked = dict(part.split(":") for part in os.environ[VARIABLE].split(","))
    assert asked["dirty_decay_ms"] == "10000"
    assert int(asked["narenas"]) >= 2
    monkeypatch.setenv(VARIABLE, "dirty_decay_ms:0")
    keep_pages()
    assert os.environ[VARIABLE] == "dirty_decay_ms:0"
