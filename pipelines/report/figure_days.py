"""Figures along the days after the infusion: stacked daily prevalence, and a lane for each subject.

What may live here: drawing these two figures. What may not: which columns they are drawn from.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from pipelines.report.document import Cell
from pipelines.report.figure_data import Reader, in_order, size_of, steps
from pipelines.report.palette import CATEGORIES, grade_paint
from pipelines.report.svg import CHARACTER, Drawing, number, shortened
from pipelines.report.wording import NOTHING

WIDTH: Final = 760.0
LEFT: Final = 64.0
PANEL: Final = 190.0
WIDE: Final = (*(f"grade_{grade}" for grade in range(6)), "no_single_grade")
LANES: Final = 60
"""Most subjects of a swimmer plot."""
LANE: Final = 16.0
TRACK: Final = 10.0

Stacks = dict[str, dict[int, dict[str, float]]]
"""Panel, day, series: size."""


def draw_daily(reader: Reader) -> Drawing | None:
    """Stacked columns by day, a panel below the other; None where there is nothing to draw."""
    stacks, unit, hidden = _stacks(reader)
    if not stacks:
        return None
    names = in_order([name for days in stacks.values() for stack in days.values() for name in stack])
    paints = series_paints(names)
    upwards = [name for name in reversed(names) if paints[name] != "gx"]
    upwards += [name for name in names if paints[name] == "gx"]
    day_at = reader.of_kind("day")[0]
    days = sorted(int(day) for row in reader.table.rows if (day := size_of(row[day_at])) is not None)
    most = max(sum(stack.values()) for panel in stacks.values() for stack in panel.values())
    ticks = steps(most, 4)
    height = 40 + len(stacks) * (PANEL + 40) + 26
    drawing = Drawing(reader.figure.title, reader.figure.description, WIDTH, height)
    legend(drawing, names, paints, 16)
    across = WIDTH - LEFT - 16
    width = across / (days[-1] - days[0] + 1)
    for index, (panel, stack) in enumerate(stacks.items()):
        base = 40 + index * (PANEL + 40) + PANEL
        for tick in ticks:
            y = base - tick / ticks[-1] * (PANEL - 24)
            drawing.line(LEFT, y, WIDTH - 16, y)
            drawing.text(LEFT - 6, y + 4, number(tick), "soft", "end", 11)
        drawing.text(LEFT, base - PANEL + 16, shortened(panel, across), bold=True)
        for day, sizes in sorted(stack.items()):
            y = base
            for name in upwards:
                size = sizes.get(name, 0)
                tall = size / ticks[-1] * (PANEL - 24)
                if tall:
                    y -= tall
                    x = LEFT + (day - days[0]) * width
                    tip = f"{panel + ', ' if panel else ''}day {day}, {name}: {number(size)} {unit}"
                    drawing.rectangle(x, y, max(width - 1, width * 0.9), tall, paints[name], tip)
        _day_axis(drawing, days[0], days[-1], LEFT + width / 2, width, base)
    note = f"{unit} by day; the infusion is day 0."
    note += f" {hidden} withheld counts are not drawn." if hidden else ""
    drawing.text(LEFT, height - 8, note, "soft", size=11)
    return drawing


def _stacks(reader: Reader) -> tuple[Stacks, str, int]:
    """Panels, what is counted, cells that hold no number."""
    day_at = reader.of_kind("day", least=1)[0]
    texts_at = reader.of_kind("text", "codes", "flag")
    grades_at = reader.of_kind("grade")
    sizes_at = reader.named(*WIDE)
    series_at = None
    if not sizes_at:
        sizes_at = reader.of_kind("count", "percent", least=1)[:1]
        series_at = grades_at[0] if grades_at else (texts_at[-1] if texts_at else None)
    panels_at = [index for index in texts_at if index != series_at]
    stacks: Stacks = {}
    hidden = 0
    for row in reader.table.rows:
        day = size_of(row[day_at])
        for size_at in sizes_at:
            size = size_of(row[size_at])
            hidden += size is None
            if day is None or not size:
                continue
            name = _wide_name(reader, size_at) if series_at is None else reader.text(row, series_at)
            stack = stacks.setdefault(reader.joined(row, panels_at), {}).setdefault(int(day), {})
            stack[name] = stack.get(name, 0) + size
    return stacks, "Subjects" if len(sizes_at) > 1 else reader.column(sizes_at[0]).label, hidden


def _wide_name(reader: Reader, index: int) -> str:
    column = reader.column(index)
    return column.name.removeprefix("grade_") if column.name in WIDE[:-1] else column.label


def draw_swimmer(reader: Reader) -> Drawing | None:
    """A lane for each subject, a bar for each span; None where there is nothing to draw."""
    ids_at = reader.of_kind("id", least=1)
    studies_at = reader.named("study_id")
    if len({row[index] for row in reader.table.rows for index in studies_at}) > 1:
        ids_at = [*studies_at, *ids_at]
    days_at = reader.of_kind("day", least=1)
    grade_at = (reader.named("point") or reader.of_kind("grade", least=1))[0]
    tracks_at = [index for index in reader.of_kind("text", "codes", "flag") if index not in studies_at][:1]
    lanes: dict[str, list[tuple[Cell, ...]]] = defaultdict(list)
    for row in reader.table.rows:
        if any(size_of(row[index]) is not None for index in days_at[:2]):
            lanes[_lane(reader, row, ids_at)].append(row)
    if not lanes:
        return None
    shown = list(lanes)[:LANES]
    rows = [row for lane in shown for row in lanes[lane]]
    known = [int(day) for row in rows for index in days_at[:2] if (day := size_of(row[index])) is not None]
    first, last = min(0, *known), max(known)
    tracks = in_order([reader.text(row, tracks_at[0]) for row in rows]) if tracks_at else [""]
    names = in_order([reader.text(row, grade_at) for row in rows])
    lane_height = max(LANE, TRACK * len(tracks) + 4)
    height = 40 + lane_height * len(shown) + 72
    drawing = Drawing(reader.figure.title, reader.figure.description, WIDTH, height)
    legend(drawing, names, series_paints(names), 16)
    left = 118.0
    width = (WIDTH - left - 34) / (last - first + 1)
    thick = (lane_height - 4) / len(tracks)
    for index, lane in enumerate(shown):
        y = 40 + index * lane_height
        drawing.text(left - 8, y + lane_height / 2 + 3, shortened(lane, left - 12, 11), anchor="end", size=11)
        drawing.line(left, y + lane_height, WIDTH - 16, y + lane_height)
        for row in lanes[lane]:
            track = tracks.index(reader.text(row, tracks_at[0])) if tracks_at else 0
            begin, end = size_of(row[days_at[0]]), size_of(row[days_at[1 if len(days_at) > 1 else 0]])
            a, b = first if begin is None else int(begin), last if end is None else int(end)
            grade = reader.text(row, grade_at)
            open_ends = [name for name, day in (("first", begin), ("last", end)) if day is None]
            tip = f"{lane}, {tracks[track] + ', ' if tracks_at else ''}day {a} to {b}: {grade}"
            tip += f" ({' and '.join(open_ends)} day not known)" if open_ends else ""
            place = (left + (a - first) * width, y + 2 + track * thick)
            size = (max(width * (b - a + 1) - 0.5, 1), thick - 1)
            _span(drawing, place, size, grade, tip, end is None)
    base = 40 + lane_height * len(shown)
    _day_axis(drawing, first, last, left + width / 2, width, base)
    notes = ["Days after the infusion (day 0). The number of a bar is its grade; \u203a: still open."]
    if len(tracks) > 1:
        notes.append(f"In a lane, from the top: {', '.join(tracks)}.")
    if len(lanes) > LANES:
        notes.append(f"The first {LANES} of {len(lanes)} subjects of the table.")
    for index, note in enumerate(notes):
        drawing.text(left, base + 34 + 15 * index, shortened(note, WIDTH - left + 60, 11), "soft", size=11)
    return drawing


def _span(
    drawing: Drawing,
    place: tuple[float, float],
    size: tuple[float, float],
    grade: str,
    tip: str,
    is_open: bool,
) -> None:
    """A bar with its grade upon it, or behind it where there is no room."""
    x, y = place
    wide, tall = size
    paint = grade_paint(grade)
    drawing.rectangle(x, y, wide, tall, paint, tip)
    has_room = wide >= 9 and len(grade) == 1
    if has_room:
        drawing.text(x + wide / 2, y + tall / 2 + 3, grade, paint.replace("g", "t"), "middle", 8.5)
    behind = ("" if has_room else grade) + ("\u203a" if is_open else "")
    if behind:
        drawing.text(x + wide + 2, y + tall / 2 + 3, behind, size=8.5)


def _lane(reader: Reader, row: tuple[Cell, ...], ids_at: list[int]) -> str:
    """Who, and which infusion where it is not the first."""
    who = " ".join(reader.text(row, index) for index in ids_at)
    infusions = [row[index] for index in reader.named("infusion_number")]
    return f"{who} ({infusions[0]})" if infusions and infusions[0] not in (None, 1) else who


def series_paints(names: list[str]) -> dict[str, str]:
    """A colour for each series: that of its grade, or a category's where no name is a grade."""
    if any(grade_paint(name) != "gx" for name in names):
        return {name: grade_paint(name) for name in names}
    return {name: CATEGORIES[index % len(CATEGORIES)] for index, name in enumerate(names)}


def legend(drawing: Drawing, names: list[str], paints: dict[str, str], y: float) -> None:
    """Squares with the names beside them, in one line from the left."""
    x = LEFT
    for name in names:
        label = f"Grade {name}" if name.isdecimal() and len(name) == 1 else name
        label = "no single grade" if label == NOTHING else label
        label = shortened(label, 200, 11)
        width = 16 + len(label) * 11 * CHARACTER + 14
        if x + width > drawing.width:
            drawing.text(x, y, "\u2026", "soft", size=11)
            return
        drawing.rectangle(x, y - 9, 10, 10, paints[name])
        drawing.text(x + 15, y, label, size=11)
        x += width


def _day_axis(drawing: Drawing, first: int, last: int, x: float, width: float, base: float) -> None:
    drawing.line(x - width / 2, base, drawing.width - 16, base, "soft")
    span = last - first
    step = next((size for size in (1, 2, 7, 14, 28, 56, 112) if span / size <= 16), 364)
    for day in range(first, last + 1):
        if day % step == 0:
            drawing.text(x + (day - first) * width, base + 15, str(day), "soft", "middle", 11)
