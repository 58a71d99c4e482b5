"""Fixtures of this folder: a home that is run and published once, to be copied."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.home import Home
from tests.robustness.situations import Situation, copy_home, make_situations


@pytest.fixture(scope="session")
def changed_study(tmp_path_factory: pytest.TempPathFactory) -> Situation:
    """Two studies run and published, one of them changed since; tests work on copies."""
    (made,) = make_situations(tmp_path_factory.mktemp("changed"), ["changed study"])
    return made


@pytest.fixture
def home(changed_study: Situation, tmp_path: Path) -> Home:
    """A copy of the home in which everything is run and published."""
    return copy_home(changed_study.after, tmp_path / "home")
