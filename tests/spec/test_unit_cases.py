"""The cases of the reference list that need no assessment, one test each, on the shipped release.

Ids and expectations are those of `unit_cases.csv` of the grading contract; cases with ICE, CAPD,
arousal or seizure duration (A01-A05, A08, A09, A16, A17, A22) belong to assessments.
"""

from __future__ import annotations

import re
from typing import Any

import polars as pl
import pytest

from pipelines.ingest.checking import derive_population
from tests.spec.table import assert_events, grade, read_table


def headline(cells: str, **context: Any) -> dict[str, object]:
    """The subject's result over all infusions in the primary window."""
    left, _ = read_table(cells)
    found = grade(left, **context)["core_subject_grades"]
    return found.row(by_predicate=(pl.col("infusion_number") == 0) & pl.col("is_primary_window"), named=True)


def test_a06_tremor_and_myoclonus_are_not_icans() -> None:
    """0, and not missing: ASTCT footnote, tremor and myoclonus never count."""
    rows = """
    | subject | term      | grade | => | low | point | high | disposition |
    |---------|-----------|-------|----|-----|-------|------|-------------|
    | 01      | Tremor    | 3     | => | 0   | 0     | 0    | excluded    |
    | 01      | Myoclonus | 3     | => | 0   | 0     | 0    | excluded    |
    """
    assert_events(rows)
    assert headline(rows)["point"] == 0
    assert headline(rows)["outcome"] == "NOT_ICANS"


def test_a07_intracranial_haemorrhage_with_oedema_does_not_count() -> None:
    """0 for ICANS, its CTCAE grade kept: ASTCT footnote. Oedema over the haemorrhage may be its own."""
    rows = """
    | subject | term                    | grade | => | source_grade | low | point | high | review |
    |---------|-------------------------|-------|----|--------------|-----|-------|------|--------|
    | 01      | Intracranial hemorrhage | 4     | => | 4            | 0   | 0     | 0    |        |
    """
    assert_events(rows)
    assert headline(rows)["outcome"] == "NOT_ICANS"
    with_oedema = """
    | subject | term                    | grade | => | source_grade | low | point | high |
    |---------|-------------------------|-------|----|--------------|-----|-------|------|
    | 01      | Intracranial hemorrhage | 4     | => | 4            | 0   | 0     | 0    |
    | 01      | Edema cerebral          | 4     | => | 4            | 0   | 0     | 4    |
    """
    assert_events(with_oedema)
    assert headline(with_oedema)["point"] == 0


def test_a10_a_seizure_of_grade_1_goes_up() -> None:
    assert_events(
        """
        | term    | version | grade | => | low | point | high |
        |---------|---------|-------|----|-----|-------|------|
        | Seizure | 4.03    | 1     | => | 3   | 3     | 3    |
        """
    )


def test_a11_headache_anxiety_insomnia_and_dizziness_are_excluded() -> None:
    rows = """
    | subject | term      | grade | => | low | point | high | disposition |
    |---------|-----------|-------|----|-----|-------|------|-------------|
    | 01      | Headache  | 3     | => | 0   | 0     | 0    | excluded    |
    | 01      | Anxiety   | 2     | => | 0   | 0     | 0    | excluded    |
    | 01      | Insomnia  | 2     | => | 0   | 0     | 0    | excluded    |
    | 01      | Dizziness | 2     | => | 0   | 0     | 0    | excluded    |
    """
    assert_events(rows)
    assert headline(rows)["outcome"] == "NOT_ICANS"


def test_a12_sixth_nerve_palsy_is_grade_4_with_review() -> None:
    assert_events(
        """
        | term                    | grade | => | low | point | high | domains | review             |
        |-------------------------|-------|----|-----|-------|------|---------|--------------------|
        | Abducens nerve disorder | 1     | => | 4   | 4     | 4    | icp     | needs_adjudication |
        """
    )


def test_a13_seventh_nerve_palsy_never_counts() -> None:
    """0, and still neurotoxicity: it stays in the broad comparator."""
    assert_events(
        """
        | term                  | grade | => | low | point | high | disposition | is_broad |
        |-----------------------|-------|----|-----|-------|------|-------------|----------|
        | Facial nerve disorder | 3     | => | 0   | 0     | 0    | excluded    | True     |
        """
    )


def test_a14_dysphasia_v6_grade_4_is_global_aphasia_awake() -> None:
    assert_events(
        """
        | term      | version | grade | => | low | point | high |
        |-----------|---------|-------|----|-----|-------|------|
        | Dysphasia | 6.0     | 4     | => | 3   | 3     | 3    |
        """
    )


