"""From the items of one moment to domains: the table of GRADING.md 4.2, one function per rule.

Only values of items come in and intervals go out. What bears on the cause of a moment is in `moments`,
what a moment does to an adverse-event row in `measured`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from schemas.assessment_items import ITEMS
from tests.oracle.interval import Interval, Union, hull, union

ANYTHING = Interval(0, None, 4)
COMPONENTS = {
    "ice_orientation": ("ice_year", "ice_month", "ice_city", "ice_hospital"),
    "ice_total": ("ice_orientation", "ice_naming", "ice_command", "ice_writing", "ice_attention"),
    "cartox_orientation": ("cartox_year", "cartox_month", "cartox_city", "cartox_hospital", "cartox_leader"),
    "cartox_total": ("cartox_orientation", "cartox_naming", "cartox_writing", "cartox_attention"),
}
DOMAIN_ITEMS = {
    "consciousness": ("arousal",),
    "seizure": tuple(item for item in ITEMS if item.startswith("seizure")),
    "motor": ("focal_weakness", "motor_power_mrc"),
    "icp": (
        "imaging_oedema",
        "papilloedema",
        "papilloedema_stage",
        "sixth_nerve_palsy",
        "posturing",
        "cushing_triad",
    ),
    "all": ("astct_grade", "cres_grade"),
}
SCALE_ITEMS = {
    "ice": tuple(item for item in ITEMS if item.startswith(("ice_", "cartox_"))),
    "capd": ("capd_total",),
}
SCALES_OF = {"adult": ("ice",), "child": ("capd",), "unknown": ("ice", "capd")}
Range = tuple[int, int]
Arousal = frozenset[str]
"""What may wake the patient; empty where nobody recorded it."""


def exactly(grade: int) -> Interval:
    return Interval(grade, grade, grade)


@dataclass
class Items:
    """Everything recorded about each item at a moment."""

    numbers: dict[str, set[int | float]] = field(default_factory=dict)
    words: dict[str, set[str]] = field(default_factory=dict)
    not_done: dict[str, set[str]] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)

    def values(self, item: str) -> set[int | float] | set[str]:
        return self.numbers.get(item) or self.words.get(item) or set()

    def has_any(self, items: Iterable[str]) -> bool:
        return any(self.values(item) for item in items)


@dataclass(frozen=True)
class Reading:
    """One domain of one moment as an ICANS interval."""

    domain: str
    rule: str
    interval: Interval
    reasons: frozenset[str] = frozenset()


def in_doubt(interval: Interval, has_two_values: bool) -> Interval:
    """Two values of an item: no point, unless the interval is one grade."""
    if has_two_values and interval.low < interval.high:
        return replace(interval, point=None)
    return interval


def read_moment(
    items: Items, arousal: Arousal, population: str, is_row_of_consciousness: bool
) -> list[Reading]:
    """Every domain that the items inform; `arousal` is that of the scores (4.1)."""
    found = [
        reading
        for reading in (
            read_cognition(items, arousal, population),
            read_arousal(items, is_row_of_consciousness),
            read_seizure(items),
            read_signs("motor", "K-MOTOR", items),
            read_signs("icp", "K-ICP", items),
        )
        if reading is not None
    ]
    whole = read_bedside(items, found)
    found += whole
    damaged = damaged_domains(items, population)
    measured = {reading.domain for reading in found}
    unread = [] if whole else [domain for domain in sorted(damaged) if domain not in measured]
    found = [flag_damage(reading) if reading.domain in damaged else reading for reading in found]
    doubted = frozenset({"age_unknown"}) if population == "unknown" else frozenset[str]()
    return [
        *found,
        *(
            flag_damage(
                Reading(
                    domain, "K-ASSESS-IMPOSSIBLE", ANYTHING, doubted if domain == "cognition" else frozenset()
                )
            )
            for domain in unread
        ),
    ]


def flag_damage(reading: Reading) -> Reading:
    """What could not be read may have been anything; a score is its own measure."""
    found = reading.interval
    if reading.domain != "cognition" and found.low < 4:
        found = Interval(found.low, None, max(found.high, 4))
    return replace(reading, interval=found, reasons=reading.reasons | {"impossible_score"})


def damaged_domains(items: Items, population: str) -> set[str]:
    scales = {item for scale in SCALES_OF[population] for item in SCALE_ITEMS[scale]}
    found = {domain for domain, names in DOMAIN_ITEMS.items() if items.damaged & set(names)}
    if items.numbers.get("cres_grade") and not items.numbers.get("astct_grade"):
        found -= {"all"}
    return found | ({"cognition"} if items.damaged & scales else set())


# --- cognition ---------------------------------------------------------------------------------


def possible_total(items: Items, whole: str) -> Range | None:
    """A total as recorded, else from its components; both where they contradict each other.

    A component that was not assessed can be anything.
    """
    summed = sum_of_components(items, whole)
    recorded = sorted(int(value) for value in items.numbers.get(whole, ()))
    if not recorded:
        return summed
    low, high = recorded[0], recorded[-1]
    if summed is not None and not (summed[0] <= low and high <= summed[1]):
        return min(low, summed[0]), max(high, summed[1])
    return low, high


def sum_of_components(items: Items, whole: str) -> Range | None:
    parts = {part: possible_total(items, part) for part in COMPONENTS.get(whole, ())}
    if not any(parts.values()):
        return None
    low = sum(found[0] for found in parts.values() if found)
    high = sum(found[1] if found else int(ITEMS[part].highest) for part, found in parts.items())
    return low, high


def disagreements(items: Items) -> set[str]:
    """Totals that are not what their items add up to; the orientation only where there is no whole total."""
    found = set()
    for whole in COMPONENTS:
        summed = sum_of_components(items, whole)
        values = items.numbers.get(whole, ())
        if summed is not None and any(not summed[0] <= value <= summed[1] for value in values):
            found.add(whole)
    return {
        name for name in found if name.endswith("_total") or not items.numbers.get(f"{scale_of(name)}_total")
    }


def scale_of(item: str) -> str:
    return item.split("_", maxsplit=1)[0]


def ice_zero(arousal: Arousal) -> Interval:
    """An ICE of 0: global aphasia if the patient can be woken."""
    ways = {4 if state == "unarousable" else 3 for state in arousal}
    return hull(exactly(grade) for grade in ways) if ways else Interval(3, None, 4)


def ice_band(total: int, arousal: Arousal) -> Interval:
    if total <= 0:
        return ice_zero(arousal)
    return exactly(3 if total <= 2 else 2 if total <= 6 else 1 if total <= 9 else 0)


def over_range(total: Range, arousal: Arousal) -> Interval:
    return hull(ice_band(score, arousal) for score in range(total[0], total[1] + 1))


def reads_cartox(items: Items) -> bool:
    """No ICE item but the command, which CARTOX-10 lacks, is scored."""
    scored = {name for name in SCALE_ITEMS["ice"] if name.startswith("ice_") and items.numbers.get(name)}
    return scored <= {"ice_command"} and possible_total(items, "cartox_total") is not None


def read_ice(items: Items, arousal: Arousal) -> Reading | None:
    """ICE, or CARTOX-10 read as ICE."""
    whole = "cartox_total" if reads_cartox(items) else "ice_total"
    total = possible_total(items, whole)
    if total is None:
        return None
    reasons = set()
    if any(len(items.numbers.get(name, ())) > 1 for name in SCALE_ITEMS["ice"]) or any(
        scale_of(name) == scale_of(whole) for name in disagreements(items)
    ):
        reasons.add("scores_disagree")
    score = as_ice(items, total) if whole == "cartox_total" else total
    if not items.has_any(("ice_total", "cartox_total")) and score[0] < score[1]:
        reasons.add("partial_score")
    # Who scores a point of CARTOX-10 was awake enough to score it.
    is_awake = whole == "cartox_total" and total[0] >= 1
    states = frozenset({"alert"}) if is_awake else arousal
    can_be_woken = {state == "unarousable" for state in states}
    if score[0] == 0 and len(can_be_woken) != 1:
        reasons.add("arousal_unknown")
    interval = over_range(score, states)
    if whole == "cartox_total":
        interval = with_point_of_total(interval, total, states)
    rule = "K-CARTOX" if whole == "cartox_total" else "K-ICE"
    interval = in_doubt(interval, "scores_disagree" in reasons)
    return Reading("cognition", rule, interval, frozenset(reasons))


def with_point_of_total(interval: Interval, total: Range, arousal: Arousal) -> Interval:
    """The band of the CARTOX-10 total itself is the most defensible grade; unarousable at 0 is 4."""
    if total == (0, 0) and arousal == {"unarousable"}:
        return exactly(4)
    if interval.low == interval.high:
        return interval
    point = ice_band(total[0], arousal).point if total[0] == total[1] else None
    return replace(interval, point=point)


def as_ice(items: Items, total: Range) -> Range:
    """Without the leader item, with the command item, each 0 or 1 where not recorded."""
    leader, command = bounds(items, "cartox_leader"), bounds(items, "ice_command")
    least_asked = 1 if total[0] == 10 else leader[0]
    most_asked = 0 if total[1] == 0 else leader[1]
    low, high = total[0] - most_asked + command[0], total[1] - least_asked + command[1]
    return min(max(low, 0), 10), min(max(high, 0), 10)


def bounds(items: Items, item: str) -> Range:
    values = items.numbers.get(item)
    return (int(min(values)), int(max(values))) if values else (0, int(ITEMS[item].highest))


def read_capd(items: Items, arousal: Arousal) -> Reading | None:
    totals = items.numbers.get("capd_total")
    if not totals:
        return None
    readings = [capd_band(int(total), arousal) for total in totals]
    reasons = {"scores_disagree"} if len(totals) > 1 else set()
    if not arousal and 1 <= min(totals) <= 8:
        reasons.add("arousal_unknown")
    interval = in_doubt(hull(readings), len(totals) > 1)
    return Reading("cognition", "K-CAPD", interval, frozenset(reasons))


def capd_band(total: int, arousal: Arousal) -> Interval:
    if total == 0:
        return exactly(0)
    if total >= 9:
        return exactly(3)
    grades = {1 if state in ("alert", "spontaneous") else 2 for state in arousal}
    return hull(exactly(grade) for grade in grades) if grades else Interval(1, None, 2)


def read_unarousable(items: Items, scale: str) -> Reading | None:
    """A score that could not be taken because the patient could not be woken."""
    if not any("unarousable" in items.not_done.get(item, ()) for item in SCALE_ITEMS[scale]):
        return None
    otherwise = items.words.get("arousal", set()) - {"unarousable"}
    if otherwise:
        return Reading("cognition", "K-UNAROUSABLE", ANYTHING, frozenset({"scores_disagree"}))
    return Reading("cognition", "K-UNAROUSABLE", exactly(4))


def read_cognition(items: Items, arousal: Arousal, population: str) -> Reading | None:
    """By the scale of the subject's age; age unknown, either can be the one, and low is 0."""
    scales = SCALES_OF[population]
    found = [r for scale in scales if (r := read_scale(items, arousal, scale)) is not None]
    if not found or population != "unknown":
        return found[0] if found else None
    intervals = [reading.interval for reading in found]
    for scale in scales:
        is_read = read_scale(items, arousal, scale) is not None
        if not is_read and items.damaged & set(SCALE_ITEMS[scale]):
            intervals.append(ANYTHING)
    reasons = frozenset({"age_unknown"}).union(*(reading.reasons for reading in found))
    rule = min(reading.rule for reading in found)
    return Reading("cognition", rule, hull(intervals).with_low_zero(), reasons)


