"""`regrade mappings` and `regrade run --release` as a data manager uses them."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

import mappings
from mappings.curation import lint_release
from mappings.diff import compare_releases
from mappings.loader import list_releases, load_release
from pipelines import mapping_comparisons
from pipelines.cli.app import app
from pipelines.home import Home
from pipelines.stages import run_study
from tests.end_to_end.homes import Tables, ask, regrade, warehouse_content, write_study
from tests.overlays import concept, grade, term, write_overlay

SHIPPED = Path(mappings.__file__).parent / "releases"
OLD, NEW = "1.0.0", "1.1.0"
STUDY = "ADDED"
MANIFEST = """\
manifest_version: 1
study: {study}
files:
  - {{path: ae.csv, role: adverse_events}}
  - {{path: dm.csv, role: subjects}}
grading: {{scale: ctcae, version: "4.03"}}
infusions: {{source: reference_start}}
mapping_release: "{release}"
"""
EVENTS = """\
USUBJID,AESEQ,AETERM,AEDECOD,AEBODSYS,AETOXGR,AESTDTC,AEENDTC
A-1,1,x,Parosmia,Nervous system disorders,2,2017-03-04,2017-03-06
A-2,1,x,Encephalopathy,Nervous system disorders,3,2017-03-04,2017-03-06
A-3,1,x,Quibbling of the mind,Nervous system disorders,3,2017-03-05,2017-03-05
"""
SUBJECTS = (
    "USUBJID,AGE,AGEU,RFSTDTC\nA-1,54,YEARS,2017-03-01\nA-2,61,YEARS,2017-03-01\nA-3,47,YEARS,2017-03-02\n"
)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["mappings", *arguments], env={"COLUMNS": "200"})


def added(home: Home, study: str = STUDY, release: str = OLD, more: str = "") -> Path:
    """A study with one term that 1.1.0 adds, one that both know and one that neither does."""
    manifest = MANIFEST.format(study=study, release=release) + more
    return write_study(home, study, {"study.yaml": manifest, "ae.csv": EVENTS, "dm.csv": SUBJECTS})


def draft_of(release_id: str, root: Path, new_id: str = "9.0.0") -> Path:
    """A copy of a shipped release under another id, its parent, as an author starts a draft."""
    folder = root / new_id
    shutil.copytree(SHIPPED / release_id, folder)
    text = (folder / "release.yaml").read_text(encoding="utf-8")
    text = text.replace(f'release_id: "{release_id}"', f'release_id: "{new_id}"', 1)
    text = text.replace("status: under_review", "status: draft", 1)
    lines = [
        f'parent_release_id: "{release_id}"' if line.startswith("parent_release_id:") else line
        for line in text.split("\n")
    ]
    (folder / "release.yaml").write_text("\n".join(lines), encoding="utf-8")
    lint_release(folder, fix=True)
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One study that stands on 1.0.0, run under 1.1.0 too; tests leave it as they found it."""
    home = Home(tmp_path_factory.mktemp("mappings")).ensure()
    added(home)
    assert regrade(home, "run").exit_code == 0
    result = regrade(home, "run", "--release", NEW, STUDY)
    assert result.exit_code == 0, result.output
    assert "kept beside the current run" in result.output
    return home


def test_both_results_are_queryable_side_by_side(published: Home) -> None:
    runs = ask(published, "SELECT mapping_release_id, is_current, is_comparable FROM core_runs ORDER BY 1")
    assert runs.rows() == [(OLD, True, True), (NEW, False, True)]
    found = ask(
        published,
        "SELECT mapping_release_id, high, current_high, differs FROM out_subject_grades_by_release "
        "WHERE subject_id = 'A-1' AND is_primary_window AND infusion_number = 0 ORDER BY 1",
    )
    assert found.rows() == [(OLD, 4, 4, False), (NEW, 0, 4, True)]


