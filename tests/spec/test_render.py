"""The specification page is what the spec tests say today."""

from __future__ import annotations

from pathlib import Path

from tests.spec.render import PAGE, Chapter, Rule, main, read_chapters, render_html, render_markdown


def test_the_page_is_up_to_date() -> None:
    """Else: python -m tests.spec.render"""
    assert PAGE.read_text(encoding="utf-8") == render_markdown(read_chapters())


def test_every_rule_has_its_sentence_and_its_tables() -> None:
    chapters = {chapter.name: chapter for chapter in read_chapters()}
    rules = {rule.sentence: rule for rule in chapters["test_assessment_rules"].rules}
    bands = rules["Bands of the ice total"]
    assert bands.text.startswith("[4.2, K-ICE]")
    cases, table = bands.tables
    assert cases[:2] == [["total", "interval"], ["10", "0/0/0"]]
    assert table[1] == ["ice_total={total}", "=>", "cognition", "{low}", "{point}", "{high}", "K-ICE"]


def test_the_same_as_a_page(tmp_path: Path) -> None:
    page = render_html(
        [Chapter("test_a", "Title", "Text", [Rule("A & b", "", [[["x", "=>"], ["<", "=>"]]])])]
    )
    assert "<h3>A &amp; b</h3>" in page
    assert "<td>&lt;</td><td>→</td>" in page
    main([str(tmp_path / "page.html")])
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == render_html(read_chapters())
