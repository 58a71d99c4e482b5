"""`regrade mappings diff | preview`: two releases against each other, as rows and in the studies.

What may live here: finding releases and studies, writing what was rendered. What may not: comparing
(`mappings.diff`, `pipelines.diffs.mapping_impact`), layout (`mappings.diff_text`, `pipelines.report`).
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

from mappings.diff import compare_releases
from mappings.diff_text import render_diff
from mappings.release import Release
from pipelines.cli.failures import OK
from pipelines.cli.files import write_file
from pipelines.cli.mappings_check import open_release
from pipelines.cli.output import print_json, say, visible
from pipelines.diffs.mapping_impact import Failure, Impact, StudyInput, preview_impact
from pipelines.home import Home, resolve_home
from pipelines.mapping_comparisons import study_input
from pipelines.report.impact_model import ImpactReport, build_impact_report
from pipelines.report.impact_page import render_impact_html
from pipelines.report.impact_sheets import render_impact_xlsx
from pipelines.report.impact_text import render_impact_text
from schemas.errors import RegradeError
from warehouse.run_store import RunStore

DIFFERS = 1


def run_diff(old: str, new: str, as_json: bool) -> int:
    """Print the comparison; 1 when the releases differ."""
    compared = compare_releases(open_release(old), open_release(new))
    if as_json:
        print_json(
            {
                "old_release_id": compared.old_release_id,
                "new_release_id": compared.new_release_id,
                "change_class": compared.change_class,
                "required_version": compared.required_version(),
                "counts": compared.counts,
                "rows": compared.rows.to_dicts(),
            }
        )
    else:
        _print_lines(render_diff(compared))
    return OK if compared.rows.is_empty() else DIFFERS


def run_preview(
    home_option: str | None,
    draft: str,
    against: str | None,
    style: str,
    output: Path | None,
    subject_ids: bool,
) -> int:
    """Preview the draft on the current run of every study and print or write the report."""
    home = resolve_home(home_option)
    if output is not None:
        home.require_outside(output)
    new = open_release(draft)
    old = open_release(_parent_of(new) if against is None else against)
    impact = preview_home(home, old, new)
    report = build_impact_report(impact, show_subject_ids=subject_ids)
    rendered = _render(report, style)
    if output is not None:
        write_file(output, rendered)
        print(f"wrote {visible(output)}")
    elif isinstance(rendered, bytes):
        sys.stdout.buffer.write(rendered)
    else:
        _print_lines(rendered)
    return impact.exit_code


def preview_home(home: Home, old: Release, new: Release) -> Impact:
    """The impact on the current run of every study; one that cannot be read is a failure of the report.

    Raises `RegradeError` where no study has a run, or the releases are the same.
    """
    store = RunStore(home.runs)
    run_before = store.study_ids()
    for study_id in sorted(set(home.studies()) - set(run_before)):
        say(f"regrade: {study_id} was never run and is left out. Next: regrade run {study_id}")
    if not run_before:
        raise RegradeError(
            "no study has been run", file=str(home.root), next_action="run regrade run, or regrade demo"
        )
    unread: list[Failure] = []
    impact = preview_impact(_inputs(home, store, unread), old, new)
    failures = sorted([*impact.failures, *unread], key=lambda failure: failure.study_id)
    return dataclasses.replace(impact, failures=tuple(failures))


def _inputs(home: Home, store: RunStore, unread: list[Failure]) -> Iterator[StudyInput]:
    """One study at a time, so that only one is in memory."""
    for study_id in store.study_ids():
        try:
            run = store.current(study_id)
            study = None if run is None else study_input(home, run)
        except RegradeError as failure:
            place = f"{_of_home(home, failure.file)}: " if failure.file else ""
            unread.append(Failure(study_id, "its run", place + failure.what, failure.next_action))
            continue
        if study is not None:
            yield study


def _of_home(home: Home, file: str) -> str:
    """A file as seen from the data home: the preview may leave this machine."""
    path = Path(file)
    return path.relative_to(home.root).as_posix() if path.is_relative_to(home.root) else path.name


def _parent_of(release: Release) -> str:
    parent = release.tables["map_releases"].row(0, named=True)["parent_release_id"]
    if parent is None:
        raise RegradeError(
            "the release has no parent to compare it with",
            value=release.release_id,
            next_action="name one: --against RELEASE",
        )
    return str(parent)


def _render(report: ImpactReport, style: str) -> str | bytes:
    if style == "json":
        return report.model_dump_json(indent=2) + "\n"
    if style == "html":
        return render_impact_html(report)
    if style == "xlsx":
        return render_impact_xlsx(report)
    return render_impact_text(report)


def _print_lines(text: str) -> None:
    """Text of releases and studies may hold terminal escapes; line ends are ours."""
    for line in text.removesuffix("\n").split("\n"):
        print(visible(line))
