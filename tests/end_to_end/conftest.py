"""Fixtures that several end-to-end test files share."""

from __future__ import annotations

import pytest

from pipelines.home import Home
from pipelines.stages import run_study
from tests.end_to_end.homes import SHIPPED, home_with
from warehouse.publisher import publish


@pytest.fixture(scope="session")
def shipped_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Both shipped studies, run and published; tests leave it as they found it."""
    home = home_with(tmp_path_factory.mktemp("shipped"), SHIPPED / "CART-DEMO", SHIPPED / "CDISCPILOT01")
    for study in home.studies():
        assert run_study(home, study).created
    publish(home)
    return home
