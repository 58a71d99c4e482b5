"""Builders for spec tests of closing facts: event rows, moments and withheld rows as the kernel left them.

Only builders live here. A row of a table is one part: `kind` event (default), moment or withheld, `low` and
`high` in the primary window, `own` low before context.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from pipelines.grading.closing import derive_closing_facts
from schemas.courses import CoreAssessmentGrades, CoreAssessmentWindows, CoreClosingFacts
from schemas.evidence import CoreInfusions
from schemas.results import CoreEventGrades, CoreEventWindows, CoreSubjectGrades
from tests import studies
from tests.spec.table import read_table
from tests.studies import INFUSION_DAY, STUDY, Row

ICE = "ICE score on the days of the event"
AROUSAL = "arousal to voice or touch, and any sedation"
COMPONENTS = "the components: ICE score, arousal, seizure, motor and pressure findings"
SHORT = {"ICE": ICE, "AROUSAL": AROUSAL, "COMPONENTS": COMPONENTS, "DEATH": "cause of death adjudication"}
MIDNIGHT = datetime.combine(INFUSION_DAY, datetime.min.time())
PART_SCHEMA = {
    "is_open_ended": pl.Boolean,
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
        "domains": (cells.get("domain") or "cognition").replace(",", "|"),
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
        "last_certain": first if cells.get("end") == "unknown" else last,
        "last_possible": last,
        "is_open_ended": cells.get("end") == "ongoing",
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
            "is_open_ended",
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
