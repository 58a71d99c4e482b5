"""One row per rule that was run: pass, fail or not applicable, with count and denominator.

Only the counting of results may live here; the rules themselves stand in `staging`, `conformance` and
`checking`. A finding never blocks and never holds a subject id: its examples are file and row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from schemas.base import SEPARATOR
from schemas.evidence import CoreFindings

Severity = Literal["error", "warning", "info"]
_EXAMPLES: Final = 5


@dataclass(frozen=True)
class Rule:
    """A rule in words: its id, where it looks, how much a failure matters and what to do about it."""

    rule_id: str
    column: str
    severity: Severity
    description: str
    next_action: str


def finding(
    rule: Rule,
    study_id: str,
    table_name: str,
    *,
    count: int,
    denominator: int,
    places: pl.DataFrame | None = None,
    column: str | None = None,
) -> dict[str, object]:
    """One row of `core_findings`; `places` (source_file, source_row) gives up to five examples."""
    examples: list[str] = []
    if places is not None and places.height:
        first = first_places(places).sort("source_file", "source_row")
        examples = [f"{file}:{row}" for file, row in first.iter_rows()]
    status = "not_applicable" if denominator == 0 else "fail" if count else "pass"
    return {
        "study_id": study_id,
        "rule_id": rule.rule_id,
        "table_name": table_name,
        "column_name": column or rule.column,
        "severity": rule.severity,
        "status": status,
        "count": count,
        "denominator": denominator,
        "description": rule.description,
        "next_action": rule.next_action,
        "example_rows": SEPARATOR.join(examples) or None,
    }


def first_places(places: pl.DataFrame) -> pl.DataFrame:
    """The places a finding shows: the first five in the order of files and rows, themselves in no order."""
    known = places.select("source_file", "source_row").drop_nulls()
    if known.is_empty():
        return known
    first = known.group_by("source_file").agg(pl.col("source_row").unique().bottom_k(_EXAMPLES))
    listed = first.explode("source_row", empty_as_null=False)
    return listed.bottom_k(_EXAMPLES, by=["source_file", "source_row"])


def findings_frame(rows: Iterable[dict[str, object]]) -> pl.DataFrame:
    """Findings as a frame of `core_findings`, not yet canonical."""
    return pl.DataFrame(list(rows), schema=CoreFindings.polars_schema(), orient="row")
