"""No single change of a mapping release slips through: file, line and reason are named every time.

Every cell is guarded by the lock, whatever it says. The cells that decide are guarded a second time by
the rules of content, so that a change is named even where all checksums were renewed with it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mappings.checksums import (
    CHECKSUMS,
    checksum_problems,
    lines_path,
    render_checksums,
    render_lines,
    sha256,
)
from mappings.curation import CurationChecks, Problem, check_release, lint_release
from mappings.loader import load_release
from mappings.lock import LOCK, entry_problems, lines_problems, read_lock, render_lock
from mappings.sheets import FILES, PROVENANCE, read_sheet
from schemas.errors import ReleaseError
from tests.mapping_damage import Mutation, copy_of_releases, mutations, newest

REASONED = {
    "concepts.tsv": ("concept_id", "is_core"),
    "terms.tsv": (
        *("subject_id", "subject_label", "predicate_id", "object_id", "object_label"),
        *("term_key", "code"),
    ),
    "grades.tsv": tuple(
        column
        for column in FILES["grades.tsv"][1]
        if column not in (*PROVENANCE, "requires", "rationale", "source")
    ),
    "classes.tsv": ("class_name", "class_key", "is_in_scope"),
    "vocabulary.tsv": FILES["vocabulary.tsv"][1],
}
"""Columns whose every cell follows from others or from the published text, so that content guards it.

Words (rationale, source, comment, requires), authors and dates, names of groups and roles are guarded by
the lock alone.
"""


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the newest release among copies of the shipped ones, checksums fresh."""
    return newest(copy_of_releases(tmp_path_factory.mktemp("releases") / "all"))


@pytest.fixture
def folder(pristine: Path) -> Iterator[Path]:
    """The same folder; what a test changes in it and beside it is put back."""
    places = [*pristine.iterdir(), lines_path(pristine), pristine.parent / LOCK]
    before = {path: path.read_bytes() for path in places}
    yield pristine
    for path, blob in before.items():
        path.write_bytes(blob)
    for path in set(pristine.iterdir()) - set(before):
        path.unlink()


def publish(folder: Path) -> None:
    """Publish a release the way a person does: status, both sign-offs, `lint --fix`."""
    path = folder / "release.yaml"
    text = path.read_text().replace("status: under_review", "status: published")
    signed = "sign_offs: [{role: clinical, date: 2099-01-01}, {role: data, date: 2099-01-01}]"
    path.write_text(text.replace("sign_offs: []", signed), newline="\n")
    assert lint_release(folder, fix=True).problems == ()
    assert read_lock(folder.parent)[folder.name].status == "published"


def relock(folder: Path, *, index: bool) -> None:
    """Renew the checksums as someone would who covers a change up; with the index too if told."""
    (folder / CHECKSUMS).write_text(render_checksums(folder), newline="\n")
    if index:
        lines_path(folder).write_text(render_lines(folder), newline="\n")
        entries = dict(read_lock(folder.parent))
        entries[folder.name] = replace(entries[folder.name], sha256=sha256(folder / CHECKSUMS))
        (folder.parent / LOCK).write_text(render_lock(entries), newline="\n")


def named(problems: list[Problem], mutation: Mutation) -> list[Problem]:
    """Problems at the file and line of a mutation."""
    return [p for p in problems if (p.file, p.line) == (mutation.file, mutation.line)]


def everywhere(folder: Path, count: int, seed: int) -> list[Mutation]:
    """Mutations of every file and any column."""
    return [
        mutation
        for file, (_, columns) in FILES.items()
        for mutation in mutations(folder, file, columns, count, seed)
    ]


def test_every_mutation_of_any_cell_is_an_edit_of_its_line(folder: Path) -> None:
    found = everywhere(folder, 60, seed=1)
    assert len(found) > 300
    for mutation in found:
        path = folder / mutation.file
        before = path.read_bytes()
        mutation.apply(folder)
        problems = list(checksum_problems(folder))
        assert {(p.kind, p.rule_id) for p in problems} == {("edited", "MAP-LOCK-EDITED")}, mutation
        assert [p.line for p in named(problems, mutation)] == [mutation.line], mutation
        assert "the line was changed" in problems[0].message
        assert problems[0].next_action
        path.write_bytes(before)


