"""The subjects of the demo study that carry a planted fact, each asserted by an end-to-end test.

All of it is made up. A fact says what is recorded and which rule of the grading it shows; what the
pipeline must conclude stands in `tests/end_to_end/test_shipped_studies.py`, not here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from warehouse.demo.layout import EYE, GENERAL, MUSCLE, NERVOUS, PSYCHIATRIC, Event, Subject


def _nervous(verbatim: str, coded: str, grade: str, onset: int | str, stop: int | str = "") -> Event:
    return Event(verbatim, coded, NERVOUS, grade, onset, stop)


def _psychiatric(verbatim: str, coded: str, grade: str, onset: int | str, stop: int | str = "") -> Event:
    return Event(verbatim, coded, PSYCHIATRIC, grade, onset, stop)


def _next(event: Event) -> Event:
    return replace(event, is_next_status=True)


def _quiet(event: Event) -> Event:
    """Not in the sponsor's own list of neurotoxicity."""
    return replace(event, flag="N")


PLANTED: tuple[Subject, ...] = (
    Subject(
        "F", "61", name="headache_to_zero", fact="Headache grade 3 is the only nervous-system event",
        events=(_quiet(_nervous("severe headache", "Headache", "3", 3, 7)),),
    ),
    Subject(
        "M", "58", name="tremor_to_zero", fact="Tremor grade 3 and nothing else",
        events=(_nervous("coarse tremor both hands", "Tremor", "3", 5, 9),),
    ),
    Subject(
        "F", "66", name="anxiety_to_zero", fact="Anxiety grade 2 with insomnia grade 2 and dizziness grade 1",
        events=(
            _quiet(_psychiatric("anxious", "Anxiety", "2", 2, 12)),
            _quiet(_psychiatric("poor sleep", "Insomnia", "2", 2, 12)),
            _quiet(_nervous("light-headed", "Dizziness", "1", 4, 6)),
        ),
    ),
    Subject(
        "M", "49", name="seizure_goes_up", fact="Seizure recorded as grade 2, outside the grade 3 convention",
        events=(
            _nervous("single generalised fit, 90 seconds", "Generalised tonic-clonic seizure", "2", 6, 6),
        ),
    ),
    Subject(
        "F", "54", name="seizure_by_convention", fact="Seizure recorded as grade 3 by the study convention",
        events=(_nervous("witnessed seizure", "Generalized tonic-clonic seizure", "3", 7, 7),),
    ),
    Subject(
        "M", "63", name="papilloedema", fact="Papilloedema grade 1, filed under Eye disorders",
        events=(Event("mild bilateral papilloedema on fundoscopy", "Papilloedema", EYE, "1", 8, 15),),
    ),
    Subject(
        "M", "70", name="fatal_haemorrhage", fact="Fatal intracranial haemorrhage, grade 5", death=14,
        events=(
            replace(
                _nervous("massive intracerebral bleed", "Intracranial haemorrhage", "5", 13, 14),
                causality="Unlikely", outcome="Fatal", serious="Y",
            ),
        ),
    ),
    Subject(
        "F", "68", name="haemorrhage_overlap",
        fact="Encephalopathy grade 3 while an intracranial hemorrhage grade 3 is recorded",
        events=(
            _nervous("subdural bleed on CT", "Intracranial hemorrhage", "3", 9, 20),
            replace(_nervous("encephalopathic", "Encephalopathy", "3", 10, 14), serious="Y"),
        ),
    ),
    Subject(
        "M", "59", name="oedema_over_haemorrhage",
        fact="Cerebral oedema grade 4 over an intracranial haemorrhage",
        events=(
            _nervous("parenchymal haemorrhage", "Intracranial haemorrhage", "4", 11, 25),
            replace(_nervous("oedema around the bleed", "Oedema cerebral", "4", 11, 25), serious="Y"),
        ),
    ),
    Subject(
        "F", "57", name="status_rows", fact="One encephalopathy in four status rows, grades 1, 2, 3, 2",
        events=(
            _nervous("encephalopathy", "Encephalopathy", "1", 4, 5),
            _next(_nervous("encephalopathy", "Encephalopathy", "2", 5, 6)),
            _next(replace(_nervous("encephalopathy", "Encephalopathy", "3", 6, 9), serious="Y")),
            _next(_nervous("encephalopathy", "Encephalopathy", "2", 9, 12)),
        ),
    ),
    Subject(
        "M", "62", name="aphasia_with_encephalopathy",
        fact="Encephalopathy grade 2 and dysphasia grade 3 on the same days",
        events=(
            _nervous("slow and drowsy", "Encephalopathy", "2", 5, 9),
            _nervous("cannot find words", "Dysphasia", "3", 5, 8),
        ),
    ),
    Subject(
        "F", "64", name="before_infusion", fact="Confusion grade 2 that ended before the infusion",
        events=(
            replace(_psychiatric("confused on opioids", "Confusion", "2", -4, -2), causality="Not related"),
        ),
    ),
    Subject(
        "M", "67", name="onset_on_infusion_day",
        fact="Encephalopathy grade 3 with onset on the infusion day, no times",
        events=(_nervous("encephalopathy", "Encephalopathy", "3", 0, 2),),
    ),
    Subject(
        "F", "60", name="onset_after_infusion_hour", infusion_time="10:30",
        fact="Encephalopathy grade 3 five hours after the infusion, both times recorded",
        events=(replace(_nervous("encephalopathy", "Encephalopathy", "3", 0, 2), time="15:45"),),
    ),
    Subject(
        "M", "52", name="second_infusion", infusions=(0, 126),
        fact="Encephalopathy grade 2 after the first infusion, seizure grade 1 after the second",
        events=(
            _nervous("encephalopathy", "Encephalopathy", "2", 6, 10),
            _nervous("brief focal seizure", "Focal seizure", "1", 131, 131),
        ),
    ),
    Subject(
        "F", "55", name="second_infusion_quiet", infusions=(0, 98),
        fact="Two infusions; somnolence grade 2 after the first only",
        events=(_nervous("sleepy, wakes to voice", "Somnolence", "2", 3, 6),),
    ),
    Subject(
        "M", "65", name="onset_between_infusions", first_infusion=date(2015, 10, 20),
        infusions=(0, "17-NOV-2015"),
        fact="Confusion grade 2 in an unknown day of November 2015, second infusion on 17 November",
        events=(_psychiatric("confused", "Confusion", "2", "UN-NOV-2015", "05-DEC-2015"),),
    ),
    Subject(
        "F", "71", name="not_related", fact="Encephalopathy grade 3 that the investigator calls not related",
        events=(
            replace(_nervous("septic and confused", "Encephalopathy", "3", 12, 16), causality="Not related"),
        ),
    ),
    Subject(
        "M", "56", name="unlikely_related",
        fact="Confusion grade 2 that the investigator calls unlikely related",
        events=(replace(_psychiatric("confusion", "Confusion", "2", 9, 11), causality="Unlikely"),),
    ),
    Subject(
        "F", "7", name="child_agitation", cohort="Leukaemia", fact="Child of 7 years with agitation grade 2",
        events=(_psychiatric("agitated", "Agitation", "2", 5, 7),),
    ),
    Subject(
        "M", "100", name="child_encephalopathy", cohort="Leukaemia", age_unit="MONTHS",
        fact="Child of 100 months with encephalopathy grade 1",
        events=(_nervous("encephalopathy", "Encephalopathy", "1", 4, 8),),
    ),
    Subject(
        "F", "15", name="developmental_delay", cohort="Leukaemia", delay="Y",
        fact="Aged 15 with developmental delay, restlessness grade 1",
        events=(_psychiatric("restless", "Restlessness", "1", 4, 6),),
    ),
    Subject(
        "M", "69", name="ongoing", fact="Somnolence grade 2 ongoing at the data cut",
        events=(
            replace(
                _nervous("somnolence", "Somnolence", "2", 10),
                ongoing="Y", outcome="Not recovered", causality="Possible"
            ),
        ),
    ),
    Subject(
        "F", "73", name="death_from_sepsis", death=24,
        fact="Death from sepsis, grade 5, and headache grade 1",
        events=(
            Event(
                "septic shock", "Sepsis", "Infections and infestations", "5", 20, 24,
                causality="Not related", outcome="Fatal", serious="Y", flag="N",
            ),
            _quiet(_nervous("headache", "Headache", "1", 2, 3)),
        ),
    ),
    Subject(
        "M", "60", name="unmapped_term",
        fact="Staring spell grade 1: a nervous-system term nobody has mapped",
        events=(_nervous("staring spell", "Staring spell", "1", 7, 7),),
    ),
    Subject(
        "F", "59", name="month_inside_window", first_infusion=date(2016, 3, 31),
        fact="Dysphasia grade 2 on an unknown day of April, infusion on 31 March: inside on every reading",
        events=(_nervous("dysphasia", "Dysphasia", "2", "UN-APR-2016", "12-MAY-2016"),),
    ),
    Subject(
        "M", "62", name="month_partly_in_window", first_infusion=date(2016, 5, 10),
        fact="Encephalopathy grade 3 on an unknown day of May, infusion on 10 May",
        events=(_nervous("encephalopathy", "Encephalopathy", "3", "UN-MAY-2016", "02-JUN-2016"),),
    ),
    Subject(
        "F", "63", name="year_only", fact="Confusion grade 2 of which only the year is known",
        first_infusion=date(2015, 6, 15),
        events=(_psychiatric("confusion", "Confusion", "2", "UN-UNK-2015", ""),),
    ),
    Subject(
        "M", "66", name="late_onset", fact="Encephalopathy grade 2 on day 45: late for 30 days, inside 56",
        events=(_nervous("encephalopathy", "Encephalopathy", "2", 45, 50),),
    ),
    Subject(
        "F", "58", name="grade_missing", fact="Confusion without a grade in a subject known to be alive",
        events=(_psychiatric("confusion", "Confusion", "", 6, 8),),
    ),
    Subject(
        "M", "64", name="grade_not_defined", fact="Dysphasia grade 4, which CTCAE 4.03 does not define",
        events=(_nervous("mute, awake", "Dysphasia", "4", 6, 9),),
    ),
    Subject(
        "F", "65", name="sedated", sedation=((7, 13),),
        fact="Encephalopathy grade 4 under sedation on every day",
        events=(
            replace(_nervous("intubated, encephalopathy", "Encephalopathy", "4", 8, 12), serious="Y"),
        ),
    ),
    Subject(
        "M", "57", name="no_infusion_date", infusions=("",),
        fact="An infusion is recorded without its date; confusion grade 2",
        events=(_psychiatric("confusion", "Confusion", "2", 6, 8),),
    ),
    Subject("F", "62", name="not_infused", infusions=(), fact="Enrolled and never infused"),
    Subject(
        "M", "61", name="generic_neurotoxicity", fact="The bare term neurotoxicity, grade 2",
        events=(_nervous("neurotoxicity", "Neurotoxicity", "2", 5, 9),),
    ),
    Subject(
        "F", "56", name="grade_zero", fact="A row of grade 0: the listing says that there was no event",
        events=(_nervous("encephalopathy - none", "Encephalopathy", "0", 7, 7),),
    ),
    Subject(
        "M", "63", name="dead_but_alive", fact="Encephalopathy grade 5 in a subject recorded as alive",
        events=(_nervous("encephalopathy", "Encephalopathy", "5", 8, 12),),
    ),
    Subject(
        "F", "60", name="hemiparesis", fact="Hemiparesis grade 3",
        events=(replace(_nervous("right hemiparesis", "Hemiparesis", "3", 9, 16), serious="Y"),),
    ),
    Subject(
        "M", "68", name="left_sided_weakness",
        fact="Muscle weakness left-sided grade 3, filed under Musculoskeletal",
        events=(Event("weak left arm and leg", "Muscle weakness left-sided", MUSCLE, "3", 9, 14),),
    ),
    Subject(
        "F", "64", name="half_grade", fact="Rejected row: confusion with the half grade 2.5",
        events=(_psychiatric("confusion", "Confusion", "2.5", 6, 8),),
    ),
    Subject(
        "M", "59", name="broken_row", fact="Rejected row: an unquoted semicolon in the verbatim term",
        events=(
            replace(_quiet(_nervous("headache; photophobia", "Headache", "1", 2, 3)), is_unquoted=True),
            Event("feverish", "Pyrexia", GENERAL, "1", 1, 2, flag="N"),
        ),
    ),
    Subject(
        "F", "67", name="row_without_subject", fact="Rejected row: an event whose subject number is blank",
        events=(replace(_psychiatric("confusion", "Confusion", "3", 6, 9), has_blank_subject=True),),
    ),
)  # fmt: skip
"""In enrolment order; drawn subjects follow."""
