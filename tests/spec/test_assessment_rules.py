"""Rules of the grading contract, sections 4.1 and 4.2: which items are a moment, and what they read as.

One small table each: left of `=>` the items of one moment, right of it the row of core_assessment_grades that
must come out. Numbers in brackets are sections of the contract; the subject is an adult infused on day 0.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.spec.table import assert_moments, assert_result, grade

CHILD: dict[str, Any] = {"subject": {"population": "child", "age_years": 6.0}}
UNKNOWN: dict[str, Any] = {"subject": {"population": "unknown", "age_years": None}}

# --- 4.1 moments -------------------------------------------------------------------------------


def test_items_of_the_same_day_without_a_time_are_one_moment() -> None:
    """[4.1] With a time of day each time is a moment of its own."""
    frames = grade(
        [],
        assessed="""
        | subject | day              | items         | => |
        |---------|------------------|---------------|----|
        | 01      | 2                | ice_total=8   | => |
        | 01      | 2                | arousal=alert | => |
        | 01      | 2020-01-04T08:00 | ice_total=5   | => |
        | 01      | 2020-01-04T20:00 | ice_total=9   | => |
        """,
    )
    assert_result(
        "core_assessment_grades",
        "moment",
        frames,
        """
        | => | moment              | domain        | low | point | high |
        |----|---------------------|---------------|-----|-------|------|
        | => | 2020-01-03          | cognition     | 1   | 1     | 1    |
        | => | 2020-01-03          | consciousness | 0   | 0     | 0    |
        | => | 2020-01-04T08:00:00 | cognition     | 2   | 2     | 2    |
        | => | 2020-01-04T20:00:00 | cognition     | 1   | 1     | 1    |
        """,
    )


def test_two_values_of_one_item_are_both_possible() -> None:
    """[4.1] Never averaged: their hull, without a point unless it is one grade."""
    assert_moments(
        """
        | items                              | => | domain        | low | point | high | review_reasons   |
        |------------------------------------|----|---------------|-----|-------|------|------------------|
        | ice_total=9, ice_total=7           | => | cognition     | 1   | 1     | 1    | scores_disagree  |
        | ice_total=9, ice_total=5           | => | cognition     | 1   |       | 2    | scores_disagree  |
        | arousal=alert, arousal=unarousable | => | consciousness | 0   |       | 4    | scores_disagree  |
        """
    )


def test_a_score_takes_its_arousal_from_the_moment_then_from_the_day() -> None:
    """[4.1] A day whose records disagree says nothing, nor does a sedated record."""
    table = """
        | subject | day              | items               | sedated | => |
        |---------|------------------|---------------------|---------|----|
        | 01      | 2020-01-03T08:00 | ice_total=0         |         | => |
        | 01      | 2020-01-03T20:00 | arousal=voice       |         | => |
        | 02      | 2020-01-03T08:00 | ice_total=0         |         | => |
        | 02      | 2020-01-03T20:00 | arousal=unarousable |         | => |
        | 03      | 2020-01-03T08:00 | ice_total=0         |         | => |
        | 03      | 2020-01-03T19:00 | arousal=voice       |         | => |
        | 03      | 2020-01-03T20:00 | arousal=unarousable |         | => |
        | 04      | 2020-01-03T08:00 | ice_total=0         |         | => |
        | 04      | 2020-01-03T20:00 | arousal=unarousable | yes     | => |
        """
    found = grade([], assessed=table)["core_assessment_grades"].filter(domain="cognition")
    assert found.select("subject_id", "low", "point", "high").rows() == [
        ("01", 3, 3, 3),
        ("02", 4, 4, 4),
        ("03", 3, None, 4),
        ("04", 3, None, 4),
    ]


def test_a_value_that_cannot_be_leaves_the_domain_open() -> None:
    """[4.1] ICE 12, or a text that is no value; beside another item it may have been anything."""
    assert_moments(
        """
        | items                                    | => | domain        | low | point | high | rule_id             |
        |------------------------------------------|----|---------------|-----|-------|------|---------------------|
        | ice_total=!12                            | => | cognition     | 0   |       | 4    | K-ASSESS-IMPOSSIBLE |
        | arousal=?                                | => | consciousness | 0   |       | 4    | K-ASSESS-IMPOSSIBLE |
        | astct_grade=!7                           | => | all           | 0   |       | 4    | K-ASSESS-IMPOSSIBLE |
        | motor_power_mrc=!9, focal_weakness=none  | => | motor         | 0   |       | 4    | K-MOTOR             |
        | papilloedema=?, imaging_oedema=focal     | => | icp           | 3   |       | 4    | K-ICP               |
        | motor_power_mrc=!9, focal_weakness=deep  | => | motor         | 4   | 4     | 4    | K-MOTOR             |
        | arousal=?, astct_grade=2                 | => | all           | 2   | 2     | 2    | K-BEDSIDE           |
        """  # noqa: E501
    )


def test_an_item_that_was_not_assessed_is_no_evidence() -> None:
    """[4.1] Unless the reason is that the patient could not be woken."""
    assert_moments(
        """
        | items                  | => | domain        | low | point | high | rule_id       |
        |------------------------|----|---------------|-----|-------|------|---------------|
        | ice_total=-refused     | => |               |     |       |      |               |
        | ice_total=-intubated   | => |               |     |       |      |               |
        | ice_total=-unarousable | => | cognition     | 4   | 4     | 4    | K-UNAROUSABLE |
        | arousal=-unarousable   | => | consciousness | 4   | 4     | 4    | K-AROUSAL     |
        """
    )


# --- 4.2 cognition -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("total", "interval"),
    [(10, "0/0/0"), (9, "1/1/1"), (7, "1/1/1"), (6, "2/2/2"), (3, "2/2/2"), (2, "3/3/3"), (1, "3/3/3")],
)
def test_bands_of_the_ice_total(total: int, interval: str) -> None:
    """[4.2, K-ICE] 10 = 0, 7-9 = 1, 3-6 = 2, 0-2 = 3."""
    low, point, high = interval.split("/")
    assert_moments(
        f"""
        | items             | => | domain    | low   | point   | high   | rule_id |
        |-------------------|----|-----------|-------|---------|--------|---------|
        | ice_total={total} | => | cognition | {low} | {point} | {high} | K-ICE   |
        """
    )


def test_an_ice_of_0_is_3_or_4_by_what_wakes_the_patient() -> None:
    """[4.2, K-ICE] Global aphasia if awake; unarousable is 4; not recorded leaves both."""
    assert_moments(
        """
        | items                            | => | domain    | low | point | high | review_reasons  |
        |----------------------------------|----|-----------|-----|-------|------|-----------------|
        | ice_total=0, arousal=touch       | => | cognition | 3   | 3     | 3    |                 |
        | ice_total=0, arousal=unarousable | => | cognition | 4   | 4     | 4    |                 |
        | ice_total=0                      | => | cognition | 3   |       | 4    | arousal_unknown |
        """
    )


def test_items_of_ice_give_an_interval_total() -> None:
    """[4.2, K-ICE] From the points scored to the points scored plus those not assessed."""
    assert_moments(
        """
        | items                                                                                | => | low | point | high | review_reasons  |
        |--------------------------------------------------------------------------------------|----|-----|-------|------|-----------------|
        | ice_orientation=4, ice_naming=3, ice_command=1, ice_writing=1, ice_attention=0       | => | 1   | 1     | 1    |                 |
        | ice_orientation=4, ice_naming=3, ice_command=1                                       | => | 0   |       | 1    | partial_score   |
        | ice_year=1, ice_month=1, ice_city=1, ice_hospital=0, ice_naming=3                    | => | 1   |       | 2    | partial_score   |
        | ice_orientation=4, ice_naming=3, ice_total=8                                         | => | 1   | 1     | 1    |                 |
        | ice_orientation=0, ice_naming=1, ice_command=0, ice_writing=0, ice_attention=0, ice_total=8 | => | 1   |       | 3    | scores_disagree |
        """  # noqa: E501
    )


def test_cartox_10_is_read_as_ice() -> None:
    """[4.2, K-CARTOX] Without the leader item, with the command item; each 0 or 1 where not recorded."""
    assert_moments(
        """
        | items                                          | => | domain    | low | point | high | rule_id  |
        |------------------------------------------------|----|-----------|-----|-------|------|----------|
        | cartox_total=10                                | => | cognition | 0   | 0     | 1    | K-CARTOX |
        | cartox_total=8                                 | => | cognition | 1   | 1     | 1    | K-CARTOX |
        | cartox_total=7                                 | => | cognition | 1   | 1     | 2    | K-CARTOX |
        | cartox_total=6, cartox_leader=0, ice_command=1 | => | cognition | 1   | 1     | 1    | K-CARTOX |
        | cartox_total=0, arousal=alert                  | => | cognition | 3   | 3     | 3    | K-CARTOX |
        | cartox_total=10, ice_total=5                   | => | cognition | 2   | 2     | 2    | K-ICE    |
        """
    )


def test_capd_grades_a_child_by_what_wakes_it() -> None:
    """[4.2, K-CAPD] 0 = 0; 1-8 = 1 or 2; 9 or more = 3."""
    assert_moments(
        """
        | items                             | => | domain    | low | point | high | review_reasons  |
        |-----------------------------------|----|-----------|-----|-------|------|-----------------|
        | capd_total=0, arousal=alert       | => | cognition | 0   | 0     | 0    |                 |
        | capd_total=8, arousal=spontaneous | => | cognition | 1   | 1     | 1    |                 |
        | capd_total=1, arousal=voice       | => | cognition | 2   | 2     | 2    |                 |
        | capd_total=5                      | => | cognition | 1   |       | 2    | arousal_unknown |
        | capd_total=9, arousal=alert       | => | cognition | 3   | 3     | 3    |                 |
        | capd_total=-unarousable           | => | cognition | 4   | 4     | 4    |                 |
        """,
        **CHILD,
    )


def test_unarousable_against_the_arousal_of_the_moment() -> None:
    """[4.2, K-UNAROUSABLE] The two cannot both hold: any grade stays possible."""
    assert_moments(
        """
        | items                                 | => | domain    | low | point | high | rule_id       |
        |---------------------------------------|----|-----------|-----|-------|------|---------------|
        | ice_total=-unarousable, arousal=alert | => | cognition | 0   |       | 4    | K-UNAROUSABLE |
        """
    )


def test_a_score_of_the_wrong_scale_is_no_evidence() -> None:
    """[4.2] A contradiction, not a grade: CAPD in an able adult, ICE in a child."""
    assert_moments("| items | => | domain |\n| capd_total=20 | => | |")
    assert_moments("| items | => | domain |\n| ice_total=5 | => | |", **CHILD)
    found = grade([], assessed="| items | => |\n| capd_total=20 | => |")["core_contradictions"]
    assert found["kind"].to_list() == ["scale_against_age"]


def test_a_score_at_unknown_age_may_be_of_the_wrong_scale() -> None:
    """[4.2] Point and high stay, low is 0, no day is covered; scores of both scales leave both readings."""
    assert_moments(
        """
        | items                       | => | domain    | low | point | high | is_usable | context_rules |
        |-----------------------------|----|-----------|-----|-------|------|-----------|---------------|
        | ice_total=5                 | => | cognition | 0   | 2     | 2    | False     | K-AGE-UNKNOWN |
        | capd_total=20               | => | cognition | 0   | 3     | 3    | False     | K-AGE-UNKNOWN |
        | ice_total=10, capd_total=20 | => | cognition | 0   |       | 3    | False     | K-AGE-UNKNOWN |
        """,
        **UNKNOWN,
    )


# --- 4.2 the other domains ---------------------------------------------------------------------


def test_arousal_by_the_best_response_that_wakes_the_patient() -> None:
    """[4.2, K-AROUSAL] Every healthy sleeper wakes spontaneously: 0/0/1 where no row says otherwise."""
    assert_moments(
        """
        | items               | => | domain        | low | point | high |
        |---------------------|----|---------------|-----|-------|------|
        | arousal=alert       | => | consciousness | 0   | 0     | 0    |
        | arousal=spontaneous | => | consciousness | 0   | 0     | 1    |
        | arousal=voice       | => | consciousness | 2   | 2     | 2    |
        | arousal=touch       | => | consciousness | 3   | 3     | 3    |
        | arousal=unarousable | => | consciousness | 4   | 4     | 4    |
        """
    )


def test_waking_spontaneously_is_1_where_consciousness_is_reported_as_depressed() -> None:
    """[4.2, K-AROUSAL] A row of consciousness alone that certainly covers the day."""
    assert_moments(
        """
        | items               | => | low | point | high |
        |---------------------|----|-----|-------|------|
        | arousal=spontaneous | => | 1   | 1     | 1    |
        | arousal=spontaneous | => | 0   | 0     | 1    |
        | arousal=spontaneous | => | 0   | 0     | 1    |
        """,
        events="""
        | subject | term           | grade | start | end | => |
        |---------|----------------|-------|-------|-----|----|
        | 01      | Somnolence     | 1     | 1     | 3   | => |
        | 02      | Somnolence     | 1     | 3     | 4   | => |
        | 03      | Encephalopathy | 1     | 1     | 3   | => |
        """,
    )


def test_seizure_by_duration_repetition_and_return_to_baseline() -> None:
    """[4.2, K-SEIZURE] Exactly 5 min is 3; further signs only raise; silence about repetition is none."""
    assert_moments(
        """
        | items                                                                                                           | => | low | point | high |
        |-----------------------------------------------------------------------------------------------------------------|----|-----|-------|------|
        | seizure=no                                                                                                      | => | 0   | 0     | 0    |
        | seizure=no, seizure_repetitive=no                                                                               | => | 0   | 0     | 0    |
        | seizure=yes                                                                                                     | => | 3   | 3     | 4    |
        | seizure_type=clinical_focal, seizure_duration_min=5                                                             | => | 3   | 3     | 3    |
        | seizure_type=clinical_generalised, seizure_duration_min=5.01                                                    | => | 4   | 4     | 4    |
        | seizure_type=status_epilepticus                                                                                 | => | 4   | 4     | 4    |
        | seizure_type=clinical, seizure_duration_min=1, seizure_repetitive=yes, seizure_returned_to_baseline=no          | => | 4   | 4     | 4    |
        | seizure_type=clinical, seizure_duration_min=1, seizure_repetitive=yes                                           | => | 3   |       | 4    |
        | seizure_type=clinical, seizure_duration_min=1, seizure_repetitive=yes, seizure_returned_to_baseline=yes         | => | 3   | 3     | 3    |
        | seizure_type=clinical, seizure_duration_min=1, seizure_returned_to_baseline=no                                  | => | 3   | 3     | 4    |
        | seizure_type=electrographic, seizure_resolved=yes                                                               | => | 3   | 3     | 3    |
        | seizure_type=electrographic, seizure_resolved=no                                                                | => | 3   | 4     | 4    |
        | seizure_type=electrographic                                                                                     | => | 3   | 3     | 4    |
        """  # noqa: E501
    )


def test_a_seizure_said_and_denied_leaves_the_domain_open() -> None:
    """[4.1, K-SEIZURE]"""
    assert_moments(
        """
        | items                             | => | domain  | low | point | high | review_reasons  |
        |-----------------------------------|----|---------|-----|-------|------|-----------------|
        | seizure=no, seizure_type=clinical | => | seizure | 0   |       | 4    | scores_disagree |
        """
    )


def test_motor_is_deep_focal_weakness_or_none() -> None:
    """[4.2, K-MOTOR] Power 3 or 4 is a judgement: 0/0/4 with review, where motor is 0 or 4."""
    assert_moments(
        """
        | items                   | => | domain | low | point | high | review_reasons |
        |-------------------------|----|--------|-----|-------|------|----------------|
        | focal_weakness=deep     | => | motor  | 4   | 4     | 4    |                |
        | focal_weakness=not_deep | => | motor  | 0   | 0     | 0    |                |
        | motor_power_mrc=2       | => | motor  | 4   | 4     | 4    |                |
        | motor_power_mrc=3       | => | motor  | 0   | 0     | 4    | power_3_or_4   |
        | motor_power_mrc=5       | => | motor  | 0   | 0     | 0    |                |
        """
    )


def test_pressure_signs_are_4_and_focal_oedema_is_3() -> None:
    """[4.2, K-ICP] Papilloedema of any stage, with review; none of the signs asked is 0."""
    assert_moments(
        """
        | items                                   | => | domain | low | point | high | review_reasons     |
        |-----------------------------------------|----|--------|-----|-------|------|--------------------|
        | imaging_oedema=none                     | => | icp    | 0   | 0     | 0    |                    |
        | imaging_oedema=focal                    | => | icp    | 3   | 3     | 3    |                    |
        | imaging_oedema=diffuse                  | => | icp    | 4   | 4     | 4    |                    |
        | papilloedema_stage=1                    | => | icp    | 4   | 4     | 4    | papilloedema_cause |
        | sixth_nerve_palsy=yes                   | => | icp    | 4   | 4     | 4    | papilloedema_cause |
        | posturing=decorticate                   | => | icp    | 4   | 4     | 4    |                    |
        | cushing_triad=yes, imaging_oedema=focal | => | icp    | 4   | 4     | 4    |                    |
        """
    )


def test_a_bedside_grade_stands_for_the_whole_patient() -> None:
    """[4.2, K-BEDSIDE] Grade 5 reads 4/5/5 with review; below its own items it is a contradiction."""
    assert_moments(
        """
        | items                      | => | domain | low | point | high | review_reasons    |
        |----------------------------|----|--------|-----|-------|------|-------------------|
        | astct_grade=2              | => | all    | 2   | 2     | 2    |                   |
        | astct_grade=5              | => | all    | 4   | 5     | 5    | fatal_report      |
        | astct_grade=1, ice_total=2 | => | all    | 1   | 1     | 1    | bedside_disagrees |
        """
    )
    frames = grade([], assessed="| items | => |\n| astct_grade=1, ice_total=2 | => |")
    assert frames["core_subject_grades"]["point"].to_list()[0] == 3
    assert frames["core_contradictions"]["kind"].to_list() == ["bedside_against_measured"]


def test_a_cres_grade_is_rebuilt_from_its_components() -> None:
    """[4.2, K-BEDSIDE-CRES] Never number to number; beside an item that measures it is no evidence."""
    assert_moments(
        """
        | items                                                             | => | domain  | low | point | high | rule_id        |
        |-------------------------------------------------------------------|----|---------|-----|-------|------|----------------|
        | cres_grade=0                                                      | => | all     | 0   | 0     | 1    | K-BEDSIDE-CRES |
        | cres_grade=1                                                      | => | all     | 0   | 1     | 2    | K-BEDSIDE-CRES |
        | cres_grade=2                                                      | => | all     | 1   | 2     | 3    | K-BEDSIDE-CRES |
        | cres_grade=3                                                      | => | all     | 2   | 3     | 4    | K-BEDSIDE-CRES |
        | cres_grade=4                                                      | => | all     | 0   | 4     | 4    | K-BEDSIDE-CRES |
        | cres_grade=4, seizure_type=clinical_generalised, seizure_duration_min=1 | => | seizure | 3   | 3     | 3    | K-SEIZURE      |
        | cres_grade=3, papilloedema_stage=2                                | => | icp     | 4   | 4     | 4    | K-ICP          |
        | cres_grade=4, imaging_oedema=focal                                | => | icp     | 3   | 3     | 3    | K-ICP          |
        """  # noqa: E501
    )
