"""Word lists: input -> code, no value, or unread."""

from __future__ import annotations

import pytest

from pipelines.ingest.parse_words import (
    DEATH,
    ONGOING,
    OUTCOME,
    RELATIONSHIP,
    YES_NO,
    Words,
    read_scale,
    read_version,
)
from schemas.vocabulary import AE_OUTCOMES, RELATIONSHIPS

READ: list[tuple[Words[object], object, tuple[str, ...]]] = [
    (YES_NO, True, ("Y", "y", "YES", " Yes ", "1", "1.0", "TRUE", "Checked", "X")),
    (YES_NO, False, ("N", "NO", "0", "0.0", "false", "Unchecked", "NOT CHECKED")),
    (YES_NO, None, ("", " ", ".", ".U", "U", "UNK", "Unknown", "NA", "N/A", "ND", "Not done")),
    (DEATH, True, ("Y", "DEAD", "Died", "Deceased")),
    (DEATH, False, ("N", "ALIVE", "Non-fatal")),
    (ONGOING, True, ("Y", "ONGOING", "Continuing", "AFTER")),
    (ONGOING, False, ("N", "BEFORE", "DURING", "COINCIDENT")),
    (ONGOING, None, ("", "U", "DURING/AFTER")),
    (OUTCOME, "fatal", ("FATAL", "Death", "DE", "died", "Resulted in death")),
    (OUTCOME, "not_recovered", ("NOT RECOVERED/NOT RESOLVED", "Not Recovered / Not Resolved", "Ongoing")),
    (OUTCOME, "not_recovered", ("not_recovered", "UNRESOLVED", "Not resolved", "NOT-RECOVERED")),
    (OUTCOME, "recovering", ("RECOVERING/RESOLVING", "Resolving", "Improving")),
    (OUTCOME, "recovered", ("RECOVERED/RESOLVED", "Recovered", "RESOLVED", "Resolved, recovered")),
    (OUTCOME, "recovered_with_sequelae", ("RECOVERED/RESOLVED WITH SEQUELAE", "Resolved with sequelae")),
    (OUTCOME, "unknown", ("UNKNOWN", "UNK", "Lost to follow-up")),
    (OUTCOME, None, ("", "NA", ".", "N/A")),
    (
        RELATIONSHIP,
        "not_related",
        ("NONE", "NOT RELATED", "Unrelated", "N", "No", "Not-related", "NOT SUSPECTED"),
    ),
    (
        RELATIONSHIP,
        "unlikely",
        ("UNLIKELY", "REMOTE", "DOUBTFUL", "UNLIKELY RELATED", "Probably not related"),
    ),
    (RELATIONSHIP, "possible", ("POSSIBLE", "POSSIBLY RELATED", "Possibly")),
    (RELATIONSHIP, "probable", ("PROBABLE", "PROBABLY RELATED", "Likely", "Probable/Likely")),
    (RELATIONSHIP, "related", ("RELATED", "DEFINITE", "Definitely related", "Y", "YES", "CERTAIN")),
    (RELATIONSHIP, None, ("", ".", "NA", "UNK", "Unknown", "Not assessable", "NOT APPLICABLE")),
]
UNREAD = [
    (YES_NO, ("MAYBE", "2", "YN", "-1")),
    (DEATH, ("PENDING",)),
    (ONGOING, ("LATER",)),
    (OUTCOME, ("HO", "RECOVERED?", "5", "NOT FATAL YET", "RESOLVED THEN RECURRED")),
    (RELATIONSHIP, ("3", "RELATED TO DISEASE", "NOT", "UN LIKELY")),
]


@pytest.mark.parametrize(("words", "code", "texts"), READ)
def test_words_are_read(words: Words[object], code: object, texts: tuple[str, ...]) -> None:
    assert {text: words.read(text) for text in texts} == dict.fromkeys(texts, (code, True))
    assert words.read(None) == (None, True)


@pytest.mark.parametrize(("words", "texts"), UNREAD)
def test_other_words_stay_unread(words: Words[object], texts: tuple[str, ...]) -> None:
    assert {text: words.read(text) for text in texts} == dict.fromkeys(texts, (None, False))


def test_codes_are_those_of_the_vocabulary() -> None:
    assert set(OUTCOME.codes.values()) == set(AE_OUTCOMES)
    assert set(RELATIONSHIP.codes.values()) == set(RELATIONSHIPS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CTCAE", ("ctcae", None, True)),
        ("NCI-CTCAE v4.03", ("ctcae", "4.03", True)),
        ("CTCAE 5.0", ("ctcae", "5.0", True)),
        ("CTCAE VERSION 3.0", ("ctcae", "3.0", True)),
        ("CARTOX", ("cres", None, True)),
        ("ASTCT 2019", ("astct", "2019", True)),
        ("Severity", ("severity", None, True)),
        ("", (None, None, True)),
        ("NA", (None, None, True)),
        ("WHO toxicity", (None, None, False)),
    ],
)
def test_scales(text: str, expected: tuple[str | None, str | None, bool]) -> None:
    assert read_scale(text) == expected


@pytest.mark.parametrize(
    ("scale", "text", "expected"),
    [
        ("ctcae", "v4", ("4.03", True)),
        ("ctcae", "CTCAE 5.0", ("5.0", True)),
        ("ctcae", "4.0", ("4.03", True)),
        ("ctcae", "7.0", (None, False)),
        ("ctcae", None, (None, True)),
        ("ctcae", "UNK", (None, True)),
        ("astct", "2019", ("2019", True)),
        ("cres", "4.03", (None, False)),
    ],
)
def test_versions(scale: str, text: str | None, expected: tuple[str | None, bool]) -> None:
    assert read_version(scale, text) == expected