def test_a_mutation_hidden_by_new_checksums_is_tampering_once_published(folder: Path) -> None:
    publish(folder)
    assert check_release(folder) == ()
    entry = read_lock(folder.parent)[folder.name]
    found = everywhere(folder, 12, seed=2)
    for mutation in found:
        path = folder / mutation.file
        before = path.read_bytes()
        mutation.apply(folder)
        relock(folder, index=False)
        problems = [*entry_problems(folder, entry, "published"), *lines_problems(folder, entry)]
        assert {p.kind for p in problems} == {"tampered"}, mutation
        assert named(problems, mutation), mutation
        with pytest.raises(ReleaseError, match="checksum list of a published release was changed"):
            load_release(folder.name, folder.parent)
        path.write_bytes(before)


def test_a_mutation_hidden_by_new_checksums_is_outdated_before(folder: Path) -> None:
    mutation = mutations(folder, "grades.tsv", ("rationale",), 1, seed=3)[0]
    mutation.apply(folder)
    relock(folder, index=False)
    problems = check_release(folder)
    assert {p.kind for p in problems} == {"outdated"}
    assert named(list(problems), mutation)
    assert all("lint --fix" in p.next_action for p in problems)


def content_problems(folder: Path, checks: CurationChecks, file: str) -> list[Problem]:
    """Form and content of one changed file among the unchanged ones."""
    table = FILES[file][0].info().name
    sheet, problems = read_sheet(folder / file, folder.name)
    if sheet is None:
        return list(problems)
    return [*problems, *CurationChecks({**checks.sheets, table: sheet}, checks.about).run()]


@pytest.mark.parametrize("file", REASONED)
def test_every_mutation_of_a_deciding_cell_contradicts_its_own_row(folder: Path, file: str) -> None:
    checks = CurationChecks.of_folder(folder)
    assert checks.run() == ()
    count = 40 if file == "grades.tsv" else 12
    for mutation in mutations(folder, file, REASONED[file], count, seed=4):
        before = (folder / file).read_bytes()
        mutation.apply(folder)
        problems = named(content_problems(folder, checks, file), mutation)
        assert problems, mutation
        assert all(p.kind in ("form", "content") and p.message and p.next_action for p in problems)
        (folder / file).write_bytes(before)


BOUNDS = ("grade", "low", "point", "high", "domains", "disposition", "population", "source_text", "decision")


def test_many_mutations_of_decisions_at_once_are_named_one_by_one(folder: Path) -> None:
    checks = CurationChecks.of_folder(folder)
    before = (folder / "grades.tsv").read_bytes()
    caught = 0
    for seed in range(8):
        alone, together = [], mutations(folder, "grades.tsv", BOUNDS, 60, seed)
        for mutation in together:
            mutation.apply(folder)
        _, problems = read_sheet(folder / "grades.tsv", folder.name)
        unread = {p.line for p in problems if p.rule_id.startswith("MAP-CELL")}
        (folder / "grades.tsv").write_bytes(before)
        for mutation in together:
            if mutation.line not in unread:
                alone.append(mutation)
                mutation.apply(folder)
        found = content_problems(folder, checks, "grades.tsv")
        for mutation in alone:
            assert named(found, mutation), mutation
        caught += len(together)
        (folder / "grades.tsv").write_bytes(before)
    assert caught == 480


@pytest.mark.parametrize("file", FILES)
def test_two_lines_that_change_places_are_named(folder: Path, file: str) -> None:
    path = folder / file
    lines = path.read_bytes().split(b"\n")
    at = len(lines) - 5
    lines[at], lines[at - 1] = lines[at - 1], lines[at]
    path.write_bytes(b"\n".join(lines))
    problems = check_release(folder)
    edited = {p.line for p in problems if p.kind == "edited" and p.file == file}
    assert edited & {at, at + 1, at + 2}
    order = [p for p in problems if p.rule_id == "MAP-FORM-ORDER"]
    assert [(p.file, p.line) for p in order] == [(file, at + 1)]
    assert "lint --fix" in order[0].next_action


