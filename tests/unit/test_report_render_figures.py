"""Figures: each mark is a row of the table, the same table is the same bytes, PNG needs the extra only."""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from pipelines.report.document import Section, Table
from pipelines.report.figure_data import in_order, steps
from pipelines.report.figures import draw, figure_files, render_png, render_svg
from pipelines.report.palette import DARK, LIGHT, grade_paint
from pipelines.report.svg import Drawing
from schemas.errors import SchemaError
from tests import report_samples as samples

SVG = "{http://www.w3.org/2000/svg}"


def drawn(kind: str, table: Table) -> Drawing:
    figure = samples.figure(kind, table.table_id, "A figure")
    return draw(figure, Section(section_id="s", title="s", tables=(table,), figures=(figure,)))


def tips(drawing: Drawing) -> list[str]:
    root = ET.fromstring(drawing.for_pixels())
    return [title.text or "" for mark in root for title in mark.findall(f"{SVG}title")]


def texts(drawing: Drawing) -> list[str]:
    return [text.text or "" for text in ET.fromstring(drawing.for_pixels()).findall(f"{SVG}text")]


def test_a_flow_has_a_ribbon_for_each_row_and_totals_at_both_ends() -> None:
    table = samples.flow_table()
    drawing = drawn("flow", table)
    ribbons = [tip for tip in tips(drawing) if " to " in tip]
    assert len(ribbons) == len(table.rows)
    assert "Grade 3 to Grade 4: 3 Subjects" in ribbons
    assert {"Grade 2: 16", "Grade 1: 16", "unknown: 3", "indeterminate: 7"} <= set(texts(drawing))


def test_a_daily_figure_stacks_each_count_on_its_day() -> None:
    table = samples.daily_table()
    wanted = sum(1 for row in table.rows if row[3])
    drawing = drawn("daily", table)
    assert len(tips(drawing)) == wanted
    assert "ICANS point, day 6, 4: 6 Subjects" in tips(drawing)
    assert {"CTCAE", "ICANS point", "Grade 1", "Grade 4"} <= set(texts(drawing))


def test_grades_side_by_side_are_stacked_without_the_denominator() -> None:
    drawing = drawn("daily", samples.wide_daily_table())
    assert "day 0, 3: 9 Subjects" in tips(drawing)
    assert not [tip for tip in tips(drawing) if "40" in tip]
    assert "Subjects by day; the infusion is day 0. 12 withheld counts are not drawn." in texts(drawing)


def test_a_swimmer_has_a_lane_for_each_subject_and_says_which_ends_are_open() -> None:
    drawing = drawn("swimmer", samples.swimmer_table(24))
    assert len(tips(drawing)) == 48
    assert [text for text in texts(drawing) if text.startswith("S-")] == [f"S-{i:08d}" for i in range(24)]
    assert "S-00000007, ICANS, day 8 to 15: 2 (last day not known)" in tips(drawing)
    assert texts(drawn("swimmer", samples.swimmer_table(70)))[-1].endswith(
        "The first 60 of 70 subjects of the table."
    )


def test_equal_subject_ids_of_two_studies_are_two_lanes() -> None:
    heads = samples.columns(
        "study_id:text:Study",
        "who:id:Subject",
        "infusion_number:count:Infusion",
        "from:day:F",
        "point:grade:P",
    )
    rows = [("A", "1", 1, 3, 2), ("B", "1", 1, 3, None), ("B", "1", 2, 5, 1)]
    drawing = drawn("swimmer", samples.table("t", heads, rows))
    assert {"A 1", "B 1", "B 1 (2)"} <= set(texts(drawing))
    assert "no single grade" in texts(drawing)


def test_severe_grades_are_at_the_bottom_of_a_stack_and_no_grade_on_top() -> None:
    heads = samples.columns("day:day:Day", "grade:grade:Grade", "n:count:Subjects")
    drawing = drawn("daily", samples.table("t", heads, [(1, None, 2), (1, 1, 3), (1, 4, 1)]))
    bars = [mark for mark in ET.fromstring(drawing.for_pixels()) if mark.find(f"{SVG}title") is not None]
    lowest_first = sorted(bars, key=lambda bar: -float(bar.get("y", "")))
    assert [bar.get("class") for bar in lowest_first] == ["f-g4", "f-g1", "f-gx"]


def test_a_forest_writes_counts_and_interval_and_draws_what_is_known() -> None:
    drawing = drawn("forest", samples.forest_table())
    assert {"12/40", "30.0 (16.6 to 46.5)", "0/0", "<8/30", "Age group", "n/N"} <= set(texts(drawing))
    assert len(tips(drawing)) == 3


def test_bars_side_by_side_and_stacked_to_a_total() -> None:
    side = drawn("bars", samples.bars_table())
    assert "Term C, Rose: 12" in tips(side)
    assert len(tips(side)) == 14
    stacked = drawn("bars", samples.stacked_table())
    assert not [tip for tip in tips(stacked) if ", All:" in tip]
    assert texts(stacked).count("12") == 7


