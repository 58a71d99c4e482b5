"""Damage by spreadsheets and editors: each has one exact error with file, line, column and value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mappings.checksums import CHECKSUMS, render_checksums
from mappings.curation import Problem, check_release
from mappings.loader import load_release
from mappings.sheets import FILES
from schemas.errors import ReleaseError
from tests.mapping_damage import copy_of_releases, first_row, newest

Damage = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the newest release among copies of the shipped ones."""
    return newest(copy_of_releases(tmp_path_factory.mktemp("form") / "all"))


@pytest.fixture
def folder(pristine: Path) -> Iterator[Path]:
    """The same folder; its files are put back after a test."""
    before = {path: path.read_bytes() for path in pristine.iterdir()}
    yield pristine
    for path, blob in before.items():
        path.write_bytes(blob)


def on_line(number: int, change: Callable[[list[str]], list[str]]) -> Damage:
    """Change the cells of one line."""

    def damage(blob: bytes) -> bytes:
        lines = blob.decode().split("\n")
        lines[number - 1] = "\t".join(change(lines[number - 1].split("\t")))
        return "\n".join(lines).encode()

    return damage


def cell(file: str, column: str, text: str) -> Callable[[list[str]], list[str]]:
    """Put a text into a column."""
    at = FILES[file][1].index(column)
    return lambda cells: [*cells[:at], text, *cells[at + 1 :]]


def found_by_both(folder: Path, file: str, damage: Damage) -> list[Problem]:
    """Problems of form and content after some damage with new checksums; the loader must refuse it too."""
    path = folder / file
    path.write_bytes(damage(path.read_bytes()))
    (folder / CHECKSUMS).write_text(render_checksums(folder), newline="\n")
    with pytest.raises(ReleaseError) as caught:
        load_release(folder.name, folder.parent)
    problems = [p for p in check_release(folder) if p.kind in ("form", "content")]
    first = (caught.value.file, caught.value.line, caught.value.column, caught.value.value, caught.value.what)
    assert first in [(f"{p.release_id}/{p.file}", p.line, p.column, p.value, p.message) for p in problems]
    return problems


def one(problems: list[Problem], rule: str) -> Problem:
    """The one problem of a rule; it says what to do."""
    (problem,) = [p for p in problems if p.rule_id == rule]
    assert problem.next_action
    return problem


@pytest.mark.parametrize(
    ("column", "text", "rule", "said"),
    [
        ("low", "2-Mar", "MAP-CELL-DATE", "turned it into a date"),
        ("high", "Mar-02", "MAP-CELL-DATE", "turned it into a date"),
        ("point", "02/03/2026", "MAP-CELL-DATE", "turned it into a date"),
        ("grade", "45353", "MAP-CELL-DATE", "turned it into a date"),
        ("grade", "3.0", "MAP-CELL-GRADE", "not a whole grade"),
        ("low", "7", "MAP-CELL-GRADE", "not a whole grade"),
        ("low", "", "MAP-CELL-BLANK", "blank"),
        ("scale_version", "4.3", "MAP-SCALE-VERSION", "no such version"),
        ("scale_version", "5", "MAP-SCALE-VERSION", "no such version"),
        ("scale_version", "3-Apr", "MAP-SCALE-VERSION", "no such version"),
        ("population", "Child", "MAP-CELL-VOCABULARY", "none of any, child"),
        ("rationale", "\u201cConfused\u201d", "MAP-FORM-CHARACTER", "U+201C"),
        ("rationale", "Patient\u2019s state", "MAP-FORM-CHARACTER", "U+2019"),
        ("rationale", "ICE\u00a010", "MAP-FORM-CHARACTER", "U+00A0"),
        ("rationale", "ICE \ufffd 3", "MAP-FORM-CHARACTER", "U+FFFD"),
        ("rationale", '"Confused, mild"', "MAP-FORM-QUOTED", "quoted"),
        ("rationale", '"He said ""stop"""', "MAP-FORM-QUOTED", "quoted"),
        ("rationale", "Confused ", "MAP-FORM-BLANKS", "outer blanks"),
    ],
)
def test_a_damaged_cell_of_a_grade_row_is_named(
    folder: Path, column: str, text: str, rule: str, said: str
) -> None:
    line = first_row(folder / "grades.tsv") + 1500
    problems = found_by_both(folder, "grades.tsv", on_line(line, cell("grades.tsv", column, text)))
    problem = one(problems, rule)
    assert (problem.file, problem.line, problem.column, problem.value) == ("grades.tsv", line, column, text)
    assert said in problem.message


@pytest.mark.parametrize("text", ["1039906", "10039906.0", "1.00E+07", "010039906"])
def test_a_code_that_lost_or_gained_a_digit_is_named(folder: Path, text: str) -> None:
    lines = (folder / "terms.tsv").read_text().split("\n")
    line = next(n for n, row in enumerate(lines, 1) if "\t10039906\t" in row)
    problems = found_by_both(folder, "terms.tsv", on_line(line, cell("terms.tsv", "code", text)))
    problem = one(problems, "MAP-CODE-FORM")
    assert (problem.file, problem.line, problem.column, problem.value) == ("terms.tsv", line, "code", text)


