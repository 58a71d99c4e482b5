"""One way to declare a table and to bring a frame into its canonical form.

A `Table` is a Pandera model whose columns stand in warehouse order and carry a description, their
CDISC origin and, where null is allowed, what null means. Checks, DuckDB DDL with comments, Dagster
columns and the data dictionary are all derived from it and from nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import pandera.polars as pa
import polars as pl
from pandera.api.polars.components import Column

from schemas.errors import SchemaError

SEPARATOR = "|"
"""Joins the parts of a list kept in one text column; parts are codes and never contain it."""


def column(
    description: str,
    *,
    origin: str = "derived",
    null: str | None = None,
    **checks: Any,
) -> Any:
    """Declare a column; `null` says what a null means and makes the column nullable."""
    return pa.Field(
        description=description,
        nullable=null is not None,
        metadata={"origin": origin, "null_means": null},
        **checks,
    )


@dataclass(frozen=True)
class TableInfo:
    """Name, grain and key of a table; `run_scoped` tables get a leading `run_id` in the warehouse."""

    name: str
    grain: str
    key: tuple[str, ...]
    run_scoped: bool


class Table(pa.DataFrameModel):
    """Base of every table; `@table` gives a subclass its name, its body declares columns in order."""

    class Config:
        strict = True
        coerce = False

    @classmethod
    def info(cls) -> TableInfo:
        """Name (in Parquet, DuckDB and Dagster alike), grain and key as declared by `@table`."""
        return _DECLARED[cls]

    @classmethod
    def declared_columns(cls) -> dict[str, Column]:
        """Columns in warehouse order."""
        return cast("dict[str, Column]", cls.to_schema().columns)

    @classmethod
    def polars_schema(cls) -> dict[str, pl.DataType]:
        """Column name to polars dtype, in warehouse order."""
        schema: dict[str, pl.DataType] = {}
        for name, declared in cls.declared_columns().items():
            dtype = cast("Any", declared.dtype).type
            schema[name] = dtype() if isinstance(dtype, type) else dtype
        return schema

    @classmethod
    def empty(cls) -> pl.DataFrame:  # type: ignore[override]  # pandera types its own as a wrapper
        """A frame with the declared columns and no rows."""
        return pl.DataFrame(schema=cls.polars_schema())

    @classmethod
    def canonicalise(cls, frame: pl.DataFrame) -> pl.DataFrame:
        """Select the declared columns, cast strictly and sort by primary key.

        Raises `SchemaError` when a column is missing or the key is not unique. Every frame goes
        through here before it is stored or hashed; nothing else in the project sorts results.
        """
        declared = cls.polars_schema()
        missing = [name for name in declared if name not in frame.columns]
        if missing:
            raise SchemaError(
                f"{cls.info().name} lacks the columns {', '.join(missing)}",
                next_action="build the frame from the schema",
            )
        result = frame.select(pl.col(name).cast(dtype) for name, dtype in declared.items())
        keys = list(cls.info().key)
        result = result.sort(keys, nulls_last=False, maintain_order=False)
        repeated = result.height - result.select(keys).n_unique() if result.height else 0
        if repeated:
            raise SchemaError(
                f"{cls.info().name} has {repeated} rows whose key ({', '.join(keys)}) is not unique",
                next_action="report this defect; nothing was published",
            )
        return result

    @classmethod
    def require(cls, frame: pl.DataFrame) -> pl.DataFrame:
        """Canonicalise and validate; a failure is a defect, named without any cell value."""
        if not isinstance(frame, pl.DataFrame):
            raise SchemaError(
                f"{cls.info().name}: only collected frames are validated",
                next_action="collect the frame first (LazyFrame validation checks no values)",
            )
        result = cls.canonicalise(frame)
        if result.is_empty():
            return result  # columns and types are right, and there is no value to check
        try:
            cls.validate(result, lazy=True)
        except pa.errors.SchemaErrors as failure:
            cases = failure.failure_cases.group_by("column", "check").len().sort("column", "check")
            listed = "; ".join(f"{c}: {k} ({n} rows)" for c, k, n in cases.iter_rows())
            raise SchemaError(
                f"{cls.info().name} breaks its own schema: {listed}",
                next_action="report this defect; nothing was published",
            ) from None
        return result


T = TypeVar("T", bound=Table)
_DECLARED: dict[type[Table], TableInfo] = {}


def table(
    name: str, *, grain: str, key: tuple[str, ...], run_scoped: bool = True
) -> Callable[[type[T]], type[T]]:
    """Name a table class and say what one row is and what makes it unique."""

    def declare(cls: type[T]) -> type[T]:
        _DECLARED[cls] = TableInfo(name, grain, key, run_scoped)
        return cls

    return declare


_DTYPE_NAMES: dict[pl.DataType, str] = {
    pl.String(): "text",
    pl.Boolean(): "boolean",
    pl.Int8(): "int8",
    pl.Int16(): "int16",
    pl.Int32(): "int32",
    pl.Int64(): "int64",
    pl.UInt8(): "uint8",
    pl.UInt16(): "uint16",
    pl.UInt32(): "uint32",
    pl.UInt64(): "uint64",
    pl.Float64(): "float64",
    pl.Date(): "date",
    pl.Datetime("us"): "datetime[us]",
}
"""Names of our own, so that no library decides what a digest is taken over."""
_DIGEST_ROWS = 50_000


def canonical_bytes_digest(frame: pl.DataFrame) -> str:
    """sha256 of a canonical frame: a header line, then every cell as length-prefixed UTF-8 text.

    A cell is written `length:text`, a null `-:`, row by row in the order of the frame; lengths are
    in bytes, so no text can pass for another cell and null and empty text differ. Integers and
    booleans are written as such, dates as days and date-times as microseconds since 1970-01-01,
    floats in hexadecimal (exact). Independent of Parquet, chunks, engine and library version.
    Raises `SchemaError` for a column type that no table of this project has.
    """
    unknown = [name for name, dtype in frame.schema.items() if dtype not in _DTYPE_NAMES]
    if unknown:
        raise SchemaError(
            f"no canonical text is defined for the type of the columns {', '.join(unknown)}",
            next_action="cast them to a type of the schema first",
        )
    header = [[name, _DTYPE_NAMES[dtype]] for name, dtype in frame.schema.items()]
    digest = hashlib.sha256(json.dumps([header, frame.height], ensure_ascii=False).encode())
    for block in frame.iter_slices(_DIGEST_ROWS):
        cells = [_canonical_text(block[name]) for name in block.columns]
        prefixed = [
            (cell.str.len_bytes().cast(pl.String) + ":" + cell).fill_null("-:").alias(str(position))
            for position, cell in enumerate(cells)
        ]
        if prefixed:
            rows = pl.DataFrame(prefixed).select(pl.concat_str(pl.all()))
            digest.update("".join(rows.to_series().to_list()).encode())
    return digest.hexdigest()


def _canonical_text(cells: pl.Series) -> pl.Series:
    if cells.dtype == pl.Float64:
        texts = [None if value is None else float(value).hex() for value in cells]
        return pl.Series(cells.name, texts, dtype=pl.String)
    if cells.dtype in (pl.Date, pl.Datetime):
        cells = cells.to_physical()
    return cells.cast(pl.String)
