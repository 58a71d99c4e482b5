"""The message of an error: where, what and what to do, with what is too long shown by its ends."""

from __future__ import annotations

import pytest

from schemas.errors import LONGEST_PART, LONGEST_SENTENCE, RegradeError, quoted

LONG = "a" * 2_500 + "z" * 2_500


def test_a_message_of_usual_length_is_whole() -> None:
    failure = RegradeError(
        "no such thing", file="ae.csv", row=3, column="AETOXGR", value="2\x1b[31m", next_action="mend it"
    )
    assert str(failure) == ("ae.csv, row 3, column AETOXGR, value '2\\x1b[31m': no such thing. Next: mend it")
    longest = "x" * LONGEST_PART
    assert f"value '{longest}': " in str(RegradeError("no", value=longest, next_action="mend it"))


@pytest.mark.parametrize("place", ["file", "column", "value"])
def test_a_long_part_is_shown_by_its_ends_and_its_length(place: str) -> None:
    failure = RegradeError("no such thing", next_action="mend it", **{place: LONG})
    said = str(failure)
    assert getattr(failure, place) == LONG
    assert len(said) < LONGEST_PART + 100
    assert "aaa...zzz" in said
    assert "(5,000 characters): no such thing. Next: mend it" in said


def test_a_long_sentence_keeps_its_end_and_what_to_do() -> None:
    said = str(RegradeError(f"wrong: {LONG}, nearest valid: x", next_action="choose"))
    assert len(said) < LONGEST_SENTENCE + 100
    assert "nearest valid: x (5,025 characters). Next: choose" in said
    said = str(RegradeError("wrong", next_action=f"choose one of: {LONG}"))
    assert said.startswith("wrong. Next: choose one of: aaa")
    assert said.endswith("zzz (5,015 characters)")
    assert len(said) < LONGEST_SENTENCE + 100


def test_a_long_value_of_control_characters_has_no_half_escape() -> None:
    shown = quoted("\x1b" * 5_000)
    assert shown.replace("\\x1b", "") == "'...' (5,000 characters)"
