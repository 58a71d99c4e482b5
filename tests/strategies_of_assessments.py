"""What is assessed in made-up studies, dirty ones included: every item, CRS rows, medical history, switches.

Only inputs are made here, never an expectation. Days around an event are assessed one by one now and
then, so that rows are covered, capped, denied and contradicted.
"""

from __future__ import annotations

from typing import Any

from schemas.assessment_items import ITEMS, NOT_DONE_REASONS
from tests import studies
from tests.choices import Chooser, moment
from tests.studies import Row, Rows

GROUPS: dict[str, tuple[str, ...]] = {
    "ice": tuple(item for item in ITEMS if item.startswith("ice_") and item != "ice_total"),
    "cartox": tuple(item for item in ITEMS if item.startswith("cartox_") and item != "cartox_total"),
    "seizure": tuple(item for item in ITEMS if item.startswith("seizure")),
    "icp": (
        "imaging_oedema",
        "papilloedema",
        "papilloedema_stage",
        "sixth_nerve_palsy",
        "posturing",
        "cushing_triad",
    ),
    "motor": ("focal_weakness", "motor_power_mrc"),
}
SETS = (
    ("ice_total",),
    ("ice_total", "arousal"),
    ("capd_total",),
    ("capd_total", "arousal"),
    ("arousal",),
    ("cartox_total",),
    ("cartox_total", "cartox_leader"),
    ("cartox_total", "ice_command"),
    ("astct_grade",),
    ("cres_grade",),
    ("astct_grade", "ice_total"),
    ("cres_grade", "arousal"),
    ("sedated", "arousal", "ice_total"),
    GROUPS["ice"],
    (*GROUPS["ice"], "ice_total"),
    GROUPS["cartox"],
    (*GROUPS["cartox"], "cartox_total"),
    ("seizure", "seizure_type"),
    GROUPS["seizure"],
    ("seizure_type", "seizure_duration_min"),
    GROUPS["motor"],
    ("focal_weakness",),
    GROUPS["icp"],
    ("imaging_oedema",),
    ("ice_total", "arousal", "seizure", "focal_weakness", "imaging_oedema"),
    ("capd_total", "arousal", "seizure", "motor_power_mrc", "papilloedema"),
    tuple(ITEMS),
)
WELL = {
    "ice_total": (10, 10, 9, 8, 6),
    "capd_total": (0, 3, 8, 9),
    "arousal": ("alert", "alert", "spontaneous", "voice"),
    "astct_grade": (0, 0, 1, 2),
    "seizure": ("no", "no", "yes"),
    "focal_weakness": ("none", "none", "deep"),
    "imaging_oedema": ("none", "none", "focal"),
}
BEDSIDE = ("astct_grade", "ice_total", "capd_total", "arousal")
DAILY = (
    tuple(WELL),
    tuple(WELL),
    ("ice_total",),
    ("ice_total",),
    ("ice_total", "seizure", "imaging_oedema"),
    ("ice_total", "arousal"),
    ("capd_total", "arousal"),
    ("astct_grade",),
    BEDSIDE,
    ("seizure", "focal_weakness", "imaging_oedema"),
    ("focal_weakness",),
    ("imaging_oedema",),
)


def make_context(choose: Chooser) -> dict[str, Any]:
    """Switches of the manifest about other causes."""
    usual = [True, True, True, False]
    names = ("sedation", "haemorrhage", "stroke", "cns_infection", "cns_progression")
    switches = {name: choose.pick(usual) for name in (*names, "medical_history", "baseline_deficit")}
    return {**switches, "pres": choose.pick([False, True])}


def add_assessments(choose: Chooser, rows: Rows, identifier: str) -> None:
    """Nothing for many subjects, single moments for some, the days of an event one by one for others."""
    if choose.pick([True, False, False]):
        return
    for _ in range(choose.pick([1, 0, 2, 4])):
        day = choose.pick([2, 3, 4, 1, 0, -1, -2, -9, 5, 8, 12, 20, 21, 29, 30, 31, 40, 57])
        _assess(choose, rows, identifier, moment(choose, day), choose.pick(SETS))
    mine = [row for row in rows["core_adverse_events"] if row["subject_id"] == identifier]
    for event in mine:
        if choose.pick([False, True, True]):
            _assess_days_of(choose, rows, identifier, event)


