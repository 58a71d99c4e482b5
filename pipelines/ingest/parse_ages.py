"""Ages with their units, in years.

Only the reading of one age may live here; which scale an age calls for is decided in `checking`.
Source: CDISC AGEU, FAERS age codes (YR, MON, WK, DY, HR, DEC).
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final, NamedTuple

from pipelines.ingest.parse_words import NO_VALUE, UNKNOWN, fold

UNREADABLE_AGE: Final = "STG-AGE-UNREADABLE"
AGE_UNIT: Final = "STG-AGE-UNIT"
AGE_RANGE: Final = "STG-AGE-RANGE"
AGE_DECADE: Final = "STG-AGE-DECADE"
AGE_RULES: Final[dict[str, str]] = {
    UNREADABLE_AGE: "The age is not a number",
    AGE_UNIT: "The unit of the age is missing or not known",
    AGE_RANGE: "The age is negative or above 130 years",
    AGE_DECADE: "An age of one decade is 10 to 19 years: ICE and CAPD both stay possible",
}


UNITS: Final[dict[str, Fraction]] = {
    unit: years
    for years, units in (
        (Fraction(1), ("YEARS", "YEAR", "YRS", "YR", "Y")),
        (Fraction(1, 12), ("MONTHS", "MONTH", "MON", "MOS", "MO", "MTH", "MTHS")),
        (Fraction(28, 1461), ("WEEKS", "WEEK", "WKS", "WK", "W")),
        (Fraction(4, 1461), ("DAYS", "DAY", "DY", "D")),
        (Fraction(1, 8766), ("HOURS", "HOUR", "HRS", "HR", "H")),
        (Fraction(10), ("DECADES", "DECADE", "DEC")),
    )
    for unit in units
}
"""Years per unit; a year is 365.25 days."""
# So many digits and no more: Python makes no number of a text of thousands.
_AGE: Final = re.compile(r"^(?P<number>-?[0-9]{1,30}(?:[.,][0-9]{1,30})?) ?(?P<unit>[A-Z]*)$")


class ReadAge(NamedTuple):
    """Age in years, or null with the rule that stopped it (null and no rule: not recorded)."""

    years: float | None
    rule_id: str | None = None


def read_age(text: str | None, unit: str | None, *, has_unit_column: bool) -> ReadAge:
    """Read an age; `unit` comes from the unit column, a unit written in the cell itself must agree.

    Without a unit column a bare number is in years; with one, a blank unit leaves the age unknown.

    >>> read_age("144", "MONTHS", has_unit_column=True)
    ReadAge(years=12.0, rule_id=None)
    >>> read_age("63", None, has_unit_column=False).years, read_age("-3", "YR", has_unit_column=True)
    (63.0, ReadAge(years=None, rule_id='STG-AGE-RANGE'))
    """
    shown = (text or "").strip()
    word = fold(shown).replace("\u2212", "-")
    if word in NO_VALUE | UNKNOWN:
        return ReadAge(None)
    found = _AGE.match(word)
    if found is None:
        return ReadAge(None, UNREADABLE_AGE)
    written, declared = found["unit"], fold(unit)
    if written and declared and UNITS.get(written) != UNITS.get(declared):
        return ReadAge(None, AGE_UNIT)
    name = written or declared or ("" if has_unit_column else "YEARS")
    if name not in UNITS:
        return ReadAge(None, AGE_UNIT)
    number = Fraction(found["number"].replace(",", "."))
    if UNITS[name] == 10 and 1 <= number < 2:
        return ReadAge(None, AGE_DECADE)
    years = number * UNITS[name]
    if not 0 <= years <= 130:
        return ReadAge(None, AGE_RANGE)
    return ReadAge(round(float(years), 6))
