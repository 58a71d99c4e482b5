"""What the cells and headers of a file suggest: columns, delimiter, encoding, scale, dates, nulls.

What may live here: guesses about one file that `regrade init` writes down for a person to confirm.
What may not: anything the pipeline itself uses (a run reads the manifest and guesses nothing).
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from pipelines.ingest.column_names import DEFAULT_COLUMNS, SEVERITY_GRADE_COLUMNS

_SUBJECT: Final = (
    "SUBJECT_ID",
    "SUBJECT",
    "SUBJECT_NO",
    "PATIENT_ID",
    "PATIENT",
    "PATIENT_NO",
    "PATID",
    "PTID",
)
SPONSOR_NAMES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "adverse_events": {
        "subject_id": (*_SUBJECT, "PRIMARYID"),
        "event_id": ("AE_SEQ", "AESPID", "AE_ID", "AE_NO", "EVENT_ID", "EVENT_NO", "SEQ"),
        "verbatim_term": ("AE_TERM", "VERBATIM_TERM", "VERBATIM", "AE_VERBATIM", "REPORTED_TERM",
                          "EVENT_TERM", "ADVERSE_EVENT"),
        "lowest_level_term": ("LLT", "LLT_NAME", "LLT_TERM", "LOWEST_LEVEL_TERM"),
        "preferred_term": ("PT", "PT_NAME", "PT_TERM", "PREFERRED_TERM", "MEDDRA_PT", "AE_PT", "CODED_TERM"),
        "llt_code": ("LLT_CODE", "LLT_CD"),
        "pt_code": ("PT_CODE", "PT_CD"),
        "body_system": ("SOC", "SOC_NAME", "SYSTEM_ORGAN_CLASS", "BODY_SYSTEM", "MEDDRA_SOC",
                        "TOXICITY_CATEGORY"),
        "grade": (*SEVERITY_GRADE_COLUMNS, "CTCAE_GRADE", "CTC_GRADE", "TOX_GRADE", "TOXICITY_GRADE",
                  "AE_GRADE", "GRADE", "SEVERITY", "AE_SEVERITY", "INTENSITY"),
        "scale_version": ("CTCAE_VERSION", "CTC_VERSION", "CTCAEV"),
        "start": ("AE_START", "AE_START_DATE", "START_DATE", "ONSET_DATE", "AE_ONSET_DATE", "AE_ONSET",
                  "ONSET", "DATE_OF_ONSET"),
        "start_time": ("START_TIME", "ONSET_TIME", "AE_ONSET_TIME"),
        "end": ("AE_END", "AE_END_DATE", "AE_STOP_DATE", "END_DATE", "STOP_DATE", "RESOLUTION_DATE",
                "DATE_RESOLVED"),
        "end_time": ("END_TIME", "STOP_TIME"),
        "ongoing": ("ONGOING", "AE_ONGOING"),
        "relationship": ("RELATIONSHIP", "CAUSALITY", "RELATEDNESS", "AE_REL", "RELATED"),
        "outcome": ("OUTCOME", "AE_OUTCOME"),
        "fatal": ("FATAL", "AE_FATAL"),
        "serious": ("SERIOUS", "SAE"),
    },
    "subjects": {
        "subject_id": _SUBJECT,
        "arm": ("TREATMENT_ARM", "COHORT"),
        "sex": ("GENDER",),
        "age": ("AGE_YEARS", "AGE_AT_INFUSION"),
        "age_unit": ("AGE_UNIT",),
        "age_group": ("AGE_GROUP", "AGEGR", "AGE_CATEGORY"),
        "birth_date": ("BIRTH_DATE", "DATE_OF_BIRTH", "DOB"),
        "developmental_delay": ("DEVELOPMENTAL_DELAY", "DEV_DELAY"),
        "death_flag": ("DEATH_FLAG", "DIED", "DEAD"),
        "death_date": ("DEATH_DATE", "DATE_OF_DEATH"),
        "reference_start": ("INFUSION_DATE", "INFUSION_DT", "INF_DATE", "CART_INFUSION_DATE",
                            "DATE_OF_INFUSION", "CAR_T_INFUSION_DATE", "FIRST_DOSE_DATE"),
    },
    "exposure": {
        "subject_id": _SUBJECT,
        "product": ("TREATMENT", "DRUG", "PRODUCT", "AGENT"),
        "date": ("DOSE_DATE", "START_DATE", "DATE_GIVEN"),
        "time": ("DOSE_TIME", "START_TIME"),
    },
    "infusions": {
        "subject_id": _SUBJECT,
        "product": ("PRODUCT", "CELL_PRODUCT", "TREATMENT"),
        "date": ("INFUSION_DATE", "INFUSION_DT", "INF_DATE", "INFDT", "DATE_OF_INFUSION",
                 "CART_INFUSION_DATE", "DATE"),
        "time": ("INFUSION_TIME", "INF_TIME", "TIME"),
    },
    "sedation": {
        "subject_id": _SUBJECT,
        "start": ("SEDATION_START", "SED_START", "START_DATE", "START"),
        "end": ("SEDATION_END", "SEDATION_STOP", "SED_END", "END_DATE", "STOP_DATE", "END"),
    },
    "assessments": {
        "subject_id": _SUBJECT,
        "date": ("ASSESSMENT_DATE", "ASSESSED_ON", "ASSESS_DATE", "ICE_DATE", "ASSESSMENT_DATETIME",
                 "EXAM_DATE", "VISIT_DATE", "DATE_OF_ASSESSMENT", "DATE", "DATETIME"),
        "time": ("ASSESSMENT_TIME", "ASSESS_TIME", "EXAM_TIME", "TIME"),
        "test_code": ("TEST_CODE", "ITEM", "ITEM_CODE", "TEST", "PARAMETER_CODE"),
        "value": ("VALUE", "RESULT", "TEST_RESULT", "SCORE"),
        "unit": ("UNIT", "RESULT_UNIT"),
        "status": ("STATUS",),
        "reason": ("REASON", "REASON_NOT_DONE", "NOT_DONE_REASON", "WHY_NOT_DONE"),
        "sedated": ("SEDATED", "SEDATION", "SEDATED_AT_ASSESSMENT"),
    },
    "crs": {
        "subject_id": _SUBJECT,
        "grade": ("CRS_GRADE", "GRADE", "TOXICITY_GRADE"),
        "start": ("CRS_START", "CRS_ONSET", "START_DATE", "ONSET_DATE", "START"),
        "end": ("CRS_END", "CRS_STOP", "END_DATE", "STOP_DATE", "END"),
        "ongoing": ("ONGOING",),
    },
    "medical_history": {
        "subject_id": _SUBJECT,
        "verbatim_term": ("MH_TERM", "CONDITION", "TERM", "VERBATIM_TERM"),
        "lowest_level_term": ("LLT", "LLT_NAME"),
        "preferred_term": ("PT", "PT_NAME", "PREFERRED_TERM"),
        "llt_code": ("LLT_CODE", "LLT_CD"),
        "pt_code": ("PT_CODE", "PT_CD"),
        "body_system": ("SOC", "SOC_NAME", "SYSTEM_ORGAN_CLASS"),
        "start": ("START_DATE", "ONSET_DATE", "DATE_OF_DIAGNOSIS", "START"),
    },
}  # fmt: skip
"""Names sponsors use, looked for after the SDTM and ADaM names that staging finds by itself."""

DATE_FIELDS: Final = frozenset({"start", "end", "birth_date", "death_date", "reference_start", "date"})
NULL_TEXTS: Final = ("NA", "N/A", "#N/A", "NULL", "null", "NaN", "None", ".")
_NAMES: Final = (
    ("adverse_events", re.compile(r"(?:^|[^a-z])(?:ad)?ae(?:[^a-z]|$)|adverse")),
    ("subjects", re.compile(r"(?:^|[^a-z])(?:dm|adsl|demog\w*|subjects?|patients?)(?:[^a-z]|$)")),
    ("infusions", re.compile(r"infusion")),
    ("exposure", re.compile(r"(?:^|[^a-z])(?:ad)?(?:ex|ec)(?:[^a-z]|$)|exposure|dosing")),
    ("sedation", re.compile(r"sedat")),
)
_GRADE_NUMBER: Final = re.compile(
    r"^\s*(?:ctcae\s*)?(?:grade\s*|gr\.?\s*)?(?:[0-5](?:\.\d+)?|i{1,3}|iv|v)(?:\b|$)", re.I
)
_SEVERITY_WORD: Final = re.compile(r"^\s*(?:mild|moderate|severe|life|fatal|death)", re.I)
_NUMERIC_DATE: Final = re.compile(r"^\s*(\d{1,2})[/.\-](\d{1,2})[/.\-]\d{4}(?:\D|$)")
_CELL_PRODUCT: Final = re.compile(
    r"leucel|cabtagene|cicleucel|\bcar[\s-]?t\b|t[\s-]cells?\b|-cel\b|ctl-?019|kte-?c?19|kte-x19|jcar0?\d\d|bb2121",
    re.I,
)

Order = Literal["day_first", "month_first"]


def role_of_name(stem: str) -> str | None:
    """Role a file's name suggests (`ae`, `adae`, `dm`, `adsl`, `ex`, words); None for any other name.

    >>> role_of_name("sdtm_ae"), role_of_name("ADSL"), role_of_name("suppae"), role_of_name("relrec")
    ('adverse_events', 'subjects', None, None)
    """
    text = stem.lower()
    if text.startswith(("supp", "dict")):
        return None
    return next((role for role, pattern in _NAMES if pattern.search(text)), None)


def find_columns(role: str, header: Sequence[str]) -> dict[str, str]:
    """Field to column of the header, by the first alias found; case, blanks and signs do not count."""
    by_key: dict[str, str] = {}
    for name in header:
        by_key.setdefault(_key(name), name)
    found: dict[str, str] = {}
    for field in DEFAULT_COLUMNS[role]:
        for alias in _names(role, field):
            if _key(alias) in by_key:
                found[field] = by_key[_key(alias)]
                break
    return found


def columns_named(field: str, role: str, header: Sequence[str]) -> list[str]:
    """Every column of the header that goes by a name of the field, best name first."""
    by_key = {_key(name): name for name in reversed(header)}
    return [by_key[_key(alias)] for alias in _names(role, field) if _key(alias) in by_key]


def term_columns(role: str, header: Sequence[str]) -> list[str]:
    """Columns of a table of clinical events that say which event a row is."""
    return [name for name in header if role == "crs" and name.upper() in ("CEDECOD", "CETERM", "CECAT")]


def sponsor_flags(header: Sequence[str]) -> list[str]:
    """Columns whose name looks like a flag of sponsor-defined neurotoxicity."""
    return [name for name in header if re.search(r"neuro|ntx|icans|cres", name, re.I)]


def encoding_of(content: bytes) -> str:
    """Encoding the bytes fit: utf-8, else cp1252 when it uses 0x80..0x9f, else latin-1."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    if not re.search(rb"[\x80-\x9f]", content):
        return "latin-1"
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def delimiter_of(text: str) -> str | None:
    """The delimiter that splits the first lines most evenly; None when the file has one column.

    >>> delimiter_of("a$b$c\\n1$2,5$3\\n"), delimiter_of("a\\n1\\n")
    ('$', None)
    """
    lines = text.splitlines()[:50]
    best: tuple[float, int, str] | None = None
    for candidate in (",", "\t", "|", "$", ";"):
        widths = [len(row) for row in csv.reader(lines, delimiter=candidate) if row]
        if not widths or widths[0] < 2:
            continue
        even = sum(width == widths[0] for width in widths) / len(widths)
        score = (even, widths[0], candidate)
        best = score if best is None or score[:2] > best[:2] else best
    return None if best is None else best[2]


