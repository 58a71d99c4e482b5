"""Fixtures that several end-to-end test files share."""

from __future__ import annotations

import pytest

from pipelines.cli.running import publish_with_comparisons
from pipelines.home import Home
from pipelines.stages import run_study
from tests.end_to_end.added_terms import NEW, STUDY, added
from tests.end_to_end.homes import SHIPPED, home_with, regrade


@pytest.fixture(scope="session")
def shipped_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Both shipped studies, run and published; tests leave it as they found it."""
    home = home_with(tmp_path_factory.mktemp("shipped"), SHIPPED / "CART-DEMO", SHIPPED / "CDISCPILOT01")
    for study in home.studies():
        assert run_study(home, study).created
    publish_with_comparisons(home)  # as the commands do
    return home


@pytest.fixture(scope="session")
def two_releases(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One study that stands on 1.0.0, run under 1.1.0 too; tests leave it as they found it."""
    home = Home(tmp_path_factory.mktemp("releases")).ensure()
    added(home)
    assert regrade(home, "run").exit_code == 0
    result = regrade(home, "run", "--release", NEW, STUDY)
    assert result.exit_code == 0, result.output
    assert "kept beside the current run" in result.output
    return home
