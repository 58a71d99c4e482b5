"""What the scale-diff report shows: its sections, their tables with columns and conventions, its figures.

What may live here: the choice and the words. What may not: numbers; the rows of a table are the result of
the query of the same name in `queries/`. The tables themselves are in `catalogue_results`
and `catalogue_evidence`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, Literal

from pipelines.report import catalogue_evidence as evidence
from pipelines.report import catalogue_results as results
from pipelines.report.catalogue_columns import TableSpec
from schemas.vocabulary import STUDY_ID_PATTERN

PARAMETER: Final = "$studies"
"""Stands in a query for the studies of the chapter, as a list in brackets."""


@dataclass(frozen=True)
class FigureSpec:
    """A figure drawn from a table of the same section."""

    figure_id: str
    kind: Literal["flow", "daily", "swimmer", "forest", "bars"]
    title: str
    description: str
    table_id: str


@dataclass(frozen=True)
class SectionSpec:
    """A section of a chapter."""

    section_id: str
    title: str
    lead: str
    tables: tuple[TableSpec, ...]
    figures: tuple[FigureSpec, ...] = ()


SECTIONS: Final[tuple[SectionSpec, ...]] = (
    SectionSpec(
        "headline",
        "What regrading changes",
        "Subjects by the grade as reported and by ICANS: low is certain on any reading of the record, point "
        "the most defensible grade, high what the record still allows.",
        (results.HEADLINE, results.CHANGES, results.OUTCOMES),
    ),
    SectionSpec(
        "shift",
        "From the reported grade to ICANS",
        "Each subject, then each event row, by the reported grade and by the ICANS point.",
        (results.SHIFT_SUBJECTS, results.SHIFT_EVENTS, results.FLOW),
        (
            FigureSpec(
                "flow",
                "flow",
                "Reported grade to ICANS point",
                "Bands lead from the highest reported grade of each subject, broad set, to the ICANS point; "
                "the width of a band is the number of subjects of that row of the table.",
                "flow",
            ),
        ),
    ),
    SectionSpec(
        "drivers",
        "What drives the changes",
        "Terms behind the reported grade, event rows by term, and the ICANS domains that set the result.",
        (results.DRIVING_TERMS, results.DRIVING_DOMAINS, results.DRIVING_EVENTS),
    ),
    SectionSpec(
        "course",
        "The course over time",
        "Days after the first dated infusion, in the longest window.",
        (
            results.COURSE_SUMMARY,
            results.COURSE_OUTCOMES,
            results.DAYS_AT_GRADE,
            results.DAILY_PREVALENCE,
            evidence.SWIMMER,
        ),
        (
            FigureSpec(
                "daily",
                "daily",
                "Subjects at each ICANS grade by day",
                "Stacked counts of subjects by the ICANS point of each day after the first dated infusion, "
                "with subjects on whom no single grade is defensible on top.",
                "daily_prevalence",
            ),
            FigureSpec(
                "swimmer",
                "swimmer",
                "Course of each subject with possible ICANS",
                "One lane per subject, highest grade first; each bar is a run of days of one interval.",
                "swimmer",
            ),
        ),
    ),
    SectionSpec(
        "sensitivity",
        "How much the result depends on conventions",
        "The headline under other windows, comparator sets, ends of the interval, treatments of imputed "
        "dates and of the investigator's causality.",
        (results.SENSITIVITY, results.SENSITIVITY_DATES, results.SENSITIVITY_ATTRIBUTION),
    ),
    SectionSpec(
        "forest",
        "Incidence by study, product and age",
        "Percent of subjects with exact 95 % confidence intervals; groups are described, not compared.",
        (results.FOREST,),
        (
            FigureSpec(
                "forest",
                "forest",
                "Incidence with exact 95 % confidence intervals",
                "One line per group and threshold: percent of subjects by reported grade and by ICANS "
                "point, with the limits of the exact interval.",
                "forest",
            ),
        ),
    ),
    SectionSpec(
        "coverage",
        "What was read, and what was not",
        "Rows read, mapped and rejected, assessments, contradictions and failed checks.",
        (
            evidence.COVERAGE,
            evidence.ASSESSMENTS_READ,
            evidence.ASSESSMENT_EFFECT,
            evidence.CONTRADICTION_KINDS,
            evidence.REJECTIONS,
            evidence.FAILED_CHECKS,
            evidence.UNMAPPED_TERMS,
        ),
    ),
    SectionSpec(
        "listings",
        "Subjects",
        "Every subject whose category changed, what would close the open ones, deaths and contradictions.",
        (evidence.CHANGED_SUBJECTS, evidence.OPEN_SUBJECTS, evidence.DEATHS, evidence.CONTRADICTIONS),
    ),
    SectionSpec(
        "sources",
        "What these results were made from",
        "The run of each study, named by the hashes of everything that determines it.",
        (evidence.SOURCES,),
    ),
)


def table_specs() -> Iterator[TableSpec]:
    """Every table of a chapter, in order."""
    for section in SECTIONS:
        yield from section.tables


@functools.cache
def query_text(table_id: str) -> str:
    """The query of a table, with PARAMETER where the studies go."""
    return (files("pipelines.report") / "queries" / f"{table_id}.sql").read_text(encoding="utf-8").strip()


def fill_query(text: str, studies: Sequence[str]) -> str:
    """The query with the studies written into it, ready to be run.

    Raises `ValueError` for a text that is no study identifier: what is filled in is never free text.
    """
    for study in studies:
        if not re.fullmatch(STUDY_ID_PATTERN, study):
            raise ValueError("a study identifier is letters, digits, '.', '_' and '-'")
    return text.replace(PARAMETER, "(" + ", ".join(f"'{study}'" for study in studies) + ")")
