"""Dates as they occur in the wild: text -> range of instants, precision, problem."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ingest.parse_dates import is_sas_day_column, read_date

DAY = ("2017-03-05", "2017-03-05", "day")
YEAR = ("2017-01-01", "2017-12-31", "year")
MONTH = ("2017-03-01", "2017-03-31", "month")
FIFTH = ("2017-01-05", "2017-12-05", "partial")

READ = [
    *[
        (text, *DAY)
        for text in ("2017-03-05", " 2017-03-05 ", "2017-3-5", "2017/03/05", "2017.03.05", "20170305")
    ],
    *[(text, *DAY) for text in ("05-MAR-2017", "5-Mar-2017", "05MAR2017", "05 March 2017", "5/Mar/2017")],
    *[(text, *DAY) for text in ("MAR 05, 2017", "Mar-05-2017", "March 5 2017", "2017-MAR-05", "20170305.0")],
    *[(text, *DAY) for text in ("2017-03-05T-:30", "2017-03-05TUN:UN", "05-MAR-2017 UN:UN")],
    *[
        (text, *YEAR)
        for text in ("2017", "2017.0", "UN-UNK-2017", "UNK-UNK-2017", "2017-UNK-UNK", "2017-UN-UN")
    ],
    *[
        (text, *YEAR)
        for text in ("UNUNK2017", "UN-UN-2017", "UN/UNK/2017", "XX-XXX-2017", "??-???-2017", "2017----")
    ],
    *[
        (text, *MONTH)
        for text in ("2017-03", "UN-MAR-2017", "UNMAR2017", "2017-03-UN", "2017-03--", "201703")
    ],
    *[(text, *MONTH) for text in ("MAR-2017", "Mar 2017", "03/2017", "UNK/MAR/2017", "2017-03T10:00")],
    *[(text, *FIFTH) for text in ("2017---05", "05-UNK-2017", "05UNK2017")],
    ("2017---31", "2017-01-31", "2017-12-31", "partial"),
    ("2017-03-01/2017-03-05", "2017-03-01", "2017-03-05", "partial"),
    ("2016-02-29", "2016-02-29", "2016-02-29", "day"),
    ("2016-02", "2016-02-01", "2016-02-29", "month"),
    ("25/03/2017", "2017-03-25", "2017-03-25", "day"),
    ("03/25/2017", "2017-03-25", "2017-03-25", "day"),
    ("25.03.2017", "2017-03-25", "2017-03-25", "day"),
    ("05-OCT-2017", "2017-10-05", "2017-10-05", "day"),
    ("12-SEPT-2017", "2017-09-12", "2017-09-12", "day"),
    ("UNK-OCT-2017T10:30", "2017-10-01", "2017-10-31", "month"),
    ("03/03/2017", "2017-03-03", "2017-03-03", "day"),
]
TIMES = [
    ("2017-03-05T10:00", "10:00:00", "10:00:59.999999"),
    ("2017-03-05 10:00", "10:00:00", "10:00:59.999999"),
    ("2017-03-05T10", "10:00:00", "10:59:59.999999"),
    ("2017-03-05T10:-", "10:00:00", "10:59:59.999999"),
    ("2017-03-05T10:00:30", "10:00:30", "10:00:30.999999"),
    ("2017-03-05T10:00:30.5", "10:00:30.500000", "10:00:30.500000"),
    ("2017-03-05T10:00Z", "10:00:00", "10:00:59.999999"),
    ("2017-03-05T10:00+09:00", "10:00:00", "10:00:59.999999"),
    ("2017-03-05T23:30:00-0500", "23:30:00", "23:30:00.999999"),
    ("05MAR2017:10:00:30", "10:00:30", "10:00:30.999999"),
    ("05-MAR-2017 10:00", "10:00:00", "10:00:59.999999"),
    ("05-MAR-2017 10:30 PM", "22:30:00", "22:30:59.999999"),
    ("05-MAR-2017 12:30 AM", "00:30:00", "00:30:59.999999"),
    ("20170305T1000", "10:00:00", "10:00:59.999999"),
]
NOTHING = ["", " ", None, ".", ".A", "NA", "N/A", "ND", "NK", "UNK", "unknown", "--", "-----", "UN-UNK-UNKN"]
PROBLEMS = [
    *[
        (text, "STG-DATE-AMBIGUOUS")
        for text in ("03/04/2017", "3-4-2017", "03.04.2017", "UN/03/2017", "03/UN/2017")
    ],
    *[
        (text, "STG-DATE-IMPOSSIBLE")
        for text in ("2017-02-30", "2017-02-29", "2017-13-01", "30/02/2017", "31-APR-2017")
    ],
    *[
        (text, "STG-DATE-IMPOSSIBLE")
        for text in ("0217-03-05", "2917-03-05", "2017-00-10", "2017-03-00", "13/13/2017")
    ],
    *[(text, "STG-DATE-IMPOSSIBLE") for text in ("--02-30", "20171305", "2017-03-05/2017-03-01")],
    *[(text, "STG-DATE-TWO-DIGIT-YEAR") for text in ("05/03/17", "05-MAR-17", "05MAR17", "17-03-05")],
    *[
        (text, "STG-DATE-UNREADABLE")
        for text in ("hello", "20848", "1801396800", "5", "2017-Q1", "before infusion")
    ],
    *[
        (text, "STG-DATE-UNREADABLE")
        for text in ("2017-03-05-07", "05-MAX-2017", "2017030", "10:00", "2017-W10")
    ],
]


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(("text", "first", "last", "precision"), READ)
def test_a_date_is_the_range_it_can_mean(text: str, first: str, last: str, precision: str) -> None:
    end = _day(last) + timedelta(days=1, microseconds=-1)
    assert read_date(text) == (_day(first), end, precision, None)


@pytest.mark.parametrize(("text", "first", "last"), TIMES)
def test_a_time_is_read_on_the_local_clock(text: str, first: str, last: str) -> None:
    assert read_date(text) == (_day(f"2017-03-05T{first}"), _day(f"2017-03-05T{last}"), "time", None)


def test_midnight_at_the_end_of_a_day_is_the_next_day() -> None:
    assert read_date("2017-03-05T24:00").earliest == _day("2017-03-06")
    assert read_date("2017-03-05T24:01").rule_id == "STG-TIME-UNREADABLE"


@pytest.mark.parametrize("text", NOTHING)
def test_no_date_is_no_problem(text: str | None) -> None:
    assert read_date(text) == (None, None, "none", None)


@pytest.mark.parametrize("text", ["--03-05", "--03", "-----T10:00"])
def test_a_date_without_a_year_has_no_bounds(text: str) -> None:
    result = read_date(text)
    assert (result.earliest, result.latest, result.rule_id) == (None, None, None)


@pytest.mark.parametrize(("text", "rule"), PROBLEMS)
def test_what_is_no_date_is_a_problem_and_never_a_guess(text: str, rule: str) -> None:
    assert read_date(text) == (None, None, "none", rule)


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("03/04/2017", "day_first", "2017-04-03"),
        ("03/04/2017", "month_first", "2017-03-04"),
        ("03.04.2017 14:05", "day_first", "2017-04-03"),
        ("25/03/2017", "day_first", "2017-03-25"),
        ("UN/03/2017", "day_first", "2017-03-01"),
        ("03/UN/2017", "month_first", "2017-03-01"),
    ],
)
def test_a_declared_order_settles_day_and_month(text: str, order: str, expected: str) -> None:
    result = read_date(text, order=order)  # type: ignore[arg-type]
    assert result.earliest is not None
    assert result.earliest.date() == date.fromisoformat(expected)


def test_a_date_against_the_declared_order_is_a_problem() -> None:
    assert read_date("03/25/2017", order="day_first").rule_id == "STG-DATE-IMPOSSIBLE"


def test_the_declared_order_changes_no_unambiguous_notation() -> None:
    for text in ("2017-03-04", "04-MAR-2017", "20170304"):
        assert read_date(text, order="month_first") == read_date(text)


@pytest.mark.parametrize("bad", ["25:00", "10:61", "ten", "10:00:99", "13:00 PM"])
def test_an_unreadable_time_keeps_the_date(bad: str) -> None:
    result = read_date("2017-03-05", time_text=bad)
    assert (result.earliest, result.precision) == (_day("2017-03-05"), "day")
    assert result.rule_id == "STG-TIME-UNREADABLE"


@pytest.mark.parametrize("good", ["10:00", "10:00:00", "T10:00", "1000", "10:00 AM"])
def test_a_time_column_is_joined_to_a_whole_date(good: str) -> None:
    assert read_date("2017-03-05", time_text=good).earliest == _day("2017-03-05T10:00:00")
    assert read_date("2017-03", time_text=good) == read_date("2017-03")
    assert read_date("2017-03-05T08:00", time_text=good) == read_date("2017-03-05T08:00")


@pytest.mark.parametrize("unknown", ["", "UNK", "NA", "UN:UN", "-", "."])
def test_an_unknown_time_changes_nothing(unknown: str) -> None:
    assert read_date("2017-03-05", time_text=unknown) == read_date("2017-03-05")


@pytest.mark.parametrize(
    ("text", "flag", "time_flag", "same_as"),
    [
        ("2017-03-01", "D", None, "2017-03"),
        ("2017-01-01", "M", None, "2017"),
        ("2017-01-01", "Y", None, ""),
        ("2017-03-05T00:00:00", None, "H", "2017-03-05"),
        ("2017-03-05T10:00:00", None, "S", "2017-03-05T10:00"),
        ("2017-03-05T10:00:00", None, "M", "2017-03-05T10"),
        ("2017-03-05", None, None, "2017-03-05"),
        ("2017-03-01T00:00:00", "D", "H", "2017-03"),
    ],
)
def test_an_imputation_flag_takes_back_what_was_imputed(
    text: str, flag: str | None, time_flag: str | None, same_as: str
) -> None:
    assert read_date(text, imputed=flag, time_imputed=time_flag) == read_date(same_as)


def test_sas_day_numbers_are_a_property_of_the_column() -> None:
    assert is_sas_day_column(["20848", "20900.0", None, "", "."])
    assert not is_sas_day_column(["2017", "2018"])
    assert not is_sas_day_column(["20848", "201703"])
    assert not is_sas_day_column(["20848", "2017-03-05"])
    assert not is_sas_day_column(["42798"]), "an Excel serial is no SAS day number"
    assert not is_sas_day_column([None, ""])
    assert read_date("20848", sas_days=True).earliest == _day("2017-01-29")
    assert read_date("-1", sas_days=True).earliest == _day("1959-12-31")
    assert read_date("2017", sas_days=True).rule_id == "STG-DATE-AMBIGUOUS"


@given(st.dates(date(1900, 1, 1), date(2100, 12, 31)))
def test_every_notation_of_a_day_reads_the_same(day: date) -> None:
    expected = read_date(day.isoformat())
    assert expected.precision == "day"
    for text in (
        day.strftime("%Y%m%d"),
        day.strftime("%d-%b-%Y"),
        day.strftime("%d%b%Y").upper(),
        day.strftime("%d %B %Y"),
        day.strftime("%Y/%m/%d"),
    ):
        assert read_date(text) == expected
    assert read_date(day.strftime("%d/%m/%Y"), order="day_first") == expected
    assert read_date(day.strftime("%m/%d/%Y"), order="month_first") == expected
    slashed = read_date(day.strftime("%d/%m/%Y"))
    assert slashed == expected or slashed.rule_id == "STG-DATE-AMBIGUOUS"


@given(st.dates(date(1900, 1, 1), date(2100, 12, 31)), st.times())
def test_a_partial_date_contains_every_date_it_can_be(day: date, clock: object) -> None:
    moment = datetime.combine(day, clock)  # type: ignore[arg-type]
    for text in (
        moment.isoformat(),
        moment.strftime("%Y-%m-%dT%H:%M"),
        moment.strftime("%Y-%m-%dT%H"),
        day.isoformat(),
        day.strftime("%Y-%m"),
        day.strftime("%Y"),
        day.strftime("%Y---%d"),
        day.strftime("UN-%b-%Y"),
    ):
        result = read_date(text)
        assert result.earliest is not None
        assert result.latest is not None
        assert result.earliest <= moment <= result.latest, text


@given(st.text(max_size=25))
def test_no_text_breaks_the_reader(text: str) -> None:
    result = read_date(text, order="day_first", time_text=text)
    assert (result.earliest is None) == (result.latest is None)
    if result.earliest is not None and result.latest is not None:
        assert result.earliest <= result.latest
