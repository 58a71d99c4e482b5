"""One cell of an assessment table: a score, a number with its unit, or a word of the item's list.

Only the reading of one cell (with its unit, its status and its reason) may live here. What a value means
for a grade is in `pipelines.grading.assessments`, the words are in `assessment_words`.
Sources: ASTCT 2019 for the items, ISO 8601 for durations, GRADING.md 4.1 and 8 (half grades).

Decisions
- A score is a whole number of the item's range, also written `7/10`, `7.0` or `7 points`; power also `4+`
  and `4-`, the subdivisions of MRC grade 4. A fraction, a range and a comparison are unreadable.
- Bedside grades also read as `Grade 2` or `III`. A half grade is unreadable unless the study rounds up;
  4.5 is never rounded to a death.
- A number is in the unit of its item unless its cell or the unit column says another. Beside a unit
  column, a number without any unit is unreadable: nothing says what it counts.
- A cell that says why the item was not assessed (`UNAROUSABLE` in the column of the score) is not done.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Final, Literal, NamedTuple

from pipelines.ingest.assessment_words import (
    BLANK_WORDS,
    CODE_WORDS,
    NOT_DONE_WORDS,
    NOT_KNOWN_WORDS,
    REASONS,
)
from pipelines.ingest.parse_grades import HALF_GRADE
from pipelines.ingest.parse_words import fold
from schemas.assessment_items import ITEMS, Item

UNREADABLE: Final = "STG-ASSESSMENT-UNREADABLE"
IMPOSSIBLE: Final = "STG-ASSESSMENT-IMPOSSIBLE"
UNIT_UNKNOWN: Final = "STG-UNIT-UNKNOWN"
VALUE_RULES: Final[dict[str, str]] = {
    IMPOSSIBLE: "A score is one the item can have (ICE 0 to 10); an impossible one is kept without a value",
    UNREADABLE: "The value of an item can be read; an unreadable one is kept without a value",
    HALF_GRADE: "A bedside grade is whole; a half one is unreadable, unless the manifest rounds it up",
    UNIT_UNKNOWN: "The unit of a number is known; without it the number is kept without a value",
}
"""Rules of one cell, in the words of a finding."""

HalfGrades = Literal["reject", "ceil"]
Manifested = Mapping[str, Mapping[str, str]]
"""Folded words of the manifest per item, or for `reason`."""

_GRADES: Final = ("astct_grade", "cres_grade")
_GENERIC: Final = ("not_done", "other")
_SPACES: Final = re.compile(r"\s+")
_MINUS: Final = re.compile(r"[\u2010-\u2015\u2212]")
_NUMBER: Final = re.compile(r"^(?P<number>[+-]?[0-9]{1,30}(?:[.,][0-9]{1,30})?)$")
_OF_MOST: Final = re.compile(r"^(?P<score>.+?) ?(?:/|OUT OF|OF) ?(?P<most>[0-9]{1,3})$")
_POINTS: Final = re.compile(r" ?(?:POINTS?|PTS?)$")
_PREFIX: Final = re.compile(
    r"^(?:(?:ICANS|ASTCT|CRES|CARTOX|FRISEN|MRC) )*(?:GRADE|GRD|GR|G|STAGE)[ .:=]*(?=[0-9IV])"
)
_ROMAN: Final = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5}
_SUBDIVIDED_POWER: Final = re.compile(r"^4[+-]$")
_WITH_UNIT: Final = re.compile(
    r"^(?P<number>[+-]?[0-9]{1,30}(?:[.,][0-9]{1,30})?) ?(?P<unit>[A-Z]{1,10})\.?$"
)
_CLOCK: Final = re.compile(r"^(?P<h>[0-9]{1,3}):(?P<m>[0-5][0-9]):(?P<s>[0-5][0-9])$")
_ISO_DURATION: Final = re.compile(
    r"^PT(?=[0-9])(?:(?P<h>[0-9]{1,6})H)?(?:(?P<m>[0-9]{1,6})M)?(?:(?P<s>[0-9]{1,9})S)?$"
)
_MINUTES: Final[dict[str, Fraction]] = {
    unit: minutes
    for minutes, units in (
        (Fraction(1, 60), ("S", "SEC", "SECS", "SECOND", "SECONDS")),
        (Fraction(1), ("MIN", "MINS", "MINUTE", "MINUTES", "MN")),
        (Fraction(60), ("H", "HR", "HRS", "HOUR", "HOURS")),
    )
    for unit in units
}
"""Minutes per unit; M alone could be minutes or months and is not read."""


class ReadValue(NamedTuple):
    """What one cell says: a number or a code, its status, why there is none, and the rule it broke.

    A rule with status `read` is a half grade that was rounded up.
    """

    value: float | None
    code: str | None
    status: str
    reason: str | None = None
    rule_id: str | None = None


def is_blank(text: str | None) -> bool:
    """Whether a cell holds nothing, or a text that stands for nothing.

    >>> is_blank(None), is_blank("N/A"), is_blank("NOT DONE"), is_blank("0")
    (True, True, False, False)
    """
    return fold(text) in BLANK_WORDS


def read_reason(text: str | None, words: Manifested) -> str | None:
    """Why an item was not assessed; `other` for a text nobody lists, null for none."""
    if is_blank(text):
        return None
    word = fold(text)
    return words.get("reason", {}).get(word) or REASONS.get(word, "other")


def read_value(
    item: str,
    text: str | None,
    unit: str | None,
    words: Manifested,
    *,
    half_grades: HalfGrades = "reject",
    has_unit_column: bool = False,
) -> ReadValue:
    """Read a cell that is not blank as a value of the item.

    >>> read_value("ice_total", "7/10", None, {}), read_value("ice_total", "12", None, {}).status
    (ReadValue(value=7.0, code=None, status='read', reason=None, rule_id=None), 'impossible')
    >>> read_value("seizure_duration_min", "90 s", None, {}).value
    1.5
    >>> read_value("arousal", "Awakens to voice", None, {}).code
    'voice'
    >>> read_value("ice_total", "UNAROUSABLE", None, {}).reason
    'unarousable'
    """
    known, word = ITEMS[item], fold(text)
    said = words.get(item, {}).get(word)
    if known.kind == "code":
        code = said or CODE_WORDS[item].get(word)
        return ReadValue(None, code, "read") if code else _no_value(word, words)
    if said is not None:
        return ReadValue(float(said), None, "read")
    shown = _SPACES.sub(" ", _MINUS.sub("-", text or "")).strip().upper()
    if known.kind == "number":
        found = _read_number(shown, unit, known, has_unit_column=has_unit_column)
    else:
        found = _read_score(item, shown, known, half_grades)
    return found if found is not None else _no_value(word, words)


def _no_value(word: str, words: Manifested) -> ReadValue:
    """A cell that says why there is no value; else it is unreadable."""
    reason = words.get("reason", {}).get(word) or REASONS.get(word)
    if reason is None and word in NOT_KNOWN_WORDS | NOT_DONE_WORDS:
        reason = "other"
    if reason is not None:
        return ReadValue(None, None, "not_done", reason)
    return ReadValue(None, None, "unreadable", None, UNREADABLE)


def is_generic(reason: str | None) -> bool:
    """Whether a reason says no more than that the item was not assessed."""
    return reason is None or reason in _GENERIC


def _read_score(item: str, shown: str, known: Item, half_grades: HalfGrades) -> ReadValue | None:
    plain = _POINTS.sub("", shown)
    parted = _OF_MOST.match(plain)
    if parted and int(parted["most"]) == known.highest:
        plain = parted["score"]
    plain = _PREFIX.sub("", plain)
    if item in _GRADES or item == "papilloedema_stage":
        plain = str(_ROMAN.get(plain, plain))
    if item == "motor_power_mrc" and _SUBDIVIDED_POWER.match(plain):
        plain = "4"
    found = _NUMBER.match(plain)
    if found is None:
        return None
    number = Fraction(found["number"].replace(",", "."))
    if not known.lowest <= number <= known.highest:
        return ReadValue(None, None, "impossible", None, IMPOSSIBLE)
    if number.denominator == 1:
        return ReadValue(float(number), None, "read")
    if item not in _GRADES or number.denominator != 2:
        return ReadValue(None, None, "unreadable", None, UNREADABLE)
    if half_grades == "ceil" and number < min(4, known.highest):
        return ReadValue(float(number + Fraction(1, 2)), None, "read", None, HALF_GRADE)
    return ReadValue(None, None, "unreadable", None, HALF_GRADE)


def _read_number(shown: str, unit: str | None, known: Item, *, has_unit_column: bool) -> ReadValue | None:
    clock = _CLOCK.match(shown) or _ISO_DURATION.match(shown)
    if clock is not None:
        parts = {name: int(text or 0) for name, text in clock.groupdict().items()}
        return _in_range(Fraction(parts["h"] * 3600 + parts["m"] * 60 + parts["s"], 60), known)
    parted = _WITH_UNIT.match(shown)
    found = parted or _NUMBER.match(shown)
    if found is None:
        return None
    written, declared = parted["unit"] if parted else "", fold(unit)
    if declared in BLANK_WORDS | NOT_KNOWN_WORDS:
        declared = ""
    name = written or declared or ("" if has_unit_column else "MIN")
    agrees = not (written and declared) or _MINUTES.get(written) == _MINUTES.get(declared)
    if name not in _MINUTES or not agrees:
        return ReadValue(None, None, "unreadable", None, UNIT_UNKNOWN)
    return _in_range(Fraction(found["number"].replace(",", ".")) * _MINUTES[name], known)


def _in_range(number: Fraction, known: Item) -> ReadValue:
    if not known.lowest <= number <= known.highest:
        return ReadValue(None, None, "impossible", None, IMPOSSIBLE)
    return ReadValue(float(number), None, "read")
