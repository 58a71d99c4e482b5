"""Terms that are SQL, HTML, formulas or terminal escapes: stored as they are, shown as harmless text.

The report has its own test (`end_to_end/test_report_hostile_text.py`); here it is everything else a term
gets into: the DuckDB file, the command line, exported tables, the work list, the page of a diff.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from pathlib import Path

import polars as pl
import pytest

from pipelines.home import Home
from tests.end_to_end.homes import ask, home_with, regrade, write_study

TERMS = {
    "sql": "it's 'x'); DROP TABLE core_runs; --",
    "html": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "formula": "=HYPERLINK(evil.example;click)",
    "command": "+cmd|' /C calc'!A0",
    "at": "@SUM(1+1)*cmd",
    "minus": "-2+3+cmd",
    "terminal": "\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m",
    "c1 control": "\x9b31mred\x9b0m",
    "right to left": "\u202egnilbbiuq\u202c",
    "nul": "quibbling\x00of the mind",
    "lines": 'two\r\nlines, "quoted"\tand a tab',
    "template": "{{ 7 * 7 }} {% raw %} ${x} %s %n",
    "path": "../../../etc/passwd",
    "long": "quibble " * 2_000,
    "lost": "quibbl\ufffd",
    "combining": "q" + "\u0301" * 200,
}
MANIFEST = """\
study: HOSTILE
files: [{path: ae.parquet, role: adverse_events}, {path: dm.csv, role: subjects}]
grading: {scale: ctcae, version: "4.03"}
infusions: {source: reference_start}
"""
SHOWN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff]")
NAMES = ("USUBJID", "AESEQ", "AETERM", "AEDECOD", "AEBODSYS", "AETOXGR", "AESTDTC")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = home_with(tmp_path_factory.mktemp("terms"))
    rows = [
        ("S1", str(number), term, term, "Nervous system disorders", "3", "2017-03-04")
        for number, term in enumerate(TERMS.values(), start=1)
    ]
    buffer = io.BytesIO()
    pl.DataFrame(rows, schema=dict.fromkeys(NAMES, pl.String), orient="row").write_parquet(buffer)
    subjects = "USUBJID,AGE,AGEU,RFSTDTC\nS1,50,YEARS,2017-03-01\n"
    write_study(
        home, "HOSTILE", {"study.yaml": MANIFEST, "ae.parquet": buffer.getvalue(), "dm.csv": subjects}
    )
    done = regrade(home, "run")
    assert done.exit_code == 0, done.output
    return home


def test_the_warehouse_holds_each_term_as_it_is(home: Home) -> None:
    found = ask(home, "SELECT event_id, verbatim_term, preferred_term FROM core_adverse_events")
    expected = {str(number): term for number, term in enumerate(TERMS.values(), start=1)}
    # Blanks and unseen marks at the ends are not part of a term.
    stripped = {
        key: re.sub(r"^[\s\u202a-\u202e]+|[\s\u202a-\u202e]+$", "", term) for key, term in expected.items()
    }
    assert {row[0]: row[1] for row in found.iter_rows()} == stripped
    assert {row[0]: row[2] for row in found.iter_rows()} == stripped
    assert ask(home, "SELECT count(*) FROM core_runs").item() == 1
    outcome = ask(home, "SELECT DISTINCT low, high FROM core_event_grades").rows()
    assert outcome == [(0, 4)]


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["explain", "HOSTILE", "S1"],
        *(["explain", "HOSTILE", "S1", str(number)] for number in range(1, len(TERMS) + 1)),
        ["sql", "select verbatim_term from core_adverse_events"],
        ["sql", "select * from out_unmapped_terms", "--csv"],
        ["sql", "select verbatim_term from core_adverse_events", "--json"],
        ["mappings", "work-list"],
        ["report"],
        ["diff", "HOSTILE"],
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_no_command_shows_a_control_character(home: Home, arguments: list[str]) -> None:
    done = regrade(home, *arguments)
    assert done.output
    assert "Traceback" not in done.output
    assert "unexpected" not in done.output
    assert not SHOWN.search(done.output)


def test_json_on_the_command_line_gives_the_terms_back(home: Home) -> None:
    done = regrade(home, "sql", "select verbatim_term as t from core_adverse_events", "--json")
    found = {row["t"] for row in json.loads(done.output)}
    assert TERMS["terminal"] in found
    assert TERMS["nul"] in found


@pytest.mark.parametrize("style", ["csv", "parquet"])
def test_exported_tables_hold_each_term_as_it_is(home: Home, tmp_path: Path, style: str) -> None:
    target = tmp_path / "out"
    done = regrade(home, "export", str(target), "--format", style)
    assert done.exit_code == 0, done.output
    stored = ask(home, "SELECT verbatim_term FROM core_adverse_events")["verbatim_term"].to_list()
    if style == "parquet":
        found = pl.read_parquet(target / "core_adverse_events.parquet")["verbatim_term"].to_list()
    else:
        with (target / "core_adverse_events.csv").open(encoding="utf-8", newline="") as stream:
            found = [row["verbatim_term"] for row in csv.DictReader(stream)]
    assert sorted(found) == sorted(stored)


def test_a_workbook_of_the_terms_has_no_formula_and_no_link(home: Home, tmp_path: Path) -> None:
    form = tmp_path / "list.xlsx"
    done = regrade(home, "mappings", "work-list", "--output", str(form))
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(form) as archive:
        names = archive.namelist()
        xml = " ".join(archive.read(name).decode() for name in names if name.startswith("xl/"))
    assert "quibble quibble" in xml
    assert not re.search(r"<f[ >]|<hyperlink|externalLink|\x1b|\x00", xml)


def test_a_tab_separated_list_of_the_terms_has_a_line_for_each(home: Home, tmp_path: Path) -> None:
    form = tmp_path / "list.tsv"
    done = regrade(home, "mappings", "work-list", "--output", str(form))
    assert done.exit_code == 0, done.output
    text = form.read_text(encoding="utf-8")
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t"))
    assert {len(row) for row in rows} == {len(rows[0])}
    cells = [cell for row in rows[1:] for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]
