"""The files of a release as typed tables, each row still knowing its line.

What may live here: the files, their columns, and the way from text to typed cells. What may not: the
text format (`mappings.tsv`), the rules a release must obey (`mappings.checks`, `mappings.curation`).

Files use SSSOM column names where SSSOM has one; the other columns are its extension slots, declared in
the comment block of the file. A blank cell is null, except `code` of a term: a term row without a code
is matched by its text, a row with a code by that code, its term being there for the reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl

from mappings.problem import Problem
from mappings.tsv import LARGEST_BYTES, scan_tsv
from schemas.base import Table
from schemas.release import MapClasses, MapConcepts, MapConventions, MapGrades, MapTerms, MapVocabulary

OVERRIDES = "overrides"
"""Last column a table of an overlay may have: the rules of the release its row replaces, joined by `|`."""

CONCEPT_PREFIX = "regrade.concept:"
GRADE_PREFIX = "regrade.grade:"

PROVENANCE = ("author_label", "reviewer_label", "mapping_date", "review_date")
"""SSSOM columns of every file of decisions: who decided and reviewed a row, and when."""

FILES: Mapping[str, tuple[type[Table], tuple[str, ...]]] = {
    "concepts.tsv": (
        MapConcepts,
        ("concept_id", "label", "concept_group", "is_broad", "is_core", "cause_role"),
    ),
    "terms.tsv": (
        MapTerms,
        (
            *("subject_id", "subject_label", "predicate_id", "object_id", "object_label"),
            *("mapping_justification", *PROVENANCE),
            *("term_key", "scale_version", "code", "relation", "source", "comment"),
        ),
    ),
    "grades.tsv": (
        MapGrades,
        (
            *("subject_id", "predicate_id", "object_id", "mapping_justification", *PROVENANCE),
            *("scale", "scale_version", "concept_id", "grade", "population", "domains", "low", "point"),
            *("high", "disposition", "review_reason", "requires", "source_text", "decision", "rationale"),
            "source",
        ),
    ),
    "conventions.tsv": (
        MapConventions,
        (
            *("convention_id", "concept_id", *PROVENANCE),
            *("convention_grade", "grades_covered", "point", "rationale", "source"),
        ),
    ),
    "classes.tsv": (MapClasses, ("class_name", "class_key", "is_in_scope", "source")),
    "vocabulary.tsv": (MapVocabulary, ("scale_version", "term_key", "code", "term", "class_name")),
}
"""File of a release -> its table and its columns in file order."""

_DECIDED: Mapping[str, str] = dict(
    zip(("author", "reviewed_by", "decided_on", "reviewed_on"), PROVENANCE, strict=True)
)
_NAMES: Mapping[str, Mapping[str, str]] = {
    "terms.tsv": {
        **{"term": "subject_label", "justification": "mapping_justification", "note": "comment"},
        **_DECIDED,
    },
    "grades.tsv": _DECIDED,
    "conventions.tsv": _DECIDED,
}
"""Columns of a table that its file calls differently: table name -> file name."""

_BOOLEANS = {"true": True, "false": False}
_MONTH = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DATE = re.compile(rf"(?i)\d{{1,4}}[-/. ]({_MONTH})|({_MONTH})[-/. ]\d|\d+[-/]\d+[-/]\d+|\d{{5}}")
_CORRECT = "correct the cell, or restore it from the release"


@dataclass(frozen=True)
class Sheet:
    """One file as read: text cells as they stand (`raw`) and typed (`frame`), in the order of the file.

    Row i stands on line `first_line + i`; `first_line` None is a table without a file.
    """

    release_id: str
    file: str
    raw: pl.DataFrame
    frame: pl.DataFrame
    first_line: int | None

    def problems(
        self,
        rule_id: str,
        message: str,
        column: str,
        wrong: pl.Expr | pl.Series,
        *,
        next_action: str = _CORRECT,
        kind: str = "content",
    ) -> Iterator[Problem]:
        """One problem for each row where `wrong` is true; null counts as right.

        An expression is read on the typed frame; `column` is that of the file.
        """
        found = self.frame.select(wrong.alias("wrong")).to_series() if isinstance(wrong, pl.Expr) else wrong
        if not found.any():
            return
        cells = self.raw[column]
        for row in found.fill_null(False).arg_true():
            at = int(row)
            line = None if self.first_line is None else self.first_line + at
            value = cells[at]
            yield Problem(
                kind, self.release_id, self.file, rule_id, message, next_action, line, column, value
            )


def read_sheet(
    path: Path, release_id: str, *, layer: str | None = None
) -> tuple[Sheet | None, tuple[Problem, ...]]:
    """Read one file of a release (or of an overlay: `layer`); None where its form leaves no table.

    The problems are those of form, cell types and closed vocabularies, order and keys; a file without
    any is exactly what its schema says.
    """
    table, columns = FILES[path.name]
    if layer is not None and _has_overrides(path):
        columns = (*columns, OVERRIDES)
    text = scan_tsv(path, columns)
    if text.frame is None:
        return None, text.faults
    raw = text.frame
    untyped = Sheet(layer or release_id, path.name, raw, raw, text.first_line)
    problems = [*text.faults, *_cell_problems(untyped, table)]
    if problems:
        return None, tuple(problems)
    placed = raw.with_columns(release_id=pl.lit(release_id), layer=pl.lit(layer or release_id))
    frame = _typed(placed, table, _NAMES.get(path.name, {}))
    sheet = Sheet(layer or release_id, path.name, raw, frame, text.first_line)
    return sheet, tuple(_order_problems(sheet, table))


def _has_overrides(path: Path) -> bool:
    with path.open("rb") as stream:
        lines = stream.read(LARGEST_BYTES).split(b"\n")
    header = next((line for line in lines if not line.startswith(b"#")), b"")
    return header.rstrip(b"\r").endswith(f"\t{OVERRIDES}".encode())


def key_columns(
    table: type[Table], file: str, columns: Sequence[str]
) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """How rows of text cells are sorted: by the key of the table, in the columns of its file."""
    names = _NAMES.get(file, {})
    found = [columns.index(names.get(key, key)) for key in table.info().key if key != "release_id"]
    return lambda cells: tuple(cells[position] for position in found)


def _source(file: str, table: type[Table]) -> Iterator[tuple[str, str]]:
    """Columns of a table that stand in its file, with the name they have there."""
    for name in table.polars_schema():
        column = _NAMES.get(file, {}).get(name, name)
        if column in FILES[file][1]:
            yield name, column


def _cell_problems(sheet: Sheet, table: type[Table]) -> Iterator[Problem]:
    """Cells that are not of their type, not in their closed vocabulary, or blank where they may not be."""
    schema = table.polars_schema()
    for name, column in _source(sheet.file, table):
        cells = sheet.raw[column]
        declared = table.declared_columns()[name]
        blank = cells == ""
        if name != "code" and not declared.nullable and blank.any():
            yield from sheet.problems("MAP-CELL-BLANK", "the cell is blank", column, blank, kind="form")
        if schema[name] == pl.Boolean:
            wrong = ~cells.is_in(list(_BOOLEANS)) & ~blank
            what = "the cell is neither true nor false (lower case)"
            yield from sheet.problems("MAP-CELL-BOOLEAN", what, column, wrong, kind="form")
        elif schema[name].is_integer():
            yield from _grade_problems(sheet, column, ~cells.str.contains(r"^[0-5]$") & ~blank)
        for check in declared.checks:
            if check.name == "isin":
                allowed = sorted(check.bound)
                wrong = ~cells.is_in(allowed) & ~blank
                what = f"the cell is none of {', '.join(allowed)}"
                yield from sheet.problems("MAP-CELL-VOCABULARY", what, column, wrong, kind="form")
            elif check.name == "str_matches":
                wrong = ~cells.str.contains(check.bound) & ~blank
                what = f"the cell does not match {check.bound}"
                yield from sheet.problems("MAP-CELL-VOCABULARY", what, column, wrong, kind="form")
            elif (check.name, check.bound) == ("greater_than_or_equal_to", 1):
                yield from sheet.problems(
                    "MAP-CELL-GRADE", "a source grade is 1 to 5", column, cells == "0", kind="form"
                )


def _grade_problems(sheet: Sheet, column: str, wrong: pl.Series) -> Iterator[Problem]:
    """Cells that are no whole grade; one that a spreadsheet turned into a date says so."""
    dates = (
        wrong
        & sheet.raw[column].map_elements(
            lambda cell: bool(_DATE.search(cell)), return_dtype=pl.Boolean, skip_nulls=True
        )
        if wrong.any()
        else wrong
    )
    what = "the cell is not a whole grade of 0 to 5"
    yield from sheet.problems("MAP-CELL-GRADE", what, column, wrong & ~dates, kind="form")
    what = "the cell is not a grade: a spreadsheet turned it into a date"
    yield from sheet.problems("MAP-CELL-DATE", what, column, dates, kind="form")


def _typed(raw: pl.DataFrame, table: type[Table], names: Mapping[str, str]) -> pl.DataFrame:
    """Text to the columns and types of the schema: blank to null, grades to whole numbers."""
    blank = pl.all().exclude("code").replace("", None)
    frame = raw.with_columns(blank)
    if table is MapTerms:
        taken = pl.col("object_id").str.strip_prefix(CONCEPT_PREFIX)
        frame = frame.with_columns(
            concept_id=pl.when(pl.col("relation") != "broader").then(taken),
        )
    elif table is MapGrades:
        frame = frame.with_columns(rule_id=pl.col("subject_id").str.strip_prefix(GRADE_PREFIX))
    frame = frame.rename({column: name for name, column in names.items()})
    return frame.select(
        pl.col(name).replace_strict(_BOOLEANS, return_dtype=pl.Boolean)
        if dtype == pl.Boolean
        else pl.col(name).cast(dtype)
        for name, dtype in table.polars_schema().items()
    )


def _order_problems(sheet: Sheet, table: type[Table]) -> Iterator[Problem]:
    """Rows whose key stands twice, and rows that belong before the row above them."""
    keys = [key for key in table.info().key if key != "release_id"]
    found = sheet.frame.select(keys).rows()
    if all(above < below for above, below in pairwise(found)):
        return
    named = _NAMES.get(sheet.file, {}).get(keys[0], keys[0])
    seen: dict[tuple[object, ...], int] = {}
    for row, key in enumerate(found):
        first = seen.setdefault(key, row)
        line = None if sheet.first_line is None else sheet.first_line + row
        shown = " ".join(str(part) for part in key if part != "")
        if first != row:
            at = "" if sheet.first_line is None else f", first on line {sheet.first_line + first}"
            yield Problem(
                *("form", sheet.release_id, sheet.file, "MAP-FORM-KEY"),
                f"the key ({', '.join(keys)}) occurs twice{at}",
                "keep the row that was decided and remove the other",
                line,
                named,
                shown,
            )
        elif row and key < found[row - 1]:
            yield Problem(
                *("form", sheet.release_id, sheet.file, "MAP-FORM-ORDER"),
                "the rows are not in canonical order: the row belongs above the row before it",
                f"sort the file by {', '.join(keys)} (`regrade mappings lint --fix`)",
                line,
                named,
                shown,
            )


def sheet_of_table(release_id: str, table: type[Table], frame: pl.DataFrame) -> Sheet:
    """A sheet of a table that has no file any more; the columns only its file had are made again."""
    file = next(file for file, (declared, _) in FILES.items() if declared is table)
    raw = frame.select(pl.all().cast(pl.String).fill_null("")).rename(dict(_NAMES.get(file, {})))
    if table is MapTerms:
        raw = raw.with_columns(object_id=pl.lit(CONCEPT_PREFIX) + pl.col("concept_id"))
    return Sheet(release_id, file, raw, frame, None)
