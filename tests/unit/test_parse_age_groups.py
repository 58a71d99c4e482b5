"""Age groups in, the range of ages they can mean out."""

from __future__ import annotations

import pytest

from pipelines.ingest.parse_age_groups import UNREADABLE_AGE_GROUP, read_age_group


@pytest.mark.parametrize(
    ("text", "lowest", "highest"),
    [
        ("<12", None, 12),
        ("< 12 YEARS", None, 12),
        ("<=11", None, 12),
        ("<=12", None, 13),
        ("\u226411 years", None, 12),
        ("under 12", None, 12),
        (">=12", 12, None),
        ("\u226512", 12, None),
        (">12", 12, None),
        (">= 12 - < 18", 12, 18),
        (">=12 - <18", 12, 18),
        (">=12 to <=17 years", 12, 18),
        ("2-11", 2, 12),
        ("2-11 YEARS", 2, 12),
        ("2\u201311 years", 2, 12),
        ("2 to 11", 2, 12),
        ("2 - <12", 2, 12),
        ("2-11.99", 2, 12),
        ("2-12", 2, 13),
        ("12-17", 12, 18),
        ("18-64", 18, 65),
        ("65+", 65, None),
        (">=65", 65, None),
        ("65 years and older", 65, None),
        ("12 years or older", 12, None),
        ("between 12 and 17", 12, 18),
        ("CHILD (2-11)", 2, 12),
        ("Children (2-11 years)", 2, 12),
        ("ADOLESCENT (12-17 YEARS)", 12, 18),
        ("Adults 18-64 years", 18, 65),
        ("Adult: >=18", 18, None),
        ("12-17 years old", 12, 18),
        ("0-23 MONTHS", 0, 2),
        ("6 months - <2 years", 0.5, 2),
        ("ADULT", 18, None),
        ("ELDERLY", 18, None),
        ("INFANT", None, 2),
        ("CHILD", None, 18),
        ("PEDIATRIC", None, 18),
        ("ADOLESCENT", 10, 20),
        (None, None, None),
        ("UNKNOWN", None, None),
        ("NA", None, None),
    ],
)
def test_a_group_is_the_range_of_ages_it_can_mean(
    text: str | None, lowest: float | None, highest: float | None
) -> None:
    found = read_age_group(text)
    assert (found.lowest, found.highest, found.rule_id) == (lowest, highest, None)


@pytest.mark.parametrize(
    "text", ["teens", "12", "17-12", "-5", ">=1800", "2-11 or 12-17", "=2-11", "A" * 10_000]
)
def test_other_texts_are_no_age_group(text: str) -> None:
    assert read_age_group(text) == (None, None, UNREADABLE_AGE_GROUP)
