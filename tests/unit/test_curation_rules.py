"""Each curation rule finds what it is for, on the line it stands on; a sponsor adds rules from outside."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import mappings
from mappings.curation import CurationChecks, Problem
from mappings.curation.check import vocabulary_problems
from mappings.curation.decisions import EXCLUDED, decision_text
from mappings.header import render_header
from mappings.loader import load_release
from mappings.release import Release
from mappings.release_file import SignOff, read_release_file
from mappings.sheets import FILES
from mappings.vocabularies import VERSION_FILES, read_vocabularies
from tests.mapping_damage import copy_of_releases, newest

Cells = dict[str, object]


@pytest.fixture(scope="module")
def release() -> Release:
    """The release a test takes apart."""
    return load_release()


def changed(release: Release, table: str, where: pl.Expr, **cells: object) -> Release:
    """The release with other cells in the rows of a table that `where` finds."""
    frame = release.tables[table]
    assert frame.filter(where).height
    dtypes = frame.schema
    frame = frame.with_columns(
        pl.when(where).then(pl.lit(cell, dtype=dtypes[name])).otherwise(pl.col(name)).alias(name)
        for name, cell in cells.items()
    )
    return replace(release, tables={**release.tables, table: frame})


def without(release: Release, table: str, where: pl.Expr) -> Release:
    """The release without the rows of a table that `where` finds."""
    frame = release.tables[table]
    assert frame.filter(where).height
    return replace(release, tables={**release.tables, table: frame.filter(~where)})


def by_rule(release: Release, rule: str, **options: bool) -> list[Problem]:
    """Problems of one rule."""
    return [p for p in CurationChecks.of_release(release).run(**options) if p.rule_id == rule]


def row(rule_id: str) -> pl.Expr:
    """The grade row of a rule."""
    return pl.col("rule_id") == rule_id


ENCEPHALOPATHY = "ctcae:4.03:encephalopathy"


def test_a_whole_release_in_memory_passes(release: Release) -> None:
    assert CurationChecks.of_release(release).run() == ()


@pytest.mark.parametrize(
    ("table", "where", "cells", "rule", "column"),
    [
        ("map_grades", row(f"{ENCEPHALOPATHY}:3"), {"point": 2}, "MAP-DECISION-TEXT", "decision"),
        ("map_grades", row(f"{ENCEPHALOPATHY}:3"), {"decision": EXCLUDED}, "MAP-DECISION-TEXT", "decision"),
        (
            "map_grades",
            row(f"{ENCEPHALOPATHY}:3"),
            {"domains": "consciousness|cognition"},
            "MAP-GRADE-DOMAIN-ORDER",
            "domains",
        ),
        (
            "map_grades",
            row("ctcae:4.03:seizure:1"),
            {"point": None},
            "MAP-GRADE-CLOSED",
            "point",
        ),
        ("map_grades", row(f"{ENCEPHALOPATHY}:4"), {"high": 3}, "MAP-LADDER", "high"),
        ("map_grades", row(f"{ENCEPHALOPATHY}:3"), {"low": 0}, "MAP-WORDING", "low"),
        ("map_grades", row(f"{ENCEPHALOPATHY}:3"), {"rationale": "so"}, "MAP-REASON", "rationale"),
        (
            "map_grades",
            row(f"{ENCEPHALOPATHY}:3"),
            {"rationale": "Will be reviewed by a neurologist."},
            "MAP-REASON",
            "rationale",
        ),
        (
            "map_grades",
            row(f"{ENCEPHALOPATHY}:3"),
            {"source": "NCI CTCAE v5.0 grade text; judgement"},
            "MAP-SOURCE-VERSION",
            "source",
        ),
        (
            "map_grades",
            row(f"{ENCEPHALOPATHY}:3"),
            {"source_text": "Severe symptoms; limiting self-care ADL"},
            "MAP-SOURCE-TEXT",
            "source_text",
        ),
        (
            "map_concepts",
            pl.col("concept_id") == "seizure",
            {"is_broad": False},
            "MAP-COMPARATOR",
            "is_broad",
        ),
        ("map_concepts", pl.col("concept_id") == "seizure", {"is_core": False}, "MAP-COMPARATOR", "is_core"),
        ("map_concepts", pl.col("concept_id") == "headache", {"is_core": True}, "MAP-COMPARATOR", "is_core"),
        (
            "map_classes",
            pl.col("class_key") == "eye disorders",
            {"is_in_scope": False},
            "MAP-CLASS-SCOPE",
            "is_in_scope",
        ),
        (
            "map_classes",
            pl.col("class_key") == "cardiac disorders",
            {"is_in_scope": True},
            "MAP-CLASS-SCOPE",
            "is_in_scope",
        ),
        ("map_terms", pl.col("code") == "10039906", {"code": "10039907"}, "MAP-CODE", "code"),
        (
            "map_vocabulary",
            (pl.col("scale_version") == "5.0") & (pl.col("term") == "Seizure"),
            {"class_name": "Eye disorders"},
            "MAP-VOCABULARY",
            "term",
        ),
        (
            "map_conventions",
            pl.col("concept_id") == "seizure",
            {"convention_grade": 2},
            "MAP-CONVENTION",
            "convention_grade",
        ),
        (
            "map_conventions",
            pl.col("concept_id") == "seizure",
            {"grades_covered": "1|2|3"},
            "MAP-CONVENTION",
            "grades_covered",
        ),
        (
            "map_conventions",
            pl.col("concept_id") == "seizure",
            {"grades_covered": "3|2|1|4"},
            "MAP-CONVENTION",
            "grades_covered",
        ),
        ("map_conventions", pl.col("concept_id") == "seizure", {"point": 2}, "MAP-CONVENTION", "point"),
    ],
)
def test_a_cell_that_breaks_a_rule_is_named(
    release: Release, table: str, where: pl.Expr, cells: Cells, rule: str, column: str
) -> None:
    found = by_rule(changed(release, table, where, **cells), rule)
    assert column in {p.column for p in found}
    assert all(p.kind == "content" and p.line is None and p.next_action for p in found)
    file = next(name for name, (declared, _) in FILES.items() if declared.info().name == table)
    assert {p.file for p in found} == {file}


def test_a_child_row_may_only_widen_and_never_stands_alone(release: Release) -> None:
    frame = release.tables["map_grades"]
    child = frame.filter(pl.col("population") == "child", pl.col("high") == 3).row(0, named=True)
    (problem,) = by_rule(changed(release, "map_grades", row(child["rule_id"]), low=2, point=3), "MAP-CHILD")
    assert (problem.column, problem.value) == ("low", "2")
    alone = without(release, "map_grades", row(child["rule_id"].removesuffix(":child")))
    assert [p.column for p in by_rule(alone, "MAP-CHILD")] == ["population"]


def test_a_ladder_of_child_rows_never_falls_back_to_a_milder_row_for_any(release: Release) -> None:
    rule = "ctcae:3.0:extrapyramidal_or_restlessness:5"
    (problem,) = by_rule(without(release, "map_grades", row(f"{rule}:child")), "MAP-LADDER")
    assert (problem.column, problem.value) == ("high", "0")
    assert "falls from 3 at grade 4 of a child" in problem.message


@pytest.mark.parametrize("table", ["map_terms", "map_grades", "map_conventions"])
def test_a_row_claims_only_a_review_that_the_release_is_signed_off_for(release: Release, table: str) -> None:
    day = dt.date(2026, 11, 23)
    claimed = changed(release, table, pl.lit(True), reviewed_by="clinical", reviewed_on=str(day))
    checks = CurationChecks.of_release(claimed)
    folder = Path(mappings.__file__).parent / "releases" / release.release_id
    about = read_release_file(folder / "release.yaml")
    for sign_offs, is_backed in (
        ((), False),
        ((SignOff("data", day),), False),
        ((SignOff("clinical", day + dt.timedelta(1)),), False),
        ((SignOff("clinical", day),), True),
    ):
        checks.about = replace(about, sign_offs=sign_offs)
        found = list(checks.reviews())
        assert (not found) == is_backed
        assert {p.column for p in found} <= {"reviewer_label"}


def test_a_grade_or_term_nobody_decided_is_named(release: Release) -> None:
    (problem,) = by_rule(without(release, "map_grades", row(f"{ENCEPHALOPATHY}:3")), "MAP-COMPLETE-NEURO")
    assert (problem.file, problem.value) == ("grades.tsv", "Encephalopathy")
    assert "4.03 defines grade 3" in problem.message
    gone = without(release, "map_terms", (pl.col("term_key") == "seizure") & (pl.col("code") == ""))
    found = by_rule(gone, "MAP-COMPLETE-NEURO")
    assert {(p.file, p.value) for p in found} == {("terms.tsv", "Seizure")}
    gone = without(release, "map_terms", pl.col("term_key") == "glaucoma")
    assert by_rule(gone, "MAP-COMPLETE-CLASS")
    assert not by_rule(gone, "MAP-COMPLETE-CLASS", whole=False)
    gone = without(release, "map_classes", pl.col("class_key") == "neurology")
    assert {p.value for p in by_rule(gone, "MAP-CLASS-COMPLETE")} == {"NEUROLOGY"}
    gone = without(release, "map_vocabulary", pl.col("term_key") == "seizure")
    assert {p.message.split()[1] for p in by_rule(gone, "MAP-VOCABULARY")} >= {"4.03", "5.0", "6.0"}


def test_a_decision_on_a_grade_or_term_the_version_has_not_is_named(release: Release) -> None:
    frame = release.tables["map_grades"]
    template = frame.filter(row("ctcae:4.03:seizure:4"))

    def extra(**cells: object) -> Release:
        added = template.with_columns(
            pl.lit(cell, dtype=frame.schema[name]).alias(name) for name, cell in cells.items()
        )
        return replace(release, tables={**release.tables, "map_grades": pl.concat([frame, added])})

    undefined = extra(rule_id="ctcae:4.03:dysphasia:4", concept_id="dysphasia")
    (problem,) = by_rule(undefined, "MAP-GRADE-UNDEFINED")
    assert (problem.column, problem.value) == ("grade", "4")
    absent = extra(rule_id="ctcae:3.0:delirium:4", concept_id="delirium", scale_version="3.0")
    (problem,) = by_rule(absent, "MAP-VERSION-TERM")
    assert (problem.column, problem.value) == ("concept_id", "delirium")


def test_a_preferred_term_is_decided_at_all_five_grades(release: Release) -> None:
    generic = release.tables["map_grades"].filter(
        pl.col("scale") == "ctcae", pl.col("scale_version") == "any", pl.col("grade") == 2
    )
    rule_id, concept = generic.select("rule_id", "concept_id").row(0)
    found = by_rule(without(release, "map_grades", row(rule_id)), "MAP-GENERIC-SCALE")
    assert [p.value for p in found] == [concept]


def test_the_vocabularies_have_their_provenance() -> None:
    shipped = read_vocabularies()
    assert list(vocabulary_problems(shipped)) == []
    assert sum(len(keys) for keys in shipped.neuro.values()) == shipped.files["neuro_terms.tsv"].height
    provenance = shipped.files["provenance.tsv"].filter(pl.col("file") != VERSION_FILES["5.0"])
    found = list(vocabulary_problems(replace(shipped, files={**shipped.files, "provenance.tsv": provenance})))
    assert [(p.file, p.rule_id) for p in found] == [(VERSION_FILES["5.0"], "MAP-PROVENANCE")]
    fewer = shipped.files[VERSION_FILES["6.0"]].head(10)
    found = list(vocabulary_problems(replace(shipped, files={**shipped.files, VERSION_FILES["6.0"]: fewer})))
    assert "has 10 rows" in found[0].message


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (("excluded", None, 0, 0, 0), EXCLUDED),
        (("informs", "seizure", 3, 3, 3), "Seizure: ICANS 3"),
        (("informs", "cognition", 0, 1, 2), "Cognition: ICANS 0 to 2; most defensible 1"),
        (
            ("needs_adjudication", "motor", 0, None, 4),
            "Motor: ICANS 0 or 4; no single grade; goes to adjudication",
        ),
        (
            ("fatal", "cognition|consciousness|seizure|motor|icp", 4, 5, 5),
            "All domains: ICANS 4 to 5; most defensible 5; death report, goes to adjudication",
        ),
        (
            ("informs", "cognition|consciousness|icp", 1, 2, 3),
            "Cognition, consciousness and intracranial pressure: ICANS 1 to 3; most defensible 2",
        ),
        (("unmapped", "icp", 0, None, 4), ""),
    ],
)
def test_a_decision_in_words(row: tuple[object, ...], text: str) -> None:
    names = ("disposition", "domains", "low", "point", "high")
    assert decision_text(dict(zip(names, row, strict=True))) == text


def test_the_metadata_block_says_who_signed(tmp_path: Path) -> None:
    about = read_release_file(newest(copy_of_releases(tmp_path / "all")) / "release.yaml")
    assert any("Under review; no clinical sign-off" in line for line in render_header("terms.tsv", about))
    assert render_header("classes.tsv", about) == ()


SPONSOR = """
    import json, sys
    from pathlib import Path
    from mappings.curation import CurationChecks, Problem, rule

    class HouseChecks(CurationChecks):
        @rule("HOUSE-NO-JUDGEMENT", "A house decision rests on a document")
        def judgement(self):
            alone = [row["source"] == "judgement" for row in self.rows("map_grades")]
            yield from self.broken("map_grades", "source", "judgement alone", alone, "name a document")

    assert [info.rule_id for info in HouseChecks.rules()][-1] == "HOUSE-NO-JUDGEMENT"
    problems = HouseChecks.of_folder(Path("private") / sys.argv[1]).run()
    print(json.dumps([[p.rule_id, p.file, p.line, p.column, p.value] for p in problems]))
