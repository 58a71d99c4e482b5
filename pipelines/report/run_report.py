"""A run diff as a document: what differs, how much of it, in whom, and why.

What may live here: which tables of a comparison are told, in which words. What may not: comparing
(`pipelines.diffs.run_diff`), rendering. Rows beyond what a page can hold are counted here and whole in the
Parquet files beside the report.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, Literal

import polars as pl

from pipelines.diffs.run_diff import RunDiff
from pipelines.diffs.run_diff_sides import RunSide
from pipelines.report.document import Cell, Chapter, Column, Document, Fact, Section, Sentence, Table
from schemas.run_diffs import ALTERNATIVE, CAUSE_BASES, COMPONENTS, INTERACTION
from schemas.wording import counted

SubjectIds = Literal["pseudonyms", "shown", "none"]
MOST_ROWS: Final = 2000
"""Rows of a listing on the page; all are in the Parquet files."""
MOST_TRANSITIONS: Final = 300
SHORT: Final = 12
"""Digits of a run id that are shown where it is no fact of its own."""
LISTED: Final = ("core_event_grades", "core_subject_grades")
"""Tables whose changed rows are listed on the page."""

CAUSE_NOTE: Final = (
    f"A cause is what, swapped alone from the first run to the second, makes the row what it is there. "
    f"'{INTERACTION.strip()}' joins parts that only together make the difference, "
    f"'{ALTERNATIVE.strip()}' parts that each make it alone."
)
KEY_NOTE: Final = (
    "Rows are matched by key, never by their place in a file; file names, row numbers and the id of the "
    "release beside a decision are not compared."
)
LOST_NOTE: Final = "Counted on the cells of the files as delivered, before anything was read from them."


def build_run_report(diff: RunDiff, subject_ids: SubjectIds = "none") -> Document:
    """The document of a comparison.

    Subjects are named as the frames of `diff` name them; with `none` nobody is listed and no row is shown.
    """
    return Document(
        kind="run_diff",
        title=f"Run diff of {diff.a.study_id}: {diff.a.run_id[:SHORT]} -> {diff.b.run_id[:SHORT]}",
        status=_status(diff),
        subject_ids=subject_ids,
        is_public=False,
        chapters=(_chapter(diff, subject_ids),),
    )


def _status(diff: RunDiff) -> str:
    said = [f"{side.release_id}: {_study(side)['mapping_review_status']}" for side in (diff.a, diff.b)]
    return "Mapping release " + "; ".join(dict.fromkeys(said))


def _study(side: RunSide) -> dict[str, Any]:
    return side.table("core_studies").row(0, named=True)


def _chapter(diff: RunDiff, subject_ids: SubjectIds) -> Chapter:
    a, b = _study(diff.a), _study(diff.b)
    facts = (
        ("Study", diff.a.study_id),
        ("First run", diff.a.run_id),
        ("Second run", diff.b.run_id),
        ("Scale", _moved(*(f"{row['scale']} {row['scale_version'] or ''}".strip() for row in (a, b)))),
        ("Mapping release", _moved(diff.a.release_id, diff.b.release_id)),
        ("Review status", _moved(a["mapping_review_status"], b["mapping_review_status"])),
        ("Data cut", _moved(*(row["data_cutoff"] or "not given" for row in (a, b)))),
        ("Program", _programs(diff)),
        ("Differ in", ", ".join(diff.components) or "nothing"),
    )
    sections = [_parts(diff), _headline(diff, subject_ids), _counts(diff), _transitions(diff, subject_ids)]
    if subject_ids != "none":
        sections.append(_rows(diff))
    return Chapter(
        chapter_id=diff.a.study_id,
        title=diff.a.study_id,
        facts=tuple(Fact(label=label, value=value) for label, value in facts),
        sentences=tuple(_sentences(diff)),
        sections=tuple(sections),
    )


def _moved(before: str, after: str) -> str:
    return before if before == after else f"{before} -> {after}"


def _programs(diff: RunDiff) -> str:
    """Versions of the program; with digests where two programs have one version."""
    a, b = diff.a, diff.b
    if a.code_version == b.code_version and a.code_sha256 != b.code_sha256:
        return f"{a.code_version} {a.code_sha256[:SHORT]} -> {b.code_version} {b.code_sha256[:SHORT]}"
    return _moved(a.code_version, b.code_version)


def _sentences(diff: RunDiff) -> list[Sentence]:
    if diff.a.run_id == diff.b.run_id:
        return [Sentence(text="This is one run: nothing can differ.", conventions=KEY_NOTE)]
    found = [Sentence(text=_differ_in(diff), conventions=CAUSE_NOTE)]
    if diff.has_only_lost:
        lost = _listed(
            [f"{row['only_a']} of {row['rows_a']} {_words(row['role'])} rows" for row in _losing(diff)]
        )
        text = f"The second delivery only lost rows: {lost} are gone; none was added, none was changed."
        found.append(Sentence(text=text, conventions=LOST_NOTE))
    if diff.is_identical:
        text = "Every row of every compared table is the same in both runs."
        return [*found, Sentence(text=text, conventions=KEY_NOTE)]
    changed = diff.headlines.filter(pl.col("change") == "changed").height
    text = (
        f"{diff.subjects_changed} of {diff.subjects} subjects have a row that differs; the headline result "
        f"of {changed} is another, {_only(diff, 'added')} are in the second run only and "
        f"{_only(diff, 'removed')} in the first only."
    )
    return [*found, Sentence(text=text, conventions=KEY_NOTE)]


def _only(diff: RunDiff, change: str) -> int:
    return diff.headlines.filter(pl.col("change") == change).height


def _losing(diff: RunDiff) -> list[dict[str, Any]]:
    return diff.files.filter(pl.col("only_a") > 0).to_dicts()


def _differ_in(diff: RunDiff) -> str:
    if diff.components == ("code",):
        return f"The runs differ in the program only: {_programs(diff)}."
    if "code" in diff.components:
        return f"The runs differ in {_listed(list(diff.components))} ({_programs(diff)})."
    return f"The runs differ in {_listed(list(diff.components))}."


def _listed(words: Sequence[str]) -> str:
    """Words with commas and a last 'and'."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _words(name: str) -> str:
    return name.replace("_", " ").removesuffix("s")


