"""The bedside table of CART-DEMO: what closes, what stays open, and what its dirt does.

Expected intervals are worked out by hand from GRADING.md section 4 and the rows of `planted_bedside`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime

import polars as pl
import pytest

from pipelines.home import Home
from tests.end_to_end.homes import SHIPPED, Tables, ask
from warehouse.demo.planted_bedside import PLANTED_BEDSIDE

Interval = tuple[int, int | None, int]
SUBJECT = {fact.name: fact.subject for fact in PLANTED_BEDSIDE}

EXPECTED: dict[str, tuple[Interval, Interval, str | None]] = {
    "closes_at_none": ((0, 1, 2), (0, 0, 0), "K-MEASURED-REPLACES"),
    "closes_despite_missing_item": ((1, 2, 3), (2, 2, 2), "K-MEASURED-REPLACES"),
    "missing_item_leaves_two": ((1, 2, 3), (1, None, 2), "K-MEASURED-REPLACES"),
    "impossible_score": ((0, 2, 3), (1, None, 4), "K-MEASURED-RAISES"),
    "blank_day": ((0, 2, 3), (1, 2, 3), "K-MEASURED-RAISES"),
    "two_times_a_day": ((0, 1, 2), (1, 1, 1), "K-MEASURED-REPLACES"),
    "two_values_at_once": ((1, 2, 3), (1, None, 2), "K-MEASURED-REPLACES"),
    "measured_above": ((0, 1, 2), (3, 3, 3), "K-MEASURED-REPLACES"),
    "measured_below": ((2, 3, 3), (1, 1, 1), "K-MEASURED-REPLACES"),
    "unarousable": ((2, 4, 4), (4, 4, 4), "K-MEASURED-REPLACES"),
    "sedated_day": ((2, 4, 4), (3, 4, 4), "K-MEASURED-RAISES"),
    "sedated_throughout": ((0, None, 4), (0, None, 4), None),
    "baseline_deficit": ((1, 2, 3), (0, 1, 1), "K-MEASURED-REPLACES"),
    "total_against_items": ((1, 3, 4), (2, 2, 2), "K-MEASURED-REPLACES"),
    "wrong_scale": ((0, 1, 2), (2, 2, 2), "K-MEASURED-REPLACES"),
    "child_closes": ((0, 1, 3), (1, 1, 1), "K-MEASURED-REPLACES"),
    "child_delirium": ((0, None, 3), (3, 3, 3), "K-MEASURED-REPLACES"),
}
"""By adverse events alone, with assessments, and the rule of the row that allows most by itself."""

REASONS = {
    "closes_despite_missing_item": "partial_score",
    "missing_item_leaves_two": "partial_score",
    "impossible_score": "impossible_score",
    "two_values_at_once": "scores_disagree",
    "measured_above": "measured_above",
    "measured_below": "measured_below",
    "sedated_day": "sedated_assessment",
    "sedated_throughout": "sedated_assessment",
    "baseline_deficit": "baseline_deficit",
    "total_against_items": "scores_disagree",
    "child_closes": "child_scale",
}

CONTRADICTIONS = {
    "impossible_score": "impossible_value",
    "two_values_at_once": "two_values",
    "measured_above": "measured_above_reported",
    "measured_below": "measured_below_reported",
    "total_against_items": "total_against_items",
    "wrong_scale": "scale_against_age",
}


@pytest.fixture(scope="module")
def demo(shipped_home: Home) -> Tables:
    return Tables(shipped_home, "CART-DEMO")


def overall(demo: Tables, name: str) -> dict[str, object]:
    return demo.row(
        "core_subject_grades", subject_id=SUBJECT[name], infusion_number=0, is_primary_window=True
    )


def bedside_rows() -> list[dict[str, str]]:
    text = (SHIPPED / "CART-DEMO" / "ice_scores.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def infusion_days() -> dict[str, datetime]:
    """First infusion of each subject, read with the csv module alone."""
    text = (SHIPPED / "CART-DEMO" / "infusions.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=";")
    return {
        row["SUBJECT_NO"]: day_of(row["INFUSION_DATE"])
        for row in rows
        if row["INFUSION_NO"] == "1" and row["INFUSION_DATE"]
    }


def day_of(written: str) -> datetime:
    return datetime.strptime(written, "%d-%b-%Y")


def test_every_planted_assessment_has_an_expectation() -> None:
    assert [fact.name for fact in PLANTED_BEDSIDE] == list(EXPECTED)


@pytest.mark.parametrize("name", list(EXPECTED))
def test_planted_assessment_has_the_expected_interval(demo: Tables, name: str) -> None:
    row = overall(demo, name)
    alone, found, rule = EXPECTED[name]
    ends = ("low", "point", "high")
    assert tuple(row[f"events_alone_{end}"] for end in ends) == alone
    assert tuple(row[end] for end in ends) == found
    graded = demo["core_event_grades"].filter(pl.col("subject_id") == SUBJECT[name])
    decided = graded.sort("release_high", "event_id", descending=[True, False]).row(0, named=True)
    window = demo.row(
        "core_event_windows", subject_id=SUBJECT[name], event_id=decided["event_id"], window_days=30
    )
    assert window["evidence_rule"] == rule


@pytest.mark.parametrize(("name", "reason"), REASONS.items())
def test_planted_assessment_goes_to_review_for_its_reason(demo: Tables, name: str, reason: str) -> None:
    assert reason in str(overall(demo, name)["review_reasons"]).split("|")


def test_only_planted_assessments_contradict_anything(demo: Tables) -> None:
    """Drawn scores fit the events beside them; the two other contradictions are in the event table."""
    found = demo["core_contradictions"].filter(
        ~pl.col("left_place").str.starts_with("adverse_events")
        | ~pl.col("right_place").str.starts_with("adverse_events")
    )
    assert {(row["subject_id"], row["kind"]) for row in found.to_dicts()} == {
        (SUBJECT[name], kind) for name, kind in CONTRADICTIONS.items()
    }


def test_each_contradiction_names_both_sides(demo: Tables) -> None:
    row = demo.row("core_contradictions", subject_id=SUBJECT["measured_above"])
    (score,) = [
        number
        for number, cells in enumerate(bedside_rows(), start=1)
        if cells["SUBJECT_NO"] == SUBJECT["measured_above"] and cells["ICE_TOTAL"] == "2"
    ]
    assert f"ice_scores.csv:{score}" in str(row["right_place"]).split("|")
    assert str(row["left_place"]).startswith("adverse_events.csv:")
    assert row["rule_id"] == "K-MEASURED-REPLACES"


def test_every_row_of_the_bedside_table_is_accounted_for(demo: Tables) -> None:
    rows = bedside_rows()
    values = (
        "ICE_ORIENT",
        "ICE_NAMING",
        "ICE_COMMAND",
        "ICE_WRITING",
        "ICE_COUNTING",
        "ICE_TOTAL",
        "CAPD_TOTAL",
    )
    empty = [row for row in rows if not any(row[name] for name in (*values, "AROUSAL", "NOT_DONE_REASON"))]
    assert len(empty) == 1
    read = demo["core_assessments"]
    assert read["source_row"].n_unique() == len(rows) - len(empty)
    assert read.filter(pl.col("value_status") != "not_done").height == sum(
        bool(row[name]) for row in rows for name in (*values, "AROUSAL")
    )
    assert demo.rows("core_rejected_rows", table_name="assessments") == []


def assessed_in_window(rows: Sequence[dict[str, str]]) -> set[str]:
    """Subjects with a value on day 0 to 30, counted from the files."""
    start = infusion_days()
    return {
        row["SUBJECT_NO"]
        for row in rows
        if (row["AROUSAL"] or row["ICE_TOTAL"] or row["ICE_ORIENT"] or row["CAPD_TOTAL"])
        and 0 <= (day_of(row["ASSESS_DATE"]) - start[row["SUBJECT_NO"]]).days <= 30
    }


def test_how_many_intervals_assessments_close(shipped_home: Home) -> None:
    """The figures of the summary, each counted again by a query of its own."""
    with_days = "WHERE study_id = 'CART-DEMO' AND window_days = 30 AND infusion_number = 0 AND is_infused"
    counts = dict(
        ask(
            shipped_home,
            f"""
            WITH told AS (
              SELECT low, high, assessments, events_alone_low AS l, events_alone_high AS h
              FROM core_subject_grades {with_days} AND outcome <> 'NOT_EVALUABLE'
            )
            SELECT * FROM (
              SELECT 'assessed', count(*) FROM told WHERE assessments > 0 UNION ALL
              SELECT 'open by events', count(*) FROM told WHERE l < h UNION ALL
              SELECT 'open now', count(*) FROM told WHERE low < high UNION ALL
              SELECT 'opened', count(*) FROM told WHERE l = h AND low < high UNION ALL
              SELECT 'wider', count(*) FROM told WHERE high - low > h - l UNION ALL
              SELECT 'changed without assessment', count(*) FROM told
                WHERE assessments = 0 AND (low, high) <> (l, h)
            )
            """,
        ).rows()
    )
    in_file = assessed_in_window(bedside_rows())
    assert counts["assessed"] == len(in_file) == 33
    assert (counts["opened"], counts["changed without assessment"]) == (0, 0)
    assert counts["wider"] == 0
    assert counts["open by events"] - counts["open now"] == 19


def test_intervals_close_to_the_outcome_that_the_scores_say(shipped_home: Home) -> None:
    outcomes = ask(
        shipped_home,
        """
        SELECT outcome, count(*) AS subjects FROM core_subject_grades
        WHERE study_id = 'CART-DEMO' AND is_primary_window AND infusion_number = 0
          AND assessments > 0 AND events_alone_low = 0 AND events_alone_high > 0
        GROUP BY outcome
        """,
    )
    found = dict(outcomes.rows())
    assert found["ICANS"] > found["INDETERMINATE"] > 0
    assert found["NOT_ICANS"] == 1
