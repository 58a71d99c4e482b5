"""Errors a user can act on: each names the place, the value and the next action.

A `RegradeError` is the only exception the command line turns into a message instead of a traceback.
It never carries a subject id or a narrative: `value` holds a cell only where the cell is a code, a
grade, a date or a key of a configuration file.
"""

from __future__ import annotations


class RegradeError(Exception):
    """A failure with an address and a next action.

    `what` says what is wrong; `file`, `row` (1-based data row), `line` (1-based line of a text file),
    `column` and `value` say where; `next_action` says what to do about it. `rule_id` is the id the same
    failure has in `core_findings` and `core_rejected_rows`, where it has one.
    """

    def __init__(
        self,
        what: str,
        *,
        next_action: str,
        file: str | None = None,
        row: int | None = None,
        line: int | None = None,
        column: str | None = None,
        value: str | None = None,
        rule_id: str | None = None,
    ) -> None:
        self.what = what
        self.next_action = next_action
        self.file = file
        self.row = row
        self.line = line
        self.column = column
        self.value = value
        self.rule_id = rule_id
        super().__init__(str(self))

    def __str__(self) -> str:
        place = [
            text
            for text in (
                self.file,
                None if self.row is None else f"row {self.row}",
                None if self.line is None else f"line {self.line}",
                None if self.column is None else f"column {self.column}",
                None if self.value is None else f"value {self.value!r}",
            )
            if text
        ]
        head = f"{', '.join(place)}: {self.what}" if place else self.what
        return f"{head}. Next: {self.next_action}"


class ManifestError(RegradeError):
    """`study.yaml` cannot be read or does not say what it must."""


class UnreadableFileError(RegradeError):
    """A data file cannot be read at all: nothing of it enters the run."""


class ReleaseError(RegradeError):
    """A mapping release is missing, malformed, or not what its checksums say."""


class SchemaError(RegradeError):
    """A table is not what its schema says: a defect of this program or of a hand-made file."""


class StoreError(RegradeError):
    """A run folder or the warehouse file is missing, locked, damaged or cannot be written."""
