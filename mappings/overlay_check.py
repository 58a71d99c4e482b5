"""The curation checks on a private overlay, each problem at the overlay's own line.

What may live here: which of the checks fit a few private rows, and where a problem of the whole is shown.
What may not: a rule (`mappings.curation`), what an overlay may override (`mappings.overlay`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from mappings.curation import CurationChecks, Problem
from mappings.overlay import compose_release
from mappings.overlay_file import Overlay, read_overlay
from mappings.readings import RULE_OF
from mappings.release import Release
from mappings.sheets import FILES, sheet_of_table
from schemas.errors import ReleaseError

_NOT_FOR_OVERLAYS: Final = ("MAP-CODE",)
"""Codes that NCI publishes: a sponsor's codes come from the sponsor's own dictionary."""


def check_overlay(folder: Path, base: Release) -> tuple[Problem, ...]:
    """Everything wrong with an overlay folder on top of a release, in the order of a report.

    What keeps the overlay from being used at all is one problem, the first; then come the curation rules
    that need no complete release. A row of the release that only the overlay puts in the wrong (a grade
    ladder that falls, two intervals for one wording) is named by its rule, without a line.
    """
    try:
        overlay = read_overlay(folder)
        composed = compose_release(base, [overlay])
    except ReleaseError as fault:
        file = (fault.file or folder.name).removeprefix(f"{folder.name}/")
        rule = fault.rule_id or "MAP-OVERLAY"
        place = (fault.line, fault.column, fault.value)
        return (Problem("content", folder.name, file, rule, fault.what, fault.next_action, *place),)
    before = {_identity(rule, problem) for rule, _, problem in _curation(base)}
    found = []
    for rule, layer, problem in _curation(composed):
        line, what = None, problem.message
        if layer == overlay.name:
            line = _line(overlay, problem.file, rule)
        elif _identity(rule, problem) in before:
            continue
        elif layer is not None:
            what = f"with the overlay, rule {rule} of {layer} is in the wrong: {what}"
        found.append(replace(problem, release_id=overlay.name, line=line, message=what))
    return tuple(sorted(found, key=lambda problem: problem.order))


def _curation(release: Release) -> Iterator[tuple[str, str | None, Problem]]:
    """Problems of a release in memory with rule and layer of their row; a row that is missing has none."""
    frames = {file: release.tables[table.info().name] for file, (table, _) in FILES.items()}
    sheets = {
        table.info().name: replace(sheet_of_table(release.release_id, table, frames[file]), first_line=0)
        for file, (table, _) in FILES.items()
    }
    for problem in CurationChecks(sheets).run(whole=False):
        if problem.rule_id in _NOT_FOR_OVERLAYS or "layer" not in frames[problem.file].columns:
            continue
        if problem.line is None:
            yield problem.value or "", None, problem
        else:
            row = frames[problem.file].row(problem.line, named=True)
            yield RULE_OF[FILES[problem.file][0].info().name](row), row["layer"], problem


def _identity(rule: str, problem: Problem) -> tuple[str, ...]:
    return (problem.rule_id, problem.file, rule, problem.message)


def _line(overlay: Overlay, file: str, rule: str) -> int | None:
    name = FILES[file][0].info().name
    sheet = overlay.sheets[name]
    rules = [RULE_OF[name](row) for row in sheet.frame.iter_rows(named=True)]
    return None if sheet.first_line is None else sheet.first_line + rules.index(rule)
