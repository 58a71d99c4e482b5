"""The kernel against the row-by-row reference of `tests.oracle`, on studies nobody would write by hand.

Every column the reference computes must agree, for the shipped release and for a small one whose
shape is as awkward as the rules allow. `REGRADE_LONG=1` looks at far more studies.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import given

from mappings.loader import load_release
from pipelines.diffs.scale import compare_scales
from pipelines.grading.kernel import grade_study
from tests import oracle
from tests.small_release import small_release
from tests.strategies import Made, Terms, large_study, small_studies
from tests.studies import differences, release_rows, to_frames

RELEASES = {"shipped": load_release(), "small": small_release()}
ROWS = {name: release_rows(release) for name, release in RELEASES.items()}
TERMS = {name: Terms.of(release) for name, release in RELEASES.items()}
SEEDS = range(200 if os.environ.get("REGRADE_LONG") else 6)


def disagreements(made: Made, name: str) -> list[str]:
    checked = to_frames(made.rows)
    graded = grade_study(checked, RELEASES[name], made.manifest)
    computed = graded | compare_scales(checked, graded)
    expected = oracle.grade(made.rows, ROWS[name], made.manifest)
    expected |= oracle.compare(made.rows, expected, made.manifest)
    return differences(expected, computed)


@given(small_studies(TERMS["shipped"]))
def test_small_studies_agree_on_the_shipped_release(made: Made) -> None:
    assert disagreements(made, "shipped") == []


@given(small_studies(TERMS["small"]))
def test_small_studies_agree_on_a_release_with_every_awkward_shape(made: Made) -> None:
    assert disagreements(made, "small") == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", RELEASES)
def test_large_studies_agree(name: str, seed: int) -> None:
    assert disagreements(large_study(TERMS[name], 1000 + seed, subjects=80), name) == []


def test_a_planted_error_is_seen() -> None:
    """The comparison can fail: one changed cell of one table is reported."""
    made = large_study(TERMS["small"], 1, subjects=5)
    expected = oracle.grade(made.rows, ROWS["small"], made.manifest)
    expected["core_event_grades"][0]["low"] += 1
    graded = grade_study(to_frames(made.rows), RELEASES["small"], made.manifest)
    assert len(differences(expected, graded)) == 1
