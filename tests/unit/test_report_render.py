"""A document as page, text and JSON: texts stay texts, numbers stay exact, equal input is equal bytes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipelines.report.document import Cell, Document
from pipelines.report.document_file import SCHEMA_PATH, document_json, document_schema, read_document
from pipelines.report.html import body_of, render_html
from pipelines.report.text import WIDTH, render_text
from pipelines.report.wording import cell_text, facts_line, visible
from schemas.errors import RegradeError
from tests.report_samples import HOSTILE, columns, sample_document, table

VOID = {"meta", "link", "img", "br", "input", "wbr"}
DOCUMENT = sample_document(30)
PAGE = render_html(DOCUMENT)


class Elements(HTMLParser):
    """What a browser would see: elements with their attributes, and the text of each table's cells."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.tables: list[list[list[tuple[str, str | None]]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tbody":
            self.tables.append([])
        if "tbody" in self.open and tag == "tr":
            self.tables[-1].append([])
        if "tbody" in self.open and tag in ("td", "th"):
            self.tables[-1][-1].append(("", dict(attrs).get("data-v")))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "tbody" in self.open and {"td", "th"} & set(self.open):
            text, exact = self.tables[-1][-1][-1]
            self.tables[-1][-1][-1] = (text + data, exact)


SEEN = Elements(PAGE)


def all_tables(document: Document) -> list[tuple[tuple[Cell, ...], ...]]:
    return [t.rows for c in document.chapters for s in c.sections for t in s.tables]


def test_every_cell_of_every_table_is_on_the_page_and_exact() -> None:
    tables = all_tables(DOCUMENT)
    assert len(SEEN.tables) == len(tables)
    for seen, rows in zip(SEEN.tables, tables, strict=True):
        assert len(seen) == max(1, len(rows))
        for cells, row in zip(seen, rows, strict=bool(rows)):
            for (text, exact), cell in zip(cells, row, strict=True):
                if isinstance(cell, float):
                    assert float(exact or text) == cell
                else:
                    assert (text, exact) == (cell_text(cell, "text"), None)


