"""The kernel against the row-by-row reference of `tests.oracle`, on studies nobody would write by hand.

Assessments, cytokine release rows, medical history and the switches of the manifest are in the studies.
Every column the reference computes must agree, for the shipped release, for a small one whose shape is
as awkward as the rules allow, and for that one under a private overlay and an invented dictionary.
`REGRADE_LONG=1` looks at far more studies.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given

from mappings.loader import load_release
from mappings.meddra import load_meddra
from mappings.overlay import compose_release
from mappings.overlay_file import read_overlay
from mappings.release import Release
from pipelines.diffs.scale import compare_scales
from pipelines.grading.kernel import grade_study
from schemas.registry import TABLES
from tests import oracle
from tests.overlays import concept, convention, grade, term, write_overlay
from tests.small_release import small_release
from tests.strategies import Made, Terms, large_study, small_studies
from tests.studies import differences, release_rows, to_frames

MEDASCII = Path(__file__).parents[1] / "data" / "meddra_invented" / "MedAscii"


def layered_release() -> Release:
    """The small release under an overlay that adds and overrides in every table, with a dictionary."""
    with TemporaryDirectory() as root:
        folder = write_overlay(
            Path(root),
            "lab",
            base="0.0.1",
            concepts=[concept("brain_fog"), concept("stroke", overrides="stroke", is_core="true")],
            terms=[
                term("Brain fog", "brain_fog", relation="own"),
                term("Brain fog", "brain_fog", code="90000099", relation="own"),
                term("Seizure", "seizure", code="90000098", relation="own"),
                term("CNS disorder", "encephalopathy", overrides="cns disorder:any"),
                term("Absence", "agitation", version="5.0", overrides="absence:3.0|absence:4.03"),
            ],
            grades=[
                *(grade(f"ctcae:any:brain_fog:{step}", "0n3") for step in "123"),
                grade("ctcae:4.03:seizure:1", "233", overrides="ctcae:4.03:seizure:1"),
                grade("ctcae:5.0:dysphasia:2", "012"),
                grade("ctcae:4.03:dysphasia:3:child", "133", overrides="ctcae:4.03:dysphasia:3"),
            ],
            conventions=[
                convention("any_seizure_grade_3", "brain_fog", "3", "1|2|3"),
                convention("any_seizure_grade_3", "seizure", "3", "2|3", "any_seizure_grade_3:seizure"),
            ],
        )
        overlay = read_overlay(folder)
    return compose_release(small_release(), [overlay], load_meddra(MEDASCII, "99.1"))


DICTIONARY = oracle.Dictionary.of(MEDASCII)
RELEASES = {"shipped": load_release(), "small": small_release(), "layered": layered_release()}
ROWS = {name: release_rows(release) for name, release in RELEASES.items()}
TERMS = {name: Terms.of(release) for name, release in RELEASES.items()}
LISTED = [(row[1], row[0]) for row in (*DICTIONARY.lowest, *DICTIONARY.preferred)]
TERMS["layered"] = replace(TERMS["layered"], named=(*TERMS["layered"].named, *LISTED, *LISTED))
SEEDS = range(200 if os.environ.get("REGRADE_LONG") else 6)


def disagreements(made: Made, name: str) -> list[str]:
    checked = to_frames(made.rows)
    graded = grade_study(checked, RELEASES[name], made.manifest)
    computed = graded | compare_scales(checked, graded)
    dictionary = DICTIONARY if RELEASES[name].dictionary else None
    expected = oracle.grade(made.rows, ROWS[name], made.manifest, dictionary)
    expected |= oracle.compare(made.rows, expected, made.manifest)
    contradictions = oracle.compare_contradictions(
        expected["contradictions"], computed["core_contradictions"].to_dicts()
    )
    tables = {table: rows for table, rows in expected.items() if table in TABLES}
    return differences(tables, computed) + contradictions


@given(small_studies(TERMS["shipped"]))
def test_small_studies_agree_on_the_shipped_release(made: Made) -> None:
    assert disagreements(made, "shipped") == []


@given(small_studies(TERMS["small"]))
def test_small_studies_agree_on_a_release_with_every_awkward_shape(made: Made) -> None:
    assert disagreements(made, "small") == []


@given(small_studies(TERMS["layered"]))
def test_small_studies_agree_under_an_overlay_and_a_dictionary(made: Made) -> None:
    assert disagreements(made, "layered") == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", RELEASES)
def test_large_studies_agree(name: str, seed: int) -> None:
    assert disagreements(large_study(TERMS[name], 1000 + seed, subjects=80), name) == []


def test_a_planted_error_is_seen() -> None:
    """The comparison can fail: one changed cell of one table is reported."""
    made = large_study(TERMS["small"], 1, subjects=5)
    expected = oracle.grade(made.rows, ROWS["small"], made.manifest)
    del expected["contradictions"]
    expected["core_event_grades"][0]["low"] += 1
    graded = grade_study(to_frames(made.rows), RELEASES["small"], made.manifest)
    assert len(differences(expected, graded)) == 1
