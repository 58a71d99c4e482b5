"""Reports as files of the data home: the page, the text and the JSON of each study, made after publishing.

What may live here: which report is made of what, and where its files stand. What may not: content
(`pipelines.study_reports`, `pipelines.run_comparisons`), rendering (`pipelines.report`). A page never holds a
subject identifier: subjects have pseudonyms. Files are derived and can be deleted at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.home import Home
from pipelines.pseudonym_key import read_key
from pipelines.report.document import Document
from pipelines.report.document_file import document_json
from pipelines.report.html import render_html
from pipelines.report.pseudonyms import make_pseudonyms
from pipelines.report.run_names import name_subjects, subject_ids
from pipelines.report.run_report import build_run_report
from pipelines.report.text import render_text
from pipelines.run_comparisons import compare_stored_runs
from pipelines.study_reports import make_study_report
from schemas.errors import StoreError


@dataclass(frozen=True)
class Page:
    """A report that was written: `page` is its HTML file; numbers of tables and figures in it."""

    page: Path
    tables: int
    figures: int


def write_study_page(home: Home, study_id: str) -> Page:
    """The scale-diff report of a published study. Raises `StoreError` where it cannot be made or written."""
    return _write(make_study_report(home, [study_id]), home.reports / study_id / "scale_diff")


def write_portfolio_page(home: Home, studies: Sequence[str]) -> Page:
    """The scale-diff report of several published studies and of all of them pooled.

    Raises `StoreError` where it cannot be made or written.
    """
    return _write(make_study_report(home, studies), home.reports / "portfolio")


def write_diff_page(home: Home, study_id: str) -> Page | None:
    """The current run of a study against the one before; None where there is no other run.

    Raises `StoreError` where the runs cannot be compared or the report cannot be written.
    """
    if len(list((home.runs / study_id).glob("*/run.json"))) < 2:
        return None
    diff = compare_stored_runs(home, study_id, None, None)
    ids = subject_ids(diff)
    named = name_subjects(diff, make_pseudonyms(ids, read_key(home)) if ids else {})
    return _write(build_run_report(named, "pseudonyms"), home.reports / study_id / "run_diff")


def _write(document: Document, folder: Path) -> Page:
    files = {
        "report.json": document_json(document),
        "report.txt": render_text(document),
        "report.html": render_html(document),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            aside = folder / f".{name}.new"
            aside.write_bytes(text.encode())
            aside.replace(folder / name)
    except OSError as failure:
        raise StoreError(
            f"the report cannot be written ({failure.strerror})",
            file=str(folder),
            next_action="make the folder writable; the run and the published file are safe",
        ) from None
    sections = [section for chapter in document.chapters for section in chapter.sections]
    return Page(
        folder / "report.html",
        sum(len(section.tables) for section in sections),
        sum(len(section.figures) for section in sections),
    )