def test_a15_dysphasia_v4_has_no_grade_4() -> None:
    """A finding, the row kept: low and point of grade 3, no further than cognition alone can go."""
    assert_events(
        """
        | term      | version | grade | => | low | point | high | rule_id           | review          |
        |-----------|---------|-------|----|-----|-------|------|-------------------|-----------------|
        | Dysphasia | 4.03    | 4     | => | 2   | 3     | 3    | K-UNDEFINED-ABOVE | undefined_grade |
        """
    )


@pytest.mark.parametrize(
    ("case", "age", "delay", "population"),
    [
        ("A18: 12.0 years, able", 12.0, None, "adult"),
        ("just under 12", 11.999, None, "child"),
        ("A19: 14 years with developmental delay", 14.0, True, "child"),
        ("age not known", None, None, "unknown"),
        ("age not known, developmental delay", None, True, "child"),
    ],
)
def test_a18_a19_which_cognition_scale_applies(
    case: str, age: float | None, delay: bool | None, population: str
) -> None:
    """Adult is the ICE scale, child the CAPD scale: ASTCT, under 12 or developmental delay."""
    instant = dict.fromkeys(("birth_earliest", "birth_latest", "infusion_earliest", "infusion_latest"))
    subject = pl.DataFrame(
        [{"recorded_age": age, "has_developmental_delay": delay, **instant}],
        schema={
            "recorded_age": pl.Float64,
            "has_developmental_delay": pl.Boolean,
            **dict.fromkeys(instant, pl.Datetime("us")),
        },
    )
    assert derive_population(subject)["population"].item() == population, case


def test_a20_encephalopathy_of_grade_3_alone() -> None:
    assert_events(
        """
        | term           | version | grade | => | low | point | high | review             |
        |----------------|---------|-------|----|-----|-------|------|--------------------|
        | Encephalopathy | 4.03    | 3     | => | 1   | 3     | 4    | needs_adjudication |
        """
    )


def test_a21_the_worst_domain_is_taken_component_by_component() -> None:
    """Encephalopathy 2 with aphasia 3 on the same days."""
    found = headline(
        """
        | subject | term           | grade | => |
        |---------|----------------|-------|----|
        | 01      | Encephalopathy | 2     | => |
        | 01      | Dysphasia      | 3     | => |
        """
    )
    assert (found["low"], found["point"], found["high"]) == (2, 3, 3)


def test_a23_onset_two_days_before_infusion_is_out() -> None:
    rows = """
    | term           | grade | start | => | low | point | high | window_status   | onset_day_earliest |
    |----------------|-------|-------|----|-----|-------|------|-----------------|--------------------|
    | Encephalopathy | 3     | -2    | => | 0   | 0     | 0    | before_infusion | -2                 |
    """
    assert_events(rows)
    assert headline(rows)["outcome"] == "NOT_ICANS"


def test_a24_left_sided_weakness_is_not_dropped_for_its_class() -> None:
    """Musculoskeletal in v4.03: no filter by class."""
    assert_events(
        """
        | term                       | grade | class                                           | => | low | point | high | domains | review             |
        |----------------------------|-------|-------------------------------------------------|----|-----|-------|------|---------|--------------------|
        | Muscle weakness left-sided | 3     | Musculoskeletal and connective tissue disorders | => | 0   | 4     | 4    | motor   | needs_adjudication |
        """  # noqa: E501
    )


def test_a25_papilloedema_is_not_dropped_for_its_class() -> None:
    """Eye disorders; US and UK spelling."""
    assert_events(
        """
        | term         | grade | class         | => | low | point | high | review             |
        |--------------|-------|---------------|----|-----|-------|------|--------------------|
        | Papilledema  | 1     | Eye disorders | => | 4   | 4     | 4    | needs_adjudication |
        | PAPILLOEDEMA | 1     | Eye disorders | => | 4   | 4     | 4    | needs_adjudication |
        """
    )


def test_a26_a_fatal_intracranial_haemorrhage_is_not_icans_5() -> None:
    rows = """
    | subject | term                    | grade | fatal | => | low | point | high | disposition |
    |---------|-------------------------|-------|-------|----|-----|-------|------|-------------|
    | 01      | Intracranial hemorrhage | 5     | yes   | => | 0   | 0     | 0    | excluded    |
    """
    assert_events(rows, subject={"vital_status": "dead"})
    assert headline(rows, subject={"vital_status": "dead"})["outcome"] == "NOT_ICANS"


def test_every_case_without_assessment_is_here() -> None:
    cases = {6, 7, *range(10, 16), 18, 19, 20, 21, *range(23, 27)}
    names = [name for name in globals() if name.startswith("test_a")]
    assert {int(number) for name in names for number in re.findall(r"_a(\d\d)", name)} == cases
