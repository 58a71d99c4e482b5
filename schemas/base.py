"""One way to declare a table and to bring a frame into its canonical form.

A `Table` declares its columns in warehouse order with their checks, a description, their CDISC origin and,
where null is allowed, what null means. The Pandera schema (`schemas.pandera_checks`), DuckDB DDL with
comments, Dagster columns and the data dictionary are all derived from it and from nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, get_args, get_type_hints

import polars as pl

from schemas.errors import SchemaError

if TYPE_CHECKING:
    from pandera.polars import DataFrameSchema

SEPARATOR = "|"
"""Joins the parts of a list kept in one text column; parts are codes and never contain it."""


@dataclass(frozen=True)
class Check:
    """A check of a column: its name in Pandera, and the bound, pattern or values it holds cells against."""

    name: str
    bound: Any


@dataclass(frozen=True)
class Column:
    """A column as declared. `null_means` is None where no null is allowed."""

    dtype: pl.DataType
    description: str
    origin: str
    null_means: str | None
    checks: tuple[Check, ...]

    @property
    def nullable(self) -> bool:
        """A cell may be null."""
        return self.null_means is not None


@dataclass(frozen=True)
class _Declaration:
    """A column before its type is known, which is the annotation beside it."""

    description: str
    origin: str
    null_means: str | None
    checks: tuple[Check, ...]


def column(
    description: str,
    *,
    origin: str = "derived",
    null: str | None = None,
    ge: int | None = None,
    le: int | None = None,
    isin: Sequence[str] | None = None,
    str_matches: str | None = None,
) -> Any:
    """Declare a column; `null` says what a null means and makes the column nullable.

    `str_matches` is held against the beginning of a text.
    """
    checks = {
        "greater_than_or_equal_to": ge,
        "less_than_or_equal_to": le,
        "isin": isin,
        "str_matches": str_matches,
    }
    known = tuple(Check(name, bound) for name, bound in checks.items() if bound is not None)
    return _Declaration(description, origin, null, known)


@dataclass(frozen=True)
class TableInfo:
    """Name, grain and key of a table; `run_scoped` tables get a leading `run_id` in the warehouse."""

    name: str
    grain: str
    key: tuple[str, ...]
    run_scoped: bool


class Table:
    """Base of every table; `@table` gives a subclass its name, its body declares columns in order."""

    @classmethod
    def info(cls) -> TableInfo:
        """Name (in Parquet, DuckDB and Dagster alike), grain and key as declared by `@table`."""
        return _DECLARED[cls]

    @classmethod
    def declared_columns(cls) -> Mapping[str, Column]:
        """Columns in warehouse order."""
        if cls not in _COLUMNS:
            _COLUMNS[cls] = _columns_of(cls)
        return _COLUMNS[cls]

    @classmethod
    def polars_schema(cls) -> dict[str, pl.DataType]:
        """Column name to polars dtype, in warehouse order."""
        return {name: declared.dtype for name, declared in cls.declared_columns().items()}

    @classmethod
    def empty(cls) -> pl.DataFrame:
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
        result = frame
        if list(frame.schema.items()) != list(declared.items()):
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
        if cls.holds(result) or (failures := cls.find_failures(result)) is None:
            return result
        cases = failures.group_by("column", "check").len().sort("column", "check")
        listed = "; ".join(f"{c}: {k} ({n} rows)" for c, k, n in cases.iter_rows())
        raise SchemaError(
            f"{cls.info().name} breaks its own schema: {listed}",
            next_action="report this defect; nothing was published",
        )

    @classmethod
    def holds(cls, frame: pl.DataFrame) -> bool:
        """Every declared check of every column holds."""
        if cls not in _CONDITIONS:
            _CONDITIONS[cls] = compile_checks(cls.declared_columns())
        return all(frame.select(_CONDITIONS[cls]).row(0))

    @classmethod
    def pandera_schema(cls) -> DataFrameSchema:
        """The table as Pandera has it, for whoever wants to hold frames of their own against it."""
        from schemas.pandera_checks import pandera_schema  # noqa: PLC0415 - most runs never ask it

        return pandera_schema(cls.declared_columns())

    @classmethod
    def find_failures(cls, frame: pl.DataFrame) -> pl.DataFrame | None:
        """Pandera's failure cases (`column`, `check`, `index`: null for the whole frame); None without any.

        Raises `SchemaError` where Pandera is switched off or limited.
        """
        from schemas.pandera_checks import find_failures  # noqa: PLC0415 - most runs never ask it

        return find_failures(cls.pandera_schema(), frame)


def is_rising(frame: pl.DataFrame, keys: list[str]) -> bool:
    """Each row's key is greater than that of the row before: sorted, and without a repetition."""
    if any(frame[key].null_count() for key in keys):
        return False
    if frame.height < 2:
        return True
    rises = pl.zeros(frame.height - 1, pl.Boolean, eager=True)
    for key in reversed(keys):
        here, before = frame[key].slice(1), frame[key].slice(0, frame.height - 1)
        rises = (here > before) | ((here == before) & rises)
    return bool(rises.all())


