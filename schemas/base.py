"""One way to declare a table and to bring a frame into its canonical form.

A `Table` is a Pandera model whose columns stand in warehouse order and carry a description, their
CDISC origin and, where null is allowed, what null means. Checks, DuckDB DDL with comments, Dagster
columns and the data dictionary are all derived from it and from nothing else.
"""

from __future__ import annotations

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
        if is_rising(result, keys):
            return result
        result, repeated = sort_by_key(result, keys)
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
        # Columns and types are right by now. Pandera is asked only where a value breaks a declared check: it
        # looks at one column after another, which takes longer than all the rest of a small study.
        if cls.holds(result):
            return result
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

    @classmethod
    def holds(cls, frame: pl.DataFrame) -> bool:
        """Every declared check of every column holds, as far as checks are known here by name."""
        if cls not in _CONDITIONS:
            _CONDITIONS[cls] = compile_checks(cls.declared_columns())
        conditions = _CONDITIONS[cls]
        return conditions is not None and all(frame.select(conditions).row(0))


def is_rising(frame: pl.DataFrame, keys: list[str]) -> bool:
    """Each row's key is greater than that of the row before: sorted, and without a repetition."""
    if any(frame[key].null_count() for key in keys):
        return False
    rises = pl.lit(value=False)
    for key in reversed(keys):
        here, before = pl.col(key), pl.col(key).shift(1)
        rises = (here > before) | ((here == before) & rises)
    return frame.height < 2 or bool(frame.lazy().select(rises.slice(1).all()).collect().item())


def sort_by_key(frame: pl.DataFrame, keys: list[str]) -> tuple[pl.DataFrame, int]:
    """The frame in the order of its key, nulls first, and how many rows repeat the key of another."""
    ranks = rank_keys(frame, keys) if frame.height >= _RANKED_ROWS else None
    if ranks is None:
        ordered = frame.sort(keys, nulls_last=False, maintain_order=False)
        return ordered, ordered.height - ordered.select(keys).n_unique() if ordered.height else 0
    ordered = frame.with_columns(ranks.alias(_RANK)).sort(_RANK)
    return ordered.drop(_RANK), int((ordered[_RANK].diff() == 0).sum())


def rank_keys(frame: pl.DataFrame, keys: list[str]) -> pl.Series | None:
    """One whole number per row in the order of its key: sorting numbers costs a third of sorting texts.

    A text counts by its place among the distinct texts of its column. None where a key holds a null or
    something else than text and whole numbers, or where the numbers do not fit.
    """
    size, ranks = 1, pl.zeros(frame.height, dtype=pl.Int64, eager=True)
    for key in keys:
        cells = frame[key]
        if cells.null_count() or not (cells.dtype == pl.String or cells.dtype.is_integer()):
            return None
        if cells.dtype == pl.String:
            texts = cells.unique().sort()
            cells, lowest, count = cells.cast(pl.Enum(texts)).to_physical(), 0, texts.len()
        else:
            least, most = (cast("int", value) for value in (cells.min(), cells.max()))
            lowest, count = least, most - least + 1
        size *= count
        if size >= 1 << 63:
            return None
        ranks = ranks * count + (cells.cast(pl.Int64) - lowest)
    return ranks


def repeats_key(frame: pl.DataFrame, keys: list[str]) -> pl.Series:
    """Which rows share their key with another row."""
    ranks = rank_keys(frame, keys)
    if ranks is None:
        return frame.select(pl.struct(keys).is_duplicated()).to_series()
    ordered = ranks.sort()
    return ranks.is_in(ordered.filter(ordered.diff() == 0).implode())


def compile_checks(columns: dict[str, Column]) -> list[pl.Expr] | None:
    """One truth per column and check, for whole frames with rows; None where a check is not known here."""
    conditions = []
    for name, declared in columns.items():
        if not declared.nullable:
            conditions.append((pl.col(name).null_count() == 0).alias(f"{name} null"))
        for check in declared.checks:
            known = _KNOWN_CHECKS.get(check.name)
            if known is None or len(check.statistics) != 1:
                return None
            (value,) = check.statistics.values()
            conditions.append(known(pl.col(name), value).fill_null(value=True).alias(f"{name} {check.name}"))
    return conditions


_KNOWN_CHECKS: dict[str | None, Callable[[pl.Expr, Any], pl.Expr]] = {
    "greater_than_or_equal_to": lambda cells, bound: cells.min() >= bound,
    "less_than_or_equal_to": lambda cells, bound: cells.max() <= bound,
    "less_than": lambda cells, bound: cells.max() < bound,
    "isin": lambda cells, allowed: cells.is_in(list(allowed)).all(),
    "str_matches": lambda cells, pattern: cells.unique().str.contains(f"^(?:{pattern})").all(),
}
"""What the checks of Pandera that the tables use say of a whole column; nulls are checked on their own."""


T = TypeVar("T", bound=Table)
_DECLARED: dict[type[Table], TableInfo] = {}
_RANKED_ROWS = 50_000
_RANK = "__rank"
_CONDITIONS: dict[type[Table], list[pl.Expr] | None] = {}


def table(
    name: str, *, grain: str, key: tuple[str, ...], run_scoped: bool = True
) -> Callable[[type[T]], type[T]]:
    """Name a table class and say what one row is and what makes it unique."""

    def declare(cls: type[T]) -> type[T]:
        _DECLARED[cls] = TableInfo(name, grain, key, run_scoped)
        return cls

    return declare
