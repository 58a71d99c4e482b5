"""The flow picture: how many go from each grade of one scale to each grade of the other.

What may live here: drawing this figure. What may not: other figures, or which columns it is drawn from.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from pipelines.report.figure_data import LABELS, Reader, in_order, size_of
from pipelines.report.palette import grade_paint
from pipelines.report.svg import Drawing, number

WIDTH: Final = 760.0
HEIGHT: Final = 340.0
TOP: Final = 46.0
GAP: Final = 12.0
BAR: Final = 16.0
LEFT: Final = 190.0
RIGHT: Final = WIDTH - 190.0
LEAST: Final = 1.5
"""Pixels of the thinnest ribbon."""


def draw_flow(reader: Reader) -> Drawing | None:
    """The figure; None where the table holds nothing to draw."""
    left_at, right_at = reader.of_kind(*LABELS, least=2)[:2]
    size_at = reader.of_kind("count", least=1)[0]
    flows: dict[tuple[str, str], float] = defaultdict(float)
    hidden = 0
    for row in reader.table.rows:
        size = size_of(row[size_at])
        hidden += size is None
        if size:
            flows[reader.text(row, left_at), reader.text(row, right_at)] += size
    if not flows:
        return None
    what = reader.column(size_at).label
    drawing = Drawing(reader.figure.title, reader.figure.description, WIDTH, HEIGHT + TOP + 34)
    lefts, rights = in_order([left for left, _ in flows]), in_order([right for _, right in flows])
    scale = (HEIGHT - GAP * (max(len(lefts), len(rights)) - 1)) / sum(flows.values())
    froms = _stacked(lefts, {key: sum(v for (a, _), v in flows.items() if a == key) for key in lefts}, scale)
    tos = _stacked(rights, {key: sum(v for (_, b), v in flows.items() if b == key) for key in rights}, scale)
    _ribbons(drawing, flows, froms, tos, scale, (lefts, rights), what)
    for x, anchor, near, nodes, label in (
        (LEFT - BAR, "end", LEFT - BAR - 8, froms, reader.column(left_at).label),
        (RIGHT, "start", RIGHT + BAR + 8, tos, reader.column(right_at).label),
    ):
        drawing.text(near, 20, label, bold=True, anchor=anchor)
        for key, (y, total) in nodes.items():
            height = max(LEAST, total * scale)
            name = f"{_named(key)}: {number(total)}"
            drawing.rectangle(x, y, BAR, height, grade_paint(key), f"{label} {name} {what}")
            drawing.text(near, y + height / 2 + 4, name, anchor=anchor)
    note = f"Width of a ribbon: {what}."
    note += f" {hidden} withheld counts are not drawn." if hidden else ""
    drawing.text(WIDTH / 2, drawing.height - 8, note, "soft", "middle", 11)
    return drawing


def _stacked(keys: list[str], totals: dict[str, float], scale: float) -> dict[str, tuple[float, float]]:
    """(top in pixels, total) of each node, from the top down."""
    used = sum(totals.values()) * scale + GAP * (len(keys) - 1)
    y = TOP + (HEIGHT - used) / 2
    placed = {}
    for key in keys:
        placed[key] = (y, totals[key])
        y += totals[key] * scale + GAP
    return placed


def _ribbons(
    drawing: Drawing,
    flows: dict[tuple[str, str], float],
    froms: dict[str, tuple[float, float]],
    tos: dict[str, tuple[float, float]],
    scale: float,
    order: tuple[list[str], list[str]],
    what: str,
) -> None:
    out, into = {key: y for key, (y, _) in froms.items()}, {key: y for key, (y, _) in tos.items()}
    middle = number((LEFT + RIGHT) / 2)
    for left in order[0]:
        for right in order[1]:
            size = flows.get((left, right))
            if size is None:
                continue
            thick = max(LEAST, size * scale)
            a, b = out[left], into[right]
            out[left], into[right] = a + size * scale, b + size * scale
            path = (
                f"M{number(LEFT)} {number(a)}C{middle} {number(a)} {middle} {number(b)} "
                f"{number(RIGHT)} {number(b)}V{number(b + thick)}C{middle} {number(b + thick)} "
                f"{middle} {number(a + thick)} {number(LEFT)} {number(a + thick)}Z"
            )
            tip = f"{_named(left)} to {_named(right)}: {number(size)} {what}"
            drawing.shape(path, grade_paint(left), tip, 0.55)


def _named(key: str) -> str:
    return f"Grade {key}" if grade_paint(key) != "gx" and len(key) == 1 else key
