"""Builders for spec tests of courses: subject-days as a line of text, and studies with their CRS table.

Only builders live here. A course is written `3=0/2/3 4=0/-/4`: day, then low/point/high, `-` for no point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from pipelines.grading.kernel import grade_study
from tests import studies
from tests.spec.table import Frames, event_of, shipped
from tests.studies import STUDY, Row

SPAN_SCHEMA = {
    "study_id": pl.String,
    "subject_id": pl.String,
    "infusion_number": pl.Int32,
    "first_possible": pl.Int32,
    "last_possible": pl.Int32,
}
DAY_SCHEMA = {
    "study_id": pl.String,
    "subject_id": pl.String,
    "infusion_number": pl.Int32,
    "day": pl.Int32,
    "low": pl.Int8,
    "point": pl.Int8,
    "high": pl.Int8,
    "has_open_end": pl.Boolean,
}


def days_of(courses: Mapping[str, str], infusion: int = 1) -> pl.DataFrame:
    """Subject to days: the columns of `derive_subject_days` that courses read. A trailing `+`: open end."""
    rows = []
    for name, text in courses.items():
        for cell in text.split():
            day, interval = cell.rstrip("+").split("=")
            low, point, high = (None if end == "-" else int(end) for end in interval.split("/"))
            rows.append((STUDY, name, infusion, int(day), low, point, high, cell.endswith("+")))
    return pl.DataFrame(rows, schema=DAY_SCHEMA, orient="row")


def spans_of(*spans: tuple[str, int, int]) -> pl.DataFrame:
    """Subject, first and last day after infusion 1: spans of CRS or of imputed dates."""
    return pl.DataFrame(
        [(STUDY, name, 1, first, last) for name, first, last in spans], schema=SPAN_SCHEMA, orient="row"
    )


def grade_rows(
    cells: Iterable[Row],
    *,
    subjects: Mapping[str, Row] | None = None,
    infusions: Mapping[str, Iterable[Any]] | None = None,
    assessments: Iterable[Row] = (),
    crs: Iterable[Row] = (),
    **manifest: Any,
) -> Frames:
    """All results; subjects are those of the rows unless `subjects` names them, infused on day 0."""
    events = [event_of(row, number) for number, row in enumerate(cells, start=1)]
    given = {row["subject_id"]: {} for row in events} if subjects is None else dict(subjects)
    dates = dict.fromkeys(given, (0,)) if infusions is None else dict(infusions)
    rows = studies.study(
        events,
        [studies.subject(name, **attributes) for name, attributes in given.items()],
        [
            studies.infusion(at, subject=name, number=number)
            for name, at_all in dates.items()
            for number, at in enumerate(at_all, start=1)
        ],
        assessments=assessments,
        crs_rows=crs,
    )
    return grade_study(studies.to_frames(rows), shipped(), studies.manifest(**manifest))
