"""A document as one HTML file that asks nothing of any network and tells nobody anything.

What may live here: rendering the template. What may not: content, numbers or wording of a report. Every
text is escaped; the page allows itself its own style and script by their hashes, and nothing else. The
script only sorts, filters and switches the colours: without it every row and figure is there.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Final, TypeGuard

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pipelines.report.document import Cell, Document, Figure, Section, Table
from pipelines.report.figures import draw
from pipelines.report.palette import DARK, LIGHT, paint_rules, style_variables
from pipelines.report.wording import NUMERIC_KINDS, cell_text, exact_text, facts_line, visible
from schemas.wording import counted

TEMPLATES: Final = Path(__file__).parent / "templates"
TOTAL: Final = "total"
"""First cell of a row of sums; it is not shaded."""
_BY_GRADE: Final = re.compile(r"[a-z_]+_[0-5]")
SHORT_TEXT: Final = 24
LONG_TEXT: Final = 300
"""Characters above which a cell scrolls in itself."""
FILTER_FROM: Final = 12
"""Rows from which a table that is no listing can be filtered too."""


def render_html(document: Document) -> str:
    """The document as a self-contained page."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["visible"] = visible
    environment.filters["block"] = _block
    style, script = _style(), (TEMPLATES / "report.js").read_text(encoding="utf-8")
    return environment.get_template("report.html.j2").render(
        counted=counted,
        document=document,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        facts_line=facts_line,
        body_of=body_of,
        heading_class=_heading_class,
        has_filter=_has_filter,
        has_sort=lambda table: len(table.rows) > 1,
        picture=_picture,
        about_ids=ABOUT_IDS[document.subject_ids],
    )


ABOUT_IDS: Final = {
    "pseudonyms": "Subjects are named by keyed pseudonyms.",
    "shown": "Subjects are named by the ids of the study: handle as study data.",
    "none": "No subject is named.",
}


def body_of(table: Table) -> Markup:
    """The rows of a table; a cell's exact number stands in data-v where the cell shows fewer digits."""
    kinds = [column.kind for column in table.columns]
    peaks = _peaks(table)
    lines = []
    for row in table.rows:
        cells = [
            _cell(cell, kind, index == 0, None if row[0] == TOTAL else peaks.get(index))
            for index, (cell, kind) in enumerate(zip(row, kinds, strict=True))
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>\n")
    if not lines:
        lines.append(f'<tr><td class="none" colspan="{len(kinds)}">No rows</td></tr>\n')
    return Markup("".join(lines))


def _cell(cell: Cell, kind: str, is_first: bool, peak: float | None) -> str:
    text, exact = cell_text(cell, kind), exact_text(cell)
    classes = ["n"] if kind in NUMERIC_KINDS else _shape(text, is_first or kind == "id")
    if peak and _is_number(cell) and cell > 0:
        classes.append(f"h{min(5, 1 + int(4.999 * cell / peak))}")
    content = str(escape(text))
    if kind == "codes":
        content = content.replace("|", "|<wbr>")
    if len(text) > LONG_TEXT:
        content = f'<div class="long" tabindex="0">{content}</div>'
    more = f' class="{" ".join(classes)}"' if classes else ""
    more += f' data-v="{escape(exact)}"' if exact != text else ""
    return f'<th scope="row"{more}>{content}</th>' if is_first else f"<td{more}>{content}</td>"


def _shape(text: str, is_key: bool) -> list[str]:
    """How a text may be broken: k not at all, t with room for a sentence, w anywhere."""
    if len(text) <= SHORT_TEXT:
        return ["k"] if is_key else []
    return ["w"] if max(map(len, text.split(" "))) > 2 * SHORT_TEXT else ["t"]


def _peaks(table: Table) -> dict[int, float]:
    """For each column of a matrix the largest count in it: columns by grade, `icans_0` and so on."""
    grades = [index for index, column in enumerate(table.columns) if _BY_GRADE.fullmatch(column.name)]
    if table.is_listing or len(grades) < 4:
        return {}
    sizes = [
        float(cell) for row in table.rows if row[0] != TOTAL for at in grades if _is_number(cell := row[at])
    ]
    return dict.fromkeys(grades, max(sizes, default=0.0))


def _is_number(cell: Cell) -> TypeGuard[int | float]:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _picture(figure: Figure, section: Section, identifier: str) -> Markup:
    return Markup(draw(figure, section).inside_page(identifier))


def _has_filter(table: Table) -> bool:
    return len(table.rows) >= (2 if table.is_listing else FILTER_FROM)


def _heading_class(kind: str) -> str:
    return "n" if kind in NUMERIC_KINDS else ""


def _block(text: str) -> str:
    """Text of several lines, such as a query, each line made visible."""
    return "\n".join(visible(line) for line in text.split("\n"))


def _style() -> str:
    """The style sheet, with the colours in light, dark and on paper."""
    dark, light = style_variables(DARK), style_variables(LIGHT)
    return (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}\n"
        ":root[data-theme=light]{color-scheme:light}\n"
        f"{paint_rules()}\n"
        + (TEMPLATES / "report.css").read_text(encoding="utf-8")
        + "@media print{:root,:root[data-theme],:root:not([data-theme=light])"
        + f"{{color-scheme:light;{light}}}}}\n"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