def test_every_element_is_closed_and_every_id_is_unique() -> None:
    assert SEEN.open == []
    ids = [attributes["id"] for _, attributes in SEEN.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in SEEN.elements:
        for name in ("aria-labelledby", "aria-describedby", "aria-controls"):
            assert attributes.get(name) is None or attributes[name] in ids
        href = attributes.get("href") or ""
        assert not href.startswith("#") or href[1:] in ids


def test_hostile_texts_make_no_element_and_no_attribute() -> None:
    tame = {
        "html",
        "head",
        "meta",
        "link",
        "title",
        "style",
        "body",
        "a",
        "header",
        "button",
        "h1",
        "h2",
        "h3",
    }
    tame |= {"p", "nav", "ol", "li", "main", "section", "ul", "dl", "div", "dt", "dd", "figure", "figcaption"}
    tame |= {
        "svg",
        "desc",
        "rect",
        "path",
        "line",
        "text",
        "table",
        "caption",
        "span",
        "thead",
        "tbody",
        "tr",
    }
    tame |= {
        "th",
        "td",
        "label",
        "input",
        "select",
        "option",
        "details",
        "summary",
        "pre",
        "code",
        "footer",
        "wbr",
    }
    tags = [tag for tag, _ in SEEN.elements]
    assert set(tags) == tame | {"script"}
    assert tags.count("script") == 1
    names = {name for _, attributes in SEEN.elements for name in attributes}
    assert not {name for name in names if name.startswith("on")}
    assert "style" not in names
    assert "src" not in names


def test_no_character_that_is_not_printable_reaches_page_or_text() -> None:
    for rendered in (PAGE, render_text(DOCUMENT)):
        assert not {c for c in rendered if not c.isprintable()} - {"\n"}


def test_a_hostile_text_changes_nothing_but_its_own_cell() -> None:
    tame = DOCUMENT.model_dump_json()
    for text in HOSTILE:
        tame = tame.replace(json.dumps(text, ensure_ascii=False)[1:-1], "harmless")
    harmless = Elements(render_html(Document.model_validate_json(tame)))
    shown = {visible(text) for text in HOSTILE}
    for ours, theirs in zip(SEEN.tables, harmless.tables, strict=True):
        for row, other in zip(ours, theirs, strict=True):
            for cell, tamed in zip(row, other, strict=True):
                assert cell == tamed or cell[0] in shown


def test_the_page_permits_itself_its_own_style_and_script_only() -> None:
    policy = next(a["content"] for _, a in SEEN.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", PAGE, re.DOTALL)
        assert content is not None
        digest = base64.b64encode(hashlib.sha256(content.group(1).encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
        assert not re.search(r"https?:|@import|url\(", content.group(1).replace("http://www.w3.org", ""))


def test_a_matrix_is_shaded_by_its_counts_and_its_totals_are_not() -> None:
    heads = columns(
        "grade:text:Grade", *(f"icans_{grade}:count:{grade}" for grade in range(4)), "all:count:All"
    )
    matrix = table("m", heads, [("0", 10, 1, 0, 5, 16), ("total", 10, 1, 0, 5, 16)])
    first, last = body_of(matrix).splitlines()
    assert re.findall(r'class="n ?(h\d)?"', first) == ["h5", "h1", "", "h3", ""]
    assert "h5" not in last
    assert " h" not in body_of(matrix.model_copy(update={"is_listing": True}))


def test_every_table_and_figure_prints_the_facts_of_its_chapter() -> None:
    for chapter in DOCUMENT.chapters:
        parts = sum(len(section.tables) + len(section.figures) for section in chapter.sections)
        line = facts_line(chapter)
        assert PAGE.count(f'<p class="facts">{line}</p>') == parts
    assert "Run: aaaaaaaaaaaa\u2026" in facts_line(DOCUMENT.chapters[0])
    assert "a" * 64 in PAGE


def test_tables_say_what_their_headings_are() -> None:
    tables = [attributes for tag, attributes in SEEN.elements if tag == "table"]
    assert len(tables) == len(all_tables(DOCUMENT))
    assert [tag for tag, _ in SEEN.elements].count("caption") == len(tables)
    assert all(a.get("scope") in ("col", "row") for tag, a in SEEN.elements if tag == "th")
    figures = [a for tag, a in SEEN.elements if tag == "svg"]
    assert len(figures) == 7
    assert all(a["role"] == "img" for a in figures)


def test_what_has_rows_to_choose_from_can_be_filtered() -> None:
    filtered = {a["data-table"] for _, a in SEEN.elements if a.get("class") == "tools"}
    listings = {f"c1-listings-t-{name}-data" for name in ("changed", "hostile")}
    assert listings | {"c1-course-t-daily-data", "c1-course-t-spans-data"} <= filtered
    assert not filtered & {"c1-listings-t-empty-data", "c1-shift-t-matrix-data"}


def test_the_query_stands_folded_beside_its_table() -> None:
    assert '<pre tabindex="0"><code>select ctcae,\n  icans, subjects\nfrom out_grade_shift' in PAGE
    assert "1 &lt; 2" in PAGE
    assert "<details open" not in PAGE


def test_equal_documents_are_equal_bytes() -> None:
    again = sample_document(30)
    assert render_html(again) == PAGE
    assert render_text(again) == render_text(DOCUMENT)
    assert document_json(again) == document_json(DOCUMENT)


def test_text_is_at_most_100_columns_wide_and_says_what_it_cuts() -> None:
    text = render_text(sample_document(200))
    assert max(map(len, text.split("\n"))) <= WIDTH
    assert "... and 160 more; the page and the JSON hold all" in text
    assert "ICANS occurred in 30.0 % (12/40)" in text
    assert "(10000 characters)" in text


def test_a_table_wider_than_the_text_page_is_told_row_by_row() -> None:
    matrix = DOCUMENT.chapters[0].sections[0].tables[1]
    wide = matrix.model_copy(
        update={
            "columns": tuple(c.model_copy(update={"label": "Longheading" * 2}) for c in matrix.columns),
            "rows": matrix.rows[:1],
        }
    )
    section = DOCUMENT.chapters[0].sections[0].model_copy(update={"tables": (wide,), "figures": ()})
    chapter = DOCUMENT.chapters[0].model_copy(update={"sections": (section,)})
    text = render_text(DOCUMENT.model_copy(update={"chapters": (chapter,)}))
    assert "  (1)\n    LongheadingLongheading: 0\n" in text


@pytest.mark.parametrize(
    ("cell", "kind", "written"),
    [
        (None, "count", "-"),
        (True, "flag", "yes"),
        (12.3456, "percent", "12.3"),
        (5.0, "percent", "5.0"),
        (5.0, "number", "5"),
        (0.126, "number", "0.13"),
        (-3, "day", "-3"),
        ("<8", "count", "<8"),
        ("a\x00b\u202ec\u200bd\n", "text", "a\ufffdb\ufffdc\ufffdd "),
    ],
)
def test_how_a_cell_is_written(cell: Cell, kind: str, written: str) -> None:
    assert cell_text(cell, kind) == written


def test_the_committed_schema_is_that_of_the_document() -> None:
    assert SCHEMA_PATH.read_text(encoding="utf-8") == document_schema()
    assert json.loads(document_schema()) == Document.model_json_schema()


def test_a_report_is_rendered_again_from_its_json_alone(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(document_json(DOCUMENT), encoding="utf-8")
    again = read_document(path)
    assert again == DOCUMENT
    assert render_html(again) == PAGE


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[: len(text) // 2], "is not JSON"),
        (lambda text: text.replace('"1.0"', '"9.9"', 1), "cannot read (it reads 1.0)"),
        (lambda text: text.replace('"schema_version"', '"version"', 1), "has no schema_version"),
        (lambda text: "[1]", "has no schema_version"),
        (lambda text: text.replace('"kind": "flow"', '"kind": "pie"', 1), "literal_error at chapters.0"),
        (lambda text: text.replace('"is_public"', '"secret"', 1), "is not a report of schema 1.0"),
        (
            lambda text: text.replace('"table_id": "shift"', '"table_id": "other"', 1),
            "names a table its section",
        ),
        (lambda text: text.replace("    21\n", "    21,\n    21\n", 1), "has 3 columns, the row 4"),
        (lambda text: "[" * 100_000, "is nested too deeply"),
    ],
)
def test_a_damaged_report_is_refused_with_its_fault(tmp_path: Path, damage: object, said: str) -> None:
    assert callable(damage)
    path = tmp_path / "report.json"
    damaged = re.sub(r"^ +21\n", "    21\n", document_json(DOCUMENT), count=1, flags=re.MULTILINE)
    path.write_text(damage(damaged), encoding="utf-8")
    with pytest.raises(RegradeError) as caught:
        read_document(path)
    assert said in caught.value.what
    assert caught.value.file == "report.json"
    assert "Next:" in str(caught.value)
    assert "script" not in str(caught.value)


def test_a_report_that_is_missing_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegradeError, match="cannot be read"):
        read_document(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(RegradeError, match="is not UTF-8"):
        read_document(tmp_path / "bytes.json")
