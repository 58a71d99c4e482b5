"""Write the made-up study CART-DEMO: `python -m warehouse.demo.generate_cart_demo [FOLDER]`.

Every subject, date and event is invented; the frequencies only have the order of magnitude of CD19
CAR-T trials, so that the demo looks like a study, and are no evidence about any product. The draw
uses nothing of `random.Random` but `random()` under an integer seed, the one sequence that Python
promises to keep, so every Python version writes the same bytes; a test compares them with the
shipped files. The manifest `study.yaml` is written by hand and not touched here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from warehouse.demo.bedside import BEDSIDE_COLUMNS, Assessment, bedside_cells, draw_bedside, has_course
from warehouse.demo.dice import Dice
from warehouse.demo.frequencies import CAR_T_NEUROTOXICITY, ROUTINE, UNSPECIFIC, Draw
from warehouse.demo.layout import (
    EVENT_COLUMNS,
    INFUSION_COLUMNS,
    MONTHS,
    NERVOUS,
    PATIENT_COLUMNS,
    PSYCHIATRIC,
    SEDATION_COLUMNS,
    Event,
    Subject,
    csv_text,
    event_rows,
    written_date,
)
from warehouse.demo.planted import PLANTED
from warehouse.demo.planted_bedside import PLANTED_BEDSIDE

SEED = 20180119
BEDSIDE_SEED = 20190225
"""A sequence of its own: a change to the bedside table moves no cell of the other files."""
BEDSIDE_CHANCE = 0.4
"""Share of the drawn subjects with events of cognition or consciousness whose site kept a bedside table."""
SUBJECTS = 120
FIRST_ENROLMENT = date(2015, 3, 2)
DAYS_BETWEEN_ENROLMENTS = 4
SITES = 4
"""Sites 01 and 02 write UK English, 03 and 04 US English; site 03 writes 'Grade 2' instead of '2'."""

SHIPPED = Path(__file__).resolve().parents[1] / "landing" / "CART-DEMO"


def draw_event(dice: Dice, draw: Draw, site: int) -> list[Event]:
    """One event, in status rows where it is severe and lasts; grade text follows the habit of the site."""
    grade = 1 + dice.weighted(draw.grades)
    onset = dice.between(*draw.onset)
    days = dice.between(*draw.days)
    event = Event(
        verbatim=dice.pick(draw.verbatim),
        coded=draw.coded[0 if site <= 2 else 1],
        system=draw.system,
        grade=str(grade),
        onset=onset,
        stop=onset + days,
        causality=("Definite", "Probable", "Possible", "Unlikely", "Not related", "")[
            dice.weighted((20, 42, 24, 5, 7, 2))
        ],
        outcome=("Recovered", "Recovered with sequelae", "Recovering")[dice.weighted((92, 4, 4))],
        serious="Y" if grade >= 3 and draw.system in (NERVOUS, PSYCHIATRIC) else "N",
        flag="Y" if draw.is_neurotoxicity else "N",
    )
    rows = [event]
    if grade >= 3 and days >= 4 and draw.coded[0] == "Encephalopathy":
        rows = [
            replace(event, grade=str(grade - 1), stop=onset + 1, serious="N", outcome="Not recovered"),
            replace(event, onset=onset + 1, stop=onset + days - 1, outcome="Recovering", is_next_status=True),
            replace(event, grade=str(grade - 2), onset=onset + days - 1, serious="N", is_next_status=True),
        ]
    if site == 3:
        rows = [replace(row, grade=f"Grade {row.grade}") for row in rows]
    return rows


def _without_days(first_infusion: date, event: Event) -> Event:
    """The event with the day of its onset unknown."""
    assert isinstance(event.onset, int)
    moment = first_infusion + timedelta(days=event.onset)
    return replace(event, onset=f"UN-{MONTHS[moment.month - 1]}-{moment.year}")


def draw_subject(dice: Dice, first_infusion: date, site: int) -> Subject:
    """An adult with what a CAR-T trial would record; about three in five have neurotoxicity."""
    has_neurotoxicity = dice.happens(0.6)
    events: list[Event] = []
    for draw in (*(CAR_T_NEUROTOXICITY if has_neurotoxicity else ()), *UNSPECIFIC):
        if dice.happens(draw.chance):
            drawn = draw_event(dice, draw, site)
            if len(drawn) == 1 and dice.happens(0.04):
                drawn = [_without_days(first_infusion, drawn[0])]
            events += drawn
    return Subject(
        sex=dice.pick(("F", "M")),
        age=str(dice.between(24, 77)),
        events=tuple(events),
        death=dice.between(70, 300) if dice.happens(0.2) else None,
    )


def subject_numbers() -> dict[str, str]:
    """Subject number of each planted fact, by its short name.

    >>> subject_numbers()["seizure_goes_up"]
    '04-001'
    """
    return {subject.name: _number(index) for index, subject in enumerate(PLANTED)}


def _number(index: int) -> str:
    return f"{index % SITES + 1:02d}-{index // SITES + 1:03d}"


def generate() -> dict[str, bytes]:
    """File name to content, all of the study but its manifest."""
    dice = Dice(SEED)
    study: list[tuple[str, date, Subject]] = []
    for index in range(SUBJECTS):
        site = index % SITES + 1
        first_infusion = FIRST_ENROLMENT + timedelta(days=DAYS_BETWEEN_ENROLMENTS * index)
        if index < len(PLANTED):
            subject = PLANTED[index]
            first_infusion = subject.first_infusion or first_infusion
        else:
            subject = draw_subject(dice, first_infusion, site)
        routine = [
            event for draw in ROUTINE if dice.happens(draw.chance) for event in draw_event(dice, draw, site)
        ]
        if subject.infusions:
            subject = replace(subject, events=(*subject.events, *_until_death(routine, subject.death)))
        study.append((_number(index), first_infusion, subject))
    study.sort(key=lambda entry: entry[0])
    return {
        "adverse_events.csv": _events(study).encode("cp1252"),
        "patients.csv": _patients(study).encode(),
        "infusions.csv": _infusions(study).encode(),
        "sedation.csv": _sedation(study).encode(),
        "ice_scores.csv": _bedside(study).encode(),
        "README.md": _readme().encode(),
    }


def _until_death(events: list[Event], death: int | None) -> list[Event]:
    """Drawn events of a subject, none of them after the day of death."""
    if death is None:
        return events
    alive = [event for event in events if isinstance(event.onset, int) and event.onset <= death]
    return [
        replace(event, stop=death, outcome="Not recovered")
        if isinstance(event.stop, int) and event.stop > death
        else event
        for event in alive
    ]


def _events(study: list[tuple[str, date, Subject]]) -> str:
    rows = [row for number, start, subject in study for row in event_rows(number, start, subject.events)]
    return csv_text(EVENT_COLUMNS, ((event.is_unquoted, cells) for event, cells in rows))


def _patients(study: list[tuple[str, date, Subject]]) -> str:
    return csv_text(
        PATIENT_COLUMNS,
        (
            (
                False,
                (
                    number, subject.cohort, subject.sex, subject.age, subject.age_unit, subject.delay,
                    "N" if subject.death is None else "Y",
                    "" if subject.death is None else written_date(start, subject.death),
                ),
            )
            for number, start, subject in study
        ),
    )  # fmt: skip


def _infusions(study: list[tuple[str, date, Subject]]) -> str:
    return csv_text(
        INFUSION_COLUMNS,
        (
            (False, (number, str(count), "DEMO-CAR-19", written_date(start, day), subject.infusion_time))
            for number, start, subject in study
            for count, day in enumerate(subject.infusions, start=1)
        ),
    )


def _sedation(study: list[tuple[str, date, Subject]]) -> str:
    return csv_text(
        SEDATION_COLUMNS,
        (
            (False, (number, written_date(start, first), written_date(start, last)))
            for number, start, subject in study
            for first, last in subject.sedation
        ),
    )


def _bedside(study: list[tuple[str, date, Subject]]) -> str:
    dice = Dice(BEDSIDE_SEED)
    planted = {fact.subject: fact.rows for fact in PLANTED_BEDSIDE}
    cells: list[tuple[str, ...]] = []
    for number, start, subject in study:
        rows: Sequence[Assessment] = planted.get(number, ())
        if not rows and not subject.name and has_course(subject) and dice.happens(BEDSIDE_CHANCE):
            rows = draw_bedside(dice, subject, int(number[:2]))
        cells += [bedside_cells(number, written_date(start, row.day), row) for row in rows]
    return csv_text(BEDSIDE_COLUMNS, ((False, row) for row in cells))


def _readme() -> str:
    numbers = subject_numbers()
    facts = "\n".join(f"| {numbers[subject.name]} | {subject.fact} |" for subject in PLANTED)
    bedside = "\n".join(f"| {fact.subject} | {fact.fact} |" for fact in PLANTED_BEDSIDE)
    return f"""# CART-DEMO

A made-up legacy CAR-T study in the column layout of an imaginary sponsor: {SUBJECTS} subjects, CTCAE 4.03,
any seizure graded 3 by convention. No real patient, site or product stands behind any row, and the
frequencies are no evidence about any therapy. `python -m warehouse.demo.generate_cart_demo` writes
every file here but `study.yaml`, byte for byte. Free to use under the licence of this repository.

Coded terms are CTCAE 4.03 names and plain words; there is no MedDRA content.

| subject | planted fact |
|---|---|
{facts}

`ice_scores.csv` holds bedside assessments of about a third of the subjects with neurotoxicity: ICE by item
or as a total, CAPD of children, what wakes the patient. Drawn ones fit the events beside them; these do
something of their own:

| subject | planted assessment |
|---|---|
{bedside}
"""


def main(arguments: Sequence[str]) -> None:
    """Write the study to the folder given, or to where it ships."""
    folder = Path(arguments[0]) if arguments else SHIPPED
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in generate().items():
        (folder / name).write_bytes(content)
    print(f"wrote CART-DEMO to {folder}")


if __name__ == "__main__":
    main(sys.argv[1:])
