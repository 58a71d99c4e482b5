"""One set of assessments in three forms: wide, long and SDTM QS give the same rows and the same grades.

The studies are delivered as files (`assessment_forms` says how each form writes the facts); what differs
between them is which file and row a result comes from, and the words and units as written.
"""

from __future__ import annotations

import functools
from pathlib import Path

import polars as pl
import pytest

from mappings.loader import load_release
from pipelines.diffs.scale import compare_scales
from pipelines.grading.kernel import grade_study
from pipelines.ingest.checking import check_study
from pipelines.ingest.raw import ROW
from pipelines.ingest.readers import read_table
from pipelines.ingest.staging import stage_study
from pipelines.ingest.study import read_manifest, read_study
from schemas.manifest import FileSpec
from schemas.registry import DIFF_TABLES, GRADED_TABLES
from tests.golden.assessment_forms import GOLDEN, write_forms

FORMS = ("GOLD-ICE-WIDE", "GOLD-ICE-LONG", "GOLD-ICE-QS")
PLACES = {
    "study_id",
    "source_file",
    "source_row",
    "source_column",
    "column_name",
    "left_place",
    "right_place",
}
AS_WRITTEN = {"assessed_text", "value_text", "text"}
Tables = dict[str, pl.DataFrame]


@functools.cache
def results(study_id: str) -> Tables:
    folder = GOLDEN / study_id
    manifest = read_manifest(folder)
    checked = check_study(stage_study(read_study(folder, manifest)), manifest)
    graded = grade_study(checked, load_release(), manifest)
    return {**checked, **graded, **compare_scales(checked, graded)}


def facts(tables: Tables, name: str, without: set[str]) -> list[str]:
    """The rows of a table as text, without the named columns, in an order of their own."""
    frame = tables[name]
    kept = frame.select(column for column in frame.columns if column not in without)
    return sorted(str(row) for row in kept.rows(named=True))


@pytest.mark.parametrize("form", FORMS[1:])
def test_every_form_gives_the_same_assessments(form: str) -> None:
    without = PLACES | AS_WRITTEN
    wide = facts(results("GOLD-ICE-WIDE"), "core_assessments", without)
    assert facts(results(form), "core_assessments", without) == wide
    assert len(wide) == 58


@pytest.mark.parametrize("form", FORMS[1:])
def test_every_form_leaves_the_same_cells_unread(form: str) -> None:
    wide = facts(results("GOLD-ICE-WIDE"), "core_parse_problems", PLACES)
    assert facts(results(form), "core_parse_problems", PLACES) == wide
    assert len(wide) == 2
    assert results(form)["core_rejected_rows"].height == 0


@pytest.mark.parametrize("form", FORMS[1:])
@pytest.mark.parametrize("table", [table.info().name for table in (*GRADED_TABLES, *DIFF_TABLES)])
def test_every_form_gives_the_same_results(form: str, table: str) -> None:
    assert facts(results(form), table, PLACES) == facts(results("GOLD-ICE-WIDE"), table, PLACES)


@pytest.mark.parametrize("form", FORMS)
def test_the_files_hold_the_facts_that_the_forms_state(form: str, tmp_path: Path) -> None:
    write_forms(tmp_path)
    written = sorted(path.name for path in (tmp_path / form).iterdir())
    assert written == sorted(
        path.name for path in (GOLDEN / form).iterdir() if path.suffix in (".csv", ".xpt")
    )
    for name in written:
        spec = FileSpec(path=name, role="subjects")
        delivered, stated = (read_table(root / form / name, spec).frame for root in (GOLDEN, tmp_path))
        assert delivered.height > 0
        assert ROW in delivered.columns
        assert delivered.equals(stated), name


def test_the_findings_name_what_was_planted() -> None:
    """An impossible score, a half grade, ICE below 12 years, two values at one moment, an age of 11."""
    failing = results("GOLD-ICE-QS")["core_findings"].filter(pl.col("status") == "fail")
    counts = {row["rule_id"]: row["count"] for row in failing.to_dicts()}
    planted = {
        "STG-ASSESSMENT-IMPOSSIBLE": 1,
        "STG-GRADE-HALF": 1,
        "CHK-ASSESSMENT-WRONG-SCALE": 1,
        "CHK-ASSESSMENT-TWO-VALUES": 2,
        "CHK-AGE-AT-CONSENT": 1,
        "STG-ITEM-UNMAPPED": 12,
    }
    assert {rule: counts.get(rule) for rule in planted} == planted
