"""`regrade report`: what it prints and writes, and that a report is rendered again from its JSON alone."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.home import Home
from pipelines.pseudonym_key import ENVIRONMENT_VARIABLE
from tests.end_to_end.homes import regrade
from tests.end_to_end.tiny_studies import write_tiny_study

NAMES = {"report.json", "report.html", "report.txt"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path_factory.mktemp("home")).ensure()
    for study in ("ONE", "TWO"):
        write_tiny_study(made, study)
    assert regrade(made, "run").exit_code == 0
    return made


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "a key that only this test uses")


def content(folder: Path) -> dict[str, bytes]:
    """Bytes of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_report_is_a_page_a_text_a_json_and_pictures(home: Home, tmp_path: Path) -> None:
    done = regrade(home, "report", "--out", str(tmp_path / "out"), "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    files = content(tmp_path / "out")
    assert set(answer["files"]) == set(files) > NAMES
    assert sum(name.endswith(".svg") for name in files) == 12
    assert answer["subject_ids"] == "pseudonyms"
    assert not [name for name, text in files.items() if b"-S0001" in text]
    changed = pl.read_parquet(tmp_path / "out" / "changed_subjects.parquet")
    assert sorted(changed["study_id"].unique()) == ["ONE", "TWO"]
    assert changed["subject_id"].str.starts_with("S-").all()


def test_the_same_run_and_options_give_the_same_bytes(home: Home, tmp_path: Path) -> None:
    for name in ("first", "second"):
        assert regrade(home, "report", "ONE", "--out", str(tmp_path / name)).exit_code == 0
    assert content(tmp_path / "first") == content(tmp_path / "second")


def test_a_report_is_rendered_again_from_its_json_alone(home: Home, tmp_path: Path) -> None:
    assert regrade(home, "report", "--out", str(tmp_path / "made")).exit_code == 0
    source = tmp_path / "made" / "report.json"
    again = [
        "report",
        "--from",
        str(source),
        "--out",
        str(tmp_path / "again"),
        "--home",
        str(tmp_path / "none"),
    ]
    assert CliRunner().invoke(app, again).exit_code == 0
    assert content(tmp_path / "again") == content(tmp_path / "made")


def test_without_a_folder_it_is_text_or_json_on_the_terminal(home: Home) -> None:
    text = regrade(home, "report", "ONE").stdout
    assert "ICANS occurred in" in text
    document = json.loads(regrade(home, "report", "ONE", "--json").stdout)
    assert document["schema_version"] == "1.0"
    assert [chapter["chapter_id"] for chapter in document["chapters"]] == ["ONE"]


def test_ids_are_shown_when_asked_and_a_public_copy_shows_nobody(home: Home, tmp_path: Path) -> None:
    assert "ONE-S0001" in regrade(home, "report", "ONE", "--show-ids").stdout
    done = regrade(home, "report", "--public", "--show-ids", "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    files = content(tmp_path)
    assert "changed_subjects.parquet" not in files
    assert not [name for name, text in files.items() if b"-S0001" in text]
    document = json.loads(files["report.json"])
    assert document["is_public"]


def test_what_cannot_be_made_is_exit_code_2(home: Home, tmp_path: Path) -> None:
    done = regrade(home, "report", "NOBODY")
    assert done.exit_code == 2
    assert "value 'NOBODY': the warehouse file has no such study. Next: regrade status" in done.stderr
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert regrade(home, "report", "ONE", "--out", str(tmp_path / "file")).exit_code == 2
    assert regrade(home, "report", "--from", str(tmp_path / "file")).exit_code == 2
