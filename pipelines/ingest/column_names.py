"""Which column of a file gives which field: the manifest's word first, then the SDTM or ADaM name.

Only names and their look-up may live here, nothing that reads a cell.
Sources: SDTMIG 3.4 (AE, DM, EX, CM, PR, QS, FT, RS, FA, CE, MH, SUPPQUAL), ADaMIG 1.3 (ADSL, ADAE, BDS).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Final

from schemas.errors import ManifestError
from schemas.manifest import FileSpec
from schemas.manifest_fields import FIELDS

ASSESSMENT_DOMAINS: Final = ("QS", "FT", "RS", "FA")
"""SDTM domains that can hold assessments; no controlled term exists for ICE, CAPD or ICANS."""


def _of_domains(end: str) -> tuple[str, ...]:
    return tuple(domain + end for domain in ASSESSMENT_DOMAINS)


DEFAULT_COLUMNS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "adverse_events": {
        "subject_id": ("USUBJID", "SUBJID"),
        "event_id": ("AESEQ", "ASEQ"),
        "verbatim_term": ("AETERM",),
        "lowest_level_term": ("AELLT",),
        "preferred_term": ("AEDECOD",),
        "llt_code": ("AELLTCD",),
        "pt_code": ("AEPTCD",),
        "body_system": ("AEBODSYS", "AESOC"),
        "grade": ("AETOXGR", "ATOXGR", "AETOXGRN", "ATOXGRN"),
        "severity": ("AESEV", "ASEV"),
        "scale": (),
        "scale_version": (),
        # ASTDT before ASTDTM: ADaM leaves the datetime empty, or imputes it, where only the date is known.
        "start": ("AESTDTC", "ASTDT", "ASTDTM", "AESTDT"),
        "start_time": ("AESTTM",),
        "end": ("AEENDTC", "AENDT", "AENDTM", "AEENDT"),
        "end_time": ("AEENTM",),
        "ongoing": ("AEONGO", "AEENRTPT", "AEENRF"),
        "relationship": ("AEREL", "AREL"),
        "outcome": ("AEOUT",),
        "fatal": ("AESDTH",),
        "serious": ("AESER",),
        "sponsor_neurotoxicity": (),
    },
    "subjects": {
        "subject_id": ("USUBJID", "SUBJID"),
        "arm": ("ACTARM", "ARM", "TRT01A", "TRT01P"),
        "sex": ("SEX",),
        "age": ("AGE", "AAGE"),
        "age_unit": ("AGEU", "AAGEU"),
        "age_group": ("AGEGR1",),
        "birth_date": ("BRTHDTC", "BRTHDT"),
        "developmental_delay": (),
        "death_flag": ("DTHFL",),
        "death_date": ("DTHDTC", "DTHDT"),
        "reference_start": ("RFSTDTC", "RFXSTDTC", "TRTSDT", "TRTSDTM"),
    },
    "exposure": {
        "subject_id": ("USUBJID", "SUBJID"),
        "product": ("EXTRT",),
        "date": ("EXSTDTC", "ASTDT", "ASTDTM", "EXSTDT"),
        "time": ("EXSTTM",),
    },
    "infusions": {
        "subject_id": ("USUBJID", "SUBJID"),
        "product": ("EXTRT", "PRTRT"),
        "date": ("EXSTDTC", "PRSTDTC", "ASTDT", "ASTDTM", "EXSTDT"),
        "time": ("EXSTTM",),
    },
    "sedation": {
        "subject_id": ("USUBJID", "SUBJID"),
        "start": ("CMSTDTC", "EXSTDTC", "PRSTDTC", "ASTDT", "ASTDTM"),
        "end": ("CMENDTC", "EXENDTC", "PRENDTC", "AENDT", "AENDTM"),
    },
    "assessments": {
        "subject_id": ("USUBJID", "SUBJID"),
        # ADTM before ADT: the time of day tells moments apart; staging fills its blanks from ADT.
        "date": (*_of_domains("DTC"), "ADTM", "ADT"),
        "time": (*_of_domains("TM"), "ATM"),
        "test_code": (*_of_domains("TESTCD"), "PARAMCD", "QNAM"),
        "value": (*_of_domains("STRESC"), *_of_domains("ORRES"), "AVALC", "QVAL"),
        "value_number": (*_of_domains("STRESN"), "AVAL"),
        "unit": (*_of_domains("STRESU"), *_of_domains("ORRESU"), "AVALU"),
        "status": _of_domains("STAT"),
        "reason": _of_domains("REASND"),
        "sedated": (),
        "event_id": ("IDVARVAL",),
    },
    "crs": {
        "subject_id": ("USUBJID", "SUBJID"),
        "grade": ("CETOXGR", "AETOXGR", "ATOXGR", "CETOXGRN", "ATOXGRN"),
        "start": ("CESTDTC", "AESTDTC", "ASTDT", "ASTDTM", "CESTDT"),
        "end": ("CEENDTC", "AEENDTC", "AENDT", "AENDTM", "CEENDT"),
        "ongoing": ("CEONGO", "CEENRTPT", "CEENRF", "AEENRTPT", "AEENRF"),
    },
    "medical_history": {
        "subject_id": ("USUBJID", "SUBJID"),
        "verbatim_term": ("MHTERM",),
        "lowest_level_term": ("MHLLT",),
        "preferred_term": ("MHDECOD",),
        "llt_code": ("MHLLTCD",),
        "pt_code": ("MHPTCD",),
        "body_system": ("MHBODSYS", "MHSOC"),
        "start": ("MHSTDTC", "ASTDT", "ASTDTM", "MHSTDT"),
    },
}
"""Names looked for, in this order and in any case, when the manifest names no column."""

SEVERITY_GRADE_COLUMNS: Final = ("AESEV", "ASEV", "AESEVN", "ASEVN")
"""Names looked for as `grade` when the manifest's scale is severity."""

