"""The curation checks: what each rule asks, the lock and its kinds, lint, a sponsor's own checks."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mappings.checksums import CHECKSUMS, lines_path, render_checksums, sha256
from mappings.curation import (
    KINDS,
    CurationChecks,
    Problem,
    check_all,
    check_release,
    lint_release,
)
from mappings.loader import default_release, list_releases, load_release
from mappings.lock import LOCK, folders, read_lock, render_lock
from mappings.sheets import FILES
from mappings.vocabularies import read_vocabularies
from schemas.errors import ReleaseError
from tests.mapping_damage import SHIPPED, copy_of_releases, newest

SIGNED = "sign_offs: [{role: clinical, date: 2099-01-01}, {role: data, date: 2099-01-01}]"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of the shipped releases with fresh checksums."""
    return copy_of_releases(tmp_path_factory.mktemp("curation") / "all")


@pytest.fixture
def root(pristine: Path, tmp_path: Path) -> Path:
    """A copy of those that a test may change."""
    shutil.copytree(pristine, tmp_path / "all")
    return tmp_path / "all"


@pytest.fixture
def folder(root: Path) -> Path:
    """The newest release in it."""
    return newest(root)


def edit(path: Path, old: str, new: str) -> int:
    """Replace a text once and return its line."""
    text = path.read_bytes().decode()
    assert text.count(old) >= 1, old
    path.write_bytes(text.replace(old, new, 1).encode())
    return text[: text.index(old)].count("\n") + 1


def kinds(problems: tuple[Problem, ...]) -> set[tuple[str, str]]:
    """Kind and file of every problem."""
    return {(problem.kind, problem.file) for problem in problems}


def publish(folder: Path) -> None:
    """Sign a release off and publish it."""
    edit(folder / "release.yaml", "status: under_review", "status: published")
    edit(folder / "release.yaml", "sign_offs: []", SIGNED)
    assert lint_release(folder, fix=True).problems == ()


def set_status(root: Path, release_id: str, status: str) -> None:
    """Change a status in the index, as a person who withdraws a release does."""
    entries = dict(read_lock(root))
    entries[release_id] = replace(entries[release_id], status=status)
    (root / LOCK).write_text(render_lock(entries), newline="\n")


# The shipped releases


def test_the_shipped_releases_pass_every_check() -> None:
    assert check_all() == ()


def test_the_shipped_releases_are_in_canonical_form() -> None:
    for name in list_releases():
        assert lint_release(SHIPPED / name, fix=False).is_clean


def test_no_shipped_release_claims_a_review_it_has_not() -> None:
    for name in list_releases():
        about = load_release(name, allow_withdrawn=True).tables["map_releases"].row(0, named=True)
        assert about["status"] != "published" or (about["clinical_sign_offs"] and about["data_sign_offs"])


def test_a_load_reads_no_vocabulary_and_is_quick() -> None:
    load_release()
    read_vocabularies.cache_clear()
    spent = []
    for _ in range(3):
        start = time.process_time()
        load_release()
        spent.append(time.process_time() - start)
    assert read_vocabularies.cache_info().misses == 0
    assert min(spent) < 0.3


def test_rules_have_ids_of_their_own_and_titles() -> None:
    rules = CurationChecks.rules()
    assert len({rule.rule_id for rule in rules}) == len(rules) > 20
    assert all(re.fullmatch(r"MAP(-[A-Z]+)+", rule.rule_id) and rule.title for rule in rules)


# The lock: five kinds, each with its next action


