"""Results of queries turned into the scale-diff report: chapters, facts, tables, figures.

What may live here: putting what was asked into the document, and the limits of proportions, which no query
can compute. What may not: asking (`pipelines.study_reports`), words of tables (`catalogue`), layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pipelines.diffs.incidence import compute_exact_interval
from pipelines.report.catalogue import (
    SECTIONS,
    FigureSpec,
    SectionSpec,
    fill_query,
    query_text,
)
from pipelines.report.catalogue_columns import LISTED, TableSpec
from pipelines.report.document import Cell, Chapter, Document, Fact, Figure, Section, Table
from pipelines.report.pseudonyms import Row, hide_subjects
from pipelines.report.sentences import make_sentences
from schemas.vocabulary import SCALES

POOLED: Final = "pooled"
POOLED_NOTE: Final = (
    "Pooled: the same query over all studies of the report; subjects are counted together, without weights. "
    "Studies can differ in scale, windows, product and data cut, and nothing here allows for that."
)
ANOTHER_RUN: Final = (
    "The query was asked of the tables of the run named above, which is not the current one of its study."
)
_SHORT: Final = 12


@dataclass(frozen=True)
class ChapterResults:
    """What was asked for one chapter.

    `studies` are rows of core_studies with those of core_runs, in the order of study ids; `rows` the results
    by table, columns as in the catalogue. `withheld` says of a table without rows why it has none.
    """

    studies: tuple[Mapping[str, Any], ...]
    rows: Mapping[str, tuple[Row, ...]]
    withheld: Mapping[str, str] = field(default_factory=dict)

    @property
    def study_ids(self) -> tuple[str, ...]:
        """The studies of the chapter."""
        return tuple(str(study["study_id"]) for study in self.studies)


def build_study_report(
    chapters: Sequence[ChapterResults], names: Mapping[str, str] | None, *, is_current: bool = True
) -> Document:
    """The report; `names` are pseudonyms by subject id, None shows ids as they are.

    The last of several chapters is the pooled one. `is_current`: the queries hold for the published file;
    otherwise for the tables of the run the facts name.
    """
    studies = [study for chapter in chapters for study in chapter.studies]
    made = [_chapter(chapter, names, is_current) for chapter in chapters]
    titles = list(dict.fromkeys(str(study["study_id"]) for study in studies))
    return Document(
        kind="scale_diff",
        title=f"Neurotoxicity regraded to ICANS: {', '.join(titles)}",
        status=" ".join(
            sorted(
                {
                    f"Mapping release {study['mapping_release_id']}: {study['mapping_review_status']}."
                    for study in studies
                }
            )
        )
        + " For research and safety review.",
        subject_ids="shown" if names is None else "pseudonyms",
        is_public=False,
        chapters=tuple(made),
    )


def _chapter(results: ChapterResults, names: Mapping[str, str] | None, is_current: bool) -> Chapter:
    is_pooled = len(results.studies) > 1
    sections = tuple(_section(section, results, names, is_current) for section in SECTIONS)
    tables = {table.table_id: table for section in sections for table in section.tables}
    return Chapter(
        chapter_id=POOLED if is_pooled else results.study_ids[0],
        title="All studies pooled" if is_pooled else _title(results.studies[0]),
        facts=_facts(results.studies),
        sentences=make_sentences(tables),
        sections=sections,
    )


def _section(
    spec: SectionSpec, results: ChapterResults, names: Mapping[str, str] | None, is_current: bool
) -> Section:
    return Section(
        section_id=spec.section_id,
        title=spec.title,
        lead=spec.lead,
        tables=tuple(_table(table, results, names, is_current) for table in spec.tables),
        figures=tuple(_figure(figure) for figure in spec.figures),
    )


def _figure(spec: FigureSpec) -> Figure:
    return Figure(
        figure_id=spec.figure_id,
        kind=spec.kind,
        title=spec.title,
        description=spec.description,
        table_id=spec.table_id,
    )


def _table(
    spec: TableSpec, results: ChapterResults, names: Mapping[str, str] | None, is_current: bool
) -> Table:
    rows = results.rows.get(spec.table_id, ())
    if spec.has_limits:
        rows = tuple(_add_limits(row, [column.name for column in spec.columns]) for row in rows)
    withheld = results.withheld.get(spec.table_id)
    if spec.is_listing and len(rows) == LISTED:
        withheld = f"only the first {LISTED} rows are listed; the query without its LIMIT gives all"
    if names is not None:
        rows = hide_subjects(rows, spec.columns, spec.ranked_by, names)
    notes = spec.notes
    if len(results.studies) > 1:
        notes = (*notes, POOLED_NOTE)
    if spec.has_query and not is_current:
        notes = (*notes, ANOTHER_RUN)
    return Table(
        table_id=spec.table_id,
        title=spec.title,
        lead=spec.lead,
        columns=spec.columns,
        rows=rows,
        query=fill_query(query_text(spec.table_id), results.study_ids) if spec.has_query else None,
        notes=notes,
        is_listing=spec.is_listing,
        withheld=withheld,
    )


def _add_limits(row: Row, names: Sequence[str]) -> Row:
    """The row with the exact limits of its proportion, in percent; null where nobody is in the group."""
    count, total = row[names.index("subjects")], row[names.index("denominator")]
    if not isinstance(count, int) or not isinstance(total, int):
        return (*row, None, None)
    return (*row, *limits_in_percent(count, total))


def limits_in_percent(count: int, total: int) -> tuple[Cell, Cell]:
    """Exact 95 % limits in percent with one decimal; null for an empty denominator."""
    limits = compute_exact_interval(count, total)
    return (None, None) if limits is None else (round(100 * limits[0], 1), round(100 * limits[1], 1))


# Facts


def _title(study: Mapping[str, Any]) -> str:
    name = str(study["study_id"])
    return name if study["title"] is None else f"{name}: {study['title']}"


def _facts(studies: Sequence[Mapping[str, Any]]) -> tuple[Fact, ...]:
    """Facts of a study; of several, each with the studies it is said of where they differ."""
    lines = [_facts_of_one(study) for study in studies]
    facts = []
    for label in lines[0]:
        said: dict[str, list[str]] = {}
        for study, line in zip(studies, lines, strict=True):
            said.setdefault(line[label], []).append(str(study["study_id"]))
        if len(said) == 1:
            value = next(iter(said))
        else:
            value = "; ".join(f"{', '.join(holders)}: {text}" for text, holders in said.items())
        if label == "Study":
            value = ", ".join(said)
        facts.append(Fact(label=label, value=value))
    return tuple(fact for fact in facts if fact.value != "none")


def _facts_of_one(study: Mapping[str, Any]) -> dict[str, str]:
    scale = str(study["scale"])
    version = study["scale_version"] or ("version not recorded" if scale in ("ctcae", "cres") else "")
    others = study["sensitivity_window_days"]
    others = "" if others is None else f" (others to day {str(others).replace('|', ', ')})"
    is_complete = study["is_ae_table_complete"]
    return {
        "Study": str(study["study_id"]),
        "Product": str(study["product"] or "not given"),
        "Reported scale": f"{_SCALE_NAMES.get(scale, SCALES[scale])} {version}".strip(),
        "Graded by convention": str(study["conventions"] or "none").replace("|", ", "),
        "Mapping release": f"{study['mapping_release_id']}, {study['mapping_review_status']}",
        "Causality": str(study["attribution_policy"]),
        "Primary window": f"day 0 to {study['primary_window_days']}{others}",
        "Days": "the infusion is day 0 (CDISC study day 1)",
        "Infusion": str(study["infusion_note"] or "none"),
        "Data cut": str(study["data_cutoff"] or "not given"),
        "Denominator": str(study["denominator"]),
        "Adverse-event table": "none" if is_complete else "said to be incomplete: nobody is NOT_ICANS",
        "Run": str(study["run_id"])[:_SHORT],
    }


_SCALE_NAMES: Final = {
    "ctcae": "CTCAE",
    "cres": "CARTOX / CRES",
    "astct": "ASTCT ICANS",
    "severity": "severity words",
    "none": "no grades",
}
