"""What the checks rely on in Pandera's polars backend; a change here needs a look at `schemas.base`."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
import pytest

BAD = pl.DataFrame({"key": [1, 1, 2], "grade": [1, 9, 2]})


class Plain(pa.DataFrameModel):
    key: int = pa.Field(unique=True)
    grade: int = pa.Field(le=5)


def test_a_lazy_frame_is_checked_for_names_and_types_only() -> None:
    Plain.validate(BAD.lazy(), lazy=True).collect()
    with pytest.raises(pa.errors.SchemaErrors):
        Plain.validate(BAD, lazy=True)


def test_a_null_passes_a_check_unless_nulls_are_not_ignored() -> None:
    def schema(*, ignore_na: bool) -> pa.DataFrameSchema:
        check = pa.Check(lambda data: data.lazyframe.select(pl.col(data.key) > 0), ignore_na=ignore_na)
        return pa.DataFrameSchema({"grade": pa.Column(pl.Int64, check, nullable=True)})

    frame = pl.DataFrame({"grade": [1, None]})
    schema(ignore_na=True).validate(frame)
    with pytest.raises(pa.errors.SchemaError):
        schema(ignore_na=False).validate(frame)


def test_failures_of_cells_and_of_uniqueness_name_their_rows() -> None:
    with pytest.raises(pa.errors.SchemaErrors) as raised:
        Plain.validate(BAD, lazy=True)
    cases = raised.value.failure_cases
    assert isinstance(cases, pl.DataFrame)
    rows = {
        check: sorted(cases.filter(pl.col("check") == check)["index"]) for check in cases["check"].unique()
    }
    assert rows == {"less_than_or_equal_to(5)": [1], "field_uniqueness": [0, 1]}


def test_failures_of_whole_rows_name_their_rows() -> None:
    check = pa.Check(lambda data: data.lazyframe.select(pl.col("key") < pl.col("grade")))
    schema = pa.DataFrameSchema({"key": pa.Column(pl.Int64), "grade": pa.Column(pl.Int64)}, checks=check)
    with pytest.raises(pa.errors.SchemaErrors) as raised:
        schema.validate(pl.DataFrame({"key": [1, 2], "grade": [2, 1]}), lazy=True)
    assert raised.value.failure_cases["index"].to_list() == [1]


def test_an_absent_column_is_a_failure_without_a_row() -> None:
    with pytest.raises(pa.errors.SchemaErrors) as raised:
        Plain.validate(BAD.drop("grade"), lazy=True)
    cases = raised.value.failure_cases.filter(pl.col("check") == "column_in_dataframe")
    assert cases["index"].to_list() == [None]
