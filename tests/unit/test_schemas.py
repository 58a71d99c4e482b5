"""Schemas: every table declares what it must, and catches what it must not hold."""

from __future__ import annotations

from datetime import date, datetime

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import Column, Table, compile_checks, rank_keys, repeats_key, sort_by_key
from schemas.errors import SchemaError
from schemas.pandera_checks import pandera_schema
from schemas.registry import TABLES

EVERY_TABLE = pytest.mark.parametrize("declared", TABLES.values(), ids=TABLES.keys())


def one_row(declared: type[Table]) -> pl.DataFrame:
    """A frame of one row of nulls: it breaks every column that must not be null."""
    return pl.DataFrame({name: [None] for name in declared.polars_schema()}, schema=declared.polars_schema())


@EVERY_TABLE
def test_every_column_says_what_it_is_and_what_null_means(declared: type[Table]) -> None:
    assert declared.info().grain
    assert set(declared.info().key) <= set(declared.polars_schema())
    for name, spec in declared.declared_columns().items():
        assert spec.description, name
        assert spec.origin, name
        assert bool(spec.null_means) == spec.nullable, name


@EVERY_TABLE
def test_no_key_column_may_be_null(declared: type[Table]) -> None:
    columns = declared.declared_columns()
    assert not [name for name in declared.info().key if columns[name].nullable]


@EVERY_TABLE
def test_an_empty_table_is_valid(declared: type[Table]) -> None:
    assert declared.require(declared.empty()).height == 0


@EVERY_TABLE
def test_a_row_of_nulls_is_caught(declared: type[Table]) -> None:
    with pytest.raises(SchemaError, match="not_nullable"):
        declared.require(one_row(declared))


@EVERY_TABLE
def test_a_lazy_frame_is_refused(declared: type[Table]) -> None:
    with pytest.raises(SchemaError, match="only collected frames"):
        declared.require(declared.empty().lazy())  # type: ignore[arg-type]


@EVERY_TABLE
def test_a_missing_column_is_named(declared: type[Table]) -> None:
    last = list(declared.polars_schema())[-1]
    with pytest.raises(SchemaError, match=last):
        declared.require(declared.empty().drop(last))


def test_columns_and_rows_are_put_in_canonical_order() -> None:
    declared = TABLES["core_unmapped_terms"]
    rows = {
        "subjects": [1, 1],
        "study_id": ["S", "S"],
        "term_key": ["b", "a"],
        "body_system": ["", ""],
        "events": [1, 2],
        "max_source_grade": [None, 3],
    }
    result = declared.require(pl.DataFrame(rows))
    assert result.columns == list(declared.polars_schema())
    assert result["term_key"].to_list() == ["a", "b"]


def test_a_key_that_is_not_unique_is_refused_without_naming_a_value() -> None:
    declared = TABLES["core_unmapped_terms"]
    row = {"study_id": "S", "term_key": "secret", "body_system": "", "events": 1, "subjects": 1}
    frame = pl.DataFrame([row, row]).with_columns(pl.lit(None, pl.Int8).alias("max_source_grade"))
    with pytest.raises(SchemaError, match="1 rows whose key") as caught:
        declared.canonicalise(frame)
    assert "secret" not in str(caught.value)


_TEXTS = st.text(alphabet="aZ9-é\U0001f600", max_size=4)


@given(st.lists(st.tuples(_TEXTS, st.integers(-9, 2**40), _TEXTS), min_size=1, max_size=60))
def test_ranks_order_rows_as_their_keys_do(rows: list[tuple[str, int, str]]) -> None:
    schema = {"a": pl.String, "b": pl.Int64, "c": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    ranks = rank_keys(frame, ["a", "b", "c"])
    assert ranks is not None
    by_rank = [row for _, row in sorted(zip(ranks.to_list(), rows, strict=True), key=lambda pair: pair[0])]
    assert by_rank == frame.sort("a", "b", "c").rows()
    assert ranks.n_unique() == len(set(rows))
    assert repeats_key(frame, ["a", "b", "c"]).to_list() == [rows.count(row) > 1 for row in rows]


def test_a_long_table_is_sorted_and_its_repetitions_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pl.DataFrame({"a": ["b", "a", "b", "a", "b"], "b": [2, 1, 2, 3, 1]})
    plain = sort_by_key(frame, ["a", "b"])
    monkeypatch.setattr("schemas.base._RANKED_ROWS", 0)
    ranked = sort_by_key(frame, ["a", "b"])
    assert (plain[0].rows(), plain[1]) == (ranked[0].rows(), ranked[1])
    assert ranked[1] == 1


@pytest.mark.parametrize(
    "cells", [[None, "a"], [1.5, 2.5], [-(2**62), 2**62]], ids=["null", "fractions", "too far apart"]
)
def test_keys_that_no_number_can_stand_for_are_sorted_as_they_are(cells: list[object]) -> None:
    assert rank_keys(pl.DataFrame({"a": cells, "b": ["x", "y"]}), ["a", "b"]) is None


def test_a_value_outside_its_vocabulary_is_caught_without_being_printed() -> None:
    declared = TABLES["core_unmapped_terms"]
    frame = pl.DataFrame(
        {
            "study_id": ["S"],
            "term_key": ["secret"],
            "body_system": [""],
            "events": [0],
            "subjects": [1],
            "max_source_grade": [9],
        }
    )
    with pytest.raises(SchemaError, match="max_source_grade") as caught:
        declared.require(frame)
    assert "secret" not in str(caught.value)


@EVERY_TABLE
def test_a_check_compiled_here_says_what_pandera_says_of_it(declared: type[Table]) -> None:
    compared = 0
    for name, spec in declared.declared_columns().items():
        conditions = compile_checks({name: spec})
        dtype = declared.polars_schema()[name]
        for value in _tried_values(spec, dtype):
            for cells in ([value], [value, None]):
                frame = pl.DataFrame({name: cells}, schema={name: dtype})
                holds = not conditions or all(frame.select(conditions).row(0))
                assert holds == _holds_in_pandera({name: spec}, frame), (name, cells)
                compared += 1
    assert compared


def _tried_values(spec: Column, dtype: pl.DataType) -> list[object]:
    """Values on, inside and outside of every bound of a column's checks, of the column's type."""
    samples: dict[pl.DataType, list[object]] = {
        pl.String(): ["", "no such code", "../x", "a\nb", "A-1"],
        pl.Boolean(): [True, False],
        pl.Float64(): [-0.5, 0.0, 1.0, 1e300],
        pl.Date(): [date(2017, 3, 1)],
        pl.Datetime("us"): [datetime(2017, 3, 1)],
    }
    tried = list(samples.get(dtype, [-128, -1, 0, 1, 2, 5, 6, 100, 127]))
    for check in spec.checks:
        bound = check.bound
        tried += [bound] if isinstance(bound, int) else [] if isinstance(bound, str) else list(bound)
    return [value for value in tried if not (isinstance(value, int) and dtype == pl.UInt8() and value < 0)]


def _holds_in_pandera(columns: dict[str, Column], frame: pl.DataFrame) -> bool:
    try:
        pandera_schema(columns).validate(frame, lazy=True)
    except pa.errors.SchemaErrors:
        return False
    return True
