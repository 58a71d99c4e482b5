"""Which columns of a table a figure is drawn from: by kind and order, not by name.

What may live here: reading a table for a figure. What may not: drawing, or a number the table does not
hold, but for adding up rows that are the same mark. A column takes part by its kind (document.Column),
some by their name:

flow     two columns that are not numbers (from, to), then one count
daily    one day; a grade, or the last text column, as the series; one count or percent. Without these:
         counts named grade_0 to grade_5 and no_single_grade. Further text columns: a panel each
swimmer  ids (a lane for each combination, study_id and infusion_number with them); one or two days (first,
         last; null is open); the grade named point, else the first grade. Other text: tracks of a lane
bars     columns that are not numbers (the label); the percents, else the counts, else the numbers; stacked
         where there is a column named total, which is written behind the stack
forest   columns that are not numbers (the first half is a heading, the rest the label); three percents or
         numbers: estimate, low, high. Up to two counts: n and N

A cell that is not a number where one is needed is withheld or not estimable: it draws nothing, and the
figure says how many there are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipelines.report.document import Cell, Column, Figure, Table
from pipelines.report.wording import cell_text
from schemas.errors import SchemaError

WHOLES = frozenset({"total", "denominator", "assessed"})
"""Columns that are never a part of a stack."""
LABELS = frozenset({"text", "id", "grade", "codes", "flag"})


@dataclass(frozen=True)
class Reader:
    """A table, read for a figure."""

    figure: Figure
    table: Table

    def of_kind(self, *kinds: str, least: int = 0) -> list[int]:
        """Positions of the columns of these kinds; an error where there are fewer than `least`."""
        found = [index for index, column in enumerate(self.table.columns) if column.kind in kinds]
        if len(found) < least:
            raise SchemaError(
                f"figure {self.figure.figure_id} ({self.figure.kind}) needs {least} columns of kind "
                f"{' or '.join(kinds)} in table {self.table.table_id}, which has {len(found)}",
                next_action="give the columns of the table the kinds that pipelines/report/figure_data.py "
                "asks for",
            )
        return found

    def column(self, index: int) -> Column:
        """The column at a position."""
        return self.table.columns[index]

    def named(self, *names: str) -> list[int]:
        """Positions of the columns of these names, in the order of the table."""
        return [index for index, column in enumerate(self.table.columns) if column.name in names]

    def text(self, row: tuple[Cell, ...], index: int) -> str:
        """A cell as it is written."""
        return cell_text(row[index], self.table.columns[index].kind)

    def joined(self, row: tuple[Cell, ...], indexes: list[int], between: str = ", ") -> str:
        """Several cells as one label."""
        return between.join(self.text(row, index) for index in indexes)


def size_of(cell: Cell) -> float | None:
    """The cell as a number; null where it is none."""
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return None
    return float(cell)


def in_order(texts: list[str]) -> list[str]:
    """Distinct labels: numbers first and ascending, then the others as they first come."""
    distinct = list(dict.fromkeys(texts))
    return sorted((text for text in distinct if _is_number(text)), key=float) + [
        text for text in distinct if not _is_number(text)
    ]


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal() and text.isascii()


def steps(most: float, count: int = 5) -> list[float]:
    """About `count` round values from 0 to at least `most`, for an axis; whole ones from 1 on."""
    if most <= 0:
        return [0.0, 1.0]
    size = 10.0 ** math.floor(math.log10(most / count))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= most / count)
    step = max(step, 1.0) if most >= 1 else step
    return [index * step for index in range(math.ceil(most / step) + 1)]
