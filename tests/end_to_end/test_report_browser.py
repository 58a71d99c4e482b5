"""A report in a real headless Chromium: it shows, sorts, filters and prints, and asks nothing of any network.

Without a Chromium these tests are skipped, unless REGRADE_REQUIRE_BROWSER says that there has to be one.
"""

from __future__ import annotations

import functools
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.report.html import render_html
from tests.chromium import Tab, address_of, browse, find_chromium
from tests.report_samples import sample_document
from tests.report_screenshots import FOLDER, SHOTS, make_screenshots

CHROMIUM = find_chromium()
if CHROMIUM is None and os.environ.get("REGRADE_REQUIRE_BROWSER") != "1":
    pytest.skip("no Chromium on the PATH and none named by CHROMIUM", allow_module_level=True)

ROWS = 5000
LISTING = "c1-listings-t-changed"
PAINTED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))"
SETTLED = f"new Promise(done => setTimeout(done, 150)).then(() => {PAINTED})"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    for rows in (50, ROWS):
        page = render_html(sample_document(rows))
        (folder / f"{rows}.html").write_text(page, encoding="utf-8", newline="\n")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Tab]:
    assert CHROMIUM is not None, "REGRADE_REQUIRE_BROWSER is set and there is no Chromium: install one"
    with browse(CHROMIUM) as tab:
        yield tab


@pytest.fixture
def tab(browser: Tab, folder: Path) -> Tab:
    browser.prefer("light")
    browser.size(1280, 900)
    browser.open(address_of(folder / "50.html"))
    return browser


def complaints(tab: Tab) -> list[Any]:
    """Whatever the browser said on its console, exceptions and breaches of the page's policy included."""
    return [
        tab.named(name)
        for name in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        if tab.named(name)
    ]


def requests(tab: Tab) -> list[str]:
    urls = [str(event["request"]["url"]) for event in tab.named("Network.requestWillBeSent")]
    return [url for url in urls if not url.startswith("data:")]


def column(tab: Tab, table: str, index: int) -> list[str]:
    """The cells of a column in the rows that are shown."""
    cells: list[str] = tab.run(
        f"Array.from(document.querySelectorAll('#{table}-data tbody tr:not([hidden])'), "
        f"row => row.cells[{index}].textContent)"
    )
    return cells


def click_head(tab: Tab, table: str, index: int) -> str:
    """Click the heading of a column; what it then says of its order."""
    head = f"document.querySelectorAll('#{table}-data thead th')[{index}]"
    tab.run(f"{head}.querySelector('button').click()")
    order: str = tab.run(f"{head}.getAttribute('aria-sort')")
    return order


def type_filter(tab: Tab, table: str, text: str, where: int = -1) -> str:
    """Fill in the filter of a table; what it then says."""
    tab.run(
        f"(() => {{ const tools = document.querySelector('#{table} .tools'); "
        f"const input = tools.querySelector('input'), select = tools.querySelector('select'); "
        f"select.value = '{where}'; input.value = {text!r}; input.dispatchEvent(new Event('input')); }})()"
    )
    tab.run(SETTLED)
    told: str = tab.run(f"document.querySelector('#{table} [role=status]').textContent")
    return told


def test_the_page_loads_without_complaint_or_request(tab: Tab, folder: Path) -> None:
    assert tab.run("document.documentElement.dataset.ready") == "yes"
    assert tab.run("document.title") == "Scale differences of CART-DEMO and others"
    for event in ("click", "input", "change"):
        tab.run(
            "document.querySelectorAll('button, input, select')"
            f".forEach(element => element.dispatchEvent(new Event('{event}')))"
        )
    tab.run(SETTLED)
    assert complaints(tab) == []
    assert requests(tab) == [address_of(folder / "50.html")]


def test_served_over_http_it_asks_for_itself_only(tab: Tab, folder: Path) -> None:
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        tab.open(f"http://127.0.0.1:{server.server_port}/50.html")
        tab.run(SETTLED)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert asked == ["/50.html"]
    assert complaints(tab) == []