def _table(
    table_id: str,
    title: str,
    columns: Sequence[tuple[str, str, str]],
    rows: Sequence[Sequence[Cell]],
    **more: Any,
) -> Table:
    """A table; a column is its name, label and kind."""
    return Table(
        table_id=table_id,
        title=title,
        columns=tuple(
            Column.model_validate({"name": name, "label": label, "kind": kind})
            for name, label, kind in columns
        ),
        rows=tuple(tuple(row) for row in rows),
        **more,
    )


def _from(frame: pl.DataFrame, columns: Sequence[tuple[str, str, str]]) -> list[tuple[Cell, ...]]:
    return frame.select(name for name, *_ in columns).rows()


def _parts(diff: RunDiff) -> Section:
    """What went into the runs."""
    a, b = diff.a, diff.b
    lines = {
        "data": (counted(len(a.inputs), "file"), counted(len(b.inputs), "file")),
        "manifest": (f"settings that differ: {len(diff.settings)}", ""),
        "release": (a.release_id, b.release_id),
        "code": (
            f"{a.code_version} ({a.code_sha256[:SHORT]})",
            f"{b.code_version} ({b.code_sha256[:SHORT]})",
        ),
    }
    rows = [(name, COMPONENTS[name], name in diff.components, *cells) for name, cells in lines.items()]
    settings = [(key, _setting(before), _setting(after)) for key, before, after in diff.settings]
    files = [
        *[("role", "What it holds", "text"), ("path", "File", "text"), ("change", "Change", "text")],
        *[("rows_a", "Rows before", "count"), ("rows_b", "Rows after", "count")],
        *[("only_a", "Rows lost", "count"), ("only_b", "New rows", "count")],
    ]
    return Section(
        section_id="parts",
        title="What went into the runs",
        tables=(
            _table(
                "components",
                "Parts of a run",
                [
                    *[("component", "Part", "text"), ("meaning", "Meaning", "text")],
                    *[("differs", "Differs", "flag"), ("before", "First run", "text")],
                    ("after", "Second run", "text"),
                ],
                rows,
            ),
            _table(
                "files",
                "Delivered files",
                files,
                _from(diff.files, files),
                lead="A row with one other cell counts as one row lost and one new row.",
                notes=(LOST_NOTE,),
            ),
            _table(
                "settings",
                "Settings of study.yaml that differ",
                [
                    ("key", "Setting", "text"),
                    ("before", "First run", "text"),
                    ("after", "Second run", "text"),
                ],
                settings,
            ),
        ),
    )


