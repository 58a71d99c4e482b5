"""Small valid frames of every table, made from the schemas, and runs sealed from them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from schemas.base import Table
from schemas.registry import (
    CHECKED_TABLES,
    DIFF_TABLES,
    GRADED_TABLES,
    RELEASE_TABLES,
    STAGED_TABLES,
)
from warehouse.run_store import RunStore, StoredRun, run_id_of

STAGE_TABLES: Mapping[str, tuple[type[Table], ...]] = {
    "staged": STAGED_TABLES,
    "checked": CHECKED_TABLES,
    "graded": (*GRADED_TABLES, *RELEASE_TABLES),
    "diffs": DIFF_TABLES,
}


def sample_frame(declared: type[Table], study_id: str, rows: int = 3) -> pl.DataFrame:
    """Valid rows: keys are numbered or count through their codes, other coded columns take their first
    code, nullable ones are null once.
    """
    types = declared.polars_schema()
    data: dict[str, list[Any]] = {}
    for name, spec in declared.declared_columns().items():
        limits: dict[str, Any] = {}
        for check in spec.checks:
            limits[check.name] = check.bound
        codes = list(limits.get("isin", ()))
        if codes and name in declared.info().key:
            values = [codes[row % len(codes)] for row in range(rows)]
        else:
            values = [_value(types[name], limits, row, name, study_id) for row in range(rows)]
        if spec.nullable and name not in declared.info().key:
            values[0] = None
        data[name] = values
    return declared.require(pl.DataFrame(data, schema=types))


def _value(dtype: pl.DataType, limits: dict[str, Any], row: int, name: str, study_id: str) -> Any:
    if name == "study_id":
        return study_id
    if name == "release_id":
        return "1.0.0"
    if "isin" in limits:
        return next(iter(limits["isin"]))
    if dtype.is_integer():
        return min(
            int(limits.get("greater_than_or_equal_to", 0)) + row, int(limits.get("less_than_or_equal_to", 99))
        )
    if dtype == pl.Float64:
        return float(limits.get("greater_than_or_equal_to", 0)) + row / 8
    if dtype == pl.Boolean:
        return True
    if "\\d{4}-" in str(limits.get("str_matches", "")):
        return f"2017-03-0{1 + row}"
    if isinstance(dtype, pl.Datetime):
        return datetime(2017, 3, 1 + row, 12)
    if dtype == pl.Date:
        return date(2017, 3, 1 + row)
    return f"{name}_{row}" if "str_matches" not in limits else f"{name}{row}"


def sample_stages(study_id: str, release_id: str = "1.0.0") -> dict[str, dict[str, pl.DataFrame]]:
    """All tables by stage; one study and one release, so tables keyed by either have one row."""
    single = {"core_studies", "map_releases"}
    return {
        stage: {
            declared.info().name: _of_release(
                sample_frame(declared, study_id, 1 if declared.info().name in single else 3), release_id
            )
            for declared in tables
        }
        for stage, tables in STAGE_TABLES.items()
    }


def _of_release(frame: pl.DataFrame, release_id: str) -> pl.DataFrame:
    if "release_id" not in frame.columns:
        return frame
    return frame.with_columns(release_id=pl.lit(release_id))


def identity(
    study_id: str, release_sha256: str = "r" * 64, note: str = "", release_id: str = "1.0.0"
) -> dict[str, Any]:
    return {
        "study": study_id,
        "inputs": [{"path": "ae.csv", "sha256": "a" * 64}],
        "manifest": {"study": study_id, "title": note},
        "release": {"release_id": release_id, "sha256": release_sha256},
        "parameters": {"run_format": 1},
        "code": {"version": "0.0.0", "sha256": "c" * 64},
    }


def seal_sample(runs: Path, study_id: str, **facts: Any) -> StoredRun:
    """A sealed, current run of a made-up study."""
    store = RunStore(runs)
    made_from = identity(study_id, **facts)
    run_id = run_id_of(made_from)
    with store.lock(study_id):
        stages = {
            stage: store.write_stage(study_id, run_id, stage, [frames])
            for stage, frames in sample_stages(study_id, facts.get("release_id", "1.0.0")).items()
        }
        run = store.seal(study_id, run_id, made_from, stages)
        store.set_current(run)
    return run