def _assess_days_of(choose: Chooser, rows: Rows, identifier: str, event: Row) -> None:
    """Each day of an event, now and then with a hole."""
    if event["start_earliest"] is None:
        return
    first = (event["start_earliest"].date() - studies.INFUSION_DAY).days
    last = (
        first + 12
        if event["end_latest"] is None
        else (event["end_latest"].date() - studies.INFUSION_DAY).days
    )
    items, has_holes = choose.pick(DAILY), choose.pick([False, False, False, True])
    for day in range(first, min(last, first + 12) + 1):
        if not has_holes or choose.pick([True, True, False]):
            at = moment(choose, day, choose.pick(["day"] * 6 + ["time"]))
            is_well = choose.pick([True] * 9 + [False])
            _add_items(choose, rows, identifier, at, items, is_well)


def _assess(choose: Chooser, rows: Rows, identifier: str, at: studies.Moment, items: tuple[str, ...]) -> None:
    """One row of the file with its items; now and then a second one of the same moment."""
    _add_items(choose, rows, identifier, at, items, is_well=False)
    if choose.pick([False] * 7 + [True]):
        some = tuple(item for item in items if choose.pick([True, False])) or items[:1]
        _add_items(choose, rows, identifier, at, some, is_well=False)


def _add_items(
    choose: Chooser, rows: Rows, identifier: str, at: studies.Moment, items: tuple[str, ...], is_well: bool
) -> None:
    number = 1 + max((row["source_row"] for row in rows["core_assessments"]), default=0)
    sedated = choose.pick([None] * 8 + [False, True]) if not is_well else None
    holes = choose.pick([0, 0, 1, 3]) if len(items) > 1 and not is_well else 0
    for item in items:
        if holes and choose.pick([False, True]):
            holes -= 1
            continue
        value = choose.pick(WELL[item]) if is_well and item in WELL else _value(choose, item)
        row = studies.assessment(item, value, at, subject=identifier, number=number, is_sedated=sedated)
        rows["core_assessments"].append(row if is_well else row | _dirt(choose, item))


def _value(choose: Chooser, item: str) -> float | str:
    known = ITEMS[item]
    if known.kind == "code":
        return choose.pick(known.codes)
    if known.kind == "number":
        return choose.pick([0.0, 0.5, 2.0, 5.0, 5.01, 6.0, 30.0])
    scores = {"ice_total": [10, 9, 7, 6, 3, 2, 1, 0], "capd_total": [0, 1, 8, 9, 20, 32]}
    return float(choose.pick(scores.get(item, list(range(int(known.highest) + 1)))))


def _dirt(choose: Chooser, item: str) -> Row:
    """Mostly none; else no value for a reason, a value the item cannot have, a text that is none."""
    kind = choose.pick(["read"] * 22 + ["not_done", "not_done", "impossible", "unreadable"])
    if kind == "read":
        return {}
    nothing: Row = {"value": None, "code": None, "value_status": kind}
    if kind != "not_done":
        return nothing
    reason = choose.pick(["unarousable", "unarousable", *NOT_DONE_REASONS])
    return nothing | {"not_done_reason": reason}


def add_crs(choose: Chooser, rows: Rows, identifier: str) -> None:
    if choose.pick([False, False, True]):
        start = choose.pick([1, 0, 2, 3, 6, 10, -1, 22])
        end = choose.pick([start + 3, start, start + 8])
        is_ongoing = choose.pick([None, None, True])
        rows["core_crs"].append(
            studies.crs(
                moment(choose, start),
                None if is_ongoing else moment(choose, end),
                subject=identifier,
                number=len(rows["core_crs"]) + 1,
                grade=choose.pick([2, 1, 3, 4, 0, None]),
                is_ongoing=is_ongoing,
            )
        )


def add_history(choose: Chooser, rows: Rows, identifier: str) -> None:
    """Often a term that the subject also has as an event."""
    mine = [row for row in rows["core_adverse_events"] if row["subject_id"] == identifier]
    if not mine or choose.pick([True, False, False]):
        return
    named = choose.pick(mine)
    old = studies.history(
        named["preferred_term"],
        moment(choose, choose.pick([-30, -400, -1, 0, 1, 5])),
        subject=identifier,
        number=len(rows["core_medical_history"]) + 1,
    )
    names = ("lowest_level_term", "verbatim_term", "llt_code", "pt_code", "body_system")
    rows["core_medical_history"].append(old | {name: named[name] for name in names})


def named_causes(choose: Chooser, rows: Rows) -> tuple[str, ...]:
    """Terms of the study that its manifest may name as another cause."""
    present = sorted({row["preferred_term"] for row in rows["core_adverse_events"] if row["preferred_term"]})
    if not present or choose.pick([True, False]):
        return ()
    return tuple({choose.pick(present).lower(): None, choose.pick(present): None})
