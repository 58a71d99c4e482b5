"""A small writer of SVG: rectangles, lines, paths and text, in colours that have names.

What may live here: marks, escaping, and the two forms of a drawing: inside a page, where the colours are
the page's, and alone, where they are light with a dark style for a viewer that prefers it. What may not:
what a figure shows. Numbers are written with at most two decimals, so equal drawings are equal bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Final

from pipelines.report.palette import DARK, LIGHT
from pipelines.report.wording import visible

FONT: Final = "Liberation Sans, Arial, Helvetica, sans-serif"
CHARACTER: Final = 0.54
"""Mean width of a character, as a share of the font size."""


def number(value: float) -> str:
    """A coordinate, with at most two decimals."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def shortened(text: str, width: float, size: float = 12) -> str:
    """The text, cut so that it takes about `width` pixels."""
    most = max(1, int(width / (size * CHARACTER)))
    text = visible(text)
    return text if len(text) <= most else text[: max(1, most - 1)].rstrip() + "\u2026"


@dataclass
class Drawing:
    """Marks on a canvas of `width` x `height` pixels; `title` and `description` are read aloud."""

    title: str
    description: str
    width: float
    height: float
    marks: list[tuple[str, str, str, str]] = field(default_factory=list)
    """(element with its attributes, what is painted: fill or stroke, colour, content)"""

    def rectangle(
        self, x: float, y: float, width: float, height: float, paint: str, tip: str | None = None
    ) -> None:
        """A filled rectangle; `tip` is told where the mark is pointed at."""
        place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
        self.marks.append((f"rect {place}", "fill", paint, _tip(tip)))

    def shape(self, path: str, paint: str, tip: str | None = None, opacity: float = 1) -> None:
        """A filled path."""
        dim = "" if opacity == 1 else f' fill-opacity="{number(opacity)}"'
        self.marks.append((f'path d="{path}"{dim}', "fill", paint, _tip(tip)))

    def line(self, x1: float, y1: float, x2: float, y2: float, paint: str = "rule", width: float = 1) -> None:
        """A straight line."""
        place = f'x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"'
        self.marks.append((f'line {place} stroke-width="{number(width)}"', "stroke", paint, ""))

    def text(
        self,
        x: float,
        y: float,
        content: str,
        paint: str = "ink",
        anchor: str = "start",
        size: float = 12,
        bold: bool = False,
    ) -> None:
        """A line of text; `anchor` is start, middle or end."""
        form = f'x="{number(x)}" y="{number(y)}" font-size="{number(size)}"'
        form += "" if anchor == "start" else f' text-anchor="{anchor}"'
        form += ' font-weight="600"' if bold else ""
        self.marks.append((f"text {form}", "fill", paint, escape(visible(content))))

    def moved(self, down: float) -> list[tuple[str, str, str, str]]:
        """The marks, `down` pixels lower, for another drawing."""
        return [
            (f'{head} transform="translate(0 {number(down)})"', kind, paint, content)
            for head, kind, paint, content in self.marks
        ]

    def inside_page(self, identifier: str) -> str:
        """The drawing for a page that has `palette.paint_rules`; `identifier` is unique in the page."""
        marks = "".join(
            f'<{head} class="{kind[0]}-{paint}">{content}</{head.split(" ", 1)[0]}>'
            for head, kind, paint, content in self.marks
        )
        return self._wrapped(identifier, f'width="{number(self.width)}" class="figure"', marks)

    def alone(self) -> str:
        """The drawing as a file of its own, on a background."""
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + self._alone(_dark_style()) + "\n"

    def for_pixels(self) -> str:
        """The drawing in light colours only, without a style sheet."""
        return self._alone("")

    def _alone(self, style: str) -> str:
        ground = (
            f'rect width="{number(self.width)}" height="{number(self.height)}"',
            "fill",
            "page",
            "",
        )
        marks = "".join(
            f'<{head} class="{kind[0]}-{paint}" {kind}="{LIGHT[paint]}">{content}</{head.split(" ", 1)[0]}>'
            for head, kind, paint, content in [ground, *self.marks]
        )
        size = f'width="{number(self.width)}" height="{number(self.height)}" font-family="{FONT}"'
        return self._wrapped("figure", size, style + marks)

    def _wrapped(self, identifier: str, attributes: str, content: str) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{identifier}-t" '
            f'aria-describedby="{identifier}-d" '
            f'viewBox="0 0 {number(self.width)} {number(self.height)}" {attributes}>'
            f'<title id="{identifier}-t">{escape(visible(self.title))}</title>'
            f'<desc id="{identifier}-d">{escape(visible(self.description))}</desc>{content}</svg>'
        )


def _tip(tip: str | None) -> str:
    return "" if tip is None else f"<title>{escape(visible(tip))}</title>"


def _dark_style() -> str:
    rules = "".join(
        f".f-{name}{{fill:{colour}}}.s-{name}{{stroke:{colour}}}" for name, colour in DARK.items()
    )
    return f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>"
