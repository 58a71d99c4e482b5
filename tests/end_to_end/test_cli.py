"""The command line on real runs: exit codes, messages, formats, and what each command promises."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipelines.cli import serve
from pipelines.cli.app import app
from pipelines.home import Home
from pipelines.ingest.study import read_manifest
from tests.end_to_end.homes import CHECKOUT, PUBLIC, Tables, warehouse_content, write_study

SUBJECT = "SECRET-001"
SMALL = {
    "ae.csv": (
        "USUBJID,AESEQ,AETERM,AEDECOD,AEBODSYS,AETOXGR,AESTDTC,AEENDTC,AEREL\n"
        f"{SUBJECT},1,fit\x1b[31m,Seizure,Nervous system disorders,2,2017-03-05,2017-03-05,RELATED\n"
        f"{SUBJECT},2,confused,Confusional state,Nervous system disorders,3,2017-03,2017-03-09,NOT RELATED\n"
        f"{SUBJECT},10,sore head,Headache,Nervous system disorders,3,2017-03-06,2017-03-07,RELATED\n"
        "SECRET-002,1,dizzy,Dizziness,Nervous system disorders,1,2017-03-06,2017-03-07,RELATED\n"
    ),
    "dm.csv": f"USUBJID,AGE,AGEU,RFSTDTC\n{SUBJECT},50,YEARS,2017-03-01\nSECRET-002,60,YEARS,2017-03-02\n",
    "study.yaml": (
        "study: SMALL\n"
        "files:\n  - {path: ae.csv, role: adverse_events}\n  - {path: dm.csv, role: subjects}\n"
        'grading: {scale: ctcae, version: "4.03"}\n'
        "infusions: {source: reference_start}\n"
    ),
}


def ask_cli(home: Home, *arguments: str) -> Result:
    command, *rest = arguments
    return CliRunner().invoke(app, [command, "--home", str(home.root), *rest])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("home"))
    write_study(home, "SMALL", SMALL)
    done = ask_cli(home, "run")
    assert done.exit_code == 0, done.stderr
    yield home
    assert set(home.studies()) == {"SMALL"}


@pytest.fixture
def own(home: Home, tmp_path: Path) -> Home:
    """A copy of the home that a test may spoil."""
    shutil.copytree(home.root, tmp_path / "own")
    return Home(tmp_path / "own")


# The command line itself


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, pipelines.cli.app as app\n"
        "try: app.main()\n"
        "except SystemExit as leaving: assert leaving.code == 0\n"
        "heavy = {'polars', 'pandera', 'dagster', 'duckdb', 'pydantic', 'rich', 'pyarrow', 'ruamel'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for command in ("demo", "init", "run", "publish", "explain", "status", "sql", "ui", "mappings"):
        assert f"  {command} " in done.stdout
    for command in ("export", "deliver", "verify", "report", "diff"):
        assert f"  {command} " in done.stdout
    assert "Exit codes: 0" in done.stdout


@pytest.mark.parametrize(
    "arguments", [(), ("frob",), ("run", "--frob"), ("explain", "A"), ("ui", "--port", "0")]
)
def test_a_wrong_command_line_is_code_2(home: Home, arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(app, list(arguments)).exit_code == 2


def start(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, as a user starts it."""
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        cwd=CHECKOUT,
        env={**os.environ, "REGRADE_HOME": str(home.root), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_codes_and_streams_of_a_process(home: Home) -> None:
    good = start(home, "sql", "select 1 as one")
    assert (good.returncode, good.stdout, good.stderr) == (0, "one\n  1\n", "")
    bad = start(home, "run", "NOPE")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith("regrade: ")
    assert start(home, "frob").returncode == 2
    assert "Traceback" not in good.stderr + bad.stderr


def test_version() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert done.exit_code == 0
    assert done.stdout.startswith("regrade ")


# run, publish, status


def test_running_again_does_no_work(home: Home) -> None:
    done = ask_cli(home, "run", "SMALL", "--json")
    (study,) = json.loads(done.stdout)["studies"]
    assert (study["study_id"], study["state"]) == ("SMALL", "unchanged")
    assert study["run_id"] == Tables(home, "SMALL").run.run_id
    shown = ask_cli(home, "run", "SMALL", "SMALL").stdout
    assert shown.count("SMALL") == 1
    assert study["run_id"][:12] in shown
    assert f"{study['release_id']}  unchanged\n" in shown


def test_an_unknown_study_names_the_nearest(home: Home) -> None:
    done = ask_cli(home, "run", "SMAL")
    assert done.exit_code == 1
    assert "no such study, nearest: SMALL" in done.stderr


def test_a_failed_study_stops_no_other(own: Home) -> None:
    write_study(own, "A-BAD", {"study.yaml": SMALL["study.yaml"].replace("SMALL", "A-BAD")})
    write_study(own, "Z-GOOD", SMALL | {"study.yaml": SMALL["study.yaml"].replace("SMALL", "Z-GOOD")})
    (own.landing / "BARE").mkdir()
    done = ask_cli(own, "run", "--json")
    assert done.exit_code == 1
    answer = json.loads(done.stdout)
    states = {study["study_id"]: study["state"] for study in answer["studies"]}
    assert states == {"A-BAD": "failed", "SMALL": "unchanged", "Z-GOOD": "new"}
    assert "A-BAD failed" in done.stderr
    assert "landing/BARE has no study.yaml" in done.stderr
    counted = ask_cli(own, "sql", "--json", "select study_id from core_studies order by 1")
    assert [row["study_id"] for row in json.loads(counted.stdout)] == ["SMALL", "Z-GOOD"]
    assert "regrade init" in ask_cli(own, "run", "BARE").stderr


def test_a_folder_that_cannot_be_a_study_says_what_is_wrong_with_it(own: Home) -> None:
    (own.landing / "SMALL").rename(own.landing / "MY STUDY")
    (own.landing / "LOST").mkdir()
    (own.landing / "LOST" / "study.yaml").symlink_to("nowhere.yaml")
    for arguments in (["run"], ["run", "MY STUDY"], ["backfill", "MY STUDY"]):
        said = ask_cli(own, *arguments).stderr
        assert "landing/MY STUDY" in said
        assert "no study identifier" in said
        assert "rename the folder" in said
        assert "init landing/MY" not in said
    assert "has a study.yaml that is no file" in ask_cli(own, "run", "LOST").stderr


BARE = "landing/BARE has no study.yaml and is left out. Next: regrade init landing/BARE\n"


def test_a_landing_folder_without_a_manifest_is_told_and_is_no_failure(own: Home) -> None:
    (own.landing / "BARE").mkdir()
    for name in (".work", "_old"):  # set aside by their names
        (own.landing / name).mkdir()
    for command in ("run", "backfill"):
        done = ask_cli(own, command, "--json")
        assert done.exit_code == 0, done.stderr
        assert f"regrade: {BARE}" in done.stderr
        assert [other["folder"] for other in json.loads(done.stdout)["left_out"]] == ["landing/BARE"]
    done = ask_cli(own, "status")
    assert done.exit_code == 0
    assert BARE in done.stdout
    assert "_old" not in done.stdout
    (other,) = json.loads(ask_cli(own, "status", "--json").stdout)["other_folders"]
    assert (other["folder"], other["has_manifest"]) == ("landing/BARE", False)
    assert other["next_action"] == "regrade init landing/BARE"


@pytest.mark.parametrize("kind", ["name", "link"])
def test_a_manifest_that_is_left_out_is_a_failure(own: Home, kind: str) -> None:
    if kind == "name":
        shutil.copytree(own.landing / "SMALL", own.landing / "MY STUDY")
        said = "landing/MY STUDY has a name that is no study identifier and is left out. Next: rename"
    else:
        (own.landing / "LOST").mkdir()
        (own.landing / "LOST" / "study.yaml").symlink_to("nowhere.yaml")
        said = "landing/LOST has a study.yaml that is no file and is left out. Next: put the file itself in"
    for command in ("run", "backfill", "status"):
        done = ask_cli(own, command)
        assert done.exit_code == 1, done.output
        assert said in done.output
    assert ask_cli(own, "run", "SMALL").exit_code == 0


def test_a_home_without_studies_says_what_to_do(tmp_path: Path) -> None:
    done = ask_cli(Home(tmp_path), "run")
    assert done.exit_code == 1
    assert "no study has landed" in done.stderr
    assert "regrade init" in done.stderr


def test_status_follows_the_inputs(own: Home) -> None:
    def states() -> dict[str, tuple[str, bool]]:
        answer = json.loads(ask_cli(own, "status", "--json").stdout)
        return {study["study_id"]: (study["state"], study["published"]) for study in answer["studies"]}

    assert states() == {"SMALL": ("up_to_date", True)}
    (own.landing / "SMALL" / "ae.csv").write_text(SMALL["ae.csv"].replace(",2,2017-03-05", ",3,2017-03-05"))
    write_study(own, "NEW", SMALL | {"study.yaml": SMALL["study.yaml"].replace("SMALL", "NEW")})
    assert states() == {"SMALL": ("changed", True), "NEW": ("never_run", False)}
    assert "changed since: run it again" in ask_cli(own, "status").stdout
    own.database.unlink()
    assert "not built yet" in ask_cli(own, "status").stdout
    assert ask_cli(own, "publish").exit_code == 0
    assert states()["SMALL"] == ("changed", True)
    shutil.rmtree(own.landing / "SMALL")
    assert states()["SMALL"] == ("not_in_landing", True)
    (own.landing / "NEW" / "study.yaml").write_text("study: [")
    done = ask_cli(own, "status")
    assert done.exit_code == 1
    assert "NEW: " in done.stdout


def test_publish_rebuilds_a_deleted_file(own: Home) -> None:
    before = warehouse_content(own)
    assert "already up to date" in ask_cli(own, "publish").stdout
    own.database.unlink()
    assert json.loads(ask_cli(own, "publish", "--json").stdout)["created"] is True
    assert warehouse_content(own) == before


def test_an_unexpected_error_is_one_line(own: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError(SUBJECT)

    monkeypatch.setattr("pipelines.cli.running.run_study", fail)
    done = ask_cli(own, "run")
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert "REGRADE_DEBUG=1" in done.stderr
    assert SUBJECT not in done.stderr
    assert own.database.is_file()


# explain


def test_explain_goes_from_the_cell_to_the_grade(home: Home) -> None:
    done = ask_cli(home, "explain", "SMALL", SUBJECT, "1", "--json")
    assert done.exit_code == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["source"]["file"] == "ae.csv"
    assert facts["source"]["row"] == 1
    assert facts["source"]["cells"]["AETOXGR"] == "2"
    assert facts["term"]["normalised"] == "seizure"
    assert facts["term"]["match_method"]["code"] == "preferred_term"
    assert {row["term"] for row in facts["term"]["term_rows"]} == {"Seizure"}
    (rule,) = facts["grade"]["grade_rows"]
    assert rule["rule_id"] == facts["grade"]["rule"]["code"] == "ctcae:4.03:seizure:2"
    assert rule["source_text"] == "Brief generalized seizure"
    assert rule["rationale"]
    assert rule["source"]
    assert facts["interval"]["after_context"] == {"low": 3, "point": 3, "high": 3}
    assert (facts["window"]["onset_day"], facts["window"]["status"]["code"]) == ("4", "inside")
    assert facts["run"]["run_id"] == Tables(home, "SMALL").run.run_id
    assert "not clinically reviewed" in facts["run"]["mapping_release"]


def test_explain_prints_context_rules_with_their_sentences(home: Home) -> None:
    done = ask_cli(home, "explain", "SMALL", SUBJECT, "2")
    shown = done.stdout
    assert "K-NOT-RELATED  (The investigator says not related: low 0, point 0, high kept.)" in shown
    assert "K-PARTLY-IN-WINDOW  (The recorded date does not settle" in shown
    assert "attribution_not_related  (The investigator says not related.)" in shown
    for title in ("SOURCE", "TERM", "GRADE", "WINDOW", "ATTRIBUTION", "CONTEXT", "REVIEW", "SUBJECT", "RUN"):
        assert f"\n{title}\n" in shown


def test_explain_prints_no_terminal_escape(home: Home) -> None:
    shown = ask_cli(home, "explain", "SMALL", SUBJECT, "1").stdout
    assert "\x1b" not in shown
    assert "fit\ufffd[31m" in shown


def test_explain_of_an_unknown_place_says_what_there_is(home: Home) -> None:
    event = ask_cli(home, "explain", "SMALL", SUBJECT, "7")
    assert event.exit_code == 1
    assert "choose another; it has 3 events: 1, 2, 10" in event.stderr
    subject = ask_cli(home, "explain", "SMALL", "SECRET-9", "1")
    assert "the study has no such subject" in subject.stderr
    study = ask_cli(home, "explain", "SMALLL", SUBJECT, "1")
    assert "nearest: SMALL" in study.stderr
    assert "SECRET" not in event.stderr + subject.stderr + study.stderr
    assert {event.exit_code, subject.exit_code, study.exit_code} == {1}


# sql


def test_sql_formats_agree(home: Home) -> None:
    query = "select event_id, low, point, high from core_event_grades order by event_id, subject_id"
    as_json = json.loads(ask_cli(home, "sql", "--json", query).stdout)
    as_csv = list(csv.DictReader(io.StringIO(ask_cli(home, "sql", "--csv", query).stdout)))
    plain = ask_cli(home, "sql", query).stdout.splitlines()
    assert as_csv == [{name: str(value) for name, value in row.items()} for row in as_json]
    assert len(plain) == 1 + len(as_json) == 5
    assert json.loads(ask_cli(home, "sql", "--json", "select 1 where false").stdout) == []


@pytest.mark.parametrize(
    "query",
    [
        "selec 1",
        "select * from nowhere",
        "select 1/",
        "",
        ";",
        "create table t as select 1",
        "delete from core_runs",
        "select * from read_csv('study.yaml')",
        "copy core_runs to 'x.csv'",
        "attach 'other.duckdb'",
        "install httpfs",
        "set enable_external_access = true",
        "select cast('x' as integer)",
        "select * from home",
    ],
)
def test_sql_refuses_without_a_traceback(home: Home, query: str) -> None:
    before = home.database.read_bytes()
    done = ask_cli(home, "sql", query)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "Next: " in done.stderr
    assert "unexpected" not in done.stderr
    assert home.database.read_bytes() == before


def test_sql_formats_exclude_each_other(home: Home) -> None:
    assert ask_cli(home, "sql", "--json", "--csv", "select 1").exit_code == 2


def test_sql_without_or_with_a_broken_file(own: Home) -> None:
    own.database.write_bytes(b"no database")
    assert "regrade publish" in ask_cli(own, "sql", "select 1").stderr
    own.database.unlink()
    done = ask_cli(own, "sql", "select 1")
    assert done.exit_code == 1
    assert "no warehouse file yet" in done.stderr


# init


def test_init_then_run(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    shutil.copytree(PUBLIC / "RHO", home.landing / "RHO", ignore=shutil.ignore_patterns("study.yaml"))
    done = ask_cli(home, "init", "RHO")
    assert done.exit_code == 0, done.stderr
    assert "assumed, for you to confirm" in done.stdout
    assert "then run: regrade run RHO" in done.stdout
    assert read_manifest(home.landing / "RHO").study == "RHO"
    assert ask_cli(home, "run", "RHO").exit_code == 0
    assert Tables(home, "RHO")["core_event_grades"].height > 300
    again = ask_cli(home, "init", "RHO")
    assert again.exit_code == 1
    assert "--force" in again.stderr
    assert json.loads(ask_cli(home, "init", "RHO", "--force", "--json").stdout)["assumptions"]


def test_init_of_nothing(tmp_path: Path) -> None:
    done = ask_cli(Home(tmp_path), "init", str(tmp_path / "nowhere"))
    assert done.exit_code == 1
    assert "no such folder" in done.stderr


# demo


def test_demo_does_not_mix_with_a_sponsors_studies(own: Home) -> None:
    done = ask_cli(own, "demo")
    assert done.exit_code == 1
    assert "name a fresh folder" in done.stderr
    assert own.studies() == ("SMALL",)


# ui


def test_ui_needs_the_web_interface(own: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "find_spec", lambda _name: None)
    done = ask_cli(own, "ui")
    assert done.exit_code == 1
    assert "icans-regrade[ui]" in done.stderr


def test_ui_listens_on_this_machine_only_and_keeps_its_history_in_the_home(
    own: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[list[str], dict[str, str]]] = []

    class Server:
        def __init__(self, command: list[str], env: dict[str, str]) -> None:
            started.append((command, env))

        def wait(self) -> int:
            return 0

    monkeypatch.setattr(serve, "find_spec", lambda _name: object())
    monkeypatch.setattr(serve.subprocess, "Popen", Server)
    assert ask_cli(own, "ui", "--port", "3999").exit_code == 0
    ((command, env),) = started
    assert command[command.index("-h") + 1] == "127.0.0.1"
    assert command[command.index("-p") + 1] == "3999"
    assert env["DAGSTER_HOME"] == str(own.dagster)
    assert env["REGRADE_HOME"] == str(own.root)
    assert (own.dagster / "dagster.yaml").is_file()
    assert os.environ.get("DAGSTER_HOME") != str(own.dagster)
