"""What one made-up subject and one made-up event are, and how the sponsor's export writes them.

Only shapes and formatting live here: no choice of terms, grades or frequencies, and no randomness.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

NERVOUS = "Nervous system disorders"
PSYCHIATRIC = "Psychiatric disorders"
EYE = "Eye disorders"
MUSCLE = "Musculoskeletal and connective tissue disorders"
GENERAL = "General disorders and administration site conditions"

EVENT_COLUMNS = (
    "SUBJECT_NO", "AE_NO", "EVENT_TERM", "CODED_TERM", "BODY_SYSTEM", "TOX_GRADE", "ONSET_DATE",
    "ONSET_TIME", "STOP_DATE", "ONGOING_YN", "CAUSALITY", "OUTCOME_TEXT", "SERIOUS_YN", "NEUROTOX_YN",
)  # fmt: skip
PATIENT_COLUMNS = (
    "SUBJECT_NO",
    "COHORT",
    "SEX",
    "AGE",
    "AGE_UNIT",
    "DEV_DELAY_YN",
    "DIED_YN",
    "DATE_OF_DEATH",
)
INFUSION_COLUMNS = ("SUBJECT_NO", "INFUSION_NO", "PRODUCT", "INFUSION_DATE", "INFUSION_TIME")
SEDATION_COLUMNS = ("SUBJECT_NO", "SEDATION_START", "SEDATION_STOP")


@dataclass(frozen=True)
class Event:
    """One row of the listing; days count from the first infusion, text is a date as written."""

    verbatim: str
    coded: str
    system: str
    grade: str
    onset: int | str
    stop: int | str = ""
    causality: str = "Probable"
    outcome: str = "Recovered"
    serious: str = "N"
    flag: str = "Y"
    time: str = ""
    ongoing: str = "N"
    is_next_status: bool = False
    """Same event as the row before, after its grade changed."""
    is_unquoted: bool = False
    """A delimiter inside the verbatim term was exported without quotes: the row does not split."""
    has_blank_subject: bool = False


@dataclass(frozen=True)
class Subject:
    """One row of the patient list with everything recorded about the subject."""

    sex: str
    age: str
    events: tuple[Event, ...] = ()
    name: str = ""
    """Short name of a planted fact; empty for a drawn subject."""
    fact: str = ""
    """The planted fact in words; empty for a drawn subject."""
    age_unit: str = "YEARS"
    delay: str = "N"
    cohort: str = "Lymphoma"
    first_infusion: date | None = None
    """Overrides the calendar date that enrolment order gives."""
    infusions: tuple[int | str, ...] = (0,)
    """Days after the first infusion, or a date as written; empty when never infused."""
    infusion_time: str = ""
    sedation: tuple[tuple[int, int], ...] = ()
    death: int | None = None


def written_date(first_infusion: date, day: int | str) -> str:
    """A date as this sponsor writes it, DD-MON-YYYY.

    >>> written_date(date(2016, 2, 27), 3), written_date(date(2016, 2, 27), "UN-MAR-2016")
    ('01-MAR-2016', 'UN-MAR-2016')
    """
    if isinstance(day, str):
        return day
    moment = first_infusion + timedelta(days=day)
    return f"{moment.day:02d}-{MONTHS[moment.month - 1]}-{moment.year}"


def event_rows(
    subject_no: str, first_infusion: date, events: Iterable[Event]
) -> list[tuple[Event, tuple[str, ...]]]:
    """Rows of one subject; AE_NO is the event and, after the dash, its status."""
    rows: list[tuple[Event, tuple[str, ...]]] = []
    number = status = 0
    for event in events:
        number, status = (number, status + 1) if event.is_next_status else (number + 1, 1)
        cells = (
            "" if event.has_blank_subject else subject_no,
            f"{number}-{status}",
            event.verbatim,
            event.coded,
            event.system,
            event.grade,
            written_date(first_infusion, event.onset),
            event.time,
            written_date(first_infusion, event.stop),
            event.ongoing,
            event.causality,
            event.outcome,
            event.serious,
            event.flag,
        )
        rows.append((event, cells))
    return rows


def csv_text(columns: Iterable[str], rows: Iterable[tuple[bool, Iterable[str]]]) -> str:
    """Semicolon-delimited text with CRLF line ends; a row marked True is joined without any quotes."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(columns)
    for is_unquoted, cells in rows:
        if is_unquoted:
            text.write(";".join(cells) + "\r\n")
        else:
            writer.writerow(cells)
    return text.getvalue()
