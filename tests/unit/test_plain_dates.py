"""Plain ISO dates read a column at a time are what `read_date` reads, and every other text is left to it."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.ingest.parse_dates import read_date
from pipelines.ingest.plain_dates import read_plain_dates

_PART = st.integers(0, 99).map(lambda number: f"{number:02d}")
_DAY = st.tuples(st.sampled_from(["1899", "1900", "2016", "2017", "2099", "2100"]), _PART, _PART).map(
    "-".join
)
_CLOCK = st.lists(_PART, min_size=1, max_size=3).map(":".join)
TEXTS = st.one_of(
    st.dates().map(str),
    st.datetimes().map(lambda moment: moment.isoformat(timespec="minutes")),
    st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds")),
    _DAY,
    st.tuples(_DAY, st.sampled_from("T t"), _CLOCK).map("".join),
    st.text(alphabet="0123456789-T: \u0662", max_size=19),
)


@given(TEXTS)
@example("2017-03-05T24:00")
@example("2016-12-31T23:59:60")
@example("2017-02-29")
@example("2016-02-29T00:00")
@example("2017-03-05\n")
@example("\u0662\u0660\u0661\u0667-03-05")
def test_what_is_read_is_what_read_date_reads(text: str) -> None:
    earliest, latest, precision = read_plain_dates(pl.Series([text])).row(0)
    if precision is None:
        assert (earliest, latest) == (None, None)
    else:
        assert (earliest, latest, precision, None) == tuple(read_date(text))


@pytest.mark.parametrize(
    ("text", "precision"),
    [
        ("2017-03-05", "day"),
        ("1900-01-01", "day"),
        ("2099-12-31T23:59", "time"),
        ("2017-03-05T10:30:15", "time"),
        (None, None),
        ("2017-03", None),
        ("2017-02-30", None),
        ("2017-03-05T24:00", None),
        ("2017-03-05 10:30", None),
        (" 2017-03-05", None),
    ],
)
def test_the_plain_ones_are_read_and_no_others(text: str | None, precision: str | None) -> None:
    assert read_plain_dates(pl.Series([text], dtype=pl.String))["precision"].to_list() == [precision]
