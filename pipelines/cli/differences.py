"""`regrade diff`: two runs of a study against each other, row by row, with causes.

What may live here: printing and writing of a comparison that was made. What may not: comparing
(`pipelines.run_comparisons`, `pipelines.diffs.run_diff`), content of the report (`pipelines.report`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipelines.cli.failures import OK
from pipelines.cli.files import report_folder, write_file, write_rows
from pipelines.cli.output import print_json, print_paragraph, print_table, visible
from pipelines.diffs.run_diff import RunDiff
from pipelines.home import Home, resolve_home
from pipelines.pseudonym_key import read_key
from pipelines.report.document import Document, Table
from pipelines.report.document_file import document_json
from pipelines.report.html import render_html
from pipelines.report.pseudonyms import make_pseudonyms
from pipelines.report.run_names import name_subjects, subject_ids
from pipelines.report.run_report import build_run_report
from pipelines.report.text import render_text
from pipelines.report.wording import cell_text
from pipelines.run_comparisons import compare_stored_runs

DIFFERS: Final = 1
SHOWN: Final = 25
"""Rows of a table on the terminal; the report holds all of them."""
_ON_TERMINAL: Final = ("files", "settings", "tables", "causes", "crossings", "outcomes", "transitions")


def run_diff(
    home_option: str | None,
    study: str,
    first: str | None,
    second: str | None,
    out: Path | None,
    *,
    show_ids: bool,
    as_json: bool,
) -> int:
    """Print the comparison, and write it where `out` names a folder: 0 identical, 1 differs."""
    home = resolve_home(home_option)
    if out is not None:
        home.require_outside(out)
    diff = compare_stored_runs(home, study, first, second)
    if out is not None:
        _write(home, diff, out, show_ids=show_ids)
    shown = diff if show_ids else name_subjects(diff, _unnamed(diff))
    document = build_run_report(shown, "shown" if show_ids else "none")
    if as_json:
        print_json(document.model_dump(mode="json"))
    else:
        _print(document, diff, show_ids=show_ids)
        if out is not None:
            print(f"wrote {visible(out)}")
    return OK if diff.is_identical else DIFFERS


def _unnamed(diff: RunDiff) -> dict[str, str]:
    """What stands on the terminal where a text quotes a subject; no row names one there."""
    return {name: f"(subject {number})" for number, name in enumerate(sorted(subject_ids(diff)), start=1)}


def _write(home: Home, diff: RunDiff, out: Path, *, show_ids: bool) -> None:
    """The report as JSON, page and text, and the rows as Parquet, in one folder."""
    if not show_ids:
        ids = subject_ids(diff)
        diff = name_subjects(diff, make_pseudonyms(ids, read_key(home)) if ids else {})
    document = build_run_report(diff, "shown" if show_ids else "pseudonyms")
    frames = {
        "diff_run_tables": diff.tables,
        "diff_run_files": diff.files,
        "diff_run_headlines": diff.headlines,
        "diff_run_crossings": diff.crossings,
        "diff_run_transitions": diff.transitions,
        "diff_run_rows": diff.rows,
    }
    with report_folder(out):
        for name, frame in frames.items():
            write_rows(out / f"{name}.parquet", frame)
        write_file(out / "report.html", render_html(document))
        write_file(out / "report.txt", render_text(document))
        write_file(out / "report.json", document_json(document))


def _print(document: Document, diff: RunDiff, *, show_ids: bool) -> None:
    print(visible(document.title))
    print_paragraph(document.status)
    (chapter,) = document.chapters
    for sentence in chapter.sentences:
        print_paragraph(sentence.text)
    if diff.is_identical and not diff.components:
        return
    wanted = (*_ON_TERMINAL, "headlines", "rows_of_core_event_grades") if show_ids else _ON_TERMINAL
    tables = {table.table_id: table for section in chapter.sections for table in section.tables}
    for name in wanted:
        if name in tables:
            _print_rows(tables[name])


def _print_rows(table: Table) -> None:
    """The rows of a table that say something, the first of them where there are many."""
    rows = [row for row in table.rows if _says_something(table, row)]
    if not rows:
        return
    print()
    kinds = [column.kind for column in table.columns]
    print_table(
        [column.label for column in table.columns],
        [[cell_text(cell, kind) for cell, kind in zip(row, kinds, strict=True)] for row in rows[:SHOWN]],
        title=table.title,
    )
    if len(rows) > SHOWN:
        print(f"and {len(rows) - SHOWN} more; --out FOLDER writes all of them")


def _says_something(table: Table, row: tuple[object, ...]) -> bool:
    """Of tables and files, those that differ."""
    cells = {column.name: cell for column, cell in zip(table.columns, row, strict=True)}
    if table.table_id == "tables":
        return any(cells[name] for name in ("added", "removed", "changed"))
    return table.table_id != "files" or cells["change"] != "same"
