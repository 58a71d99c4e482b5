"""Label sentences say cells of the tables, what is not known, and what is withheld."""

from __future__ import annotations

from pipelines.report.catalogue_results import COURSE_SUMMARY, HEADLINE
from pipelines.report.document import Cell, Table
from pipelines.report.sentences import make_sentences

Row = tuple[Cell, ...]


def tables(headline: tuple[Row, ...], course: tuple[Row, ...] = ()) -> dict[str, Table]:
    return {
        spec.table_id: Table(table_id=spec.table_id, title=spec.title, columns=spec.columns, rows=rows)
        for spec, rows in ((HEADLINE, headline), (COURSE_SUMMARY, course))
    }


HEAD: tuple[Row, ...] = (
    ("Reported grade, broad set", 97, 81.5, 39, 32.8, 0, 119),
    ("ICANS low", 49, 41.2, 15, 12.6, 1, 119),
    ("ICANS point", 59, 49.6, 31, 26.1, 12, 119),
    ("ICANS high", 73, 61.3, 54, 45.4, 1, 119),
)
COURSE: tuple[Row, ...] = (
    ("onset_day", "low", 31, 3, 5.0, 2, 11),
    ("onset_day", "point", 62, 7, 6.5, 0, 45),
    ("duration_days", "point", 62, 7, 1.0, 1, 47),
)


def said(headline: tuple[Row, ...], course: tuple[Row, ...] = ()) -> list[str]:
    return [sentence.text for sentence in make_sentences(tables(headline, course))]


def test_the_three_sentences() -> None:
    assert said(HEAD, COURSE) == [
        "ICANS occurred in 49.6% (59/119), grade >= 3 in 26.1% (31/119); not known in 12 of 119; median "
        "onset day 6.5 (range 0 to 45, n = 62); median duration 1 day (range 1 to 47, n = 62).",
        "On any reading of the record ICANS occurred in at least 41.2% (49/119) and at most 61.3% "
        "(73/119), grade >= 3 in at least 12.6% (15/119) and at most 45.4% (54/119).",
        "As reported, a nervous or psychiatric event occurred in 81.5% (97/119), grade >= 3 in 32.8% "
        "(39/119).",
    ]


def test_nobody_with_a_known_grade_is_not_nobody_with_icans() -> None:
    assert said((("ICANS point", 0, 0.0, 0, 0.0, 54, 58),)) == [
        "ICANS occurred in 0.0% (0/58), grade >= 3 in 0.0% (0/58); not known in 54 of 58."
    ]


def test_a_withheld_count_is_said_to_be_withheld() -> None:
    text = said(
        (("ICANS point", 10, 8.3, "<8", None, "<8", 120),),
        (("onset_day", "point", 10, "<8", 9.0, None, None),),
    )
    assert text == [
        "ICANS occurred in 8.3% (10/120), grade >= 3 in <8 of 120 subjects; not known in <8 of 120; median "
        "onset day 9 (n = 10)."
    ]


def test_an_empty_denominator_has_no_percent() -> None:
    assert said((("ICANS point", 0, None, 0, None, 0, 0),)) == [
        "ICANS occurred in 0 of 0 subjects, grade >= 3 in 0 of 0 subjects."
    ]


def test_without_tables_nothing_is_said() -> None:
    assert make_sentences({}) == ()
