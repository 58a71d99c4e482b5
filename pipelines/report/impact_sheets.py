"""An impact preview as a spreadsheet: one sheet per question, one line per answer.

What may live here: which columns a sheet has. What may not: how cells are made harmless
(`pipelines.report.spreadsheet`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from pipelines.report.impact_model import ImpactReport
from pipelines.report.impact_text import interval, verdict
from pipelines.report.spreadsheet import Cell, SheetOfCells, render_xlsx


def render_impact_xlsx(report: ImpactReport) -> bytes:
    """The report as a workbook; every text in it is text."""
    return render_xlsx(list(_sheets(report)))


def _sheets(report: ImpactReport) -> Iterator[SheetOfCells]:
    yield _summary(report)
    yield SheetOfCells(
        "Studies",
        (
            *("Study", "Rows", "Rows reached", "Rows decided otherwise", "Rows contributing otherwise"),
            *("Subjects", "Subjects affected", "In the headline window"),
        ),
        [
            (
                *(s.study_id, s.rows, s.rows_matched, s.rows_changed, s.events_affected),
                *(s.subjects, s.subjects_affected, s.subjects_affected_primary),
            )
            for s in report.studies
        ],
    )
    yield SheetOfCells(
        "Points",
        ("Study", "Point before", "Point after", "Subjects"),
        [
            (s.study_id, _grade(c.before), _grade(c.after), c.subjects)
            for s in report.studies
            for c in s.matrix
        ],
    )
    yield SheetOfCells(
        "Crossings",
        ("Study", "End", "At least", "Direction", "Subjects"),
        [
            (s.study_id, c.end, c.threshold, c.direction, c.subjects)
            for s in report.studies
            for c in s.crossings
        ],
    )
    yield SheetOfCells(
        "Subjects",
        (
            *("Number", "Study", "Subject", "Infusion", "Window days", "Headline"),
            *("Before", "Outcome before", "After", "Outcome after", "Cause", "Changes"),
        ),
        [
            (
                *(s.number, s.study_id, s.subject_id, s.infusion_number, s.window_days, s.is_headline),
                *(interval(s.low_before, s.point_before, s.high_before), s.outcome_before),
                *(interval(s.low_after, s.point_after, s.high_after), s.outcome_after),
                *(s.cause, ", ".join(s.changes)),
            )
            for s in report.subjects
        ],
        (8, 16, 12, 9, 9, 9, 9, 16, 9, 16, 12, 80),
    )
    yield SheetOfCells(
        "Changes",
        ("Change", "What", "Class", "Labels", "Before", "After", "Reason", "Subjects"),
        [
            (
                *(c.change_id, c.change, c.change_class, ", ".join(c.labels)),
                *(_cells(c.before), _cells(c.after), c.rationale, c.subjects),
            )
            for c in report.changes
        ],
        (50, 10, 10, 30, 50, 50, 60, 10),
    )
    yield SheetOfCells(
        "Coverage",
        ("Study", "Change", "Term", "Rows", "Subjects"),
        [(s.study_id, c.change, c.term, c.rows, c.subjects) for s in report.studies for c in s.coverage],
        (16, 10, 40, 10, 10),
    )
    yield SheetOfCells(
        "Contradictions",
        ("Study", "Kind", "Rows before", "Rows after"),
        [(s.study_id, c.kind, c.rows_before, c.rows_after) for s in report.studies for c in s.contradictions],
        (16, 32, 12, 12),
    )
    yield SheetOfCells(
        "Falling ladders",
        ("Scale", "Version", "Concept", "Population", "End", "Grade", "Value", "Next grade", "Next value"),
        [tuple(line.model_dump().values()) for line in report.falling_ladders],
    )
    yield SheetOfCells("Never hit", ("Grade row",), [(rule,) for rule in report.rules_never_hit], (60,))


def _summary(report: ImpactReport) -> SheetOfCells:
    rows: list[tuple[Cell, ...]] = [
        ("New release", f"{report.new.release_id} ({report.new.review_status})"),
        ("Old release", f"{report.old.release_id} ({report.old.review_status})"),
        ("Result", verdict(report)),
        ("Class of the release", report.change_class),
        ("Rows that differ between the releases", len(report.changes)),
        *(("Not computed", f"{f.study_id}: {f.message}. {f.next_action}") for f in report.failures),
    ]
    rows += [(name.replace("_", " "), value) for name, value in report.totals.model_dump().items()]
    return SheetOfCells("Summary", ("Question", "Answer"), rows, (36, 100))


def _grade(point: int | None) -> Cell:
    return "none" if point is None else point


def _cells(cells: dict[str, object] | None) -> str | None:
    return None if cells is None else json.dumps(cells, ensure_ascii=False)
