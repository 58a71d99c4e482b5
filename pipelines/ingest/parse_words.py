"""Closed word lists of adverse-event tables: yes/no, ongoing, outcome, relationship, scale.

Only words and the code each stands for may live here. A word that is not listed is unread and goes to
`core_parse_problems`; nothing is matched by similarity or by part of a word.
Sources: CDISC controlled terminology (NY, OUT, STENRF, AEREL in common use), WHO-UMC causality terms,
FAERS outcome code DE, and the sponsor spellings seen in public data sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from schemas.manifest import normalise_version
from schemas.vocabulary import ASTCT_VERSIONS, CRES_VERSIONS, CTCAE_VERSIONS

T = TypeVar("T")

_BLANKS: Final = re.compile(r"[\s_]+")
_SLASH: Final = re.compile(r"\s*/\s*")
# A sign before a digit is a minus, any other one joins words.
_DASHES: Final = re.compile(r"(?<=\w)[-\u2010-\u2015\u2212]+|[-\u2010-\u2015\u2212]+(?=\D|$)")
_SPECIAL_MISSING: Final = re.compile(r"^\.[A-Z_]?$")
NO_VALUE: Final = frozenset(
    ("", "NA", "N/A", "ND", "NK", "UK", "NOT DONE", "NOT APPLICABLE", "NOT AVAILABLE", "MISSING", "NULL")
)
"""Texts that say there is no value, whatever the column."""
UNKNOWN: Final = frozenset(("U", "UN", "UNK", "UNKNOWN", "NOT KNOWN", "NOT REPORTED"))


def fold(text: str | None) -> str:
    """Text as the lists compare it: upper case, hyphens and underscores as blanks, single blanks."""
    shown = _SLASH.sub("/", _BLANKS.sub(" ", _DASHES.sub(" ", (text or "").upper()))).strip()
    return "" if _SPECIAL_MISSING.match(shown) else shown.rstrip(".").strip()


@dataclass(frozen=True)
class Words(Generic[T]):
    """A word list: `codes` by folded word, the words that mean no value, and the rule when neither."""

    rule_id: str
    codes: Mapping[str, T]
    missing: frozenset[str]

    def read(self, text: str | None) -> tuple[T | None, bool]:
        """The code (null for no value), and whether the text could be read."""
        word = fold(text)
        if word in self.codes:
            return self.codes[word], True
        return None, word in self.missing


def _codes(groups: Mapping[T, Iterable[str]]) -> dict[str, T]:
    return {fold(word): code for code, words in groups.items() for word in words}


_YES: Final = ("Y", "YES", "1", "1.0", "TRUE", "T", "CHECKED", "X")
_NO: Final = ("N", "NO", "0", "0.0", "FALSE", "F", "UNCHECKED", "NOT CHECKED")

YES_NO: Final = Words("STG-YESNO-UNREADABLE", _codes({True: _YES, False: _NO}), NO_VALUE | UNKNOWN)
DEATH: Final = Words(
    "STG-YESNO-UNREADABLE",
    _codes(
        {True: (*_YES, "DEAD", "DIED", "DECEASED", "DEATH", "FATAL"), False: (*_NO, "ALIVE", "NON FATAL")}
    ),
    NO_VALUE | UNKNOWN,
)
"""Death flags of a subject or an event."""

ONGOING: Final = Words(
    "STG-YESNO-UNREADABLE",
    # AEENRF / AEENRTPT: an end AFTER the reference is an event still open at it; DURING/AFTER is either.
    _codes(
        {
            True: (*_YES, "ONGOING", "CONTINUING", "CONTINUES", "AFTER"),
            False: (*_NO, "BEFORE", "DURING", "COINCIDENT", "ENDED", "RESOLVED", "NOT ONGOING"),
        }
    ),
    NO_VALUE | UNKNOWN | {"DURING/AFTER", "BEFORE/DURING/AFTER"},
)
"""Ongoing at the data cut, from a flag or from AEENRF / AEENRTPT."""

OUTCOME: Final = Words(
    "STG-OUTCOME-UNREADABLE",
    _codes(
        {
            "fatal": (
                *("FATAL", "DEATH", "DIED", "DEAD", "DE", "RESULTED IN DEATH", "FATAL OUTCOME"),
                *("PATIENT DIED", "SUBJECT DIED", "DEATH RELATED TO ADVERSE EVENT"),
            ),
            "not_recovered": (
                *("NOT RECOVERED/NOT RESOLVED", "NOT RECOVERED", "NOT RESOLVED", "UNRESOLVED"),
                *("NOT RECOVERED/NOT RESOLVED/ONGOING", "NOT RECOVERED OR NOT RESOLVED", "ONGOING"),
                *("CONTINUING", "PERSISTING", "UNCHANGED", "WORSENED", "NOT RECOVERED/RESOLVED"),
            ),
            "recovering": ("RECOVERING/RESOLVING", "RECOVERING", "RESOLVING", "IMPROVING", "IMPROVED"),
            "recovered": (
                *("RECOVERED/RESOLVED", "RECOVERED", "RESOLVED", "COMPLETE RECOVERY"),
                *("COMPLETELY RECOVERED", "RECOVERED COMPLETELY", "RECOVERED WITHOUT SEQUELAE"),
                *(
                    "RESOLVED WITHOUT SEQUELAE",
                    "RECOVERED/RESOLVED WITHOUT SEQUELAE",
                    "RECOVERED OR RESOLVED",
                ),
                *("RESOLVED, RECOVERED", "RECOVERED, RESOLVED"),
            ),
            "recovered_with_sequelae": (
                *("RECOVERED/RESOLVED WITH SEQUELAE", "RECOVERED WITH SEQUELAE", "RESOLVED WITH SEQUELAE"),
                *("RECOVERED WITH SEQUELA", "RESOLVED WITH SEQUELA", "SEQUELAE"),
            ),
            "unknown": (*UNKNOWN, "LOST TO FOLLOW UP", "NOT EVALUATED"),
        }
    ),
    NO_VALUE,
)
"""Outcome of an event (CDISC OUT); the text UNKNOWN is a recorded outcome, a blank cell is none."""
NON_FATAL_OUTCOMES: Final = ("not_recovered", "recovering", "recovered", "recovered_with_sequelae")

RELATIONSHIP: Final = Words(
    "STG-RELATIONSHIP-UNREADABLE",
    _codes(
        {
            "not_related": (
                *("NONE", "NOT RELATED", "UNRELATED", "N", "NO", "NOT SUSPECTED", "NO RELATIONSHIP"),
                *("DEFINITELY NOT", "DEFINITELY NOT RELATED", "DEFINITELY UNRELATED", "CLEARLY UNRELATED"),
                *("NO REASONABLE POSSIBILITY", "NOT RELATED TO STUDY DRUG", "NOT RELATED TO STUDY TREATMENT"),
            ),
            # "Probably not related" is weaker than "not related": it only lowers `low` (GRADING.md 3.5).
            "unlikely": (
                *("UNLIKELY", "REMOTE", "DOUBTFUL", "UNLIKELY RELATED", "REMOTELY RELATED", "IMPROBABLE"),
                *("DOUBTFULLY RELATED", "UNLIKELY TO BE RELATED", "UNLIKELY RELATIONSHIP"),
                *("PROBABLY NOT", "PROBABLY NOT RELATED", "PROBABLY UNRELATED"),
            ),
            "possible": (
                "POSSIBLE",
                "POSSIBLY",
                "POSSIBLY RELATED",
                "POSSIBLE RELATIONSHIP",
                "MAY BE RELATED",
            ),
            "probable": (
                *("PROBABLE", "PROBABLY", "PROBABLY RELATED", "LIKELY", "LIKELY RELATED", "PROBABLE/LIKELY"),
                *("PROBABLE RELATIONSHIP", "VERY LIKELY"),
            ),
            "related": (
                *(
                    "RELATED",
                    "DEFINITE",
                    "DEFINITELY",
                    "DEFINITELY RELATED",
                    "DEFINITIVELY RELATED",
                    "CERTAIN",
                ),
                *("Y", "YES", "SUSPECTED", "REASONABLE POSSIBILITY", "RELATED TO STUDY DRUG"),
                *("RELATED TO STUDY TREATMENT", "HIGHLY PROBABLE"),
            ),
        }
    ),
    NO_VALUE
    | UNKNOWN
    | {"NOT ASSESSABLE", "UNASSESSABLE", "NOT ASSESSED", "UNCLASSIFIABLE", "UNASSESSABLE/UNCLASSIFIABLE"}
    | {"CONDITIONAL/UNCLASSIFIED"},
)
"""Relationship to the cell product; an assessment that was not possible is no assessment."""

_SCALES: Final = _codes(
    {
        "ctcae": ("CTCAE", "NCI CTCAE", "CTC", "NCI CTC", "COMMON TERMINOLOGY CRITERIA FOR ADVERSE EVENTS"),
        "cres": ("CRES", "CARTOX", "CARTOX CRES"),
        "astct": ("ASTCT", "ASTCT ICANS", "ICANS", "ASBMT"),
        "severity": ("SEVERITY",),
        "none": ("NONE", "NOT GRADED"),
    }
)
_SCALE_VERSION: Final = re.compile(
    r"^(?P<scale>.*?),? ?(?:VERSION|VERS|VER|V)?\.? ?(?P<version>[0-9][0-9.]*)$"
)


def read_scale(text: str | None) -> tuple[str | None, str | None, bool]:
    """Scale of a row, the version written behind it (`CTCAE v4.03`), and whether it could be read."""
    word = fold(text)
    if word in NO_VALUE | UNKNOWN:
        return None, None, True
    if word in _SCALES:
        return _SCALES[word], None, True
    found = _SCALE_VERSION.match(word)
    if found and found["scale"].strip() in _SCALES:
        return _SCALES[found["scale"].strip()], found["version"], True
    return None, None, False


def read_version(scale: str, text: str | None) -> tuple[str | None, bool]:
    """Version as the release names it, null when not recorded, and whether it could be read."""
    if fold(text) in NO_VALUE | UNKNOWN:
        return None, True
    known = {"ctcae": CTCAE_VERSIONS, "cres": CRES_VERSIONS, "astct": ASTCT_VERSIONS}.get(scale, ())
    version = normalise_version(scale, _BLANKS.sub(" ", text or "").strip())
    return (version, True) if version in known else (None, False)
