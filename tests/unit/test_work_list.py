"""The work list: what is on it, what it suggests, and the draft release made of it when filled in."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl
import pytest
import xlsxwriter

import mappings
from mappings.curation import check_release
from mappings.diff import compare_releases
from mappings.loader import load_release
from pipelines.diffs.work_list import WORK_LIST_SCHEMA, derive_work_list
from pipelines.report.work_list_draft import Draft, read_work_list
from pipelines.report.work_list_form import (
    COLUMNS,
    DECISION_COLUMNS,
    SHEET,
    read_form,
    render_work_list_tsv,
    render_work_list_xlsx,
)
from schemas.errors import ReleaseError
from schemas.results import CoreUnmappedTerms
from tests.small_release import small_release

BASE = Path(mappings.__file__).parent / "releases" / "1.0.0"
DATE = dt.date(2026, 1, 2)
CONCEPT = {
    "concept_id": "zorbl_syndrome",
    "relation": "own",
    "reason": "Invented for a test.",
    "label": "Zorbl syndrome",
    "concept_group": "encephalopathy",
    "is_broad": "true",
    "domains": "cognition|consciousness",
    "requires": "ICE score on the days of the event",
    **{"low_1": "0", "point_1": "0", "high_1": "1"},
    **{"low_2": "0", "point_2": "1", "high_2": "2"},
    **{"low_3": "1", "point_3": "", "high_3": "3"},
    **{"low_4": "2", "point_4": "4", "high_4": "4"},
    **{"low_5": "2", "point_5": "5", "high_5": "5"},
}
SPELLING = {"concept_id": "seizure", "relation": "spelling", "reason": "A misspelling seen in two studies."}


def unmapped(*rows: tuple[Any, ...]) -> pl.DataFrame:
    names = ("study_id", "term_key", "body_system", "events", "subjects", "max_source_grade")
    return CoreUnmappedTerms.require(
        pl.DataFrame([dict(zip(names, row, strict=True)) for row in rows], infer_schema_length=None)
    )


ROWS = unmapped(
    ("S1", "sezure", "Nervous system disorders", 4, 3, 3),
    ("S2", "sezure", "", 2, 2, None),
    ("S2", "zorbl syndrome", "NERVOUS", 6, 5, 2),
    ("S2", "", "", 1, 1, None),
    ("S2", "=1+1", "@class", 1, 1, 1),
)


def test_terms_stand_once_by_events_then_subjects() -> None:
    work_list = derive_work_list(ROWS, small_release())
    assert work_list.schema == pl.Schema(WORK_LIST_SCHEMA)
    assert work_list.select(
        "term", "classes", "studies", "events", "subjects", "max_source_grade"
    ).rows() == [
        ("sezure", "Nervous system disorders", 2, 6, 5, 3),
        ("zorbl syndrome", "NERVOUS", 1, 6, 5, 2),
        ("", None, 1, 1, 1, None),
        ("=1+1", "@class", 1, 1, 1, 1),
    ]


def test_a_term_the_release_decides_by_now_is_left_out() -> None:
    rows = unmapped(("S1", "convulsion", "", 1, 1, 1), ("S1", "absence", "", 1, 1, 1))
    assert derive_work_list(rows, small_release())["term"].to_list() == ["absence"]  # two versions differ


def test_the_nearest_known_terms_are_suggested_one_per_concept() -> None:
    [first, *_] = derive_work_list(ROWS, small_release()).iter_rows(named=True)
    assert first["suggestion_1"].startswith("seizure: Seizure (")
    concepts = [str(first[f"suggestion_{n}"]).partition(":")[0] for n in (1, 2, 3)]
    assert len(set(concepts) - {"None"}) == len([c for c in concepts if c != "None"])


def test_nothing_near_is_no_suggestion() -> None:
    rows = unmapped(("S1", "qqq", "", 1, 1, 1))
    assert derive_work_list(rows, small_release())["suggestion_1"].to_list() == [None]


def test_no_rows_is_an_empty_list() -> None:
    assert derive_work_list(CoreUnmappedTerms.empty(), small_release()).is_empty()


def test_the_form_holds_no_formula_in_either_format() -> None:
    work_list = derive_work_list(ROWS, small_release())
    lines = list(csv.reader(io.StringIO(render_work_list_tsv(work_list)), delimiter="\t"))
    assert lines[0] == list(COLUMNS)
    assert lines[-1][:2] == ["'=1+1", "'@class"]
    blob = render_work_list_xlsx(work_list)
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        sheets = [archive.read(name).decode() for name in archive.namelist() if "worksheets/" in name]
    assert not any("<f>" in sheet for sheet in sheets)
    cells = pl.DataFrame(fastexcel.read_excel(blob).load_sheet(SHEET).to_arrow())
    assert cells["term"].to_list()[-1] == "'=1+1"


def fill(path: Path, *filled: dict[str, str], work_list: pl.DataFrame | None = None) -> Path:
    """The exported form with the decision cells of its first lines filled in, in the format of `path`."""
    found = derive_work_list(ROWS, small_release()) if work_list is None else work_list
    lines = list(csv.reader(io.StringIO(render_work_list_tsv(found)), delimiter="\t"))
    for line, cells in zip(lines[1:], filled, strict=False):
        for name, text in cells.items():
            line[COLUMNS.index(name)] = text
    if path.suffix == ".xlsx":
        workbook = xlsxwriter.Workbook(path)
        sheet = workbook.add_worksheet(SHEET)
        for number, line in enumerate(lines):
            for position, text in enumerate(line):
                if text.isdigit():
                    sheet.write_number(number, position, int(text))  # as a spreadsheet program stores it
                elif text:
                    sheet.write_string(number, position, text)
        workbook.close()
    else:
        path.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")
    return path


def make(path: Path, **other: Any) -> Draft:
    arguments: dict[str, Any] = {"release_id": "1.7.0", "date": DATE} | other
    return read_work_list(path, BASE, path.parent / "drafts", **arguments)


@pytest.mark.parametrize("name", ["list.tsv", "list.xlsx"])
def test_a_form_is_read_back_as_it_was_exported(tmp_path: Path, name: str) -> None:
    lines = read_form(fill(tmp_path / name, SPELLING))
    assert [line.cells["term"] for line in lines] == ["sezure", "zorbl syndrome", "", "=1+1"]
    assert [line.number for line in lines] == [2, 3, 4, 5]
    assert [line.is_decided for line in lines] == [True, False, False, False]
    assert lines[0].cells["concept_id"] == "seizure"


@pytest.mark.parametrize("name", ["list.tsv", "list.xlsx"])
def test_a_filled_in_form_becomes_a_draft_that_loads_and_decides(tmp_path: Path, name: str) -> None:
    draft = make(fill(tmp_path / name, SPELLING, CONCEPT))
    assert draft.folder == tmp_path / "drafts" / "1.7.0"
    assert (draft.terms, draft.concepts, draft.undecided) == (2, 1, 2)
    new = load_release("1.7.0", tmp_path / "drafts")
    diff = compare_releases(load_release("1.0.0"), new)
    assert (new.status, diff.change_class) == ("draft", "MINOR")
    assert diff.counts["Addition: Term"] == 2
    assert diff.counts["Addition: Grade"] == 5
    row = (
        new.tables["map_grades"].filter(pl.col("rule_id") == "ctcae:any:zorbl_syndrome:3").row(0, named=True)
    )
    assert (row["low"], row["point"], row["high"], row["disposition"]) == (1, None, 3, "informs")
    assert row["rationale"] == "Invented for a test."


def test_the_draft_breaks_no_rule_but_that_its_parent_is_elsewhere(tmp_path: Path) -> None:
    draft = make(fill(tmp_path / "list.tsv", SPELLING, CONCEPT))
    assert draft.folder is not None
    assert check_release(draft.folder) == ()


def test_a_concept_without_icans_meaning_is_excluded(tmp_path: Path) -> None:
    zeros = {f"{end}_{grade}": "0" for end in ("low", "point", "high") for grade in range(1, 6)}
    none = CONCEPT | zeros | {"domains": "", "requires": "", "is_broad": "false"}
    make(fill(tmp_path / "list.tsv", SPELLING, none))
    grades = load_release("1.7.0", tmp_path / "drafts").tables["map_grades"]
    rows = grades.filter(pl.col("concept_id") == "zorbl_syndrome")
    assert set(rows["disposition"]) == {"excluded"}


def test_lines_may_point_at_a_concept_another_line_defines(tmp_path: Path) -> None:
    other = {"concept_id": "zorbl_syndrome", "relation": "narrower", "reason": "A kind of it."}
    assert make(fill(tmp_path / "list.tsv", other, CONCEPT)).terms == 2


@pytest.mark.parametrize(
    ("cells", "column", "says"),
    [
        (SPELLING | {"reason": ""}, "reason", "no reason"),
        (SPELLING | {"concept_id": ""}, "concept_id", "names no concept"),
        (SPELLING | {"concept_id": "no_such"}, "concept_id", "no such concept"),
        (SPELLING | {"relation": ""}, "relation", "how term and concept relate"),
        (SPELLING | {"relation": "like"}, "relation", "how term and concept relate"),
        (SPELLING | {"low_3": "2"}, "low_3", "takes the decisions of the concept"),
        (CONCEPT | {"concept_id": "seizure"}, "concept_id", "has this concept already"),
        (CONCEPT | {"label": ""}, "label", "has a name"),
        (CONCEPT | {"concept_group": ""}, "concept_group", "belongs to a family"),
        (CONCEPT | {"is_broad": "yes"}, "is_broad", "neither true nor false"),
        (CONCEPT | {"is_broad": "false"}, "is_broad", "nervous or psychiatric"),
        (CONCEPT | {"domains": ""}, "domains", "restricts ICANS domains"),
        (CONCEPT | {"domains": "consciousness|cognition"}, "domains", "restricts ICANS domains"),
        (CONCEPT | {"requires": ""}, "requires", "what would close it"),
        (CONCEPT | {"low_2": ""}, "low_2", "not a whole grade"),
        (CONCEPT | {"high_2": "01-Feb"}, "high_2", "not a whole grade"),
        (CONCEPT | {"high_2": "5"}, "high_2", "not a whole grade of 0 to 4"),
        (CONCEPT | {"low_2": "3"}, "low_2", "low is above high"),
        (CONCEPT | {"point_3": "4"}, "point_3", "outside its interval"),
        (CONCEPT | {"low_3": "3"}, "point_3", "the point is that grade"),
        (CONCEPT | {"high_5": "4", "point_5": "4"}, "high_5", "reaches 5"),
    ],
)
def test_an_incomplete_line_is_named_with_its_column(
    tmp_path: Path, cells: dict[str, str], column: str, says: str
) -> None:
    draft = make(fill(tmp_path / "list.tsv", cells))
    assert draft.folder is None
    assert not (tmp_path / "drafts").exists()
    found = [problem for problem in draft.problems if problem.column == column]
    assert [(problem.line, problem.file) for problem in found] == [(2, "list.tsv")]
    assert says in found[0].message
    assert found[0].value == (cells[column] or None)


@pytest.mark.parametrize(
    ("term", "says"),
    [("", "without a term"), ("10039906", "a code"), ("seizure", "lists the term already")],
)
def test_a_term_that_cannot_be_decided_here_is_named(tmp_path: Path, term: str, says: str) -> None:
    draft = make(fill(tmp_path / "list.tsv", SPELLING | {"term": term}))
    assert [says in problem.message for problem in draft.problems if problem.column == "term"] == [True]


def test_a_term_on_two_lines_is_named_on_both(tmp_path: Path) -> None:
    draft = make(fill(tmp_path / "list.tsv", SPELLING, SPELLING | {"term": "Sezure, NOS"}))
    assert [(problem.line, problem.column) for problem in draft.problems] == [(2, "term"), (3, "term")]


def test_a_form_nobody_filled_in_makes_no_draft(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="no line of the work list is decided"):
        make(fill(tmp_path / "list.tsv"))


def test_an_existing_folder_is_never_overwritten(tmp_path: Path) -> None:
    make(fill(tmp_path / "list.tsv", SPELLING))
    with pytest.raises(ReleaseError, match="the folder is there already"):
        make(tmp_path / "list.tsv")


def test_a_form_saved_by_a_spreadsheet_program_is_read(tmp_path: Path) -> None:
    text = fill(tmp_path / "list.tsv", SPELLING).read_text(encoding="utf-8")
    saved = tmp_path / "saved.txt"
    saved.write_bytes(text.replace("\n", "\r\n").encode("utf-16"))
    assert make(saved).terms == 1


def test_columns_in_another_order_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.tsv"
    path.write_text("\t".join(reversed(COLUMNS)) + "\n", encoding="utf-8")
    with pytest.raises(ReleaseError, match="line 1"):
        read_form(path)


def test_a_line_with_too_many_cells_is_refused(tmp_path: Path) -> None:
    path = fill(tmp_path / "list.tsv", SPELLING)
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[1] += "\tmore"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(ReleaseError, match="line 2"):
        read_form(path)


@pytest.mark.parametrize(("name", "blob"), [("a.xlsx", b"PK no workbook"), ("a.tsv", b"\xff\xffte\x9f")])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, blob: bytes) -> None:
    (tmp_path / name).write_bytes(blob)
    with pytest.raises(ReleaseError, match=name):
        read_form(tmp_path / name)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="no such file"):
        read_form(tmp_path / "none.tsv")


def test_every_decision_column_is_empty_in_the_export() -> None:
    lines = list(
        csv.DictReader(
            io.StringIO(render_work_list_tsv(derive_work_list(ROWS, small_release()))), delimiter="\t"
        )
    )
    assert {line[name] for line in lines for name in DECISION_COLUMNS} == {""}