def _setting(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _headline(diff: RunDiff, subject_ids: SubjectIds) -> Section:
    """Who has another result."""
    crossed = [
        *[("estimate", "Estimate", "text"), ("threshold", "Grade at least", "grade")],
        *[("direction", "Direction", "text"), ("cause", "Cause", "text"), ("subjects", "Subjects", "count")],
    ]
    moved = diff.headlines.group_by("outcome_before", "outcome_after", "cause").agg(
        pl.len().alias("subjects")
    )
    outcomes = [
        *[("outcome_before", "Outcome before", "text"), ("outcome_after", "Outcome after", "text")],
        *[("cause", "Cause", "text"), ("subjects", "Subjects", "count")],
    ]
    tables = [
        _table(
            "crossings",
            "Subjects that cross a threshold",
            crossed,
            _from(_by_rows(diff.crossings, ["estimate", "threshold", "direction", "cause"]), crossed),
            notes=(
                "Unknown: no single grade is defensible, or the window cannot be placed. Entered and left: "
                "the subject is in one run only.",
                CAUSE_NOTE,
            ),
        ),
        _table(
            "outcomes",
            "Subjects whose headline result differs, by outcome",
            outcomes,
            _from(_by_rows(moved, ["outcome_before", "outcome_after", "cause"]), outcomes),
        ),
    ]
    if subject_ids != "none":
        listed = [
            ("subject_id", "Subject", "id"),
            *[(f"{end}_before", f"{end.capitalize()} before", "grade") for end in ("low", "point", "high")],
            *[(f"{end}_after", f"{end.capitalize()} after", "grade") for end in ("low", "point", "high")],
            *[("outcome_before", "Outcome before", "text"), ("outcome_after", "Outcome after", "text")],
            ("cause", "Cause", "text"),
        ]
        tables.append(
            _table(
                "headlines",
                "Subjects whose headline result differs",
                listed,
                _from(diff.headlines.head(MOST_ROWS), listed),
                is_listing=True,
                notes=_more(diff.headlines.height, "diff_run_headlines.parquet"),
            )
        )
    return Section(
        section_id="headline",
        title="Subjects whose headline result differs",
        lead="The result over all infusions in the primary window.",
        tables=tuple(tables),
    )


def _counts(diff: RunDiff) -> Section:
    """How many rows differ, and why."""
    counts = [
        *[("table_name", "Table", "text"), ("rows_a", "Rows before", "count")],
        *[("rows_b", "Rows after", "count"), ("added", "Added", "count"), ("removed", "Removed", "count")],
        *[("changed", "Changed", "count"), ("same", "Same", "count")],
    ]
    keys = ["table_name", "change", "cause", "cause_basis"]
    causes = _by_rows(diff.rows.group_by(keys).agg(pl.len().alias("rows")), keys)
    told = [
        *[("table_name", "Table", "text"), ("change", "Change", "text"), ("cause", "Cause", "text")],
        *[("cause_basis", "How it is known", "text"), ("rows", "Rows", "count")],
    ]
    known = causes["cause_basis"].unique().to_list()
    return Section(
        section_id="rows",
        title="Rows that differ",
        tables=(
            _table("tables", "Rows by table", counts, _from(diff.tables, counts), notes=(KEY_NOTE,)),
            _table(
                "causes",
                "Rows by cause",
                told,
                _from(causes, told),
                notes=(
                    CAUSE_NOTE,
                    *(f"{name}: {words}" for name, words in CAUSE_BASES.items() if name in known),
                    "Summaries of the study follow from these rows and have no cause of their own.",
                ),
            ),
        ),
    )


def _transitions(diff: RunDiff, subject_ids: SubjectIds) -> Section:
    """What cells changed from and to."""
    columns = [
        *[("table_name", "Table", "text"), ("column_name", "Column", "text"), ("before", "Before", "text")],
        *[("after", "After", "text"), ("cause", "Cause", "text"), ("rows", "Rows", "count")],
    ]
    if subject_ids != "none":
        columns.append(("example_key", "One of them", "text"))
    keys = ["table_name", "column_name", "transition", "cause"]
    chosen = diff.transitions.sort("rows", *keys, descending=[True, *[False] * len(keys)])
    return Section(
        section_id="cells",
        title="Cells that differ",
        tables=(
            _table(
                "transitions",
                "Cells by value before and after",
                columns,
                _from(chosen.head(MOST_TRANSITIONS), columns),
                lead="Of rows that both runs have; the most frequent first.",
                notes=_more(chosen.height, "diff_run_transitions.parquet", MOST_TRANSITIONS),
            ),
        ),
    )


def _rows(diff: RunDiff) -> Section:
    """The rows themselves."""
    columns = [
        *[("subject_id", "Subject", "id"), ("row_key", "Row", "text"), ("change", "Change", "text")],
        *[("cause", "Cause", "text"), ("before", "Before", "text"), ("after", "After", "text")],
    ]
    tables = []
    for name in LISTED:
        rows = diff.rows.filter(pl.col("table_name") == name)
        tables.append(
            _table(
                f"rows_of_{name}",
                f"Rows of {name} that differ",
                columns,
                _from(rows.head(MOST_ROWS), columns),
                is_listing=True,
                notes=_more(rows.height, "diff_run_rows.parquet"),
            )
        )
    return Section(section_id="listing", title="Changed rows", tables=tuple(tables))


def _more(rows: int, file: str, most: int = MOST_ROWS) -> tuple[str, ...]:
    """What is said where not all rows are on the page."""
    return (f"The first {most} of {rows}; all are in {file}.",) if rows > most else ()


def _by_rows(frame: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    return frame.sort(keys, nulls_last=False)
