"""One date where one date is needed: the ADaM convention, and which dates it leaves alone.

Left of `=>` what is recorded (the infusion is on 2020-01-10 unless said), right of it the row of
core_event_dates.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from pipelines.grading.event_dates import derive_event_dates
from schemas.courses import CoreEventDates
from tests import studies
from tests.spec.table import assert_rows, event_of, moment, read_table

INFUSION = date(2020, 1, 10)


def dates_of(
    cells: list[studies.Row], infusions: tuple[Any, ...] = (INFUSION,), death: Any = None, **manifest: Any
) -> pl.DataFrame:
    died = studies.instants(death)
    rows = studies.study(
        [event_of(row | {"subject": "01"}, number) for number, row in enumerate(cells, start=1)],
        [studies.subject("01", death_earliest=died[0], death_latest=died[1])],
        [studies.infusion(at, number=number) for number, at in enumerate(infusions, start=1)],
    )
    checked = studies.to_frames(rows)
    found = derive_event_dates(
        checked["core_adverse_events"],
        checked["core_infusions"],
        checked["core_subjects"],
        studies.manifest(**manifest),
    )
    return CoreEventDates.require(found).sort(pl.col("event_id").cast(pl.Int64))


def assert_dates(text: str, **context: Any) -> None:
    left, right = read_table(text)
    assert_rows(dates_of(left, **context).to_dicts(), right, left)


def test_a_partial_start_is_its_first_possible_day_but_not_before_the_infusion() -> None:
    """Where the range reaches the infusion; a range before it stays; flags name the highest part."""
    assert_dates(
        """
        | start      | end        | => | start_date | start_imputation | end_imputation |
        |------------|------------|----|------------|------------------|----------------|
        | 2020-01-12 | 2020-01-13 | => | 2020-01-12 |                  |                |
        | 2020-01    | 2020-01-31 | => | 2020-01-10 | D                |                |
        | 2020-02    | 2020-02-20 | => | 2020-02-01 | D                |                |
        | 2019-12    | 2020-01-31 | => | 2019-12-01 | D                |                |
        | 2020       | 2020-03-01 | => | 2020-01-10 | M                |                |
        | 2020       | 2020-01-05 | => | 2020-01-01 | M                |                |
        | 2020-01-02 | 2020-01-05 | => | 2020-01-02 |                  |                |
        | unknown    | 2020-01-31 | => |            |                  |                |
        """
    )


def test_a_partial_end_is_its_last_possible_day_but_not_after_death_or_data_cut() -> None:
    """Where the end can be by then; a whole date stays what it is even where it contradicts them."""
    text = """
        | start      | end        | => | end_date   | end_imputation |
        |------------|------------|----|------------|----------------|
        | 2020-01-12 | 2020-01    | => | {}         | D              |
        | 2020-01-12 | 2020       | => | {}         | M              |
        | 2020-01-12 | 2020-02    | => | 2020-02-29 | D              |
        | 2020-01-12 | 2020-03-01 | => | 2020-03-01 |                |
        | 2020-01-12 | unknown    | => |            |                |
    """
    assert_dates(text.format("2020-01-31", "2020-12-31"))
    assert_dates(text.format("2020-01-20", "2020-01-20"), death=date(2020, 1, 20))
    assert_dates(text.format("2020-01-25", "2020-01-25"), data_cutoff=date(2020, 1, 25))
    assert_dates(
        text.format("2020-01-20", "2020-01-20"), death=date(2020, 1, 20), data_cutoff=date(2020, 1, 25)
    )


@pytest.mark.parametrize(
    ("start", "flag"),
    [
        ((date(2020, 1, 5), date(2020, 12, 5)), "M"),  # 2020---05: the month is not recorded
        ((date(2019, 12, 30), date(2020, 1, 15)), "Y"),
        ((date(2020, 1, 2), date(2020, 1, 15)), "D"),
    ],
)
def test_the_flag_names_the_highest_part_that_is_open(start: tuple[date, date], flag: str) -> None:
    events = [studies.event(start=start, end=None)]
    checked = studies.to_frames(studies.study(events, infusions=[studies.infusion(INFUSION)]))
    found = derive_event_dates(
        checked["core_adverse_events"],
        checked["core_infusions"],
        checked["core_subjects"],
        studies.manifest(),
    )
    assert found.select("start_date", "start_imputation").rows() == [(INFUSION, flag)]


def test_the_first_dated_infusion_counts_and_without_one_nothing_bounds_the_start() -> None:
    cells = [{"start": "2020-01", "end": "2020-01-31"}]
    for infusions, start in (
        ((), date(2020, 1, 1)),
        ((None, date(2020, 1, 8)), date(2020, 1, 8)),
        ((date(2020, 1, 8), date(2020, 1, 20)), date(2020, 1, 8)),
    ):
        assert dates_of(cells, infusions=infusions)["start_date"].to_list() == [start]


def test_an_unknown_or_ongoing_end_stays_open() -> None:
    (found,) = dates_of([{"start": "2020-01-12", "end": "unknown", "ongoing": "yes"}]).to_dicts()
    assert (found["end_date"], found["end_imputation"]) == (None, None)


def test_ranges_are_read_as_the_tables_say() -> None:
    """The reading of this page: a month is the range of its days."""
    assert moment("2020-02") == (date(2020, 2, 1), date(2020, 2, 29))
