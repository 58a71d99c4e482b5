"""What the README shows is what the program does: its manifests, its queries, its figures."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from mappings.loader import load_release
from pipelines.cli.app import app
from pipelines.grading.kernel import grade_study
from pipelines.home import Home
from pipelines.ingest.checking import check_study
from pipelines.ingest.staging import stage_study
from pipelines.ingest.study import read_manifest, read_study
from schemas.manifest import parse_manifest
from tests.end_to_end.homes import CHECKOUT, Tables, ask
from tests.end_to_end.test_cli_demo import ASSESSED, FIGURES

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
EVENTS = (
    "USUBJID,AESEQ,AETERM,AEDECOD,AEBODSYS,AETOXGR,AESTDTC,AEENDTC\n"
    "S1,1,muddled,Encephalopathy,Nervous system disorders,3,2017-03-05,2017-03-05\n"
)
SUBJECTS = "USUBJID,AGE,AGEU,RFSTDTC\nS1,50,YEARS,2017-03-01\n"
DATA = {
    "ice_scores.csv": (
        "SUBJECT_NO,ASSESS_DATE,ICE_NAMING,ICE_TOTAL,CAPD_TOTAL,AROUSAL,SEDATED_YN,NOT_DONE_REASON\n"
        "S1,2017-03-05,,5,,EYES OPEN TO VOICE,N,\n"
    ),
    "neuro.csv": (
        "PATIENT,SEEN_ON,ITEM,RESULT,RESULT_UNIT\n"
        "S1,2017-03-05,ICE_SUM,5,\nS1,2017-03-05,WAKES_TO,voice,\nS1,2017-03-05,FIT,no,\n"
        "S1,2017-03-05,BLOOD_PRESSURE,120,mmHg\n"
    ),
    "qs.csv": (
        "USUBJID,QSCAT,QSTESTCD,QSSTRESC,QSDTC\n"
        "S1,ICE,ICETOT,5,2017-03-05\nS1,ICE,AROUSAL,voice,2017-03-05\nS1,EQ5D,ICETOT,10,2017-03-05\n"
    ),
    "adqs.csv": (
        "USUBJID,PARAMCD,AVAL,AVALC,ADT\nS1,ICETOT,5,,2017-03-05\nS1,ICANSGR,2,,2017-03-05\nS1,WEIGHT,80,,\n"
    ),
    "suppae.csv": "USUBJID,IDVAR,IDVARVAL,QNAM,QVAL\nS1,AESEQ,1,ICANSGR,2\n",
}
"""Files as the README's assessment entries describe them, each of a patient with ICE 5 who wakes to voice."""
REPORTS = ("report", "diff")
OWN_STUDY = (
    *("init", "run", "backfill", "ui", "status", "ledger", "mappings", "export", "deliver", "verify"),
    *REPORTS,
)
"""Commands of the README that need a study of one's own or do more than ask."""


def blocks(language: str) -> list[str]:
    """Fenced blocks of a language ('' for none), in order."""
    parts = re.split(r"^```(.*)$", README, flags=re.MULTILINE)
    # Between an opening and a closing fence lies a block: parts 1, 3, ... are the fences' words.
    return [body[1:] for word, body in zip(parts[1::4], parts[2::4], strict=True) if word == language]


def parsed(text: str) -> Any:
    return YAML(typ="safe").load(text)


def test_the_manifest_of_the_readme_is_one() -> None:
    (whole,) = [block for block in blocks("yaml") if block.startswith("study:")]
    assert parse_manifest(parsed(whole), "README.md").study == "MY-STUDY"


def entries() -> list[dict[str, Any]]:
    (block,) = [block for block in blocks("yaml") if block.startswith("- path:")]
    found: list[dict[str, Any]] = parsed(block)
    return found


