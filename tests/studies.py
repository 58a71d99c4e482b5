"""Small studies made by hand: checked rows with every column, and their frames.

Only builders live here; what a rule expects is in the tests. Defaults describe an adult infused on
2020-01-01 whose event of CTCAE 4.03 starts and ends two days later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl

from mappings.release import Release
from schemas.manifest import StudyManifest
from schemas.registry import CHECKED_TABLES, RELEASE_TABLES, TABLES

Row = dict[str, Any]
Rows = dict[str, list[Row]]

STUDY = "S1"
INFUSION_DAY = date(2020, 1, 1)
LAST_INSTANT = time(23, 59, 59, 999999)
Moment = int | date | datetime | tuple[date | datetime | None, date | datetime | None] | None


def instants(moment: Moment) -> tuple[datetime | None, datetime | None, str]:
    """Earliest and latest instant and precision.

    An int is a day after INFUSION_DAY, a pair is a range of days or instants, None is unknown.
    """
    if moment is None:
        return None, None, "none"
    if isinstance(moment, int):
        moment = INFUSION_DAY + timedelta(days=moment)
    if isinstance(moment, tuple):
        first, last = moment
        return _edge(first, time(0)), _edge(last, LAST_INSTANT), "partial"
    precision = "time" if isinstance(moment, datetime) else "day"
    return _edge(moment, time(0)), _edge(moment, LAST_INSTANT), precision


def _edge(moment: date | datetime | None, at: time) -> datetime | None:
    if moment is None or isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, at)


def event(
    term: str | None = "Encephalopathy",
    grade: int | None = 3,
    start: Moment = 2,
    end: Moment = 2,
    *,
    subject: str = "01",
    number: int = 1,
    **other: Any,
) -> Row:
    start_earliest, start_latest, start_precision = instants(start)
    end_earliest, end_latest, end_precision = instants(end)
    row: Row = {
        "study_id": STUDY,
        "subject_id": subject,
        "event_id": str(number),
        "source_file": "ae.csv",
        "source_row": number,
        "verbatim_term": None,
        "lowest_level_term": None,
        "preferred_term": term,
        "llt_code": None,
        "pt_code": None,
        "body_system": None,
        "scale": "ctcae",
        "scale_version": "4.03",
        "grade_text": None if grade is None else str(grade),
        "grade": grade,
        "grade_status": "missing" if grade is None else "read",
        "severity": None,
        "start_text": None,
        "start_earliest": start_earliest,
        "start_latest": start_latest,
        "start_precision": start_precision,
        "end_text": None,
        "end_earliest": end_earliest,
        "end_latest": end_latest,
        "end_precision": end_precision,
        "is_ongoing": None,
        "relationship": None,
        "outcome": None,
        "is_fatal": None,
        "is_serious": None,
        "is_sponsor_neurotoxicity": None,
    }
    return _merged(row, other)


def subject(identifier: str = "01", **other: Any) -> Row:
    row: Row = {
        "study_id": STUDY,
        "subject_id": identifier,
        "is_in_subject_table": True,
        "is_infused": True,
        "arm": None,
        "sex": None,
        "age_text": None,
        "age_years": 50.0,
        "has_developmental_delay": None,
        "population": "adult",
        "vital_status": "unknown",
        "death_earliest": None,
        "death_latest": None,
        "source_file": "dm.csv",
        "source_row": 1,
    }
    return _merged(row, other)


def infusion(at: Moment = 0, *, subject: str = "01", number: int = 1, **other: Any) -> Row:
    earliest, latest, precision = instants(at)
    row: Row = {
        "study_id": STUDY,
        "subject_id": subject,
        "infusion_number": number,
        "product": None,
        "infusion_text": None,
        "infusion_earliest": earliest,
        "infusion_latest": latest,
        "infusion_precision": precision,
        "source_file": "ex.csv",
        "source_row": number,
    }
    return _merged(row, other)


def sedation(start: Moment, end: Moment, *, subject: str = "01", number: int = 1) -> Row:
    start_earliest, start_latest, _ = instants(start)
    end_earliest, end_latest, _ = instants(end)
    return {
        "study_id": STUDY,
        "subject_id": subject,
        "source_file": "cm.csv",
        "source_row": number,
        "start_earliest": start_earliest,
        "start_latest": start_latest,
        "end_earliest": end_earliest,
        "end_latest": end_latest,
    }


def assessment(
    item: str,
    value: float | str | None,
    at: Moment = 2,
    *,
    subject: str = "01",
    number: int = 1,
    **other: Any,
) -> Row:
    """One item; a number is a score, a text is a code, None is not done (give `not_done_reason`)."""
    earliest, latest, precision = instants(at)
    row: Row = {
        "study_id": STUDY,
        "subject_id": subject,
        "source_file": "ice.csv",
        "source_row": number,
        "source_column": item.upper(),
        "assessed_text": None,
        "assessed_earliest": earliest,
        "assessed_latest": latest,
        "assessed_precision": precision,
        "item": item,
        "value_text": None if value is None else str(value),
        "value": None if value is None or isinstance(value, str) else float(value),
        "code": value if isinstance(value, str) else None,
        "value_status": "not_done" if value is None else "read",
        "not_done_reason": None,
        "is_sedated": None,
    }
    return _merged(row, other)


def crs(start: Moment, end: Moment, *, subject: str = "01", number: int = 1, **other: Any) -> Row:
    start_earliest, start_latest, _ = instants(start)
    end_earliest, end_latest, _ = instants(end)
    row: Row = {
        "study_id": STUDY,
        "subject_id": subject,
        "source_file": "crs.csv",
        "source_row": number,
        "grade_text": None,
        "grade": None,
        "start_earliest": start_earliest,
        "start_latest": start_latest,
        "end_earliest": end_earliest,
        "end_latest": end_latest,
        "is_ongoing": None,
    }
    return _merged(row, other)


def history(term: str | None, start: Moment = None, *, subject: str = "01", number: int = 1) -> Row:
    start_earliest, start_latest, _ = instants(start)
    return {
        "study_id": STUDY,
        "subject_id": subject,
        "source_file": "mh.csv",
        "source_row": number,
        "verbatim_term": None,
        "lowest_level_term": None,
        "preferred_term": term,
        "llt_code": None,
        "pt_code": None,
        "body_system": None,
        "start_earliest": start_earliest,
        "start_latest": start_latest,
    }


def rejected(term: str | None = None, *, subject: str | None = "01", number: int = 900, **other: Any) -> Row:
    row: Row = {
        "study_id": STUDY,
        "table_name": "adverse_events",
        "source_file": "ae.csv",
        "source_row": number,
        "rule_id": "CHK-TEST",
        "reason": "cannot be used",
        "next_action": "correct the row",
        "cells": "{}",
        "subject_id": subject,
        "verbatim_term": None,
        "lowest_level_term": None,
        "preferred_term": term,
        "llt_code": None,
        "pt_code": None,
        "body_system": None,
    }
    return _merged(row, other)


def _merged(row: Row, other: Mapping[str, Any]) -> Row:
    unknown = set(other) - set(row)
    assert not unknown, f"no such column: {unknown}"
    return row | dict(other)


def study(
    events: Iterable[Row],
    subjects: Iterable[Row] | None = None,
    infusions: Iterable[Row] | None = None,
    sedations: Iterable[Row] = (),
    rejects: Iterable[Row] = (),
    assessments: Iterable[Row] = (),
    crs_rows: Iterable[Row] = (),
    histories: Iterable[Row] = (),
) -> Rows:
    """Checked rows of a study; by default one adult with one infusion at day 0."""
    return {
        "core_adverse_events": list(events),
        "core_subjects": list(subjects) if subjects is not None else [subject()],
        "core_infusions": list(infusions) if infusions is not None else [infusion()],
        "core_sedation": list(sedations),
        "core_assessments": list(assessments),
        "core_crs": list(crs_rows),
        "core_medical_history": list(histories),
        "core_rejected_rows": list(rejects),
        "core_parse_problems": [],
        "core_findings": [],
    }


def manifest(**other: Any) -> StudyManifest:
    """A manifest; `grading`, `windows`, ... as in study.yaml."""
    content: Row = {
        "study": STUDY,
        "files": [{"path": "ae.csv", "role": "adverse_events"}],
        "grading": {"scale": "ctcae", "version": "4.03"},
        "infusions": {"source": "none"},
    }
    return StudyManifest.model_validate(content | other)


def to_frames(rows: Rows) -> dict[str, pl.DataFrame]:
    """Checked rows as canonical frames."""
    return {
        table.info().name: table.canonicalise(
            pl.DataFrame(rows[table.info().name], schema=table.polars_schema(), orient="row")
        )
        for table in CHECKED_TABLES
    }


def release_rows(release: Release) -> Rows:
    """The tables of a release as rows."""
    return {table.info().name: release.tables[table.info().name].to_dicts() for table in RELEASE_TABLES}


def differences(expected: Rows, actual: Mapping[str, pl.DataFrame]) -> list[str]:
    """Cells on which two sets of tables disagree, over the columns that `expected` has."""
    found: list[str] = []
    for name, rows in expected.items():
        key = [column for column in TABLES[name].info().key if column != "study_id"]
        right = {tuple(row[k] for k in key): row for row in actual[name].to_dicts()}
        left = {tuple(row[k] for k in key): row for row in rows}
        found += [f"{name} {k}: only expected {left[k]}" for k in left.keys() - right.keys()]
        found += [f"{name} {k}: only computed {right[k]}" for k in right.keys() - left.keys()]
        for k in sorted(left.keys() & right.keys(), key=repr):
            shared = left[k].keys() & right[k].keys()
            found += [
                f"{name} {k}.{column}: expected {left[k][column]!r}, computed {right[k][column]!r}"
                for column in sorted(shared)
                if left[k][column] != right[k][column]
            ]
    return sorted(found)
