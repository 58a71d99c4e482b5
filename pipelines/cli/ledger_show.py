"""What `regrade ledger` prints: entries, what is wrong with them, a correction.

What may live here: printing, and which outside places name an entry. What may not: the chain
(`warehouse.ledger`, `warehouse.ledger_check`).
"""

from __future__ import annotations

import re
import sys
from collections import deque
from dataclasses import asdict
from typing import Final

from pipelines.cli.failures import NOT_COMPUTED, OK
from pipelines.cli.output import SHORT, print_json, print_table, say, visible
from pipelines.home import Home, resolve_home
from schemas.errors import RegradeError
from schemas.wording import counted
from warehouse.database_seal import read_seal
from warehouse.ledger import Anchor, Entry, Ledger, Note
from warehouse.ledger_check import LedgerCheck, check_ledger

BROKEN: Final = 1
CORRECTED: Final = "corrected"
_HASH = re.compile(r"[0-9a-f]{64}")
_SHOWN_PROBLEMS: Final = 20


def run_show(home_option: str | None, last: int | None, as_json: bool) -> int:
    """Print the entries, oldest first; 1 where the ledger is broken: what was altered is not among them."""
    home = resolve_home(home_option)
    ledger = Ledger(home.runs)
    found = check_home(home)
    if found.problems:
        say("regrade: the ledger is broken, what is printed is not all of it. Next: regrade ledger check")
    code = BROKEN if found.problems else OK
    entries = deque(ledger.entries(), None if last is None else min(last, sys.maxsize))
    if as_json:
        print_json({"path": str(ledger.path), "entries": [asdict(entry) for entry in entries]})
        return code
    if not entries:
        print(f"no entry in {visible(ledger.path)}")
        return code
    print_table(
        ("entry", "at (UTC)", "who", "action", "what", "why"),
        [(e.sequence, e.at[:19], e.who, e.action, _what(e), e.why) for e in entries],
    )
    print(f"last entry {entries[-1].sequence}, hash {entries[-1].hash}")
    return code


def _what(entry: Entry) -> str:
    """Ids first, digests cut as run ids are everywhere; the rest is in the JSON."""
    parts = []
    for name, value in sorted(entry.facts.items()):
        if isinstance(value, (str, int)):
            text = value[:SHORT] if isinstance(value, str) and _HASH.fullmatch(value) else str(value)
            parts.append(f"{name.removesuffix('_id').removesuffix('_sha256')} {text}")
    return ", ".join(parts)


def check_home(home: Home, noted: str | None = None) -> LedgerCheck:
    """Hold the ledger against its head file, the seal of the published file and a hash that was noted."""
    anchors = []
    seal = read_seal(home)
    if seal is not None and seal.ledger is not None:
        anchors.append(seal.ledger)
    if noted is not None:
        anchors.append(Anchor("--head", None, noted))
    return check_ledger(Ledger(home.runs), anchors)


def run_check(home_option: str | None, noted: str | None, as_json: bool) -> int:
    """Print what is wrong; 0 intact, 1 broken, 2 there is none though there are runs."""
    home = resolve_home(home_option)
    if noted is not None and not _HASH.fullmatch(noted):
        raise RegradeError(
            "this is no hash of an entry", value=noted, next_action="give the 64 hex digits of one"
        )
    found = check_home(home, noted)
    if as_json:
        print_json({"path": str(Ledger(home.runs).path), **asdict(found)})
    else:
        _print(found)
    if found.state == "absent":
        return NOT_COMPUTED
    return BROKEN if found.problems else OK


def _print(found: LedgerCheck) -> None:
    if found.state == "absent":
        print("absent: there is no ledger in this data home; the first run starts one")
    elif found.problems:
        print(f"broken: {counted(len(found.problems), 'problem')} in {counted(found.entries, 'entry')}")
    else:
        print(f"intact: {counted(found.entries, 'entry')}, last hash {found.hash}")
    for problem in found.problems[:_SHOWN_PROBLEMS]:
        place = "" if problem.line is None else f"line {problem.line}: "
        print(f"  {place}{visible(problem.what)}")
    if len(found.problems) > _SHOWN_PROBLEMS:
        print(f"  and {len(found.problems) - _SHOWN_PROBLEMS} more; --json lists them")
    for remark in found.remarks[:_SHOWN_PROBLEMS]:
        print(f"  note: {visible(remark)}")
    if found.problems:
        print("next: put runs/ledger.jsonl and runs/ledger.head back from a copy; no result depends on them")


def run_correct(home_option: str | None, sequence: int, reason: str, as_json: bool) -> int:
    """Append the correction. Raises `RegradeError` where there is no such entry or no reason."""
    if not reason.strip():
        raise RegradeError("a correction says what is right", next_action="give --reason TEXT")
    home = resolve_home(home_option)
    ledger = Ledger(home.runs, reason)
    wrong = next((entry for entry in ledger.entries() if entry.sequence == sequence), None)
    if wrong is None:
        raise RegradeError(
            "there is no such entry", value=str(sequence), next_action="see the entries with: regrade ledger"
        )
    added = ledger.append(Note(CORRECTED, {"corrects": wrong.sequence, "corrects_hash": wrong.hash}))
    if as_json:
        print_json(asdict(added))
    else:
        print(f"entry {added.sequence} corrects entry {wrong.sequence}; both stay")
    return OK
