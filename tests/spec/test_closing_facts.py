"""What would close an interval: open thresholds, responsible rows, and the facts that would settle them.

Each table has one row per event row, assessed moment or withheld row with what the kernel made of it (low and
high in the primary window of 30 days, `own` low before context), then the facts that must come out.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from pipelines.grading.closing import derive_closing_facts
from pipelines.grading.closing_words import CONTEXT_FACTS, NO_FACT, ROW_FACTS
from schemas.courses import CoreAssessmentGrades, CoreAssessmentWindows, CoreClosingFacts
from schemas.evidence import CoreInfusions
from schemas.results import CoreEventGrades, CoreEventWindows, CoreSubjectGrades
from schemas.vocabulary import REVIEW_REASONS
from tests import studies
from tests.spec.table import read_table
from tests.studies import INFUSION_DAY, STUDY, Row

ICE = "ICE score on the days of the event"
AROUSAL = "arousal to voice or touch, and any sedation"
COMPONENTS = "the components: ICE score, arousal, seizure, motor and pressure findings"
SHORT = {"ICE": ICE, "AROUSAL": AROUSAL, "COMPONENTS": COMPONENTS, "DEATH": "cause of death adjudication"}
MIDNIGHT = datetime.combine(INFUSION_DAY, datetime.min.time())
PART_SCHEMA = {
    "low": pl.Int8,
    "high": pl.Int8,
    "infusion_number": pl.Int32,
    "window_days": pl.Int32,
    "release_low": pl.Int8,
    "measured_low": pl.Int8,
    **dict.fromkeys(
        (
            "onset_day_earliest",
            "onset_day_latest",
            "day_earliest",
            "day_latest",
            "first_possible",
            "first_certain",
            "last_certain",
            "last_possible",
        ),
        pl.Int32,
    ),
}


def spelt(cell: str) -> str | None:
    """Short names of facts, joined by a comma, as the `requires` of a rule."""
    return "|".join(SHORT.get(part.strip(), part.strip()) for part in cell.split(",")) if cell else None


def days_of(cell: str) -> tuple[int | None, int | None]:
    """'6-9', '7' or '' (none known)."""
    first, _, last = cell.partition("-")
    return (int(first), int(last or first)) if cell else (None, None)


def part_of(cells: Row, number: int) -> Row:
    """Every column that the frames of events, moments, windows and spans share."""
    first, last = days_of(cells.get("days", "3-5"))
    onset_first, onset_last = days_of(cells.get("onset") or ("" if first is None else str(first)))
    status = cells.get("status") or "inside"
    low = int(cells["low"])
    return {
        "study_id": STUDY,
        "subject_id": cells.get("subject") or "01",
        "event_id": str(number),
        "moment": f"m{number}",
        "domain": cells.get("domain") or "cognition",
        "domains": cells.get("domain") or "cognition",
        "rule_id": cells.get("rule") or f"R{number}",
        "evidence_rule": cells.get("evidence") or None,
        "requires": spelt(cells.get("requires", "")),
        "review_reasons": cells.get("reasons", "").replace(",", "|") or None,
        "release_low": int(cells.get("own") or low),
        "measured_low": int(cells.get("own") or low),
        "low": low,
        "high": int(cells["high"]),
        "infusion_number": int(cells.get("infusion") or 1),
        "window_days": 30,
        "window_status": status,
        "is_usable": cells.get("usable") == "yes",
        "onset_day_earliest": onset_first,
        "onset_day_latest": onset_last,
        "day_earliest": first,
        "day_latest": last,
        "assessed_earliest": None if first is None else MIDNIGHT + timedelta(days=first),
        "assessed_latest": None if last is None else MIDNIGHT + timedelta(days=last, hours=23),
        "first_possible": None if first is None else max(first, 0),
        "first_certain": onset_last,
        "last_certain": last,
        "last_possible": last,
    }


def frame_of(rows: list[Row], table: type[Any] | None, extra: tuple[str, ...] = ()) -> pl.DataFrame:
    """The columns of a table that the rows have."""
    known = part_of({"low": "0", "high": "0"}, 0)
    types = table.polars_schema() if table is not None else {}
    wanted = [name for name in known if name in types or name in extra]
    schema = {name: PART_SCHEMA.get(name) or types.get(name) or pl.String for name in wanted}
    return pl.DataFrame([{name: row[name] for name in wanted} for row in rows], schema=schema, orient="row")


def close(text: str, infusions: tuple[Any, ...] = (0,), **subject: Any) -> pl.DataFrame:
    """core_closing_facts of the parts of a table; `kind` is event (default), moment or withheld."""
    cells = read_table(text)[0] if text else []
    rows = [part_of(row, number) for number, row in enumerate(cells, start=1)]
    kinds = [row.get("kind") or "event" for row in cells]
    of = {kind: [row for row, k in zip(rows, kinds, strict=True) if k == kind] for kind in {*kinds}}
    events, moments = of.get("event", []), of.get("moment", [])
    names = sorted({row["subject_id"] for row in rows}) or ["01"]
    ends = {
        name: (
            max((row["low"] for row in rows if row["subject_id"] == name), default=0),
            max((row["high"] for row in rows if row["subject_id"] == name), default=0),
        )
        for name in names
    }
    subjects = [
        {
            "study_id": STUDY,
            "subject_id": name,
            "infusion_number": 0,
            "is_primary_window": True,
            "is_infused": True,
            "outcome": "INDETERMINATE" if infusions else "NOT_EVALUABLE",
            "low": ends[name][0],
            "high": ends[name][1],
        }
        | subject
        for name in names
    ]
    types = CoreSubjectGrades.polars_schema()
    given = [
        studies.infusion(at, subject=name, number=number)
        for name in names
        for number, at in enumerate(infusions, start=1)
    ]
    withheld = pl.DataFrame(
        [
            {
                **{name: row[name] for name in ("study_id", "subject_id", "low", "high", "rule_id")},
                "domains": "cognition",
                "reason": row["review_reasons"],
            }
            for row in of.get("withheld", [])
        ],
        schema={
            "study_id": pl.String,
            "subject_id": pl.String,
            "low": pl.Int8,
            "high": pl.Int8,
            "rule_id": pl.String,
            "domains": pl.String,
            "reason": pl.String,
        },
        orient="row",
    )
    spans = frame_of(
        events,
        None,
        (
            "study_id",
            "subject_id",
            "event_id",
            "infusion_number",
            "first_possible",
            "first_certain",
            "last_certain",
            "last_possible",
        ),
    )
    found = derive_closing_facts(
        pl.DataFrame(subjects, schema={name: types[name] for name in subjects[0]}, orient="row"),
        frame_of(events, CoreEventGrades),
        frame_of(events, CoreEventWindows, ("evidence_rule",)),
        frame_of(moments, CoreAssessmentGrades),
        frame_of(moments, CoreAssessmentWindows),
        withheld,
        spans,
        pl.DataFrame(given, schema=CoreInfusions.polars_schema(), orient="row"),
        studies.manifest(),
    )
    return CoreClosingFacts.require(found)


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
    """ICE is there on days 4 and 5; the arousal still is not; who was assessed every day lacks dates."""
    assert_facts(
        """
        | subject | kind   | low | high | requires    | days | usable | => |
        |---------|--------|-----|------|-------------|------|--------|----|
        | 01      |        | 0   | 3    | ICE,AROUSAL | 3-8  |        | => |
        | 01      | moment | 0   | 0    |             | 4    | yes    | => |
        | 01      | moment | 1   | 1    |             | 5    | yes    | => |
        | 01      | moment | 0   | 0    |             | 8    |        | => |
        | 02      |        | 0   | 3    | ICE         | 3-4  |        | => |
        | 02      | moment | 0   | 0    |             | 3    | yes    | => |
        | 02      | moment | 0   | 0    |             | 4    | yes    | => |
        """,
        """
        | => | subject_id | sentence                                                     |
        |----|------------|--------------------------------------------------------------|
        | => | 01         | ICE score on day 3                                           |
        | => | 01         | ICE score on days 6 to 8                                     |
        | => | 01         | arousal to voice or touch, and any sedation on days 3 to 8   |
        | => | 02         | the exact dates of the event on days 3 to 4                  |
        """,
        threshold=3,
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
