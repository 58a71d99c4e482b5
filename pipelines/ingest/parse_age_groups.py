"""Age groups as they are written in the wild, each read as the range of ages it can mean.

Only the reading of one group may live here; which scale an age calls for is decided in `populations`.
Sources: AGEGR1 of ADaM subject tables, ICH E11 (R1) age classes, CDISC AGEU.

Decisions
- Ages in a group are completed years (or completed units): `2-11` ends before the twelfth birthday, and
  so does `<=11`; `<=12` ends before the thirteenth. `>12` begins at 12.
- A word beside a range (`CHILD (2-11)`) adds nothing to it. A word alone is read as widely as it is used:
  `CHILD` is anybody below 18, `ADOLESCENT` 10 to 19, so that neither decides between ICE and CAPD.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final, NamedTuple

from pipelines.ingest.parse_ages import UNITS
from pipelines.ingest.parse_words import NO_VALUE, UNKNOWN, fold

UNREADABLE_AGE_GROUP: Final = "STG-AGE-GROUP-UNREADABLE"
AGE_GROUP_RULES: Final[dict[str, str]] = {UNREADABLE_AGE_GROUP: "The age group is no range of ages"}

_WORDS: Final[dict[str, tuple[int | None, int | None]]] = {
    word: bounds
    for bounds, words in (
        (
            (None, 2),
            ("NEONATE", "NEONATES", "NEWBORN", "NEWBORNS", "INFANT", "INFANTS", "INFANT AND TODDLER"),
        ),
        ((None, 18), ("CHILD", "CHILDREN", "PAEDIATRIC", "PEDIATRIC", "MINOR", "MINORS")),
        ((10, 20), ("ADOLESCENT", "ADOLESCENTS", "TEENAGER", "TEENAGERS")),
        ((18, None), ("ADULT", "ADULTS", "YOUNG ADULT", "YOUNG ADULTS", "ELDERLY", "GERIATRIC")),
    )
    for word in words
}
_NUMBER: Final = r"[0-9]{1,4}(?:\.[0-9]{1,4})?"
_UNIT: Final = r"(?:YEARS?|YRS?|Y|MONTHS?|MOS?|WEEKS?|WKS?|DAYS?)"
_LOW: Final = rf"(?P<low>{_NUMBER}) ?(?P<low_unit>{_UNIT})?"
_HIGH: Final = rf"(?P<below><)? ?(?P<high>{_NUMBER}) ?(?P<high_unit>{_UNIT})?"
_PATTERNS: Final = tuple(
    re.compile(rf"^{pattern}$")
    for pattern in (
        rf"(?P<from>>=?)? ?{_LOW} ?(?:-|TO|AND|,)+ ?(?P<is_most><=)? ?{_HIGH}",
        rf"BETWEEN {_LOW} AND {_HIGH}",
        rf"(?:>=?|OVER |ABOVE |OLDER THAN |AT LEAST ) ?{_LOW}",
        rf"{_LOW} ?(?:\+|(?:OR|AND) (?:OLDER|OVER|ABOVE|MORE))",
        rf"(?:<(?!=)|UNDER |BELOW |YOUNGER THAN |LESS THAN ) ?(?P<under>{_NUMBER}) ?(?P<high_unit>{_UNIT})?",
        rf"(?:<=|UP TO ) ?(?P<high>{_NUMBER}) ?(?P<high_unit>{_UNIT})?",
    )
)
_BLANKS: Final = re.compile(r"[\s_]+")
_SIGNS: Final = (
    (re.compile(r"[\u2010-\u2015\u2212]"), "-"),
    (re.compile("\u2265"), ">="),
    (re.compile("\u2264"), "<="),
)
_OLD: Final = re.compile(r"(?: (?:OLD|OF AGE))$")
_BRACKETED: Final = re.compile(r"^(?:[A-Z][A-Z ]*[:,-]? ?)?\(?(?P<range>[^()]*)\)?$")


class AgeGroup(NamedTuple):
    """Youngest age of a group and the age everybody of it is below, in years; null where open."""

    lowest: float | None
    highest: float | None
    rule_id: str | None = None


def read_age_group(text: str | None) -> AgeGroup:
    """Read an age group; a blank one is open at both ends, without a rule.

    >>> read_age_group("2-11 YEARS"), read_age_group(">=12 - <18")[:2], read_age_group("<12")[:2]
    (AgeGroup(lowest=2.0, highest=12.0, rule_id=None), (12.0, 18.0), (None, 12.0))
    >>> read_age_group("CHILD (2-11)")[:2], read_age_group("ADULT")[:2], read_age_group("teens").rule_id
    ((2.0, 12.0), (18.0, None), 'STG-AGE-GROUP-UNREADABLE')
    """
    word = fold(text)
    if word in NO_VALUE | UNKNOWN:
        return AgeGroup(None, None)
    if word in _WORDS:
        low, high = _WORDS[word]
        return AgeGroup(None if low is None else float(low), None if high is None else float(high))
    shown = _BLANKS.sub(" ", text or "").strip().upper()
    for sign, plain in _SIGNS:
        shown = sign.sub(plain, shown)
    named = _BRACKETED.match(shown)
    for candidate in (shown, named["range"].strip() if named else shown):
        bare = _OLD.sub("", candidate)
        found = next((match for match in (pattern.match(bare) for pattern in _PATTERNS) if match), None)
        if found is not None:
            return _bounds(found.groupdict())
    return AgeGroup(None, None, UNREADABLE_AGE_GROUP)


def _bounds(parts: dict[str, str | None]) -> AgeGroup:
    high_unit = parts.get("high_unit")
    low_unit = parts.get("low_unit") or high_unit
    low = _years(parts.get("low"), low_unit)
    if parts.get("under"):
        high = _years(parts["under"], high_unit)
    elif parts.get("below"):
        high = _years(parts["high"], high_unit)
    else:
        high = _years(_next(parts.get("high")), high_unit)
    if (low is not None and low > 130) or (low is not None and high is not None and low >= high):
        return AgeGroup(None, None, UNREADABLE_AGE_GROUP)
    return AgeGroup(
        None if low is None else round(float(low), 6), None if high is None else round(float(high), 6)
    )


def _next(number: str | None) -> str | None:
    """The age that somebody of this age in completed units is below: one unit of its last digit more."""
    if number is None:
        return None
    places = len(number.partition(".")[2])
    return str(Fraction(number) + Fraction(1, 10**places))


def _years(number: str | None, unit: str | None) -> Fraction | None:
    return None if number is None else Fraction(number) * UNITS[unit or "YEARS"]
