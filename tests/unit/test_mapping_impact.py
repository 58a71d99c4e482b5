"""Impact of another release: counts, causes, failures, exit codes, and what a report shows and hides."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import fastexcel
import polars as pl
import pytest

from mappings.release import Release
from mappings.term_key import term_key
from pipelines.diffs.mapping_impact import Impact, StudyInput, find_falling_ladders, preview_impact
from pipelines.report import impact_model
from pipelines.report.impact_model import ImpactReport, build_impact_report
from pipelines.report.impact_page import render_impact_html
from pipelines.report.impact_sheets import render_impact_xlsx
from pipelines.report.impact_text import render_impact_text
from pipelines.report.spreadsheet import neutral, restored
from schemas.errors import ReleaseError
from schemas.registry import RELEASE_TABLES
from tests import studies
from tests.small_release import small_release
from tests.studies import Row, Rows, to_frames

OLD = small_release()
SCHEMA = Path(impact_model.__file__).with_name("impact.schema.json")
NASTY = '=HYPERLINK("http://evil.example","x")<script>alert(1)</script>\x1b[31m'


def draft(**tables: Any) -> Release:
    """The small release as 0.0.2; a table is given as a function of its rows."""
    frames = {}
    for table in RELEASE_TABLES:
        name = table.info().name
        rows = OLD.tables[name].to_dicts()
        if name in tables:
            rows = tables[name](rows)
        frame = pl.DataFrame(
            [row | {"release_id": "0.0.2"} for row in rows], schema=table.polars_schema(), orient="row"
        )
        frames[name] = table.require(frame)
    return Release("0.0.2", "1" * 64, "draft", "draft, not clinically reviewed", frames)


def with_grade(rule_id: str, **cells: Any) -> Any:
    return lambda rows: [row | cells if row["rule_id"] == rule_id else row for row in rows]


def with_term(term: str, concept: str, version: str = "any") -> Any:
    def added(rows: list[Row]) -> list[Row]:
        new = {"term": term, "term_key": term_key(term), "code": "", "scale_version": version}
        return [*rows, rows[0] | new | {"relation": "exact", "concept_id": concept}]

    return added


def without_term(key: str) -> Any:
    return lambda rows: [row for row in rows if row["term_key"] != key]


def preview(rows: Rows, new: Release, **manifest: Any) -> Impact:
    return preview_impact([StudyInput(to_frames(rows), studies.manifest(**manifest))], OLD, new)


def one_event(**event: Any) -> Rows:
    return studies.study([studies.event(**event)])


MILD = with_grade("ctcae:4.03:encephalopathy:3", low=0, point=1)


def test_nothing_differs() -> None:
    impact = preview(one_event(), draft())
    assert (impact.exit_code, impact.has_impact, impact.affected.height) == (0, False, 0)
    assert impact.studies[0].matrix.rows() == [(3, 3, 1)]


def test_words_alone_are_no_impact() -> None:
    impact = preview(one_event(), draft(map_grades=with_grade("ctcae:4.03:encephalopathy:3", rationale="x")))
    assert impact.diff.change_class == "PATCH"
    assert impact.exit_code == 0


def test_a_changed_cell_names_its_subject_and_itself() -> None:
    impact = preview(one_event(), draft(map_grades=MILD))
    [study] = impact.studies
    assert impact.exit_code == 1
    assert (study.rows, study.rows_matched, study.rows_changed, study.events_affected) == (1, 1, 1, 1)
    assert (study.subjects, study.subjects_affected, study.subjects_affected_primary) == (1, 1, 1)
    assert study.matrix.rows() == [(3, 1, 1)]
    row = impact.affected.row(0, named=True)
    assert [row[f"{end}_before"] for end in ("low", "point", "high")] == [1, 3, 4]
    assert [row[f"{end}_after"] for end in ("low", "point", "high")] == [0, 1, 4]
    assert (row["outcome_before"], row["outcome_after"]) == ("ICANS", "INDETERMINATE")
    assert row["cause"] == "change"
    assert json.loads(row["changes"]) == ["map_grades:ctcae:4.03:encephalopathy:3"]


def test_crossings_are_counted_by_end_threshold_and_direction() -> None:
    impact = preview(one_event(), draft(map_grades=MILD))
    assert set(impact.studies[0].crossings.rows()) == {
        ("low", 1, "down", 1),
        ("point", 2, "down", 1),
        ("point", 3, "down", 1),
    }


def test_a_lost_point_crosses_to_unknown() -> None:
    impact = preview(
        one_event(), draft(map_grades=with_grade("ctcae:4.03:encephalopathy:3", point=None, low=1))
    )
    assert {row[2] for row in impact.studies[0].crossings.rows()} == {"to_unknown"}
    assert impact.studies[0].matrix.rows() == [(3, None, 1)]


def test_a_change_that_no_row_meets_has_no_impact() -> None:
    impact = preview(one_event(term="Seizure"), draft(map_grades=MILD))
    assert (impact.exit_code, impact.diff.change_class) == (0, "MAJOR")


def test_two_changes_that_only_matter_together_are_an_interaction() -> None:
    """The term moves to a concept whose grade changes too; either alone would leave the result."""
    old = OLD.tables["map_grades"].filter(pl.col("rule_id") == "ctcae:4.03:dysphasia:3").row(0, named=True)
    assert (old["low"], old["point"], old["high"]) == (2, 3, 3)

    def moved(rows: list[Row]) -> list[Row]:
        return [
            row | {"concept_id": "dysphasia"} if row["term_key"] == "encephalopathy" else row for row in rows
        ]

    new = draft(map_terms=moved, map_grades=with_grade("ctcae:4.03:dysphasia:3", low=0, point=0))
    row = preview(one_event(), new).affected.row(0, named=True)
    assert row["cause"] == "interaction"
    assert "map_grades:ctcae:4.03:dysphasia:3" in json.loads(row["changes"])
    assert any("map_terms:encephalopathy" in change for change in json.loads(row["changes"]))


def test_of_two_changed_rows_the_one_that_sets_the_grade_is_responsible() -> None:
    rows = studies.study([studies.event(), studies.event(term="Dysphasia", grade=1, number=2)])

    def both(grades: list[Row]) -> list[Row]:
        return with_grade("ctcae:4.03:dysphasia:1", point=0)(
            with_grade("ctcae:4.03:encephalopathy:3", low=2)(grades)
        )

    row = preview(rows, draft(map_grades=both)).affected.row(0, named=True)
    assert (row["cause"], json.loads(row["changes"])) == (
        "change",
        ["map_grades:ctcae:4.03:encephalopathy:3"],
    )


def test_a_new_cause_role_acts_on_the_other_rows_of_the_subject() -> None:
    rows = studies.study([studies.event(), studies.event(term="Headache", grade=1, number=2)])

    def bleeding(concepts: list[Row]) -> list[Row]:
        return [
            row | {"cause_role": "haemorrhage"} if row["concept_id"] == "headache" else row
            for row in concepts
        ]

    impact = preview(rows, draft(map_concepts=bleeding))
    row = impact.affected.row(0, named=True)
    assert (row["low_before"], row["low_after"]) == (1, 0)
    assert (impact.studies[0].rows_changed, impact.studies[0].events_affected) == (1, 1)
    assert json.loads(row["changes"]) == ["map_concepts:headache"]


def test_a_rejected_row_that_becomes_harmless_is_an_impact() -> None:
    rows = studies.study([], rejects=[studies.rejected("Zorbl syndrome")])
    impact = preview(rows, draft(map_terms=with_term("Zorbl syndrome", "headache")))
    row = impact.affected.row(0, named=True)
    assert (row["high_before"], row["high_after"]) == (5, 0)
    assert (impact.exit_code, impact.studies[0].rows, row["cause"]) == (1, 0, "change")


def test_coverage_lost_and_gained() -> None:
    rows = studies.study(
        [studies.event(), studies.event(number=2), studies.event(term="Zorbl syndrome", number=3)]
    )

    def terms(old: list[Row]) -> list[Row]:
        return with_term("Zorbl syndrome", "seizure")(without_term("encephalopathy")(old))

    [study] = preview(rows, draft(map_terms=terms)).studies
    assert study.coverage.rows() == [("gained", "zorbl syndrome", 1, 1), ("lost", "encephalopathy", 2, 1)]


def test_rules_never_hit_are_the_others() -> None:
    impact = preview(one_event(), draft())
    rules = set(OLD.tables["map_grades"]["rule_id"])
    assert set(impact.rules_never_hit) == rules - {"ctcae:4.03:encephalopathy:3"}


def test_a_ladder_that_falls_is_found_in_adults_and_children() -> None:
    steep = with_grade("ctcae:4.03:delirium:1", low=1, point=2, high=4)
    child = with_grade("ctcae:4.03:delirium:1:child", high=5)
    found = find_falling_ladders(draft(map_grades=lambda rows: child(steep(rows))))
    falls = found.filter(
        (pl.col("concept_id") == "delirium") & (pl.col("scale_version") == "4.03") & (pl.col("grade") == 1)
    )
    assert falls.select("population", "end", "value", "next_grade", "next_value").rows() == [
        ("any", "high", 4, 2, 3),
        ("any", "low", 1, 2, 0),
        ("child", "high", 5, 2, 3),
    ]


def test_a_study_that_cannot_be_graded_does_not_take_the_others_with_it() -> None:
    new = draft(
        map_grades=MILD,
        map_conventions=lambda rows: [row for row in rows if row["convention_id"] != "any_seizure_grade_3"],
    )
    declares = studies.manifest(
        study="S2", grading={"scale": "ctcae", "version": "4.03", "conventions": ["any_seizure_grade_3"]}
    )
    checked = to_frames(one_event())
    impact = preview_impact(
        [StudyInput(checked, declares), StudyInput(checked, studies.manifest())], OLD, new
    )
    assert impact.exit_code == 2
    assert [study.study_id for study in impact.studies] == ["S1"]
    [failure] = impact.failures
    assert (failure.study_id, failure.release_id) == ("S2", "0.0.2")
    assert "any_seizure_grade_3" in failure.message
    text = render_impact_text(build_impact_report(impact))
    assert "NOT COMPUTED  S2 under 0.0.2" in text
    assert "Could not compute 1 of 2 studies" in text


def test_what_a_study_adds_to_a_release_is_added_to_both() -> None:
    def compose(release: Release) -> Release:
        if release.release_id == "0.0.2":
            raise ReleaseError("the overlay was made for release 0.0.1", next_action="widen its base")
        return release

    study = StudyInput(to_frames(one_event()), studies.manifest(), compose)
    [failure] = preview_impact([study], OLD, draft()).failures
    assert (failure.release_id, failure.next_action) == ("0.0.2", "widen its base")


def test_a_release_is_not_compared_with_itself() -> None:
    with pytest.raises(ReleaseError, match="compared with itself"):
        preview_impact([], OLD, OLD)


def test_no_study_is_no_impact() -> None:
    impact = preview_impact([], OLD, draft(map_grades=MILD))
    assert (impact.exit_code, impact.affected.height) == (0, 0)
    assert build_impact_report(impact).totals.subjects == 0


@pytest.fixture(scope="module")
def nasty() -> Impact:
    """A study whose subject, term and reason try to leave their cell."""
    rows = studies.study(
        [studies.event(subject=NASTY), studies.event(term=NASTY, subject=NASTY, number=2)],
        subjects=[studies.subject(NASTY)],
        infusions=[studies.infusion(subject=NASTY)],
    )

    def grades(old: list[Row]) -> list[Row]:
        return with_grade("ctcae:4.03:encephalopathy:3", low=0, rationale=NASTY)(old)

    return preview(rows, draft(map_grades=grades, map_terms=with_term(NASTY, "seizure")))


def test_the_typed_report_survives_a_round_trip(nasty: Impact) -> None:
    report = build_impact_report(nasty)
    assert ImpactReport.model_validate_json(report.model_dump_json()) == report


def test_the_committed_schema_is_that_of_the_model() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == ImpactReport.model_json_schema()


def test_subject_ids_are_shown_only_when_asked_for(nasty: Impact) -> None:
    hidden, shown = build_impact_report(nasty), build_impact_report(nasty, show_subject_ids=True)
    assert {line.subject_id for line in hidden.subjects} == {None}
    assert {line.number for line in hidden.subjects} == {1}
    assert {line.subject_id for line in shown.subjects} == {NASTY}


def test_numbers_follow_results_not_ids() -> None:
    events = [
        studies.event(subject="01"),
        studies.event(subject="02", grade=1),
        studies.event(subject="02", term="Seizure", number=2),
    ]
    rows = studies.study(
        events,
        subjects=[studies.subject("01"), studies.subject("02")],
        infusions=[studies.infusion(subject="01"), studies.infusion(subject="02")],
    )

    def grades(old: list[Row]) -> list[Row]:
        return with_grade("ctcae:4.03:seizure:3", high=4, point=4)(MILD(old))

    report = build_impact_report(preview(rows, draft(map_grades=grades)), show_subject_ids=True)
    assert {line.number: line.subject_id for line in report.subjects} == {1: "02", 2: "01"}


def test_no_escape_reaches_a_terminal(nasty: Impact) -> None:
    text = render_impact_text(build_impact_report(nasty, show_subject_ids=True))
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "0.0.2 (draft, not clinically reviewed)" in text


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs


def test_the_page_asks_nothing_of_any_network_and_runs_nothing(nasty: Impact) -> None:
    html = render_impact_html(build_impact_report(nasty, show_subject_ids=True))
    page = Page()
    page.feed(html)
    assert page.tags.isdisjoint({"script", "img", "link", "iframe", "object", "base", "form", "a"})
    assert not [name for name, _ in page.attributes if name in ("src", "href") or name.startswith("on")]
    assert "default-src 'none'" in html
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert not re.search(r"url\(|@import", html)


def test_the_workbook_holds_no_formula(nasty: Impact) -> None:
    blob = render_impact_xlsx(build_impact_report(nasty, show_subject_ids=True))
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        sheets = [archive.read(name).decode() for name in archive.namelist() if "worksheets/" in name]
        assert not any("hyperlink" in name.lower() for name in archive.namelist())
    assert sheets
    assert not any("<f>" in sheet or "<hyperlink" in sheet for sheet in sheets)
    subjects = pl.DataFrame(fastexcel.read_excel(blob).load_sheet("Subjects").to_arrow())
    assert subjects["Subject"][0] == neutral(NASTY)
    assert subjects["Subject"][0].startswith("'=")


def test_the_same_report_gives_the_same_bytes(nasty: Impact) -> None:
    report = build_impact_report(nasty)
    assert render_impact_xlsx(report) == render_impact_xlsx(report)


@pytest.mark.parametrize(
    "text", ["=1", "+1", "-1", "@x", "'=1", "''=1", "plain", "'quoted'", "", "|x", "\uff1d1"]
)
def test_a_neutral_cell_is_restored(text: str) -> None:
    assert restored(neutral(text)) == text
    assert neutral(text)[:1] not in tuple("=+-@|")


def _benchmark() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "preview_benchmark.py"
    spec = importlib.util.spec_from_file_location("preview_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_benchmark_runs() -> None:
    """Its study and its draft are usable; how long it takes is not a matter of a unit test."""
    benchmark = _benchmark()
    old = benchmark.load_release()
    impact = preview_impact([benchmark.make_study(2_000, 1, old)], old, benchmark.make_draft(old))
    assert impact.failures == ()
    assert impact.studies[0].subjects_affected > 0


def test_contradictions_with_recorded_assessments_are_counted_under_both_releases() -> None:
    """A wider row no longer contradicts the measurement of its day."""
    rows = studies.study(
        [studies.event("Encephalopathy", 1)],
        assessments=[
            studies.assessment("ice_total", 0, number=1),
            studies.assessment("arousal", "alert", number=2),
        ],
    )
    mild = next(
        row
        for row in OLD.tables["map_grades"].to_dicts()
        if row["concept_id"] == "encephalopathy" and row["grade"] == 1 and row["scale_version"] == "4.03"
    )
    assert mild["high"] < 3
    wider = draft(map_grades=with_grade(mild["rule_id"], high=4))
    study = StudyInput(to_frames(rows), studies.manifest())
    impact = preview_impact([study], OLD, wider)
    assert impact.studies[0].contradictions.rows() == [("measured_above_reported", 1, 0)]
    text = render_impact_text(build_impact_report(impact))
    assert "measured above reported: rows 1 -> 0" in text