def test_views_show_the_current_run_only(published: Home) -> None:
    assert ask(published, "SELECT DISTINCT mapping_release_id FROM out_event_story").rows() == [(OLD,)]
    assert ask(published, "SELECT count(*) AS n FROM out_event_story").item() == 3
    assert (
        ask(published, "SELECT sum(subjects) AS n FROM out_grade_shift WHERE comparator_set = 'broad'").item()
        == 3
    )
    for view in ("out_incidence", "out_findings", "out_unmapped_terms", "out_latest_runs"):
        columns = ask(published, f"SELECT * FROM {view}").height
        once = ask(published, f"SELECT DISTINCT * FROM {view}").height
        assert columns == once > 0, view
    terms = ask(published, "SELECT term_key FROM out_unmapped_terms ORDER BY 1")["term_key"].to_list()
    assert terms == ["parosmia", "quibbling of the mind"]


def test_the_warehouse_holds_every_release_its_diff_and_its_impact(published: Home) -> None:
    assert set(ask(published, "SELECT release_id FROM map_releases")["release_id"]) == set(list_releases())
    rows = ask(published, f"SELECT * FROM diff_mapping_rows WHERE new_release_id = '{NEW}'")
    assert rows.equals(compare_releases(load_release(OLD), load_release(NEW)).rows)
    impact = ask(
        published, f"SELECT * FROM out_mapping_impact WHERE new_release_id = '{NEW}' AND is_primary_window"
    )
    assert set(impact["subject_id"]) == {"A-1"}
    assert impact.row(0, named=True)["interval_after"] == "0/0/0"
    assert json.loads(impact["changes"][0]) == ["map_terms:parosmia|any|"]
    summary = ask(published, "SELECT rows_valid, subjects, subjects_affected FROM diff_mapping_studies")
    assert summary.rows() == [(3, 3, 1)]
    shown = ask(
        published, "SELECT release_id, current_studies, other_studies FROM out_mapping_releases ORDER BY 1"
    )
    assert shown.rows()[:2] == [(OLD, STUDY, None), (NEW, None, STUDY)]
    diff = ask(published, "SELECT DISTINCT change_class FROM out_mapping_diff").rows()
    assert diff == [("MINOR",)]


def test_the_impact_is_what_the_two_runs_show(published: Home) -> None:
    impact = ask(
        published,
        "SELECT subject_id, infusion_number, window_days, low_before, high_before, low_after, high_after "
        "FROM diff_mapping_impact ORDER BY ALL",
    )
    runs = ask(
        published,
        "SELECT subject_id, infusion_number, window_days, current_low, current_high, low, high "
        "FROM out_subject_grades_by_release WHERE differs ORDER BY ALL",
    )
    assert impact.rows() == runs.rows() != []


def test_status_and_publish_name_the_runs_beside_the_current_one(published: Home) -> None:
    state = json.loads(regrade(published, "status", "--json").output)["studies"][0]
    assert (state["release_id"], state["other_releases"], state["state"]) == (OLD, [NEW], "up_to_date")
    assert "(1 studies, 2 runs)" in regrade(published, "publish").output


def test_running_again_changes_neither_the_current_run_nor_the_file(published: Home) -> None:
    before = warehouse_content(published)
    result = regrade(published, "run", "--release", NEW, STUDY, "--json")
    (outcome,) = json.loads(result.output)["studies"]
    assert (outcome["state"], outcome["release_id"], outcome["is_current"]) == ("unchanged", NEW, False)
    assert warehouse_content(published) == before


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


# Without a home


def test_list_names_every_release_and_the_default() -> None:
    result = call("list", "--json")
    assert result.exit_code == 0
    listed = json.loads(result.output)["releases"]
    assert [row["release"] for row in listed] == list(list_releases())
    assert [row["default"] for row in listed].count(True) == 1
    assert all("not clinically reviewed" in row["review"] for row in listed)


def test_the_shipped_releases_are_clean_and_canonical() -> None:
    for command in ("check", "lint"):
        result = call(command)
        assert result.exit_code == 0, result.output


def test_check_and_lint_find_a_change_and_lint_puts_form_right(tmp_path: Path) -> None:
    folder = draft_of(OLD, tmp_path)
    assert call("check", str(folder)).exit_code == 0
    path = folder / "terms.tsv"
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:-3], lines[-2], lines[-3], b""]).replace(b"\n", b"\r\n"))
    checked = call("check", str(folder))
    assert checked.exit_code == 1
    assert "edited: A file is not what the checksum list of its release says." in checked.output
    assert "9.0.0/terms.tsv" in checked.output
    machine = json.loads(call("check", str(folder), "--json").output)
    assert not machine["clean"]
    assert {"kind", "file", "line", "rule_id", "next_action"} <= set(machine["problems"][0])
    looked = call("lint", str(folder))
    assert looked.exit_code == 1
    assert "9.0.0/terms.tsv: to fix: line ends LF, rows sorted" in looked.output
    assert "next: regrade mappings lint --fix" in looked.output
    fixed = call("lint", "--fix", str(folder))
    assert fixed.exit_code == 0, fixed.output
    assert path.read_bytes() == b"\n".join(lines)
    assert call("check", str(folder)).exit_code == 0


