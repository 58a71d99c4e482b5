"""One set of assessments, delivered in three forms: wide text files, a long text file, SDTM QS as XPT.

Only the facts and how each form writes them may live here; what they mean is in the tests beside this
file. `python -m tests.golden.assessment_forms` writes the files of the three golden studies anew; a test
compares them with what is committed.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl
import pyreadstat

GOLDEN: Final = Path(__file__).parent
Cells = dict[str, str]


class Moment(NamedTuple):
    """What one form page holds: the page, the subject, the time, the items, and why items are missing."""

    page: str
    subject: str
    at: datetime
    items: Mapping[str, str]
    reason: str = ""
    sedated: str = ""


ICE_PAGE: Final = {
    "ice_year": "ICE_YEAR",
    "ice_month": "ICE_MONTH",
    "ice_city": "ICE_CITY",
    "ice_hospital": "ICE_HOSPITAL",
    "ice_naming": "ICE_NAMING",
    "ice_command": "ICE_COMMAND",
    "ice_writing": "ICE_WRITING",
    "ice_attention": "ICE_COUNTDOWN",
    "ice_total": "ICE_SCORE",
    "arousal": "WAKES_TO",
}
NEURO_PAGE: Final = {
    "capd_total": "CAPD",
    "seizure": "SEIZURE",
    "seizure_type": "SEIZURE_KIND",
    "seizure_duration_min": "SEIZURE_LASTED",
    "seizure_returned_to_baseline": "BACK_TO_BASELINE",
    "imaging_oedema": "OEDEMA_ON_MRI",
    "papilloedema": "PAPILLOEDEMA",
    "astct_grade": "ICANS_GRADE",
}
PAGES: Final = {"ice.csv": ICE_PAGE, "neuro.csv": NEURO_PAGE}
CODES: Final = {
    "ice_year": "ICE01",
    "ice_month": "ICE02",
    "ice_city": "ICE03",
    "ice_hospital": "ICE04",
    "ice_naming": "ICE05",
    "ice_command": "ICE06",
    "ice_writing": "ICE07",
    "ice_attention": "ICE08",
    "ice_total": "ICE0T",
    "arousal": "AROUSE",
    "capd_total": "CAPDT",
    "seizure": "SZYN",
    "seizure_type": "SZTYPE",
    "seizure_duration_min": "SZDUR",
    "seizure_returned_to_baseline": "SZBACK",
    "imaging_oedema": "MRIOED",
    "papilloedema": "PAPIL",
    "astct_grade": "ICANSGR",
}
AROUSAL_LETTERS: Final = {
    "Alert": "AL",
    "Awakens to voice": "VO",
    "Awakens to tactile stimulus": "TA",
    "Unarousable": "UN",
}
"""How the long table abbreviates what wakes the patient; its manifest translates them."""


def _ice(subject: str, day: int, hour: int, *, reason: str = "", sedated: str = "", **items: str) -> Moment:
    return Moment("ice.csv", subject, datetime(2020, 3, day, hour), items, reason, sedated)


def _neuro(subject: str, day: int, hour: int, **items: str) -> Moment:
    return Moment("neuro.csv", subject, datetime(2020, 3, day, hour), items)


SIX: Final = {
    **{"ice_year": "1", "ice_month": "1", "ice_city": "1", "ice_hospital": "0", "ice_naming": "2"},
    **{"ice_command": "1", "ice_writing": "0", "ice_attention": "0"},
}
SOME: Final = {"ice_year": "1", "ice_month": "1", "ice_city": "1", "ice_hospital": "1", "ice_naming": "3"}
FOCAL: Final = {"seizure": "Y", "seizure_type": "Focal"}
MOMENTS: Final = (
    _ice("A-01", 4, 9, **SIX),
    _ice("A-01", 5, 9, ice_total="7"),
    _ice("A-01", 6, 9, ice_total="10"),
    _neuro("A-02", 7, 14, **FOCAL, seizure_duration_min="90", seizure_returned_to_baseline="Y"),
    _neuro("A-02", 8, 6, seizure="Y", seizure_duration_min="420"),
    _neuro("A-03", 5, 8, capd_total="14"),
    _ice("A-03", 6, 8, arousal="Awakens to voice"),
    _neuro("A-03", 6, 8, capd_total="5"),
    _ice("A-03", 7, 8, ice_total="4"),
    _ice("A-04", 5, 8, arousal="Unarousable", reason="Patient unarousable"),
    _ice("A-04", 6, 8, arousal="Unarousable", sedated="Y"),
    _ice("A-04", 7, 8, ice_total="0", arousal="Awakens to tactile stimulus"),
    _ice("A-05", 4, 8, ice_total="12"),
    _ice("A-05", 5, 8, ice_total="8"),
    _neuro("A-06", 9, 16, imaging_oedema="Focal", papilloedema="N"),
    _neuro("A-06", 10, 8, astct_grade="3"),
    _neuro("A-06", 11, 8, astct_grade="2.5"),
    _ice("A-07", 4, 9, ice_total="10"),
    _ice("A-08", 4, 9, ice_total="5"),
    _ice("A-09", 4, 9, ice_total="6"),
    _ice("A-09", 4, 9, ice_total="7"),
    _ice("A-10", 4, 9, **SOME),
    _ice("A-11", 4, 9, ice_total="9", reason="Patient refused"),
)  # fmt: skip
EVENTS: Final = (
    ("A-01", "1", "Encephalopathy", "2", "2020-03-04", "2020-03-06"),
    ("A-02", "1", "Seizure", "2", "2020-03-07", "2020-03-07"),
    ("A-03", "1", "Encephalopathy", "1", "2020-03-05", "2020-03-06"),
    ("A-04", "1", "Depressed level of consciousness", "3", "2020-03-05", "2020-03-07"),
    ("A-06", "1", "Brain oedema", "4", "2020-03-09", "2020-03-10"),
    ("A-07", "1", "Headache", "1", "2020-03-04", "2020-03-05"),
)
PEOPLE: Final = (
    ("A-01", "60", "", ">=18"),
    ("A-02", "45", "", ">=18"),
    ("A-03", "7", "2012-05-05", "2 - <12"),
    ("A-04", "52", "", ">=18"),
    ("A-05", "63", "", ">=18"),
    ("A-06", "70", "", ">=18"),
    ("A-07", "", "", "12 - <18"),
    ("A-08", "11", "", "2 - <12"),
    ("A-09", "58", "", ">=18"),
    ("A-10", "66", "", ">=18"),
    ("A-11", "39", "", ">=18"),
)


def write_forms(root: Path) -> None:
    """Write the data files of the three studies below `root`."""
    for study in ("GOLD-ICE-WIDE", "GOLD-ICE-LONG", "GOLD-ICE-QS"):
        folder = root / study
        folder.mkdir(parents=True, exist_ok=True)
        named = ("USUBJID", "AESEQ", "AEDECOD", "AETOXGR", "AESTDTC", "AEENDTC")
        _write(folder / "ae.csv", [dict(zip(named, row, strict=True)) for row in EVENTS])
        people = ("USUBJID", "AGE", "BRTHDTC", "AGEGR1")
        treated = {"DTHFL": "N", "RFSTDTC": "2020-03-01T10:00"}
        _write(folder / "dm.csv", [dict(zip(people, row, strict=True)) | treated for row in PEOPLE])
    for page in PAGES:
        _write(root / "GOLD-ICE-WIDE" / page, wide_rows(page))
    _write(root / "GOLD-ICE-LONG" / "assessments.csv", long_rows())
    pyreadstat.write_xport(
        qs_rows(), str(root / "GOLD-ICE-QS" / "qs.xpt"), table_name="QS", file_format_version=5
    )


def wide_rows(page: str) -> list[Cells]:
    """A row per page: a column per item, seizures in seconds with the unit in the cell."""
    rows = []
    for moment in MOMENTS:
        if moment.page != page:
            continue
        cells = {column: moment.items.get(item, "") for item, column in PAGES[page].items()}
        if cells.get("SEIZURE_LASTED"):
            cells["SEIZURE_LASTED"] += " sec"
        head = {"SUBJECT": moment.subject, "SEEN_ON": f"{moment.at:%d%b%Y %H:%M}".upper()}
        tail = {"WHY_MISSING": moment.reason, "SEDATED": moment.sedated}
        rows.append(head | cells | tail)
    return rows


def long_rows() -> list[Cells]:
    """A row per item, not in order of time; seizures in seconds with a unit column."""
    rows = []
    for moment, item, text in reversed(_items()):
        lasts = item == "seizure_duration_min" and text
        rows.append(
            {
                "PATIENT": moment.subject,
                "ITEM": CODES[item],
                "RESULT": AROUSAL_LETTERS.get(text, text),
                "RESULT_UNIT": "SECONDS" if lasts else "",
                "ASSESSED": f"{moment.at:%d/%m/%Y}",
                "AT": f"{moment.at:%H:%M}",
                "NOT_DONE_BECAUSE": "" if text else moment.reason,
                "SEDATED": moment.sedated,
            }
        )
    return rows


def qs_rows() -> pl.DataFrame:
    """SDTM: seizures in minutes as standard result, numbers as such, other questionnaires among the rows."""
    rows: list[dict[str, str | float | None]] = []
    for number, (moment, item, text) in enumerate(_items(), start=1):
        standard = str(float(text) / 60) if item == "seizure_duration_min" and text else text
        numeric = standard.replace(".", "", 1).isdigit()
        rows.append(
            {
                "USUBJID": moment.subject,
                "QSSEQ": float(number),
                "QSTESTCD": CODES[item],
                "QSORRES": text,
                "QSSTRESC": "" if item == "ice_total" and numeric else standard,
                "QSSTRESN": float(standard) if numeric else None,
                "QSSTRESU": "min" if item == "seizure_duration_min" else "",
                "QSSTAT": "" if text else "NOT DONE",
                "QSREASND": "" if text else moment.reason,
                "QSDTC": f"{moment.at:%Y-%m-%dT%H:%M}",
                "QSSED": moment.sedated,
            }
        )
        if item == "ice_total":
            rows.append(rows[-1] | {"QSSEQ": number + 0.5, "QSTESTCD": "EQ5D01", "QSSTRESC": "SLIGHT"})
    return pl.DataFrame(rows, infer_schema_length=None)


def _items() -> list[tuple[Moment, str, str]]:
    """Every item of every page, those without a value only where the page says why."""
    return [
        (moment, item, moment.items.get(item, ""))
        for moment in MOMENTS
        for item in PAGES[moment.page]
        if item in moment.items or moment.reason
    ]


def _write(path: Path, rows: Sequence[Cells]) -> None:
    with path.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    write_forms(GOLDEN)
