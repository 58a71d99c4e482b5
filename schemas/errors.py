"""Errors a user can act on: each names the place, the value and the next action.

A `RegradeError` is the only exception the command line turns into a message instead of a traceback.
It never carries a subject id or a narrative: `value` holds a cell only where the cell is a code, a
grade, a date or a key of a configuration file.
"""

from __future__ import annotations

from typing import Final

LONGEST_PART: Final = 300
"""Characters of a file, a column or a value that a message shows; a real path or code is shorter."""
LONGEST_SENTENCE: Final = 2_000
"""Characters that are shown of what is wrong, and of what to do: both may list every column of a file."""


class RegradeError(Exception):
    """A failure with an address and a next action.

    `what` says what is wrong; `file`, `row` (1-based data row), `line` (1-based line of a text file),
    `column` and `value` say where; `next_action` says what to do about it. `rule_id` is the id the same
    failure has in `core_findings` and `core_rejected_rows`, where it has one. Each is kept whole; the message
    shows both ends of one that is too long to read, and says how long it is.
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
                shown(self.file or ""),
                None if self.row is None else f"row {self.row}",
                None if self.line is None else f"line {self.line}",
                None if self.column is None else f"column {shown(self.column)}",
                None if self.value is None else f"value {quoted(self.value)}",
            )
            if text
        ]
        what = shown(self.what, LONGEST_SENTENCE)
        head = f"{', '.join(place)}: {what}" if place else what
        return f"{head}. Next: {shown(self.next_action, LONGEST_SENTENCE)}"


def quoted(value: str) -> str:
    """A value in quotes, control characters escaped; of a long one both ends and its length.

    >>> quoted("2\\x1b"), len(quoted("x" * 5_000))
    ("'2\\\\x1b'", 324)
    """
    return repr(_ends(value, LONGEST_PART)) + _length(value, LONGEST_PART)


def shown(text: str, longest: int = LONGEST_PART) -> str:
    """A text as a message shows it: of a long one both ends and its length."""
    return _ends(text, longest) + _length(text, longest)


def _ends(text: str, longest: int) -> str:
    """The text, or of a longer one its beginning and its end: a path ends in the name of the file."""
    end = longest // 4
    return text if len(text) <= longest else f"{text[: longest - end]}...{text[-end:]}"


def _length(text: str, longest: int) -> str:
    return "" if len(text) <= longest else f" ({len(text):,} characters)"


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
