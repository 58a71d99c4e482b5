"""The scale-diff report of studies: the catalogue's queries asked of the published file, or of one run.

What may live here: what is asked of which tables, and who is named how. What may not: the words of the report
(`pipelines.report`), rules, layout. The same tables, options and key give the same document. A public copy
lists no subject, event or term, shows no date, withholds counts of 1 to 7 with the totals that would give one
away, and rounds the other counts (`pipelines.report.public`).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import duckdb

from pipelines.attribution_reruns import add_rows, count_by_policy
from pipelines.home import Home
from pipelines.pseudonym_key import read_key
from pipelines.report.build import ChapterResults, build_study_report
from pipelines.report.catalogue import fill_query, query_text, table_specs
from pipelines.report.catalogue_columns import LIMITS, TableSpec
from pipelines.report.document import Cell, Document
from pipelines.report.pseudonyms import Row, make_pseudonyms
from pipelines.report.public import make_public
from schemas.errors import RegradeError, StoreError
from warehouse.reader import open_published, open_run
from warehouse.run_store import RunStore, StoredRun

ATTRIBUTION: Final = "sensitivity_attribution"
UNNAMED: Final = "(subject)"
"""Stands for a subject in a copy for the public."""
_FACTS: Final = """
SELECT s.*, r.code_version FROM core_studies s JOIN core_runs r USING (run_id, study_id)
WHERE r.is_current ORDER BY s.study_id
"""


def make_study_report(
    home: Home,
    studies: Sequence[str] = (),
    *,
    run_id: str | None = None,
    show_ids: bool = False,
    public: bool = False,
) -> Document:
    """The report of these studies (all published ones when none is named), pooled too if there are several.

    With `run_id` (or the beginning of one) it is the report of that run, published or not. Subjects have
    pseudonyms unless `show_ids`; a `public` copy names nobody and withholds small counts. Raises
    `StoreError` for a study or run that is not there, and where the tables cannot be read.
    """
    run = None if run_id is None else find_run(home, studies, run_id)
    with open_published(home) if run is None else open_run(run) as connection:
        facts = _records(connection, _FACTS)
        chosen = [run.study_id] if run is not None else _choose(home, facts, studies)
        lines = [line for line in facts if line["study_id"] in chosen]
        chapters = [_ask(connection, [line]) for line in lines]
        if len(lines) > 1:
            chapters.append(_ask(connection, lines))
        ids = {str(row[0]) for row in connection.execute("SELECT subject_id FROM core_subjects").fetchall()}
    chapters = _add_attribution(home, run, chapters)
    names = None if show_ids else dict.fromkeys(ids, UNNAMED)
    if not show_ids and not public:
        names = make_pseudonyms(ids, read_key(home))
    document = build_study_report(chapters, names, is_current=_is_current(home, run))
    return make_public(document) if public else document


def find_run(home: Home, studies: Sequence[str], run_id: str) -> StoredRun:
    """The one run whose id begins so, of these studies or of all; `StoreError` for none or several."""
    store = RunStore(home.runs)
    found = []
    for study in studies or store.study_ids():
        folder = home.runs / study
        names = sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []
        for name in names:
            is_meant = run_id != "" and name.startswith(run_id.lower()) and len(name) == 64
            run = store.find(study, name) if is_meant else None
            if run is not None:
                found.append(run)
    if len(found) != 1:
        raise StoreError(
            "no run has this id" if not found else f"{len(found)} runs have an id that begins so",
            file=str(home.runs),
            value=run_id,
            next_action="see the runs with: regrade status" if not found else "give more of the id",
        )
    return found[0]


def _is_current(home: Home, run: StoredRun | None) -> bool:
    """The report is of what the published file shows; None is the file itself."""
    if run is None:
        return True
    current = RunStore(home.runs).current(run.study_id)
    return current is not None and current.run_id == run.run_id


def _choose(home: Home, facts: Sequence[dict[str, Any]], studies: Sequence[str]) -> list[str]:
    known = [str(line["study_id"]) for line in facts]
    for study in studies:
        if study not in known:
            raise StoreError(
                "the warehouse file has no such study",
                file=str(home.database),
                value=study,
                next_action=f"run it with: regrade run {study}"
                if study in home.studies()
                else "regrade status lists the studies there are",
            )
    if not known:
        raise StoreError(
            "the warehouse file has no study", file=str(home.database), next_action="run regrade run"
        )
    return list(dict.fromkeys(studies)) or known


def _ask(connection: duckdb.DuckDBPyConnection, lines: Sequence[dict[str, Any]]) -> ChapterResults:
    """Every table of one chapter."""
    studies = [str(line["study_id"]) for line in lines]
    rows = {}
    for spec in table_specs():
        if spec.has_query:
            try:
                connection.execute(fill_query(query_text(spec.table_id), studies))
            except duckdb.CatalogException:
                raise StoreError(
                    "the warehouse file was published by another version of the program",
                    next_action="run regrade publish",
                ) from None
            _require_columns(spec, [column[0] for column in connection.description or ()])
            rows[spec.table_id] = tuple(tuple(map(_cell, row)) for row in connection.fetchall())
    return ChapterResults(tuple(lines), rows)


def _add_attribution(
    home: Home, run: StoredRun | None, chapters: Sequence[ChapterResults]
) -> list[ChapterResults]:
    """The chapters with the table that no query gives; one that cannot be made says why."""
    counted: dict[str, tuple[Row, ...]] = {}
    reasons: dict[str, str] = {}
    for chapter in chapters:
        if len(chapter.studies) == 1:
            (study,) = chapter.study_ids
            try:
                counted[study] = count_by_policy(run or _stored(home, chapter.studies[0]))
            except RegradeError as failure:
                name = f"{Path(failure.file).name}: " if failure.file else ""
                reasons[study] = f"{name}{failure.what}. Next: {failure.next_action}"
    made = []
    for chapter in chapters:
        studies = chapter.study_ids
        rows, withheld = dict(chapter.rows), dict(chapter.withheld)
        if all(study in counted for study in studies):
            rows[ATTRIBUTION] = add_rows([counted[study] for study in studies])
        else:
            withheld[ATTRIBUTION] = "; ".join(
                f"{study}: {reasons[study]}" for study in studies if study in reasons
            )
        made.append(ChapterResults(chapter.studies, rows, withheld))
    return made


def _stored(home: Home, line: Any) -> StoredRun:
    run = RunStore(home.runs).find(str(line["study_id"]), str(line["run_id"]))
    if run is None:
        raise StoreError(
            "the run is not in this data home, so nothing can be graded again",
            next_action="make the report where the run is",
        )
    return run


def _require_columns(spec: TableSpec, names: Sequence[str]) -> None:
    """Cells are told apart by their place, so the query and the catalogue have to agree."""
    wanted = [column.name for column in spec.columns if not (spec.has_limits and column.name in LIMITS)]
    if list(names) != wanted:
        raise StoreError(
            f"the query of {spec.table_id} gives other columns than the catalogue names",
            next_action="report this defect; no report was made",
        )


def _records(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    connection.execute(query)
    names = [column[0] for column in connection.description or ()]
    return [dict(zip(names, row, strict=True)) for row in connection.fetchall()]


def _cell(value: object) -> Cell:
    """A value of DuckDB as a cell."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Decimal):
        return float(value)
    return str(value)
