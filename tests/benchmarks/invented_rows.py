"""Invented SDTM rows in the proportions of an oncology trial's safety data, from a seed.

What may live here: one block of subjects with their AE, DM and EX rows, as lists of cells. What may not:
files, copies of the block (`generator`), anything that grades. Every word is invented or from CTCAE as NCI
publishes it with its codes; the high-level columns hold placeholders such as HLT_0617, as the CDISC pilot
data do.

About 100 adverse-event rows per subject, in the order of subjects and sequence: one in twenty neurological,
one in seven the next status of the row before it (same term, another grade, begins where that ended), one
date in fourteen partial, one in eight with a time of day, verbatim terms as people type them, a few terms
nobody has coded, and one row in a hundred with a cell nobody can read, a date that does not exist, a blank,
a row exported twice or two rows under one number.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from mappings.release import Release

Columns = dict[str, list[Any]]
Term = tuple[str, str, int]
"""CTCAE term, its class, its published code."""

ROWS_PER_SUBJECT: Final = 100
DAYS_PER_COURSE: Final = 400
FIRST_DAY: Final = datetime(2017, 1, 2)
CUT_OFF: Final = datetime(2020, 12, 31)
PRODUCT: Final = "BENCH-CAR"
NEURO_SHARE: Final = 0.05
STATUS_SHARE: Final = 1 / 7
_NEURO_CLASSES: Final = ("Nervous system disorders", "Psychiatric disorders")
_NEURO_FIRST: Final = (
    *(
        "Headache",
        "Encephalopathy",
        "Tremor",
        "Confusion",
        "Dysphasia",
        "Dizziness",
        "Somnolence",
        "Delirium",
    ),
    *("Agitation", "Insomnia", "Cognitive disturbance", "Memory impairment", "Lethargy", "Seizure", "Ataxia"),
)
_OTHER_FIRST: Final = (
    *("Cytokine release syndrome", "Neutrophil count decreased", "Anemia", "Platelet count decreased"),
    *(
        "White blood cell decreased",
        "Fever",
        "Hypotension",
        "Fatigue",
        "Nausea",
        "Lymphocyte count decreased",
    ),
    *("Hypokalemia", "Diarrhea", "Hypophosphatemia", "Sinus tachycardia", "Hypogammaglobulinemia", "Chills"),
    *("Constipation", "Vomiting", "Anorexia", "Alanine aminotransferase increased", "Hypoxia", "Cough"),
    *("Back pain", "Arthralgia", "Myalgia", "Lung infection", "Febrile neutropenia", "Hypertension"),
)
_UNCODED: Final = ("FEELING STRANGE", "not himself today", "Word finding trouble", "staring spells", "FOGGY")
_MODIFIERS: Final = (
    "worsening {}",
    "{} (intermittent)",
    "{} - ongoing",
    "{}, grade change",
    "mild {}",
    "{} NOS",
)
_SEVERITIES: Final = {"1": "MILD", "2": "MODERATE", "3": "SEVERE", "4": "SEVERE", "5": "SEVERE"}
_BAD_GRADES: Final = ("2-3", "?", "see comment", "II", "9", "GRADE", "2.5", "1/2")
_BAD_DATES: Final = ("2018-02-30", "2019-13-04", "18-07", "20190", "not done yet", "2018-04-31", "03/04/2018")
_FLAGS: Final = ("AESCONG", "AESDISAB", "AESHOSP", "AESLIFE", "AESMIE")
_TEXTS: Final = (
    *("STUDYID", "DOMAIN", "USUBJID", "AESPID", "AETERM", "AELLT", "AEDECOD", "AEHLT", "AEHLGT"),
    *("AEBODSYS", "AESOC", "AESEV", "AETOXGR", "AESER", "AESDTH", *_FLAGS, "AEACN", "AEREL", "AEOUT"),
    *("EPOCH", "AESTDTC", "AEENDTC"),
)
_NUMBERS: Final = ("AESEQ", "AELLTCD", "AEPTCD", "AESTDY", "AEENDY", "VISITNUM")
AE_SCHEMA: Final = {
    name: pl.Int64() if name in _NUMBERS else pl.String()
    for name in (
        *(
            "STUDYID",
            "DOMAIN",
            "USUBJID",
            "AESEQ",
            "AESPID",
            "AETERM",
            "AELLT",
            "AELLTCD",
            "AEDECOD",
            "AEPTCD",
        ),
        *("AEHLT", "AEHLGT", "AEBODSYS", "AESOC", "AESEV", "AETOXGR", "AESER", "AESDTH", *_FLAGS, "AEACN"),
        *("AEREL", "AEOUT", "VISITNUM", "EPOCH", "AESTDTC", "AEENDTC", "AESTDY", "AEENDY"),
    )
}


class Block:
    """Subjects with their rows; `events`, `subjects` and `exposure` hold columns of cells."""

    def __init__(self, seed: int, subjects: int, release: Release) -> None:
        self._source = random.Random(seed)
        self._neuro, self._other = _terms(release, self._source)
        self._weights = {len(pool): _falling(len(pool)) for pool in (self._neuro, self._other)}
        self.events: Columns = {name: [] for name in AE_SCHEMA}
        self.subjects: Columns = {name: [] for name in _DM}
        self.exposure: Columns = {name: [] for name in _EX}
        for number in range(subjects):
            self._add_subject(f"B0000-{number:04d}")
        _spoil(self.events, self._source)

    def _add_subject(self, subject: str) -> None:
        source = self._source
        treated = FIRST_DAY + timedelta(days=source.randrange(700))
        rows = source.randint(ROWS_PER_SUBJECT - 30, ROWS_PER_SUBJECT + 30)
        died = treated + timedelta(days=source.randint(5, DAYS_PER_COURSE)) if source.random() < 0.1 else None
        age = source.choices([source.randint(18, 82), source.randint(3, 17), None], [88, 10, 2])[0]
        flag = "Y" if died else source.choices(["N", None], [1, 1])[0]
        identity = ("BENCH", "DM", subject, subject[-4:], _iso(treated), flag, _iso(died) if died else None)
        _append(self.subjects, (*identity, age, "YEARS", source.choice("FM"), "CAR-T", "CAR-T"))
        seen = treated + timedelta(minutes=source.randrange(480, 1200)) if source.random() < 0.2 else None
        dose = _iso(seen, clock=True) if seen else _iso(treated)
        _append(
            self.exposure, ("BENCH", "EX", subject, 1, PRODUCT, 1.5, "10^6 cells/kg", "INTRAVENOUS", dose)
        )
        self._add_events(subject, treated, died, rows)

    def _add_events(self, subject: str, treated: datetime, died: datetime | None, rows: int) -> None:
        source = self._source
        onsets = sorted(int(source.triangular(-14, DAYS_PER_COURSE, 8)) for _ in range(rows))
        last: tuple[Term, str, int, int] | None = None
        for number, drawn in enumerate(onsets, start=1):
            if last is not None and source.random() < STATUS_SHARE:
                term, place, step, onset = last[0], last[1], last[2] + 1, last[3]
            else:
                is_neuro = source.random() < NEURO_SHARE
                pool = self._neuro if is_neuro else self._other
                term = source.choices(pool, cum_weights=self._weights[len(pool)])[0]
                place, step, onset = f"E{number:02d}", 1, drawn
            length = int(source.expovariate(0.12))
            self._add_event(subject, treated, died, number, f"{place}-{step}", term, onset, length)
            last = (term, place, step, onset + length)

    def _add_event(
        self,
        subject: str,
        treated: datetime,
        died: datetime | None,
        number: int,
        place: str,
        term: Term,
        onset: int,
        length: int,
    ) -> None:
        source = self._source
        name, body_system, code = term
        grade = source.choices("12345", [40, 30, 20, 9, 1])[0]
        is_fatal = grade == "5" and died is not None
        grade = grade if grade != "5" or is_fatal else "4"
        start, end = treated + timedelta(days=onset), treated + timedelta(days=onset + length)
        is_open = source.random() < 0.1 or end > CUT_OFF
        is_serious = grade in "45" or source.random() < 0.08
        uncoded = body_system in _NEURO_CLASSES and source.random() < 0.01
        coded = None if uncoded else name
        outcome = "FATAL" if is_fatal else "NOT RECOVERED/NOT RESOLVED" if is_open else "RECOVERED/RESOLVED"
        upper = body_system.upper()
        high = sum(map(ord, name)) % 900
        cells = {
            "STUDYID": "BENCH",
            "DOMAIN": "AE",
            "USUBJID": subject,
            "AESEQ": number,
            "AESPID": place,
            "AETERM": source.choice(_UNCODED) if uncoded else _typed(source, name),
            "AELLT": coded,
            "AELLTCD": None if uncoded else code,
            "AEDECOD": coded,
            "AEPTCD": None if uncoded else code,
            "AEHLT": None if uncoded else f"HLT_{high:04d}",
            "AEHLGT": None if uncoded else f"HLGT_{high // 4:04d}",
            "AEBODSYS": None if uncoded else upper,
            "AESOC": None if uncoded else upper,
            "AESEV": _SEVERITIES[grade],
            "AETOXGR": grade,
            "AESER": "Y" if is_serious else "N",
            "AESDTH": "Y" if is_fatal else "N",
            **{flag: "Y" if is_serious and source.random() < 0.2 else "N" for flag in _FLAGS},
            "AEACN": source.choices(["NOT APPLICABLE", "DOSE NOT CHANGED", None], [7, 2, 1])[0],
            "AEREL": source.choices(
                [None, "RELATED", "NOT RELATED", "POSSIBLE", "UNLIKELY"], [8, 30, 45, 12, 5]
            )[0],
            "AEOUT": outcome if source.random() < 0.98 else None,
            "VISITNUM": max(onset // 7, 0) + 1,
            "EPOCH": "SCREENING" if onset < 0 else "TREATMENT" if onset < 31 else "FOLLOW-UP",
            "AESTDTC": _written(source, start),
            "AEENDTC": None if is_open and not is_fatal else _written(source, end),
            "AESTDY": onset + 1 if onset >= 0 else onset,
            "AEENDY": None if is_open else onset + length + (onset + length >= 0),
        }
        for column, cell in cells.items():
            self.events[column].append(cell)


_DM: Final = {
    **dict.fromkeys(("STUDYID", "DOMAIN", "USUBJID", "SUBJID", "RFSTDTC", "DTHFL", "DTHDTC"), pl.String()),
    "AGE": pl.Int64(),
    **dict.fromkeys(("AGEU", "SEX", "ARM", "ACTARM"), pl.String()),
}
_EX: Final = {
    **dict.fromkeys(("STUDYID", "DOMAIN", "USUBJID"), pl.String()),
    "EXSEQ": pl.Int64(),
    "EXTRT": pl.String(),
    "EXDOSE": pl.Float64(),
    **dict.fromkeys(("EXDOSU", "EXROUTE", "EXSTDTC"), pl.String()),
}
SCHEMAS: Final = {"ae": AE_SCHEMA, "dm": _DM, "ex": _EX}


def _append(columns: Columns, cells: tuple[Any, ...]) -> None:
    for column, cell in zip(columns.values(), cells, strict=True):
        column.append(cell)


def _terms(release: Release, source: random.Random) -> tuple[list[Term], list[Term]]:
    """Neurological and other terms of CTCAE 5.0, the most frequent first."""
    listed = release.tables["map_vocabulary"].filter(
        (pl.col("scale_version") == "5.0") & ~pl.col("term").str.contains("Other, specify")
    )
    terms = sorted(
        (name, group, int(code))
        for name, group, code in listed.select("term", "class_name", "code").iter_rows()
    )
    source.shuffle(terms)
    neuro = [term for term in terms if term[1] in _NEURO_CLASSES]
    other = [term for term in terms if term[1] not in _NEURO_CLASSES]
    for pool, first in ((neuro, _NEURO_FIRST), (other, _OTHER_FIRST)):
        pool.sort(key=lambda term, first=first: first.index(term[0]) if term[0] in first else len(first))  # type: ignore[misc]
    return neuro, other


def _falling(length: int) -> list[float]:
    """Cumulated weights 1, 1/2, 1/3, ..."""
    total, sums = 0.0, []
    for place in range(1, length + 1):
        total += 1 / place
        sums.append(total)
    return sums


def _iso(day: datetime, *, clock: bool = False) -> str:
    return day.strftime("%Y-%m-%dT%H:%M" if clock else "%Y-%m-%d")


def _written(source: random.Random, day: datetime) -> str | None:
    """The date as a site writes it: whole, with a time, of the month, of the year, or not at all."""
    shape = source.choices(["day", "time", "month", "year", "hole", "none"], [81, 12, 4, 1, 0.5, 1.5])[0]
    if shape == "time":
        return _iso(day + timedelta(minutes=source.randrange(1440)), clock=True)
    if shape == "hole":
        return day.strftime("%Y---%d")
    return None if shape == "none" else _iso(day)[: {"day": 10, "month": 7, "year": 4}[shape]]


def _typed(source: random.Random, name: str) -> str:
    """A term as somebody types it."""
    shape = source.choices(
        ["upper", "as listed", "lower", "blanks", "slip", "modified"], [45, 25, 14, 4, 6, 6]
    )[0]
    if shape == "upper":
        return name.upper()
    if shape == "lower":
        return name.lower()
    if shape == "blanks":
        return f" {name}  "
    if shape == "slip":
        at = source.randrange(len(name))
        return (name[:at] + name[at + 1 :]).upper()
    return source.choice(_MODIFIERS).format(name.lower()) if shape == "modified" else name


def _spoil(events: Columns, source: random.Random) -> None:
    """One row in a hundred gets a cell or a row that somebody got wrong."""
    rows = len(events["USUBJID"])
    for row in source.sample(range(1, rows), k=rows // 100):
        kind = source.choices(
            ["grade", "date", "end", "blank", "twice", "number", "owner"], [40, 20, 10, 20, 4, 4, 2]
        )[0]
        if kind == "grade":
            events["AETOXGR"][row] = source.choice(_BAD_GRADES)
        elif kind in ("date", "end"):
            events["AESTDTC" if kind == "date" else "AEENDTC"][row] = source.choice(_BAD_DATES)
        elif kind == "blank":
            for name in source.sample(["AETOXGR", "AEDECOD", "AEBODSYS", "AEOUT", "AESTDTC"], k=2):
                events[name][row] = None if source.random() < 0.5 else "  "
        elif kind == "owner":
            events["USUBJID"][row] = None
        elif events["USUBJID"][row] == events["USUBJID"][row - 1]:
            for name in events if kind == "twice" else ("AESEQ",):
                events[name][row] = events[name][row - 1]