def test_every_figure_is_seen_with_a_name_and_marks(tab: Tab) -> None:
    figures = tab.run(
        "Array.from(document.querySelectorAll('figure'), f => { const s = f.querySelector('svg'); "
        "const b = s.getBoundingClientRect(); return [b.width > 300, b.height > 100, "
        "s.querySelectorAll('rect,path,line').length > 9, s.getAttribute('role'), "
        "document.getElementById(s.getAttribute('aria-labelledby')).textContent.length > 3] })"
    )
    assert figures == [[True, True, True, "img", True]] * 7
    nodes = tab.send("Accessibility.getFullAXTree")["nodes"]
    images = [
        n["name"]["value"] for n in nodes if n["role"]["value"] in ("image", "img") and not n["ignored"]
    ]
    assert "Flow from CTCAE to ICANS" in images
    roles = {n["role"]["value"] for n in nodes}
    assert {
        "main",
        "navigation",
        "banner",
        "contentinfo",
        "table",
        "columnheader",
        "rowheader",
        "region",
    } <= roles


def test_a_hostile_text_does_nothing(tab: Tab) -> None:
    assert tab.run("document.scripts.length") == 1
    assert tab.run("document.images.length") == 0
    assert tab.run("document.title") != "taken"
    texts = column(tab, "c1-listings-t-hostile", 0)
    assert texts[0] == "<script>document.title='taken'</script>"
    height = tab.run("document.querySelector('#c1-listings-t-hostile-data').getBoundingClientRect().height")
    assert height < 1500
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")


def test_headings_sort_up_down_and_back(tab: Tab) -> None:
    as_made = column(tab, LISTING, 5)
    assert click_head(tab, LISTING, 5) == "ascending"
    assert [int(day) for day in column(tab, LISTING, 5)] == sorted(int(day) for day in as_made)
    assert click_head(tab, LISTING, 5) == "descending"
    assert [int(day) for day in column(tab, LISTING, 5)] == sorted((int(d) for d in as_made), reverse=True)
    assert click_head(tab, LISTING, 5) == "none"
    assert column(tab, LISTING, 5) == as_made
    for order in ("ascending", "descending"):
        assert click_head(tab, LISTING, 3) == order
        grades = column(tab, LISTING, 3)
        assert grades[-1] == "-", "null is last in either order"
        known = [int(grade) for grade in grades if grade != "-"]
        assert known == sorted(known, reverse=order == "descending")


def test_the_filter_finds_words_in_all_columns_or_one(tab: Tab) -> None:
    assert type_filter(tab, LISTING, "seizure") == "10 of 50 rows"
    assert set(column(tab, LISTING, 2)) == {"Seizure"}
    assert type_filter(tab, LISTING, "SEIZURE yes") == "3 of 50 rows"
    assert type_filter(tab, LISTING, "seizure", where=0) == "0 of 50 rows"
    assert column(tab, LISTING, 0) == []
    assert type_filter(tab, LISTING, "") == "50 of 50 rows"
    tab.run(f"document.querySelector('#{LISTING} input').focus()")
    type_filter(tab, LISTING, "tremor")
    tab.press("Escape")
    assert tab.run(f"document.querySelector('#{LISTING} [role=status]').textContent") == "50 of 50 rows"


def test_sorting_keeps_the_filter(tab: Tab) -> None:
    type_filter(tab, LISTING, "aphasia")
    click_head(tab, LISTING, 1)
    assert len(column(tab, LISTING, 1)) == 10


def test_the_keyboard_reaches_everything(tab: Tab) -> None:
    tab.press("Tab")
    assert tab.run("document.activeElement.className") == "skip"
    tab.press("Enter")
    assert tab.run("document.activeElement.id") == "content"
    tab.press("Tab")
    assert tab.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    for _ in range(400):
        if tab.run("document.activeElement.className") == "sort":
            break
        tab.press("Tab")
    tab.press("Enter")
    assert tab.run("document.activeElement.closest('th').getAttribute('aria-sort')") == "ascending"
    tab.press("Space")
    assert tab.run("document.activeElement.closest('th').getAttribute('aria-sort')") == "descending"
    unreachable = tab.run(
        "Array.from(document.querySelectorAll('.scroll, .picture')).filter(e => e.tabIndex < 0).length"
    )
    assert unreachable == 0


