"""What can be assessed at the bedside, on an EEG or on an image: items, their ranges and their words.

Only names, ranges and codes live here; what an item means for an ICANS grade is in
`pipelines.grading.assessments`, which column or test code gives it is in the study manifest.
Sources: ASTCT 2019 (Lee et al., Biol Blood Marrow Transplant 2019;25:625), tables 2 and 3 (ICE, CAPD,
domains); CARTOX-10 of Neelapu et al. 2018. CAPD items are copyrighted: totals only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

YES_NO: Final = ("yes", "no")
AROUSALS: Final = ("alert", "spontaneous", "voice", "touch", "unarousable")
"""Best response that wakes the patient; `unarousable` includes vigorous or repetitive touch, stupor, coma."""
SEIZURE_TYPES: Final = (
    "none",
    "clinical_focal",
    "clinical_generalised",
    "clinical",
    "electrographic",
    "status_epilepticus",
)
NOT_DONE_REASONS: Final[dict[str, str]] = {
    "unarousable": "The patient could not be woken.",
    "sedated": "The patient was sedated: not assessable, no evidence.",
    "intubated": "The patient was intubated: not assessable, no evidence.",
    "language": "Language or hearing, not consciousness: no evidence.",
    "refused": "The patient refused: no evidence.",
    "not_done": "Not done, for a reason of the site: no evidence.",
    "other": "Another reason, see value_text: no evidence.",
}
"""Why an item has no value."""


@dataclass(frozen=True)
class Item:
    """One item: a whole-number score with its range, a number with its unit, or one word of a list."""

    kind: Literal["score", "number", "code"]
    label: str
    lowest: float = 0
    highest: float = 0
    codes: tuple[str, ...] = ()
    unit: str | None = None


def _score(label: str, highest: int) -> Item:
    return Item("score", label, 0, highest)


def _flag(label: str) -> Item:
    return Item("code", label, codes=YES_NO)


ITEMS: Final[dict[str, Item]] = {
    "ice_year": _score("ICE: orientation to year", 1),
    "ice_month": _score("ICE: orientation to month", 1),
    "ice_city": _score("ICE: orientation to city", 1),
    "ice_hospital": _score("ICE: orientation to hospital", 1),
    "ice_orientation": _score("ICE: orientation, all four", 4),
    "ice_naming": _score("ICE: naming three objects", 3),
    "ice_command": _score("ICE: following a command", 1),
    "ice_writing": _score("ICE: writing a sentence", 1),
    "ice_attention": _score("ICE: counting down from 100 by 10", 1),
    "ice_total": _score("ICE total", 10),
    "cartox_year": _score("CARTOX-10: orientation to year", 1),
    "cartox_month": _score("CARTOX-10: orientation to month", 1),
    "cartox_city": _score("CARTOX-10: orientation to city", 1),
    "cartox_hospital": _score("CARTOX-10: orientation to hospital", 1),
    "cartox_leader": _score("CARTOX-10: head of state or government", 1),
    "cartox_orientation": _score("CARTOX-10: orientation, all five", 5),
    "cartox_naming": _score("CARTOX-10: naming three objects", 3),
    "cartox_writing": _score("CARTOX-10: writing a sentence", 1),
    "cartox_attention": _score("CARTOX-10: counting down from 100 by 10", 1),
    "cartox_total": _score("CARTOX-10 total", 10),
    "capd_total": _score("CAPD total", 32),
    "arousal": Item("code", "What wakes the patient", codes=AROUSALS),
    "seizure": _flag("A seizure was observed"),
    "seizure_type": Item("code", "Kind of seizure", codes=SEIZURE_TYPES),
    "seizure_duration_min": Item("number", "Duration of the seizure", 0, 10_080, unit="min"),
    "seizure_returned_to_baseline": _flag("Return to baseline after the seizure, or between seizures"),
    "seizure_repetitive": _flag("Repetitive seizures"),
    "seizure_resolved": _flag("The electrographic seizure resolved with intervention"),
    "focal_weakness": Item("code", "Focal weakness", codes=("none", "not_deep", "deep")),
    "motor_power_mrc": _score("Power of the weakest focal limb, MRC grade", 5),
    "imaging_oedema": Item("code", "Cerebral oedema on imaging", codes=("none", "focal", "diffuse")),
    "papilloedema": _flag("Papilloedema"),
    "papilloedema_stage": _score("Papilloedema, modified Frisen stage", 5),
    "sixth_nerve_palsy": _flag("Cranial nerve VI palsy"),
    "posturing": Item("code", "Posturing", codes=("none", "decorticate", "decerebrate")),
    "cushing_triad": _flag("Cushing triad"),
    "astct_grade": _score("ICANS grade (ASTCT) stated at the bedside", 5),
    "cres_grade": _score("CRES grade (CARTOX 2018) stated at the bedside", 4),
    "sedated": _flag("Sedated at the assessment"),
}
"""Every item an assessment table can hold, by id."""

VALUE_STATUSES: Final[dict[str, str]] = {
    "read": "The value was read and is possible.",
    "not_done": "The item was not assessed; the reason is in not_done_reason.",
    "impossible": "The value is outside the range of the item (ICE 12): no evidence of a grade, see "
    "core_parse_problems.",
    "unreadable": "The text is no value of the item; it is kept in core_parse_problems.",
}
