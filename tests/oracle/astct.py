"""The ASTCT 2019 table read straight: a patient-day of which everything is known, and its ICANS grade.

Lee et al., Biol Blood Marrow Transplant 2019;25:625, tables 2 and 3 and the table for children. Nothing
about records, rows or missing values lives here: it is the truth that intervals must contain.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Seizure:
    is_clinical: bool
    minutes: float
    is_repetitive: bool = False
    returns_to_baseline: bool = True
    resolves_with_intervention: bool = True


@dataclass(frozen=True)
class PatientDay:
    """`score` is the ICE of an adult or the CAPD of a child, None where it cannot be done.

    `wakes_to`: alert, spontaneous, voice, touch, unarousable. A sleeper who wakes spontaneously is only
    graded where consciousness is depressed.
    """

    score: int | None
    wakes_to: str
    is_consciousness_depressed: bool
    seizure: Seizure | None = None
    has_deep_weakness: bool = False
    oedema: str = "none"
    pressure_signs: frozenset[str] = frozenset()
    """Of papilloedema, sixth_nerve_palsy, posturing, cushing_triad."""


DOMAINS = ("cognition", "consciousness", "seizure", "motor", "icp")


def grade_of_domain(day: PatientDay, domain: str, is_child: bool) -> int:
    if domain == "cognition":
        return capd_grade(day) if is_child else ice_grade(day)
    if domain == "consciousness":
        return consciousness_grade(day)
    if domain == "seizure":
        return 0 if day.seizure is None else seizure_grade(day.seizure)
    if domain == "motor":
        return 4 if day.has_deep_weakness else 0
    if day.oedema == "diffuse" or day.pressure_signs:
        return 4
    return 3 if day.oedema == "focal" else 0


def ice_grade(day: PatientDay) -> int:
    if day.score is None or (day.score == 0 and day.wakes_to == "unarousable"):
        return 4
    if day.score <= 2:
        return 3
    if day.score <= 6:
        return 2
    return 1 if day.score <= 9 else 0


def capd_grade(day: PatientDay) -> int:
    if day.score is None:
        return 4
    if day.score >= 9:
        return 3
    if day.score == 0:
        return 0
    return 1 if day.wakes_to in ("alert", "spontaneous") else 2


def consciousness_grade(day: PatientDay) -> int:
    if day.wakes_to == "spontaneous":
        return 1 if day.is_consciousness_depressed else 0
    return {"alert": 0, "voice": 2, "touch": 3, "unarousable": 4}[day.wakes_to]


def seizure_grade(seizure: Seizure) -> int:
    if seizure.minutes > 5 or (seizure.is_repetitive and not seizure.returns_to_baseline):
        return 4
    return 3


def grade_of_day(day: PatientDay, is_child: bool) -> int:
    return max(grade_of_domain(day, domain, is_child) for domain in DOMAINS)


def grade_of_patient(days: Iterable[PatientDay], is_child: bool) -> int:
    """The worst day."""
    return max((grade_of_day(day, is_child) for day in days), default=0)