@pytest.mark.parametrize("number", range(5))
def test_each_form_of_assessment_closes_the_same_interval(number: int, tmp_path: Path) -> None:
    """ICE 5 and voice, or a bedside grade 2, on the one day of a row that alone allows 1/3/4."""
    assert len(entries()) == len(DATA)
    entry = entries()[number]
    entry["path"] = entry["path"].replace(".xpt", ".csv")
    files = {"ae.csv": EVENTS, "dm.csv": SUBJECTS, entry["path"]: DATA[entry["path"]]}
    manifest: dict[str, Any] = {
        "study": "README",
        "files": [
            {"path": "ae.csv", "role": "adverse_events"},
            {"path": "dm.csv", "role": "subjects"},
            entry,
        ],
        "grading": {"scale": "ctcae", "version": "4.03"},
        "infusions": {"source": "reference_start"},
    }
    folder = tmp_path / "README"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    with (folder / "study.yaml").open("w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(manifest, stream)
    told = read_manifest(folder)
    checked = check_study(stage_study(read_study(folder, told)), told)
    graded = grade_study(checked, load_release(), told)
    (row,) = (
        graded["core_subject_grades"]
        .filter(pl.col("is_primary_window") & (pl.col("infusion_number") == 0))
        .to_dicts()
    )
    assert [row[f"events_alone_{end}"] for end in ("low", "point", "high")] == [1, 3, 4]
    assert [row[end] for end in ("low", "point", "high")] == [2, 2, 2]


def commands() -> list[list[str]]:
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    found = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith(".venv/bin/regrade ")]
    return [words for words in found if words[0] not in OWN_STUDY and "MY-STUDY" not in words]


def test_the_reports_of_the_readme_are_made(
    shipped_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order they stand: the third is made from the first, a study that was run once has no diff."""
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    calls = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith(".venv/bin/regrade ")]
    reports = [words for words in calls if words[0] in REPORTS]
    codes = [
        CliRunner().invoke(app, [*words, "--home", str(shipped_home.root)]).exit_code for words in reports
    ]
    assert [words[0] for words in reports] == ["report", "report", "report", "diff"]
    assert codes == [0, 0, 0, 2]
    first, again = (tmp_path / name / "report.html" for name in ("report", "again"))
    assert first.read_bytes() == again.read_bytes()
    assert (tmp_path / "public" / "report.html").is_file()


@pytest.mark.parametrize("words", commands(), ids=lambda words: " ".join(words)[:60])
def test_a_question_of_the_readme_has_an_answer(shipped_home: Home, words: list[str]) -> None:
    done = CliRunner().invoke(app, [*words, "--home", str(shipped_home.root)], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.stderr
    assert len(done.stdout.splitlines()) > 1


def statements() -> list[str]:
    (block,) = blocks("sql")
    return [part.strip() for part in block.split(";") if part.strip()]


@pytest.mark.parametrize("statement", statements(), ids=lambda text: text.splitlines()[0][3:])
def test_a_query_of_the_readme_has_an_answer(shipped_home: Home, statement: str) -> None:
    assert statement.startswith("-- ")
    answer = ask(shipped_home, statement)
    assert answer.height > 0
    assert answer.width >= 3


def test_a_delivery_as_the_readme_shows_it(
    shipped_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    shown = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith(".venv/bin/regrade ")]
    wanted = [words for words in shown if words[0] in ("export", "deliver", "verify")]
    assert [words[0] for words in wanted] == ["export", "deliver", "verify", "verify"]
    for words in wanted:
        done = CliRunner().invoke(app, [*words, "--home", str(shipped_home.root)])
        assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copies", "delivered"]


def test_there_are_questions() -> None:
    assert len(statements()) == 8
    assert len(commands()) >= 8


def test_the_chart_of_the_readme_is_the_one_printed(shipped_home: Home) -> None:
    (shown,) = [block for block in blocks("") if "headline, day 0 to 30" in block]
    printed = CliRunner().invoke(app, ["explain", "CART-DEMO", "04-019", "--home", str(shipped_home.root)])
    lines = printed.stdout.splitlines()
    for line in shown.splitlines():
        assert line.strip() == "..." or any(line == said[: len(line)] for said in lines), line


def test_figures_of_the_readme(shipped_home: Home) -> None:
    assessed, closed = (
        FIGURES["CART-DEMO"][ASSESSED.index(name)] for name in ("assessed", "closed by assessments")
    )
    assert f"{closed} of the {assessed} assessed subjects" in " ".join(README.split())
    grades = Tables(shipped_home, "CART-DEMO")["core_subject_grades"]
    assert grades.filter(pl.col("is_primary_window") & (pl.col("infusion_number") == 0)).height == 120