def test_edited_missing_extra_tampered_and_outdated_are_told_apart(root: Path, folder: Path) -> None:
    line = edit(folder / "terms.tsv", "\tGlaucoma\t", "\tGlaukoma\t")
    found = check_release(folder)
    assert ("edited", "terms.tsv") in kinds(found)
    assert line in {p.line for p in found if p.kind == "edited"}
    assert any("lint --fix" in p.next_action for p in found if p.kind == "edited")
    edit(folder / "terms.tsv", "\tGlaukoma\t", "\tGlaucoma\t")
    assert check_release(folder) == ()

    (folder / "classes.tsv").rename(folder / "classes (1).tsv")
    found = check_release(folder)
    assert {("missing", "classes.tsv"), ("extra", "classes (1).tsv")} == kinds(found)
    (folder / "classes (1).tsv").rename(folder / "classes.tsv")

    edit(folder / "grades.tsv", "judgement", "Judgement")
    (folder / CHECKSUMS).write_text(render_checksums(folder), newline="\n")
    assert {kind for kind, _ in kinds(check_release(folder))} == {"outdated"}
    edit(folder / "grades.tsv", "Judgement", "judgement")
    (folder / CHECKSUMS).write_text(render_checksums(folder), newline="\n")

    publish(folder)
    edit(folder / "grades.tsv", "judgement", "Judgement")
    found = check_release(folder)
    assert kinds(found) == {("edited", "grades.tsv")}
    assert all("next release" in p.next_action for p in found)
    (folder / CHECKSUMS).write_text(render_checksums(folder), newline="\n")
    found = check_release(folder)
    assert kinds(found) == {("tampered", CHECKSUMS), ("tampered", "grades.tsv")}
    assert all("next release" in p.next_action for p in found)


def test_a_release_that_is_gone_and_one_that_nobody_entered(root: Path) -> None:
    last = newest(root)
    last.rename(root / "98.0.0")
    found = {(p.kind, p.release_id) for p in check_all(root) if p.file == LOCK}
    assert found == {("missing", last.name), ("extra", "98.0.0")}


def test_releases_without_an_index_are_a_problem(root: Path) -> None:
    (root / LOCK).unlink()
    (problem,) = check_all(root)
    assert (problem.kind, problem.file) == ("missing", LOCK)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("release_id\t", "id\t", 1, "header line"),
        ("under_review", "reviewed", 2, "the status is none of"),
        ("1.0.0\t", "1.0\t", 2, "not a release id"),
        ("\tunder_review\t", "\tunder_review\tx", 2, "not a sha256"),
    ],
)
def test_a_damaged_index_is_named_by_checks_and_loader(
    root: Path, old: str, new: str, line: int, said: str
) -> None:
    edit(root / LOCK, old, new)
    found = [p for p in check_all(root) if p.rule_id == "MAP-LOCK-INDEX"]
    assert [(p.kind, p.file, p.line) for p in found] == [("edited", LOCK, line)]
    assert said in found[0].message
    with pytest.raises(ReleaseError, match=said):
        load_release(root=root)


def test_an_index_that_says_published_too_early_or_too_late(root: Path, folder: Path) -> None:
    set_status(root, folder.name, "published")
    (problem,) = check_release(folder)
    assert (problem.kind, problem.column, problem.value) == ("tampered", "status", "published")
    set_status(root, folder.name, "draft")
    (problem,) = check_release(folder)
    assert (problem.kind, problem.file) == ("outdated", LOCK)
    assert "under_review" in problem.message


def test_problems_stand_in_the_order_of_a_report(folder: Path) -> None:
    edit(folder / "terms.tsv", "\tGlaucoma\t", "\tGlaukoma\t")
    edit(folder / "grades.tsv", "\t4.03\t", "\t4.3\t")
    (folder / "extra.txt").write_text("x")
    found = check_release(folder)
    assert list(found) == sorted(found, key=lambda problem: problem.order)
    assert [p.kind for p in found] == sorted((p.kind for p in found), key=list(KINDS).index)


# Published, withdrawn, default


def test_publishing_needs_a_clinical_and_a_data_sign_off(folder: Path) -> None:
    line = edit(folder / "release.yaml", "status: under_review", "status: published")
    result = lint_release(folder, fix=True)
    found = [p for p in result.problems if p.rule_id == "MAP-ABOUT"]
    assert [(p.file, p.line, p.column) for p in found] == [("release.yaml", line, "status")]
    assert "a clinical and a data sign-off" in found[0].message
    assert read_lock(folder.parent)[folder.name].status == "under_review"
    with pytest.raises(ReleaseError):
        load_release(folder.name, folder.parent)


