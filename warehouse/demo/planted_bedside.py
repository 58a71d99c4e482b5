"""Planted bedside assessments of the demo study: what closes, what does not, and the dirt real tables have.

All of it is made up. Each fact belongs to one subject of the study, planted or drawn; what the pipeline
must conclude stands in `tests/end_to_end/test_shipped_assessments.py`, not here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from warehouse.demo.bedside import Assessment, points_of

ALERT, SPONTANEOUS, VOICE, TOUCH = (
    "ALERT",
    "EYES OPEN SPONTANEOUSLY",
    "EYES OPEN TO VOICE",
    "EYES OPEN TO TOUCH",
)


@dataclass(frozen=True)
class Bedside:
    """The rows of one subject; `name` is the short name of the fact."""

    name: str
    subject: str
    fact: str
    rows: tuple[Assessment, ...]


def _ice(day: int, total: int, arousal: str = ALERT) -> Assessment:
    return Assessment(day, items=points_of(total), total=total, arousal=arousal)


def _daily(first: int, *totals: int, arousal: str = ALERT) -> tuple[Assessment, ...]:
    return tuple(_ice(day, total, arousal) for day, total in enumerate(totals, start=first))


def _with(rows: Iterable[Assessment], changed: Assessment) -> tuple[Assessment, ...]:
    """The rows, with the one of the same day in its new form."""
    return tuple(changed if row.day == changed.day else row for row in rows)


def _without(total: int, item: int, day: int) -> Assessment:
    """An ICE whose items add up to this total, with one item and the total left blank."""
    items = tuple(None if number == item else points for number, points in enumerate(points_of(total)))
    return Assessment(day, items=items, arousal=ALERT)


def _capd(first: int, *totals: int) -> tuple[Assessment, ...]:
    return tuple(Assessment(day, capd=total, arousal=ALERT) for day, total in enumerate(totals, start=first))


_CONFUSED_AT_BASELINE = (_ice(-1, 8), *_daily(1, 9, 8, 8, 8, 9, 8, 8, 9, 9, 9))
_WAKES_TO_VOICE = _daily(4, 9, 8, 8, 9, 9, 10, arousal=VOICE)

PLANTED_BEDSIDE: tuple[Bedside, ...] = (
    Bedside(
        "closes_at_none", "01-017",
        "ICE 10 and alert on every day of an encephalopathy grade 1",
        (_ice(-1, 10), *_daily(1, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10)),
    ),
    Bedside(
        "closes_despite_missing_item", "02-029",
        "Delirium grade 2, ICE every day; on day 9 counting is missing and either result is the same grade",
        _with(_daily(7, 10, 7, 5, 6, 8, 10), _without(5, 4, 9)),
    ),
    Bedside(
        "missing_item_leaves_two", "04-027",
        "Dysphasia grade 2, ICE every day; on day 6 naming is missing and two grades stay possible",
        _with(_daily(4, 10, 7, 5, 8, 9, 9, 10), Assessment(6, items=(4, None, 1, 0, 0), arousal=ALERT)),
    ),
    Bedside(
        "impossible_score", "04-019",
        "Encephalopathy grade 2, ICE every day; on day 9 the total says 12",
        _with(_daily(6, 10, 8, 7, 6, 7, 8, 9, 9), Assessment(9, total=12, arousal=ALERT)),
    ),
    Bedside(
        "blank_day", "01-024",
        "Encephalopathy grade 2, ICE every day; day 12 is a row without any value",
        _with(_daily(8, 10, 8, 7, 8, 8, 8, 9, 9, 10), Assessment(12, sedated="")),
    ),
    Bedside(
        "two_times_a_day", "02-023",
        "Confusion grade 1; on day 10 ICE 10 in the morning and 8 in the evening",
        (
            *_daily(7, 10, 9, 9), replace(_ice(10, 10), time="08:30"), replace(_ice(10, 8), time="20:15"),
            *_daily(11, 10, 10, 10),
        ),
    ),
    Bedside(
        "two_values_at_once", "02-018",
        "Dysphasia grade 2; on day 10 two rows without a time say ICE 8 and ICE 6",
        (*_daily(7, 10, 9, 9, 8), _ice(10, 6), *_daily(11, 8, 8, 9, 10)),
    ),
    Bedside(
        "measured_above", "04-012",
        "Encephalopathy grade 1, which allows grade 2 at most; ICE 2 on day 10",
        _daily(7, 10, 8, 7, 2, 8, 9, 10),
    ),
    Bedside(
        "measured_below", "01-014",
        "Dysphasia grade 3, which allows nothing below grade 2; ICE 7 to 9 on every day",
        _daily(1, 10, 9, 9, 8, 7, 7, 8, 8, 9, 10),
    ),
    Bedside(
        "unarousable", "04-023",
        "Encephalopathy grade 4; on day 7 ICE not done because the patient could not be woken",
        _with(
            _daily(5, 9, 4, 4, 3, 6, 9, arousal=VOICE),
            Assessment(7, arousal="UNRESPONSIVE", reason="UNAROUSABLE"),
        ),
    ),
    Bedside(
        "sedated_day", "03-028",
        "Encephalopathy grade 4, ICE every day; ICE 0 on day 9 under sedation",
        _with(
            _daily(7, 9, 3, 3, 2, 4, 9, arousal=VOICE),
            replace(_ice(9, 0, "UNRESPONSIVE"), sedated="Y"),
        ),
    ),
    Bedside(
        "sedated_throughout", "04-008",
        "Encephalopathy grade 4 under sedation; ICE 0 and unresponsive every day, flagged as sedated",
        tuple(replace(row, sedated="Y") for row in _daily(8, 0, 0, 0, 0, 0, arousal="UNRESPONSIVE")),
    ),
    Bedside(
        "baseline_deficit", "03-016",
        "ICE 8 the day before the infusion, never below 8 afterwards; confusion grade 1, dysphasia grade 2",
        _CONFUSED_AT_BASELINE,
    ),
    Bedside(
        "total_against_items", "04-022",
        "Encephalopathy grade 3; on day 6 the items add up to 6 and the total says 7",
        _with(
            _daily(2, 10, 8, 6, 5, 6, 6, 6, 7, 8, 9, 9, 10),
            Assessment(6, items=points_of(6), total=7, arousal=ALERT),
        ),
    ),
    Bedside(
        "wrong_scale", "01-028",
        "Adult with somnolence grade 1 who wakes to voice; on day 6 a CAPD of 11 beside the ICE",
        _with(_WAKES_TO_VOICE, replace(_ice(6, 8, VOICE), capd=11)),
    ),
    Bedside(
        "child_closes", "01-006",
        "Child of 100 months, encephalopathy grade 1; CAPD 2 to 7 and alert on every day",
        _capd(3, 0, 3, 6, 7, 5, 2, 0),
    ),
    Bedside(
        "child_delirium", "02-006",
        "Aged 15 with developmental delay, restlessness grade 1; CAPD 12 on day 5",
        _capd(3, 2, 7, 12, 8, 3),
    ),
)  # fmt: skip
"""By subject of the study; drawn rows belong to other subjects."""
