"""Runs of one study under several mapping releases, side by side in the warehouse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mappings.diff import compare_releases
from mappings.loader import list_releases, load_release
from pipelines import mapping_comparisons
from pipelines.home import Home
from pipelines.stages import run_study
from tests.end_to_end.added_terms import NEW, OLD, STUDY, SUBJECTS, added
from tests.end_to_end.homes import ask, regrade, warehouse_content
from tests.overlays import concept, grade, term, write_overlay


def test_both_results_are_queryable_side_by_side(two_releases: Home) -> None:
    runs = ask(two_releases, "SELECT mapping_release_id, is_current, is_comparable FROM core_runs ORDER BY 1")
    assert runs.rows() == [(OLD, True, True), (NEW, False, True)]
    found = ask(
        two_releases,
        "SELECT mapping_release_id, high, current_high, differs FROM out_subject_grades_by_release "
        "WHERE subject_id = 'A-1' AND is_primary_window AND infusion_number = 0 ORDER BY 1",
    )
    assert found.rows() == [(OLD, 4, 4, False), (NEW, 0, 4, True)]


def test_views_show_the_current_run_only(two_releases: Home) -> None:
    assert ask(two_releases, "SELECT DISTINCT mapping_release_id FROM out_event_story").rows() == [(OLD,)]
    assert ask(two_releases, "SELECT count(*) AS n FROM out_event_story").item() == 3
    assert (
        ask(
            two_releases, "SELECT sum(subjects) AS n FROM out_grade_shift WHERE comparator_set = 'broad'"
        ).item()
        == 3
    )
    for view in ("out_incidence", "out_findings", "out_unmapped_terms", "out_latest_runs"):
        columns = ask(two_releases, f"SELECT * FROM {view}").height
        once = ask(two_releases, f"SELECT DISTINCT * FROM {view}").height
        assert columns == once > 0, view
    terms = ask(two_releases, "SELECT term_key FROM out_unmapped_terms ORDER BY 1")["term_key"].to_list()
    assert terms == ["parosmia", "quibbling of the mind"]


def test_the_warehouse_holds_every_release_its_diff_and_its_impact(two_releases: Home) -> None:
    assert set(ask(two_releases, "SELECT release_id FROM map_releases")["release_id"]) == set(list_releases())
    rows = ask(two_releases, f"SELECT * FROM diff_mapping_rows WHERE new_release_id = '{NEW}'")
    assert rows.equals(compare_releases(load_release(OLD), load_release(NEW)).rows)
    impact = ask(
        two_releases, f"SELECT * FROM out_mapping_impact WHERE new_release_id = '{NEW}' AND is_primary_window"
    )
    assert set(impact["subject_id"]) == {"A-1"}
    assert impact.row(0, named=True)["interval_after"] == "0/0/0"
    assert json.loads(impact["changes"][0]) == ["map_terms:parosmia|any|"]
    summary = ask(two_releases, "SELECT rows_valid, subjects, subjects_affected FROM diff_mapping_studies")
    assert summary.rows() == [(3, 3, 1)]
    shown = ask(
        two_releases, "SELECT release_id, current_studies, other_studies FROM out_mapping_releases ORDER BY 1"
    )
    assert shown.rows()[:2] == [(OLD, STUDY, None), (NEW, None, STUDY)]
    diff = ask(two_releases, "SELECT DISTINCT change_class FROM out_mapping_diff").rows()
    assert diff == [("MINOR",)]


def test_the_impact_is_what_the_two_runs_show(two_releases: Home) -> None:
    impact = ask(
        two_releases,
        "SELECT subject_id, infusion_number, window_days, low_before, high_before, low_after, high_after "
        "FROM diff_mapping_impact ORDER BY ALL",
    )
    runs = ask(
        two_releases,
        "SELECT subject_id, infusion_number, window_days, current_low, current_high, low, high "
        "FROM out_subject_grades_by_release WHERE differs ORDER BY ALL",
    )
    assert impact.rows() == runs.rows() != []


def test_status_and_publish_name_the_runs_beside_the_current_one(two_releases: Home) -> None:
    state = json.loads(regrade(two_releases, "status", "--json").output)["studies"][0]
    assert (state["release_id"], state["other_releases"], state["state"]) == (OLD, [NEW], "up_to_date")
    assert "(1 study, 2 runs)" in regrade(two_releases, "publish").output


def test_running_again_changes_neither_the_current_run_nor_the_file(two_releases: Home) -> None:
    before = warehouse_content(two_releases)
    result = regrade(two_releases, "run", "--release", NEW, STUDY, "--json")
    (outcome,) = json.loads(result.output)["studies"]
    assert (outcome["state"], outcome["release_id"], outcome["is_current"]) == ("unchanged", NEW, False)
    assert warehouse_content(two_releases) == before


def test_the_release_of_the_manifest_is_the_current_one(tmp_path: Path) -> None:
    home = Home(tmp_path).ensure()
    folder = added(home)
    first = run_study(home, STUDY, release_id=NEW)
    assert first.is_current  # a study that was never run has nothing else to stand on
    again = run_study(home, STUDY)
    assert again.is_current
    assert again.release_id == OLD
    assert not run_study(home, STUDY, release_id=NEW).is_current
    text = (folder / "study.yaml").read_text().replace(OLD, NEW)
    (folder / "study.yaml").write_text(text)
    moved = run_study(home, STUDY)
    assert moved.created
    assert moved.is_current
    assert regrade(home, "publish").exit_code == 0
    rows = ask(home, "SELECT mapping_release_id, is_current, is_comparable FROM core_runs ORDER BY 1")
    assert rows.rows() == [(OLD, False, True), (NEW, True, True)]


def test_other_inputs_are_not_comparable(tmp_path: Path) -> None:
    home = Home(tmp_path).ensure()
    folder = added(home)
    run_study(home, STUDY, release_id=NEW)
    run_study(home, STUDY)
    (folder / "dm.csv").write_text(SUBJECTS.replace("54", "55"))
    run_study(home, STUDY)
    assert regrade(home, "publish").exit_code == 0
    rows = ask(home, "SELECT mapping_release_id, is_current, is_comparable FROM core_runs ORDER BY 1")
    assert rows.rows() == [(OLD, True, True), (NEW, False, False)]


def test_a_study_on_the_newest_release_shows_what_that_changed(tmp_path: Path) -> None:
    home = Home(tmp_path).ensure()
    newest = list_releases()[-1]
    added(home, release=newest)
    assert regrade(home, "run").exit_code == 0
    parent = load_release(newest).tables["map_releases"]["parent_release_id"][0]
    assert ask(home, "SELECT old_release_id, new_release_id FROM diff_mapping_studies").rows() == [
        (parent, newest)
    ]


def test_an_overlay_is_a_release_of_its_own_compared_with_its_base(tmp_path: Path) -> None:
    home = Home(tmp_path).ensure()
    grades = [grade(f"ctcae:any:quibble:{n}", f"1{n}{n}") for n in (1, 2, 3, 4)] + [
        grade("ctcae:any:quibble:5", "1n5")
    ]
    write_overlay(
        home.overlays,
        "house",
        base=">=1.0.0",
        concepts=[concept("quibble")],
        terms=[term("Quibbling of the mind", "quibble", relation="own")],
        grades=grades,
    )
    added(home, more="mapping_overlays: [house]\n")
    result = regrade(home, "run")
    assert result.exit_code == 0, result.output
    (release_id,) = ask(home, "SELECT mapping_release_id FROM core_runs")["mapping_release_id"]
    assert release_id.startswith(f"{OLD}+house.")
    assert ask(home, f"SELECT * FROM map_terms WHERE release_id = '{release_id}'").height > 800
    rows = ask(
        home, f"SELECT old_release_id, row_key FROM diff_mapping_rows WHERE new_release_id = '{release_id}'"
    )
    assert set(rows["old_release_id"]) == {OLD}
    assert "quibbling of the mind|any|" in set(rows["row_key"])
    affected = ask(home, "SELECT DISTINCT subject_id FROM diff_mapping_impact")["subject_id"].to_list()
    assert affected == ["A-1"]  # the overlay holds under both releases


def test_a_comparison_that_fails_costs_no_publication(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a cell of a subject")

    home = Home(tmp_path).ensure()
    added(home)
    with monkeypatch.context() as patched:
        patched.setattr(mapping_comparisons, "preview_impact", broken)
        result = regrade(home, "run")
    assert result.exit_code == 0
    assert "not compared: 1.0.0 -> 1.1.0 for ADDED: unexpected ZeroDivisionError" in result.output
    assert "a cell of a subject" not in result.output
    assert ask(home, "SELECT * FROM diff_mapping_studies").is_empty()
    assert ask(home, "SELECT * FROM diff_mapping_rows").height > 0
    assert regrade(home, "publish").exit_code == 0
    assert ask(home, "SELECT study_id FROM diff_mapping_studies").rows() == [(STUDY,)]


def test_an_unknown_release_is_one_message_and_runs_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path).ensure()
    added(home)
    added(home, "OTHER")
    result = regrade(home, "run", "--release", "1.0")
    assert result.exit_code == 1
    assert result.output.count("no such mapping release, nearest: 1.") == 1
    assert not home.database.exists()