def test_a_release_with_problems_is_not_entered_as_published(folder: Path) -> None:
    edit(folder / "release.yaml", "status: under_review", "status: published")
    edit(folder / "release.yaml", "sign_offs: []", SIGNED)
    edit(folder / "grades.tsv", "; most defensible 1", "; most defensible 2")
    result = lint_release(folder, fix=True)
    assert {p.rule_id for p in result.problems} >= {"MAP-DECISION-TEXT"}
    assert read_lock(folder.parent)[folder.name].status == "under_review"


def test_a_withdrawn_release_is_used_only_if_asked_for(root: Path, folder: Path) -> None:
    publish(folder)
    set_status(root, folder.name, "withdrawn")
    assert check_release(folder) == ()
    with pytest.raises(ReleaseError, match="was withdrawn") as caught:
        load_release(folder.name, root)
    assert "another release" in caught.value.next_action
    release = load_release(folder.name, root, allow_withdrawn=True)
    assert release.status == "withdrawn"
    assert release.review_status == "withdrawn, clinically reviewed"
    assert release.tables["map_releases"]["status"].item() == "withdrawn"


def test_the_default_is_the_newest_published_then_the_newest_under_review(root: Path) -> None:
    known = folders(root)
    assert default_release(root) == known[-1]
    draft = root / "99.0.0"
    shutil.copytree(newest(root), draft)
    text = (draft / "release.yaml").read_text().replace("under_review", "draft")
    (draft / "release.yaml").write_text(text, newline="\n")
    assert default_release(root) == known[-1]
    publish(root / known[0])
    assert default_release(root) == known[0]
    set_status(root, known[0], "withdrawn")
    assert default_release(root) == (known[-1] if len(known) > 1 else known[0])


def test_there_is_no_default_among_drafts(root: Path) -> None:
    for name in folders(root):
        set_status(root, name, "draft")
    with pytest.raises(ReleaseError, match="published or under review") as caught:
        load_release(root=root)
    assert "name one of" in caught.value.next_action


def test_a_draft_made_from_a_withdrawn_or_overtaken_release_is_outdated(root: Path) -> None:
    first = folders(root)[0]
    names = ("97.0.0", "97.0.1")
    for name in names:
        shutil.copytree(root / first, root / name)
        text = (root / name / "release.yaml").read_text()
        text = re.sub(r"(?m)^release_id: .*$", f'release_id: "{name}"', text)
        text = re.sub(r"(?m)^parent_release_id: .*$", f'parent_release_id: "{first}"', text)
        (root / name / "release.yaml").write_text(text, newline="\n")
        assert lint_release(root / name, fix=True).problems == ()
    publish(root / names[0])
    (problem,) = check_release(root / names[1])
    assert (problem.kind, problem.rule_id, problem.column) == ("outdated", "MAP-PARENT", "parent_release_id")
    assert "97.0.0 was published after" in problem.message
    set_status(root, first, "withdrawn")
    assert "withdrawn since" in check_release(root / names[1])[0].message


# Lint


def shuffled(blob: bytes) -> bytes:
    """Rows in reverse order under the same header."""
    lines = blob.decode().split("\n")[:-1]
    start = next(n for n, line in enumerate(lines) if not line.startswith("#")) + 1
    return ("\n".join([*lines[:start], *reversed(lines[start:])]) + "\n").encode()


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (shuffled, "rows sorted"),
        (lambda b: b.replace(b"\n", b"\r\n"), "line ends LF"),
        (lambda b: b"\xef\xbb\xbf" + b, ""),
        (lambda b: b.decode().encode("utf-16"), ""),
        (lambda b: b.replace(b"\t", b" \t ", 40), "blanks around cells removed"),
        (lambda b: b.replace(b"\n", b"\t\t\n"), "empty columns at the end removed"),
        (lambda b: b"\n".join(line for line in b.split(b"\n") if not line.startswith(b"#")), ""),
    ],
)
def test_lint_restores_the_very_bytes(
    pristine: Path, tmp_path: Path, file: str, damage: Callable[[bytes], bytes], said: str
) -> None:
    folder = tmp_path / newest(pristine).name
    shutil.copytree(newest(pristine), folder)
    shutil.copy(lines_path(newest(pristine)), lines_path(folder))
    path = folder / file
    before = path.read_bytes()
    path.write_bytes(damage(before))
    changed = path.read_bytes() != before
    told = lint_release(folder, fix=False)
    assert any(name == file and said in what for name, what in told.changes) == changed
    assert path.read_bytes() == damage(before)
    lint_release(folder, fix=True)
    assert path.read_bytes() == before


