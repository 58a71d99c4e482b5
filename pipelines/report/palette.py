"""The colours of a report, light and dark, by what they mean.

What may live here: colours; g0 to g5 and gx are those of grades, t0 to t5 and tx of a text upon them. Grades
run in one direction of lightness, so their order is seen without any colour vision; categories are the
palette of Okabe and Ito. A figure never tells a grade by colour alone: its number or its place in the stack
tells it too.
"""

from __future__ import annotations

import re
from typing import Final

LIGHT: Final = {
    "page": "#ffffff",
    "panel": "#f4f6f8",
    "ink": "#1b2026",
    "soft": "#55606c",
    "rule": "#c8d0d8",
    "link": "#0b57a4",
    "warn": "#8a4b00",
    "heat": "#0b57a4",
    "g0": "#dfe4ea",
    "g1": "#fbd98b",
    "g2": "#f3a04c",
    "g3": "#d95f43",
    "g4": "#a23068",
    "g5": "#541a6b",
    "gx": "#93a0ad",
    "t0": "#1b2026",
    "t1": "#1b2026",
    "t2": "#1b2026",
    "t3": "#1b2026",
    "t4": "#ffffff",
    "t5": "#ffffff",
    "tx": "#1b2026",
    "c0": "#0072b2",
    "c1": "#e69f00",
    "c2": "#009e73",
    "c3": "#cc79a7",
    "c4": "#56b4e9",
    "c5": "#d55e00",
}
DARK: Final = {
    "page": "#14171c",
    "panel": "#1f242b",
    "ink": "#e8ecf1",
    "soft": "#a9b4c0",
    "rule": "#3d4650",
    "link": "#8cc4ff",
    "warn": "#ffc266",
    "heat": "#5aa9f5",
    "g0": "#4a545f",
    "g1": "#ffe6b0",
    "g2": "#f8b265",
    "g3": "#ea7a5f",
    "g4": "#c4518c",
    "g5": "#7d55c7",
    "gx": "#77848f",
    "t0": "#ffffff",
    "t1": "#14171c",
    "t2": "#14171c",
    "t3": "#14171c",
    "t4": "#14171c",
    "t5": "#ffffff",
    "tx": "#14171c",
    "c0": "#4fa8e0",
    "c1": "#f0b73a",
    "c2": "#33c79b",
    "c3": "#e2a1c6",
    "c4": "#8fd0f5",
    "c5": "#f08a4b",
}
CATEGORIES: Final = ("c0", "c1", "c2", "c3", "c4", "c5")
_GRADE: Final = re.compile(r"(?:grade |>= ?|≥ ?)?([0-5])(?:\.0)?")


def grade_paint(text: str) -> str:
    """The colour of a grade as it is written, also after "grade" or ">="; of anything else, grey."""
    found = _GRADE.fullmatch(text.strip().lower())
    return f"g{found.group(1)}" if found else "gx"


def style_variables(colours: dict[str, str]) -> str:
    """The colours as custom properties of a style sheet."""
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


def paint_rules() -> str:
    """Style rules by which the classes of a drawing take the colours of the page around it."""
    return "".join(f".f-{name}{{fill:var(--{name})}}.s-{name}{{stroke:var(--{name})}}" for name in LIGHT)
