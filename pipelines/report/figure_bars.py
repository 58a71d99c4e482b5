"""Figures with a line for each row: bars, and a forest of estimates with their intervals.

What may live here: drawing these two figures. What may not: which columns they are drawn from.
"""

from __future__ import annotations

from typing import Final

from pipelines.report.document import Cell
from pipelines.report.figure_data import LABELS, WHOLES, Reader, size_of, steps
from pipelines.report.figure_days import legend
from pipelines.report.palette import CATEGORIES
from pipelines.report.svg import Drawing, number, shortened

WIDTH: Final = 760.0
LEFT: Final = 250.0
COUNTS: Final = WIDTH - 160
"""Where the counts of a forest end."""
MOST: Final = 100
"""Most lines of a figure."""
SERIES: Final = 4
"""Most bars of a line that is not stacked."""


def draw_bars(reader: Reader) -> Drawing | None:
    """A bar, or a stack, for each row; None where there is nothing to draw."""
    labels_at = reader.of_kind(*LABELS, "day", least=1)
    kind = next((kind for kind in ("percent", "count") if reader.of_kind(kind)), "number")
    wholes = reader.named(*WHOLES)
    sizes_at = [at for at in reader.of_kind(kind, least=1) if at not in wholes]
    totals_at = reader.named("total")
    sizes_at = sizes_at if totals_at else sizes_at[:SERIES]
    drawn = [row for row in reader.table.rows if any(size_of(row[at]) for at in sizes_at)]
    rows = drawn[:MOST]
    if not rows:
        return None
    sizes = [[size_of(row[at]) or 0 for at in sizes_at] for row in rows]
    names = [reader.column(at).label for at in sizes_at]
    paints = {name: CATEGORIES[index % len(CATEGORIES)] for index, name in enumerate(names)}
    top = 34.0 if len(names) > 1 else 12.0
    tall = 22.0 if totals_at else 12.0 * len(names) + 8
    height = top + tall * len(rows) + 40
    drawing = Drawing(reader.figure.title, reader.figure.description, WIDTH, height)
    if len(names) > 1:
        legend(drawing, names, paints, 16)
    ticks = steps(max(sum(line) if totals_at else max(line) for line in sizes))
    reach = WIDTH - LEFT - 70
    _axis(drawing, ticks, reach, top, top + tall * len(rows))
    for index, row in enumerate(rows):
        y = top + index * tall
        label = reader.joined(row, labels_at)
        drawing.text(LEFT - 8, y + tall / 2 + 4, shortened(label, LEFT - 16), anchor="end")
        parts = [
            (size / ticks[-1] * reach, paints[name], f"{label}, {name}: ", reader.text(row, at))
            for size, name, at in zip(sizes[index], names, sizes_at, strict=True)
        ]
        if totals_at:
            _stack(drawing, parts, y + 4, reader.text(row, totals_at[0]))
        else:
            _group(drawing, parts, y + 4)
    note = names[0] if len(names) == 1 else ""
    drawing.text(LEFT, height - 6, _cut(note, len(rows), len(drawn)), "soft", size=11)
    return drawing


def _stack(drawing: Drawing, parts: list[tuple[float, str, str, str]], y: float, total: str) -> None:
    """One bar of (pixels, colour, name, number written) after the other, the total behind them."""
    x = LEFT
    for wide, paint, name, written in parts:
        drawing.rectangle(x, y, wide, 15, paint, name + written)
        x += wide
    drawing.text(x + 5, y + 12, total, size=11)


def _group(drawing: Drawing, parts: list[tuple[float, str, str, str]], y: float) -> None:
    """One bar below the other, each with its number."""
    for wide, paint, name, written in parts:
        drawing.rectangle(LEFT, y, wide, 11, paint, name + written)
        drawing.text(LEFT + wide + 5, y + 9, written, size=11)
        y += 12


