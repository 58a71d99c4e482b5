"""Statements of the record about assessments that cannot both hold: kind, subject and what it is about.

The items of each moment are compared here; a measurement against a row is decided in `measured`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tests.oracle.items import SCALE_ITEMS, SCALES_OF, disagreements, scale_of
from tests.oracle.moments import Assessed, Moment
from tests.oracle.release_index import Row

if TYPE_CHECKING:
    from tests.oracle.study import History, Placed

OF_ITEMS = ("two_values", "scale_against_age", "impossible_value")
OF_ROWS = {
    "measured_above": "measured_above_reported",
    "measured_below": "measured_below_reported",
    "measured_denies": "measured_denies_report",
}


def find(history: History, placed: Iterable[Placed], primary: int) -> list[Row]:
    """Kind, subject and detail; `detail` is null where it is not one item.

    Of a row, the primary window of the latest infusion in which assessments bear on it is compared.
    """
    identity = history.subject["subject_id"]
    found: set[tuple[str, str | None]] = set()
    for moment in history.moments:
        found |= of_moment(moment, history.subject["population"])
        found |= of_readings(moment, history.assessed)
    latest: dict[str, Placed] = {}
    for entry in placed:
        if entry.row["window_days"] == primary and entry.row["evidence_rule"] is not None:
            latest[entry.row["event_id"]] = entry
    for entry in latest.values():
        found |= {(kind, None) for reason, kind in OF_ROWS.items() if reason in entry.reasons}
    return [{"kind": kind, "subject_id": identity, "detail": detail} for kind, detail in found]


def of_moment(moment: Moment, population: str) -> set[tuple[str, str | None]]:
    items = moment.items
    found: set[tuple[str, str | None]] = {
        ("two_values", item)
        for values in (items.numbers, items.words)
        for item, recorded in values.items()
        if len(recorded) > 1
    }
    found |= {("impossible_value", row["item"]) for row in moment.rows if row["value_status"] == "impossible"}
    others = set(SCALE_ITEMS) - set(SCALES_OF[population])
    found |= {
        ("scale_against_age", item)
        for scale in others
        for item in SCALE_ITEMS[scale]
        if items.numbers.get(item)
    }
    return found


def of_readings(moment: Moment, assessed: Iterable[Assessed]) -> set[tuple[str, str | None]]:
    """What the readings of a moment say about each other, and totals that their items do not add up to.

    Where an item has two values, that is what is reported.
    """
    mine = [found for found in assessed if found.moment is moment]
    found: set[tuple[str, str | None]] = set()
    if any(reading.domain == "all" and "bedside_disagrees" in reading.reasons for reading in mine):
        found.add(("bedside_against_measured", None))
    rules = {reading.rule for reading in mine}
    numbers = moment.items.numbers
    if not any(len(values) > 1 for values in (*numbers.values(), *moment.items.words.values())):
        for rule, scale in (("K-ICE", "ice"), ("K-CARTOX", "cartox")):
            apart = any(scale_of(name) == scale for name in disagreements(moment.items))
            if rule in rules and apart and (numbers.get("ice_total") or numbers.get("cartox_total")):
                found.add(("total_against_items", None))
    return found


def compare(expected: Iterable[Row], computed: Iterable[Row]) -> list[str]:
    """Contradictions of these kinds that only one side has; the detail is compared where it is an item."""
    known = {*OF_ROWS.values(), *OF_ITEMS, "bedside_against_measured", "total_against_items"}

    def keys(rows: Iterable[Row]) -> set[tuple[str, str, str | None]]:
        return {
            (row["subject_id"], row["kind"], row["detail"] if row["kind"] in OF_ITEMS else None)
            for row in rows
            if row["kind"] in known
        }

    left, right = keys(expected), keys(computed)
    return [f"contradiction {key}: only expected" for key in sorted(left - right, key=str)] + [
        f"contradiction {key}: only computed" for key in sorted(right - left, key=str)
    ]
