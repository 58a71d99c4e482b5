"""What was assessed, cytokine release as a table of its own, and medical history: checked evidence.

Shape and date conventions are those of `schemas.evidence`: `staged_*` is what could be read, `core_*` what
passed the checks, dates are ranges of instants, nothing is imputed.
"""

from __future__ import annotations

from typing import Annotated

import polars as pl

from schemas.assessment_items import ITEMS, NOT_DONE_REASONS, VALUE_STATUSES
from schemas.base import Table, column, table
from schemas.vocabulary import DATE_PRECISIONS, STUDY_ID_PATTERN


@table(
    "staged_assessments",
    grain="one item of one assessment row",
    key=("study_id", "source_file", "source_row", "item"),
)
class StagedAssessments(Table):
    """Every assessment in one long table, whatever the shape of its file: an item, its moment, its value.

    A wide row gives one row per item it holds. A blank cell is no row: nothing was assessed.
    """

    study_id: str = column("Study identifier", origin="STUDYID", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID", null="not recorded or blank")
    source_file: str = column("File the row was read from")
    source_row: pl.Int64 = column("Number of the data row", ge=1)
    source_column: str = column("Column that gave the value")
    assessed_text: str = column(
        "Date and time as written", origin="QSDTC / FTDTC / RSDTC / FADTC", null="empty cell"
    )
    assessed_earliest: Annotated[pl.Datetime, "us", None] = column(
        "First instant of the assessment", origin="QSDTC / FTDTC / RSDTC / FADTC", null="unknown"
    )
    assessed_latest: Annotated[pl.Datetime, "us", None] = column(
        "Last instant of the assessment", origin="QSDTC / FTDTC / RSDTC / FADTC", null="unknown"
    )
    assessed_precision: str = column("How precise the moment is", isin=list(DATE_PRECISIONS))
    item: str = column("Item", origin="QSTESTCD / FTTESTCD / RSTESTCD / PARAMCD", isin=list(ITEMS))
    value_text: str = column("Value as written", origin="QSORRES / QSSTRESC / AVALC", null="empty cell")
    value: pl.Float64 = column(
        "Score, or number in the unit of the item", origin="QSSTRESN / AVAL", null="a word, or no value"
    )
    code: str = column("Word of the item's list", null="a number, or no value")
    value_status: str = column("How the value was read", isin=list(VALUE_STATUSES))
    not_done_reason: str = column(
        "Why there is no value",
        origin="QSREASND",
        null="assessed, whether or not the value could be read",
        isin=list(NOT_DONE_REASONS),
    )
    is_sedated: bool = column("Sedated at the assessment", null="not recorded")


@table(
    "core_assessments",
    grain="one item of one assessment row",
    key=("study_id", "source_file", "source_row", "item"),
)
class CoreAssessments(StagedAssessments):
    """Assessments that passed the checks."""

    subject_id: str = column("Subject identifier", origin="USUBJID")


@table(
    "staged_crs",
    grain="one row of a table of cytokine release syndrome",
    key=("study_id", "source_file", "source_row"),
)
class StagedCrs(Table):
    """Courses of cytokine release syndrome from a table of their own; they only place episodes in time."""

    study_id: str = column("Study identifier", origin="STUDYID", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID", null="not recorded or blank")
    source_file: str = column("File the row was read from")
    source_row: pl.Int64 = column("Number of the data row", ge=1)
    grade_text: str = column("Grade as written", origin="CETOXGR", null="empty cell")
    grade: pl.Int8 = column("Grade", null="missing or unreadable", ge=0, le=5)
    start_earliest: Annotated[pl.Datetime, "us", None] = column("First instant of the start", null="unknown")
    start_latest: Annotated[pl.Datetime, "us", None] = column("Last instant of the start", null="unknown")
    end_earliest: Annotated[pl.Datetime, "us", None] = column("First instant of the end", null="unknown")
    end_latest: Annotated[pl.Datetime, "us", None] = column(
        "Last instant of the end", null="unknown or ongoing"
    )
    is_ongoing: bool = column("Ongoing at the data cut", null="not recorded")


@table(
    "core_crs",
    grain="one row of a table of cytokine release syndrome",
    key=("study_id", "source_file", "source_row"),
)
class CoreCrs(StagedCrs):
    """Cytokine release rows that passed the checks."""

    subject_id: str = column("Subject identifier", origin="USUBJID")


@table(
    "staged_medical_history",
    grain="one row of the medical history",
    key=("study_id", "source_file", "source_row"),
)
class StagedMedicalHistory(Table):
    """Conditions a subject had before the infusion."""

    study_id: str = column("Study identifier", origin="STUDYID", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID", null="not recorded or blank")
    source_file: str = column("File the row was read from")
    source_row: pl.Int64 = column("Number of the data row", ge=1)
    verbatim_term: str = column("Term as reported", origin="MHTERM", null="not recorded")
    lowest_level_term: str = column("Coded lowest-level term", origin="MHLLT", null="not coded")
    preferred_term: str = column("Coded preferred term", origin="MHDECOD", null="not coded")
    llt_code: str = column("Lowest-level-term code", origin="MHLLTCD", null="not coded")
    pt_code: str = column("Preferred-term code", origin="MHPTCD", null="not coded")
    body_system: str = column("System organ class", origin="MHBODSYS", null="not given")
    start_earliest: Annotated[pl.Datetime, "us", None] = column("First instant of the start", null="unknown")
    start_latest: Annotated[pl.Datetime, "us", None] = column("Last instant of the start", null="unknown")


@table(
    "core_medical_history",
    grain="one row of the medical history",
    key=("study_id", "source_file", "source_row"),
)
class CoreMedicalHistory(StagedMedicalHistory):
    """Medical history rows that passed the checks."""

    subject_id: str = column("Subject identifier", origin="USUBJID")
