"""Which tables of two runs are compared, what their rows are matched by and which columns are no result.

What may live here: that list and its reasons. What may not: comparing.

A place in a file (file name, row number) is not a result, and neither is the id of the mapping release that
stands with every decision: a release that decides the same changes no row. Tables whose declared key is a
place are matched by what the row is about; where several rows share that, they are compared as a set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from schemas.assessments import CoreAssessments, CoreCrs, CoreMedicalHistory
from schemas.base import Table
from schemas.courses import (
    CoreAssessmentGrades,
    CoreAssessmentWindows,
    CoreClosingFacts,
    CoreContradictions,
    CoreCourseSummary,
    CoreEventDates,
    CoreSubjectCourses,
    CoreTimeToEvent,
)
from schemas.evidence import (
    CoreAdverseEvents,
    CoreFindings,
    CoreInfusions,
    CoreParseProblems,
    CoreRejectedRows,
    CoreSedation,
    CoreSubjects,
)
from schemas.registry import CHECKED_TABLES
from schemas.results import (
    CoreEpisodes,
    CoreEventGrades,
    CoreEventWindows,
    CoreIncidence,
    CoreStudies,
    CoreSubjectDays,
    CoreSubjectGrades,
    CoreUnmappedTerms,
)

TableReader = Callable[[str], pl.DataFrame]
"""Gives the table of a run by its name, read when it is asked for."""
PLACE: Final = ("source_file", "source_row")
UNDATED: Final = "undated"
"""Stands for the moment of an assessment without a date, whose own name is its place in the file."""


def _as_stored(frame: pl.DataFrame, _: TableReader) -> pl.DataFrame:
    return frame


@dataclass(frozen=True)
class Compared:
    """How one table is compared: `key` matches rows, columns in `ignored` are no result.

    `prepare` gives the frame that is compared, from the stored one and the other tables of its run.
    """

    name: str
    key: tuple[str, ...]
    is_key_unique: bool
    columns: tuple[str, ...]
    is_checked: bool
    prepare: Callable[[pl.DataFrame, TableReader], pl.DataFrame] = field(repr=False)

    @property
    def has_subject(self) -> bool:
        """Rows are of one subject, or of nobody who is known."""
        return "subject_id" in self.key

    def frame(self, tables: TableReader) -> pl.DataFrame:
        """Key and compared columns of one run's table."""
        return self.prepare(tables(self.name), tables).select(*self.key, *self.columns)


def _compared(
    table: type[Table],
    key: tuple[str, ...] | None = None,
    ignored: tuple[str, ...] = (),
    prepare: Callable[[pl.DataFrame, TableReader], pl.DataFrame] = _as_stored,
) -> Compared:
    chosen = key or table.info().key
    left_out = {*chosen, *ignored}
    columns = tuple(name for name in table.polars_schema() if name not in left_out)
    return Compared(table.info().name, chosen, key is None, columns, table in CHECKED_TABLES, prepare)


def _name_undated(frame: pl.DataFrame, tables: TableReader) -> pl.DataFrame:
    """Moments that are named by their place in the file become `UNDATED`."""
    moment = ("study_id", "subject_id", "moment")
    is_undated = pl.col("assessed_earliest").is_null() & pl.col("assessed_latest").is_null()
    undated = tables(CoreAssessmentGrades.info().name).filter(is_undated).select(moment).unique()
    return frame.join(undated.with_columns(_undated=True), on=moment, how="left").with_columns(
        pl.when("_undated").then(pl.lit(UNDATED)).otherwise("moment").alias("moment")
    )


def _headline(frame: pl.DataFrame, _: TableReader) -> pl.DataFrame:
    return frame.filter(pl.col("is_primary_window") & (pl.col("infusion_number") == 0))


_SUBJECT: Final = ("study_id", "subject_id")

SUBJECT_TABLES: Final[tuple[Compared, ...]] = (
    _compared(CoreAdverseEvents, ignored=PLACE),
    _compared(CoreSubjects, ignored=PLACE),
    _compared(CoreInfusions, ignored=PLACE),
    _compared(CoreSedation, (*_SUBJECT, "start_earliest", "start_latest"), PLACE),
    _compared(CoreAssessments, (*_SUBJECT, "assessed_text", "item"), (*PLACE, "source_column")),
    _compared(CoreCrs, (*_SUBJECT, "start_earliest", "start_latest"), PLACE),
    _compared(CoreMedicalHistory, (*_SUBJECT, "preferred_term", "verbatim_term"), PLACE),
    _compared(CoreRejectedRows, (*_SUBJECT, "table_name", "cells"), PLACE),
    _compared(CoreEventGrades, ignored=(*PLACE, "mapping_layer")),
    _compared(CoreEventWindows),
    _compared(CoreAssessmentGrades, (*_SUBJECT, "moment", "domain"), prepare=_name_undated),
    _compared(
        CoreAssessmentWindows,
        (*_SUBJECT, "moment", "domain", "infusion_number", "window_days"),
        prepare=_name_undated,
    ),
    _compared(CoreSubjectGrades),
    _compared(CoreSubjectDays),
    _compared(CoreEpisodes),
    _compared(CoreEventDates),
    _compared(CoreSubjectCourses),
    _compared(CoreTimeToEvent),
    _compared(CoreContradictions, (*_SUBJECT, "kind", "detail"), ("left_place", "right_place")),
    _compared(CoreClosingFacts),
)
"""Tables whose rows are of subjects: each row that differs gets its cause."""

STUDY_TABLES: Final[tuple[Compared, ...]] = (
    _compared(CoreStudies, ignored=("mapping_release_id", "mapping_review_status")),
    _compared(CoreFindings, ignored=("example_rows",)),
    _compared(CoreParseProblems, ("study_id", "table_name", "column_name", "text", "rule_id"), PLACE),
    _compared(CoreUnmappedTerms),
    _compared(CoreIncidence),
    _compared(CoreCourseSummary),
)
"""Summaries of the study: what differs is counted, and follows from the rows of subjects."""

RESULT: Final = ("low", "point", "high", "outcome")
HEADLINE: Final = Compared(
    CoreSubjectGrades.info().name, _SUBJECT, True, RESULT, is_checked=False, prepare=_headline
)
"""The result of each subject over all infusions in the primary window of its run, whatever its length."""


def lazily(tables: Mapping[str, pl.DataFrame]) -> TableReader:
    """Tables that are at hand, as a reader."""
    return tables.__getitem__
