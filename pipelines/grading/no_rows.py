"""What follows from no rows: found out once, not once per batch of subjects.

Only this lives here. Most studies have no assessments and no sedation table. That nothing follows from them
takes a dozen queries in every batch, a twentieth of the time of a large study and more of a small one's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import polars as pl

_Others = ParamSpec("_Others")
_Result = TypeVar("_Result")


def remember_no_rows(
    derive: Callable[Concatenate[pl.DataFrame, _Others], _Result],
) -> Callable[Concatenate[pl.DataFrame, _Others], _Result]:
    """`derive`, asked once only what it makes of a first frame without rows.

    It must make frames without rows of that, whatever the other arguments hold: then only their columns
    depend on the columns it is given, and these are what its answer is remembered by.
    """
    answers: dict[tuple[tuple[tuple[str, pl.DataType], ...], ...], _Result] = {}

    @wraps(derive)
    def derived(rows: pl.DataFrame, /, *args: _Others.args, **kwargs: _Others.kwargs) -> _Result:
        if not rows.is_empty():
            return derive(rows, *args, **kwargs)
        given = (rows, *args, *kwargs.values())
        columns = tuple(tuple(each.schema.items()) for each in given if isinstance(each, pl.DataFrame))
        if columns not in answers:
            answers[columns] = derive(rows, *args, **kwargs)
        return answers[columns]

    return derived