TERM_FIELDS: Final = ("verbatim_term", "lowest_level_term", "preferred_term", "llt_code", "pt_code")
_REQUIRED: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "adverse_events": (("subject_id",), TERM_FIELDS),
    "subjects": (("subject_id",),),
    "exposure": (("subject_id",), ("date",)),
    "infusions": (("subject_id",), ("date",)),
    "sedation": (("subject_id",), ("start",)),
    # Without a date every row would be a moment of its own; the event of a SUPPAE row gives one.
    "assessments": (("subject_id",), ("date", "event_id")),
    "crs": (("subject_id",), ("start",)),
    "medical_history": (("subject_id",), TERM_FIELDS),
}
"""Per role, the groups of fields of which a file must give at least one."""
_LONG_TABLE: Final = (("test_code",), ("value", "value_number"))
"""The same for an assessment file with a row per item."""


def candidates(role: str, field: str, scale: str) -> tuple[str, ...]:
    """Column names looked for when the manifest names none; no grade column is looked for on scale none."""
    if field == "grade" and role == "adverse_events" and scale in ("severity", "none"):
        return SEVERITY_GRADE_COLUMNS if scale == "severity" else ()
    if field == "severity" and scale == "severity":
        return ()
    return DEFAULT_COLUMNS[role][field]


def find_column(columns: Sequence[str], name: str) -> str | None:
    """The column of that exact name, else the only one that differs in case; null when there is none."""
    if name in columns:
        return name
    close = [column for column in columns if column.casefold() == name.casefold()]
    return close[0] if len(close) == 1 else None


