"""Loading a release: what is damaged is named, with its place and what to do about it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import mappings
from mappings.checksums import CHECKSUMS, render_checksums, verify_checksums
from mappings.loader import list_releases, load_release
from mappings.release_file import read_release_file
from mappings.sheets import FILES
from mappings.tsv import read_tsv, render_tsv
from schemas.errors import ReleaseError
from schemas.registry import RELEASE_TABLES

SHIPPED = Path(mappings.__file__).parent / "releases"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the shipped releases that a test may damage."""
    shutil.copytree(SHIPPED / "1.0.0", tmp_path / "1.0.0")
    return tmp_path


def damage(root: Path, name: str, old: str, new: str, *, lock: bool = True) -> None:
    """Replace the first occurrence of a text in a file and, unless told otherwise, renew the lock."""
    path = root / "1.0.0" / name
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode())
    if lock:
        (root / "1.0.0" / CHECKSUMS).write_text(render_checksums(root / "1.0.0"), newline="\n")


def test_every_table_is_there_and_the_newest_release_is_the_default() -> None:
    release = load_release()
    assert release.release_id == list_releases()[-1]
    assert set(release.tables) == {table.info().name for table in RELEASE_TABLES}
    assert release.sha256 == load_release(list_releases()[-1]).sha256


def test_versions_sort_as_numbers(tmp_path: Path) -> None:
    for name in ("1.2.0", "1.10.0", "0.9.1", "draft", "01.0.0"):
        (tmp_path / name).mkdir()
    assert list_releases(tmp_path) == ("0.9.1", "1.2.0", "1.10.0")


def test_an_unknown_release_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"'9\.9\.9'.*no such mapping release.*1\.0\.0"):
        load_release("9.9.9")
    with pytest.raises(ReleaseError, match="no mapping release"):
        load_release(root=tmp_path)


@pytest.mark.parametrize("name", [*FILES, "release.yaml"])
def test_one_flipped_byte_is_an_edit_of_that_file(root: Path, name: str) -> None:
    path = root / "1.0.0" / name
    blob = bytearray(path.read_bytes())
    blob[len(blob) // 2] ^= 1
    path.write_bytes(bytes(blob))
    with pytest.raises(ReleaseError, match=rf"1\.0\.0/{name}: the file was edited") as caught:
        load_release(root=root)
    assert "restore the file" in caught.value.next_action


def test_a_missing_and_an_extra_file_are_told_apart(root: Path) -> None:
    (root / "1.0.0" / "notes.txt").write_text("later")
    with pytest.raises(ReleaseError, match=r"notes\.txt: the file is not part of the release"):
        load_release(root=root)
    (root / "1.0.0" / "notes.txt").rename(root / "notes.txt")
    (root / "1.0.0" / "classes.tsv").unlink()
    with pytest.raises(ReleaseError, match=r"classes\.tsv: the file is listed but missing"):
        load_release(root=root)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  ", " ", "the line is not"),
        ("\n", "", "the line is not"),
        ("concepts", "terms", "twice|edited|order|missing"),
    ],
)
def test_a_damaged_lock_is_named(root: Path, old: str, new: str, said: str) -> None:
    damage(root, CHECKSUMS, old, new, lock=False)
    with pytest.raises(ReleaseError, match=said):
        load_release(root=root)


def test_a_release_without_its_lock_is_refused(root: Path) -> None:
    (root / "1.0.0" / CHECKSUMS).unlink()
    with pytest.raises(ReleaseError, match="no checksum list"):
        load_release(root=root)


FIRST_GRADE = "\tctcae\t4.03\tencephalopathy\t3\tany\tcognition|consciousness\t1\t3\t4\t"


@pytest.mark.parametrize(
    ("name", "old", "new", "column", "said"),
    [
        (
            "grades.tsv",
            FIRST_GRADE,
            FIRST_GRADE.replace("1\t3\t4", "1-Mar\t3\t4"),
            "low",
            "turned it into a date",
        ),
        ("grades.tsv", "\t3\t4\tneeds", "\t03\t4\tneeds", "point", "not a whole grade"),
        (
            "grades.tsv",
            FIRST_GRADE,
            FIRST_GRADE.replace("\t3\t4\t", "\t0\t4\t"),
            "point",
            "outside its interval",
        ),
        ("grades.tsv", "\tcognition|consciousness\t", "\tcognition|mood\t", "domains", "not ICANS domains"),
        (
            "grades.tsv",
            "\tneeds_adjudication\tneeds_adjudication\t",
            "\tneeds_adjudication\t\t",
            "review_reason",
            "review reason",
        ),
        ("grades.tsv", "\tSevere symptoms; limiting self care ADL\t", "\t\t", "source_text", "has its text"),
        ("grades.tsv", ":encephalopathy:3\t", ":encephalopathy:2\t", "subject_id", "not that of the row"),
        ("terms.tsv", "\tGlaucoma\t", "\tComa\t", "term_key", "not that of the term"),
        (
            "terms.tsv",
            "regrade.concept:seizure\t",
            "regrade.concept:fits\t",
            "object_id",
            "not in concepts.tsv",
        ),
        (
            "terms.tsv",
            "\tskos:exactMatch\t",
            "\tskos:narrowMatch\t",
            "predicate_id",
            "predicate and relation",
        ),
        ("terms.tsv", "\t10039906\t", "\t1039906\t", "code", "eight digits"),
        ("classes.tsv", "\ttrue\t", "\tTRUE\t", "is_in_scope", "neither true nor false"),
        ("concepts.tsv", "\nseizure\t", "\nseizure_\t", "object_id", "not in concepts.tsv"),
        ("conventions.tsv", "1|2|3|4", "1,2,3,4", "grades_covered", "joined by"),
        ("vocabulary.tsv", "\tSeizure\t", "\tFit\t", "term_key", "not that of the name"),
    ],
)
def test_a_relocked_but_wrong_cell_is_named(
    root: Path, name: str, old: str, new: str, column: str, said: str
) -> None:
    damage(root, name, old, new)
    with pytest.raises(ReleaseError, match=said) as caught:
        load_release(root=root)
    assert caught.value.column == column
    assert caught.value.line
    assert caught.value.next_action