def scale_of_cells(cells: Iterable[str]) -> str | None:
    """`ctcae` when most grades are numbers, `severity` when most are words, None when none is either.

    >>> scale_of_cells(["3", "GRADE 2", "Grade III", ""]), scale_of_cells(["MILD", "SEVERE"])
    ('ctcae', 'severity')
    """
    numbers = words = 0
    for cell in cells:
        numbers += bool(_GRADE_NUMBER.match(cell))
        words += bool(_SEVERITY_WORD.match(cell))
    if not numbers and not words:
        return None
    return "ctcae" if numbers >= words else "severity"


def date_order_of(cells: Iterable[str]) -> tuple[Order | None, int, bool]:
    """(order, numeric dates seen, contradictory) of dates such as 03/04/2017.

    The order is None where nothing settles it: no date with a part above 12, or dates of both orders.
    """
    day_first = month_first = seen = 0
    for cell in cells:
        match = _NUMERIC_DATE.match(cell)
        if match:
            seen += 1
            day_first += int(match[1]) > 12 >= int(match[2])
            month_first += int(match[2]) > 12 >= int(match[1])
    if day_first and month_first:
        return None, seen, True
    return ("day_first" if day_first else "month_first" if month_first else None), seen, False


def null_texts(columns: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Texts that stand for an empty cell in the columns used, with the number of such cells.

    A lone full stop counts in date, grade and code columns only, where it is SAS's missing value.
    """
    counts: Counter[str] = Counter()
    for field, cells in columns.items():
        coded = field in DATE_FIELDS or field in {"grade", "llt_code", "pt_code", "age"}
        for cell in cells:
            text = cell.strip()
            if text in NULL_TEXTS and (text != "." or coded):
                counts[text] += 1
    return dict(sorted(counts.items()))


def cell_products(cells: Iterable[str]) -> list[str]:
    """Distinct product texts that name a CAR-T product, sorted."""
    return sorted({cell for cell in cells if _CELL_PRODUCT.search(cell)})


def _names(role: str, field: str) -> tuple[str, ...]:
    return (*DEFAULT_COLUMNS[role][field], *SPONSOR_NAMES[role].get(field, ()))


def _key(name: str) -> str:
    """Name without case, signs and the endings `_YN` and `_TEXT` of sponsors' own columns."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return re.sub(r"_(?:yn|text|txt)$", "", plain).replace("_", "")
