"""Words that depend on a number.

What may live here: the spelling of counted nouns in messages and reports. What may not: the messages
themselves, and anything to import: the command line and the readers' process need this at once.
"""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """The number and the noun in the form that belongs to it; the noun is an English one with a plain plural.

    >>> counted(1, "study"), counted(2, "study"), counted(0, "row"), counted(3, "day")
    ('1 study', '2 studies', '0 rows', '3 days')
    """
    return f"{number} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The plural of such a noun.

    >>> plural("entry"), plural("day")
    ('entries', 'days')
    """
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"