def read_scale(items: Items, arousal: Arousal, scale: str) -> Reading | None:
    read = read_capd if scale == "capd" else read_ice
    return read(items, arousal) or read_unarousable(items, scale)


# --- the other domains -------------------------------------------------------------------------


def read_arousal(items: Items, is_row_of_consciousness: bool) -> Reading | None:
    states = set(items.words.get("arousal", set()))
    if "unarousable" in items.not_done.get("arousal", ()):
        states.add("unarousable")
    if not states:
        return None
    asleep = exactly(1) if is_row_of_consciousness else Interval(0, 0, 1)
    read = {"alert": exactly(0), "voice": exactly(2), "touch": exactly(3), "unarousable": exactly(4)}
    interval = in_doubt(hull(read.get(state, asleep) for state in states), len(states) > 1)
    reasons = frozenset({"scores_disagree"}) if len(states) > 1 else frozenset[str]()
    return Reading("consciousness", "K-AROUSAL", interval, reasons)


def read_seizure(items: Items) -> Reading | None:
    """An item with two values counts as not recorded here, and leaves no point."""
    names = DOMAIN_ITEMS["seizure"]
    if not items.has_any(names):
        return None
    denied = items.values("seizure") == {"no"} or items.values("seizure_type") == {"none"}
    kinds, minutes = items.values("seizure_type"), items.numbers.get("seizure_duration_min", set())
    asserted = (
        items.values("seizure") == {"yes"}
        or (bool(kinds) and "none" not in kinds)
        or (bool(minutes) and min(minutes) > 0)
        or items.values("seizure_repetitive") == {"yes"}
    )
    has_two = any(len(items.values(name)) > 1 for name in names)
    if denied == asserted:
        # Said and denied, or described without being said: anything can be true.
        return Reading("seizure", "K-SEIZURE", ANYTHING, frozenset({"scores_disagree"}))
    sure = {name: next(iter(items.values(name))) for name in names if len(items.values(name)) == 1}
    interval = exactly(0) if denied else seizure_of(sure)
    reasons = frozenset({"scores_disagree"}) if has_two else frozenset[str]()
    return Reading("seizure", "K-SEIZURE", in_doubt(interval, has_two), reasons)


