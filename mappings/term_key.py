"""The key under which terms are matched: the whole normalised term, never a part of it.

Source: GRADING.md 3.3. A study's term and a release's term go through the same function, so a rule
need only be the same on both sides. Matching by substring is ruled out (GLAUCOMA holds COMA), and so
is any nearest match.
"""

from __future__ import annotations

import functools
import re
import unicodedata

_DASHES = re.compile(r"[\-\u00ad\u2010-\u2015\u2212\ufe58\ufe63\uff0d]+")
_QUOTES = re.compile(r"[\u2018\u2019\u201b\u02bc\u00b4`]")
_NOS = re.compile(r",?\s*\bnos\s*$")
_BLANKS = re.compile(r"\s+")
_ISE = re.compile(r"is(e|es|ed|er|ers|ing|ation|ations)\b")


@functools.lru_cache(maxsize=1 << 16)
def term_key(term: str | None) -> str:
    """Normalise a term: case, blanks, hyphens, a final ', NOS', oedema, haem, -ise, accents.

    Returns '' for null, for blank text and for text of blanks and hyphens only: such a row has no
    term.

    >>> term_key("Generalised  Tonic-Clonic SEIZURE, NOS")
    'generalized tonic clonic seizure'
    >>> term_key("Papilloedema"), term_key("Intracranial haemorrhage")
    ('papilledema', 'intracranial hemorrhage')
    >>> term_key("Guillain-Barré syndrome")
    'guillain barre syndrome'
    >>> term_key("GLAUCOMA") == term_key("COMA")
    False
    >>> term_key(None)
    ''
    """
    if term is None:
        return ""
    text = term.lower()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", term)
        text = "".join(mark for mark in text if not unicodedata.combining(mark)).casefold()
    text = _QUOTES.sub("'", text)
    text = _DASHES.sub(" ", text)
    text = _BLANKS.sub(" ", text).strip()
    text = _NOS.sub("", text)
    text = text.replace("oedema", "edema").replace("haem", "hem")
    return _ISE.sub(r"iz\1", text).strip()