def colours(tab: Tab) -> list[str]:
    found: list[str] = tab.run(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color, "
        "getComputedStyle(document.querySelector('svg .f-ink')).fill, "
        "getComputedStyle(document.querySelector('svg .f-g3')).fill]"
    )
    return found


def test_light_and_dark_follow_the_reader_and_the_button_figures_too(tab: Tab) -> None:
    light = colours(tab)
    tab.prefer("dark")
    tab.run(PAINTED)
    dark = colours(tab)
    assert light[0] == "rgb(255, 255, 255)"
    assert not set(light) & set(dark)
    assert tab.run("document.getElementById('theme').textContent") == "Light colours"
    tab.run("document.getElementById('theme').click()")
    assert colours(tab) == light
    tab.run("document.getElementById('theme').click()")
    assert colours(tab) == dark
    tab.prefer("light")
    assert colours(tab) == dark, "what the reader chose stays"
    tab.prefer("dark", "print")
    assert colours(tab) == light, "paper is light"


def test_it_prints(tab: Tab) -> None:
    pdf = tab.pdf()
    assert pdf.startswith(b"%PDF-")
    assert pdf.count(b"/Type /Page\n") > 3
    tab.prefer("light", "print")
    assert tab.run("getComputedStyle(document.querySelector('.scroll')).overflowY") == "visible"
    assert tab.run("getComputedStyle(document.querySelector('.tools')).display") == "none"


def test_without_a_script_everything_is_there(tab: Tab, folder: Path) -> None:
    tab.open(address_of(folder / "50.html"), scripts=False)
    assert tab.run("document.documentElement.dataset.ready === undefined")
    assert len(column(tab, LISTING, 0)) == 50
    assert tab.run("document.querySelectorAll('figure svg').length") == 7
    assert tab.run("getComputedStyle(document.querySelector('.tools')).display") == "none"
    assert tab.run("getComputedStyle(document.getElementById('theme')).display") == "none"


def test_five_thousand_rows_open_in_two_seconds(tab: Tab, folder: Path) -> None:
    times = []
    for _ in range(3):
        tab.open(address_of(folder / f"{ROWS}.html"))
        assert tab.run("document.documentElement.dataset.ready") == "yes"
        times.append(tab.run("performance.getEntriesByType('navigation')[0].loadEventEnd"))
    assert min(times) < 2000
    assert len(column(tab, LISTING, 0)) == ROWS


def test_a_long_listing_is_still_a_table_and_sorts_and_filters(tab: Tab, folder: Path) -> None:
    tab.open(address_of(folder / f"{ROWS}.html"))
    assert type_filter(tab, LISTING, "seizure r-3") == "375 of 5000 rows"
    assert click_head(tab, LISTING, 6) == "ascending"
    shares = [float(share) for share in column(tab, LISTING, 6)]
    assert shares == sorted(shares)
    type_filter(tab, LISTING, "")
    tab.run(f"document.getElementById('{LISTING}').scrollIntoView({{behavior: 'instant'}}); {PAINTED}")
    node = tab.run(f"document.querySelector('#{LISTING}-data').classList.contains('large')")
    assert node is True
    lefts = tab.run(
        f"Array.from(document.querySelectorAll('#{LISTING}-data tr:nth-child(-n+5)'), "
        "row => Array.from(row.cells, cell => Math.round(cell.getBoundingClientRect().left)).join())"
    )
    assert len(set(lefts)) == 1, "cells stand below their headings"
    query = {"backendNodeId": tab.send("DOM.getDocument")["root"]["backendNodeId"], "role": "table"}
    named = [n["name"]["value"] for n in tab.send("Accessibility.queryAXTree", **query)["nodes"]]
    assert "Table changed" in named
    assert complaints(tab) == []


def test_pictures_are_small_and_differ_in_light_and_dark(folder: Path, tmp_path: Path) -> None:
    written = make_screenshots(folder / "50.html", tmp_path)
    names = {f"{name}-{scheme}.png" for name in SHOTS for scheme in ("light", "dark")}
    assert {path.name for path in written} == names == {path.name for path in FOLDER.iterdir()}
    assert len({path.read_bytes() for path in written}) == len(written)
    for picture in [*written, *FOLDER.iterdir()]:
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size < 300_000
