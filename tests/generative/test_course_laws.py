"""Laws of courses, time to event and closing facts, on studies nobody would write by hand.

Courses are read off the days again, day by day; the rest are laws that hold whatever the study records.
`REGRADE_LONG=1` looks at far more studies.
"""

from __future__ import annotations

import os
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings

from mappings.loader import load_release
from pipelines.grading.kernel import grade_study
from tests.generative.test_kernel_against_reference import SEEDS
from tests.strategies import Made, Terms, large_study, small_studies
from tests.studies import Row, to_frames

RELEASE = load_release()
TERMS = Terms.of(RELEASE)
Key = tuple[Any, ...]
LONG = bool(os.environ.get("REGRADE_LONG"))


def course_again(days: list[Row], estimate: str, horizon: int, gap_days: int, ongoing: set[int]) -> Row:
    """The course of one subject and infusion, one day after the other.

    `ongoing`: last days of episodes that an ongoing row covers.
    """
    value = {day["day"]: day[estimate] for day in days}
    reached = sorted(day for day, grade in value.items() if grade is not None and grade >= 1)
    episodes = 0
    for before, day in zip([None, *reached], reached, strict=False):
        between = range((before or 0) + 1, day)
        uncovered = [d for d in between if d not in value or value[d] is not None]
        episodes += before is None or len(uncovered) > gap_days
    peak = max((value[day] for day in reached), default=0)
    last = reached[-1] if reached else None
    is_open = estimate == "point" and last in ongoing and value.get(last + 1) != 0
    unresolved = None if last is None else last >= horizon or is_open
    return {
        "onset_day": reached[0] if reached else None,
        "peak_grade": peak,
        "peak_day": next((day for day in reached if value[day] == peak), None),
        "last_day": last,
        "duration_days": None if last is None else last - reached[0] + 1,
        "is_unresolved": unresolved,
        "resolution_day": None if last is None or unresolved else last + 1,
        "episodes": episodes,
        "recurrences": max(episodes - 1, 0),
        "first_day_grade_3": next((day for day in reached if value[day] >= 3), None),
        **{f"days_grade_{g}": sum(value[day] == g for day in reached) for g in range(1, 6)},
        "days_without_point": sum(day["point"] is None for day in days),
    }


def check_courses(made: Made, graded: dict[str, pl.DataFrame]) -> None:
    manifest = made.manifest
    longest = max(manifest.windows.primary_days, *manifest.windows.sensitivity_days, 0)
    days: dict[Key, list[Row]] = {}
    for day in graded["core_subject_days"].to_dicts():
        days.setdefault((day["subject_id"], day["infusion_number"]), []).append(day)
    deaths = {row["subject_id"]: row["death_latest"] for row in made.rows["core_subjects"]}
    infusions = {
        (row["subject_id"], row["infusion_number"]): row["infusion_earliest"]
        for row in made.rows["core_infusions"]
        if row["infusion_earliest"] is not None
    }
    ongoing: dict[Key, set[int]] = {}
    for row in graded["core_episodes"].filter("is_ongoing").to_dicts():
        ongoing.setdefault((row["subject_id"], row["infusion_number"]), set()).add(row["last_day"])
    courses = graded["core_subject_courses"].to_dicts()
    assert len(courses) == 3 * len(infusions)
    for course in courses:
        key = (course["subject_id"], course["infusion_number"])
        day_zero, death = infusions[key].date(), deaths[key[0]]
        ends = [longest]
        ends += [(death.date() - day_zero).days] if death is not None else []
        ends += [(manifest.data_cutoff - day_zero).days] if manifest.data_cutoff is not None else []
        again = course_again(
            days.get(key, []),
            course["estimate"],
            min(ends),
            manifest.episodes.gap_days,
            ongoing.get(key, set()),
        )
        assert {name: course[name] for name in again} == again


