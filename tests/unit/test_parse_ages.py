"""Ages with units: input -> years or the rule that stopped them."""

from __future__ import annotations

import pytest

from pipelines.ingest.parse_ages import read_age


@pytest.mark.parametrize(
    ("text", "unit", "years"),
    [
        ("63", "YEARS", 63.0),
        ("63.0", "YR", 63.0),
        ("12", "Years", 12.0),
        ("144", "MONTHS", 12.0),
        ("143", "MON", 11.916667),
        ("4383", "DAYS", 12.0),
        ("4382", "DY", 11.997262),
        ("52", "WK", 0.996578),
        ("8766", "HR", 1.0),
        ("4", "DEC", 40.0),
        ("0", "DECADES", 0.0),
        ("7 years", None, 7.0),
        ("18 months", None, 1.5),
        ("18 MO", "MONTHS", 1.5),
        ("11,5", "YEARS", 11.5),
        ("130", "YEARS", 130.0),
    ],
)
def test_ages_in_years(text: str, unit: str | None, years: float) -> None:
    assert read_age(text, unit, has_unit_column=True) == (years, None)


@pytest.mark.parametrize(
    ("text", "unit", "rule"),
    [
        ("-3", "YEARS", "STG-AGE-RANGE"),
        ("131", "YEARS", "STG-AGE-RANGE"),
        ("63", None, "STG-AGE-UNIT"),
        ("63", "", "STG-AGE-UNIT"),
        ("63", "MOONS", "STG-AGE-UNIT"),
        ("63 months", "YEARS", "STG-AGE-UNIT"),
        ("1", "DEC", "STG-AGE-DECADE"),
        (">89", "YEARS", "STG-AGE-UNREADABLE"),
        ("65-80", "YEARS", "STG-AGE-UNREADABLE"),
        ("old", "YEARS", "STG-AGE-UNREADABLE"),
    ],
)
def test_ages_that_cannot_be_read(text: str, unit: str | None, rule: str) -> None:
    assert read_age(text, unit, has_unit_column=True) == (None, rule)


@pytest.mark.parametrize("text", [None, "", ".", "NA", "UNK"])
def test_no_age(text: str | None) -> None:
    assert read_age(text, "YEARS", has_unit_column=True) == (None, None)


def test_without_a_unit_column_a_number_is_in_years() -> None:
    assert read_age("63", None, has_unit_column=False) == (63.0, None)
