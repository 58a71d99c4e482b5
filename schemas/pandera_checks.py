"""What Pandera says of a table: asked only where a value breaks a check, to name columns, checks and rows.

What may live here: the way from a declared table to its Pandera schema, and Pandera's own switches. What may
not: a check of its own; all of them stand in the tables. Only this module imports Pandera, when it is asked
for: its start takes as long as grading a small study.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandera.polars as pa
import polars as pl
from pandera.config import ValidationDepth, get_config_context

from schemas.errors import SchemaError

if TYPE_CHECKING:
    from schemas.base import Column


def pandera_schema(columns: Mapping[str, Column]) -> pa.DataFrameSchema:
    """The Pandera schema of declared columns: these and no others, none of them cast."""
    return pa.DataFrameSchema(
        {
            name: pa.Column(
                declared.dtype,
                [getattr(pa.Check, check.name)(check.bound) for check in declared.checks],
                nullable=declared.nullable,
                description=declared.description,
            )
            for name, declared in columns.items()
        },
        strict=True,
        coerce=False,
    )


def find_failures(schema: pa.DataFrameSchema, frame: pl.DataFrame) -> pl.DataFrame | None:
    """See `schemas.base.Table.find_failures`."""
    require_validation()
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as failure:
        cases: pl.DataFrame = failure.failure_cases
        return cases
    return None


def require_validation() -> None:
    """A switch in the environment must never turn checking into a green no-op. Raises `SchemaError`."""
    config = get_config_context()
    if (
        not config.validation_enabled
        or config.use_narwhals_backend
        or config.validation_depth not in (None, ValidationDepth.SCHEMA_AND_DATA)
    ):
        raise SchemaError(
            "pandera validation is switched off or limited by an environment variable",
            next_action="unset PANDERA_VALIDATION_ENABLED, PANDERA_VALIDATION_DEPTH and "
            "PANDERA_USE_NARWHALS_BACKEND",
        )
