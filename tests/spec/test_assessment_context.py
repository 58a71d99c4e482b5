"""Rules of the grading contract, sections 4.3 and 4.5: what bears on the cause of a moment or of a row.

Each rule lowers `low`, keeps `high` and says why; the manifest switches it. Numbers in brackets are sections
of the contract.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests import studies
from tests.spec.table import assert_events, assert_moments, assert_rows_assessed, grade

# --- 4.3 moments -------------------------------------------------------------------------------


def test_under_sedation_nobody_can_judge_consciousness() -> None:
    """[4.3.1, K-SEDATED-MOMENT] Low 0, no point, never 4; a seizure or an image can be judged."""
    assert_moments(
        """
        | items                | sedated | => | domain        | low | point | high | is_usable |
        |----------------------|---------|----|---------------|-----|-------|------|-----------|
        | arousal=unarousable  | yes     | => | consciousness | 0   |       | 4    | False     |
        | ice_total=2          | yes     | => | cognition     | 0   |       | 3    | False     |
        | astct_grade=4        | yes     | => | all           | 0   |       | 4    | False     |
        | imaging_oedema=focal | yes     | => | icp           | 3   | 3     | 3    | True      |
        """
    )


def test_a_reason_of_sedation_is_a_record_of_sedation() -> None:
    """[4.3.1] The score was not taken because the patient was sedated: the arousal beside it is no 4."""
    assert_moments(
        """
        | items                                   | => | domain        | low | point | high |
        |-----------------------------------------|----|---------------|-----|-------|------|
        | ice_total=-sedated, arousal=unarousable | => | consciousness | 0   |       | 4    |
        """
    )


@pytest.mark.parametrize(("day", "low"), [("1", 2), ("2", 0), ("4", 0), ("5", 2), ("2020-01-03T10:00", 0)])
def test_a_period_of_sedation_holds_for_the_moments_that_can_lie_in_it(day: str, low: int) -> None:
    """[4.3.1] From day 2 to day 4, whole days."""
    assert_moments(
        f"""
        | day   | items         | => | low   | high |
        |-------|---------------|----|-------|------|
        | {day} | arousal=voice | => | {low} | 2    |
        """,
        sedation=(2, 4),
    )


@pytest.mark.parametrize(
    ("relationship", "policy", "interval"),
    [
        ("not_related", "widen", "0/0/2"),
        ("not_related", "exclude", "0/0/0"),
        ("not_related", "ignore", "2/2/2"),
        ("unlikely", "widen", "0/2/2"),
        ("possible", "widen", "2/2/2"),
    ],
)
def test_a_moment_inherits_the_attribution_of_the_rows_that_can_cover_it(
    relationship: str, policy: str, interval: str
) -> None:
    """[4.3.2] Rows of the same domain; all of them must agree."""
    low, point, high = interval.split("/")
    assert_moments(
        f"""
        | items       | => | low   | point   | high   |
        |-------------|----|-------|---------|--------|
        | ice_total=5 | => | {low} | {point} | {high} |
        """,
        events=f"""
        | subject | term      | grade | relationship   | => |
        |---------|-----------|-------|----------------|----|
        | 01      | Dysphasia | 2     | {relationship} | => |
        """,
        attribution=policy,
    )


def test_another_cause_within_a_day_opens_the_bottom_of_a_moment() -> None:
    """[4.3.3] An icp moment over a haemorrhage also has point 0."""
    assert_moments(
        """
        | items                | day | => | low | point | high | review_reasons                         |
        |----------------------|-----|----|-----|-------|------|----------------------------------------|
        | ice_total=5          | 3   | => | 0   | 2     | 2    | other_cause_overlap                    |
        | imaging_oedema=focal | 3   | => | 0   | 0     | 3    | haemorrhage_overlap,other_cause_overlap |
        | ice_total=5          | 4   | => | 2   | 2     | 2    |                                        |
        """,
        events="""
        | subject | term                    | grade | => |
        |---------|-------------------------|-------|----|
        | 01      | Intracranial hemorrhage | 3     | => |
        | 02      | Intracranial hemorrhage | 3     | => |
        | 03      | Intracranial hemorrhage | 3     | => |
        """,
    )


def test_a_deficit_before_the_infusion_explains_what_is_no_worse() -> None:
    """[4.3.4, K-BASELINE-DEFICIT] The last usable moment before counts; a worse score is new."""
    assessed = """
        | subject | day | items       | => |
        |---------|-----|-------------|----|
        | 01      | -3  | ice_total=8 | => |
        | 01      | 2   | ice_total=7 | => |
        | 02      | -3  | ice_total=8 | => |
        | 02      | 2   | ice_total=6 | => |
        | 03      | -9  | ice_total=8 | => |
        | 03      | -3  | ice_total=10 | => |
        | 03      | 2   | ice_total=8 | => |
        """
    events = """
        | subject | term     | grade | => | low | high |
        |---------|----------|-------|----|-----|------|
        | 01      | Headache | 1     | => | 0   | 0    |
        | 02      | Headache | 1     | => | 0   | 0    |
        | 03      | Headache | 1     | => | 0   | 0    |
        """
    assert_rows_assessed(events, assessed)
    assert lows(assessed) == [0, 2, 1]
    assert lows(assessed, context={"baseline_deficit": False}) == [1, 2, 1]


def lows(assessed: str, **manifest: Any) -> list[int]:
    """Low of each subject's moment of day 2."""
    found = grade([], assessed=assessed, **manifest)["core_assessment_grades"]
    return found.filter(moment="2020-01-03").sort("subject_id")["low"].to_list()


