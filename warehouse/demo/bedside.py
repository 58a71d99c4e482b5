"""What one bedside assessment is, how the sponsor's table writes it, and how drawn ones come about.

Shapes, formatting and the draw live here; subjects with a planted assessment are in `planted_bedside`.
A drawn patient has one made-up course of true grades per day, which every listed event allows: the scores
follow from it, so that they settle an interval and contradict nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from warehouse.demo.dice import Dice
from warehouse.demo.layout import Event, Subject

BEDSIDE_COLUMNS = (
    "SUBJECT_NO", "ASSESS_DATE", "ASSESS_TIME", "ICE_ORIENT", "ICE_NAMING", "ICE_COMMAND", "ICE_WRITING",
    "ICE_COUNTING", "ICE_TOTAL", "CAPD_TOTAL", "AROUSAL", "SEDATED_YN", "NOT_DONE_REASON",
)  # fmt: skip

ITEM_POINTS = (4, 3, 1, 1, 1)
"""Most points of orientation, naming, command, writing, counting."""
_LOST_FIRST = ((4, 3, 1, 0, 2), (3, 4, 0, 1, 2), (4, 1, 3, 0, 2))
"""Orders in which a patient loses items; the last one named is lost last."""
AROUSAL_WORDS = (
    "ALERT",
    "EYES OPEN SPONTANEOUSLY",
    "EYES OPEN TO VOICE",
    "EYES OPEN TO TOUCH",
    "UNRESPONSIVE",
)
"""By the consciousness grade they stand for."""
_TOTALS = ((10, 10), (7, 9), (3, 6), (1, 2))
"""ICE totals of the cognition grades that a drawn patient can have."""
_LAST_DAY = 30

_COGNITION: Mapping[str, tuple[tuple[int, int], ...]] = {
    "Encephalopathy": ((0, 2), (0, 3), (1, 3), (2, 3)),
    "Confusion": ((0, 2), (1, 3), (1, 3)),
    "Dysphasia": ((0, 2), (1, 3), (2, 3)),
    "Delirium": ((0, 2), (1, 3), (1, 3)),
    "Memory impairment": ((0, 1), (0, 2), (1, 3)),
    "Concentration impairment": ((0, 1), (0, 2), (1, 3)),
}
_CONSCIOUSNESS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "Encephalopathy": ((0, 2), (0, 3), (0, 3), (0, 3)),
    "Somnolence": ((0, 2), (1, 3), (3, 3)),
    "Depressed level of consciousness": ((0, 2), (1, 3), (2, 3), (2, 3)),
}
"""True grades that a listed grade 1, 2, 3, ... leaves possible, as far as the draw uses them."""


@dataclass(frozen=True)
class Assessment:
    """One row of the table; None is an empty cell, days count from the first infusion."""

    day: int
    items: tuple[int | None, ...] = (None,) * len(ITEM_POINTS)
    total: int | None = None
    capd: int | None = None
    arousal: str = ""
    time: str = ""
    sedated: str = "N"
    reason: str = ""


def points_of(total: int, order: int = 0) -> tuple[int, ...]:
    """Items that add up to this ICE total, lost in one of three orders.

    >>> points_of(10), points_of(7)
    ((4, 3, 1, 1, 1), (4, 2, 1, 0, 0))
    """
    points, lost = list(ITEM_POINTS), sum(ITEM_POINTS) - total
    for item in _LOST_FIRST[order]:
        taken = min(lost, points[item])
        points[item] -= taken
        lost -= taken
    return tuple(points)


def bedside_cells(subject_no: str, written_day: str, assessment: Assessment) -> tuple[str, ...]:
    """The cells of one row, in the order of BEDSIDE_COLUMNS."""
    numbers = (*assessment.items, assessment.total, assessment.capd)
    return (
        subject_no,
        written_day,
        assessment.time,
        *("" if number is None else str(number) for number in numbers),
        assessment.arousal,
        assessment.sedated,
        assessment.reason,
    )


def has_course(subject: Subject) -> bool:
    """Some event of known days limits cognition or consciousness: a course can be drawn."""
    return any(_limits(event) for event in subject.events)


def draw_bedside(dice: Dice, subject: Subject, site: int) -> list[Assessment]:
    """Daily rows from day 1 to the end of the events; sites 3 and 4 fill in the total or the items only."""
    events = [event for event in subject.events if _limits(event)]
    last = max(10, *(event.stop for event in events if isinstance(event.stop, int)))
    records_arousal, is_patchy = dice.happens(0.75), dice.happens(0.25)
    rows = [_row(dice, -1, 0, "ALERT", site)] if dice.happens(0.8) else []
    for day in range(1, min(last, _LAST_DAY) + 1):
        covering = [event for event in events if _covers(event, day)]
        cognition = _grade(dice, covering, _COGNITION)
        consciousness = _grade(dice, covering, _CONSCIOUSNESS)
        if all(event.coded == "Encephalopathy" for event in covering if event.coded in _CONSCIOUSNESS):
            # Nobody reported the patient as sleepy: at worst one who answers badly and dozes.
            consciousness = 2 if cognition >= 2 and dice.happens(0.4) else 0
        row = _row(dice, day, cognition, AROUSAL_WORDS[consciousness], site)
        if not (is_patchy and dice.happens(0.15)):
            rows.append(row if records_arousal else replace(row, arousal=""))
    return rows


def _row(dice: Dice, day: int, cognition: int, arousal: str, site: int) -> Assessment:
    total = dice.between(*_TOTALS[cognition])
    items = points_of(total, dice.between(0, len(_LOST_FIRST) - 1))
    return Assessment(
        day,
        items=(None,) * len(items) if site == 3 else items,
        total=None if site == 4 else total,
        arousal=arousal,
    )


def _limits(event: Event) -> bool:
    return (
        isinstance(event.onset, int)
        and isinstance(event.stop, int)
        and (event.coded in _COGNITION or event.coded in _CONSCIOUSNESS)
    )


def _covers(event: Event, day: int) -> bool:
    return isinstance(event.onset, int) and isinstance(event.stop, int) and event.onset <= day <= event.stop


def _grade(dice: Dice, covering: list[Event], allowed: Mapping[str, tuple[tuple[int, int], ...]]) -> int:
    """A grade that the rows of the day allow, near the worst of them; 0 where there is none."""
    listed = [
        (number, allowed[event.coded][number - 1])
        for event in covering
        if event.coded in allowed and (number := int(event.grade.removeprefix("Grade ")))
    ]
    if not listed:
        return 0
    near = max(number for number, _ in listed) - dice.between(0, 1)
    return max(min(near, *(high for _, (_, high) in listed)), *(low for _, (low, _) in listed))