def draw_forest(reader: Reader) -> Drawing | None:
    """A point and its interval for each row; None where the table has no row."""
    labels_at = reader.of_kind(*LABELS, least=1)
    kind = "percent" if reader.of_kind("percent") else "number"
    middle_at, low_at, high_at = reader.of_kind(kind, least=3)[:3]
    counts_at = reader.of_kind("count")[:2]
    rows = reader.table.rows[:MOST]
    if not rows:
        return None
    split = len(labels_at) // 2
    headings_at, named_at = labels_at[:split], labels_at[split:]
    headings = _changes([reader.joined(row, headings_at, ": ") for row in rows]) if headings_at else 0
    top, tall = 30.0, 20.0
    height = top + tall * (len(rows) + headings) + 40
    drawing = Drawing(reader.figure.title, reader.figure.description, WIDTH, height)
    known = [size for row in rows if (size := size_of(row[high_at])) is not None]
    ticks = steps(max(known, default=100))
    reach = WIDTH - LEFT - 250
    _axis(drawing, ticks, reach, top, height - 40)
    heads = "/".join(reader.column(at).label for at in counts_at)
    drawing.text(COUNTS, 18, shortened(heads, 90, 11), "soft", "end", 11)
    drawing.text(WIDTH - 8, 18, f"{reader.column(middle_at).label} (interval)", "soft", "end", 11)
    y, heading = top, None
    for row in rows:
        if headings_at and reader.joined(row, headings_at, ": ") != heading:
            heading = reader.joined(row, headings_at, ": ")
            drawing.text(8, y + 14, shortened(heading, LEFT + 60), bold=True)
            y += tall
        label = reader.joined(row, named_at)
        drawing.text(LEFT - 8, y + 14, shortened(label, LEFT - 24), anchor="end")
        counts, interval = _written(reader, row, counts_at, (middle_at, low_at, high_at))
        drawing.text(COUNTS, y + 14, shortened(counts, 80), anchor="end")
        drawing.text(WIDTH - 8, y + 14, shortened(interval, 150), anchor="end")
        tip = f"{label}: {counts} {interval}"
        _estimate(drawing, row, (middle_at, low_at, high_at), reach / ticks[-1], y + 10, tip)
        y += tall
    unit = reader.column(middle_at).label
    drawing.text(LEFT, height - 6, _cut(unit, len(rows), len(reader.table.rows)), "soft", size=11)
    return drawing


def _estimate(
    drawing: Drawing, row: tuple[Cell, ...], ats: tuple[int, int, int], unit: float, y: float, tip: str
) -> None:
    middle, low, high = (size_of(row[at]) for at in ats)
    if low is not None and high is not None:
        drawing.line(LEFT + low * unit, y, LEFT + high * unit, y, "c0", 2)
        for end in (low, high):
            drawing.line(LEFT + end * unit, y - 4, LEFT + end * unit, y + 4, "c0", 2)
    if middle is not None:
        drawing.rectangle(LEFT + middle * unit - 4, y - 4, 8, 8, "c0", tip)


def _written(
    reader: Reader, row: tuple[Cell, ...], counts_at: list[int], ats: tuple[int, int, int]
) -> tuple[str, str]:
    """n/N, and the estimate with its interval."""
    counts = "/".join(reader.text(row, at) for at in counts_at)
    middle, low, high = (reader.text(row, at) for at in ats)
    return counts, middle if size_of(row[ats[1]]) is None else f"{middle} ({low} to {high})"


def _changes(texts: list[str]) -> int:
    return sum(index == 0 or texts[index - 1] != text for index, text in enumerate(texts))


def _axis(drawing: Drawing, ticks: list[float], reach: float, top: float, base: float) -> None:
    for tick in ticks:
        x = LEFT + tick / ticks[-1] * reach
        drawing.line(x, top, x, base)
        drawing.text(x, base + 14, number(tick), "soft", "middle", 11)


def _cut(note: str, shown: int, of: int) -> str:
    return f"{note} The first {shown} of {of} rows of the table.".strip() if of > shown else note
