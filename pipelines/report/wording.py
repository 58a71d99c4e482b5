"""How a value of a document is written, wherever it is shown: one spelling for page, text and figure.

What may live here: spelling of single values. What may not: layout, markup or a choice of what is shown.
A study writes some of these texts, so nothing that is not printable leaves this module.
"""

from __future__ import annotations

import re
from typing import Final

from pipelines.report.document import Cell, Chapter

NOTHING: Final = "-"
"""How null is written."""
NUMERIC_KINDS: Final = frozenset({"count", "percent", "number", "grade", "day"})
"""Kinds of column whose cells sort as numbers."""
_DIGEST: Final = re.compile(r"\b[0-9a-f]{40,64}\b")
_BLANKS: Final = frozenset("\t\n\r\x0b\x0c\x85\xa0\u2028\u2029")


def visible(text: str) -> str:
    """The text on one line: line ends and tabs are blanks, what is not printable is U+FFFD.

    So no terminal escape, NUL, bidirectional override or zero-width character gets through.
    """
    if text.isprintable():
        return text
    return "".join(
        " " if character in _BLANKS else character if character.isprintable() else "\ufffd"
        for character in text
    )


def cell_text(cell: Cell, kind: str) -> str:
    """A cell as a reader sees it; percent with one decimal, other fractions with at most two."""
    if cell is None:
        return NOTHING
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        if kind == "percent":
            return f"{cell:.1f}"
        return str(int(cell)) if cell.is_integer() else f"{cell:.2f}".rstrip("0").rstrip(".")
    return visible(str(cell))


def exact_text(cell: Cell) -> str:
    """A number with all its digits; anything else as `cell_text` writes it."""
    return repr(cell) if isinstance(cell, float) else cell_text(cell, "text")


def facts_line(chapter: Chapter) -> str:
    """The line printed with every table and figure of the chapter; digests by their first 12 digits."""
    return " \u00b7 ".join(
        f"{visible(fact.label)}: {_DIGEST.sub(_beginning, visible(fact.value))}" for fact in chapter.facts
    )


def _beginning(digest: re.Match[str]) -> str:
    return digest.group()[:12] + "\u2026"
