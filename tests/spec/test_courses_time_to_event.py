"""Time to ICANS, to grade 3 and to resolution, from rows of a study through the whole kernel.

Left of `=>` an adverse-event row after an infusion on 2020-01-01, right of it core_time_to_event.
Encephalopathy of CTCAE 4.03 grade 3 is 1/3/4, grade 2 is 0/2/3.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from tests import studies
from tests.spec.course_rows import grade_rows
from tests.spec.table import assert_rows, read_table


def waiting(frames: dict[str, pl.DataFrame], parameter: str) -> pl.DataFrame:
    return frames["core_time_to_event"].filter(pl.col("parameter") == parameter)


def assert_waiting(text: str, wanted: str, parameter: str, **context: Any) -> None:
    rows = waiting(grade_rows(read_table(text)[0], **context), parameter)
    assert_rows(rows.to_dicts(), read_table(wanted)[1])


def test_low_is_the_last_day_by_which_it_is_certain_and_high_the_first_possible_one() -> None:
    """A row of several days reached its low on one of them; a row that may lie outside has no low."""
    text = """
        | subject | term           | grade | start   | end | => |
        |---------|----------------|-------|---------|-----|----|
        | 01      | Encephalopathy | 3     | 3       | 8   | => |
        | 01      | Encephalopathy | 3     | 5       | 6   | => |
        | 02      | Encephalopathy | 3     | 0       | 4   | => |
        | 03      | Tremor         | 1     | 2       | 2   | => |
    """
    assert_waiting(
        text,
        """
        | => | subject_id | estimate | start_day | day | study_day | waiting_days | is_event | censoring_reason |
        |----|------------|----------|-----------|-----|-----------|--------------|----------|------------------|
        | => | 01         | high     | 0         | 3   | 4         | 3            | True     |                  |
        | => | 01         | low      | 0         | 6   | 7         | 6            | True     |                  |
        | => | 01         | point    | 0         | 3   | 4         | 3            | True     |                  |
        | => | 02         | high     | 0         | 0   | 1         | 0            | True     |                  |
        | => | 02         | low      | 0         | 56  | 57        | 56           | False    | window_end       |
        | => | 02         | point    | 0         | 0   | 1         | 0            | True     |                  |
        | => | 03         | high     | 0         | 56  | 57        | 56           | False    | window_end       |
        | => | 03         | low      | 0         | 56  | 57        | 56           | False    | window_end       |
        | => | 03         | point    | 0         | 56  | 57        | 56           | False    | window_end       |
        """,  # noqa: E501
        "ICANS_ANY",
    )


def test_grade_3_is_reached_later_or_never() -> None:
    assert_waiting(
        """
        | subject | term           | grade | start | end | => |
        |---------|----------------|-------|-------|-----|----|
        | 01      | Encephalopathy | 1     | 3     | 4   | => |
        | 01      | Encephalopathy | 3     | 5     | 6   | => |
        """,
        """
        | => | estimate | day | is_event | censoring_reason |
        |----|----------|-----|----------|------------------|
        | => | high     | 5   | True     |                  |
        | => | low      | 56  | False    | window_end       |
        | => | point    | 5   | True     |                  |
        """,
        "ICANS_GRADE_3",
    )


def test_an_assessment_gives_the_certain_day() -> None:
    """ICE 2 on day 4 is grade 3 on that day, whatever the row of days 3 to 8 leaves open."""
    frames = grade_rows(
        [{"subject": "01", "term": "Encephalopathy", "grade": "3", "start": "3", "end": "8"}],
        assessments=[studies.assessment("ice_total", 2, 4)],
    )
    for parameter in ("ICANS_ANY", "ICANS_GRADE_3"):
        rows = waiting(frames, parameter).filter(pl.col("estimate") == "low")
        assert rows.select("day", "is_event").rows() == [(4, True)]


@pytest.mark.parametrize(
    ("context", "day", "reason"),
    [
        ({}, 56, "window_end"),
        ({"data_cutoff": date(2020, 1, 21)}, 20, "data_cutoff"),
        ({"subjects": {"01": {"death_latest": studies.instants(10)[1]}}}, 10, "death"),
        (
            {
                "subjects": {"01": {"death_latest": studies.instants(20)[1]}},
                "data_cutoff": date(2020, 1, 21),
            },
            20,
            "death",
        ),
        ({"infusions": {"01": (0, 30)}}, 30, "next_infusion"),
        ({"infusions": {"01": (0, 20)}, "data_cutoff": date(2020, 1, 21)}, 20, "data_cutoff"),
        ({"infusions": {"01": (0, 56)}}, 56, "next_infusion"),
        ({"infusions": {"01": (0, None)}}, 56, "window_end"),
        ({"windows": {"primary_days": 30, "sensitivity_days": []}}, 30, "window_end"),
        ({"data_cutoff": date(2019, 12, 1)}, 0, "data_cutoff"),
    ],
)
def test_without_an_event_the_subject_is_censored_at_the_earliest_end(
    context: dict[str, Any], day: int, reason: str
) -> None:
    """Death, data cut, next infusion, window end; in that order where days are equal."""
    frames = grade_rows([], **{"subjects": {"01": {}}, **context})
    found = waiting(frames, "ICANS_ANY").select("day", "is_event", "censoring_reason", "is_imputed")
    assert set(found.rows()) == {(day, False, reason, False)}


def test_onsets_after_the_second_infusion_count_from_that_one() -> None:
    """The first infusion is censored there; nothing is counted twice."""
    assert_waiting(
        """
        | subject | term           | grade | start | end | => |
        |---------|----------------|-------|-------|-----|----|
        | 01      | Encephalopathy | 3     | 32    | 32  | => |
        """,
        """
        | => | estimate | day | is_event | censoring_reason |
        |----|----------|-----|----------|------------------|
        | => | high     | 30  | False    | next_infusion    |
        | => | low      | 30  | False    | next_infusion    |
        | => | point    | 30  | False    | next_infusion    |
        """,
        "ICANS_ANY",
        infusions={"01": (0, 30)},
    )


def test_a_partial_onset_has_no_certain_day_and_its_imputed_one_is_flagged() -> None:
    """Low stays open, high is the first possible day. A certain day is not imputed."""
    text = """
        | subject | term               | grade | start      | end        | => |
        |---------|--------------------|-------|------------|------------|----|
        | 01      | Encephalopathy     | 3     | 2020-01    | 2020-01-20 | => |
        | 02      | Encephalopathy     | 3     | 2020-01    | 2020-01-20 | => |
        | 02      | Status epilepticus | 4     | 2020-01-01 | 2020-01-01 | => |
        | 03      | Encephalopathy     | 3     | unknown    | 2020-01-20 | => |
    """
    assert_waiting(
        text,
        """
        | => | subject_id | estimate | day | is_event | is_imputed |
        |----|------------|----------|-----|----------|------------|
        | => | 01         | high     | 0   | True     | False      |
        | => | 01         | low      | 56  | False    | False      |
        | => | 01         | point    | 0   | True     | True       |
        | => | 02         | high     | 0   | True     | False      |
        | => | 02         | low      | 56  | False    | False      |
        | => | 02         | point    | 0   | True     | False      |
        | => | 03         | high     | 0   | True     | False      |
        | => | 03         | low      | 56  | False    | False      |
        | => | 03         | point    | 19  | True     | False      |
        """,
        "ICANS_ANY",
    )


def test_a_partial_infusion_date_makes_the_day_an_imputed_one() -> None:
    """Days count from the first day the infusion can have been."""
    infusion = (date(2020, 1, 1), date(2020, 1, 3))
    frames = grade_rows(
        [{"subject": "01", "term": "Encephalopathy", "grade": "3", "start": "2020-01-06"}],
        infusions={"01": (infusion,)},
    )
    found = waiting(frames, "ICANS_ANY").select("estimate", "day", "is_event", "is_imputed")
    assert found.rows() == [("high", 3, True, False), ("low", 5, True, False), ("point", 5, True, True)]


def test_resolution_is_the_day_after_the_last_one_from_the_first() -> None:
    """Low: certain ICANS, after its last possible day; high: after the last certain day, else the first."""
    assert_waiting(
        """
        | subject | term           | grade | start | end     | ongoing | => |
        |---------|----------------|-------|-------|---------|---------|----|
        | 01      | Encephalopathy | 3     | 3     | 8       |         | => |
        | 02      | Encephalopathy | 2     | 3     | unknown | yes     | => |
        | 03      | Tremor         | 2     | 3     | 4       |         | => |
        | 04      | Encephalopathy | 3     | 3     | 3       |         | => |
        | 04      | Encephalopathy | 3     | 9     | 9       |         | => |
        | 05      | Encephalopathy | 2     | 3     | unknown |         | => |
        """,
        """
        | => | subject_id | estimate | start_day | day | waiting_days | is_event | censoring_reason |
        |----|------------|----------|-----------|-----|--------------|----------|------------------|
        | => | 01         | high     | 3         | 4   | 1            | True     |                  |
        | => | 01         | low      | 3         | 9   | 6            | True     |                  |
        | => | 01         | point    | 3         | 9   | 6            | True     |                  |
        | => | 02         | high     | 3         | 4   | 1            | True     |                  |
        | => | 02         | low      | 0         | 0   | 0            | False    | no_onset         |
        | => | 02         | point    | 3         | 56  | 53           | False    | window_end       |
        | => | 03         | high     | 0         | 0   | 0            | False    | no_onset         |
        | => | 03         | low      | 0         | 0   | 0            | False    | no_onset         |
        | => | 03         | point    | 0         | 0   | 0            | False    | no_onset         |
        | => | 04         | high     | 3         | 10  | 7            | True     |                  |
        | => | 04         | low      | 3         | 10  | 7            | True     |                  |
        | => | 04         | point    | 3         | 10  | 7            | True     |                  |
        | => | 05         | high     | 3         | 4   | 1            | True     |                  |
        | => | 05         | low      | 0         | 0   | 0            | False    | no_onset         |
        | => | 05         | point    | 3         | 4   | 1            | True     |                  |
        """,
        "ICANS_RESOLUTION",
    )


def test_resolution_by_point_uses_imputed_ends_and_says_so() -> None:
    """A partial end is its last possible day; by the certain days alone the course would end early."""
    assert_waiting(
        """
        | subject | term           | grade | start      | end        | => |
        |---------|----------------|-------|------------|------------|----|
        | 01      | Encephalopathy | 3     | 2020-01-04 | 2020-01    | => |
        | 02      | Encephalopathy | 3     | 2020-01    | 2020-01-20 | => |
        """,
        """
        | => | subject_id | estimate | start_day | day | is_event | is_imputed |
        |----|------------|----------|-----------|-----|----------|------------|
        | => | 01         | high     | 3         | 4   | True     | False      |
        | => | 01         | low      | 3         | 31  | True     | False      |
        | => | 01         | point    | 3         | 31  | True     | True       |
        | => | 02         | high     | 0         | 1   | True     | False      |
        | => | 02         | low      | 0         | 0   | False    | False      |
        | => | 02         | point    | 0         | 20  | True     | True       |
        """,
        "ICANS_RESOLUTION",
    )


def test_only_subjects_with_a_dated_infusion_are_followed() -> None:
    frames = grade_rows(
        [],
        subjects={"01": {}, "02": {}, "03": {"is_infused": False}},
        infusions={"01": (0,), "02": (None,)},
    )
    assert frames["core_time_to_event"].select("subject_id", "parameter").unique().height == 3
    assert set(frames["core_time_to_event"]["subject_id"]) == {"01"}
