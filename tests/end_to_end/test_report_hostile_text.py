"""Hostile text of a record changes nothing of a report but the cells it stands in."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import polars as pl
import pytest

from pipelines.home import Home
from pipelines.report.document import Document, Table
from pipelines.report.document_file import document_json, read_document
from pipelines.report.html import render_html
from pipelines.report.text import render_text
from pipelines.study_reports import make_study_report
from tests.end_to_end.homes import regrade, write_study

MANIFEST = """\
study: HOSTILE
files:
  - {path: ae.parquet, role: adverse_events}
  - {path: dm.csv, role: subjects}
grading: {scale: ctcae, version: "4.03"}
infusions: {source: reference_start}
"""
SUBJECTS = "USUBJID,AGE,AGEU,RFSTDTC,DTHFL\n{subject},50,YEARS,2017-03-01,N\nAB-S0002,61,YEARS,2017-03-01,N\n"
PLAIN = "quibbling of the mind"
HOSTILE = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "formula": "=HYPERLINK(evil.example;click)",
    "right to left": "\u202egnilbbiuq\u202c \u2066mind\u2069",
    "long": "quibble " * 1250,
    "nul": "quibbling\x00of the mind",
    "template": "{{ 7 * 7 }} {% raw %} ${x} $studies",
    "quotes": "it's a 'quote'); DROP TABLE core_runs; --",
    "terminal": "\x1b[31mred\x1b[0m",
}


def events(term: str, subject: str) -> bytes:
    """Three rows as a Parquet file, which can hold any text."""
    rows = [
        (subject, "1", term, term, "Nervous system disorders", "3", "2017-03-04", "2017-03-06"),
        (subject, "2", f"{term} narrative", "Headache", "Nervous system disorders", "2", "2017-03-05", ""),
        ("AB-S0002", "1", "confused", "Confusion", "Psychiatric disorders", "2", "2017-03-05", "2017-03-07"),
    ]
    names = ["USUBJID", "AESEQ", "AETERM", "AEDECOD", "AEBODSYS", "AETOXGR", "AESTDTC", "AEENDTC"]
    buffer = io.BytesIO()
    pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row").write_parquet(buffer)
    return buffer.getvalue()


def report(root: Path, term: str, subject: str = "AB-S0001") -> Document:
    home = Home(root)
    files = {
        "study.yaml": MANIFEST,
        "ae.parquet": events(term, subject),
        "dm.csv": SUBJECTS.format(subject=subject),
    }
    write_study(home, "HOSTILE", files)
    done = regrade(home, "run")
    assert done.exit_code == 0, done.output
    return make_study_report(home, show_ids=True)


def tables(document: Document) -> dict[str, Table]:
    (chapter,) = document.chapters
    return {table.table_id: table for section in chapter.sections for table in section.tables}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return report(tmp_path_factory.mktemp("plain"), PLAIN)


@pytest.mark.parametrize("name", HOSTILE)
def test_only_the_cell_of_the_text_differs(tmp_path: Path, plain: Document, name: str) -> None:
    hostile = report(tmp_path / "home", HOSTILE[name])
    expected, found = tables(plain), tables(hostile)
    assert list(found) == list(expected)
    for table_id, table in found.items():
        if table_id == "sources":  # hashes of other inputs
            continue
        if table_id == "unmapped_terms":
            assert [row[0:1] + row[2:] for row in table.rows] == [
                row[0:1] + row[2:] for row in expected[table_id].rows
            ]
            assert table.rows != expected[table_id].rows
            continue
        assert table == expected[table_id], table_id
    run_apart = [fact for fact in hostile.chapters[0].facts if fact.label != "Run"]
    assert run_apart == [fact for fact in plain.chapters[0].facts if fact.label != "Run"]
    assert hostile.chapters[0].sentences == plain.chapters[0].sentences

    path = tmp_path / "report.json"
    path.write_text(document_json(hostile), encoding="utf-8")
    assert read_document(path) == hostile
    text = render_text(hostile)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
    page = render_html(hostile)
    assert "<img src=x" not in page
    assert "alert(1)</script>" not in page
    assert "\x00" not in page
    assert "\u202e" not in page


@pytest.mark.parametrize("subject", ["<b>AB</b>'; --", "=1+1+cmd"])
def test_a_hostile_subject_id_is_named_by_its_pseudonym(tmp_path: Path, subject: str) -> None:
    shown = report(tmp_path, PLAIN, subject)
    assert subject in [row[1] for row in tables(shown)["open_subjects"].rows]
    hidden = make_study_report(Home(tmp_path))
    assert subject not in json.dumps(hidden.model_dump(mode="json"), ensure_ascii=False)
    rows = tables(hidden)["open_subjects"].rows
    assert rows
    assert all(re.fullmatch(r"S-[A-Z2-7]{8}", str(row[1])) for row in rows)