def seizure_of(said: dict[str, object]) -> Interval:
    """A seizure by what is recorded of it; each further sign only raises."""
    duration, returned = said.get("seizure_duration_min"), said.get("seizure_returned_to_baseline")
    lasted = float(duration) if isinstance(duration, (int, float)) else None
    parts = [kind_of_seizure(said.get("seizure_type"), lasted, said.get("seizure_resolved"))]
    if lasted is not None and lasted > 5:
        parts.append(exactly(4))
    if said.get("seizure_repetitive") == "yes" and returned != "yes":
        parts.append(exactly(4) if returned == "no" else Interval(3, None, 4))
    elif returned == "no":
        parts.append(Interval(3, 3, 4))
    return union(parts)


def kind_of_seizure(kind: object, lasted: float | None, resolved: object) -> Interval:
    if kind == "status_epilepticus":
        return exactly(4)
    if kind == "electrographic":
        return {"yes": exactly(3), "no": Interval(3, 4, 4)}.get(str(resolved), Interval(3, 3, 4))
    return Interval(3, 3, 4) if lasted is None else exactly(3)


def sign_of(item: str, value: object) -> Interval:
    if item == "motor_power_mrc" and isinstance(value, (int, float)):
        return exactly(4) if value <= 2 else Interval(0, 0, 4) if value <= 4 else exactly(0)
    if item == "focal_weakness":
        return exactly(4 if value == "deep" else 0)
    if item == "imaging_oedema":
        return exactly({"diffuse": 4, "focal": 3}.get(str(value), 0))
    if item == "papilloedema_stage" and isinstance(value, (int, float)):
        return exactly(4 if value >= 1 else 0)
    return exactly(0 if value in ("no", "none") else 4)


