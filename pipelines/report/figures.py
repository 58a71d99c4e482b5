"""The figures of a document as SVG and PNG, each drawn from its table and nothing else.

What may live here: choosing how a figure is drawn, and the forms it leaves in. What may not: numbers. The
same table gives the same bytes; in a page the colours are the page's, so they follow light and dark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from pipelines.report.document import Chapter, Document, Figure, Section, Table
from pipelines.report.figure_bars import draw_bars, draw_forest
from pipelines.report.figure_data import Reader
from pipelines.report.figure_days import draw_daily, draw_swimmer
from pipelines.report.figure_flow import draw_flow
from pipelines.report.svg import Drawing, shortened
from pipelines.report.wording import facts_line
from schemas.errors import RegradeError, SchemaError

DRAWERS: Final[dict[str, Callable[[Reader], Drawing | None]]] = {
    "flow": draw_flow,
    "daily": draw_daily,
    "swimmer": draw_swimmer,
    "forest": draw_forest,
    "bars": draw_bars,
}
PNG_SCALE: Final = 2.0


def draw(figure: Figure, section: Section) -> Drawing:
    """The figure; where its table has nothing to draw it says so in the picture."""
    table = table_of(figure, section)
    drawing = DRAWERS[figure.kind](Reader(figure, table))
    if drawing is not None:
        return drawing
    empty = Drawing(figure.title, figure.description, 760, 60)
    empty.text(
        380, 34, shortened(table.withheld or "The table holds nothing to draw.", 740), "soft", "middle"
    )
    return empty


def table_of(figure: Figure, section: Section) -> Table:
    """The table a figure is drawn from; an error where the section has none of that id."""
    for table in section.tables:
        if table.table_id == figure.table_id:
            return table
    raise SchemaError(
        f"figure {figure.figure_id} names table {figure.table_id}, which section "
        f"{section.section_id} has not",
        next_action="put the table in the section of its figure",
    )


def figure_files(document: Document) -> Iterator[tuple[str, Drawing]]:
    """A file name without ending, unique and of plain characters, and the drawing, for each figure."""
    for index, chapter in enumerate(document.chapters, start=1):
        for section in chapter.sections:
            for figure in section.figures:
                name = f"{index}-{_plain_name(chapter.chapter_id)}-{section.section_id}-{figure.figure_id}"
                yield name, _with_facts(draw(figure, section), chapter)


def render_svg(drawing: Drawing) -> str:
    """The drawing as an SVG file; light, and dark where the viewer prefers it."""
    return drawing.alone()


def render_png(drawing: Drawing) -> bytes:
    """The drawing as a PNG file in light colours, two pixels to a unit.

    The fonts come with the renderer, so the bytes do not depend on those of the machine.
    """
    try:
        import vl_convert  # noqa: PLC0415  (an extra: pages and SVG need nothing)
    except ImportError as error:
        raise RegradeError(
            "PNG files of figures need vl-convert-python",
            next_action="install the extra: pip install 'icans-regrade[report]', or use the SVG files",
        ) from error
    return vl_convert.svg_to_png(drawing.for_pixels(), scale=PNG_SCALE)


def _with_facts(drawing: Drawing, chapter: Chapter) -> Drawing:
    """The drawing with its title above and the chapter's facts below, for a file that stands alone."""
    lines = list(_lines(facts_line(chapter), 120))
    whole = Drawing(
        drawing.title, drawing.description, drawing.width, drawing.height + 34 + 15 * len(lines) + 8
    )
    whole.text(
        12, 22, shortened(f"{chapter.title}: {drawing.title}", drawing.width - 20, 14), size=14, bold=True
    )
    whole.marks.extend(drawing.moved(34))
    for index, line in enumerate(lines, start=1):
        whole.text(12, drawing.height + 34 + 15 * index, line, "soft", size=10.5)
    return whole


def _lines(text: str, most: int) -> Iterator[str]:
    line = ""
    for word in text.split(" "):
        if line and len(line) + len(word) + 1 > most:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    if line:
        yield line


def _plain_name(text: str) -> str:
    kept = "".join(character if character.isascii() and character.isalnum() else "-" for character in text)
    return kept.strip("-")[:40] or "chapter"
