"""What would close an interval: open thresholds, responsible rows, and the facts that would settle them.

Each table has one row per event row, assessed moment or withheld row with what the kernel made of it (low and
high in the primary window of 30 days, `own` low before context), then the facts that must come out. The last
tests go through the whole kernel.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from pipelines.grading.closing_words import CONTEXT_FACTS, NO_FACT, ROW_FACTS
from schemas.vocabulary import REVIEW_REASONS
from tests import studies
from tests.spec.closing_parts import COMPONENTS, close
from tests.spec.course_rows import grade_rows
from tests.spec.table import read_table


def assert_facts(text: str, wanted: str, threshold: int | None = None, **context: Any) -> None:
    """The facts of a threshold (all of them without one) are the wanted rows, sorted by their sentence."""
    found = close(text, **context)
    if threshold is not None:
        found = found.filter(pl.col("threshold") == threshold)
    rows = found.sort("subject_id", "threshold", "sentence", maintain_order=True).to_dicts()
    cells = read_table(wanted)[1]
    texts = [{name: str(row[name]).replace("|", ",") for name in cells[0]} for row in rows]
    assert texts == cells


def test_thresholds_between_low_and_high_are_open() -> None:
    """The rows that could lift the subject to t are responsible; impact is that of the threshold."""
    assert_facts(
        """
        | low | high | requires    | days | => |
        |-----|------|-------------|------|----|
        | 1   | 3    | ICE         | 6-9  | => |
        | 0   | 2    | AROUSAL     | 4    | => |
        """,
        """
        | => | threshold | sentence                                             | impact    | impact_rank | rules | events |
        |----|-----------|------------------------------------------------------|-----------|-------------|-------|--------|
        | => | 2         | ICE score on days 6 to 9                             | other     | 4           | R1    | 1      |
        | => | 2         | arousal to voice or touch, and any sedation on day 4 | other     | 4           | R2    | 1      |
        | => | 3         | ICE score on days 6 to 9                             | crosses_3 | 2           | R1    | 1      |
        """,  # noqa: E501
    )


def test_days_that_overlap_or_follow_each_other_are_one_fact() -> None:
    """A gap between them makes two."""
    assert_facts(
        """
        | low | high | requires | days  | => |
        |-----|------|----------|-------|----|
        | 0   | 1    | ICE      | 3-8   | => |
        | 0   | 1    | ICE      | 4-5   | => |
        | 0   | 1    | ICE      | 9     | => |
        | 0   | 1    | ICE      | 11-12 | => |
        """,
        """
        | => | sentence                   | first_day | last_day | rules    | events |
        |----|----------------------------|-----------|----------|----------|--------|
        | => | ICE score on days 11 to 12 | 11        | 12       | R4       | 1      |
        | => | ICE score on days 3 to 9   | 3         | 9        | R1,R2,R3 | 3      |
        """,
    )


def test_a_fact_that_another_one_answers_is_left_out() -> None:
    """On the same days only: the components hold the ICE score of days 3 to 5, not that of day 9."""
    assert_facts(
        """
        | low | high | requires    | days | => |
        |-----|------|-------------|------|----|
        | 0   | 1    | COMPONENTS  | 2-6  | => |
        | 0   | 1    | ICE,AROUSAL | 3-5  | => |
        | 0   | 1    | ICE         | 9    | => |
        """,
        f"""
        | => | sentence                       | rules | events |
        |----|--------------------------------|-------|--------|
        | => | ICE score on day 9             | R3    | 1      |
        | => | {COMPONENTS} on days 2 to 6    | R1,R2 | 2      |
        """,
    )


def test_days_already_assessed_are_not_asked_again() -> None:
    """ICE is there on days 4 and 5; a row with nothing left to ask lacks the arousal, or needs a review."""
    assert_facts(
        """
        | subject | kind   | low | high | requires    | days | usable | domain                  | => |
        |---------|--------|-----|------|-------------|------|--------|-------------------------|----|
        | 01      |        | 0   | 3    | ICE,AROUSAL | 3-8  |        | cognition,consciousness | => |
        | 01      | moment | 0   | 0    |             | 4    | yes    |                         | => |
        | 01      | moment | 1   | 1    |             | 5    | yes    |                         | => |
        | 01      | moment | 0   | 0    |             | 8    |        |                         | => |
        | 02      |        | 0   | 3    | ICE         | 3-4  |        | cognition,consciousness | => |
        | 02      | moment | 0   | 0    |             | 3    | yes    |                         | => |
        | 02      | moment | 0   | 0    |             | 4    | yes    |                         | => |
        | 03      |        | 0   | 3    | ICE         | 3    |        | cognition               | => |
        | 03      | moment | 0   | 0    |             | 3    | yes    |                         | => |
        """,
        """
        | => | subject_id | sentence                                                   |
        |----|------------|------------------------------------------------------------|
        | => | 01         | ICE score on day 3                                         |
        | => | 01         | ICE score on days 6 to 8                                   |
        | => | 01         | arousal to voice or touch, and any sedation on days 3 to 8 |
        | => | 02         | arousal to voice or touch, and any sedation on days 3 to 4 |
        | => | 03         | clinical review of the record on day 3                     |
        """,
        threshold=3,
    )


def test_scores_settle_a_row_only_with_its_dates() -> None:
    """Every day between known dates has to be assessed; the power of a limb needs no dates."""
    assert_facts(
        """
        | subject | low | high | requires | days | onset | end     | => |
        |---------|-----|------|----------|------|-------|---------|----|
        | 01      | 0   | 1    | ICE      | 6-9  | 6     | unknown | => |
        | 02      | 0   | 1    | ICE      | 6-9  | 6     | ongoing | => |
        | 03      | 0   | 1    | ICE      | 6-9  | 6-8   |         | => |
        | 04      | 0   | 1    | power    | 6-9  | 6     | unknown | => |
        """,
        """
        | => | subject_id | sentence                                   |
        |----|------------|--------------------------------------------|
        | => | 01         | ICE score on days 6 to 9                   |
        | => | 01         | the end date of the event of days 6 to 9   |
        | => | 02         | ICE score on days 6 to 9                   |
        | => | 02         | the end date of the event of days 6 to 9   |
        | => | 03         | ICE score on days 6 to 9                   |
        | => | 03         | the exact onset date, between days 6 and 8 |
        | => | 04         | power on days 6 to 9                       |
        """,
    )


def test_context_is_asked_for_at_every_threshold_and_the_row_only_where_it_is_open_itself() -> None:
    """Encephalopathy grade 3 is 1/3/4: whether it is 1 is a matter of its cause or onset alone."""
    text = """
        | low | high | own | requires | reasons                | status | onset | days | => |
        |-----|------|-----|----------|------------------------|--------|-------|------|----|
        | 0   | 4    | 1   | ICE      | attribution_unlikely   | partly | 25-40 | 25-30 | => |
    """
    assert_facts(
        text,
        """
        | => | sentence                                   |
        |----|--------------------------------------------|
        | => | cause of the event on days 25 to 30        |
        | => | the exact onset date, between days 25 and 30 |
        """,
        threshold=1,
    )
    assert_facts(
        text,
        """
        | => | sentence                                   |
        |----|--------------------------------------------|
        | => | ICE score on days 25 to 30                 |
        | => | cause of the event on days 25 to 30        |
        | => | the exact onset date, between days 25 and 30 |
        """,
        threshold=2,
    )


def test_an_onset_on_the_day_of_the_infusion_needs_the_time_of_day() -> None:
    """And one beside an infusion without a date needs that date."""
    text = """
        | low | high | own | status | days | => |
        |-----|------|-----|--------|------|----|
        | 0   | 1    | 1   | partly | 0-2  | => |
    """
    wanted = """
        | => | sentence                                              | infusion_number |
        |----|-------------------------------------------------------|-----------------|
        | => | {} | {} |
    """
    assert_facts(text, wanted.format("the time of day of the onset and of the infusion on day 0", 1))
    assert_facts(text, wanted.format("the date of the infusion", 0), infusions=(0, None))


@pytest.mark.parametrize(
    ("reasons", "fact"),
    [
        ("unmapped_term", "a mapping decision for the term on days 3 to 5"),
        ("grade_missing", "the grade of the event on days 3 to 5"),
        ("needs_adjudication", "clinical review of the record on days 3 to 5"),
        ("other_cause_overlap", "whether the signs are those of the other cause or of ICANS on days 3 to 5"),
        ("sedation_overlap", "arousal without sedation on days 3 to 5"),
        ("version_unknown", "the version of the grading scale"),
    ],
)
def test_a_row_that_requires_nothing_asks_by_its_reasons(reasons: str, fact: str) -> None:
    found = close(f"| low | high | reasons | => |\n| 0 | 1 | {reasons} | => |")
    assert found["sentence"].to_list() == [fact]


def test_every_reason_to_look_has_a_fact_or_is_said_to_have_none() -> None:
    known = [*CONTEXT_FACTS, *ROW_FACTS, *NO_FACT]
    assert sorted(known) == sorted(REVIEW_REASONS)


def test_a_possible_death_is_the_most_urgent() -> None:
    """Grade 5 asks about the cause of death only; the thresholds below ask for the rest too."""
    assert_facts(
        """
        | low | high | requires  | reasons       | days | => |
        |-----|------|-----------|---------------|------|----|
        | 3   | 5    | ICE,DEATH | fatal_report  | 3-5  | => |
        | 3   | 5    | AROUSAL   | fatal_outcome | 9    | => |
        """,
        """
        | => | threshold | sentence                                             | impact | impact_rank | first_day |
        |----|-----------|------------------------------------------------------|--------|-------------|-----------|
        | => | 4         | ICE score on days 3 to 5                             | other  | 4           | 3         |
        | => | 4         | arousal to voice or touch, and any sedation on day 9 | other  | 4           | 9         |
        | => | 4         | cause of death adjudication                          | other  | 4           | -1        |
        | => | 5         | cause of death adjudication                          | fatal  | 1           | -1        |
        """,  # noqa: E501
    )


def test_rows_that_assessments_decided_leave_the_question_to_the_moments() -> None:
    """A replaced row asks nothing, a capped one the arousal, a denied one which of the two holds."""
    assert_facts(
        """
        | subject | kind   | low | high | own | evidence            | requires             | days | domain        | => |
        |---------|--------|-----|------|-----|---------------------|----------------------|------|---------------|----|
        | 01      |        | 3   | 4    | 1   | K-MEASURED-REPLACES | ICE,AROUSAL          | 3-3  | cognition     | => |
        | 01      | moment | 3   | 4    | 3   |                     | AROUSAL              | 3-3  | cognition     | => |
        | 02      |        | 0   | 1    | 0   | K-ICE-CAP           | AROUSAL              | 3-4  | consciousness | => |
        | 03      |        | 0   | 1    | 1   | K-MEASURED-DENIES   | seizure duration     | 7    | seizure       | => |
        """,  # noqa: E501
        """
        | => | subject_id | sentence                                                  | rules               |
        |----|------------|-----------------------------------------------------------|---------------------|
        | => | 01         | arousal to voice or touch, and any sedation on day 3      | R2                  |
        | => | 02         | arousal to voice or touch, and any sedation on days 3 to 4 | K-ICE-CAP          |
        | => | 03         | which of report and assessment holds on day 7             | K-MEASURED-DENIES   |
        """,
    )


def test_withheld_rows_are_asked_for_by_name() -> None:
    """Rejected rows and an incomplete table, on no day that is known."""
    assert_facts(
        """
        | subject | kind     | low | high | reasons          | rule             | => |
        |---------|----------|-----|------|------------------|------------------|----|
        | 01      | withheld | 0   | 1    | rejected_row     | K-REJECTED-ROW   | => |
        | 01      | withheld | 0   | 1    | rejected_row     | K-REJECTED-ROW   | => |
        | 02      | withheld | 0   | 1    | table_incomplete | K-TABLE-INCOMPLETE | => |
        """,
        """
        | => | subject_id | sentence                       | infusion_number | first_day | rules              | events |
        |----|------------|--------------------------------|-----------------|-----------|--------------------|--------|
        | => | 01         | the rejected row               | 0               | -1        | K-REJECTED-ROW     | 2      |
        | => | 02         | a complete adverse-event table | 0               | -1        | K-TABLE-INCOMPLETE | 1      |
        """,  # noqa: E501
    )


def test_days_count_from_the_infusion_that_the_row_follows() -> None:
    """The same fact after two infusions is two facts."""
    assert_facts(
        """
        | low | high | requires | days | infusion | => |
        |-----|------|----------|------|----------|----|
        | 0   | 1    | ICE      | 3-5  | 1        | => |
        | 0   | 1    | ICE      | 3-5  | 2        | => |
        """,
        """
        | => | sentence                                  | infusion_number |
        |----|-------------------------------------------|-----------------|
        | => | ICE score on days 3 to 5                  | 1               |
        | => | ICE score on days 3 to 5 after infusion 2 | 2               |
        """,
        infusions=(0, 40),
    )


@pytest.mark.parametrize(
    ("high", "is_infused", "impact"),
    [(5, True, "fatal"), (4, False, "crosses_3"), (2, True, "crosses_1"), (0, True, "crosses_1")],
)
def test_a_subject_without_an_infusion_date_needs_that_date(high: int, is_infused: bool, impact: str) -> None:
    found = close("", infusions=(), high=high, is_infused=is_infused)
    assert found.select("threshold", "sentence", "impact").rows() == [(1, "the date of the infusion", impact)]


def test_who_was_not_infused_and_has_nothing_that_counts_needs_nothing() -> None:
    assert close("", infusions=(), high=0, is_infused=False).is_empty()


def test_a_settled_subject_needs_nothing_and_late_rows_ask_for_nothing() -> None:
    assert close("| low | high | requires | => |\n| 3 | 3 | ICE | => |").is_empty()
    late = "| low | high | status | requires | => |\n| 0 | 0 | late | ICE | => |\n| 2 | 2 | | | => |"
    assert close(late).is_empty()


def test_the_order_of_rows_does_not_matter() -> None:
    rows = [f"| 0 | 4 | ICE,AROUSAL | {day}-{day + 2} | => |" for day in (9, 3, 5, 14, 3, 8)]
    head = "| low | high | requires | days | => |"
    facts = [
        close("\n".join([head, *order])).drop("rules") for order in (rows, rows[::-1], rows[3:] + rows[:3])
    ]
    assert facts[0].equals(facts[1])
    assert facts[0].equals(facts[2])


# --- through the whole kernel ------------------------------------------------------------------


def sentences(frames: dict[str, pl.DataFrame], threshold: int) -> list[tuple[str, str]]:
    facts = frames["core_closing_facts"].filter(pl.col("threshold") == threshold)
    return sorted(facts.select("subject_id", "sentence").rows())


def test_the_facts_of_a_study() -> None:
    """Encephalopathy 3 is 1/3/4, seizure 3 is 3/3/4: what is asked are the words of the release."""
    frames = grade_rows(
        read_table(
            """
            | subject | term           | grade | start | end | => |
            |---------|----------------|-------|-------|-----|----|
            | 01      | Encephalopathy | 3     | 6     | 9   | => |
            | 02      | Seizure        | 3     | 7     | 7   | => |
            | 03      | Encephalopathy | 3     | 29    | 33  | => |
            | 04      | Tremor         | 3     | 7     | 7   | => |
            | 05      | Zorbl          | 3     | 7     | 7   | => |
            """
        )[0]
    )
    arousal = "arousal to voice or touch, and any sedation"
    assert sentences(frames, 3) == [
        ("01", "ICE score on days 6 to 9"),
        ("01", f"{arousal} on days 6 to 9"),
        ("03", "ICE score on days 29 to 30"),
        ("03", f"{arousal} on days 29 to 30"),
        ("05", "a mapping decision for the term on day 7"),
    ]
    assert ("02", "seizure duration and return to baseline on day 7") in sentences(frames, 4)
    assert [name for name, _ in sentences(frames, 1)] == ["05"]


def test_assessments_take_facts_off_the_list_until_nothing_is_open() -> None:
    """ICE on two of three days leaves the third; ICE and arousal on all of them close the row."""
    row = [{"subject": "01", "term": "Encephalopathy", "grade": "3", "start": "6", "end": "8"}]

    def assessed(days: range) -> list[studies.Row]:
        return [
            studies.assessment(item, value, day, number=2 * day + place)
            for day in days
            for place, (item, value) in enumerate((("ice_total", 9), ("arousal", "alert")))
        ]

    arousal = "arousal to voice or touch, and any sedation"
    some = grade_rows(row, assessments=assessed(range(6, 8)))
    assert sentences(some, 3) == [("01", "ICE score on day 8"), ("01", f"{arousal} on day 8")]
    assert grade_rows(row, assessments=assessed(range(6, 9)))["core_closing_facts"].is_empty()


def test_a_subject_without_an_infusion_date_is_on_the_list_once() -> None:
    frames = grade_rows(
        [{"subject": "01", "term": "Encephalopathy", "grade": "3", "start": "6"}], infusions={"01": (None,)}
    )
    assert frames["core_closing_facts"].select("threshold", "sentence", "impact").rows() == [
        (1, "the date of the infusion", "crosses_3")
    ]
