"""Raw studies made by hand, as a reader would hand them on: cells of text under their SDTM names.

Only builders live here. Defaults describe a CTCAE 4.03 study of one adult with one event, whose infusion
is the reference start of the subject table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from pipelines.ingest.checking import check_study
from pipelines.ingest.raw import REJECTED_SCHEMA, ROW, RawStudy, RawTable
from pipelines.ingest.staging import stage_study
from schemas.manifest import FileSpec, StudyManifest

Cells = Mapping[str, str | None]
Tables = dict[str, pl.DataFrame]

EVENT: dict[str, str | None] = {
    "USUBJID": "01",
    "AESEQ": "1",
    "AETERM": "confused",
    "AEDECOD": "Confusional state",
    "AEPTCD": "10010305",
    "AEBODSYS": "Psychiatric disorders",
    "AETOXGR": "2",
    "AESTDTC": "2020-01-03",
    "AEENDTC": "2020-01-05",
    "AEREL": "RELATED",
    "AEOUT": "RECOVERED/RESOLVED",
    "AESDTH": "N",
    "AESER": "N",
}
SUBJECT: dict[str, str | None] = {
    "USUBJID": "01",
    "ACTARM": "CAR-T",
    "SEX": "F",
    "AGE": "50",
    "AGEU": "YEARS",
    "BRTHDTC": None,
    "DTHFL": None,
    "DTHDTC": None,
    "RFSTDTC": "2020-01-01",
}


def event(**cells: str | None) -> dict[str, str | None]:
    """An adverse-event row; a keyword replaces or adds a cell."""
    return {**EVENT, **cells}


def subject(**cells: str | None) -> dict[str, str | None]:
    """A subject row; a keyword replaces or adds a cell."""
    return {**SUBJECT, **cells}


def table(role: str, rows: Sequence[Cells], *, header: Sequence[str] = (), **spec: Any) -> RawTable:
    """A file of the given rows; `header` gives the columns of a file without rows."""
    names = list(dict.fromkeys([name for row in rows for name in row] or header))
    texts = {name: pl.Series([row.get(name) for row in rows], dtype=pl.String) for name in names}
    numbers = {ROW: pl.Series(range(1, len(rows) + 1), dtype=pl.Int64)}
    declared = {"path": f"{role}.csv", "role": role} | {
        key: value for key, value in spec.items() if key not in ("rejected",)
    }
    rejected = pl.DataFrame(spec.get("rejected", []), schema=REJECTED_SCHEMA)
    return RawTable(
        FileSpec.model_validate(declared),
        pl.DataFrame(numbers | texts),
        rejected,
        len(rows) + rejected.height,
    )


def study(*tables: RawTable, source: str = "reference_start", **manifest: Any) -> RawStudy:
    """A study of the given files; keywords are keys of the manifest."""
    grading = {"scale": "ctcae", "version": "4.03"} | manifest.pop("grading", {})
    infusions = {"source": source} | manifest.pop("infusions", {})
    content = {
        "study": "S1",
        "files": [one.spec.model_dump() for one in tables],
        "grading": grading,
        "infusions": infusions,
        **manifest,
    }
    return RawStudy(StudyManifest.model_validate(content), tables)


def plain(
    events: Sequence[Cells] = (EVENT,), subjects: Sequence[Cells] = (SUBJECT,), **manifest: Any
) -> RawStudy:
    """A study of an adverse-event and a subject table."""
    return study(
        table("adverse_events", events, header=list(EVENT)),
        table("subjects", subjects, header=list(SUBJECT)),
        **manifest,
    )


def staged(raw: RawStudy) -> Tables:
    """The staged tables of a study."""
    return stage_study(raw)


def checked(raw: RawStudy) -> Tables:
    """The checked tables of a study."""
    return check_study(stage_study(raw), raw.manifest)


def result(tables: Tables, rule_id: str, table_name: str | None = None) -> tuple[str, int, int]:
    """Status, count and denominator of the only finding of a rule."""
    rows = tables["core_findings"].filter(pl.col("rule_id") == rule_id)
    if table_name is not None:
        rows = rows.filter(pl.col("table_name") == table_name)
    row = rows.row(0, named=True) if rows.height == 1 else None
    assert row is not None, f"{rule_id}: {rows.height} findings"
    return row["status"], row["count"], row["denominator"]


def problems(tables: Tables) -> list[tuple[str, str, str]]:
    """Field, text and rule of every parse problem."""
    frame = tables["core_parse_problems"]
    return frame.select("field_name", "text", "rule_id").rows()
