"""A study full of texts that must not leave its results, and everything the program does with it, once.

What may live here: the study, the commands, what they printed and left. What may not: what is allowed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.home import Home
from pipelines.partitions import STUDIES
from warehouse.run_store import RunStore

STUDY = "PLANT"
SUBJECTS = ("QXSUBJ-7301", "QXSUBJ-7302", "QXSUBJ-7303", "QXSUBJ-7399")
NARRATIVE = "qxnarrative heron on the ward"
COMMENT = "qxcomment wife called at noon"
PSEUDONYM_KEY = "qxpseudonymkey-0123456789"
DATABASE_KEY = "qxdatabasekey-'0123456789"
MARKS = ("QXSUBJ", "qxnarrative", "qxcomment", "qxpseudonymkey", "qxdatabasekey")
MANIFEST = """\
study: THE-STUDY
files:
  - {path: ae.csv, role: adverse_events}
  - {path: dm.csv, role: subjects}
  - path: ice.csv
    role: assessments
    columns: {subject_id: USUBJID, date: SEEN, test_code: ITEM, value: RESULT}
    codes: {ICE: ice_total}
grading: {scale: ctcae, version: "4.03"}
infusions: {source: reference_start}
"""
HEAD = "USUBJID,AESEQ,AETERM,AEDECOD,AEBODSYS,AETOXGR,AESTDTC,AEENDTC,NOTE"
NERVOUS = "Nervous system disorders"
EVENTS = f"""\
{HEAD}
{SUBJECTS[0]},1,{NARRATIVE},Encephalopathy,{NERVOUS},{{grade}},2017-03-04,2017-03-06,{COMMENT}
{SUBJECTS[0]},2,bad head,Headache,{NERVOUS},2,2017-03-05,2017-03-05,{COMMENT}
{SUBJECTS[1]},1,{NARRATIVE},Quibbling of the mind,{NERVOUS},3,2017-03,,{COMMENT}
{SUBJECTS[1]},2,{NARRATIVE},Seizure,{NERVOUS},{COMMENT},2017-03-04,{NARRATIVE},x
{SUBJECTS[1]},2,{NARRATIVE},Seizure,{NERVOUS},2,2017-03-04,2017-03-03,x
{SUBJECTS[3]},1,{NARRATIVE},Tremor,{NERVOUS},9,2017-03-09,2017-03-03,x
,1,{NARRATIVE},Seizure,{NERVOUS},3,2017-03-04,2017-03-04,{COMMENT}
{SUBJECTS[2]},7,{NARRATIVE}
"""
PEOPLE = f"""\
USUBJID,AGE,AGEU,SEX,RFSTDTC,DTHFL
{SUBJECTS[0]},54,YEARS,F,2017-03-01,N
{SUBJECTS[1]},{NARRATIVE},YEARS,M,2017-03-01,N
{SUBJECTS[2]},47,YEARS,M,2017-13-45,{COMMENT}
"""
SCORES = f"""\
USUBJID,SEEN,ITEM,RESULT
{SUBJECTS[0]},2017-03-04,ICE,7
{SUBJECTS[0]},2017-03-05,ICE,{COMMENT}
{SUBJECTS[0]},2017-03-06,ICE,12
{SUBJECTS[1]},{NARRATIVE},ICE,3
"""
FILES = {"study.yaml": MANIFEST, "ae.csv": EVENTS, "dm.csv": PEOPLE, "ice.csv": SCORES}
BROKEN: dict[str, dict[str, str | bytes]] = {
    "NO-COLUMN": {"ae.csv": EVENTS.replace("AETOXGR", NARRATIVE)},
    "TWO-HEADS": {"ae.csv": EVENTS.replace("AEDECOD", "AETERM")},
    "BAD-BYTES": {"ae.csv": EVENTS.encode() + b"\xff\xfe" + NARRATIVE.encode()},
    "NO-HEAD": {"ae.csv": EVENTS.split("\n", 1)[1]},
    "NOT-XPT": {"study.yaml": MANIFEST.replace("ae.csv", "ae.xpt"), "ae.xpt": EVENTS},
    "NO-FILE": {"study.yaml": MANIFEST.replace("path: dm.csv", "path: dm2.csv")},
    "NO-ROWS": {"study.yaml": MANIFEST.replace("events}", f"events, where: {{AETERM: [{SUBJECTS[0]}]}}}}")},
    "TWICE": {"dm.csv": PEOPLE + PEOPLE.split("\n", 1)[1]},
    "QUOTED": {"ae.csv": EVENTS.replace("bad head", f'"{NARRATIVE}')},
    "NO-KEY": {"study.yaml": MANIFEST + "titel: a study\n"},
}
"""Studies in which something is wrong, each something else, with their data in it."""
TELLS_IDS = ("explain", "sql", "--show-ids")
"""Words of commands that are there to show what a study holds."""


@dataclass
class Used:
    """A data home after everything was done with it; `said` is what each command printed."""

    home: Home
    outside: Path
    said: list[tuple[tuple[str, ...], int, str]] = field(default_factory=list)

    def ask(self, *words: str) -> str:
        """Run one command as a user does; keeps what it printed on both streams."""
        done = CliRunner().invoke(app, [*words, "--home", str(self.home.root)], env={"COLUMNS": "250"})
        self.said.append((words, done.exit_code, done.output))
        return done.output

    def code(self, *words: str) -> int:
        """Exit code of the last command that began so."""
        return [code for said, code, _ in self.said if said[: len(words)] == words][-1]


def write(home: Home, study: str, other: Mapping[str, str | bytes] = FILES, grade: str = "3") -> None:
    """The landing folder of a study: the planted one, with some files replaced."""
    folder = home.landing / study
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {**FILES, **other}.items():
        content = text if isinstance(text, bytes) else text.replace("{grade}", grade)
        if isinstance(content, str):
            content = content.replace("THE-STUDY", study)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


@contextmanager
def surroundings(home: Home) -> Iterator[None]:
    """The widest umask there is, and both keys in the environment."""
    before = os.umask(0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("REGRADE_PSEUDONYM_KEY", PSEUDONYM_KEY)
        patched.setenv("REGRADE_DATABASE_KEY", DATABASE_KEY)
        patched.setenv("REGRADE_DATABASE_CRYPTO", "unsafe")
        patched.setenv("REGRADE_HOME", str(home.root))
        patched.setenv("DAGSTER_HOME", str(home.dagster))
        patched.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
        try:
            yield
        finally:
            os.umask(before)


ODD = frozenset({"TWICE", "QUOTED"})
"""Those of them that run: what is wrong is a finding."""


def use(root: Path) -> Used:
    """Do with the study what can be done."""
    used = Used(Home(root / "home"), root / "outside")
    used.outside.mkdir()
    write(used.home, STUDY)
    with surroundings(used.home):
        used.ask("run")
        first = RunStore(used.home.runs).current(STUDY)
        assert first is not None
        write(used.home, STUDY, grade="4")
        used.ask("run", "--release", "1.0.0")
        used.ask("run")
        for words in (
            ("publish", "--rebuild", "--json"),
            ("status",),
            ("status", "--json"),
            ("report",),
            ("report", "--json"),
            ("report", "--out", str(used.outside / "report")),
            ("report", "--public", "--out", str(used.outside / "public")),
            ("diff", STUDY, first.run_id),
            ("diff", STUDY, first.run_id, "--out", str(used.outside / "diff")),
            ("mappings", "preview", "1.1.0", "--against", "1.0.0"),
            ("mappings", "work-list"),
            ("verify", STUDY),
            ("ledger", "check"),
            ("ledger",),
            ("export", str(used.outside / "copies")),
            ("deliver", STUDY, str(used.outside / "delivered")),
            ("explain", STUDY, SUBJECTS[0]),
            ("explain", STUDY, SUBJECTS[0], "1"),
            ("sql", "select * from core_subjects"),
        ):
            used.ask(*words)
        for study, other in BROKEN.items():
            write(used.home, study, other)
            used.ask("run", study)
        orchestrate(used)
    return used


def orchestrate(used: Used) -> None:
    """The graph of the planted study, and of two that fail, with the instance a user has."""
    from pipelines.definitions import defs  # noqa: PLC0415 - sets the umask, as it does for Dagster

    os.umask(0)
    used.home.ensure_dagster()
    os.umask(0o077)  # as the definitions do where they are loaded
    with dg.DagsterInstance.get() as instance:
        studies = [STUDY, "NO-COLUMN"]
        instance.add_dynamic_partitions(str(STUDIES.name), studies)
        job = defs.get_repository_def().get_job("regrade_study")
        for study in studies:
            done = job.execute_in_process(partition_key=study, instance=instance, raise_on_error=False)
            used.said.append((("dagster", study), 0 if done.success else 1, ""))
