"""Every table of the course of subjects over time, from what the kernel has placed on days.

What may live here: the order in which the tables of `courses`, `event_dates`, `course_summaries` and
`time_to_event` are made. What may not: rules.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from pipelines.grading.course_summaries import derive_subject_courses
from pipelines.grading.courses import combine_episodes, derive_crs_spans
from pipelines.grading.event_dates import derive_event_dates, derive_imputed_spans, mark_imputed
from pipelines.grading.events import SUBJECT
from pipelines.grading.time_to_event import derive_time_to_event
from schemas.manifest import StudyManifest


def derive_course_tables(
    checked: Mapping[str, pl.DataFrame],
    is_silent: pl.Series,
    crs_reports: pl.DataFrame,
    spans: pl.DataFrame,
    event_windows: pl.DataFrame,
    assessment_grades: pl.DataFrame,
    assessment_windows: pl.DataFrame,
    days: pl.DataFrame,
    manifest: StudyManifest,
) -> dict[str, pl.DataFrame]:
    """Episodes, event dates, subject courses and time to event, by table name.

    `is_silent`: which rows of core_adverse_events are (`events.DecidedEvents`); `crs_reports` are the rows
    that report cytokine release, `spans` the days of events by `derive_day_spans`, `event_windows` and the
    assessment frames hold the columns of the tables of those names, `days` those of core_subject_days and
    has_open_end.
    """
    infusions, subjects = checked["core_infusions"], checked["core_subjects"]
    longest = pl.col("window_days") == max(
        manifest.windows.primary_days, *manifest.windows.sensitivity_days, 0
    )
    contributions = event_windows.filter(longest)
    event_dates = derive_event_dates(checked["core_adverse_events"], infusions, subjects, manifest)
    active_dates = event_dates.filter(~is_silent)
    imputed = derive_imputed_spans(contributions, spans, active_dates)
    crs = derive_crs_spans(crs_reports, checked["core_crs"], infusions, subjects, manifest)
    courses = derive_subject_courses(days, crs, imputed, infusions, subjects, manifest)
    moment = [*SUBJECT, "moment", "domain"]
    moments = assessment_windows.filter(longest).join(
        assessment_grades.select(*moment, "day_latest"), on=moment, how="inner", validate="m:1"
    )
    return {
        "core_episodes": mark_imputed(combine_episodes(days, crs, manifest.episodes.gap_days), imputed),
        "core_event_dates": event_dates,
        "core_subject_courses": courses,
        "core_time_to_event": derive_time_to_event(
            days, courses, contributions, spans, active_dates, moments, infusions, subjects, manifest
        ),
    }
