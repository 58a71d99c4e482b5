"""The reference cases of the grading contract, one test or more each, on the shipped release.

Ids, inputs and expectations are those of `tests/data/unit_cases.csv`.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.ingest.populations import derive_population
from tests.spec.table import assert_events, assert_moments, assert_rows, grade, read_table

CASES = Path(__file__).parents[1] / "data" / "unit_cases.csv"
CHILD: dict[str, Any] = {"subject": {"population": "child", "age_years": 6.0}}


def headline(cells: str, **context: Any) -> dict[str, object]:
    """The subject's result over all infusions in the primary window."""
    left, _ = read_table(cells)
    found = grade(left, **context)["core_subject_grades"]
    return found.row(by_predicate=(pl.col("infusion_number") == 0) & pl.col("is_primary_window"), named=True)


def assert_patient(text: str, **context: Any) -> None:
    """Each row is a subject of whom only this is recorded, and its result over all infusions."""
    left, right = read_table(text)
    rows = [f"| {number:02d} | {cells['items']} | => |" for number, cells in enumerate(left, start=1)]
    assessed = "\n".join(["| subject | items | => |", *rows])
    found = grade([], assessed=assessed, **context)["core_subject_grades"]
    headlines = found.filter((pl.col("infusion_number") == 0) & pl.col("is_primary_window"))
    assert_rows(headlines.sort("subject_id").to_dicts(), right, left)


def test_a01_ice_3_with_a_brief_generalised_seizure() -> None:
    """The worst domain: cognition 2, seizure 3. Worked example of ASTCT 2019."""
    assert_patient(
        """
        | items                                                                  | => | low | point | high |
        |------------------------------------------------------------------------|----|-----|-------|------|
        | ice_total=3, seizure_type=clinical_generalised, seizure_duration_min=1 | => | 3   | 3     | 3    |
        """
    )


def test_a02_ice_0_awake_is_global_aphasia() -> None:
    assert_patient(
        """
        | items                      | => | low | point | high |
        |----------------------------|----|-----|-------|------|
        | ice_total=0, arousal=alert | => | 3   | 3     | 3    |
        """
    )


def test_a03_ice_0_unarousable() -> None:
    """Entered as 0, or not done because the patient could not be woken."""
    assert_patient(
        """
        | items                                       | => | low | point | high |
        |---------------------------------------------|----|-----|-------|------|
        | ice_total=0, arousal=unarousable            | => | 4   | 4     | 4    |
        | ice_total=-unarousable, arousal=unarousable | => | 4   | 4     | 4    |
        """
    )


def test_a04_ice_10_and_nothing_else() -> None:
    assert_patient(
        """
        | items        | => | low | point | high | outcome   |
        |--------------|----|-----|-------|------|-----------|
        | ice_total=10 | => | 0   | 0     | 0    | NOT_ICANS |
        """
    )


def test_a05_boundaries_of_ice() -> None:
    assert_patient(
        """
        | items       | => | low | point | high |
        |-------------|----|-----|-------|------|
        | ice_total=7 | => | 1   | 1     | 1    |
        | ice_total=6 | => | 2   | 2     | 2    |
        | ice_total=3 | => | 2   | 2     | 2    |
        | ice_total=2 | => | 3   | 3     | 3    |
        """
    )


def test_a08_a09_a_seizure_of_6_min_and_one_of_exactly_5_min() -> None:
    """Longer than 5 min is 4; exactly 5 min is 3."""
    assert_patient(
        """
        | items                                         | => | low | point | high |
        |-----------------------------------------------|----|-----|-------|------|
        | seizure_type=clinical, seizure_duration_min=6 | => | 4   | 4     | 4    |
        | seizure_type=clinical, seizure_duration_min=5 | => | 3   | 3     | 3    |
        """
    )


def test_a16_a17_children_by_capd_and_what_wakes_them() -> None:
    """CAPD 10 is 3 although the child wakes spontaneously; CTCAE v6 would not say so."""
    assert_patient(
        """
        | items                              | => | low | point | high |
        |------------------------------------|----|-----|-------|------|
        | capd_total=10, arousal=spontaneous | => | 3   | 3     | 3    |
        | capd_total=5, arousal=voice        | => | 2   | 2     | 2    |
        """,
        **CHILD,
    )


def test_a22_unarousable_on_propofol_is_never_4_by_itself() -> None:
    """Not assessable: nothing is certain, a person looks."""
    assert_moments(
        """
        | items               | sedated | => | low | point | high | review_reasons     |
        |---------------------|---------|----|-----|-------|------|--------------------|
        | arousal=unarousable | yes     | => | 0   |       | 4    | sedated_assessment |
        """
    )
    assert_moments(
        """
        | items               | => | low | point | high | review_reasons     |
        |---------------------|----|-----|-------|------|--------------------|
        | arousal=unarousable | => | 0   |       | 4    | sedated_assessment |
        """,
        sedation=(1, 5),
    )


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
    """Adult is the ICE scale, child the CAPD scale: under 12 at the infusion, or developmental delay."""
    instant = dict.fromkeys(("birth_earliest", "birth_latest", "infusion_earliest", "infusion_latest"))
    group: dict[str, float | None] = {"age_group_lowest": None, "age_group_highest": None}
    subject = pl.DataFrame(
        [{"recorded_age": age, "has_developmental_delay": delay, **group, **instant}],
        schema={
            "recorded_age": pl.Float64,
            "has_developmental_delay": pl.Boolean,
            **dict.fromkeys(group, pl.Float64),
            **dict.fromkeys(instant, pl.Datetime("us")),
        },
    )
    assert derive_population(subject, "infusion")["population"].item() == population, case


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


def test_every_case_of_the_list_has_a_test() -> None:
    with CASES.open(encoding="utf-8", newline="") as file:
        listed = {row["id"] for row in csv.DictReader(file)}
    names = [name for name in globals() if name.startswith("test_a")]
    assert {f"A{number}" for name in names for number in re.findall(r"_a(\d\d)", name)} == listed
    assert len(listed) == 26