@pytest.mark.parametrize("file", [*FILES, "release.yaml"])
def test_a_changed_checksum_is_named_on_its_own_line(folder: Path, file: str) -> None:
    path = folder / CHECKSUMS
    lines = path.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.endswith(f"  {file}"))
    lines[at] = ("0" if lines[at][0] != "0" else "1") + lines[at][1:]
    path.write_text("\n".join(lines) + "\n", newline="\n")
    problems = check_release(folder)
    assert ("edited", CHECKSUMS, at + 1) in {(p.kind, p.file, p.line) for p in problems}
    assert not [p for p in problems if p.file == file]


def test_a_changed_line_digest_is_named(folder: Path) -> None:
    path = lines_path(folder)
    lines = path.read_text().splitlines()
    lines[700] = "00000000"
    path.write_text("\n".join(lines) + "\n", newline="\n")
    (problem,) = check_release(folder)
    assert (problem.kind, problem.file, problem.line) == ("outdated", path.name, 701)


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ('release_id: "', 'release_id: "9', "release_id", "names itself differently"),
        ("status: under_review", "status: published", "status", "clinical and a data sign-off"),
        ("status: under_review", "status: withdrawn", "status", "releases.lock says under_review"),
        (
            "sign_offs: []",
            "sign_offs: [{role: clinical, date: 1999-01-01}]",
            "sign_offs",
            "older than the release",
        ),
        ("sign_offs: []", "sign_offs: [{role: nobody, date: 2099-01-01}]", "sign_offs", "a sign-off is"),
        ("licence: Apache-2.0", "licence: MIT", "licence", "metadata block"),
        ("date: 2026", "date: 2027", "date", "metadata block"),
        ("parent_release_id: ", "parent_release_id: '7.7.7' #", "parent_release_id", "lower number"),
    ],
)
def test_a_change_of_release_yaml_is_an_edit_and_contradicts_the_rest(
    folder: Path, old: str, new: str, key: str, said: str
) -> None:
    path = folder / "release.yaml"
    text = path.read_text()
    assert old in text
    line = text[: text.index(old)].count("\n") + 1
    path.write_text(text.replace(old, new, 1), newline="\n")
    problems = check_release(folder)
    assert ("edited", "release.yaml", line) in {(p.kind, p.file, p.line) for p in problems}
    assert any(said in p.message for p in problems), problems
    relock(folder, index=True)
    assert any(said in p.message and p.column in (key, None) for p in check_release(folder))


def test_a_published_release_that_changed_by_one_byte_fails(folder: Path) -> None:
    publish(folder)
    for path in sorted(folder.iterdir()):
        before = path.read_bytes()
        changed = bytearray(before)
        changed[len(changed) // 2] ^= 1
        path.write_bytes(bytes(changed))
        problems = check_release(folder)
        assert problems, path.name
        assert any(p.file == path.name and p.kind in ("edited", "tampered") for p in problems), path.name
        assert not any("lint --fix`" in p.next_action and p.kind == "edited" for p in problems)
        with pytest.raises(ReleaseError):
            load_release(folder.name, folder.parent)
        path.write_bytes(before)


def test_a_number_that_says_less_than_the_content_is_named(tmp_path: Path) -> None:
    root = copy_of_releases(tmp_path / "all")
    parent = newest(root)
    major, minor, patch = parent.name.split(".")
    child = root / f"{major}.{minor}.{int(patch) + 1}"
    shutil.copytree(parent, child)
    path = child / "release.yaml"
    text = re.sub(r"^release_id: .*$", f'release_id: "{child.name}"', path.read_text(), flags=re.MULTILINE)
    text = re.sub(r"^parent_release_id: .*$", f'parent_release_id: "{parent.name}"', text, flags=re.MULTILINE)
    path.write_text(text, newline="\n")
    grades = child / "grades.tsv"
    text = grades.read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if "\tinforms\t" in line and "\t0\t1\t2\t" in line)
    changed = row.replace("\t0\t1\t2\t", "\t0\t2\t2\t").replace("most defensible 1", "most defensible 2")
    grades.write_text(text.replace(row, changed), encoding="utf-8", newline="\n")
    lint_release(child, fix=True)
    found = [p for p in check_release(child) if p.rule_id == "MAP-VERSION"]
    assert [(p.file, p.value) for p in found] == [("release.yaml", child.name)]
    assert "MAJOR" in found[0].message
    assert f"{int(major) + 1}.0.0" in found[0].next_action
