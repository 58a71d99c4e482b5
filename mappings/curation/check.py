"""Running the curation checks: on tables, on one release folder, on all releases under a root.

What may live here: which rules run on what, and the report in order. What may not: a rule
(`mappings.curation.decisions`, `.published`, `.identity`), repair (`mappings.curation.lint`).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from mappings.checksums import CHECKSUMS, checksum_problems
from mappings.curation.decisions import DecisionRules
from mappings.curation.identity import ABOUT, IdentityRules
from mappings.curation.published import PublishedRules
from mappings.diff import check_version
from mappings.header import render_header
from mappings.loader import load_release
from mappings.lock import (
    SEMVER,
    entry_problems,
    folders,
    index_problems,
    lines_problems,
    scan_lock,
    version,
)
from mappings.problem import Problem
from mappings.release import Release
from mappings.release_file import ReleaseFile, read_release_file
from mappings.sheets import FILES, Sheet, read_sheet, sheet_of_table
from mappings.tsv import scan_tsv
from mappings.vocabularies import FILES as VOCABULARY_FILES
from mappings.vocabularies import UNSOURCED, Vocabularies, read_vocabularies
from schemas.errors import ReleaseError
from schemas.wording import counted

_ROOT = Path(__file__).parents[1] / "releases"


class CurationChecks(IdentityRules, DecisionRules, PublishedRules):
    """Every curation rule; a subclass may add its own with `@rule`.

    See the package docstring for a private set. `rules()` lists the rules with their ids.
    """

    def __init__(
        self,
        sheets: Mapping[str, Sheet],
        about: ReleaseFile | None = None,
        vocabularies: Vocabularies | None = None,
    ) -> None:
        self.sheets = sheets
        self.about = about
        self.vocabularies = read_vocabularies() if vocabularies is None else vocabularies

    @classmethod
    def of_folder(cls, folder: Path) -> CurationChecks:
        """The checks of a release folder, shipped or private; its lock and its form are not checked here.

        Raises `ReleaseError` for the first file that cannot be read as a table.
        """
        sheets, problems = _read_sheets(folder)
        for problem in problems:
            raise problem.error()
        return cls(sheets, read_release_file(folder / ABOUT))

    @classmethod
    def of_release(cls, release: Release) -> CurationChecks:
        """The checks of a release in memory, overlays merged into it or not; problems name no line."""
        tables = (table for table, _ in FILES.values())
        sheets = {
            table.info().name: sheet_of_table(release.release_id, table, release.tables[table.info().name])
            for table in tables
        }
        return cls(sheets)

    def run(self, *, whole: bool = True) -> tuple[Problem, ...]:
        """Every problem, in the order of a report; `whole=False` leaves completeness out."""
        found: list[Problem] = []
        for info in self.rules():
            if whole or not info.whole:
                for problem in getattr(self, info.method)():
                    found.append(
                        problem if problem.rule_id else dataclasses.replace(problem, rule_id=info.rule_id)
                    )
        return in_order(found)


def check_release(folder: Path, *, root: Path | None = None) -> tuple[Problem, ...]:
    """Everything wrong with one release folder: lock, index, form, content, in the order of a report.

    `root` is the folder that holds the index and the parent releases, by default the one the release
    stands in. A folder without files, or files that cannot be read, is a problem, never an exception.
    """
    root = folder.parent if root is None else root
    entries, _ = scan_lock(root)
    entry = entries.get(folder.name)
    found: list[Problem] = []
    locked = list(checksum_problems(folder, frozen=entry is not None and entry.is_frozen))
    about, faults = _read_about(folder)
    found += [*locked, *faults]
    known_extra = {problem.file for problem in locked if problem.kind == "extra"}
    for name in stray_files(folder):
        if name not in known_extra:
            what = "a release has no such file, whatever its checksum list says"
            action = "move it out of the folder"
            found.append(Problem("extra", folder.name, name, "MAP-LOCK-EXTRA", what, action))
    if entry is not None:
        found.extend(entry_problems(folder, entry, about.status if about else None))
    if not locked:
        found.extend(lines_problems(folder, entry))
    sheets, problems = _read_sheets(folder)
    gone = {problem.file for problem in found if problem.kind == "missing"}
    found.extend(p for p in problems if p.kind != "missing" or p.file not in gone)
    if about is not None:
        found.extend(_header_problems(folder, about))
        found.extend(_parent_problems(folder, about, root))
    if len(sheets) == len(FILES):
        found.extend(CurationChecks(sheets, about).run())
    if about is not None and about.parent_release_id is not None:
        found.extend(_number_problems(folder.name, about.parent_release_id, root))
    return in_order(found)


def stray_files(folder: Path) -> list[str]:
    """Names in a release folder that no release has."""
    return sorted({path.name for path in folder.iterdir()} - {*FILES, ABOUT, CHECKSUMS})


def check_all(root: Path | None = None) -> tuple[Problem, ...]:
    """Everything wrong with the releases under a root, the shipped ones by default.

    The vocabularies are checked with the shipped releases.
    """
    found: list[Problem] = []
    if root is None:
        root = _ROOT
        found.extend(vocabulary_problems())
    found.extend(index_problems(root))
    for name in folders(root):
        found.extend(check_release(root / name, root=root))
    return in_order(found)


def _root_of(parent: str | None, root: Path) -> Path:
    """Where the parent stands: beside the release, else (of a private draft) among the shipped ones."""
    return root if parent is None or parent in folders(root) or parent not in folders(_ROOT) else _ROOT


def _number_problems(release_id: str, parent: str, root: Path) -> Iterator[Problem]:
    """A number that says less than the release changes; nothing where one of the two cannot be loaded."""
    try:
        old = load_release(parent, _root_of(parent, root), allow_withdrawn=True)
        new = load_release(release_id, root, allow_withdrawn=True)
    except ReleaseError:
        return  # what keeps a release from being loaded is a problem of its own
    problem = check_version(old, new)
    if problem is not None:
        yield problem


def vocabulary_problems(vocabularies: Vocabularies | None = None) -> Iterator[Problem]:
    """Vocabularies without provenance, or with a row count that is not the one recorded there."""
    found = read_vocabularies() if vocabularies is None else vocabularies
    provenance = found.files["provenance.tsv"]
    action = "record repository, path, commit and licence of the copy read"
    for name in VOCABULARY_FILES:
        if name in UNSOURCED:
            continue
        rows = provenance.filter(provenance["file"] == name)
        if "primary" not in rows["role"].to_list():
            what = "the vocabulary has no primary source in provenance.tsv"
            yield Problem("content", "vocabulary", name, "MAP-PROVENANCE", what, action)
        for count in rows["rows"].unique().to_list():
            if count != str(found.files[name].height):
                what = f"the file has {counted(found.files[name].height, 'row')}, its provenance says {count}"
                yield Problem("content", "vocabulary", name, "MAP-PROVENANCE", what, action)


def in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    """Problems in the order of a report, each once."""
    return tuple(sorted(set(problems), key=lambda problem: problem.order))


def _read_sheets(folder: Path) -> tuple[dict[str, Sheet], list[Problem]]:
    sheets: dict[str, Sheet] = {}
    found: list[Problem] = []
    for file, (table, _) in FILES.items():
        if not (folder / file).is_file():
            what, action = "a release has this file", "restore the file"
            found.append(Problem("missing", folder.name, file, "MAP-LOCK-MISSING", what, action))
            continue
        sheet, problems = read_sheet(folder / file, folder.name)
        found.extend(problems)
        if sheet is not None:
            sheets[table.info().name] = sheet
    return sheets, found


def _read_about(folder: Path) -> tuple[ReleaseFile | None, list[Problem]]:
    """`release.yaml`, or why it cannot be used, with the line of the key at fault."""

    def problem(what: str, action: str, column: str | None, value: str | None) -> Problem:
        line = _line_of(folder / ABOUT, column)
        return Problem("content", folder.name, ABOUT, "MAP-ABOUT", what, action, line, column, value)

    if not (folder / ABOUT).is_file():
        what, action = "a release has this file", "restore the file"
        return None, [Problem("missing", folder.name, ABOUT, "MAP-LOCK-MISSING", what, action)]
    try:
        about = read_release_file(folder / ABOUT)
    except ReleaseError as fault:
        return None, [problem(fault.what, fault.next_action, fault.column, fault.value)]
    if about.release_id != folder.name:
        what = "the release names itself differently from its folder"
        action = f"write release_id: {folder.name}, or rename the folder"
        return about, [problem(what, action, "release_id", about.release_id)]
    return about, []


def _line_of(path: Path, key: str | None) -> int | None:
    """Line of a top-level key of a YAML file."""
    text = path.read_bytes().decode("utf-8", "replace")
    match = re.search(rf"^{re.escape(key)}\s*:", text, re.MULTILINE) if key else None
    return text.count("\n", 0, match.start()) + 1 if match else None


def _header_problems(folder: Path, about: ReleaseFile) -> Iterator[Problem]:
    """Metadata blocks that do not say what `release.yaml` says."""
    for file, (_, columns) in FILES.items():
        if not (folder / file).is_file():
            continue
        found = scan_tsv(folder / file, columns).comment
        wanted = render_header(file, about)
        if found == wanted:
            continue
        pairs = enumerate(zip(found, wanted, strict=False), 1)
        line = next((number for number, (a, b) in pairs if a != b), min(len(found), len(wanted)) + 1)
        value = found[line - 1] if line <= len(found) else None
        yield Problem(
            *("form", folder.name, file, "MAP-FORM-METADATA"),
            "the metadata block is not that of release.yaml",
            "correct release.yaml or run `regrade mappings lint --fix`",
            line,
            None,
            value,
        )


def _parent_problems(folder: Path, about: ReleaseFile, root: Path) -> Iterator[Problem]:
    """The parent is there, has a lower number, and nothing has replaced it before this was published."""
    parent = about.parent_release_id
    root = _root_of(parent, root)
    is_version = SEMVER.fullmatch(folder.name) is not None
    below = [name for name in folders(root) if is_version and version(name) < version(folder.name)]

    def problem(kind: str, what: str, action: str) -> Problem:
        line = _line_of(folder / ABOUT, "parent_release_id")
        place = (line, "parent_release_id", parent)
        return Problem(kind, folder.name, ABOUT, "MAP-PARENT", what, action, *place)

    if parent is None:
        if below:
            action = f"name the release it was made from, e.g. {below[-1]}"
            yield problem("content", "only the first release has no parent", action)
    elif parent not in below:
        what = "the parent is not a release with a lower number"
        yield problem("content", what, f"name one of: {', '.join(below) or 'none is there'}")
    elif about.status in ("draft", "under_review"):
        entries, _ = scan_lock(root)
        newer = [
            n
            for n in below
            if n in entries and entries[n].status == "published" and version(n) > version(parent)
        ]
        if parent in entries and entries[parent].status == "withdrawn":
            what = "the release was made from one that was withdrawn since"
            yield problem("outdated", what, "compare it with the release that replaces its parent")
        elif newer:
            what = f"{newer[-1]} was published after the release this one was made from"
            yield problem("outdated", what, f"bring in the changes of {newer[-1]} and name it as the parent")
