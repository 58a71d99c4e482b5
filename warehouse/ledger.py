"""The audit ledger: who did what to which run, release and publication, when and why.

What may live here: appending to the ledger and proving that nobody changed it. What may not: results, and
anything that a result depends on; subject identifiers in any form.

    runs/ledger.jsonl               one JSON line per entry, only ever appended to
    runs/ledger.head                sequence and hash of the last entry
    runs/ledger-before-chain.jsonl  an unchained ledger of an earlier version, kept as it was

Each entry holds the hash of the one before and its own: sha256 over its canonical JSON without that hash.
An entry is on the disk before what it speaks of happens (a run folder, a pointer or the published file
appears), so nothing is there without one; after a crash the same entry may stand twice.

`check_ledger` finds a line that was altered, removed, inserted or moved, and a tail that was cut off as long
as the head file, the seal of the published file or a hash that somebody noted elsewhere still names it. It
cannot find a ledger that was rewritten as a whole by someone who wrote head and seal anew as well: there is
no secret in it. `regrade ledger` prints the last hash; kept elsewhere, it closes that gap.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from schemas.errors import StoreError
from warehouse.disk import (
    canonical_json,
    file_lock,
    flush,
    make_folder,
    not_writable,
    replace_text,
    sha256_file,
    sha256_text,
)

if sys.platform != "win32":
    import pwd

ACTOR_VARIABLE: Final = "REGRADE_ACTOR"
REASON_VARIABLE: Final = "REGRADE_REASON"
NOTHING: Final = "0" * 64
"""What stands for the hash before the first entry."""
RECOVERED: Final = "recovered"
OPENED: Final = "opened"
_LONGEST_TEXT: Final = 500
_TAIL: Final = 1 << 18
"""Bytes at the end that are read to append; a line is far shorter."""
_HASH = re.compile(r"[0-9a-f]{64}")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


@dataclass(frozen=True)
class Entry:
    """One line. `at` is UTC in ISO 8601, `why` null where nobody gave a reason, `facts` ids and digests."""

    sequence: int
    at: str
    action: str
    who: str
    why: str | None
    facts: Mapping[str, Any]
    previous: str
    hash: str

    @property
    def line(self) -> str:
        """The text of the line, without its end."""
        return canonical_json(asdict(self))


@dataclass(frozen=True)
class Anchor:
    """An entry that something outside the ledger names: `source` says what."""

    source: str
    sequence: int | None
    hash: str


@dataclass(frozen=True)
class Note:
    """What an entry will be about."""

    action: str
    facts: Mapping[str, Any]


class Ledger:
    """The ledger of one `runs` folder; `why` is the reason given for what is done through it."""

    def __init__(self, runs: Path, why: str | None = None) -> None:
        self.runs = runs
        self.path = runs / "ledger.jsonl"
        self.head_path = runs / "ledger.head"
        self.before_path = runs / "ledger-before-chain.jsonl"
        self._why = why

    def append(self, *notes: Note) -> Entry:
        """Write entries after the last one and flush them; returns the last of them.

        What an interrupted writer left of a line stays, on a line of its own that an entry `recovered`
        names. Raises `StoreError` where the ledger cannot be written; then nothing was appended.
        """
        try:
            with file_lock(self.runs / ".locks" / "ledger.lock"):
                return self._append(notes)
        except OSError as failure:
            action = "check the free disk space and the permissions of the data home, then run again"
            raise not_writable("the ledger", self.path, failure, action) from None

    def _append(self, notes: Sequence[Note]) -> Entry:
        make_folder(self.runs)
        self._set_aside_unchained()
        is_new = not self.path.exists()
        if is_new and not self.head_path.exists():
            replace_text(self.head_path, _head_text(0, NOTHING))
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
        try:
            size = os.fstat(handle).st_size
            start, hash_before, text, repairs = self._end(handle, size)
            chained = [*repairs, *self._first(start), *notes]
            entries = list(_chain(chained, start, hash_before, self._why))
            _write_all(handle, size, (text + "".join(f"{entry.line}\n" for entry in entries)).encode())
        finally:
            os.close(handle)
        if is_new:
            flush(self.runs)
        replace_text(self.head_path, _head_text(entries[-1].sequence, entries[-1].hash))
        return entries[-1]

    def _end(self, handle: int, size: int) -> tuple[int, str, str, list[Note]]:
        """Sequence and hash to go on from, what must be written first, and what has to be told."""
        os.lseek(handle, max(0, size - _TAIL), os.SEEK_SET)
        tail = b""
        while block := os.read(handle, _TAIL):
            tail += block
        *lines, rest = tail.split(b"\n")
        last = next((entry for line in reversed(lines) if (entry := read_entry(line)) is not None), None)
        sequence, found = (last.sequence, last.hash) if last is not None else (0, NOTHING)
        head = self._head()
        if head is not None and head[0] > sequence:  # something was cut off: the gap must stay visible
            sequence, found = head
        told: dict[str, Any] = {}
        if rest:
            whole = read_entry(rest)
            fits = whole is not None and (whole.sequence, whole.previous) == (sequence + 1, found)
            if whole is not None and fits:
                sequence, found = whole.sequence, whole.hash
            told["line_cut_short"] = {
                "sha256": hashlib.sha256(rest).hexdigest(),
                "bytes": len(rest),
                "was_whole": fits,
            }
        if head is None and sequence:
            told["head_file"] = "missing or unreadable"
        return sequence, found, "\n" if rest else "", [Note(RECOVERED, told)] if told else []

    def _first(self, start: int) -> list[Note]:
        if start:
            return []
        if not self.before_path.is_file():
            return [Note(OPENED, {})]
        facts = {"file": self.before_path.name, "sha256": sha256_file(self.before_path)}
        return [Note(OPENED, {"earlier_ledger": facts})]

    def _set_aside_unchained(self) -> None:
        """An earlier version wrote lines without a chain: that file is kept, under another name."""
        if self.head_path.exists() or self.before_path.exists() or not self.path.is_file():
            return
        with self.path.open("rb") as file:
            first = _as_object(file.readline(_TAIL))
        if first is not None and "action" in first and "hash" not in first:
            flush(self.path)
            self.path.rename(self.before_path)
            flush(self.runs)

    def _head(self) -> tuple[int, str] | None:
        """Sequence and hash of the last entry as the head file has them; None where it cannot be read."""
        try:
            if not self.head_path.is_file():  # a pipe in its place would be waited for
                return None
            found = _as_object(self.head_path.read_bytes())
        except OSError:
            return None
        if found is None or set(found) != {"sequence", "hash"}:
            return None
        sequence, value = found["sequence"], found["hash"]
        good = type(sequence) is int and sequence >= 0 and isinstance(value, str) and _HASH.fullmatch(value)
        return (sequence, value) if good else None

    def can_read_head(self) -> bool:
        """The head file is there and sound, whether it names an entry or none yet."""
        return self._head() is not None

    def head(self) -> Anchor | None:
        """The entry that the head file names; None where there is no entry or no head file."""
        found = self._head()
        return Anchor(self.head_path.name, *found) if found is not None and found[0] else None

    def entries(self) -> Iterator[Entry]:
        """Entries in order of the file; lines that are none are left out (`check_ledger` names them)."""
        for line, _ in self.lines():
            entry = read_entry(line)
            if entry is not None:
                yield entry

    def lines(self) -> Iterator[tuple[bytes, bool]]:
        """Lines and whether each has its end. Raises `StoreError` where the file cannot be read."""
        try:
            if self.path.exists() and not self.path.is_file():  # a pipe in its place would be waited for
                raise StoreError(
                    "the ledger cannot be read: it is a folder, pipe or device",
                    file=str(self.path),
                    next_action="move it away and put the ledger back",
                )
            with self.path.open("rb") as file:
                for line in file:
                    yield line.removesuffix(b"\n"), line.endswith(b"\n")
        except FileNotFoundError:
            return
        except OSError as failure:
            raise StoreError(
                f"the ledger cannot be read ({failure.strerror})",
                file=str(self.path),
                next_action="make the file readable",
            ) from None

    def history(self, study_id: str) -> list[str]:
        """Run ids of a study in the order in which they were made or asked for, earlier ledger first."""
        told: list[Mapping[str, Any]] = []
        if self.before_path.is_file():
            lines = self.before_path.read_bytes().splitlines()
            told += [found for line in lines if (found := _as_object(line)) is not None]
        told += [{"action": entry.action, **entry.facts} for entry in self.entries()]
        return [
            str(each["run_id"])
            for each in told
            if each.get("study_id") == study_id and each.get("action") in ("created", "reused")
        ]


def read_entry(line: bytes) -> Entry | None:
    """The entry of a line; None for a line that is none or whose own hash does not fit its text."""
    found = _as_object(line)
    if found is None:
        return None
    try:
        entry = Entry(**found)
    except TypeError:
        return None
    if not isinstance(entry.facts, dict) or type(entry.sequence) is not int:
        return None
    try:
        same_text = entry.line.encode() == line
    except (ValueError, UnicodeEncodeError):
        return None
    return entry if same_text and _own_hash(entry) == entry.hash else None


def claimed_place(line: bytes) -> tuple[int, str] | None:
    """Sequence and hash that a line says it has, whether they are true or not."""
    found = _as_object(line)
    if found is None or type(found.get("sequence")) is not int or not isinstance(found.get("hash"), str):
        return None
    return found["sequence"], found["hash"]


def actor() -> str:
    """Who acts: REGRADE_ACTOR, else the name the system has for the user of this process."""
    named = _one_line(os.environ.get(ACTOR_VARIABLE))
    if named:
        return named
    if sys.platform == "win32":
        return getpass.getuser()
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


def _one_line(text: str | None) -> str | None:
    """A text without line ends and control characters, cut where it is very long; None for nothing."""
    return _CONTROLS.sub(" ", text or "").strip()[:_LONGEST_TEXT] or None


def _chain(notes: Sequence[Note], sequence: int, previous: str, why: str | None) -> Iterator[Entry]:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    who, reason = actor(), _one_line(why) or _one_line(os.environ.get(REASON_VARIABLE))
    for note in notes:
        sequence += 1
        bare = Entry(sequence, at, note.action, who, reason, dict(note.facts), previous, "")
        previous = _own_hash(bare)
        yield Entry(**{**vars(bare), "hash": previous})


def _own_hash(entry: Entry) -> str:
    said = asdict(entry)
    del said["hash"]
    return sha256_text(canonical_json(said))


def _head_text(sequence: int, value: str) -> str:
    return canonical_json({"sequence": sequence, "hash": value}) + "\n"


def _as_object(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _write_all(handle: int, size: int, content: bytes) -> None:
    """Append and flush, or take back what a full disk let through."""
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, size)
        raise
