"""Proving that the audit ledger is as it was written, and saying where it is not.

What may live here: reading the chain and naming every break. What may not: writing, repairing (nothing ever
overwrites a line; `warehouse.ledger`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from warehouse.disk import sha256_file
from warehouse.ledger import NOTHING, OPENED, RECOVERED, Anchor, Entry, Ledger, claimed_place, read_entry

State = Literal["intact", "broken", "absent"]
_MOST: Final = 200
"""Problems that are kept: a replaced ledger would break at every line."""


@dataclass(frozen=True)
class Problem:
    """What is wrong and where; `line` is null where the place is not one line of the ledger."""

    line: int | None
    what: str


@dataclass(frozen=True)
class LedgerCheck:
    """`absent` is a data home with runs and no ledger, or with nothing at all; `remarks` are no problems."""

    state: State
    entries: int
    hash: str | None
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...]


def check_ledger(ledger: Ledger, anchors: Sequence[Anchor] = ()) -> LedgerCheck:
    """Read the whole chain and hold it against the head file and what else names one of its entries.

    Raises `StoreError` where the ledger cannot be read.
    """
    head = ledger.head()  # before the lines: another process may append meanwhile
    has_head, is_readable = ledger.head_path.exists(), ledger.can_read_head()
    known = [*anchors] if head is None else [head, *anchors]
    walk = _Walk(known)
    for line, has_end in ledger.lines():
        walk.take(line, has_end)
    walk.finish()
    problems, first = walk.problems, walk.first
    if first is None and not problems and not known and not ledger.path.exists():
        return LedgerCheck("absent", 0, None, (), tuple(walk.remarks))
    # A head that names no entry yet is what a writer killed within its first append leaves.
    if head is None and walk.entries and not is_readable:
        state = "cannot be read" if has_head else "is missing"
        problems.append(
            Problem(None, f"{ledger.head_path.name} {state}: a tail cut off might not be noticed")
        )
    problems += _earlier(ledger, first)
    return LedgerCheck(
        "broken" if problems else "intact",
        walk.entries,
        walk.hash if walk.entries else None,
        tuple(problems[:_MOST]),
        tuple(walk.remarks),
    )


class _Walk:
    """One pass over the lines. After a break it goes on from the line it met, so each break is named once."""

    def __init__(self, known: Sequence[Anchor]) -> None:
        self.problems: list[Problem] = []
        self.remarks: list[str] = []
        self.entries = 0
        self.first: Entry | None = None
        self.hash = NOTHING
        self._sequence = 0
        self._number = 0
        self._at = ""
        self._odd: tuple[int, str, str] | None = None  # a line that is no entry: it may be told of next
        self._by_hash = {anchor.hash: anchor for anchor in known}
        self._left = dict(self._by_hash)
        self._by_sequence = {anchor.sequence: anchor for anchor in known}

    def take(self, line: bytes, has_end: bool) -> None:
        self._number += 1
        entry = read_entry(line)
        if entry is None:
            self._take_odd(line, has_end)
            return
        self._settle_odd(entry)
        self._follow(entry.sequence, entry.previous)
        self._reach(entry.sequence, entry.hash)
        self.entries += 1
        self.first = self.first or entry
        if entry.at < self._at:
            self.remarks.append(
                f"line {self._number}: the clock of the machine went back; the order is that of the lines"
            )
        self._at = entry.at
        if not has_end:
            self.remarks.append(f"line {self._number}: its end is missing; the next entry will tell of it")

    def _take_odd(self, line: bytes, has_end: bool) -> None:
        self._settle_odd(None)
        place = claimed_place(line)
        if not has_end and place is None:
            self.remarks.append(
                f"line {self._number}: cut short by an interruption; the next entry will tell of it"
            )
            return
        if place is None:
            what = "it is no entry of the ledger: damaged or inserted"
        else:
            what = f"entry {place[0]} was altered: its text and its hash do not belong together"
            self._reach(*place)
        self._odd = (self._number, hashlib.sha256(line).hexdigest(), what)

    def _settle_odd(self, entry: Entry | None) -> None:
        """What an interruption left of a line is named by the entry after it; anything else is a problem."""
        if self._odd is None:
            return
        number, sha256, what = self._odd
        self._odd = None
        if entry is not None and entry.action == RECOVERED and _cut(entry).get("sha256") == sha256:
            self.remarks.append(
                f"line {number}: cut short by an interruption, as entry {entry.sequence} tells"
            )
        else:
            self.problems.append(Problem(number, what))

    def _follow(self, sequence: int, previous: str) -> None:
        expected = self._sequence + 1
        if sequence > expected:
            gone = (
                f"entry {expected} is"
                if sequence == expected + 1
                else f"entries {expected} to {sequence - 1} are"
            )
            self._say(f"{gone} missing before entry {sequence}: removed or moved")
        elif sequence < expected:
            self._say(f"entry {sequence} stands after entry {self._sequence}: moved, repeated or inserted")
        elif previous != self.hash:
            self._say(
                f"entry {sequence} does not continue entry {self._sequence} on the line before: one of them "
                "was altered or replaced"
            )

    def _reach(self, sequence: int, value: str) -> None:
        self._sequence, self.hash = sequence, value
        self._left.pop(value, None)
        anchor = self._by_sequence.get(sequence)
        if anchor is not None and anchor.hash != value and anchor.hash in self._left:
            self._say(f"entry {sequence} is not the one that {anchor.source} names: altered or replaced")
            self._left.pop(anchor.hash)

    def _say(self, what: str) -> None:
        self.problems.append(Problem(self._number, what))

    def finish(self) -> None:
        self._settle_odd(None)
        for anchor in self._left.values():
            if anchor.sequence is None:
                what = f"no entry has the hash that {anchor.source} names"
            elif anchor.sequence > self._sequence:
                what = (
                    f"the ledger ends at entry {self._sequence}, and {anchor.source} names entry "
                    f"{anchor.sequence}: its end was cut off"
                )
            else:
                what = f"entry {anchor.sequence}, which {anchor.source} names, is missing"
            self.problems.append(Problem(None, what))


def _cut(entry: Entry) -> dict[str, Any]:
    found = entry.facts.get("line_cut_short")
    return found if isinstance(found, dict) else {}


def _earlier(ledger: Ledger, first: Entry | None) -> list[Problem]:
    """The unchained ledger of an earlier version must be the one the first entry speaks of."""
    told = None if first is None or first.action != OPENED else first.facts.get("earlier_ledger")
    there = ledger.before_path.is_file()
    if isinstance(told, dict):
        if not there:
            return [Problem(None, f"{ledger.before_path.name} is missing, and entry 1 names it")]
        if sha256_file(ledger.before_path) != told.get("sha256"):
            return [Problem(None, f"{ledger.before_path.name} is not the file that entry 1 names: altered")]
    elif there and first is not None:
        return [Problem(None, f"no entry names {ledger.before_path.name}: put there later")]
    return []