def test_a_moment_is_placed_as_a_row_whose_onset_it_is() -> None:
    """[4.3.5] Before the infusion it is nothing, on its day without times partly, after the window late."""
    assert_moments(
        """
        | day     | items       | => | low | point | high | window_status   |
        |---------|-------------|----|-----|-------|------|-----------------|
        | -2      | ice_total=5 | => | 0   | 0     | 0    | before_infusion |
        | 0       | ice_total=5 | => | 0   | 2     | 2    | partly          |
        | 30      | ice_total=5 | => | 2   | 2     | 2    | inside          |
        | 31      | ice_total=5 | => | 2   | 2     | 2    | late            |
        | 2020-01 | ice_total=5 | => | 0   | 2     | 2    | partly          |
        """
    )


# --- 4.5 rows ----------------------------------------------------------------------------------

ROW = "Encephalopathy"


@pytest.mark.parametrize(
    ("cause", "switch"),
    [("Intracranial hemorrhage", "haemorrhage"), ("Stroke", "stroke"), ("Meningitis", "cns_infection")],
)
def test_other_causes_are_switched_by_the_manifest(cause: str, switch: str) -> None:
    """[4.5] On unless the manifest switches them off."""
    low = read_pair(cause)
    assert low() == 0
    assert low(context={switch: False}) == 1


def read_pair(cause: str) -> Any:
    """Low of an encephalopathy of grade 3 beside the cause, by what the manifest says."""

    def low(**manifest: Any) -> int:
        cells = [{"subject": "01", "term": ROW, "grade": "3"}, {"subject": "01", "term": cause, "grade": "3"}]
        found = grade(cells, **manifest)["core_event_grades"].filter(event_id="1")
        return int(found["low"].item())

    return low


def test_pres_counts_as_another_cause_only_where_the_manifest_says_so() -> None:
    """[4.5, K-PRES] ASTCT does not leave it out."""
    low = read_pair("Posterior reversible encephalopathy syndrome")
    assert low() == 1
    assert low(context={"pres": True}) == 0


def test_a_cause_that_the_manifest_names() -> None:
    """[4.5, K-NAMED-CAUSE] A preferred term, normalised."""
    low = read_pair("Septic shock")
    assert low() == 1
    assert low(context={"named_causes": ["SEPTIC SHOCK"]}) == 0


@pytest.mark.parametrize(
    ("term", "start", "low"),
    [
        ("Encephalopathy", -400, 0),
        ("Encephalopathy", None, 0),
        ("Encephalopathy", 1, 1),
        ("Seizure", -400, 1),
    ],
)
def test_the_same_concept_in_the_medical_history(term: str, start: int | None, low: int) -> None:
    """[4.5, K-MEDICAL-HISTORY] Unless it certainly began after the first infusion."""
    old = [studies.history(term, start)]
    for switched_on, expected in ((True, low), (False, 1)):
        assert_events(
            f"""
            | term           | grade | => | low        | point | high |
            |----------------|-------|----|------------|-------|------|
            | Encephalopathy | 3     | => | {expected} | 3     | 4    |
            """,
            histories=old,
            context={"medical_history": switched_on},
        )


def test_a_row_all_of_whose_domains_had_a_deficit_before() -> None:
    """[4.5, K-BASELINE-DEFICIT] Each domain of the row, at the last usable moment before the infusion."""
    assert_rows_assessed(
        """
        | subject | term           | grade | => | low | point | high |
        |---------|----------------|-------|----|-----|-------|------|
        | 01      | Dysphasia      | 3     | => | 0   | 3     | 3    |
        | 02      | Encephalopathy | 3     | => | 1   | 3     | 4    |
        """,
        """
        | subject | day | items       | => |
        |---------|-----|-------------|----|
        | 01      | -3  | ice_total=8 | => |
        | 02      | -3  | ice_total=8 | => |
        """,
    )