@pytest.mark.parametrize("text", ["TRUE", "True", "1"])
def test_a_boolean_in_spreadsheet_spelling_is_named(folder: Path, text: str) -> None:
    line = first_row(folder / "classes.tsv") + 3
    problems = found_by_both(folder, "classes.tsv", on_line(line, cell("classes.tsv", "is_in_scope", text)))
    problem = one(problems, "MAP-CELL-BOOLEAN")
    assert (problem.line, problem.column, problem.value) == (line, "is_in_scope", text)


def first_tab_quoted(cells: list[str]) -> list[str]:
    """A note with a tab, as a spreadsheet writes it: in quotes."""
    return [*cells[:-2], '"two', 'words"', *cells[-2:]]


@pytest.mark.parametrize(
    ("name", "damage", "rule", "line", "value", "said"),
    [
        ("bom", lambda b: b"\xef\xbb\xbf" + b, "MAP-FORM-BOM", 1, "U+FEFF", "byte-order mark"),
        ("crlf", lambda b: b.replace(b"\n", b"\r\n"), "MAP-FORM-LINE-END", 1, "CR", "not LF"),
        ("one cr", on_line(9, lambda c: [*c[:-1], c[-1] + "\r"]), "MAP-FORM-LINE-END", 9, "CR", "not LF"),
        ("utf-16", lambda b: b.decode().encode("utf-16"), "MAP-FORM-ENCODING", 1, None, "UTF-16"),
        (
            "utf-16 without mark",
            lambda b: b.decode().encode("utf-16-le"),
            "MAP-FORM-ENCODING",
            1,
            None,
            "UTF-16",
        ),
        (
            "latin-1",
            lambda b: b.replace(b"EYE", "ÉYE".encode("latin-1")).replace(b"Eye", b"\xc9ye", 1),
            "MAP-FORM-ENCODING",
            None,
            "0xc9",
            "not UTF-8",
        ),
        ("cut off", lambda b: b[:-20], "MAP-FORM-CUT-OFF", None, None, "cut off"),
        ("no last line end", lambda b: b[:-1], "MAP-FORM-CUT-OFF", None, None, "cut off"),
        ("empty", lambda b: b"", "MAP-FORM-CUT-OFF", 1, "", "empty"),
        (
            "empty columns",
            lambda b: b.replace(b"\n", b"\t\t\n"),
            "MAP-FORM-HEADER",
            1,
            "",
            "ends in 2 empty columns",
        ),
        ("empty cells", on_line(9, lambda c: [*c, "", ""]), "MAP-FORM-CELLS", 9, None, "ends in empty cells"),
        ("quoted tab", on_line(9, first_tab_quoted), "MAP-FORM-CELLS", 9, '"two', "quoted cell holds a tab"),
        ("short row", on_line(9, lambda c: c[:2]), "MAP-FORM-CELLS", 9, None, "cut off or lost a tab"),
        ("blank line", on_line(9, lambda c: [""]), "MAP-FORM-CELLS", 9, "", "the row has 1 cell, not 4"),
        (
            "header renamed",
            on_line(1, lambda c: ["Class", *c[1:]]),
            "MAP-FORM-HEADER",
            1,
            "Class",
            "differs in Class, class_name",
        ),
        (
            "columns moved",
            on_line(1, lambda c: [c[1], c[0], *c[2:]]),
            "MAP-FORM-HEADER",
            1,
            "class_key",
            "(order)",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_a_damaged_file_is_named(
    folder: Path, name: str, damage: Damage, rule: str, line: int | None, value: str | None, said: str
) -> None:
    last = (folder / "classes.tsv").read_bytes().count(b"\n")
    problems = found_by_both(folder, "classes.tsv", damage)
    found = [p for p in problems if p.rule_id == rule]
    assert found[0].file == "classes.tsv"
    assert said in found[0].message
    assert found[0].next_action
    assert found[0].line is not None
    if line is not None:
        assert [p.line for p in found] == [line]
    elif rule == "MAP-FORM-CUT-OFF":
        assert found[0].line == last
    if value is not None:
        assert found[0].value == value


@pytest.mark.parametrize("file", FILES)
def test_a_duplicate_key_names_both_lines(folder: Path, file: str) -> None:
    line = first_row(folder / file) + 6

    def twice(blob: bytes) -> bytes:
        lines = blob.split(b"\n")
        return b"\n".join([*lines[:line], lines[line - 1], *lines[line:]])

    problem = one(found_by_both(folder, file, twice), "MAP-FORM-KEY")
    assert (problem.file, problem.line) == (file, line + 1)
    assert f"first on line {line}" in problem.message
    assert problem.column in FILES[file][1]
    assert problem.value


def test_every_damaged_cell_is_reported_not_only_the_first(folder: Path) -> None:
    def all_versions(blob: bytes) -> bytes:
        return blob.replace(b"\t4.03\t", b"\t4.3\t")

    expected = (folder / "grades.tsv").read_bytes().count(b"\t4.03\t")
    problems = found_by_both(folder, "grades.tsv", all_versions)
    found = [p for p in problems if p.rule_id == "MAP-SCALE-VERSION"]
    assert len(found) == len({p.line for p in found}) == expected > 300
    assert {p.value for p in found} == {"4.3"}
