"""Dates as they are written in the wild, each read as the range of instants it can mean.

Only the reading of one date (with its time and imputation flag) may live here. Nothing is imputed: a
part that is not known widens the range. A text that could be two different dates is not read.
Sources: ISO 8601 as in SDTMIG 4.4.2 (partial dates, `--` for a hole), CDISC ADaMIG date and time
imputation flags, FAERS (yyyymmdd, yyyymm, yyyy), SAS dates (days since 1960-01-01).

Decisions: a zone offset is dropped and the local clock time kept, because study days are local days ·
the dates of a column are SAS day numbers only if `is_sas_day_column` says so for the whole column ·
years outside 1900..2100 are impossible · a two-digit year is never completed.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple

DateOrder = Literal["day_first", "month_first"]

UNREADABLE_DATE: Final = "STG-DATE-UNREADABLE"
AMBIGUOUS_DATE: Final = "STG-DATE-AMBIGUOUS"
IMPOSSIBLE_DATE: Final = "STG-DATE-IMPOSSIBLE"
TWO_DIGIT_YEAR: Final = "STG-DATE-TWO-DIGIT-YEAR"
UNREADABLE_TIME: Final = "STG-TIME-UNREADABLE"
DATE_RULES: Final[dict[str, str]] = {
    UNREADABLE_DATE: "The text is no date",
    AMBIGUOUS_DATE: "The text can be two different dates; set date_order for the file",
    IMPOSSIBLE_DATE: "There is no such date",
    TWO_DIGIT_YEAR: "The year has two digits only",
    UNREADABLE_TIME: "The time of day cannot be read; the date is kept",
}

_DAY_END: Final = timedelta(days=1, microseconds=-1)
_SAS_EPOCH: Final = date(1960, 1, 1)
_YEARS: Final = range(1900, 2101)
_MONTHS: Final = {name: number for number, name in enumerate(calendar.month_abbr) if name} | {
    name: number for number, name in enumerate(calendar.month_name) if name
}
_MONTH_NUMBERS: Final = {name.upper(): number for name, number in _MONTHS.items()} | {"SEPT": 9}
_NO_DATE: Final = frozenset(
    {"", ".", "._", "NA", "N/A", "ND", "NK", "UK", "UN", "UNK", "UNKNOWN", "NOT DONE", "NOT KNOWN", "NULL"}
    | {"MISSING", "NOT APPLICABLE", "NOT AVAILABLE", "ONGOING", "CONTINUING"}
)
_ONLY_SIGNS: Final = re.compile(r"^(?:-+|\.[A-Z])$")
_BLANKS: Final = re.compile(r"\s+")
_HOLE: Final = r"(?:UNKN|UNK|UN|UK|NK|ND|XXXX|XXX|XX|\?{2,4}|--?)"
_IS_HOLE: Final = re.compile(rf"^{_HOLE}$")
_NAME: Final = r"(?:" + "|".join(sorted(_MONTH_NUMBERS, key=len, reverse=True)) + r")"
_ISO: Final = re.compile(
    rf"^(?P<y>[0-9]{{4}}|-)(?:-(?P<m>[0-9]{{1,2}}|{_NAME}|{_HOLE})(?:-(?P<d>[0-9]{{1,2}}|{_HOLE}))?)?$"
)
_YEAR_FIRST: Final = re.compile(r"^(?P<y>[0-9]{4})([/.])(?P<m>[0-9]{1,2})\2(?P<d>[0-9]{1,2})$")
_NAMED: Final = re.compile(
    rf"^(?P<d>[0-9]{{1,2}}|{_HOLE})[-/ .]?(?P<m>{_NAME}|UNK|XXX|\?{{3}})[-/ .,]{{0,2}}"
    rf"(?P<y>[0-9]{{4}}|[0-9]{{2}}|{_HOLE})$"
)
_MONTH_YEAR: Final = re.compile(rf"^(?P<m>{_NAME})[-/ .,]{{0,2}}(?P<y>[0-9]{{4}})$")
_MONTH_NAME_FIRST: Final = re.compile(
    rf"^(?P<m>{_NAME})[-/ .]?(?P<d>[0-9]{{1,2}}),? ?[-/]?(?P<y>[0-9]{{4}})$"
)
_NUMBERS: Final = re.compile(
    rf"^(?P<a>[0-9]{{1,2}}|{_HOLE})(?P<s>[-/. ])(?P<b>[0-9]{{1,2}}|{_HOLE})(?P=s)"
    r"(?P<y>[0-9]{4}|[0-9]{2})$"
)
_NUMBER_MONTH_YEAR: Final = re.compile(r"^(?P<m>[0-9]{1,2})[-/.](?P<y>[0-9]{4})$")
_SHORT_YEAR: Final = re.compile(r"^[0-9]{2}-[0-9]{2}-[0-9]{2}$")
_COMPACT: Final = re.compile(r"^(?P<y>[0-9]{4})(?:(?P<m>[0-9]{2})(?P<d>[0-9]{2})?)?$")
_INTEGER: Final = re.compile(r"^-?[0-9]{1,5}(?:\.0+)?$")
_POINT_ZERO: Final = re.compile(r"^(-?[0-9]+)\.0+$")
_TIME_SIGN: Final = re.compile(r":|[0-9?-]T[0-9U-]")
_WITH_TIME: Final = re.compile(
    r"^(?P<date>.*?[0-9A-Z?-])(?:(?<=[0-9?-])T|[ :] ?)(?P<time>(?:[0-9]{1,2}+(?![0-9]{2}[ :])|-|UN|UNK):?.*)$"
)
_TIME: Final = re.compile(
    r"^T?(?P<h>[0-9]{1,2}):(?P<n>[0-9]{2}|-)(?::(?P<s>[0-9]{2}|-)(?:[.,](?P<f>[0-9]{1,9}))?)?"
    r" ?(?P<half>AM|PM)?(?P<zone> ?(?:Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?))?$"
)
_HOUR_ONLY: Final = re.compile(r"^T?(?P<h>[0-9]{2})(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?$")
_COMPACT_TIME: Final = re.compile(r"^(?P<h>[0-9]{2})(?P<n>[0-9]{2})(?P<s>[0-9]{2})?$")
_NO_TIME: Final = re.compile(r"^T?(?:-|UNK?|UNKN)(?:[:](?:-|UNK?|UNKN|[0-9]{2}))*$")


class ReadDate(NamedTuple):
    """First and last instant a date can be (null: no bound), its precision, and what went wrong.

    A date rule means that nothing was read; `STG-TIME-UNREADABLE` that only the time was not.
    """

    earliest: datetime | None
    latest: datetime | None
    precision: str
    rule_id: str | None = None


_NOTHING: Final = ReadDate(None, None, "none")


def is_sas_day_column(texts: Iterable[str | None]) -> bool:
    """Whether a whole column holds SAS day numbers (days since 1960-01-01), e.g. 20848 = 2017-01-29.

    So decided when every recorded cell is an integer of at most five digits between 1899 and 2047 and
    at least one of them cannot be a year. A column of years only is years.
    """
    numbers = {int(float(text)) for text in _recorded(texts) if _INTEGER.match(text)}
    return (
        bool(numbers)
        and all(_INTEGER.match(text) for text in _recorded(texts))
        and any(number not in _YEARS for number in numbers)
        and min(numbers) >= -22280
        and max(numbers) <= 32000
    )


def _recorded(texts: Iterable[str | None]) -> set[str]:
    shown = {(text or "").strip().upper() for text in texts}
    return {text for text in shown if text not in _NO_DATE}


def read_date(
    text: str | None,
    *,
    order: DateOrder | None = None,
    time_text: str | None = None,
    imputed: str | None = None,
    time_imputed: str | None = None,
    sas_days: bool = False,
) -> ReadDate:
    """Read one date.

    `order` is what the manifest declares for texts such as 03/04/2017; `time_text` a time from its own
    column; `imputed` and `time_imputed` the ADaM flags (Y/M/D and H/M/S), which take back what was
    imputed. Bounds are inclusive. No text, or a text that says unknown, is no date and no problem.

    >>> read_date("2017---05").earliest, read_date("2017---05").latest
    (datetime.datetime(2017, 1, 5, 0, 0), datetime.datetime(2017, 12, 5, 23, 59, 59, 999999))
    >>> read_date("UN-MAR-2017").precision, read_date("03/04/2017").rule_id
    ('month', 'STG-DATE-AMBIGUOUS')
    >>> read_date("03/04/2017", order="day_first").earliest
    datetime.datetime(2017, 4, 3, 0, 0)
    """
    shown = _BLANKS.sub(" ", text or "").strip().upper().strip("\"'")
    if shown in _NO_DATE or _ONLY_SIGNS.match(shown):
        return _NOTHING
    if sas_days:
        result = _sas_day(shown)
    else:
        whole = _POINT_ZERO.match(shown)
        result = _interval(shown) or _read(whole[1] if whole else shown, order)
    if result.precision == "day" and result.rule_id is None and time_text is not None:
        result = _with_time(result, time_text.strip().upper())
    return _take_back(result, (imputed or "").strip().upper(), (time_imputed or "").strip().upper())


def _sas_day(shown: str) -> ReadDate:
    if not _INTEGER.match(shown):
        return _NOTHING._replace(rule_id=UNREADABLE_DATE)
    number = int(float(shown))
    if number in _YEARS:
        return _NOTHING._replace(rule_id=AMBIGUOUS_DATE)
    return _days(_SAS_EPOCH + timedelta(days=number), _SAS_EPOCH + timedelta(days=number), "day")


def _interval(shown: str) -> ReadDate | None:
    """An ISO 8601 interval of uncertainty, 2017-03-01/2017-03-05: from the first to the last."""
    first, slash, last = shown.partition("/")
    if not slash or not re.match(r"[0-9]{4}-", first) or not re.match(r"[0-9]{4}-", last):
        return None
    start, end = _read(first, None), _read(last, None)
    problem = start.rule_id or end.rule_id
    if problem or start.earliest is None or end.latest is None or start.earliest > end.latest:
        return _NOTHING._replace(rule_id=problem or IMPOSSIBLE_DATE)
    return ReadDate(start.earliest, end.latest, "partial")


def _read(shown: str, order: DateOrder | None) -> ReadDate:
    parted = _WITH_TIME.match(shown) if _TIME_SIGN.search(shown) else None
    if parted is None:
        return _read_day(shown, order)
    result = _read_day(parted["date"], order)
    return _with_time(result, parted["time"]) if result.precision == "day" else result


@lru_cache(maxsize=1 << 16)
def _read_day(shown: str, order: DateOrder | None) -> ReadDate:
    for pattern in (_ISO, _YEAR_FIRST, _NAMED, _MONTH_YEAR, _MONTH_NAME_FIRST, _COMPACT):
        found = pattern.match(shown)
        if found is not None:
            parts = found.groupdict()
            return _range(parts["y"], parts["m"], parts.get("d"))
    if _SHORT_YEAR.match(shown):
        return _NOTHING._replace(rule_id=TWO_DIGIT_YEAR)
    found = _NUMBERS.match(shown)
    if found is not None:
        return _ordered(found["a"], found["b"], found["y"], order)
    found = _NUMBER_MONTH_YEAR.match(shown)
    if found is not None:
        return _range(found["y"], found["m"], None)
    return _NOTHING._replace(rule_id=UNREADABLE_DATE)


def _ordered(a: str, b: str, year: str, order: DateOrder | None) -> ReadDate:
    """Day and month in an order that only the manifest, or a number above 12, can settle."""
    if len(year) == 2:
        return _NOTHING._replace(rule_id=TWO_DIGIT_YEAR)
    if order is not None:
        return _range(year, b, a) if order == "day_first" else _range(year, a, b)
    readings = {_range(year, b, a), _range(year, a, b)}
    possible = {reading for reading in readings if reading.rule_id is None}
    if len(possible) > 1:
        return _NOTHING._replace(rule_id=AMBIGUOUS_DATE)
    return possible.pop() if possible else _NOTHING._replace(rule_id=IMPOSSIBLE_DATE)


def _number(part: str | None) -> int | None:
    """The number of a date part; null for a hole."""
    if part is None or _IS_HOLE.match(part):
        return None
    return _MONTH_NUMBERS.get(part) or int(part)


def _range(year_text: str, month_text: str | None, day_text: str | None) -> ReadDate:
    if re.fullmatch(r"[0-9]{2}", year_text):
        return _NOTHING._replace(rule_id=TWO_DIGIT_YEAR)
    year, month, day = _number(year_text), _number(month_text), _number(day_text)
    if month is not None and not 1 <= month <= 12:
        return _NOTHING._replace(rule_id=IMPOSSIBLE_DATE)
    longest = 31 if month is None else calendar.monthrange(2000 if year is None else max(year, 1), month)[1]
    if (day is not None and not 1 <= day <= longest) or (year is not None and year not in _YEARS):
        return _NOTHING._replace(rule_id=IMPOSSIBLE_DATE)
    if year is None:
        return _NOTHING._replace(precision="none" if month is None and day is None else "partial")
    if month is not None:
        first, last = day or 1, day or longest
        return _days(date(year, month, first), date(year, month, last), "day" if day else "month")
    first, last = day or 1, day or 31
    return _days(date(year, 1, first), date(year, 12, last), "partial" if day else "year")


def _days(first: date, last: date, precision: str) -> ReadDate:
    start, end = datetime(first.year, first.month, first.day), datetime(last.year, last.month, last.day)
    return ReadDate(start, end + _DAY_END, precision)


def _with_time(day: ReadDate, text: str) -> ReadDate:
    """A whole date and its time of day; a time that says unknown changes nothing."""
    if text in _NO_DATE or _NO_TIME.match(text):
        return day
    found = _TIME.match(text) or _HOUR_ONLY.match(text) or _COMPACT_TIME.match(text)
    parts = found.groupdict() if found is not None else {}
    if day.earliest is None or not parts:
        return day._replace(rule_id=UNREADABLE_TIME)
    hour = int(parts["h"])
    minute, second = (None if parts.get(p) in (None, "-") else int(parts[p]) for p in ("n", "s"))
    half = parts.get("half")
    if half is not None:
        hour = hour % 12 + (12 if half == "PM" else 0) if 1 <= hour <= 12 else 99
    if (hour, minute or 0, second or 0) > (24, 0, 0) or (minute or 0) > 59 or (second or 0) > 59:
        return day._replace(rule_id=UNREADABLE_TIME)
    start = day.earliest + timedelta(hours=hour, minutes=minute or 0, seconds=second or 0)
    fraction = parts.get("f")
    if fraction is not None:
        start += timedelta(microseconds=int(fraction[:6].ljust(6, "0")))
    width = timedelta(
        hours=minute is None, minutes=minute is not None and second is None, seconds=second is not None
    )
    latest = start if fraction is not None else start + width - timedelta(microseconds=1)
    return ReadDate(start, latest, "time")


def _take_back(found: ReadDate, imputed: str, time_imputed: str) -> ReadDate:
    """Undo an ADaM imputation: D day, M month and day, Y the whole date; H, M, S parts of the time."""
    if found.earliest is None or found.precision not in ("day", "time"):
        return found
    day = found.earliest.date()
    if imputed == "Y":
        return _NOTHING._replace(rule_id=found.rule_id)
    if imputed in ("M", "D"):
        month = str(day.month) if imputed == "D" else None
        return _range(f"{day.year:04}", month, None)._replace(rule_id=found.rule_id)
    if found.precision == "time" and time_imputed in ("H", "M", "S"):
        if time_imputed == "H":
            return _days(day, day, "day")
        whole = found.earliest.replace(second=0, microsecond=0)
        whole = whole if time_imputed == "S" else whole.replace(minute=0)
        width = timedelta(minutes=1) if time_imputed == "S" else timedelta(hours=1)
        return ReadDate(whole, whole + width - timedelta(microseconds=1), "time")
    return found
