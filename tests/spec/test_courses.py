"""Courses: onset, peak, duration, resolution, recurrences by low, point and high; CRS; the summary.

Left of `=>` the days of a subject as low/point/high, right of it the row of core_subject_courses.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from pipelines.grading.course_summaries import derive_course_summary, derive_subject_courses
from pipelines.grading.courses import combine_episodes, derive_episode_spans
from pipelines.grading.event_dates import mark_imputed
from schemas.courses import CoreCourseSummary, CoreSubjectCourses
from schemas.results import CoreEpisodes
from tests import studies
from tests.spec.course_rows import days_of, grade_rows, spans_of
from tests.spec.table import assert_rows, read_table

NO_SPANS = spans_of()


def courses_of(
    cells: list[studies.Row],
    estimate: str | None = None,
    crs: pl.DataFrame = NO_SPANS,
    imputed: pl.DataFrame = NO_SPANS,
    death: Any = None,
    **manifest: Any,
) -> pl.DataFrame:
    """core_subject_courses of subjects infused on 2020-01-01."""
    names = [row["subject"] for row in cells]
    died = studies.instants(death)
    rows = studies.study(
        [],
        [studies.subject(name, death_earliest=died[0], death_latest=died[1]) for name in names],
        [studies.infusion(subject=name) for name in names],
    )
    checked = studies.to_frames(rows)
    found = CoreSubjectCourses.require(
        derive_subject_courses(
            days_of({row["subject"]: row["days"] for row in cells}),
            crs,
            imputed,
            checked["core_infusions"],
            checked["core_subjects"],
            studies.manifest(**manifest),
        )
    )
    return found if estimate is None else found.filter(pl.col("estimate") == estimate)


def assert_courses(text: str, estimate: str | None = None, **context: Any) -> None:
    left, right = read_table(text)
    assert_rows(courses_of(left, estimate, **context).to_dicts(), right, left)


def test_a_course_is_read_off_the_days_by_point() -> None:
    """Onset, first day of the peak, last day; both day counts; resolved on the day after the last one."""
    assert_courses(
        """
        | subject | days                                   | => | onset_day | onset_study_day | peak_grade | peak_day | last_day | duration_days | resolution_day | is_unresolved |
        |---------|----------------------------------------|----|-----------|-----------------|------------|----------|----------|---------------|----------------|---------------|
        | 01      | 3=0/2/3 4=0/3/4 5=0/3/3 6=0/1/2        | => | 3         | 4               | 3          | 4        | 6        | 4             | 7              | False         |
        | 02      | 3=0/0/2 4=0/-/4                        | => |           |                 | 0          |          |          |               |                |               |
        | 03      |                                        | => |           |                 | 0          |          |          |               |                |               |
        | 04      | 0=1/1/1 56=1/1/1                       | => | 0         | 1               | 1          | 0        | 56       | 57            |                | True          |
        """,  # noqa: E501
        "point",
    )


def test_each_estimate_counts_its_own_value_of_the_day() -> None:
    left, _ = read_table("| subject | days | => |\n| 01 | 3=0/2/3 4=1/-/4 5=0/0/0 9=1/1/3 | => |")
    assert_rows(
        courses_of(left).to_dicts(),
        read_table(
            """
            | => | estimate | onset_day | peak_grade | peak_day | last_day | first_day_grade_3 | days_grade_1 | days_grade_2 | days_grade_3 | days_grade_4 | days_without_point |
            |----|----------|-----------|------------|----------|----------|-------------------|--------------|--------------|--------------|--------------|--------------------|
            | => | high     | 3         | 4          | 4        | 9        | 3                 | 0            | 0            | 2            | 1            | 1                  |
            | => | low      | 4         | 1          | 4        | 9        |                   | 2            | 0            | 0            | 0            | 1                  |
            | => | point    | 3         | 2          | 3        | 9        |                   | 1            | 1            | 0            | 0            | 1                  |
            """  # noqa: E501
        )[1],
    )


def test_recurrences_by_the_gap_rule_of_episodes() -> None:
    """Seven uncovered days are merged, eight are not; a day without a point bridges, a 0 does not."""
    assert_courses(
        """
        | subject | days                            | => | episodes | recurrences |
        |---------|---------------------------------|----|----------|-------------|
        | 01      | 3=1/1/1 11=1/1/1                | => | 1        | 0           |
        | 02      | 3=1/1/1 12=1/1/1                | => | 2        | 1           |
        | 03      | 3=1/1/1 5=0/-/2 12=1/1/1        | => | 1        | 0           |
        | 04      | 3=1/1/1 5=0/0/0 12=1/1/1        | => | 2        | 1           |
        | 05      | 5=0/-/2                         | => | 0        | 0           |
        """,
        "point",
    )


def test_late_onset_is_after_the_day_the_manifest_names() -> None:
    left = """
        | subject | days     | => | is_late_onset |
        | 01      | 28=1/1/1 | => | False         |
        | 02      | 29=1/1/1 | => | True          |
    """
    assert_courses(left, "point")
    later = left.replace("True", "False")
    assert_courses(later, "point", episodes={"late_after_day": 30})


@pytest.mark.parametrize(
    ("cutoff", "death", "last"), [(None, None, 56), (date(2020, 1, 20), None, 19), (None, 10, 10)]
)
def test_a_course_is_unresolved_if_it_lasts_to_the_end_of_what_was_observed(
    cutoff: date | None, death: int | None, last: int
) -> None:
    """Data cut, death, end of the longest window; one day earlier it is resolved on that last day."""
    text = f"""
        | subject | days                        | => | is_unresolved | resolution_day |
        |---------|-----------------------------|----|---------------|----------------|
        | 01      | 3=0/1/1 {last}=0/1/1        | => | True          |                |
        | 02      | 3=0/1/1 {last - 1}=0/1/1    | => | False         | {last}         |
    """
    assert_courses(text, "point", death=death, data_cutoff=cutoff)


def test_an_ongoing_row_leaves_the_course_open_unless_the_next_day_was_assessed_as_0() -> None:
    """`+` is a day that an ongoing row covers; after day 4 no single grade can be told."""
    assert_courses(
        """
        | subject | days                       | => | last_day | is_unresolved | resolution_day |
        |---------|----------------------------|----|----------|---------------|----------------|
        | 01      | 3=0/2/3+ 4=0/2/3+ 5=0/-/4+ | => | 4        | True          |                |
        | 02      | 3=0/2/3+ 4=0/2/3+ 5=0/0/0  | => | 4        | False         | 5              |
        | 03      | 3=0/2/3 4=0/2/3 5=0/-/4    | => | 4        | False         | 5              |
        """,
        "point",
    )


@pytest.mark.parametrize(
    ("span", "relation"),
    [(None, "none"), ((5, 9), "before"), ((2, 4), "during"), ((1, 1), "after"), ((3, 3), "during")],
)
def test_onset_against_crs(span: tuple[int, int] | None, relation: str) -> None:
    text = f"| subject | days | => | crs_relation |\n| 01 | 3=1/1/1 | => | {relation} |"
    assert_courses(text, "point", crs=spans_of(("01", *span)) if span else NO_SPANS)


def test_crs_comes_from_event_rows_and_from_a_table_of_its_own() -> None:
    """Grade 0 of the table is no CRS; an ongoing row runs on; each table alone is enough."""
    cells = [{"subject": name, "term": "Encephalopathy", "grade": "2", "start": "6"} for name in "ABCDE"]
    reported = {"subject": "A", "term": "Cytokine release syndrome", "grade": "2", "start": "5", "end": "7"}
    frames = grade_rows(
        [*cells, reported],
        crs=[
            studies.crs(8, 9, subject="B", number=1, grade=1),
            studies.crs(1, None, subject="C", number=2, is_ongoing=True),
            studies.crs(1, 9, subject="D", number=3, grade=0),
            studies.crs(1, 2, subject="E", number=4, grade=3),
            studies.crs(-5, -3, subject="E", number=5, grade=3),
        ],
    )
    expected = {"A": "during", "B": "before", "C": "during", "D": "none", "E": "after"}
    assert dict(frames["core_episodes"].select("subject_id", "crs_relation").rows()) == expected
    by_point = frames["core_subject_courses"].filter(pl.col("estimate") == "point")
    assert dict(by_point.select("subject_id", "crs_relation").rows()) == expected


def test_episodes_are_the_point_and_name_imputed_dates() -> None:
    """[5] The generalised rule is the one of core_episodes; a partial row touches the episode of its days."""
    days = days_of({"01": "3=0/2/3 4=0/3/4+", "02": "3=1/1/1 20=1/1/1"})
    episodes = CoreEpisodes.require(
        mark_imputed(combine_episodes(days, NO_SPANS, 7), spans_of(("02", 10, 25), ("03", 0, 9)))
    )
    assert_rows(
        episodes.to_dicts(),
        read_table(
            """
            | => | subject_id | episode_number | onset_day | onset_study_day | peak_point | peak_high | is_ongoing | has_imputed_date |
            |----|------------|----------------|-----------|-----------------|------------|-----------|------------|------------------|
            | => | 01         | 1              | 3         | 4               | 3          | 4         | True       | False            |
            | => | 02         | 1              | 3         | 4               | 1          | 1         | False      | False            |
            | => | 02         | 2              | 20        | 21              | 1          | 1         | False      | True             |
            """  # noqa: E501
        )[1],
    )
    by_high = derive_episode_spans(days, "high", 7).filter(pl.col("subject_id") == "01")
    assert by_high.select("onset_day", "last_day", "peak_grade").rows() == [(3, 4, 4)]


def test_a_course_names_imputed_dates_of_events_that_can_count() -> None:
    """A partial start or end of a row with high >= 1; excluded terms and unknown dates impute nothing."""
    frames = grade_rows(
        read_table(
            """
            | subject | term           | grade | start      | end        | => |
            |---------|----------------|-------|------------|------------|----|
            | 01      | Encephalopathy | 2     | 2020-01    | 2020-01-20 | => |
            | 02      | Encephalopathy | 2     | 2020-01-05 | 2020-01    | => |
            | 03      | Encephalopathy | 2     | 2020-01-05 | 2020-01-07 | => |
            | 04      | Tremor         | 2     | 2020-01    | 2020-01-20 | => |
            | 05      | Encephalopathy | 2     | 2020-01-05 | unknown    | => |
            """
        )[0]
    )
    found = frames["core_subject_courses"].filter(pl.col("estimate") == "high")
    assert dict(found.select("subject_id", "has_imputed_date").rows()) == {
        "01": True,
        "02": True,
        "03": False,
        "04": False,
        "05": False,
    }


def test_each_dated_infusion_has_a_course_and_no_other() -> None:
    """Subjects without events have one too; without a date there is no day 0."""
    cells = [{"subject": "01", "term": "Encephalopathy", "grade": "2", "start": "42"}]
    frames = grade_rows(
        cells,
        subjects={"01": {}, "02": {}, "03": {}, "04": {"is_infused": False}},
        infusions={"01": (0, 40), "02": (0,), "03": (None,)},
    )
    found = frames["core_subject_courses"].filter(pl.col("estimate") == "point")
    assert found.select("subject_id", "infusion_number", "onset_day", "peak_grade").rows() == [
        ("01", 1, None, 0),
        ("01", 2, 2, 2),
        ("02", 1, None, 0),
    ]


def test_the_summary_is_over_subjects_with_and_without_imputed_dates() -> None:
    """Medians are exact; who has no onset is in none; the first dated infusion counts."""
    left, _ = read_table(
        """
        | subject | days                    | => |
        |---------|-------------------------|----|
        | 01      | 3=1/1/1                 | => |
        | 02      | 5=1/3/3 6=1/1/1         | => |
        | 03      | 8=1/1/1 9=1/1/1 10=1/1/1 | => |
        | 04      | 21=1/1/1                | => |
        | 05      |                         | => |
        """
    )
    courses = courses_of(left, imputed=spans_of(("04", 0, 30), ("05", 0, 30)))
    second = courses.filter(pl.col("subject_id") == "01").with_columns(
        pl.lit(2, pl.Int32).alias("infusion_number"), (pl.col("onset_day") + 20).alias("onset_day")
    )
    found = CoreCourseSummary.require(derive_course_summary(pl.concat([courses, second]), studies.STUDY))
    assert found.height == 18
    assert_rows(
        found.filter(pl.col("estimate") == "point").to_dicts(),
        read_table(
            """
            | => | measure           | imputed_dates | subjects | subjects_imputed | median | minimum | maximum |
            |----|-------------------|---------------|----------|------------------|--------|---------|---------|
            | => | duration_days     | excluded      | 3        | 0                | 2.0    | 1       | 3       |
            | => | duration_days     | included      | 4        | 1                | 1.5    | 1       | 3       |
            | => | first_day_grade_3 | excluded      | 1        | 0                | 5.0    | 5       | 5       |
            | => | first_day_grade_3 | included      | 1        | 0                | 5.0    | 5       | 5       |
            | => | onset_day         | excluded      | 3        | 0                | 5.0    | 3       | 8       |
            | => | onset_day         | included      | 4        | 1                | 6.5    | 3       | 21      |
            """  # noqa: E501
        )[1],
    )


def test_a_study_without_subjects_has_a_summary_of_nobody() -> None:
    found = CoreCourseSummary.require(derive_course_summary(CoreSubjectCourses.empty(), studies.STUDY))
    assert found.select("subjects", "median").unique().rows() == [(0, None)]
    assert found.height == 18
