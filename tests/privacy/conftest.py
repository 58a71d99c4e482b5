"""The planted study is used once; the tests look at what is left."""

from __future__ import annotations

import pytest

from tests.privacy.planted import Used, use


@pytest.fixture(scope="session")
def used(tmp_path_factory: pytest.TempPathFactory) -> Used:
    return use(tmp_path_factory.mktemp("planted"))