def check_time_to_event(made: Made, graded: dict[str, pl.DataFrame]) -> None:
    """Certain implies possible and never comes earlier; certain is what the subject's low says."""
    manifest = made.manifest
    longest = max(manifest.windows.primary_days, *manifest.windows.sensitivity_days, 0)
    rows = {
        (row["subject_id"], row["parameter"], row["estimate"]): row
        for row in graded["core_time_to_event"].to_dicts()
    }
    firsts: dict[str, int] = {}
    for row in made.rows["core_infusions"]:
        if row["infusion_earliest"] is not None:
            number = firsts.get(row["subject_id"], row["infusion_number"])
            firsts[row["subject_id"]] = min(number, row["infusion_number"])
    assert len(rows) == 9 * len(firsts)
    lows = {
        (row["subject_id"], row["infusion_number"]): row["low"]
        for row in graded["core_subject_grades"].to_dicts()
        if row["window_days"] == longest
    }
    by_point = {
        (row["subject_id"], row["infusion_number"]): row["resolution_day"]
        for row in graded["core_subject_courses"].to_dicts()
        if row["estimate"] == "point" and row["onset_day"] is not None
    }
    for name, number in firsts.items():
        resolved = rows[name, "ICANS_RESOLUTION", "point"]
        if (name, number) in by_point and not resolved["is_imputed"]:
            assert (resolved["day"] if resolved["is_event"] else None) == by_point[name, number]
        for parameter, threshold in (("ICANS_ANY", 1), ("ICANS_GRADE_3", 3)):
            low, point, high = (rows[name, parameter, end] for end in ("low", "point", "high"))
            assert low["is_event"] == (lows[name, number] >= threshold)
            assert high["is_event"] or not (low["is_event"] or point["is_event"])
            assert not low["is_event"] or high["day"] <= low["day"] <= longest
            assert not point["is_event"] or high["day"] <= point["day"]
        for end in ("low", "point", "high"):
            onset, resolved = rows[name, "ICANS_ANY", end], rows[name, "ICANS_RESOLUTION", end]
            assert (resolved["censoring_reason"] == "no_onset") == (not onset["is_event"])
            assert resolved["day"] >= resolved["start_day"]
            assert not resolved["is_event"] or resolved["waiting_days"] >= 1
    for row in rows.values():
        assert (row["censoring_reason"] is None) == row["is_event"]


def check_closing(graded: dict[str, pl.DataFrame]) -> None:
    """Every open threshold has a fact and no other has one; days of one fact neither touch nor overlap."""
    wanted: set[Key] = set()
    for row in (
        graded["core_subject_grades"]
        .filter((pl.col("infusion_number") == 0) & pl.col("is_primary_window"))
        .to_dicts()
    ):
        if row["outcome"] == "NOT_EVALUABLE":
            wanted |= {(row["subject_id"], 1)} if row["is_infused"] or row["high"] else set()
        else:
            wanted |= {(row["subject_id"], t) for t in range(row["low"] + 1, row["high"] + 1)}
    facts = graded["core_closing_facts"].to_dicts()
    assert {(row["subject_id"], row["threshold"]) for row in facts} == wanted
    seen: dict[Key, int] = {}
    for row in sorted(facts, key=lambda row: row["first_day"]):
        key = (row["subject_id"], row["threshold"], row["infusion_number"], row["fact"])
        assert row["first_day"] <= row["last_day"]
        assert key not in seen or row["first_day"] > seen[key] + 1
        seen[key] = row["last_day"]


def check(made: Made) -> None:
    graded = grade_study(to_frames(made.rows), RELEASE, made.manifest)
    check_courses(made, graded)
    check_time_to_event(made, graded)
    check_closing(graded)


@settings(max_examples=500 if LONG else 30)
@given(small_studies(TERMS))
def test_laws_hold_on_small_studies(made: Made) -> None:
    check(made)


@pytest.mark.parametrize("seed", SEEDS)
def test_laws_hold_on_large_studies(seed: int) -> None:
    check(large_study(TERMS, seed, subjects=400 if LONG else 120))
