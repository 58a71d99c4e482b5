"""Staging of the subject table: age, birth, death, first treatment.

Which field of the role becomes which column may live here; how one text is read is in the `parse_*` modules.

Decision: `vital_status`: a death flag or a death date is dead; a flag of no is alive; a blank flag is unknown
unless the manifest says that it means alive.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from pipelines.ingest.cells import FileCells
from pipelines.ingest.parse_age_groups import AGE_GROUP_RULES, read_age_group
from pipelines.ingest.parse_ages import AGE_RULES, read_age
from pipelines.ingest.parse_words import DEATH, YES_NO
from schemas.evidence import CoreRejectedRows


def stage_subjects(file: FileCells) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of a subject file with their typed columns; none is rejected here."""
    boolean, has_unit = pl.Boolean(), "age_unit" in file.columns

    def age(text: str | None, unit: str | None) -> tuple[Any, ...]:
        return tuple(read_age(text, unit, has_unit_column=has_unit))

    file.parse(["age", "age_unit"], age, {"age_years": pl.Float64(), "__rule": pl.String()})
    file.note("age", "age_years", AGE_RULES)
    bounds = {"age_group_lowest": pl.Float64(), "age_group_highest": pl.Float64(), "__rule": pl.String()}
    file.parse(["age_group"], lambda text: tuple(read_age_group(text)), bounds)
    file.note("age_group", "age_group_lowest", AGE_GROUP_RULES)
    file.parse_date("birth_date", "birth")
    file.parse_date("death_date", "death")
    file.parse_date("reference_start", "reference_start")
    file.parse_words("developmental_delay", YES_NO, "has_developmental_delay", boolean)
    file.parse_words("death_flag", DEATH, "__vital_status", boolean)
    assumed = file.manifest.blank_death_flag_means_alive and "death_flag" in file.columns
    blank_alive = pl.col("death_flag").is_null() & pl.lit(value=assumed)
    # A death date that cannot be read is still a record of death; one that says unknown is not.
    dated = pl.col("death_precision").ne("none") | _is_problem(file, "death_date")
    died = pl.col("__vital_status").fill_null(value=False) | dated
    frame = file.frame.with_columns(
        study_id=pl.lit(file.manifest.study),
        age_text=pl.when(pl.col("age").is_not_null()).then(
            pl.concat_str("age", "age_unit", separator=" ", ignore_nulls=True)
        ),
        age_group_text=pl.col("age_group"),
        reference_start_text=pl.col("reference_start"),
        vital_status=pl.when(died)
        .then(pl.lit("dead"))
        .when((~pl.col("__vital_status")).fill_null(value=False) | blank_alive)
        .then(pl.lit("alive"))
        .otherwise(pl.lit("unknown")),
    )
    file.frame = frame
    return frame, CoreRejectedRows.empty()


def _is_problem(file: FileCells, name: str) -> pl.Expr:
    """Whether the cell of that field is among the problems of the file."""
    column = file.columns.get(name, "")  # no file has a column without a name
    rows = [frame.filter(pl.col("column_name") == column).get_column("source_row") for frame in file.problems]
    known = pl.concat([pl.Series("source_row", [], dtype=pl.Int64), *rows])
    return pl.col("source_row").is_in(known.implode())
