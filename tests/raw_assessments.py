"""Raw assessment files made by hand, wide and long, in a study of one adult with one event.

Only builders live here; what staging or checking makes of them is in the tests.
"""

from __future__ import annotations

from typing import Any

from pipelines.ingest.raw import RawStudy, RawTable
from tests.raw_studies import EVENT, SUBJECT, Cells, staged, study, table

ITEMS = {"ice_total": "ICE", "arousal": "AROUSAL", "seizure_duration_min": "DURATION"}
WIDE = {"date": "SEEN", "reason": "WHY", "status": "STATUS", "sedated": "SED"}
BLANK: dict[str, str | None] = dict.fromkeys((*ITEMS.values(), *WIDE.values()))


def page(**cells: str | None) -> dict[str, str | None]:
    """A row of a wide file on day 2 with nothing but the given cells."""
    return {"USUBJID": "01", **BLANK, "SEEN": "2020-01-03 08:00", **cells}


def wide(*rows: Cells, **spec: Any) -> RawTable:
    """A file with a column per item."""
    return table("assessments", rows, **({"items": ITEMS, "columns": WIDE} | spec))


def qs(code: str, value: str | None, **cells: str | None) -> dict[str, str | None]:
    """A row of SDTM QS on day 2."""
    return {"USUBJID": "01", "QSTESTCD": code, "QSSTRESC": value, "QSDTC": "2020-01-03T08:00", **cells}


CODES = {
    "ICETOT": "ice_total",
    "AROUSE": "arousal",
    "SZDUR": "seizure_duration_min",
    "ICANSGR": "astct_grade",
}


def long(*rows: Cells, **spec: Any) -> RawTable:
    """A file with a row per item."""
    return table("assessments", rows, **({"codes": CODES} | spec))


def of(*tables: RawTable, **manifest: Any) -> RawStudy:
    """The study with these files beside its events and subjects."""
    return study(table("adverse_events", [EVENT]), table("subjects", [SUBJECT]), *tables, **manifest)


def items(raw: RawStudy) -> list[dict[str, Any]]:
    """The staged rows."""
    return staged(raw)["staged_assessments"].to_dicts()


def values(raw: RawStudy) -> list[tuple[Any, ...]]:
    """Item, value, code, status and reason of every staged row."""
    names = ("source_row", "item", "value", "code", "value_status", "not_done_reason")
    return [tuple(row[name] for name in names) for row in items(raw)]
