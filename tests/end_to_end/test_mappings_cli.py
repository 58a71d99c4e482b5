"""`regrade mappings` as a data manager uses it."""

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
from pipelines.cli.app import app
from pipelines.home import Home
from pipelines.stages import run_study
from tests.end_to_end.added_terms import NEW, OLD, STUDY, added
from tests.end_to_end.homes import Tables, regrade, warehouse_content
from tests.overlays import term, write_overlay

SHIPPED = Path(mappings.__file__).parent / "releases"


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["mappings", *arguments], env={"COLUMNS": "200"})


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


def test_preview_says_who_changes_and_why_and_changes_nothing(two_releases: Home) -> None:
    before = warehouse_content(two_releases)
    result = regrade(two_releases, "mappings", "preview", NEW)
    assert result.exit_code == 1
    assert "1 of 3 subjects in 1 of 1 study would get another result" in result.output
    assert "map_terms:parosmia|any|" in result.output
    assert "A-1" not in result.output
    assert "A-1" in regrade(two_releases, "mappings", "preview", NEW, "--subject-ids").output
    assert warehouse_content(two_releases) == before


def test_preview_of_a_draft_that_changes_nothing_is_0(two_releases: Home, tmp_path: Path) -> None:
    result = regrade(two_releases, "mappings", "preview", str(draft_of(OLD, tmp_path)), "--against", OLD)
    assert result.exit_code == 0, result.output
    assert "No result of 1 study would differ." in result.output


def test_preview_in_every_format(two_releases: Home, tmp_path: Path) -> None:
    for style in ("text", "json", "html", "xlsx"):
        path = tmp_path / f"impact.{style}"
        result = regrade(two_releases, "mappings", "preview", NEW, "--format", style, "--output", str(path))
        assert (result.exit_code, path.stat().st_size > 500) == (1, True)
    report = json.loads((tmp_path / "impact.json").read_text(encoding="utf-8"))
    assert report["totals"]["subjects_affected"] == 1
    assert json.loads(regrade(two_releases, "mappings", "preview", NEW, "--json").output) == report
    assert (tmp_path / "impact.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    sheet = pl.read_excel(tmp_path / "impact.xlsx", sheet_name="Studies")
    assert sheet["Study"].to_list() == [STUDY]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    refused = regrade(two_releases, "mappings", "preview", NEW, "--format", "xlsx")
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


def test_a_filled_in_work_list_becomes_a_draft_to_preview(two_releases: Home, tmp_path: Path) -> None:
    shown = json.loads(regrade(two_releases, "mappings", "work-list", "--base", OLD, "--json").output)
    assert [line["term"] for line in shown["terms"]] == ["parosmia", "quibbling of the mind"]
    form = tmp_path / "list.tsv"
    written = regrade(two_releases, "mappings", "work-list", "--base", NEW, "--output", str(form))
    assert (written.exit_code, "1 undecided term under 1.1.0\n" in written.output) == (0, True)
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
    assert "1 term decided, 0 new concepts, 0 left undecided" in made.output
    draft = str(tmp_path / "1.2.0")
    assert call("check", draft).exit_code == 0
    result = regrade(two_releases, "mappings", "preview", draft, "--json")
    report = json.loads(result.output)
    assert report["old"]["release_id"] == NEW
    assert [line["changes"] for line in report["subjects"] if line["is_headline"]] == [
        ["map_terms:quibbling of the mind|any|"]
    ]
    again = call(*arguments)
    assert again.exit_code == 1
    assert "the folder is there already" in again.output


def test_a_wrong_line_of_a_work_list_writes_nothing(two_releases: Home, tmp_path: Path) -> None:
    form = tmp_path / "list.xlsx"
    assert regrade(two_releases, "mappings", "work-list", "--output", str(form)).exit_code == 0
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
