"""The fields that a file of each role can give, and what each means.

Only names and the words for them live here: `files[].columns` of the manifest maps these names, the
messages about missing columns print these words. What a file's columns are called in SDTM or ADaM is in
`pipelines.ingest.column_names`, the items of assessments are in `schemas.assessment_items`, what may be in
a cell is decided where it is parsed.
"""

from __future__ import annotations

from typing import Final

FIELDS: Final[dict[str, dict[str, str]]] = {
    "adverse_events": {
        "subject_id": "subject identifier",
        "event_id": "sequence number or sponsor key of the event within the subject",
        "verbatim_term": "term as reported",
        "lowest_level_term": "coded lowest-level term",
        "preferred_term": "coded preferred term",
        "llt_code": "lowest-level-term code",
        "pt_code": "preferred-term code",
        "body_system": "system organ class or toxicity category",
        "grade": "toxicity grade or severity",
        "severity": "severity word beside a toxicity grade; only compared with it",
        "scale": "grading scale of the row, where it differs by row",
        "scale_version": "scale version of the row, where it differs by row",
        "start": "onset date, with or without time",
        "start_time": "onset time, where it is a column of its own",
        "end": "end date, with or without time",
        "end_time": "end time, where it is a column of its own",
        "ongoing": "ongoing at the data cut",
        "relationship": "relationship to the cell product",
        "outcome": "outcome of the event",
        "fatal": "the event led to death",
        "serious": "serious event",
        "sponsor_neurotoxicity": "flagged as neurotoxicity by the sponsor",
    },
    "subjects": {
        "subject_id": "subject identifier",
        "arm": "arm",
        "sex": "sex",
        "age": "age",
        "age_unit": "unit of the age",
        "age_group": "age group, where the age itself is not given",
        "birth_date": "birth date",
        "developmental_delay": "developmental delay at baseline",
        "death_flag": "subject died (yes) or is known to be alive (no)",
        "death_date": "date of death",
        "reference_start": "first treatment",
    },
    "exposure": {
        "subject_id": "subject identifier",
        "product": "product given",
        "date": "date given, with or without time",
        "time": "time given, where it is a column of its own",
    },
    "infusions": {
        "subject_id": "subject identifier",
        "product": "cell product",
        "date": "date of the infusion, with or without time",
        "time": "time of the infusion, where it is a column of its own",
    },
    "sedation": {
        "subject_id": "subject identifier",
        "start": "start of sedation",
        "end": "end of sedation",
    },
    "assessments": {
        "subject_id": "subject identifier",
        "date": "date of the assessment, with or without time",
        "time": "time of the assessment, where it is a column of its own",
        "test_code": "code of the item (a long table), translated by files[].codes",
        "value": "value of the item as a word or as text (a long table)",
        "value_number": "value of the item as a number, used where value is blank (a long table)",
        "unit": "unit of the value (a long table)",
        "status": "NOT DONE where the item was not assessed",
        "reason": "why it was not assessed, or could not be",
        "sedated": "sedated at the assessment",
        "event_id": "event the value belongs to (SUPPAE); gives the date where there is none",
    },
    "crs": {
        "subject_id": "subject identifier",
        "grade": "grade of cytokine release syndrome",
        "start": "start, with or without time",
        "end": "end, with or without time",
        "ongoing": "ongoing at the data cut",
    },
    "medical_history": {
        "subject_id": "subject identifier",
        "verbatim_term": "term as reported",
        "lowest_level_term": "coded lowest-level term",
        "preferred_term": "coded preferred term",
        "llt_code": "lowest-level-term code",
        "pt_code": "preferred-term code",
        "body_system": "system organ class",
        "start": "start of the condition",
    },
}
"""Fields a file of each role can give, and what they mean; `columns` maps them to the file's columns."""
