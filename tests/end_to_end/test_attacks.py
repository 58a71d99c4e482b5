"""Hostile input and hostile surroundings, each found by trying: what a user must see instead of a crash.

One test per defect that was once there. What the rules of grading are is tested elsewhere.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.home import Home
from pipelines.stages import run_study
from schemas.errors import ManifestError, StoreError
from tests.end_to_end.homes import Tables, home_with, write_study
from warehouse.publisher import publish

MANIFEST = """\
study: ODD
files:
  - {path: ae.csv, role: adverse_events}
  - {path: dm.csv, role: subjects}
  - {path: ex.csv, role: exposure}
grading: {scale: ctcae, version: "4.03"}
infusions: {source: exposure}
"""
FILES: dict[str, str | bytes] = {
    "study.yaml": MANIFEST,
    "ae.csv": "USUBJID,AESEQ,AETERM,AEDECOD,AEBODSYS,AETOXGR,AESTDTC,AEENDTC\n"
    "S1,1,confused,Confusion,Psychiatric disorders,3,2020-03-05,2020-03-06\n",
    "dm.csv": "USUBJID,AGE,AGEU,DTHFL\nS1,60,YEARS,N\nS2,61,YEARS,N\n",
    "ex.csv": "USUBJID,EXTRT,EXSTDTC\nS1,CART,2020-03-01\nS2,CART,2020-03-02\n",
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return home_with(tmp_path / "home")


def test_an_unreadable_age_beside_no_death_date_is_a_problem_and_no_warning(home: Home) -> None:
    subjects = str(FILES["dm.csv"]).replace("60", ">89")
    write_study(home, "ODD", {**FILES, "dm.csv": subjects})
    run_study(home, "ODD")
    tables = Tables(home, "ODD")
    assert tables["core_parse_problems"]["text"].to_list() == [">89"]
    row = tables.row("core_subjects", subject_id="S1")
    assert (row["vital_status"], row["population"]) == ("alive", "unknown")


@pytest.mark.parametrize(
    ("role", "column"), [("adverse_events", "AEDECOD"), ("subjects", "USUBJID")], ids=["events", "subjects"]
)
def test_a_filter_that_keeps_no_row_is_refused(home: Home, role: str, column: str) -> None:
    """A misspelt text must not turn every subject into one without events."""
    manifest = MANIFEST.replace(f"role: {role}}}", f"role: {role}, where: {{{column}: [CONFUSION, S1x]}}}}")
    write_study(home, "ODD", {**FILES, "study.yaml": manifest})
    with pytest.raises(ManifestError, match=rf"column {column}: the manifest's filter keeps no row"):
        run_study(home, "ODD")


def test_a_filter_may_keep_no_infusion(home: Home) -> None:
    manifest = MANIFEST.replace("role: exposure}", "role: exposure, where: {EXTRT: [OTHER]}}")
    write_study(home, "ODD", {**FILES, "study.yaml": manifest})
    run_study(home, "ODD")
    assert set(Tables(home, "ODD")["core_subject_grades"]["outcome"]) == {"NOT_EVALUABLE"}


@pytest.mark.parametrize(
    "line",
    [
        "S1,2,confused,Confusion",
        '"S1",2,a,b,c,3,2020-03-05,2020-03-06,more',
        'S1,2,"never closed,Confusion,Psychiatric disorders,3,2020-03-05,',
        "S1,2,x\0y,Confusion,Psychiatric disorders,3,2020-03-05,",
    ],
    ids=["short", "long", "quote", "nul"],
)
def test_a_line_that_cannot_be_split_still_keeps_its_subject_from_not_icans(home: Home, line: str) -> None:
    """GRADING.md 1, law 5: rejected is not absent."""
    header = str(FILES["ae.csv"]).splitlines()[0]
    write_study(home, "ODD", {**FILES, "ae.csv": f"{header}\n{line}\nS9x,{line}\n"})
    run_study(home, "ODD")
    tables = Tables(home, "ODD")
    rows = tables.rows("core_subject_grades", infusion_number=0, window_days=30)
    found = {row["subject_id"]: (row["low"], row["point"], row["high"], row["outcome"]) for row in rows}
    assert found == {"S1": (0, None, 4, "INDETERMINATE"), "S2": (0, 0, 0, "NOT_ICANS")}
    assert tables["core_rejected_rows"]["subject_id"].to_list() == ["S1", None]


def test_unseen_marks_around_an_identifier_make_no_second_subject(home: Home) -> None:
    events = str(FILES["ae.csv"]).replace("S1,", "\u200eS1\u200f\u00a0,").replace(",3,", ",\u200b3,")
    write_study(home, "ODD", {**FILES, "ae.csv": events})
    run_study(home, "ODD")
    tables = Tables(home, "ODD")
    assert set(tables["core_subjects"]["subject_id"]) == {"S1", "S2"}
    assert tables.row("core_adverse_events", subject_id="S1")["grade"] == 3


def test_a_path_no_file_system_takes_is_a_missing_file(home: Home) -> None:
    write_study(home, "ODD", {**FILES, "study.yaml": MANIFEST.replace("ae.csv", "a" * 5_000)})
    with pytest.raises(ManifestError, match="leads nowhere"):
        run_study(home, "ODD")


@contextmanager
def files_no_larger_than(limit: int) -> Iterator[None]:
    """No file of this process can grow beyond the limit: the nearest to a full disk without a mount."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_run_that_cannot_be_written_says_so_and_can_be_made_later(home: Home) -> None:
    write_study(home, "ODD", FILES)
    with (
        files_no_larger_than(1_000),
        pytest.raises(StoreError, match="cannot be written"),
    ):
        run_study(home, "ODD")
    assert run_study(home, "ODD").created


def test_a_rebuilt_warehouse_has_the_same_bytes(home: Home) -> None:
    """A cell of 10,000 characters is stored in blocks whose ends DuckDB leaves unset."""
    events = str(FILES["ae.csv"]).replace("confused", "very confused " * 800)
    write_study(home, "ODD", {**FILES, "ae.csv": events})
    run_study(home, "ODD")
    contents = set()
    for _ in range(4):
        home.database.unlink(missing_ok=True)
        publish(home)
        contents.add(home.database.read_bytes())
    assert len(contents) == 1


def test_a_warehouse_that_cannot_be_written_leaves_the_old_one(home: Home) -> None:
    write_study(home, "ODD", FILES)
    run_study(home, "ODD")
    publish(home)
    before = home.database.read_bytes()
    (home.landing / "ODD" / "dm.csv").write_text(str(FILES["dm.csv"]).replace("61", "62"))
    run_study(home, "ODD")
    with (
        files_no_larger_than(1_000_000),
        pytest.raises(StoreError, match="cannot be written"),
    ):
        publish(home)
    assert home.database.read_bytes() == before
    assert not list(home.root.glob(".publish-*"))
    assert publish(home).created
