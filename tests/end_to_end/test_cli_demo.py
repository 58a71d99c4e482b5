"""`regrade demo`: the shipped studies land, run and are summed up; each figure is counted again."""

from __future__ import annotations

import json

import pytest
from typer.testing import Result

from pipelines.home import Home
from tests.end_to_end.homes import SHIPPED, Tables, regrade

ENDS = ("low", "high", "events_alone_low", "events_alone_high")
ASSESSED = (
    "assessed", "indeterminate by events alone", "indeterminate", "closed by assessments",
    "narrowed by assessments", "contradictions",
)  # fmt: skip
FIGURES = {"CART-DEMO": [33, 36, 24, 19, 12, 9], "CDISCPILOT01": [0, 19, 19, 0, 0, 0]}
"""ASSESSED of each study, counted by hand from the tables once and again below."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Result]:
    home = Home(tmp_path_factory.mktemp("demo"))
    return home, regrade(home, "demo")


def test_demo_lands_the_shipped_studies_and_sums_them_up(demo: tuple[Home, Result]) -> None:
    home, done = demo
    assert done.exit_code == 0, done.stderr
    shipped = {folder.name for folder in SHIPPED.iterdir() if (folder / "study.yaml").is_file()}
    assert set(home.studies()) == shipped == {"CART-DEMO", "CDISCPILOT01"}
    lines = done.stdout.splitlines()
    labels = [
        "study", "subjects", "events", "CTCAE any", "CTCAE >=3", "low any", "low >=3", "point any",
        "point >=3", "high any", "high >=3", "to zero", "up", "assessed", "indeterminate by events alone",
        "indeterminate", "closed by assessments", "narrowed by assessments", "contradictions", "rejected",
        "unmapped",
    ]  # fmt: skip
    assert [line.rsplit(maxsplit=2)[0] for line in lines[: len(labels)]] == labels
    assert lines[-2].startswith("mapping release ")
    assert lines[-2].endswith("under review, not clinically reviewed")
    page = home.reports / "portfolio" / "report.html"
    assert lines[-1] == f"report    {page}"
    text = page.read_text(encoding="utf-8")
    assert all(study in text for study in shipped)
    assert str(home.database) in done.stdout
    for study in shipped:
        assert str(Tables(home, study).run.folder) in done.stdout
    assert not [path for path in home.landing.iterdir() if path.name.startswith(".")]


def test_demo_summary_is_what_the_tables_say(demo: tuple[Home, Result]) -> None:
    home, _ = demo
    done = regrade(home, "demo", "--json")
    answer = json.loads(done.stdout)
    assert [study["state"] for study in answer["studies"]] == ["unchanged", "unchanged"]
    for row in answer["summary"]:
        tables = Tables(home, row["study"])
        grades = tables.rows(
            "core_subject_grades", is_primary_window=True, infusion_number=0, is_infused=True
        )
        assert row["subjects"] == len(grades)
        for name in ("low", "point", "high"):
            for label, threshold in (("any", 1), (">=3", 3)):
                counted = sum(
                    (grade[name] or 0) >= threshold  # type: ignore[operator]
                    for grade in grades
                    if grade["outcome"] != "NOT_EVALUABLE"
                )
                assert row[f"{name} {label}"] == counted
        changes = tables.rows(
            "diff_scale_subjects", is_primary_window=True, comparator_set="broad", is_infused=True
        )
        assert row["to zero"] == sum(change["change_point"] == "to_zero" for change in changes)
        assert row["up"] == sum(change["change_point"] == "up" for change in changes)
        assert row["indeterminate"] == sum(grade["outcome"] == "INDETERMINATE" for grade in grades)
        widths = [
            (ends[1] - ends[0], ends[3] - ends[2])
            for grade in grades
            if grade["outcome"] != "NOT_EVALUABLE"
            for ends in [[int(str(grade[name])) for name in ENDS]]
        ]
        assert row["closed by assessments"] == sum(now == 0 < alone for now, alone in widths)
        assert row["narrowed by assessments"] == sum(0 < now < alone for now, alone in widths)
        assert row["contradictions"] == tables["core_contradictions"].height
    figures = {row["study"]: [row[label] for label in ASSESSED] for row in answer["summary"]}
    assert figures == FIGURES


def test_demo_summary_counts_what_could_not_be_used(demo: tuple[Home, Result]) -> None:
    home, _ = demo
    for row in json.loads(regrade(home, "demo", "--json").stdout)["summary"]:
        tables = Tables(home, row["study"])
        rejected = tables.rows("core_rejected_rows", table_name="adverse_events")
        assert row["rejected"] == len(rejected)
        assert row["events"] == len(rejected) + tables["core_adverse_events"].height
        assert row["unmapped"] == tables["core_unmapped_terms"].height
