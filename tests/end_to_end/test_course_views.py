"""Views of courses, time to event, contradictions and the work list, over the shipped studies."""

from __future__ import annotations

import pytest

from pipelines.home import Home
from tests.end_to_end.homes import ask

VIEWS = {
    "out_subject_courses": "core_subject_courses",
    "out_time_to_event": "core_time_to_event",
    "out_course_summary": "core_course_summary",
    "out_contradictions": "core_contradictions",
    "out_closing_work_list": "core_closing_facts",
    "out_daily_course": "core_subject_days",
}


@pytest.mark.parametrize(("view", "table"), VIEWS.items())
def test_each_row_of_the_current_runs_is_shown_once(shipped_home: Home, view: str, table: str) -> None:
    shown = ask(shipped_home, f"SELECT study_id, count(*) AS n FROM {view} GROUP BY 1 ORDER BY 1")
    held = ask(
        shipped_home,
        f"SELECT study_id, count(*) AS n FROM {table} JOIN core_runs USING (run_id, study_id) "
        "WHERE is_current GROUP BY 1 ORDER BY 1",
    )
    assert shown.height >= 1
    assert shown.equals(held)


@pytest.mark.parametrize("view", VIEWS)
def test_only_the_current_run_is_shown(two_releases: Home, view: str) -> None:
    """The same study under another release is beside it in the tables and not in the views."""
    shown = ask(two_releases, f"SELECT count(*) AS n FROM {view}").item()
    held = ask(two_releases, f"SELECT count(*) AS n FROM {VIEWS[view]}").item()
    current = ask(
        two_releases,
        f"SELECT count(*) AS n FROM {VIEWS[view]} JOIN core_runs USING (run_id, study_id) WHERE is_current",
    ).item()
    assert shown == current
    assert (held > current) == (held > 0)


def test_the_work_list_has_the_most_urgent_first(shipped_home: Home) -> None:
    keys = ("impact_rank", "study_id", "subject_id", "threshold")
    rows = ask(shipped_home, f"SELECT {', '.join(keys)} FROM out_closing_work_list").rows()
    assert rows == sorted(rows)
    impacts = ask(
        shipped_home,
        "SELECT DISTINCT impact_rank, impact, threshold FROM out_closing_work_list "
        "WHERE fact <> 'the date of the infusion' ORDER BY ALL",
    )
    named = {1: (3, "crosses_1"), 2: (4, "other"), 3: (2, "crosses_3"), 4: (4, "other"), 5: (1, "fatal")}
    assert {row[2] for row in impacts.rows()} >= {1, 2, 3, 4}
    assert all(named[threshold] == (rank, impact) for rank, impact, threshold in impacts.rows())


def test_the_work_list_is_about_open_thresholds(shipped_home: Home) -> None:
    closed = ask(
        shipped_home,
        "SELECT count(*) AS n FROM out_closing_work_list "
        "WHERE outcome <> 'NOT_EVALUABLE' AND (threshold <= low OR threshold > high)",
    )
    assert closed.item() == 0
    missing = ask(
        shipped_home,
        "SELECT count(*) AS n FROM core_subject_grades AS subject JOIN core_runs USING (run_id, study_id) "
        "WHERE is_current AND is_primary_window AND infusion_number = 0 AND outcome = 'INDETERMINATE' "
        "AND NOT EXISTS (SELECT 1 FROM out_closing_work_list AS fact WHERE fact.study_id = subject.study_id "
        "AND fact.subject_id = subject.subject_id AND fact.threshold = 1)",
    )
    assert missing.item() == 0


def test_days_carry_their_date_and_their_episode(shipped_home: Home) -> None:
    """Day 0 is the date of the infusion; every day by point lies in an episode of its course."""
    wrong = ask(
        shipped_home,
        "SELECT count(*) AS n FROM out_daily_course AS day "
        "JOIN core_infusions AS given USING (study_id, subject_id, infusion_number) "
        "WHERE day.calendar_date - CAST(given.infusion_earliest AS DATE) <> day.day "
        "OR (day.point >= 1 AND day.episode_number IS NULL) OR day.study_day <> day.day + 1",
    )
    assert wrong.item() == 0


def test_censored_is_the_contrary_of_an_event(shipped_home: Home) -> None:
    rows = ask(
        shipped_home,
        "SELECT DISTINCT is_event, censored, censoring_reason IS NULL FROM out_time_to_event ORDER BY 1",
    )
    assert rows.rows() == [(False, 1, False), (True, 0, True)]
