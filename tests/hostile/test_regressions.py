"""Every case the fuzzing ever found, replayed: `regressions/<target>-<hash>.bin`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.fuzz.record import REGRESSIONS
from tests.hostile.fuzz.targets import BY_NAME, attempt

CASES = sorted(REGRESSIONS.glob("*.bin"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_a_case_once_found(case: Path, tmp_path: Path) -> None:
    attempt(BY_NAME[case.stem.rpartition("-")[0]], case.read_bytes(), tmp_path)


def test_there_are_cases() -> None:
    """Each of the defects below was found by fuzzing; its smallest file is kept."""
    assert {case.stem.rpartition("-")[0] for case in CASES} >= {"ages", "xpt"}
