"""Counted nouns: one is never many."""

from __future__ import annotations

import pytest

from schemas.wording import counted, plural


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (1, "study", "1 study"),
        (2, "study", "2 studies"),
        (0, "entry", "0 entries"),
        (1, "different row", "1 different row"),
        (12, "different row", "12 different rows"),
        (7, "day", "7 days"),
        (-1, "day", "-1 days"),
    ],
)
def test_a_number_and_its_noun(number: int, noun: str, said: str) -> None:
    assert counted(number, noun) == said


def test_plurals() -> None:
    assert [plural(noun) for noun in ("study", "day", "input file")] == ["studies", "days", "input files"]