def read_signs(domain: str, rule: str, items: Items) -> Reading | None:
    """Motor and pressure signs: the worst of them; no sign recorded among those asked is 0."""
    total, reasons, is_asked = Union(), set[str](), False
    for item in DOMAIN_ITEMS[domain]:
        values = items.values(item)
        if not values:
            continue
        is_asked = True
        read = hull(sign_of(item, value) for value in values)
        total = total.add(read)
        if len(values) > 1:
            reasons.add("scores_disagree")
        if item == "motor_power_mrc" and values & {3, 4}:
            reasons.add("power_3_or_4")
        if item in ("papilloedema", "papilloedema_stage", "sixth_nerve_palsy") and read.high == 4:
            reasons.add("papilloedema_cause")
    interval = in_doubt(total.result(), "scores_disagree" in reasons)
    return Reading(domain, rule, interval, frozenset(reasons)) if is_asked else None


def read_bedside(items: Items, measured: list[Reading]) -> list[Reading]:
    """A stated grade of the whole patient; a CRES grade only where no item measures anything."""
    has_two = any(len(items.values(name)) > 1 for name in DOMAIN_ITEMS["all"])
    reasons = {"scores_disagree"} if has_two else set[str]()
    if grades := items.numbers.get("astct_grade"):
        interval = hull(Interval(4, 5, 5) if grade == 5 else exactly(int(grade)) for grade in grades)
        reasons |= {"fatal_report"} if 5 in grades else set()
        reasons |= {"bedside_disagrees"} if any(r.interval.low > interval.high for r in measured) else set()
        return [Reading("all", "K-BEDSIDE", in_doubt(interval, has_two), frozenset(reasons))]
    if (grades := items.numbers.get("cres_grade")) and not measured:
        cres = {0: Interval(0, 0, 1), 1: Interval(0, 1, 2), 2: Interval(1, 2, 3), 3: Interval(2, 3, 4)}
        interval = hull(cres.get(int(grade), Interval(0, 4, 4)) for grade in grades)
        return [Reading("all", "K-BEDSIDE-CRES", in_doubt(interval, has_two), frozenset(reasons))]
    return []