@pytest.mark.parametrize("kind", ["flow", "daily", "swimmer", "forest", "bars"])
def test_an_empty_table_is_said_in_the_picture(kind: str) -> None:
    full = {
        "flow": samples.flow_table(),
        "daily": samples.daily_table(),
        "swimmer": samples.swimmer_table(),
        "forest": samples.forest_table(),
        "bars": samples.bars_table(),
    }[kind]
    empty = full.model_copy(update={"rows": ()})
    assert texts(drawn(kind, empty)) == ["The table holds nothing to draw."]
    withheld = empty.model_copy(update={"withheld": "Small counts"})
    assert texts(drawn(kind, withheld)) == ["Small counts"]


def test_a_table_that_does_not_fit_its_figure_is_an_error_that_says_what_is_missing() -> None:
    with pytest.raises(
        SchemaError, match=r"forest_figure \(forest\) needs 3 columns of kind percent or number|number"
    ):
        drawn("forest", samples.flow_table())
    figure = samples.figure("flow", "elsewhere", "A figure")
    with pytest.raises(SchemaError, match="names table elsewhere"):
        draw(figure, Section(section_id="s", title="s", tables=(samples.flow_table(),), figures=(figure,)))


def test_files_are_wellformed_named_plainly_and_equal_each_time() -> None:
    first, second = (dict(figure_files(samples.sample_document(20))) for _ in range(2))
    assert len(first) == 7
    for name, drawing in first.items():
        assert re.fullmatch(r"[0-9A-Za-z_-]+", name)
        svg = render_svg(drawing)
        assert svg == render_svg(second[name])
        root = ET.fromstring(svg.encode())
        assert root.get("role") == "img"
        assert root.find(f"{SVG}title") is not None
        assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
        assert "var(" not in svg
        assert "Run: aaaaaaaaaaaa" in svg


def test_png_files_are_twice_the_size_and_equal_each_time() -> None:
    drawing = dict(figure_files(samples.sample_document(20)))["1-CART-DEMO-rates-forest_figure"]
    png = render_png(drawing)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (2 * drawing.width, 2 * drawing.height)
    assert png == render_png(drawing)


def test_inside_a_page_the_colours_are_those_of_the_page() -> None:
    inside = drawn("flow", samples.flow_table()).inside_page("x")
    assert 'id="x-t"' in inside
    assert "#" not in inside
    assert 'class="f-g3"' in inside


def test_hostile_labels_stay_inside_the_text_of_a_figure() -> None:
    heads = samples.columns("text:text:Text", "n:count:N")
    rows = [(text, index + 1) for index, text in enumerate(samples.HOSTILE)]
    drawing = drawn("bars", samples.table("t", heads, rows))
    root = ET.fromstring(drawing.alone().encode())
    allowed = {f"{SVG}{tag}" for tag in ("svg", "title", "desc", "style", "rect", "line", "text")}
    assert {element.tag for element in root.iter()} <= allowed
    assert len(drawing.alone()) < 100_000


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_grades_differ_in_lightness_and_texts_have_contrast(colours: dict[str, str]) -> None:
    grades = [luminance(colours[f"g{grade}"]) for grade in range(1, 6)]
    assert all(higher > lower * 1.25 for higher, lower in pairwise(grades))
    assert all(abs(grade - luminance(colours["page"])) > 0.1 for grade in grades)
    for ground in ("page", "panel"):
        for text in ("ink", "soft", "link", "warn"):
            a, b = sorted((luminance(colours[ground]), luminance(colours[text])))
            assert (b + 0.05) / (a + 0.05) >= 4.5, (ground, text)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("grade", "012345x")
def test_the_number_upon_a_grade_can_be_read(colours: dict[str, str], grade: str) -> None:
    a, b = sorted((luminance(colours[f"g{grade}"]), luminance(colours[f"t{grade}"])))
    assert (b + 0.05) / (a + 0.05) >= 4


@pytest.mark.parametrize(
    ("text", "paint"),
    [
        ("3", "g3"),
        ("3.0", "g3"),
        ("Grade 4", "g4"),
        (">= 3", "g3"),
        ("unknown", "gx"),
        ("30", "gx"),
        ("-", "gx"),
    ],
)
def test_which_colour_a_grade_has(text: str, paint: str) -> None:
    assert grade_paint(text) == paint


@pytest.mark.parametrize("most", [0, 0.4, 1, 3, 7, 40, 99.9, 100, 12345])
def test_axis_steps_reach_the_largest_value(most: float) -> None:
    ticks = steps(most)
    assert ticks[0] == 0
    assert ticks[-1] >= most
    assert 2 <= len(ticks) <= 8
    assert ticks[-2] < max(most, 1)


def test_numbers_come_first_in_order() -> None:
    assert in_order(["unknown", "10", "2", "unknown", "0"]) == ["0", "2", "10", "unknown"]
