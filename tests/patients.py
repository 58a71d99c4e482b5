"""Complete made-up patients, the record somebody would keep of them, and that record with holes.

The truth is `tests.oracle.astct`; rows of adverse events are chosen from a release so that they are
consistent with it (their interval holds the truth of their days). Nothing here grades a record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mappings.release import Release
from schemas.vocabulary import CTCAE_VERSIONS
from tests import studies
from tests.choices import Chooser
from tests.oracle.astct import DOMAINS, PatientDay, Seizure, grade_of_domain, grade_of_patient
from tests.oracle.decisions import decide_row
from tests.oracle.interval import Interval
from tests.oracle.release_index import ReleaseIndex
from tests.oracle.terms import resolve
from tests.studies import Row, Rows, release_rows

FIRST_DAY = 1
ICE_ITEMS = {"ice_orientation": 4, "ice_naming": 3, "ice_command": 1, "ice_writing": 1, "ice_attention": 1}
AWAKENING = ["spontaneous", "spontaneous", "voice", "voice", "touch", "unarousable"]
SIGNS = ("papilloedema", "sixth_nerve_palsy", "posturing", "cushing_triad")


@dataclass(frozen=True)
class Wording:
    """A term and grade of a release, and what it says about one population."""

    term: str
    version: str
    grade: int
    domains: frozenset[str]
    interval: Interval


@dataclass(frozen=True)
class Patient:
    identifier: str
    is_child: bool
    days: tuple[PatientDay, ...]
    """Day FIRST_DAY after the infusion and those that follow."""

    @property
    def truth(self) -> int:
        return grade_of_patient(self.days, self.is_child)

    @property
    def has_healthy_sleep(self) -> bool:
        """Asleep without a depressed consciousness: no record can tell that from grade 1."""
        return any(day.wakes_to == "spontaneous" and not day.is_consciousness_depressed for day in self.days)

    def grade(self, index: int, domain: str) -> int:
        return grade_of_domain(self.days[index], domain, self.is_child)


# --- what a release can say --------------------------------------------------------------------


class Wordings:
    """Terms and grades below 5 that restrict a domain and are no cause of their own."""

    def __init__(self, release: Release) -> None:
        index = ReleaseIndex(release_rows(release))
        self.by_population: dict[bool, list[Wording]] = {False: [], True: []}
        self.known: dict[tuple[bool, str, int, int, bool], list[Wording]] = {}
        terms: dict[str, str] = {}
        for row in release.tables["map_terms"].sort("term").to_dicts():
            if row["concept_id"] is not None and row["relation"] != "broader" and row["term"]:
                terms.setdefault(row["concept_id"], row["term"])
        for concept, term in sorted(terms.items()):
            if index.cause_role(concept) is None:
                for version in CTCAE_VERSIONS:
                    self._add(index, term, version)

    def _add(self, index: ReleaseIndex, term: str, version: str) -> None:
        for grade in (1, 2, 3, 4):
            row = studies.event(term, grade, scale_version=version)
            found = resolve(row, version, False, index)
            for is_child, wordings in self.by_population.items():
                subject = studies.subject(population="child" if is_child else "adult")
                decided = decide_row(row, found, subject, (), index)
                is_whole = "undefined_grade" not in decided.reasons and decided.interval.high <= 4
                if decided.domains and decided.interval.high >= 1 and is_whole:
                    wordings.append(Wording(term, version, grade, decided.domains, decided.interval))

    def fitting(
        self, is_child: bool, domain: str, worst: Mapping[str, int], must_be_alone: bool
    ) -> list[Wording]:
        """Wordings about a domain whose interval holds the truth of each of their domains together."""
        found = []
        for wording in self.by_population[is_child]:
            if domain not in wording.domains or (must_be_alone and len(wording.domains) > 1):
                continue
            truth = max(worst[name] for name in wording.domains)
            if wording.interval.low <= truth <= wording.interval.high:
                found.append(wording)
        return found


# --- patients ----------------------------------------------------------------------------------


def make_patient(choose: Chooser, identifier: str) -> Patient:
    is_child = choose.pick([False, True])
    length = choose.pick([1, 2, 3, 4])
    is_well = choose.pick([False, False, False, True])
    days = tuple(_make_day(choose, is_child, is_well) for _ in range(length))
    return Patient(identifier, is_child, days)


def _make_day(choose: Chooser, is_child: bool, is_well: bool) -> PatientDay:
    wakes_to = "alert" if is_well else choose.pick(["alert"] * 12 + AWAKENING)
    signs = frozenset[str]() if is_well else frozenset(s for s in SIGNS if choose.pick([False] * 59 + [True]))
    rare = [False] * 19 + [True]
    return PatientDay(
        score=_score(choose, is_child, wakes_to, is_well),
        wakes_to=wakes_to,
        is_consciousness_depressed=wakes_to in ("voice", "touch", "unarousable")
        or (wakes_to == "spontaneous" and choose.pick([True, True, False])),
        seizure=None if is_well or not choose.pick(rare) else _make_seizure(choose),
        has_deep_weakness=not is_well and choose.pick(rare),
        oedema="none" if is_well else choose.pick(["none"] * 28 + ["focal", "diffuse"]),
        pressure_signs=signs,
    )


def _score(choose: Chooser, is_child: bool, wakes_to: str, is_well: bool) -> int | None:
    """Nobody scores who cannot be woken; who wakes only to touch does not score on the ICE."""
    if wakes_to == "unarousable":
        return None
    if is_well:
        return 0 if is_child else 10
    if is_child:
        return choose.pick([0, 0, 0, 1, 5, 8, 9, 32])
    return 0 if wakes_to == "touch" else choose.pick([10, 10, 10, 10, 9, 8, 7, 6, 4, 3, 2, 1, 0])


def _make_seizure(choose: Chooser) -> Seizure:
    is_clinical = choose.pick([True, True, False])
    minutes = choose.pick([1.0, 4.5, 5.0, 5.5, 40.0])
    is_repetitive = choose.pick([False, False, True])
    returns = not is_repetitive or choose.pick([True, False])
    return Seizure(is_clinical, minutes, is_repetitive, returns, minutes <= 5 or choose.pick([True, False]))


# --- their record ------------------------------------------------------------------------------


def make_record(choose: Chooser, patients: Iterable[Patient], wordings: Wordings) -> Rows:
    """A study in which everything about every patient is recorded."""
    rows = studies.study([], [], [])
    for patient in patients:
        population = "child" if patient.is_child else "adult"
        rows["core_subjects"].append(studies.subject(patient.identifier, population=population))
        rows["core_infusions"].append(studies.infusion(subject=patient.identifier))
        _report(choose, patient, wordings, rows)
        for index, day in enumerate(patient.days):
            items = _items_of(choose, day, patient.is_child)
            # A grade of the whole patient can stand for all items of a day.
            if choose.pick([False] * 9 + [True]) and day.wakes_to != "spontaneous":
                items = {"astct_grade": max(patient.grade(index, domain) for domain in DOMAINS)}
            number = len(rows["core_assessments"]) + 1
            rows["core_assessments"] += [
                _assessment(item, value, FIRST_DAY + index, patient.identifier, number)
                for item, value in items.items()
            ]
    return rows


def _assessment(item: str, value: float | str | None, day: int, subject: str, number: int) -> Row:
    reason = {"not_done_reason": "unarousable"} if value is None else {}
    return studies.assessment(item, value, day, subject=subject, number=number, **reason)


def _items_of(choose: Chooser, day: PatientDay, is_child: bool) -> dict[str, float | str | None]:
    items: dict[str, float | str | None] = {"arousal": day.wakes_to}
    if is_child:
        items["capd_total"] = day.score
    elif day.score is not None and choose.pick([True, False]):
        items |= _ice_items(choose, day.score)
    else:
        items["ice_total"] = day.score
    items["seizure"] = "no" if day.seizure is None else "yes"
    if day.seizure is not None:
        items |= _seizure_items(day.seizure)
    if choose.pick([True, False]):
        items["focal_weakness"] = "deep" if day.has_deep_weakness else choose.pick(["none", "not_deep"])
    else:
        items["motor_power_mrc"] = choose.pick([0, 1, 2]) if day.has_deep_weakness else 5
    items["imaging_oedema"] = day.oedema
    for sign in day.pressure_signs:
        items[sign] = choose.pick(["decorticate", "decerebrate"]) if sign == "posturing" else "yes"
    return items


def _ice_items(choose: Chooser, score: int) -> dict[str, float | str | None]:
    items: dict[str, float | str | None] = {}
    left = score
    room = sum(ICE_ITEMS.values())
    for item, most in ICE_ITEMS.items():
        room -= most
        points = choose.pick(range(max(0, left - room), min(most, left) + 1))
        items[item] = points
        left -= points
    return items


def _seizure_items(seizure: Seizure) -> dict[str, float | str | None]:
    items: dict[str, float | str | None] = {
        "seizure_type": "clinical" if seizure.is_clinical else "electrographic",
        "seizure_duration_min": seizure.minutes,
        "seizure_repetitive": "yes" if seizure.is_repetitive else "no",
        "seizure_returned_to_baseline": "yes" if seizure.returns_to_baseline else "no",
    }
    if not seizure.is_clinical:
        items["seizure_resolved"] = "yes" if seizure.resolves_with_intervention else "no"
    return items


def _report(choose: Chooser, patient: Patient, wordings: Wordings, rows: Rows) -> None:
    """Every run of days of a domain at grade 1 or more is reported by a row that allows it."""
    for domain in DOMAINS:
        for first, last in _runs(patient, domain):
            inside = range(first, last + 1)
            worst = {name: max(patient.grade(i, name) for i in inside) for name in DOMAINS}
            # Only a row of consciousness alone says of a sleeper that consciousness is depressed.
            sleeps = any(patient.days[i].wakes_to == "spontaneous" for i in inside)
            alone = domain == "consciousness" and sleeps
            fitting = wordings.fitting(patient.is_child, domain, worst, alone)
            assert fitting, f"no wording for {domain} {worst}"
            chosen = choose.pick(fitting)
            number = len(rows["core_adverse_events"]) + 1
            rows["core_adverse_events"].append(
                studies.event(
                    chosen.term,
                    chosen.grade,
                    FIRST_DAY + first,
                    FIRST_DAY + last,
                    subject=patient.identifier,
                    number=number,
                    scale_version=chosen.version,
                )
            )


def _runs(patient: Patient, domain: str) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for index in range(len(patient.days)):
        if patient.grade(index, domain) >= 1:
            if runs and runs[-1][1] == index - 1:
                runs[-1] = (runs[-1][0], index)
            else:
                runs.append((index, index))
    return runs


# --- its holes ---------------------------------------------------------------------------------


def without_days(choose: Chooser, rows: Rows) -> Rows:
    """Some days of some patients are not assessed at all; some patients are not assessed on any day."""
    days: dict[str, set[object]] = defaultdict(set)
    for row in rows["core_assessments"]:
        days[row["subject_id"]].add(row["assessed_earliest"])
    lost = {
        (subject, day)
        for subject, assessed in days.items()
        for how in [choose.pick(["none", "some", "some", "all"])]
        for day in sorted(assessed, key=str)
        if how == "all" or (how == "some" and choose.pick([True, False]))
    }
    kept = [
        row for row in rows["core_assessments"] if (row["subject_id"], row["assessed_earliest"]) not in lost
    ]
    return rows | {"core_assessments": kept}


def without_details(choose: Chooser, rows: Rows) -> Rows:
    """Some rows lose their grade, version, term, onset or end."""
    unknown: dict[str, Row] = {
        "nothing": {},
        "grade": {"grade": None, "grade_status": "missing", "grade_text": None},
        "version": {"scale_version": None},
        "term": {"preferred_term": None},
        "onset": {"start_earliest": None, "start_latest": None, "start_precision": "none"},
        "end": {"end_earliest": None, "end_latest": None, "end_precision": "none"},
    }
    kinds = ["nothing", "nothing", *unknown]
    events = [row | unknown[choose.pick(kinds)] for row in rows["core_adverse_events"]]
    return rows | {"core_adverse_events": events}


def without_arousal(choose: Chooser, rows: Rows) -> Rows:
    """Of some patients nobody recorded what wakes them."""
    subjects = {row["subject_id"]: choose.pick([False, True]) for row in rows["core_subjects"]}
    kept = [r for r in rows["core_assessments"] if r["item"] != "arousal" or subjects[r["subject_id"]]]
    return rows | {"core_assessments": kept}
