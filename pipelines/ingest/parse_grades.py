"""Toxicity grades and severity words as they are written in the wild, read or left unread.

Only the reading of one grade cell may live here: what a grade means is decided by the mapping release.
A cell is read when every part of it says the same grade; anything else is unreadable, never a guess.
Source: GRADING.md 3.1 and 4 (half grades); grade words as in CTCAE 3.0 to 6.0 and CDISC AESEV.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

GradeStatus = Literal["read", "rounded_up", "half", "missing", "unreadable"]

HALF_GRADE: Final = "STG-GRADE-HALF"
UNREADABLE_GRADE: Final = "STG-GRADE-UNREADABLE"


class ReadGrade(NamedTuple):
    """A grade 0..5, or null with the reason; `half` is a half grade the study does not accept."""

    grade: int | None
    status: GradeStatus


_MISSING: Final = frozenset(
    {
        "",
        "-",
        "--",
        ".",
        "._",
        "NA",
        "N/A",
        "N.A.",
        "ND",
        "NK",
        "UK",
        "UNK",
        "UNKNOWN",
        "MISSING",
        "NULL",
        "NAN",
    }
    | {"NOT DONE", "NOT APPLICABLE", "NOT AVAILABLE", "NOT KNOWN", "NOT GRADED", "NOT REPORTED"}
    | {"NE", "NOT EVALUABLE", "NOT EVALUATED"}
)
_SPECIAL_MISSING: Final = re.compile(r"^\.[A-Z]$")
_WORDS: Final[dict[str, int]] = {
    "MILD": 1,
    "MODERATE": 2,
    "SEVERE": 3,
    "SEVERE OR MEDICALLY SIGNIFICANT": 3,
    "LIFE THREATENING": 4,
    "LIFETHREATENING": 4,
    "POTENTIALLY LIFE THREATENING": 4,
    "LIFE THREATENING OR DISABLING": 4,
    "LIFE THREATENING/DISABLING": 4,
    "LIFE THREATENING CONSEQUENCES": 4,
    "FATAL": 5,
    "DEATH": 5,
    "DEATH RELATED TO AE": 5,
    "DEATH RELATED TO ADVERSE EVENT": 5,
}
_LABELS: Final[dict[str, int]] = _WORDS | {
    "NONE": 0,
    "NORMAL": 0,
    "ABSENT": 0,
    "NO ADVERSE EVENT": 0,
    "NO AE": 0,
}
_ROMAN: Final = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5}
# A hyphen may join prefix and number ("GRADE-3") but a blank before it makes it a minus sign.
_PREFIX: Final = r"(?:(?:(?:NCI[ -])?(?:CTCAE|CTC) |TOXICITY )?(?:GRADE|GRD|GR|G)(?:-|[.:#=]? ?))?"
_VALUE: Final = r"(?P<value>[0-9]{1,2}(?:[.,][0-9]+)?|I{1,3}|IV|V)"
_NUMBER: Final = re.compile(rf"^{_PREFIX}{_VALUE}$")
_NUMBER_WORD: Final = re.compile(
    rf"^{_PREFIX}{_VALUE} ?(?:[-:=,;]? ?(?P<word>[A-Z][A-Z /-]+)|\((?P<aside>[A-Z /-]+)\))$"
)
_WORD_NUMBER: Final = re.compile(
    rf"^(?P<word>[A-Z][A-Z /-]+?) ?"
    rf"(?:[-:=,;] ?{_PREFIX}{_VALUE}|\({_PREFIX}{_VALUE.replace('value', 'aside')}\))$"
)
_BLANKS: Final = re.compile(r"\s+")
_DASHES: Final = re.compile(r"[\u2010-\u2015\u2212]")


def read_grade(text: str | None, half_grades: Literal["reject", "ceil"] = "reject") -> ReadGrade:
    """Read one cell as a grade 0..5; severity words count 1 to 5.

    Numbers (also Roman, also with a word such as `3 - Severe`) are read when number and word agree.
    A half grade is `half` (the row is rejected) or, with `ceil`, rounded up; 4.5 is never rounded to
    a death and stays unreadable. A range (`1-2`), a comparison (`>=3`), a grade outside 0..5 and two
    parts that disagree are unreadable.

    >>> read_grade("Grade III"), read_grade("3 - Severe"), read_grade("LIFE-THREATENING").grade
    (ReadGrade(grade=3, status='read'), ReadGrade(grade=3, status='read'), 4)
    >>> read_grade("2 - Severe").status, read_grade("NA").status, read_grade("2.5").status
    ('unreadable', 'missing', 'half')
    >>> read_grade("2.5", "ceil")
    ReadGrade(grade=3, status='rounded_up')
    """
    shown = _BLANKS.sub(" ", _DASHES.sub("-", text or "")).strip().upper()
    if shown in _MISSING or _SPECIAL_MISSING.match(shown):
        return ReadGrade(None, "missing")
    word = _word(shown)
    if word in _WORDS:
        return ReadGrade(_WORDS[word], "read")
    found = _NUMBER.match(shown)
    if found:
        return _number(found["value"], half_grades)
    found = _NUMBER_WORD.match(shown) or _WORD_NUMBER.match(shown)
    if found:
        parts = found.groupdict()
        texts = [part for part in parts.values() if part]
        value = next((part for part in texts if part[0].isdigit() or part in _ROMAN), None)
        label = next((part for part in texts if part is not value), "")
        if value is not None:
            graded = _number(value, half_grades)
            if graded.status == "read" and _LABELS.get(_word(label)) == graded.grade:
                return graded
    return ReadGrade(None, "unreadable")


def _word(text: str) -> str:
    return _BLANKS.sub(" ", text.replace("-", " ")).strip(" .")


def _number(value: str, half_grades: str) -> ReadGrade:
    if value in _ROMAN:
        return ReadGrade(_ROMAN[value], "read")
    whole, _, fraction = value.replace(",", ".").partition(".")
    number = int(whole)
    if fraction.strip("0") == "5" and fraction[0] == "5" and number <= 4:
        if half_grades == "reject":
            return ReadGrade(None, "half")
        return ReadGrade(number + 1, "rounded_up") if number < 4 else ReadGrade(None, "unreadable")
    if fraction.strip("0") or number > 5:
        return ReadGrade(None, "unreadable")
    return ReadGrade(number, "read")
