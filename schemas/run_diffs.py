"""What differs between two runs of a study: rows, cells, headline results, delivered files.

What may live here: the tables of such a comparison and the words they use. What may not: how a difference
or its cause is found (`pipelines.diffs`). They are files of a report, not tables of the warehouse.

Rows of source data are matched by their key, never by their place in a file: a row number, a file name and
the id of a mapping release are not a result, and a difference in them alone is none.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from schemas.base import Table, column, table
from schemas.results import NO_POINT
from schemas.vocabulary import OUTCOMES, STUDY_ID_PATTERN

COMPONENTS: Final[dict[str, str]] = {
    "data": "the delivered files: which there are, and their cells",
    "manifest": "the settings of study.yaml, but those that choose the mapping release",
    "release": "the mapping release with the overlays and the dictionary of the study",
    "code": "the program",
}
"""What two runs can differ in, in the order causes name it."""

INTERACTION: Final = " x "
"""Joins components of which none is the cause alone: only together they make the difference."""
ALTERNATIVE: Final = " | "
"""Joins causes each of which makes the whole difference alone."""

CAUSE_BASES: Final[dict[str, str]] = {
    "only_difference": "The runs differ in nothing else.",
    "rerun": "Found by running the study again with one component after the other swapped.",
    "remainder": "What running the earlier inputs again with this program does not explain: the program of "
    "a run cannot be run again.",
    "not_reproduced": "Both runs were made by one program, and another one is installed that gives other "
    "results: all components that differ are named.",
}
ROW_CHANGES: Final = ("added", "changed", "removed")
DIRECTIONS: Final = ("up", "down", "to_unknown", "from_unknown", "entered", "left")


@table(
    "diff_run_rows",
    grain="one row of one table that differs between two runs of a study",
    key=("study_id", "run_a", "run_b", "table_name", "row_key", "repeat"),
    run_scoped=False,
)
class DiffRunRows(Table):
    """Rows added, removed or changed between two runs, with the cells before and after and the cause."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    run_a: str = column("Run compared from")
    run_b: str = column("Run compared to")
    table_name: str = column("Table of the row")
    row_key: str = column("What the row is matched by, as a JSON object")
    repeat: pl.Int64 = column("1, or a number of its own for each row of the same key", ge=1)
    subject_id: str = column("Subject the row is about", null="the row could not be given to a subject")
    change: str = column("added, removed or changed", isin=list(ROW_CHANGES))
    changed_columns: str = column(
        "Columns whose cells differ, joined by |", null="the row is in one run only"
    )
    before: str = column(
        "Cells in the first run as a JSON object: those that differ, or all of a removed row",
        null="the row is added",
    )
    after: str = column(
        "Cells in the second run as a JSON object: those that differ, or all of an added row",
        null="the row is removed",
    )
    cause: str = column(
        "data, manifest, release or code; joined by ' x ' where only together they make the difference, by "
        "' | ' where each of them makes it alone"
    )
    cause_basis: str = column("How the cause is known", isin=list(CAUSE_BASES))


@table(
    "diff_run_transitions",
    grain="one column, value before, value after and cause",
    key=("study_id", "run_a", "run_b", "table_name", "column_name", "transition", "cause"),
    run_scoped=False,
)
class DiffRunTransitions(Table):
    """What cells changed from and to, over all changed rows, with one row as an example."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    run_a: str = column("Run compared from")
    run_b: str = column("Run compared to")
    table_name: str = column("Table")
    column_name: str = column("Column")
    transition: str = column("Values before and after, as a JSON list of two")
    before: str = column("Value in the first run", null="null there")
    after: str = column("Value in the second run", null="null there")
    cause: str = column("As in diff_run_rows")
    rows: pl.Int64 = column("Rows", ge=1)
    example_key: str = column("row_key of one of them")


@table(
    "diff_run_headlines",
    grain="one subject whose headline result differs between two runs",
    key=("study_id", "run_a", "run_b", "subject_id"),
    run_scoped=False,
)
class DiffRunHeadlines(Table):
    """Subjects whose result over all infusions in the primary window differs, with the cause."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    run_a: str = column("Run compared from")
    run_b: str = column("Run compared to")
    subject_id: str = column("Subject identifier", origin="USUBJID")
    change: str = column("added, removed or changed", isin=list(ROW_CHANGES))
    low_before: pl.Int8 = column("Low in the first run", null="no such subject", ge=0, le=5)
    point_before: pl.Int8 = column("Point in the first run", null=f"no such subject, or {NO_POINT}")
    high_before: pl.Int8 = column("High in the first run", null="no such subject", ge=0, le=5)
    outcome_before: str = column("Outcome in the first run", null="no such subject", isin=list(OUTCOMES))
    low_after: pl.Int8 = column("Low in the second run", null="no such subject", ge=0, le=5)
    point_after: pl.Int8 = column("Point in the second run", null=f"no such subject, or {NO_POINT}")
    high_after: pl.Int8 = column("High in the second run", null="no such subject", ge=0, le=5)
    outcome_after: str = column("Outcome in the second run", null="no such subject", isin=list(OUTCOMES))
    cause: str = column("As in diff_run_rows")
    cause_basis: str = column("How the cause is known", isin=list(CAUSE_BASES))


