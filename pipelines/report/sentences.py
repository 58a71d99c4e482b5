"""Sentences in the style of a product label, written from the cells of the tables beside them.

What may live here: which cells a sentence reads and how it says them. What may not: arithmetic. A cell
that is withheld is said to be withheld.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipelines.report.document import Cell, Sentence, Table

_HEADLINE_CONVENTIONS: Final = (
    "Subjects by their highest grade, onset in the primary window; the denominator is named in the facts "
    "above; a subject whose grade is not known is in the denominator and in no grade. "
)
_COURSE_CONVENTIONS: Final = (
    "Onset counts the infusion as day 0, after the first dated infusion, in the longest window, so that its "
    "subjects can be more than those of the primary window."
)

Record = Mapping[str, Cell]


def make_sentences(tables: Mapping[str, Table]) -> tuple[Sentence, ...]:
    """What the headline and the course say; empty where a table is missing or has no rows."""
    headline = {str(row["measure"]): row for row in _records(tables.get("headline"))}
    course = {
        str(row["measure"]): row
        for row in _records(tables.get("course_summary"))
        if row["estimate"] == "point"
    }
    made = []
    if "ICANS point" in headline:
        text = f"ICANS occurred in {_both(headline['ICANS point'])}{_course(course)}."
        made.append(
            Sentence(
                text=text,
                conventions="Point: the most defensible grade. "
                + _HEADLINE_CONVENTIONS
                + _COURSE_CONVENTIONS,
            )
        )
    if "ICANS low" in headline and "ICANS high" in headline:
        low, high = headline["ICANS low"], headline["ICANS high"]
        made.append(
            Sentence(
                text=f"On any reading of the record ICANS occurred in at least {_share(low, 'any')} and at "
                f"most {_share(high, 'any')}, grade >= 3 in at least {_share(low, 'grade_3')} and at most "
                f"{_share(high, 'grade_3')}.",
                conventions="Low: what is certain; high: what the record still allows. "
                + _HEADLINE_CONVENTIONS.strip(),
            )
        )
    if "Reported grade, broad set" in headline:
        made.append(
            Sentence(
                text="As reported, a nervous or psychiatric event occurred in "
                f"{_both(headline['Reported grade, broad set'])}.",
                conventions="Broad set: any nervous or psychiatric concept of the release, headache "
                "included, by the grade as reported. " + _HEADLINE_CONVENTIONS.strip(),
            )
        )
    return tuple(made)


def _records(table: Table | None) -> list[Record]:
    if table is None:
        return []
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def _both(row: Record) -> str:
    """Both shares, and how many subjects are in neither because their grade is not known."""
    unknown = row["unknown_subjects"]
    left_out = f"; not known in {unknown} of {row['denominator']}" if unknown else ""
    return f"{_share(row, 'any')}, grade >= 3 in {_share(row, 'grade_3')}{left_out}"


def _share(row: Record, which: str) -> str:
    count, percent, total = row[f"{which}_subjects"], row[f"{which}_percent"], row["denominator"]
    if isinstance(count, str):
        return f"{count} of {total} subjects"
    if percent is None:
        return f"{count} of {total} subjects"
    return f"{percent:.1f}% ({count}/{total})"


def _course(course: Mapping[str, Record]) -> str:
    said = [""]
    for measure, words, unit in (
        ("onset_day", "median onset day ", ""),
        ("duration_days", "median duration ", "day"),
    ):
        row = course.get(measure)
        if row is not None and isinstance(row["median"], (int, float)):
            after = f" {unit}{'' if row['median'] == 1 else 's'}" if unit else ""
            spread = "" if row["minimum"] is None else f"range {row['minimum']} to {row['maximum']}, "
            said.append(f"{words}{row['median']:g}{after} ({spread}n = {row['subjects']})")
    return "; ".join(said)