@pytest.mark.parametrize("name", FILES)
def test_rows_out_of_order_or_doubled_are_refused(root: Path, name: str) -> None:
    path = root / "1.0.0" / name
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines[:-2], lines[-1], lines[-2]]), encoding="utf-8", newline="\n")
    (root / "1.0.0" / CHECKSUMS).write_text(render_checksums(root / "1.0.0"), newline="\n")
    with pytest.raises(ReleaseError, match=rf"{name}.*canonical order"):
        load_release(root=root)
    path.write_text("".join([*lines, lines[-1]]), encoding="utf-8", newline="\n")
    (root / "1.0.0" / CHECKSUMS).write_text(render_checksums(root / "1.0.0"), newline="\n")
    with pytest.raises(ReleaseError, match="occurs twice"):
        load_release(root=root)


@pytest.mark.parametrize("name", FILES)
def test_files_are_exactly_what_the_writer_would_write(name: str) -> None:
    path = SHIPPED / "1.0.0" / name
    text = path.read_text(encoding="utf-8")
    comment = [line[1:] for line in text.splitlines() if line.startswith("#")]
    assert render_tsv(read_tsv(path, FILES[name][1]), comment) == text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda b: b"\xef\xbb\xbf" + b, "byte-order mark"),
        (lambda b: b.replace(b"\n", b"\r\n"), "not LF"),
        (lambda b: b[:-1], "no line end"),
        (lambda b: b + b"x\ty\n", "2 cells, not 4"),
        (lambda b: b.replace(b"class_key", b"key", 1), "the header is not"),
        (lambda b: b.replace(b"Eye disorders", b"Eye disorders ", 1), "outer blanks"),
        (lambda b: b.replace(b"Eye disorders", b"Eye dis\xffrders", 1), "not UTF-8"),
    ],
)
def test_spreadsheet_damage_is_refused(tmp_path: Path, change: object, said: str) -> None:
    assert callable(change)
    path = tmp_path / "classes.tsv"
    path.write_bytes(change((SHIPPED / "1.0.0" / "classes.tsv").read_bytes()))
    with pytest.raises(ReleaseError, match=said):
        read_tsv(path, FILES["classes.tsv"][1])


def test_the_digest_of_the_lock_is_the_identity_of_the_release() -> None:
    assert verify_checksums(SHIPPED / "1.0.0") == load_release("1.0.0").sha256
    assert render_checksums(SHIPPED / "1.0.0") == (SHIPPED / "1.0.0" / CHECKSUMS).read_text()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("status: under_review", "status: published", "needs a clinical and a data sign-off"),
        ("status: under_review", "status: done", "the status is none of"),
        ("sign_offs: []", "sign_off: []", "key is"),
        ("sign_offs: []", "sign_offs: [{role: friend, date: 2026-11-22}]", "a sign-off is a role"),
        ("date: 2026-11-22", "date: soon", "not a date"),
        ("licence: Apache-2.0", "licence:", "not text"),
        ("sources:", "sources: none\nothers:", "key is not known"),
        ('release_id: "1.0.0"', "- release_id", "not valid YAML|not a mapping"),
    ],
)
def test_release_yaml_is_strict(root: Path, old: str, new: str, said: str) -> None:
    damage(root, "release.yaml", old, new)
    with pytest.raises(ReleaseError, match=said):
        load_release(root=root)


def test_a_release_in_the_wrong_folder_is_refused(root: Path) -> None:
    damage(root, "release.yaml", 'release_id: "1.0.0"', 'release_id: "1.0.1"')
    with pytest.raises(ReleaseError, match="names itself differently"):
        load_release(root=root)


def test_sign_offs_are_counted_by_role(root: Path) -> None:
    signed = "sign_offs: [{role: clinical, date: 2027-01-05}, {role: data, date: 2027-01-06}]"
    damage(root, "release.yaml", "sign_offs: []", signed)
    damage(root, "release.yaml", "status: under_review", "status: published")
    about = read_release_file(root / "1.0.0" / "release.yaml")
    assert (about.count("clinical"), about.count("data")) == (1, 1)
    assert load_release(root=root).review_status == "published, clinically reviewed"