def resolve_columns(spec: FileSpec, columns: Sequence[str], scale: str) -> dict[str, str]:
    """Field to column for every field the file gives.

    Raises `ManifestError`, naming file, key and candidates, when a column the manifest names is not in
    the file or when a field no file of the role can do without has no column.
    """
    resolved: dict[str, str] = {}
    for field in FIELDS[spec.role]:
        if field in spec.columns:
            named = find_column(columns, spec.columns[field])
            if named is None:
                raise _absent(spec, spec.columns[field], f"columns.{field}", columns)
            resolved[field] = named
            continue
        found = (find_column(columns, name) for name in candidates(spec.role, field, scale))
        first = next((column for column in found if column is not None), None)
        if first is not None:
            resolved[field] = first
    if "severity" not in spec.columns and resolved.get("severity") == resolved.get("grade"):
        # The severity is the grade itself: there is nothing beside it to compare.
        resolved.pop("severity", None)
    if spec.role == "assessments":
        _keep_unit_of_value(spec, columns, resolved)
    for group in (*_REQUIRED[spec.role], *(_LONG_TABLE if spec.codes else ())):
        require_field(spec, group, resolved, scale)
    if spec.role == "adverse_events" and scale != "none":
        require_field(spec, ("grade",), resolved, scale, advice=", or set grading.scale")
    return resolved


def _keep_unit_of_value(spec: FileSpec, columns: Sequence[str], resolved: dict[str, str]) -> None:
    """A unit found by its name counts only beside its own value: --STRESU is not the unit of --ORRES."""
    if "unit" in spec.columns or "unit" not in resolved:
        return
    value = resolved.get("value", resolved.get("value_number", "")).upper()
    stem = value.removesuffix("ORRES")
    own = stem + "ORRESU" if stem != value else value[:-1] + "U" if value[:-1].endswith("STRES") else "AVALU"
    unit = find_column(columns, own)
    resolved.pop("unit")
    if unit is not None:
        resolved["unit"] = unit


def require_item_columns(spec: FileSpec, columns: Sequence[str]) -> dict[str, str]:
    """Item to column of an assessment file with a column per item.

    Raises `ManifestError` when the file lacks a column the manifest names.
    """
    found: dict[str, str] = {}
    for item, name in spec.items.items():
        column = find_column(columns, name)
        if column is None:
            raise _absent(spec, name, f"items.{item}", columns)
        found[item] = column
    return found


def require_field(
    spec: FileSpec, group: Sequence[str], resolved: Mapping[str, str], scale: str, advice: str = ""
) -> None:
    """Raise `ManifestError` unless the file gives at least one field of the group."""
    if any(field in resolved for field in group):
        return
    names = [name for field in group for name in candidates(spec.role, field, scale)]
    looked = f" (looked for {', '.join(names)})" if names else ""
    keys = " or ".join(f"files[].columns.{field}" for field in group)
    meaning = " or ".join(FIELDS[spec.role][field] for field in group)
    raise ManifestError(
        f"no column gives the {meaning}{looked}",
        file=spec.path,
        next_action=f"name the column in study.yaml under {keys}{advice}",
    )


def _absent(spec: FileSpec, name: str, key: str, columns: Sequence[str]) -> ManifestError:
    close = difflib.get_close_matches(name, list(columns), n=1, cutoff=0.5)
    nearest = f"; nearest: {close[0]}" if close else ""
    named = key.partition(".")[2]
    return ManifestError(
        f"the manifest names this column for {named} but the file has no such column{nearest}",
        file=spec.path,
        column=name,
        next_action=f"correct files[].{key} in study.yaml; the file has: {', '.join(columns)}",
    )


def imputation_flags(columns: Sequence[str], date_column: str) -> tuple[str | None, str | None]:
    """ADaM imputation flags beside a date column: ASTDTF and ASTTMF for ASTDT or ASTDTM, if present."""
    name = date_column.upper()
    stem = next((date_column[: -len(end)] for end in ("DTM", "DT") if name.endswith(end)), None)
    if not stem:
        return None, None
    return find_column(columns, f"{stem}DTF"), find_column(columns, f"{stem}TMF")