def test_lint_writes_what_it_said_and_then_has_nothing_to_say(root: Path, folder: Path) -> None:
    (folder / "terms.tsv").write_bytes(shuffled((folder / "terms.tsv").read_bytes()))
    edit(folder / "release.yaml", "Apache-2.0", "proprietary")
    told = lint_release(folder, fix=False)
    assert not told.fixed
    assert told.problems
    done = lint_release(folder, fix=True)
    assert done.fixed
    assert done.changes == told.changes
    assert {name for name, _ in done.changes} == {
        *("terms.tsv", "grades.tsv", CHECKSUMS, lines_path(folder).name, LOCK)
    }
    assert lint_release(folder, fix=True).is_clean
    assert check_all(root) == ()
    assert 'license: "https://spdx.org/licenses/proprietary"' in (folder / "terms.tsv").read_text()


def test_lint_never_changes_a_decision(folder: Path) -> None:
    before = load_release(folder.name, folder.parent).tables
    for file in FILES:
        (folder / file).write_bytes(shuffled((folder / file).read_bytes()).replace(b"\n", b"\r\n"))
    lint_release(folder, fix=True)
    after = load_release(folder.name, folder.parent).tables
    assert all(after[name].equals(frame) for name, frame in before.items() if name != "map_releases")


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[:-30],
        lambda b: b.replace(b"\tany\t", b"\t", 1),
        lambda b: b.replace(b"subject_id\t", b"id\t", 1),
        lambda b: b.replace(b"Brief", b"Br\xefef", 1),
    ],
)
def test_lint_leaves_what_only_a_person_can_judge(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    path = folder / "grades.tsv"
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()
    result = lint_release(folder, fix=True)
    assert path.read_bytes() == before
    assert [p for p in result.problems if p.file == "grades.tsv"]


def test_lint_never_touches_a_published_release(root: Path, folder: Path) -> None:
    publish(folder)
    (folder / "terms.tsv").write_bytes(shuffled((folder / "terms.tsv").read_bytes()))
    edit(folder / "release.yaml", "status: published", "status: draft")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    result = lint_release(folder, fix=True)
    assert (result.changes, result.fixed) == ((), False)
    assert {p.kind for p in result.problems} >= {"edited", "tampered"}
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_lint_does_not_make_a_stray_file_part_of_a_release(folder: Path) -> None:
    (folder / "notes").mkdir()
    (folder / "notes.txt").write_text("later")
    before = (folder / CHECKSUMS).read_bytes()
    result = lint_release(folder, fix=True)
    assert (folder / CHECKSUMS).read_bytes() == before
    assert kinds(result.problems) == {("extra", "notes"), ("extra", "notes.txt")}
    (folder / "notes").rmdir()
    (folder / CHECKSUMS).write_text(render_checksums(folder), newline="\n")
    assert ("extra", "notes.txt") in kinds(check_release(folder))


def test_lint_enters_a_new_release(root: Path) -> None:
    last = newest(root)
    major, minor, patch = last.name.split(".")
    child = root / f"{major}.{minor}.{int(patch) + 1}"
    shutil.copytree(last, child)
    text = (child / "release.yaml").read_text()
    text = re.sub(r"(?m)^release_id: .*$", f'release_id: "{child.name}"', text)
    text = re.sub(r"(?m)^parent_release_id: .*$", f'parent_release_id: "{last.name}"', text)
    (child / "release.yaml").write_text(text, newline="\n")
    assert ("extra", LOCK) in kinds(check_all(root))
    assert lint_release(child, fix=True).problems == ()
    assert check_all(root) == ()
    assert read_lock(root)[child.name].sha256 == sha256(child / CHECKSUMS)