def sort_by_key(frame: pl.DataFrame, keys: list[str]) -> tuple[pl.DataFrame, int]:
    """The frame in the order of its key, nulls first, and how many rows repeat the key of another."""
    ranks = rank_keys(frame, keys) if frame.height >= _RANKED_ROWS else None
    if ranks is None:
        ordered = frame.sort(keys, nulls_last=False, maintain_order=False)
        if ordered.is_empty() or is_rising(ordered, keys):
            return ordered, 0
        return ordered, ordered.height - ordered.select(keys).n_unique()
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


def compile_checks(columns: Mapping[str, Column]) -> list[pl.Expr]:
    """One truth per column and check, for whole frames with rows."""
    conditions = []
    for name, declared in columns.items():
        if not declared.nullable:
            conditions.append((pl.col(name).null_count() == 0).alias(f"{name} null"))
        for check in declared.checks:
            holds = _CHECKS[check.name](pl.col(name), check.bound)
            conditions.append(holds.fill_null(value=True).alias(f"{name} {check.name}"))
    return conditions


def _columns_of(declared: type[Table]) -> Mapping[str, Column]:
    """Columns of a table, those it inherits first; one declared again keeps its place."""
    names = {
        name: declaration
        for each in reversed(declared.__mro__)
        for name, declaration in vars(each).items()
        if isinstance(declaration, _Declaration)
    }
    hints = get_type_hints(declared, include_extras=True)
    return {
        name: Column(_polars_type(hints[name]), each.description, each.origin, each.null_means, each.checks)
        for name, each in names.items()
    }


def _polars_type(hint: Any) -> pl.DataType:
    """The type of an annotation: one of Python's, one of polars, or `Annotated` with its parameters."""
    if hint in _PYTHON_TYPES:
        return _PYTHON_TYPES[hint]
    made, *parameters = get_args(hint) or (hint,)
    return cast("pl.DataType", made(*parameters))


_PYTHON_TYPES: Final[Mapping[object, pl.DataType]] = {str: pl.String(), bool: pl.Boolean()}
_CHECKS: Final[Mapping[str, Callable[[pl.Expr, Any], pl.Expr]]] = {
    "greater_than_or_equal_to": lambda cells, bound: cells.min() >= bound,
    "less_than_or_equal_to": lambda cells, bound: cells.max() <= bound,
    "isin": lambda cells, allowed: cells.is_in(list(allowed)).all(),
    "str_matches": lambda cells, pattern: cells.unique().str.contains(f"^(?:{pattern})").all(),
}
"""What the checks of Pandera that the tables use say of a whole column; nulls are checked on their own."""


T = TypeVar("T", bound=Table)
_DECLARED: dict[type[Table], TableInfo] = {}
_COLUMNS: dict[type[Table], Mapping[str, Column]] = {}
_CONDITIONS: dict[type[Table], list[pl.Expr]] = {}
_RANKED_ROWS = 50_000
_RANK = "__rank"


def table(
    name: str, *, grain: str, key: tuple[str, ...], run_scoped: bool = True
) -> Callable[[type[T]], type[T]]:
    """Name a table class and say what one row is and what makes it unique."""

    def declare(cls: type[T]) -> type[T]:
        _DECLARED[cls] = TableInfo(name, grain, key, run_scoped)
        return cls

    return declare
