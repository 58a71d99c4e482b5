"""What a check of a mapping release says: one problem, its place and the next action.

What may live here: that record and the error made of it. What may not: a rule, reading a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.errors import ReleaseError

KINDS: Mapping[str, str] = {
    "edited": "A file is not what the checksum list of its release says.",
    "missing": "A file or a release is listed but not there.",
    "extra": "A file or a release is there but not listed.",
    "tampered": "A published release and its checksum list were changed together.",
    "outdated": "A release that is not published moved on; its entry in the index did not.",
    "form": "A file is not in the exact text form of a release.",
    "content": "A cell breaks a rule a release must obey.",
}
"""Kind of a problem -> what it means; the order is that of a report."""


@dataclass(frozen=True)
class Problem:
    """One fault of a release.

    `line` is the 1-based line of the file (None: the whole file, or a table that has no file), `column`
    and `value` the cell (None: the line). `rule_id` never changes its meaning.
    """

    kind: str
    release_id: str
    file: str
    rule_id: str
    message: str
    next_action: str
    line: int | None = None
    column: str | None = None
    value: str | None = None

    @property
    def order(self) -> tuple[int, str, str, int, str, str, str]:
        """Sort key of a report: kind, release, file, line, column, rule, message."""
        place = (self.release_id, self.file, self.line or 0, self.column or "")
        return (list(KINDS).index(self.kind), *place, self.rule_id, self.message)

    def error(self) -> ReleaseError:
        """The same as an error, for the loader, which stops at the first problem."""
        return ReleaseError(
            self.message,
            file=f"{self.release_id}/{self.file}",
            line=self.line,
            column=self.column,
            value=self.value,
            next_action=self.next_action,
            rule_id=self.rule_id,
        )
