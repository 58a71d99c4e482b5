"""Rules of the grading contract, section 3.5: causes, death, window, infusions, children.

One small table each: left of `=>` what the study records, right of it what must come out. The release
is the shipped one unless a rule needs a shape it does not have: then it is that of
`tests.small_release`. Numbers in brackets are sections of the contract.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from tests.spec.table import assert_events, assert_result, assert_subjects, grade, read_table

# --- 3.5 attribution and other causes ----------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "relationship", "low", "point", "high"),
    [
        ("widen", "not_related", 0, 0, 4),
        ("widen", "unlikely", 0, 3, 4),
        ("widen", "possible", 1, 3, 4),
        ("widen", "", 1, 3, 4),
        ("ignore", "not_related", 1, 3, 4),
        ("exclude", "not_related", 0, 0, 0),
        ("exclude", "unlikely", 0, 3, 4),
    ],
)
def test_attribution_by_the_investigator(
    policy: str, relationship: str, low: int, point: int, high: int
) -> None:
    """[3.5] Not related opens the bottom and names 0, unlikely opens the bottom; never the top."""
    assert_events(
        f"""
        | term           | grade | relationship   | => | low   | point   | high   |
        |----------------|-------|----------------|----|-------|---------|--------|
        | Encephalopathy | 3     | {relationship} | => | {low} | {point} | {high} |
        """,
        attribution=policy,
    )


def test_another_cause_on_the_same_days_opens_the_bottom() -> None:
    """[3.5] One day of slack; an open end overlaps all that follows; a row is no other cause of itself."""
    assert_events(
        """
        | subject | term                    | grade | start | end     | => | low | point | high |
        |---------|-------------------------|-------|-------|---------|----|-----|-------|------|
        | 01      | Intracranial hemorrhage | 3     | 5     | 6       | => | 0   | 0     | 0    |
        | 01      | Encephalopathy          | 3     | 7     | 8       | => | 0   | 3     | 4    |
        | 02      | Intracranial hemorrhage | 3     | 5     | 6       | => | 0   | 0     | 0    |
        | 02      | Encephalopathy          | 3     | 8     | 9       | => | 1   | 3     | 4    |
        | 03      | Meningitis              | 3     | 5     | unknown | => | 0   | 0     | 4    |
        | 03      | Seizure                 | 3     | 20    | 20      | => | 0   | 3     | 4    |
        """
    )


def test_a_pressure_sign_over_a_haemorrhage_is_the_haemorrhage() -> None:
    """[3.5, 2] ASTCT leaves out haemorrhage with its oedema; a stroke takes only the low."""
    assert_events(
        """
        | subject | term                    | grade | => | low | point | high | review                                                  |
        |---------|-------------------------|-------|----|-----|-------|------|---------------------------------------------------------|
        | 01      | Intracranial hemorrhage | 4     | => | 0   | 0     | 0    |                                                         |
        | 01      | Edema cerebral          | 4     | => | 0   | 0     | 4    | haemorrhage_overlap,needs_adjudication,other_cause_overlap |
        | 02      | Stroke                  | 3     | => | 0   | 0     | 4    | needs_adjudication                                      |
        | 02      | Edema cerebral          | 4     | => | 0   | 4     | 4    | needs_adjudication,other_cause_overlap                  |
        """  # noqa: E501
    )


def test_a_cause_of_grade_0_is_no_cause() -> None:
    """[3.5, 5]"""
    assert_events(
        """
        | subject | term                    | grade | => | low | point | high | disposition        |
        |---------|-------------------------|-------|----|-----|-------|------|--------------------|
        | 01      | Intracranial hemorrhage | 0     | => | 0   | 0     | 0    | no_event           |
        | 01      | Encephalopathy          | 3     | => | 1   | 3     | 4    | needs_adjudication |
        """
    )


def test_sedation_on_every_day_makes_consciousness_unjudgeable() -> None:
    """[3.5] Low 0, no point; a seizure can be seen under sedation, and one free day is enough to judge."""
    assert_events(
        """
        | term           | grade | start | end | => | low | point | high | context_rules |
        |----------------|-------|-------|-----|----|-----|-------|------|---------------|
        | Encephalopathy | 4     | 3     | 5   | => | 0   |       | 4    | K-SEDATION    |
        | Encephalopathy | 4     | 3     | 6   | => | 2   | 4     | 4    |               |
        | Seizure        | 3     | 3     | 5   | => | 3   | 3     | 4    |               |
        """,
        sedation=(3, 5),
    )


# --- 3.5 death ---------------------------------------------------------------------------------


def test_a_fatal_row_is_a_report_for_a_person() -> None:
    """[3.5, 2] ICANS 5 is only ever a high and a point, with review; it lifts no excluded term."""
    assert_events(
        """
        | term                    | grade | => | low | point | high | review       |
        |-------------------------|-------|----|-----|-------|------|--------------|
        | Encephalopathy          | 5     | => | 2   | 5     | 5    | fatal_report |
        | Intracranial hemorrhage | 5     | => | 0   | 0     | 0    |              |
        """,
        subject={"vital_status": "dead"},
    )


def test_grade_5_of_somebody_alive_is_a_contradiction() -> None:
    """[3.5]"""
    assert_events(
        """
        | term           | grade | => | low | point | high | context_rules         |
        |----------------|-------|----|-----|-------|------|-----------------------|
        | Encephalopathy | 5     | => | 0   |       | 4    | K-DEATH-CONTRADICTION |
        | Headache       | 5     | => | 0   | 0     | 0    |                       |
        """,
        subject={"vital_status": "alive"},
    )


def test_a_fatal_outcome_below_grade_5_opens_5() -> None:
    """[3.5] The point stays; excluded and out-of-scope terms stay 0."""
    assert_events(
        """
        | term           | grade | fatal | class                      | => | low | point | high |
        |----------------|-------|-------|----------------------------|----|-----|-------|------|
        | Encephalopathy | 3     | yes   |                            | => | 1   | 3     | 5    |
        | Tremor         | 3     | yes   |                            | => | 0   | 0     | 0    |
        | Zorbl          | 4     | yes   | Gastrointestinal disorders | => | 0   | 0     | 0    |
        """
    )


# --- 3.5 window and infusions ------------------------------------------------------------------


def test_the_window_runs_from_day_0_to_its_last_day() -> None:
    """[3.5] A late row is kept, marked, and counts in no window that ends before its onset."""
    text = """
        | term           | grade | start      | => | low | point | high | window_status   |
        |----------------|-------|------------|----|-----|-------|------|-----------------|
        | Encephalopathy | 3     | -1         | => | 0   | 0     | 0    | before_infusion |
        | Encephalopathy | 3     | 0          | => | 0   | 3     | 4    | partly          |
        | Encephalopathy | 3     | 1          | => | 1   | 3     | 4    | inside          |
        | Encephalopathy | 3     | 30         | => | 1   | 3     | 4    | inside          |
        | Encephalopathy | 3     | 31         | => | 1   | 3     | 4    | late            |
        """
    assert_events(text)
    counted = grade(read_table(text)[0])["core_subject_grades"].filter(pl.col("infusion_number") == 0)
    by_window = {
        window: counted.filter(pl.col("window_days") == window).sort("subject_id")["high"].to_list()
        for window in (30, 56)
    }
    assert by_window == {30: [0, 4, 4, 4, 0], 56: [0, 4, 4, 4, 4]}


def test_a_partial_date_is_the_range_of_days_it_can_be() -> None:
    """[3.5] Wholly inside is certain; partly gives low 0 and keeps the point; the end bounds the onset."""
    assert_events(
        """
        | term           | grade | start   | end     | => | low | point | window_status   |
        |----------------|-------|---------|---------|----|-----|-------|-----------------|
        | Encephalopathy | 3     | 2020-01 | unknown | => | 1   | 3     | inside          |
        | Encephalopathy | 3     | 2020    | 20      | => | 1   | 3     | inside          |
        | Encephalopathy | 3     | 2020    | 40      | => | 0   | 3     | partly          |
        | Encephalopathy | 3     | unknown | 20      | => | 0   | 3     | partly          |
        | Encephalopathy | 3     | 2020-02 | unknown | => | 1   | 3     | late            |
        | Encephalopathy | 3     | 2019-11 | unknown | => | 0   | 0     | before_infusion |
        | Encephalopathy | 3     | unknown | -9      | => | 0   | 0     | before_infusion |
        """,
        infusions=(-1,),
        windows={"primary_days": 31},
    )


def test_times_settle_the_day_of_infusion() -> None:
    """[3.5] Onset on the infusion day is partly only as long as the times leave it open."""
    assert_events(
        """
        | term           | grade | start            | end | => | low | window_status   |
        |----------------|-------|------------------|-----|----|-----|-----------------|
        | Encephalopathy | 3     | 2020-01-01T12:00 | 2   | => | 1   | inside          |
        | Encephalopathy | 3     | 2020-01-01T08:00 | 2   | => | 0   | before_infusion |
        | Encephalopathy | 3     | 0                | 2   | => | 0   | partly          |
        """,
        infusions=(datetime(2020, 1, 1, 10),),
    )


def test_an_event_belongs_to_the_latest_infusion_it_can_follow() -> None:
    """[3.5] Each infusion restarts day 0; a date that leaves two possible is partly in each."""
    frames = grade(
        read_table(
            """
            | term           | grade | start   | end     | => |
            |----------------|-------|---------|---------|----|
            | Encephalopathy | 3     | 5       | 5       | => |
            | Encephalopathy | 3     | 25      | 25      | => |
            | Encephalopathy | 3     | 20      | 20      | => |
            | Encephalopathy | 3     | 2020-01 | unknown | => |
            """
        )[0],
        infusions=(0, 20),
        windows={"primary_days": 30, "sensitivity_days": []},
    )
    assert_result(
        "core_event_windows",
        "subject_id",
        {"core_event_windows": frames["core_event_windows"].sort("infusion_number")},
        """
        | => | subject_id | infusion_number | window_status | low | point | high |
        |----|------------|-----------------|---------------|-----|-------|------|
        | => | 01         | 1               | inside        | 1   | 3     | 4    |
        | => | 02         | 2               | inside        | 1   | 3     | 4    |
        | => | 03         | 1               | partly        | 0   | 3     | 4    |
        | => | 03         | 2               | partly        | 0   | 3     | 4    |
        | => | 04         | 1               | partly        | 0   | 3     | 4    |
        | => | 04         | 2               | partly        | 0   | 3     | 4    |
        """,
    )


def test_without_an_infusion_date_nobody_can_be_evaluated() -> None:
    """[3.5, 5] The rows keep point and high; the subject is NOT_EVALUABLE."""
    text = """
        | term           | grade | => | low | point | high | window_status    |
        |----------------|-------|----|-----|-------|------|------------------|
        | Encephalopathy | 3     | => | 0   | 3     | 4    | no_infusion_date |
        """
    assert_events(text, infusions=(None,))
    wanted = """
        | => | infusion_number | low | point | high | outcome       |
        | => | 0               | 0   | 3     | 4    | NOT_EVALUABLE |
        """
    assert_subjects(text, wanted, infusions=(None,))


# --- 3.5 children ------------------------------------------------------------------------------


@pytest.mark.parametrize(("population", "high"), [("adult", 0), ("child", 3), ("unknown", 3)])
def test_capd_items_go_to_review_under_twelve(population: str, high: int) -> None:
    """[3.5] Restlessness is a CAPD item and psychosis marks delirium: excluded only where ICE applies."""
    point = 0 if population == "adult" else ""
    assert_events(
        f"""
        | term         | grade | => | low | point   | high   |
        |--------------|-------|----|-----|---------|--------|
        | Restlessness | 2     | => | 0   | {point} | {high} |
        """,
        subject={"population": population},
    )


def test_delirium_of_a_child_is_open_to_3() -> None:
    """[3.5] CAPD 9 is where delirium begins."""
    assert_events(
        """
        | term           | grade | => | high |
        |----------------|-------|----|------|
        | Encephalopathy | 1     | => | 3    |
        | Delirium       | 1     | => | 3    |
        """,
        subject={"population": "child"},
    )