def test_check_takes_an_overlay_too(tmp_path: Path) -> None:
    good = write_overlay(tmp_path, "good", terms=[term("Quibbling", "headache")])
    assert call("check", str(good), "--base", OLD).exit_code == 0
    bad = write_overlay(tmp_path, "bad", terms=[term("Headache", "seizure")])
    refused = call("check", str(bad), "--base", OLD)
    assert refused.exit_code == 1
    assert "MAP-OVERLAY-SHADOW" in refused.output


def test_diff_says_what_differs_and_which_class_that_is() -> None:
    same = call("diff", OLD, OLD)
    assert (same.exit_code, "decide the same" in same.output) == (0, True)
    differs = call("diff", OLD, NEW)
    assert differs.exit_code == 1
    assert differs.output.startswith("1.0.0 -> 1.1.0: MINOR (1.1.0 or higher)\n")
    assert "\n+ Parosmia -> olfactory_nerve_disorder\n" in differs.output
    machine = json.loads(call("diff", OLD, NEW, "--json").output)
    assert machine["change_class"] == "MINOR"
    assert len(machine["rows"]) == compare_releases(load_release(OLD), load_release(NEW)).rows.height
    back = call("diff", NEW, OLD)
    assert "MAJOR" in back.output.split("\n")[0]


@pytest.mark.parametrize("name", ["9.9.9", "no/such/folder", "tests"])
def test_what_cannot_be_compared_is_2_and_named(name: str) -> None:
    for arguments in (("diff", OLD, name), ("preview", name)):
        result = call(*arguments)
        assert result.exit_code == 2
        assert "Next: " in result.output


def test_preview_says_who_changes_and_why_and_changes_nothing(published: Home) -> None:
    before = warehouse_content(published)
    result = regrade(published, "mappings", "preview", NEW)
    assert result.exit_code == 1
    assert "1 of 3 subjects in 1 of 1 studies would get another result" in result.output
    assert "map_terms:parosmia|any|" in result.output
    assert "A-1" not in result.output
    assert "A-1" in regrade(published, "mappings", "preview", NEW, "--subject-ids").output
    assert warehouse_content(published) == before


def test_preview_of_a_draft_that_changes_nothing_is_0(published: Home, tmp_path: Path) -> None:
    result = regrade(published, "mappings", "preview", str(draft_of(OLD, tmp_path)), "--against", OLD)
    assert result.exit_code == 0, result.output
    assert "No result of 1 studies would differ." in result.output


