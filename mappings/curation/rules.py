"""How a curation rule is written: a method that yields the cells that break it.

What may live here: the decorator, the record of a rule, what every rule can reach. What may not: a rule.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeVar

import polars as pl

from mappings.problem import Problem
from mappings.release_file import ReleaseFile
from mappings.sheets import Sheet
from mappings.vocabularies import Vocabularies

Row = dict[str, Any]
Check = Callable[[Any], Iterator[Problem]]
M = TypeVar("M", bound=Check)


@dataclasses.dataclass(frozen=True)
class RuleInfo:
    """Id of a rule, the sentence a person reads, and whether it asks a release to be whole.

    A `whole` rule holds of a complete release only; a private set of a few terms leaves it out.
    """

    rule_id: str
    title: str
    whole: bool
    method: str


def rule(rule_id: str, title: str, *, whole: bool = False) -> Callable[[M], M]:
    """Make a method a curation rule; the problems it yields get the id."""

    def declare(method: M) -> M:
        method.__dict__["rule"] = RuleInfo(rule_id, title, whole, method.__name__)
        return method

    return declare


class Rules:
    """What every rule can reach: the tables, what the release says of itself, the vocabularies."""

    sheets: Mapping[str, Sheet]
    about: ReleaseFile | None
    vocabularies: Vocabularies

    @classmethod
    def rules(cls) -> tuple[RuleInfo, ...]:
        """Every rule of the class, those of its base classes first, in the order they are written."""
        found: dict[str, RuleInfo] = {}
        for base in reversed(cls.__mro__):
            for name, member in vars(base).items():
                info = getattr(member, "rule", None)
                if isinstance(info, RuleInfo):
                    found[name] = info
        return tuple(found.values())

    def broken(
        self, table: str, column: str, message: str, wrong: pl.Expr | list[bool], next_action: str = ""
    ) -> Iterator[Problem]:
        """One problem for each row of a table where `wrong` is true; null counts as right.

        `column` is named as in the file of the table.
        """
        mask = pl.Series(wrong, dtype=pl.Boolean) if isinstance(wrong, list) else wrong
        action = next_action or "correct the cell, or restore it from the release"
        return self.sheets[table].problems("", message, column, mask, next_action=action)

    def absent(self, table: str, message: str, value: str, next_action: str) -> Problem:
        """A row that a table should have and has not."""
        sheet = self.sheets[table]
        return Problem("content", sheet.release_id, sheet.file, "", message, next_action, value=value)

    def rows(self, table: str) -> list[Row]:
        """The rows of a table as read, in the order of its file; made once, not to be changed."""
        if table not in self._rows:
            self._rows[table] = self.sheets[table].frame.to_dicts()
        return self._rows[table]

    @cached_property
    def _rows(self) -> dict[str, list[Row]]:
        return {}