"""


def outside(folder: Path, *arguments: str) -> str:
    """Run Python in a folder outside the repository, with the package on its path as if installed."""
    repository = Path(mappings.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_sponsor_runs_the_checks_and_a_rule_of_the_house_on_a_private_set(tmp_path: Path) -> None:
    private = newest(copy_of_releases(tmp_path / "private"))
    path = private / "grades.tsv"
    lines = path.read_text(encoding="utf-8").split("\n")
    at = next(n for n, line in enumerate(lines) if line.startswith("regrade.grade:ctcae:5.0:delirium:3\t"))
    cells = lines[at].split("\t")
    lines[at] = "\t".join([*cells[:-1], "judgement"])
    path.write_text("\n".join(lines), encoding="utf-8", newline="\n")
    (tmp_path / "house.py").write_text(textwrap.dedent(SPONSOR))
    found = json.loads(outside(tmp_path, "house.py", private.name))
    assert ["HOUSE-NO-JUDGEMENT", "grades.tsv", at + 1, "source", "judgement"] in found
    assert {rule for rule, *_ in found} == {"HOUSE-NO-JUDGEMENT"}


def test_the_example_of_the_package_works_outside_the_repository(tmp_path: Path) -> None:
    first = sorted(copy_of_releases(tmp_path / "all").glob("*/release.yaml"))[0].parent
    shutil.copytree(first, tmp_path / "private" / "1.0.0")
    script = "import doctest, mappings.curation as m; print(doctest.testmod(m, raise_on_error=True))"
    assert "failed=0, attempted=5" in outside(tmp_path, "-c", script)
