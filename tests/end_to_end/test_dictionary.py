"""The data dictionary: complete, true of the published studies, and one page that needs no network."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import duckdb
import pytest

from pipelines.home import Home
from schemas.registry import PUBLISHED_TABLES
from warehouse.ddl import view_statements
from warehouse.dictionary import PAGE_PATH, Entry, read_entries, render_dictionary, render_page
from warehouse.usage import VIEWS
from warehouse.usage_tables import TABLES

ENTRIES = read_entries()


def named(entry: Entry) -> str:
    return entry.name


def test_every_table_and_view_has_its_use_written_down() -> None:
    assert set(TABLES) == {declared.info().name for declared in PUBLISHED_TABLES}
    assert set(VIEWS) == {name for name, _ in view_statements()}
    for entry in ENTRIES:
        assert all((entry.summary, entry.grain, entry.key, entry.beware, entry.example)), entry.name


@pytest.mark.parametrize("entry", ENTRIES, ids=named)
def test_the_example_is_answered_by_what_it_stands_under(shipped_home: Home, entry: Entry) -> None:
    assert re.search(rf"\b{entry.name}\b", entry.example)
    with duckdb.connect(str(shipped_home.database), read_only=True) as connection:
        assert connection.execute(entry.example).fetchall(), "an example without an answer teaches nothing"


@pytest.mark.parametrize("entry", ENTRIES, ids=named)
def test_the_key_tells_rows_apart(shipped_home: Home, entry: Entry) -> None:
    assert set(entry.key) <= {column.name for column in entry.columns}
    key = ", ".join(f'"{part}"' for part in entry.key)
    with duckdb.connect(str(shipped_home.database), read_only=True) as connection:
        (repeated,) = connection.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {entry.name} GROUP BY {key} HAVING count(*) > 1)"
        ).fetchall()
    assert repeated == (0,)


def test_a_null_is_explained_wherever_a_table_allows_one() -> None:
    for entry in ENTRIES:
        for column in entry.columns:
            assert "Null:" not in column.meaning, (entry.name, column.name)
            if column.null == "yes":
                assert column.null_means, (entry.name, column.name)


def test_a_null_in_a_view_is_explained(shipped_home: Home) -> None:
    with duckdb.connect(str(shipped_home.database), read_only=True) as connection:
        for entry in (entry for entry in ENTRIES if entry.is_view):
            counts = ", ".join(f'count(*) - count("{column.name}")' for column in entry.columns)
            (nulls,) = connection.execute(f"SELECT {counts} FROM {entry.name}").fetchall()
            for column, found in zip(entry.columns, nulls, strict=True):
                assert column.null_means or not found, (entry.name, column.name)


class Links(HTMLParser):
    """Ids, and addresses that a browser would ask for."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            if name in ("href", "src", "action") and value:
                self.targets.append(value)


def test_the_page_is_current_whole_and_asks_no_network() -> None:
    page = render_page(ENTRIES)
    assert PAGE_PATH.read_text(encoding="utf-8") == page
    links = Links()
    links.feed(page)
    assert {entry.name for entry in ENTRIES} <= links.ids
    assert {target.removeprefix("#") for target in links.targets if target != "data:,"} <= links.ids
    assert not re.search(r"https?:|url\(|@import", page)
    assert "default-src 'none'" in page


def test_both_forms_say_the_same() -> None:
    text, page = render_dictionary(ENTRIES), render_page(ENTRIES)
    for entry in ENTRIES:
        assert entry.example in text
        assert f">{entry.name}</h3>" in page
        assert page.count(f'id="{entry.name}"') == 1


def test_words_of_a_comment_are_only_words() -> None:
    (first, *_) = ENTRIES
    hostile = Entry(**{**first.__dict__, "summary": "<script>alert(1)</script>"})
    assert "<script>alert(1)" not in render_page([hostile])
