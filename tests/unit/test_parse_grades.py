"""Grades as they occur in the wild: input -> expected."""

from __future__ import annotations

import pytest

from pipelines.ingest.parse_grades import read_grade

READ = [
    *[
        (text, 3)
        for text in ("3", " 3 ", "3.0", "3,00", "03", "GRADE 3", "grade 3", "Grade III", "III", "iii")
    ],
    *[
        (text, 3)
        for text in ("G3", "g3", "Gr. 3", "GR 3", "Grade: 3", "Grade=3", "GRADE-3", "GRADE3", "Grade\u00a03")
    ],
    *[(text, 3) for text in ("CTCAE Grade 3", "NCI-CTCAE Grade 3", "Toxicity Grade 3", "CTC GRADE 3")],
    *[
        (text, 3)
        for text in ("3 - Severe", "3 \u2013 severe", "3=Severe", "3: SEVERE", "3 (Severe)", "Severe (3)")
    ],
    *[
        (text, 3)
        for text in ("GRADE 3 - SEVERE", "Grade 3, severe", "Severe - Grade 3", "3 Severe", "SEVERE")
    ],
    ("3 - Severe or medically significant", 3),
    *[
        (text, 4)
        for text in ("Life threatening", "LIFE-THREATENING", "Lifethreatening", "4 - Life-threatening")
    ],
    *[
        (text, 4)
        for text in ("Life-threatening consequences", "IV", "Grade 4: Life Threatening or Disabling")
    ],
    *[(text, 5) for text in ("5", "FATAL", "Death", "Grade 5 (Death)", "5 - Fatal", "V")],
    *[(text, 0) for text in ("0", "0.0", "Grade 0", "0 - None")],
    *[(text, 1) for text in ("MILD", "mild", "1", "I", "1 - Mild")],
    *[(text, 2) for text in ("Moderate", "II", "2.0")],
]
MISSING = [
    "",
    "  ",
    None,
    ".",
    ".A",
    ".Z",
    "._",
    "NA",
    "n/a",
    "ND",
    "NK",
    "UNK",
    "Unknown",
    "Not done",
    "-",
    "NaN",
    "Not evaluable",
]
UNREADABLE = [
    *("(3)", "3.", "Grade 3 or 4", "4 - Severe"),
    *("6", "-1", "33", "10", "100", "GRADE -1", "- 3", "\u22123", "2 - Severe", "3 (Mild)", "Severe (2)"),
    *(">=3", "\u22653", "<3", "3+", "1-2", "3-4", "3/4", "1 2", "2.7", "2.55", "5.5", "IIII", "VI", "IX"),
    *("MILD/MODERATE", "MILD TO MODERATE", "MODERATE-SEVERE", "serious", "see comment", "3 see comment"),
    *("CTC 3", "None", "Grade", "G", "3 months", "3 - Severe - 4", "SEVEREST", "NOT SEVERE", "3e0"),
]


@pytest.mark.parametrize(("text", "grade"), READ)
def test_a_grade_is_read(text: str, grade: int) -> None:
    assert read_grade(text) == (grade, "read")


@pytest.mark.parametrize("text", MISSING)
def test_no_value_is_missing(text: str | None) -> None:
    assert read_grade(text) == (None, "missing")


@pytest.mark.parametrize("text", UNREADABLE)
@pytest.mark.parametrize("policy", ["reject", "ceil"])
def test_anything_else_is_unreadable_and_never_a_guess(text: str, policy: str) -> None:
    assert read_grade(text, policy) == (None, "unreadable")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "ceiling"), [("2.5", 3), ("2,5", 3), ("0.5", 1), ("Grade 3.5", 4), ("2.50", 3)]
)
def test_half_grades_follow_the_manifest(text: str, ceiling: int) -> None:
    assert read_grade(text, "reject") == (None, "half")
    assert read_grade(text, "ceil") == (ceiling, "rounded_up")


def test_a_half_grade_is_never_rounded_up_to_a_death() -> None:
    assert read_grade("4.5", "reject") == (None, "half")
    assert read_grade("4.5", "ceil") == (None, "unreadable")
