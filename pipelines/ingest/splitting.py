"""One staged table in, its valid and its rejected rows out.

Only the splitting of rows may live here: missing subject, schema (Pandera on the collected frame),
repeated keys. What the tables mean to each other is in `checking`, rules that only report in `rules`.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Final

import polars as pl

from pipelines.ingest.findings import Rule
from schemas.base import Table, repeats_key
from schemas.errors import SchemaError
from schemas.evidence import CoreRejectedRows

PLACE: Final = ["source_file", "source_row"]
REJECTIONS: Final = (
    Rule(
        "CHK-SUBJECT-MISSING",
        "subject_id",
        "error",
        "A row names its subject",
        "find out whose row it is; nobody is graded by it",
    ),
    Rule(
        "CHK-DUPLICATE-ROW",
        "*",
        "warning",
        "No row is in the table twice with the same cells",
        "none, if the row was exported twice; the first one is used",
    ),
    Rule(
        "CHK-KEY-CONFLICT",
        "*",
        "error",
        "No two rows with different cells have the same key",
        "find out which row is right; until then none of them is used",
    ),
    Rule(
        "CHK-SCHEMA",
        "*",
        "error",
        "A row fits the schema of its table",
        "report this defect with the rule named",
    ),
)
"""Why a row is rejected here, and what would make it usable."""


def assert_validation_is_on() -> None:
    """A switch in the environment must never turn checking into a green no-op. Raises `SchemaError`.

    Where nobody switched anything, Pandera is not started to say so.
    """
    if "pandera" in sys.modules or any(name.startswith("PANDERA_") for name in os.environ):
        from schemas.pandera_checks import require_validation  # noqa: PLC0415 - most runs never ask Pandera

        require_validation()


def split_rows(
    frame: pl.DataFrame, model: type[Table], table_name: str, cells: pl.DataFrame, key: tuple[str, ...] = ()
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Valid rows, and one rejected row per row of the file that cannot be used.

    Without a key, rows may repeat (split bags, several periods, repeated assessments).
    """
    unowned = frame.filter(pl.col("subject_id").is_null())
    valid, invalid = split_by_schema(frame.filter(pl.col("subject_id").is_not_null()), model)
    rejects = [
        _reject(unowned, table_name, cells, "CHK-SUBJECT-MISSING", "the row names no subject"),
        _reject(invalid, table_name, cells, "CHK-SCHEMA", "the row does not fit its schema"),
    ]
    if key:
        doubled = valid.filter(repeats_key(valid, list(key)))
        content = _with_cells(doubled, cells)
        first = pl.struct(PLACE).rank("ordinal").over(key) == 1  # min() of a struct panics inside over()
        conflict = (pl.col("cells").n_unique() > 1).over(key)
        conflicts, repeats = content.filter(conflict), content.filter(~conflict & ~first)
        named = " and ".join(key)
        rejects.append(
            _reject(
                conflicts,
                table_name,
                cells,
                "CHK-KEY-CONFLICT",
                f"another row with different cells has the same {named}",
            )
        )
        rejects.append(
            _reject(
                repeats,
                table_name,
                cells,
                "CHK-DUPLICATE-ROW",
                "an earlier row of the table has exactly these cells",
            )
        )
    # Several items of one row are one row of the file: all of them are used, or none.
    lost = (
        pl.concat(rejects).group_by(PLACE).agg(pl.all().sort_by("reason").first()).select(rejects[0].columns)
    )
    kept = _without(valid, lost)
    rows, used = count_rows(frame), count_rows(kept)
    if used + lost.height != rows:
        raise SchemaError(
            f"{table_name}: {rows} rows staged but {used} valid and {lost.height} rejected",
            next_action="report this defect; nothing was published",
        )
    return kept, lost


def _without(rows: pl.DataFrame, lost: pl.DataFrame) -> pl.DataFrame:
    """The rows that are not lost. Joined by their place alone: an anti-join would gather every column."""
    marked = lost.select(PLACE).with_columns(is_lost=pl.lit(value=True))
    found = rows.select(PLACE).join(marked, on=PLACE, how="left", maintain_order="left")
    return rows.filter(found.get_column("is_lost").is_null())


def count_rows(frame: pl.DataFrame) -> int:
    """Rows of the files that a staged table came from: several items of an assessment row are one."""
    return frame.select(PLACE).n_unique() if "item" in frame.columns else frame.height


def split_by_schema(frame: pl.DataFrame, model: type[Table]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that fit the schema, and the others with `broken`, the column and check that stopped each.

    Raises `SchemaError` when the frame as a whole does not fit (a missing column, a wrong type).
    """
    ordered = frame.select(pl.col(name) for name in model.polars_schema() if name in frame.columns)
    if dict(ordered.schema) == model.polars_schema() and model.holds(ordered):
        return frame, frame.clear().with_columns(broken=pl.lit(None, pl.String))
    cases = model.find_failures(ordered)
    if cases is None:
        return frame, frame.clear().with_columns(broken=pl.lit(None, pl.String))
    whole = cases.filter(pl.col("index").is_null())
    if whole.height:
        listed = "; ".join(
            f"{column}: {check}" for column, check in whole.select("column", "check").unique().iter_rows()
        )
        raise SchemaError(
            f"{model.info().name} does not fit its schema: {listed}",
            next_action="report this defect; nothing was published",
        )
    broken = (
        cases.select(pl.col("index").cast(pl.UInt32), pl.format("{}: {}", "column", "check").alias("broken"))
        .unique()
        .group_by("index")
        .agg(pl.col("broken").sort().str.join("; "))
    )
    indexed = frame.with_row_index("index")
    return (
        indexed.join(broken, on="index", how="anti").drop("index"),
        indexed.join(broken, on="index", how="inner").drop("index"),
    )


def _with_cells(rows: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Add `cells`: as read where staging kept them, else the staged columns."""
    known = rows.join(cells.select(*PLACE, "cells"), on=PLACE, how="left")
    if not known.get_column("cells").null_count():
        return known
    texts = [name for name in rows.columns if name not in PLACE]
    rendered = [
        json.dumps(
            {k: None if v is None else str(v) for k, v in zip(texts, row, strict=True)}, ensure_ascii=False
        )
        for row in known.select(texts).iter_rows()
    ]
    return known.with_columns(pl.coalesce("cells", pl.Series("cells", rendered, dtype=pl.String)))


def _reject(
    rows: pl.DataFrame, table_name: str, cells: pl.DataFrame, rule_id: str, reason: str
) -> pl.DataFrame:
    rule = next(rule for rule in REJECTIONS if rule.rule_id == rule_id)
    content = rows if "cells" in rows.columns else _with_cells(rows, cells)
    words = pl.lit(reason)
    if "broken" in content.columns:
        words = pl.format("{} ({})", words, pl.col("broken"))
    content = content.with_columns(
        table_name=pl.lit(table_name),
        rule_id=pl.lit(rule_id),
        reason=words,
        next_action=pl.lit(rule.next_action),
    )
    schema = CoreRejectedRows.polars_schema()
    return content.select(
        (pl.col(name) if name in content.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    )
