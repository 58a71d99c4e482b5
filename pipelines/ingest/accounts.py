"""The accounts of staging: rows that cannot be used, rows left out, and that all of them add up.

Only the keeping and counting of rows may live here, nothing that reads a cell of a usable row.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Final

import polars as pl

from pipelines.ingest.cells import FileCells, clean, clean_code, render_cells
from pipelines.ingest.findings import Rule, finding
from pipelines.ingest.parse_grades import HALF_GRADE
from pipelines.ingest.raw import ROW, RawTable, StoredRawTable
from schemas.base import repeats_key
from schemas.errors import SchemaError
from schemas.evidence import CoreAdverseEvents, CoreSubjects
from schemas.manifest import StudyManifest

_CARRIED: Final = (
    *("subject_id", "verbatim_term", "lowest_level_term", "preferred_term", "llt_code", "pt_code"),
    "body_system",
)
_KEYS: Final = {
    "adverse_events": CoreAdverseEvents.info().key[1:],
    "subjects": CoreSubjects.info().key[1:],
}
"""Tables whose rows may not repeat; of the others a row is suspect only without a subject."""
_PLACE: Final = ("source_file", "source_row")
_DELIMITERS: Final = {"comma": ",", "tab": "\t", "semicolon": ";"}
"""Delimiters by the name the reader notes; any other is noted as itself."""


def half_grade_rejects(file: FileCells, half: pl.DataFrame) -> pl.DataFrame:
    """Rows with a half grade as rejected rows, with all their cells."""
    return half.join(file.cells(half), on=["source_file", "source_row"], how="left").with_columns(
        study_id=pl.lit(file.manifest.study),
        table_name=pl.lit(file.table_name),
        rule_id=pl.lit(HALF_GRADE),
        reason=pl.lit("a half grade; the study's manifest does not accept half grades"),
        next_action=pl.lit("correct the grade, or set grading.half_grades: ceil"),
    )


def reader_rejects(file: FileCells, known: Collection[str]) -> pl.DataFrame:
    """Rows the reader rejected, with subject and terms where the row did split into named cells.

    A row that did not is its subject's where the subject's place holds one of the `known` subjects of the
    study: rejected is not absent (GRADING.md 1, law 5). Nothing else is taken from it, so that its term is
    unknown and it can only raise `high`.
    """
    carried: dict[str, list[str | None]] = {name: [] for name in _CARRIED}
    owners: list[str | None] = []
    names = [name for name in file.table.frame.columns if name != ROW]
    place = names.index(file.columns["subject_id"])
    for cells in file.table.rejected.get_column("cells"):
        named = json.loads(cells)
        for name, values in carried.items():
            value = named.get(file.columns.get(name)) if name in file.columns else None
            values.append(value if isinstance(value, str) else None)
        owners.append(_cell_at(place, named.get("line"), file.table.notes.get("delimiter")))
    texts = {name: pl.Series(name, values, dtype=pl.String) for name, values in carried.items()}
    codes = ("subject_id", "llt_code", "pt_code")
    owner = clean_code(pl.col("owner"))
    return (
        file.table.rejected.with_columns(**texts, owner=pl.Series(owners, dtype=pl.String))
        .with_columns(
            pl.lit(file.manifest.study).alias("study_id"),
            pl.lit(file.table_name).alias("table_name"),
            pl.lit(file.path).alias("source_file"),
            *((clean_code if name in codes else clean)(pl.col(name)) for name in _CARRIED),
        )
        .with_columns(
            pl.col("subject_id").fill_null(pl.when(owner.is_in(list(known))).then(owner)),
        )
        .drop("owner")
    )


def _cell_at(place: int, line: str | None, delimiter: str | None) -> str | None:
    """What stands at this place of a row that could not be split; null where nothing does."""
    if line is None:
        return None
    if delimiter is not None:
        cells = [cell.strip().strip('"') for cell in line.split(_DELIMITERS.get(delimiter, delimiter))]
    else:
        try:
            values = json.loads(line, parse_float=str, parse_int=str)
        except (ValueError, RecursionError):
            return None
        cells = [str(value) for value in values] if isinstance(values, list) else []
    return cells[place] if place < len(cells) else None


def account(file: FileCells, used: int) -> None:
    """Raise `SchemaError` unless rows read = rows used (staged or rejected here) + filtered + unreadable."""
    total = used + file.filtered + file.table.rejected.height
    if total != file.table.rows_in:
        raise SchemaError(
            f"{file.table.rows_in} rows were read but {total} are accounted for",
            file=file.path,
            next_action="report this defect; nothing was published",
        )


def suspect_rows(table_name: str, rows: pl.DataFrame) -> pl.DataFrame:
    """`source_file` and `source_row` of the rows whose key is missing or repeated."""
    suspects = rows.filter(pl.col("subject_id").is_null()).select(_PLACE)
    key = _KEYS.get(table_name)
    if key is None:
        return suspects
    owned = rows.filter(pl.col("subject_id").is_not_null())
    return pl.concat([suspects, owned.filter(repeats_key(owned, list(key))).select(_PLACE)])


def source_rows(
    tables: Sequence[RawTable | StoredRawTable], suspects: Sequence[pl.DataFrame], manifest: StudyManifest
) -> list[pl.DataFrame]:
    """Cells of the rows whose key is missing or repeated, the only rows that checks can reject."""
    if not suspects:
        return []
    wanted = pl.concat(suspects)
    return [render_cells(table, wanted).with_columns(study_id=pl.lit(manifest.study)) for table in tables]


_FILTERED = Rule(
    "STG-ROWS-FILTERED",
    "*",
    "info",
    "Rows left out because the manifest says so (files[].where, files[].codes, infusions.products or "
    "infusions.source) or because an assessment row holds nothing",
    "none, if these are the rows the study means to leave out",
)
_READER = Rule(
    "STG-ROWS-UNREADABLE",
    "*",
    "error",
    "Rows the reader could not split or decode",
    "see core_rejected_rows; correct the file or its encoding and delimiter in the manifest",
)
HALF_GRADES = Rule(
    HALF_GRADE,
    "grade",
    "error",
    "Half grades: rejected, unless the manifest rounds them up",
    "ask the sponsor for whole grades, or set grading.half_grades: ceil",
)
_BLANKS = Rule(
    "STG-BLANK-CELLS",
    "*",
    "info",
    "Blank SAS cells that were read as null (count of cells; never a failure)",
    "none",
)


def file_findings(manifest: StudyManifest, files: Sequence[FileCells]) -> list[dict[str, object]]:
    """What happened to the rows of each table before they were staged."""
    rows = []
    for table_name in sorted({file.table_name for file in files}):
        own = [file for file in files if file.table_name == table_name]
        total = sum(file.rows_in for file in own)
        unread = pl.concat(
            file.table.rejected.select(pl.lit(file.path).alias("source_file"), "source_row") for file in own
        )
        filtered = sum(file.filtered for file in own)
        rows.append(finding(_FILTERED, manifest.study, table_name, count=filtered, denominator=total))
        rows.append(
            finding(
                _READER, manifest.study, table_name, count=unread.height, denominator=total, places=unread
            )
        )
        blanks = sum(file.table.blanks_to_null for file in own)
        cells = sum(file.cells_in for file in own)
        rows.append(
            finding(_BLANKS, manifest.study, table_name, count=blanks, denominator=cells)
            | {"status": "pass" if cells else "not_applicable"}
        )
    return rows
