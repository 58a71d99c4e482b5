"""`regrade mappings work-list | export`: terms out of the warehouse, releases out to other tools.

What may live here: writing what was rendered. What may not: choosing terms or suggestions
(`pipelines.diffs.work_list`), the form (`pipelines.report`), formats (`mappings.export`).
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import polars as pl

from mappings.export import render_fhir_concept_map, render_sssom
from mappings.loader import default_release
from mappings.lock import version
from pipelines.cli.failures import FAILED, OK
from pipelines.cli.files import write_file
from pipelines.cli.mappings_check import find_folder, open_release, print_problems
from pipelines.cli.output import print_json, print_table, visible
from pipelines.diffs.work_list import derive_work_list
from pipelines.home import Home, resolve_home
from pipelines.report.work_list_draft import read_work_list
from pipelines.report.work_list_form import render_work_list_tsv, render_work_list_xlsx
from schemas.errors import RegradeError
from schemas.results import CoreUnmappedTerms
from schemas.wording import counted
from warehouse.run_store import RunStore


def run_work_list(home_option: str | None, base: str | None, output: Path | None, as_json: bool) -> int:
    """Print the undecided terms of all studies, or write the form."""
    home = resolve_home(home_option)
    if output is not None:
        home.require_outside(output)
    release = open_release(default_release() if base is None else base)
    lines = derive_work_list(_unmapped_terms(home), release)
    if output is not None:
        is_workbook = output.suffix.lower() == ".xlsx"
        write_file(output, render_work_list_xlsx(lines) if is_workbook else render_work_list_tsv(lines))
    if as_json:
        print_json({"release": release.release_id, "terms": lines.to_dicts()})
    elif output is None:
        shown = ["term", "classes", "studies", "events", "subjects", "max_source_grade", "suggestion_1"]
        print_table(shown, lines.select(shown).rows())
    else:
        terms = counted(lines.height, "undecided term")
        print(f"wrote {visible(output)}: {terms} under {release.release_id}")
        print(f"next: fill it in, then regrade mappings work-list --read-back {visible(output)}")
    return OK


def run_read_back(
    form: Path, base: str | None, into: Path, new_id: str | None, date: dt.date, as_json: bool
) -> int:
    """Make a draft release of a filled-in form; 1, and nothing written, when a line is wrong."""
    folder = find_folder(default_release() if base is None else base)
    if new_id is None:
        major, minor, _ = version(folder.name)
        new_id = f"{major}.{minor + 1}.0"
    draft = read_work_list(form, folder, into, release_id=new_id, date=date)
    if as_json:
        print_json(
            {
                "draft": draft.folder,
                "terms": draft.terms,
                "concepts": draft.concepts,
                "undecided": draft.undecided,
                "problems": [str(problem.error()) for problem in draft.problems],
            }
        )
    else:
        if draft.folder is not None:
            print(
                f"draft {visible(draft.folder)}: {counted(draft.terms, 'term')} decided, "
                f"{counted(draft.concepts, 'new concept')}, "
                f"{draft.undecided} left undecided"
            )
            print(f"next: regrade mappings preview {visible(draft.folder)}")
        print_problems(draft.problems)
    return OK if draft.folder is not None and not draft.problems else FAILED


def _unmapped_terms(home: Home) -> pl.DataFrame:
    """Of the current run of every study. Raises `RegradeError` where there is none."""
    store = RunStore(home.runs)
    runs = [run for study_id in store.study_ids() if (run := store.current(study_id)) is not None]
    if not runs:
        raise RegradeError(
            "no study has been run", file=str(home.root), next_action="run regrade run, or regrade demo"
        )
    name = CoreUnmappedTerms.info().name
    return pl.concat([CoreUnmappedTerms.canonicalise(run.table(name)) for run in runs])


def run_export(name: str | None, style: str, output: Path | None) -> int:
    """Write the release in the format of others; FHIR to standard output where no file is named."""
    release = open_release(default_release() if name is None else name)
    if style == "fhir":
        resource = render_fhir_concept_map(release)
        if output is None:
            print_json(resource)
        else:
            write_file(output, json.dumps(resource, indent=2, ensure_ascii=False) + "\n")
            print(f"wrote {visible(output)}")
        return OK
    folder = output if output is not None else Path(f"sssom-{release.release_id}")
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in render_sssom(release).items():
        write_file(folder / file, text)
        print(f"wrote {visible(folder / file)}")
    return OK