def test_preview_in_every_format(published: Home, tmp_path: Path) -> None:
    for style in ("text", "json", "html", "xlsx"):
        path = tmp_path / f"impact.{style}"
        result = regrade(published, "mappings", "preview", NEW, "--format", style, "--output", str(path))
        assert (result.exit_code, path.stat().st_size > 500) == (1, True)
    report = json.loads((tmp_path / "impact.json").read_text(encoding="utf-8"))
    assert report["totals"]["subjects_affected"] == 1
    assert json.loads(regrade(published, "mappings", "preview", NEW, "--json").output) == report
    assert (tmp_path / "impact.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    sheet = pl.read_excel(tmp_path / "impact.xlsx", sheet_name="Studies")
    assert sheet["Study"].to_list() == [STUDY]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    refused = regrade(published, "mappings", "preview", NEW, "--format", "xlsx")
    assert refused.exit_code == 2
    assert "a workbook needs --output FILE" in refused.output


def test_a_study_that_cannot_be_read_is_2_and_the_others_are_compared(tmp_path: Path) -> None:
    home = Home(tmp_path).ensure()
    for study in ("GOOD", "DAMAGED", "NEVER"):
        added(home, study)
    for study in ("GOOD", "DAMAGED"):
        run_study(home, study)
    file = Tables(home, "DAMAGED").run.folder / "core_subjects.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    result = regrade(home, "mappings", "preview", NEW)
    assert result.exit_code == 2
    assert "Could not compute 1 of 2 studies" in result.output
    assert "DAMAGED" in result.output
    assert "parosmia" in result.output
    assert "NEVER was never run and is left out. Next: regrade run NEVER" in result.output


def test_preview_without_any_run_is_2(tmp_path: Path) -> None:
    result = regrade(Home(tmp_path).ensure(), "mappings", "preview", NEW)
    assert result.exit_code == 2
    assert "no study has been run" in result.output


def test_a_filled_in_work_list_becomes_a_draft_that_can_be_previewed(published: Home, tmp_path: Path) -> None:
    shown = json.loads(regrade(published, "mappings", "work-list", "--base", OLD, "--json").output)
    assert [line["term"] for line in shown["terms"]] == ["parosmia", "quibbling of the mind"]
    form = tmp_path / "list.tsv"
    written = regrade(published, "mappings", "work-list", "--base", NEW, "--output", str(form))
    assert (written.exit_code, "1 terms that 1.1.0 does not decide" in written.output) == (0, True)
    header, line, *_ = form.read_text(encoding="utf-8").split("\n")
    cells = dict(zip(header.split("\t"), line.split("\t"), strict=True))
    cells |= {"concept_id": "headache", "relation": "narrower", "reason": "The sponsor's word for a headache"}
    form.write_text("\n".join([header, "\t".join(cells.values()), ""]), encoding="utf-8")
    arguments = (
        "work-list",
        "--base",
        NEW,
        "--read-back",
        str(form),
        "--into",
        str(tmp_path),
        "--date",
        "2026-01-02",
    )
    made = call(*arguments)
    assert made.exit_code == 0, made.output
    assert "1 terms decided, 0 new concepts, 0 left undecided" in made.output
    draft = str(tmp_path / "1.2.0")
    assert call("check", draft).exit_code == 0
    result = regrade(published, "mappings", "preview", draft, "--json")
    report = json.loads(result.output)
    assert report["old"]["release_id"] == NEW
    assert [line["changes"] for line in report["subjects"] if line["is_headline"]] == [
        ["map_terms:quibbling of the mind|any|"]
    ]
    again = call(*arguments)
    assert again.exit_code == 1
    assert "the folder is there already" in again.output


def test_a_wrong_line_of_a_work_list_is_named_and_nothing_is_written(published: Home, tmp_path: Path) -> None:
    form = tmp_path / "list.xlsx"
    assert regrade(published, "mappings", "work-list", "--output", str(form)).exit_code == 0
    frame = pl.read_excel(form, infer_schema_length=0)
    text = io.StringIO()
    frame.with_columns(pl.lit("no_such_concept").alias("concept_id")).write_csv(text, separator="\t")
    filled = tmp_path / "list.tsv"
    filled.write_text(text.getvalue(), encoding="utf-8")
    result = call("work-list", "--read-back", str(filled), "--into", str(tmp_path / "drafts"))
    assert result.exit_code == 1
    assert "line 2" in result.output
    assert not (tmp_path / "drafts").exists()


def test_export_writes_both_formats(tmp_path: Path) -> None:
    assert call("export", OLD, "--output", str(tmp_path / "sssom")).exit_code == 0
    names = sorted(path.name for path in (tmp_path / "sssom").iterdir())
    assert names == ["conventions.sssom.tsv", "grades.sssom.tsv", "terms.sssom.tsv"]
    file = tmp_path / "map.json"
    assert call("export", OLD, "--format", "fhir", "--output", str(file)).exit_code == 0
    assert json.loads(file.read_text(encoding="utf-8"))["version"] == OLD


def test_help_documents_exit_codes_and_loads_nothing_heavy() -> None:
    for command in ("list", "check", "lint", "diff", "preview", "work-list", "export"):
        result = call(command, "--help")
        assert "Exit codes: 0" in " ".join(result.output.split()), command
    code = (
        "import sys; sys.argv = ['regrade', 'mappings', '--help']\n"
        "from pipelines.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'polars', 'duckdb', 'pandera', 'dagster', 'jinja2', 'rapidfuzz'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.endswith("[]\n")
