"""Rules of the grading contract, section 4.4 and 5: what assessed days do to the rows that report them.

Each test has two tables: adverse-event rows with what they give to the primary window (core_event_windows) on
the right of `=>`, and what was assessed. Numbers in brackets are sections of the contract.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from tests.spec.table import assert_result, assert_rows_assessed, assert_subjects, grade, read_table


def test_measurements_on_every_day_replace_a_row_of_cognition_and_consciousness() -> None:
    """[4.4, K-MEASURED-REPLACES] Each day in each domain; a bedside grade measures every domain."""
    assert_rows_assessed(
        """
        | subject | term           | grade | start | end | => | evidence_rule       | low | point | high |
        |---------|----------------|-------|-------|-----|----|---------------------|-----|-------|------|
        | 01      | Encephalopathy | 3     | 2     | 4   | => | K-MEASURED-REPLACES | 2   | 2     | 2    |
        | 02      | Dysphasia      | 3     | 2     | 3   | => | K-MEASURED-REPLACES | 2   | 2     | 2    |
        | 03      | Encephalopathy | 3     | 2     | 4   | => | K-MEASURED-REPLACES | 1   | 1     | 1    |
        """,
        """
        | subject | day  | items                    | => |
        |---------|------|--------------------------|----|
        | 01      | 2..3 | ice_total=8, arousal=alert | => |
        | 01      | 4    | ice_total=5, arousal=alert | => |
        | 02      | 2..3 | ice_total=4              | => |
        | 03      | 2..4 | astct_grade=1            | => |
        """,
    )


def test_measured_wins_where_it_lies_outside_everything_the_row_allows() -> None:
    """[4.4] A contradiction, reported as such: measured_below and measured_above."""
    assert_rows_assessed(
        """
        | subject | term       | grade | start | end | => | low | point | high | review_reasons                    |
        |---------|------------|-------|-------|-----|----|-----|-------|------|-----------------------------------|
        | 01      | Somnolence | 3     | 2     | 2   | => | 0   | 0     | 0    | measured_below,needs_adjudication |
        | 02      | Dysphasia  | 1     | 2     | 2   | => | 3   | 3     | 3    | measured_above                    |
        """,  # noqa: E501
        """
        | subject | day | items         | => |
        |---------|-----|---------------|----|
        | 01      | 2   | arousal=alert | => |
        | 02      | 2   | ice_total=1   | => |
        """,
    )


def test_a_scored_ice_caps_consciousness_at_2() -> None:
    """[4.4, K-ICE-CAP] The patient was awake enough to take it; by itself it is no sign of anything."""
    assert_rows_assessed(
        """
        | subject | term                              | grade | start | end | => | evidence_rule | low | point | high |
        |---------|-----------------------------------|-------|-------|-----|----|---------------|-----|-------|------|
        | 01      | Encephalopathy                    | 3     | 2     | 3   | => | K-ICE-CAP     | 1   | 1     | 2    |
        | 02      | Depressed level of consciousness  | 3     | 2     | 3   | => | K-ICE-CAP     | 2   | 2     | 2    |
        | 03      | Somnolence                        | 3     | 2     | 3   | => | K-ICE-CAP     | 0   | 2     | 2    |
        """,  # noqa: E501
        """
        | subject | day  | items       | => |
        |---------|------|-------------|----|
        | 01      | 2..3 | ice_total=9 | => |
        | 02      | 2..3 | ice_total=9 | => |
        | 03      | 2..3 | ice_total=9 | => |
        """,
    )
    assert_subjects(
        "| term | => |\n| Headache | => |",
        """
        | => | subject_id | infusion_number | low | point | high | outcome   |
        |----|------------|-----------------|-----|-------|------|-----------|
        | => | 01         | 0               | 0   | 0     | 0    | NOT_ICANS |
        | => | 01         | 1               | 0   | 0     | 0    | NOT_ICANS |
        """,
        assessed="| day | items | => |\n| 1..30 | ice_total=10 | => |",
    )


def test_negative_findings_do_not_undo_a_seizure_a_weakness_or_a_pressure_sign() -> None:
    """[4.4, K-MEASURED-DENIES] The report stays possible, it is no longer certain."""
    assert_rows_assessed(
        """
        | subject | term                       | grade | => | evidence_rule     | low | point | high |
        |---------|----------------------------|-------|----|-------------------|-----|-------|------|
        | 01      | Seizure                    | 3     | => | K-MEASURED-DENIES | 0   |       | 4    |
        | 02      | Muscle weakness left-sided | 3     | => | K-MEASURED-DENIES | 0   |       | 4    |
        | 03      | Papilledema                | 1     | => | K-MEASURED-DENIES | 0   |       | 4    |
        """,
        """
        | subject | items               | => |
        |---------|---------------------|----|
        | 01      | seizure=no          | => |
        | 02      | focal_weakness=none | => |
        | 03      | papilloedema=no     | => |
        """,
    )


def test_a_finding_that_agrees_narrows_and_one_that_cannot_hold_widens() -> None:
    """[4.4, K-MEASURED-NARROWS, K-MEASURED-DISAGREES]"""
    assert_rows_assessed(
        """
        | subject | term                       | grade | => | evidence_rule        | low | point | high |
        |---------|----------------------------|-------|----|----------------------|-----|-------|------|
        | 01      | Seizure                    | 3     | => | K-MEASURED-NARROWS   | 3   | 3     | 3    |
        | 02      | Muscle weakness left-sided | 3     | => | K-MEASURED-NARROWS   | 4   | 4     | 4    |
        | 03      | Papilledema                | 1     | => | K-MEASURED-DISAGREES | 3   |       | 4    |
        | 04      | Seizure                    | 2     | => | K-MEASURED-DISAGREES | 3   |       | 4    |
        """,
        """
        | subject | items                                         | => |
        |---------|-----------------------------------------------|----|
        | 01      | seizure_type=clinical, seizure_duration_min=2 | => |
        | 02      | motor_power_mrc=1                             | => |
        | 03      | imaging_oedema=focal                          | => |
        | 04      | seizure_type=clinical, seizure_duration_min=9 | => |
        """,
    )


def test_some_assessed_days_only_raise() -> None:
    """[4.4, K-MEASURED-RAISES] Component by component; a row is never lowered by a day in between."""
    assert_rows_assessed(
        """
        | subject | term           | grade | start | end     | => | evidence_rule     | low | point | high |
        |---------|----------------|-------|-------|---------|----|-------------------|-----|-------|------|
        | 01      | Encephalopathy | 3     | 2     | 4       | => | K-MEASURED-RAISES | 1   | 3     | 4    |
        | 02      | Dysphasia      | 1     | 2     | 4       | => | K-MEASURED-RAISES | 3   | 3     | 3    |
        | 03      | Encephalopathy | 3     | 2     | unknown | => |                   | 1   | 3     | 4    |
        | 04      | Encephalopathy | 3     | 2     | 4       | => |                   | 1   | 3     | 4    |
        """,
        """
        | subject | day  | items                      | => |
        |---------|------|----------------------------|----|
        | 01      | 2..3 | ice_total=9, arousal=alert | => |
        | 02      | 3    | ice_total=1                | => |
        | 03      | 2..9 | ice_total=9, arousal=alert | => |
        | 04      | 9    | ice_total=1                | => |
        """,
    )


def test_what_does_not_cover_a_day() -> None:
    """[4.4] Sedated, too wide, before the infusion, or only one of two domains."""
    assert_rows_assessed(
        """
        | subject | term           | grade | start            | end | => | evidence_rule     | low | point | high |
        |---------|----------------|-------|------------------|-----|----|-------------------|-----|-------|------|
        | 01      | Dysphasia      | 2     | 2                | 2   | => |                   | 1   | 2     | 3    |
        | 02      | Dysphasia      | 2     | 2                | 2   | => |                   | 1   | 2     | 3    |
        | 03      | Encephalopathy | 2     | 2                | 2   | => | K-MEASURED-RAISES | 0   | 2     | 3    |
        | 04      | Dysphasia      | 2     | 2020-01-01T12:00 | 1   | => | K-MEASURED-RAISES | 1   | 2     | 3    |
        """,  # noqa: E501
        """
        | subject | day              | items          | sedated | => |
        |---------|------------------|----------------|---------|----|
        | 01      | 2                | ice_total=9    | yes     | => |
        | 02      | 2                | ice_naming=3   |         | => |
        | 03      | 2                | arousal=alert  |         | => |
        | 04      | 2020-01-01T08:00 | ice_total=10   |         | => |
        | 04      | 1                | ice_total=10   |         | => |
        """,
        infusions=(datetime(2020, 1, 1, 10),),
    )


def test_rows_that_death_touches_and_unmapped_rows_stay_as_they_are() -> None:
    """[4.4] A death is not undone by a score; an unmapped term has no domain to measure."""
    assert_rows_assessed(
        """
        | subject | term           | grade | => | evidence_rule | low | point | high |
        |---------|----------------|-------|----|---------------|-----|-------|------|
        | 01      | Encephalopathy | 5     | => |               | 2   | 5     | 5    |
        | 02      | Zorbl syndrome | 3     | => |               | 0   |       | 4    |
        """,
        """
        | subject | items         | => |
        |---------|---------------|----|
        | 01      | astct_grade=1 | => |
        | 02      | astct_grade=1 | => |
        """,
    )


def test_a_row_leaves_the_days_on_which_it_is_measured() -> None:
    """[5] Moments give their day their interval; the other days keep what the row says, low 0."""
    frames = grade(
        read_table(
            """
            | term           | grade | start | end | => |
            |----------------|-------|-------|-----|----|
            | Encephalopathy | 2     | 2     | 5   | => |
            """
        )[0],
        assessed="""
        | day | items                      | => |
        |-----|----------------------------|----|
        | 3   | ice_total=10, arousal=alert | => |
        | 4   | ice_total=1, arousal=touch | => |
        """,
    )
    assert_result(
        "core_subject_days",
        "day",
        frames,
        """
        | => | day | study_day | low | point | high | is_assessed |
        |----|-----|-----------|-----|-------|------|-------------|
        | => | 2   | 3         | 0   | 2     | 3    | False       |
        | => | 3   | 4         | 0   | 0     | 0    | True        |
        | => | 4   | 5         | 3   | 3     | 3    | True        |
        | => | 5   | 6         | 0   | 2     | 3    | False       |
        """,
    )


def test_a_day_that_is_only_capped_leaves_a_row_2_at_most() -> None:
    """[5] 0/point/2 for a row of consciousness, 0/0/2 for one of more."""
    events = """
        | subject | term           | grade | start | end | => |
        |---------|----------------|-------|-------|-----|----|
        | 01      | Encephalopathy | 3     | 2     | 3   | => |
        | 02      | Somnolence     | 3     | 2     | 3   | => |
        """
    capped = """
        | subject | day | items        | => |
        |---------|-----|--------------|----|
        | 01      | 2   | ice_total=10 | => |
        | 02      | 2   | ice_total=10 | => |
        """
    frames = grade(read_table(events)[0], assessed=capped)
    first = frames["core_subject_days"].filter(pl.col("day") == 2).sort("subject_id")
    assert first.select("low", "point", "high").rows() == [(0, 0, 2), (0, 2, 2)]


def test_the_result_says_what_rows_alone_would_have_given() -> None:
    """[5] events_alone_*: no assessment read at all."""
    assert_subjects(
        """
        | term           | grade | start | end | => |
        |----------------|-------|-------|-----|----|
        | Encephalopathy | 3     | 2     | 4   | => |
        """,
        """
        | => | infusion_number | low | point | high | events_alone_low | events_alone_point | events_alone_high | assessments |
        |----|-----------------|-----|-------|------|------------------|--------------------|-------------------|-------------|
        | => | 0               | 2   | 2     | 2    | 1                | 3                  | 4                 | 6           |
        | => | 1               | 2   | 2     | 2    | 1                | 3                  | 4                 | 6           |
        """,  # noqa: E501
        assessed="""
        | day  | items                      | => |
        |------|----------------------------|----|
        | 2..4 | ice_total=5, arousal=alert | => |
        """,
    )
