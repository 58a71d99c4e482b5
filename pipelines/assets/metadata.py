"""What Dagster shows of a table: its columns, its size, and a preview that identifies nobody.

What may live here: the bridge from schemas to Dagster metadata. What may not: a column in a preview
that is not on the list below. The event log is copied around, so subject ids, terms as reported,
dates, ages, source cells and free text stay out of it; the path to the run folder is given instead.
"""

from __future__ import annotations

from typing import Final

import dagster as dg
import polars as pl

from pipelines.stages import StageResult
from schemas.base import Table
from schemas.registry import TABLES

PREVIEW_ROWS: Final = 50
PREVIEW_COLUMNS: Final = frozenset(
    {
        *("study_id", "release_id", "scale", "scale_version", "grade", "grade_status", "source_grade"),
        *("low", "point", "high", "release_low", "release_point", "release_high", "domains", "disposition"),
        *("rule_id", "source_rules", "context_rules", "concept_id", "match_method", "mapping_layer"),
        *("review_reasons", "relationship", "outcome", "is_fatal", "is_serious", "is_ongoing", "is_infused"),
        *("start_precision", "end_precision", "infusion_precision", "reference_start_precision"),
        *("population", "vital_status", "is_in_subject_table", "has_developmental_delay"),
        *("is_broad", "is_core", "is_sponsor", "is_primary_window", "is_sponsor_neurotoxicity"),
        *("infusion_number", "window_days", "window_status", "onset_day_earliest", "onset_day_latest"),
        *("low_domains", "low_rules", "point_domains", "point_rules", "high_domains", "high_rules"),
        *("events", "late_events", "rejected_rows", "subjects", "max_source_grade", "max_high"),
        *("day", "episode_number", "onset_day", "peak_day", "last_day", "duration_days", "peak_point"),
        *("peak_high", "crs_relation", "gap_days", "comparator_set", "estimate", "threshold", "crossing"),
        *("change_low", "change_point", "change_high", "is_source_incomplete", "is_source_derived"),
        *("table_name", "column_name", "field_name", "severity", "status", "count", "denominator"),
        *("subjects_unknown", "denominator_name", "proportion", "ci_low", "ci_high"),
    }
)
"""Codes, grades, day numbers and counts. Everything not listed is left out."""
_MAIN_TABLES: Final = {
    "staged": "staged_adverse_events",
    "checked": "core_adverse_events",
    "graded": "core_event_grades",
    "diffs": "diff_scale_events",
}


def main_table(stage: str) -> type[Table] | None:
    """The table whose columns stand for the stage; None for raw, whose columns are the sponsor's."""
    return TABLES[_MAIN_TABLES[stage]] if stage in _MAIN_TABLES else None


def table_schema(declared: type[Table]) -> dg.TableSchema:
    """Columns of a table with type, description and whether null is allowed, from its schema."""
    types = declared.polars_schema()
    key = declared.info().key
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=str(types[name]),
                description=spec.description,
                constraints=dg.TableColumnConstraints(
                    nullable=bool(spec.nullable), unique=(name,) == key, other=["key"] if name in key else []
                ),
            )
            for name, spec in declared.declared_columns().items()
        ]
    )


def describe_stage(result: StageResult) -> dict[str, dg.MetadataValue]:
    """Run, folder, and for each table its rows, sha256, columns and preview."""
    described: dict[str, dg.MetadataValue] = {
        "run_id": dg.MetadataValue.text(result.run_id),
        "run_folder": dg.MetadataValue.path(result.folder),
        "rows": dg.MetadataValue.int(sum(file.rows for file in result.files.values())),
    }
    declared = main_table(result.stage)
    if declared is not None and declared.info().name in result.files:
        rows = result.files[declared.info().name].rows
        described["dagster/row_count"] = dg.MetadataValue.int(rows)
    for name, file in sorted(result.files.items()):
        described[f"{name}/rows"] = dg.MetadataValue.int(file.rows)
        described[f"{name}/sha256"] = dg.MetadataValue.text(file.sha256)
        if name in TABLES and not name.startswith("map_"):
            described[f"{name}/columns"] = dg.MetadataValue.table_schema(table_schema(TABLES[name]))
            described[f"{name}/preview"] = preview(result.frame(name))
    return described


def preview(frame: pl.DataFrame) -> dg.TableMetadataValue:
    """At most 50 rows of the columns that identify nobody."""
    shown = frame.select(name for name in frame.columns if name in PREVIEW_COLUMNS).head(PREVIEW_ROWS)
    columns = [dg.TableColumn(name=name, type=str(dtype)) for name, dtype in shown.schema.items()]
    records = [dg.TableRecord(data=row) for row in shown.iter_rows(named=True)]
    return dg.MetadataValue.table(records, dg.TableSchema(columns=columns))