@table(
    "diff_run_crossings",
    grain="one estimate, threshold, direction and cause",
    key=("study_id", "run_a", "run_b", "estimate", "threshold", "direction", "cause"),
    run_scoped=False,
)
class DiffRunCrossings(Table):
    """Subjects whose headline result lies on another side of a threshold in the second run."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    run_a: str = column("Run compared from")
    run_b: str = column("Run compared to")
    estimate: str = column("Which end of the interval", isin=["low", "point", "high"])
    threshold: pl.Int8 = column("Grade at or above which a subject counts; 1 is 'any'", ge=1, le=4)
    direction: str = column(
        "up or down; to or from unknown (no point, or the window cannot be placed); entered or left: the "
        "subject is in one run only and reaches the threshold there",
        isin=list(DIRECTIONS),
    )
    cause: str = column("As in diff_run_rows")
    subjects: pl.Int64 = column("Subjects", ge=1)


@table(
    "diff_run_tables",
    grain="one table of the two runs",
    key=("study_id", "run_a", "run_b", "table_name"),
    run_scoped=False,
)
class DiffRunTables(Table):
    """How many rows of each compared table were added, removed, changed or are the same."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    run_a: str = column("Run compared from")
    run_b: str = column("Run compared to")
    table_name: str = column("Table")
    is_of_subjects: bool = column("Its rows are of subjects, and each that differs is in diff_run_rows")
    rows_a: pl.Int64 = column("Rows in the first run", ge=0)
    rows_b: pl.Int64 = column("Rows in the second run", ge=0)
    added: pl.Int64 = column("Rows of the second run only", ge=0)
    removed: pl.Int64 = column("Rows of the first run only", ge=0)
    changed: pl.Int64 = column("Rows of both with other cells", ge=0)
    same: pl.Int64 = column("Rows of both with the same cells", ge=0)


@table(
    "diff_run_files",
    grain="one delivered file",
    key=("study_id", "run_a", "run_b", "role", "path"),
    run_scoped=False,
)
class DiffRunFiles(Table):
    """The delivered files, cell for cell: rows that only one of the two deliveries has.

    A file is compared with the one of the same path, or else the only other one of its role.
    """

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    run_a: str = column("Run compared from")
    run_b: str = column("Run compared to")
    role: str = column("What the file holds")
    path: str = column("Path in the second delivery, or in the first where the second has no such file")
    previous_path: str = column("Path in the first delivery", null="the same, or no such file")
    change: str = column(
        "added, removed, changed or same: the file", isin=["added", "removed", "changed", "same"]
    )
    rows_a: pl.Int64 = column("Data rows in the first delivery", null="no such file", ge=0)
    rows_b: pl.Int64 = column("Data rows in the second delivery", null="no such file", ge=0)
    only_a: pl.Int64 = column("Rows of which the second delivery has no equal", ge=0)
    only_b: pl.Int64 = column("Rows of which the first delivery has no equal", ge=0)
    columns_only_a: str = column("Columns of the first delivery only, as a JSON list", null="none")
    columns_only_b: str = column("Columns of the second delivery only, as a JSON list", null="none")


RUN_DIFF_TABLES: Final[tuple[type[Table], ...]] = (
    DiffRunTables,
    DiffRunFiles,
    DiffRunHeadlines,
    DiffRunCrossings,
    DiffRunTransitions,
    DiffRunRows,
)
