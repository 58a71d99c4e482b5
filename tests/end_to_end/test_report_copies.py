"""Who a report names: pseudonyms by default, nobody in a copy for the public."""

from __future__ import annotations

import json
import re

import pytest

from pipelines.home import Home
from pipelines.pseudonym_key import ENVIRONMENT_VARIABLE, key_path
from pipelines.report.document import Document
from pipelines.study_reports import make_study_report
from tests.end_to_end.homes import Tables
from tests.end_to_end.report_tables import every_table, records

STUDIES = ("CART-DEMO", "CDISCPILOT01")
KEY = "a key that only this test uses"


@pytest.fixture(scope="module")
def shown(shipped_home: Home) -> Document:
    return make_study_report(shipped_home, show_ids=True)


@pytest.fixture(scope="module")
def public(shipped_home: Home) -> Document:
    return make_study_report(shipped_home, public=True)


# Who is who


def test_no_subject_id_is_in_a_report_with_pseudonyms(
    shipped_home: Home, shown: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, KEY)
    hidden = make_study_report(shipped_home)
    assert hidden.subject_ids == "pseudonyms"
    text = json.dumps(hidden.model_dump(mode="json"))
    for study in STUDIES:
        for subject in Tables(shipped_home, study)["core_subjects"]["subject_id"]:
            assert not re.search(rf"(?<![\w-]){re.escape(subject)}(?![\w-])", text)
    names: dict[object, object] = {}
    for (_, open_table), (_, table) in zip(every_table(shown), every_table(hidden), strict=True):
        places = [place for place, column in enumerate(table.columns) if column.kind != "id"]
        rows = [
            [tuple(str(row[place]) for place in places) for row in each.rows] for each in (open_table, table)
        ]
        assert sorted(rows[0]) == sorted(rows[1]), table.table_id
        names |= dict.fromkeys(row["subject_id"] for row in records(table) if "subject_id" in row)
    assert names
    assert all(re.fullmatch(r"S-[A-Z2-7]{8,}", str(name)) for name in names)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, KEY + " and another")
    others = {
        row["subject_id"]
        for _, table in every_table(make_study_report(shipped_home))
        for row in records(table)
        if "subject_id" in row
    }
    assert not others & set(names)


def test_the_key_is_made_once_and_for_its_owner_only(
    shipped_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    first = make_study_report(shipped_home, ["CDISCPILOT01"])
    path = key_path(shipped_home)
    assert path.parent == shipped_home.root
    assert path.stat().st_mode & 0o777 == 0o600
    assert make_study_report(shipped_home, ["CDISCPILOT01"]) == first
    path.unlink()


# Copies for the public


def test_a_public_copy_lists_nobody_and_no_date(public: Document) -> None:
    assert public.is_public
    assert public.subject_ids == "none"
    for _, table in every_table(public):
        if table.is_listing:
            assert table.rows == ()
            assert table.withheld
        assert not any(column.kind == "id" and any(table.rows) for column in table.columns)
    assert {figure.figure_id for section in public.chapters[0].sections for figure in section.figures} == {
        "flow",
        "daily",
        "forest",
    }
    text = json.dumps(public.model_dump(mode="json"))
    assert "2017-03-31" not in text
    assert not re.search(r"\b(19|20)\d\d-\d\d-\d\d\b", text)


def test_no_small_count_is_in_a_public_copy(public: Document, shown: Document) -> None:
    withheld = 0
    for (_, open_table), (_, table) in zip(every_table(shown), every_table(public), strict=True):
        for open_row, row in zip(open_table.rows, table.rows, strict=False):
            for column, exact, cell in zip(table.columns, open_row, row, strict=True):
                if column.kind == "count":
                    assert (
                        cell == "<8"
                        if isinstance(exact, int) and 1 <= exact <= 7
                        else cell != exact or (cell == 0 or exact % 5 == 0)
                    ), (table.table_id, column.name, exact, cell)
                    assert isinstance(cell, str) or cell % 5 == 0
                    withheld += cell == "<8"
                if column.kind == "percent" and cell is not None:
                    assert "<8" not in (row[0], row[1])
    assert withheld > 100
    for chapter in public.chapters:
        for sentence in chapter.sentences:
            for count, total in re.findall(r"\((\d+)/(\d+)\)", sentence.text):
                assert int(count) % 5 == int(total) % 5 == 0
            assert "range" not in sentence.text
