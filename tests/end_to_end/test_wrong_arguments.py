"""Arguments that name nothing, or the wrong thing: refused with what to do, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.engines.spark.__main__ import main as spark
from pipelines.home import Home
from tests.end_to_end.homes import home_with, regrade
from tests.end_to_end.tiny_studies import write_tiny_study

PATHS = {
    "init": ["init", ""],
    "deliver": ["deliver", "TINY", ""],
    "export": ["export", ""],
    "report": ["report", "--out", ""],
    "report from": ["report", "--from", " "],
    "diff": ["diff", "TINY", "--out", ""],
    "preview": ["mappings", "preview", "1.1.0", "--output", ""],
    "work list": ["mappings", "work-list", "--output", ""],
    "read back": ["mappings", "work-list", "--read-back", ""],
    "into": ["mappings", "work-list", "--read-back", "list.tsv", "--into", ""],
}
NAMES = {
    "report of no run": (["report", "TINY", "--run", ""], 2, "no run has this id"),
    "base of a check": (["mappings", "check", "1.0.0", "--base", "9.9.9"], 1, "no such mapping release"),
    "empty base": (["mappings", "work-list", "--base", ""], 1, "no such mapping release"),
    "empty parent": (["mappings", "preview", "1.1.0", "--against", ""], 2, "no such mapping release"),
    "empty release": (["mappings", "export", ""], 1, "no such mapping release"),
    "empty study": (["run", ""], 1, "no such study"),
    "study of a report": (["report", "../TINY"], 2, "no such study"),
}
HOMES = (
    "status",
    "run",
    "init FOLDER",
    "ledger",
    "ledger check",
    "mappings preview 1.1.0",
    "mappings work-list",
)
OF_RELEASES = ("base of a check", "empty release")
"""Commands that take no data home."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = home_with(tmp_path_factory.mktemp("arguments") / "home")
    write_tiny_study(home, "TINY")
    assert regrade(home, "run").exit_code == 0
    return home


@pytest.mark.parametrize("arguments", PATHS.values(), ids=PATHS)
def test_an_empty_path_is_not_the_current_folder(
    home: Home, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ae.csv").write_text("USUBJID,AETERM,AETOXGR\n1,fit,2\n")
    done = regrade(home, *arguments)
    assert done.exit_code == 2, done.output
    assert "it is empty; name a path, or . for the folder you are in" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["ae.csv"]


@pytest.mark.parametrize("given", ["", " "])
@pytest.mark.parametrize("command", HOMES)
def test_an_empty_home_is_not_the_usual_one(command: str, given: str, tmp_path: Path) -> None:
    arguments = command.replace("FOLDER", str(tmp_path)).split()
    done = CliRunner().invoke(app, [*arguments, "--home", given], env={"COLUMNS": "200"})
    assert done.exit_code == 2, done.output
    assert "it is empty; name a folder, or leave --home out" in done.stderr
    assert not any(tmp_path.iterdir())


def test_an_empty_home_on_spark_is_not_the_usual_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        spark(["run", "--home", ""])
    assert "it is empty; name a folder, or leave --home out" in capsys.readouterr().err


@pytest.mark.parametrize("kind", NAMES)
def test_a_name_of_nothing_is_refused(
    home: Home, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, code, what = NAMES[kind]
    home_option = [] if kind in OF_RELEASES else ["--home", str(home.root)]
    done = CliRunner().invoke(app, [*arguments, *home_option], env={"COLUMNS": "200"})
    assert done.exit_code == code, done.output
    assert what in done.stderr
    assert "Next: " in done.stderr
    assert not any(tmp_path.iterdir())


def test_a_home_with_a_line_end_in_its_name_is_shown_on_one_line(tmp_path: Path) -> None:
    home = home_with(tmp_path / "two\nlines")
    empty = regrade(home, "status")
    assert "Next: put a folder of tables there and run regrade init FOLDER" in empty.stdout
    write_tiny_study(home, "TINY")
    for command in ("run", "publish", "status"):
        done = regrade(home, command)
        assert done.exit_code == 0, done.output
        assert f"{tmp_path}/two lines/icans.duckdb" in done.stdout
