"""`regrade report`: the scale-diff report of studies, printed as text or written as files.

What may live here: writing what was rendered and saying where. What may not: content
(`pipelines.study_reports`), rendering (`pipelines.report`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import polars as pl

from pipelines.cli.failures import OK
from pipelines.cli.files import report_folder, write_file, write_rows
from pipelines.cli.output import print_json, say, visible
from pipelines.home import Home, given_path, home_if_any, resolve_home
from pipelines.report.document import Document, Table
from pipelines.report.document_file import document_json, read_document
from pipelines.report.figures import figure_files, render_png, render_svg
from pipelines.report.html import render_html
from pipelines.report.public import make_public
from pipelines.report.text import render_text
from pipelines.study_reports import make_study_report
from schemas.errors import RegradeError

CHANGED: Final = "changed_subjects"
_TYPES: Final = {
    "count": pl.Int64,
    "grade": pl.Int64,
    "day": pl.Int64,
    "percent": pl.Float64,
    "flag": pl.Boolean,
}


def run_report(
    home_option: str | None,
    studies: list[str],
    run_id: str | None,
    source: Path | None,
    out: Path | None,
    *,
    show_ids: bool,
    public: bool,
    as_json: bool,
) -> int:
    """Make the report, or read it back from its JSON, and print it or write it into a folder."""
    folder = None if out is None else given_path(out, "--out")
    if source is not None:
        _require_outside(home_if_any(home_option), folder)
        document = read_document(given_path(source, "--from"))
        document = make_public(document) if public else document
    else:
        home = resolve_home(home_option)
        _require_outside(home, folder)
        document = make_study_report(home, studies, run_id=run_id, show_ids=show_ids, public=public)
    if folder is None:
        if as_json:
            sys.stdout.write(document_json(document))
        else:
            sys.stdout.write(render_text(document))
        return OK
    written = write_report(document, folder)
    if as_json:
        print_json({"folder": str(folder.absolute()), "files": written, "subject_ids": document.subject_ids})
        return OK
    for name in written:
        print(f"wrote {visible(folder / name)}")
    return OK


def _require_outside(home: Home | None, folder: Path | None) -> None:
    if home is not None and folder is not None:
        home.require_outside(folder)


def write_report(document: Document, folder: Path) -> list[str]:
    """The report as JSON, page, text, figures and changed subjects; returns the names of the files.

    PNG files are written where the extra that draws them is installed. Raises `StoreError` where the folder
    cannot be written.
    """
    written: list[str] = []

    def write(name: str, content: str | bytes) -> None:
        write_file(folder / name, content)
        written.append(name)

    with report_folder(folder):
        (folder / "figures").mkdir(exist_ok=True)
        write("report.json", document_json(document))
        write("report.html", render_html(document))
        write("report.txt", render_text(document))
        changed = _changed(document)
        if changed is not None:
            write_rows(folder / f"{CHANGED}.parquet", changed)
            written.append(f"{CHANGED}.parquet")
        can_draw_png = True
        for name, drawing in figure_files(document):
            write(f"figures/{name}.svg", render_svg(drawing))
            if can_draw_png:
                try:
                    write(f"figures/{name}.png", render_png(drawing))
                except RegradeError as missing:
                    can_draw_png = False
                    say(f"regrade: no PNG files: {missing}")
    return written


def _changed(document: Document) -> pl.DataFrame | None:
    """Rows of the listing of changed subjects, of all studies; None in a copy that lists nobody."""
    tables = [
        table
        for chapter in document.chapters
        for section in chapter.sections
        for table in section.tables
        if table.table_id == CHANGED
    ]
    if not tables or document.is_public:
        return None
    # The pooled chapter, which is the last of several, holds the rows of all.
    return _frame(tables[-1])


def _frame(table: Table) -> pl.DataFrame:
    schema = {column.name: _TYPES.get(column.kind, pl.String) for column in table.columns}
    return pl.DataFrame(list(table.rows), schema=schema, orient="row")
