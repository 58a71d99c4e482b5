"""`regrade mappings list | check | lint`: what the releases are and what is wrong with them.

What may live here: printing what `mappings.curation` and the loader say. What may not: a rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import mappings
from mappings.curation import KINDS, Problem, check_all, check_release, lint_release
from mappings.loader import default_release, list_releases, load_release
from mappings.overlay_check import check_overlay
from mappings.overlay_file import ABOUT as OVERLAY_FILE
from mappings.release import Release
from pipelines.cli.failures import FAILED, OK, nearest
from pipelines.cli.output import print_json, print_table, visible
from schemas.errors import RegradeError
from schemas.wording import counted


def find_folder(name: str) -> Path:
    """Folder of a release by id or path. Raises `RegradeError` naming the nearest id."""
    known = list_releases()
    if name in known:
        return Path(mappings.__file__).parent / "releases" / name
    folder = Path(name)
    if name and folder.is_dir():
        return folder.resolve()
    raise RegradeError(
        f"no such mapping release{nearest(name, known)}",
        value=name,
        next_action=f"name one of {', '.join(known)}, or the folder of a release",
    )


def open_release(name: str) -> Release:
    """Load a release by id or folder, a withdrawn one too. Raises `RegradeError`."""
    folder = find_folder(name)
    root = folder.parent
    if folder.name not in list_releases(root):
        raise RegradeError(
            "the folder of a release carries its version as its name, e.g. 1.2.0",
            file=str(folder),
            next_action="rename the folder",
        )
    return load_release(folder.name, root, allow_withdrawn=True)


def run_list(as_json: bool) -> int:
    """One line per shipped release; 1 when one cannot be read."""
    rows: list[dict[str, Any]] = []
    errors = []
    chosen = default_release()
    for release_id in list_releases():
        try:
            release = load_release(release_id, allow_withdrawn=True)
        except RegradeError as failure:
            errors.append({"release": release_id, "error": str(failure)})
            continue
        about = release.tables["map_releases"].row(0, named=True)
        rows.append(
            {
                "release": release_id,
                "parent": about["parent_release_id"],
                "review": release.review_status,
                "concepts": release.tables["map_concepts"].height,
                "terms": release.tables["map_terms"].height,
                "grades": release.tables["map_grades"].height,
                "default": release_id == chosen,
                "sha256": release.sha256,
            }
        )
    if as_json:
        print_json({"releases": rows, "errors": errors})
    else:
        shown = ["release", "parent", "review", "concepts", "terms", "grades", "default"]
        print_table(shown, [[row[name] for name in shown] for row in rows])
        for error in errors:
            print(f"{error['release']}: {visible(error['error'])}")
    return FAILED if errors else OK


def run_check(names: Sequence[str], base: str | None, as_json: bool) -> int:
    """Print every problem of what is named, or of all releases and their index; 1 when there is one."""
    if base is not None:
        find_folder(base)  # a mistyped base is told even where no overlay needs it
    if names:
        problems = [problem for name in names for problem in _check(find_folder(name), base)]
    else:
        problems = list(check_all())
    if as_json:
        print_json({"clean": not problems, "problems": [asdict(problem) for problem in problems]})
    elif problems:
        print_problems(problems)
    else:
        print(f"clean: {', '.join(names or list_releases())}")
    return FAILED if problems else OK


def _check(folder: Path, base: str | None) -> tuple[Problem, ...]:
    if (folder / OVERLAY_FILE).is_file():
        return check_overlay(folder, open_release(default_release() if base is None else base))
    return check_release(folder)


def run_lint(names: Sequence[str], fix: bool, as_json: bool) -> int:
    """Print what is, or was, put into canonical form and what is left for a person."""
    results = [lint_release(find_folder(name), fix=fix) for name in names or list_releases()]
    is_left = any(result.problems or (result.changes and not result.fixed) for result in results)
    if as_json:
        print_json({"clean": not is_left, "releases": [asdict(result) for result in results]})
        return FAILED if is_left else OK
    for result in results:
        verb = "fixed" if result.fixed else "to fix"
        for file, what in result.changes:
            print(f"{result.release_id}/{visible(file)}: {verb}: {visible(what)}")
        if not result.changes and not result.problems:
            print(f"{result.release_id}: canonical")
    print_problems([problem for result in results for problem in result.problems])
    if any(result.changes and not result.fixed for result in results):
        print("next: regrade mappings lint --fix")
    return FAILED if is_left else OK


def print_problems(problems: Sequence[Problem]) -> None:
    """By kind, with what the kind means; one problem a line."""
    for kind, found in groupby(sorted(problems, key=lambda problem: problem.order), lambda each: each.kind):
        print(f"{kind}: {KINDS[kind]}")
        for problem in found:
            print(f"  {visible(problem.error())} [{problem.rule_id}]")
    if problems:
        print(counted(len(problems), "problem"))
