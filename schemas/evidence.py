"""What the record says: checked events, subjects, infusions, sedation, and what could not be used.

Staged and checked tables share one shape: `staged_*` is every row that could be read, `core_*` the
rows that passed the checks; the difference is in `core_rejected_rows`, cell by cell.
Dates are kept as the range of instants they can mean (`*_earliest` .. `*_latest`, both inclusive);
a null bound is open. Nothing is imputed.
"""

from __future__ import annotations

from typing import Annotated

import polars as pl

from schemas.base import Table, column, table
from schemas.vocabulary import (
    AE_OUTCOMES,
    DATE_PRECISIONS,
    FINDING_SEVERITIES,
    FINDING_STATUSES,
    GRADE_STATUSES,
    POPULATIONS,
    RELATIONSHIPS,
    SCALES,
    STUDY_ID_PATTERN,
    VITAL_STATUSES,
)


@table(
    "staged_adverse_events",
    grain="one reported adverse-event row",
    key=("study_id", "source_file", "source_row"),
)
class StagedAdverseEvents(Table):
    """Every adverse-event row that could be read, typed, with its verbatim text."""

    study_id: str = column("Study identifier", origin="STUDYID", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID", null="not recorded or blank")
    event_id: str = column(
        "Event identifier within the subject: the sequence number or sponsor key as text; where the "
        "table has none, 'x' and the first 16 hex digits of the sha256 of the row's cells",
        origin="AESEQ",
    )
    source_file: str = column("File the row was read from, relative to the landing folder")
    source_row: pl.Int64 = column("Number of the data row in that file, from 1", ge=1)
    verbatim_term: str = column("Term as reported", origin="AETERM", null="not recorded")
    lowest_level_term: str = column("Coded lowest-level term", origin="AELLT", null="not coded")
    preferred_term: str = column("Coded preferred term", origin="AEDECOD", null="not coded")
    llt_code: str = column("Lowest-level-term code", origin="AELLTCD", null="not coded")
    pt_code: str = column("Preferred-term code", origin="AEPTCD", null="not coded")
    body_system: str = column("System organ class or toxicity category", origin="AEBODSYS", null="not given")
    scale: str = column("Grading scale of the row", origin="manifest", isin=list(SCALES))
    scale_version: str = column(
        "Version of the scale", origin="manifest", null="not recorded: every version stays possible"
    )
    grade_text: str = column("Grade or severity as written", origin="AETOXGR / AESEV", null="empty cell")
    grade: pl.Int8 = column(
        "Grade read from grade_text, 0..5; severity words as 1..5",
        origin="AETOXGR / AESEV",
        null="missing or unreadable, see grade_status",
        ge=0,
        le=5,
    )
    grade_status: str = column("How the grade was read", isin=list(GRADE_STATUSES))
    severity: pl.Int8 = column(
        "Severity word beside a toxicity grade, as 1..5",
        origin="AESEV",
        null="no such column, blank or unreadable, or the severity is the grade itself",
        ge=1,
        le=5,
    )
    start_text: str = column("Onset as written", origin="AESTDTC", null="empty cell")
    start_earliest: Annotated[pl.Datetime, "us", None] = column(
        "First instant the onset can be", origin="AESTDTC", null="unknown: no lower bound"
    )
    start_latest: Annotated[pl.Datetime, "us", None] = column(
        "Last instant the onset can be", origin="AESTDTC", null="unknown: no upper bound"
    )
    start_precision: str = column("How precise the onset is", isin=list(DATE_PRECISIONS))
    end_text: str = column("End as written", origin="AEENDTC", null="empty cell")
    end_earliest: Annotated[pl.Datetime, "us", None] = column(
        "First instant the end can be", origin="AEENDTC", null="unknown: no lower bound but the onset"
    )
    end_latest: Annotated[pl.Datetime, "us", None] = column(
        "Last instant the end can be", origin="AEENDTC", null="unknown or ongoing: no upper bound"
    )
    end_precision: str = column("How precise the end is", isin=list(DATE_PRECISIONS))
    is_ongoing: bool = column("Ongoing at the data cut", origin="AEENRF / AEENRTPT", null="not recorded")
    relationship: str = column(
        "Relationship to the cell product by the investigator",
        origin="AEREL",
        null="not recorded",
        isin=list(RELATIONSHIPS),
    )
    outcome: str = column("Outcome of the event", origin="AEOUT", null="not recorded", isin=list(AE_OUTCOMES))
    is_fatal: bool = column(
        "The event led to death", origin="AESDTH / AEOUT", null="neither death nor survival is recorded"
    )
    is_serious: bool = column("Serious event", origin="AESER", null="not recorded")
    is_sponsor_neurotoxicity: bool = column(
        "Flagged as neurotoxicity by the sponsor", origin="manifest", null="no flag column, or blank"
    )


@table(
    "core_adverse_events",
    grain="one reported adverse-event row",
    key=("study_id", "subject_id", "event_id"),
)
class CoreAdverseEvents(StagedAdverseEvents):
    """Adverse-event rows that passed the checks; each is graded."""

    subject_id: str = column("Subject identifier", origin="USUBJID")


@table(
    "staged_subjects",
    grain="one row of the subject table",
    key=("study_id", "source_file", "source_row"),
)
class StagedSubjects(Table):
    """Subjects as the subject table gives them."""

    study_id: str = column("Study identifier", origin="STUDYID", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID", null="not recorded or blank")
    source_file: str = column("File the row was read from")
    source_row: pl.Int64 = column("Number of the data row", ge=1)
    arm: str = column("Planned or actual arm", origin="ACTARM", null="not recorded")
    sex: str = column("Sex as written", origin="SEX", null="not recorded")
    age_text: str = column("Age as written, with its unit", origin="AGE, AGEU", null="not recorded")
    age_years: pl.Float64 = column("Age in years", origin="AGE, AGEU", null="unknown", ge=0, le=130)
    age_group_text: str = column("Age group as written", origin="AGEGR1", null="not recorded")
    age_group_lowest: pl.Float64 = column(
        "Youngest age of the group, years", null="not recorded or no lower bound", ge=0, le=130
    )
    age_group_highest: pl.Float64 = column(
        "Age in years that everybody of the group is below", null="not recorded or no upper bound", ge=0
    )
    birth_earliest: Annotated[pl.Datetime, "us", None] = column(
        "First instant of the birth date", origin="BRTHDTC", null="unknown"
    )
    birth_latest: Annotated[pl.Datetime, "us", None] = column(
        "Last instant of the birth date", origin="BRTHDTC", null="unknown"
    )
    has_developmental_delay: bool = column(
        "Developmental delay recorded at baseline", origin="manifest", null="not recorded"
    )
    vital_status: str = column("Known to be dead or alive", origin="DTHFL", isin=list(VITAL_STATUSES))
    death_earliest: Annotated[pl.Datetime, "us", None] = column(
        "First instant of death", origin="DTHDTC", null="alive or unknown"
    )
    death_latest: Annotated[pl.Datetime, "us", None] = column(
        "Last instant of death", origin="DTHDTC", null="alive or unknown"
    )
    reference_start_text: str = column("First treatment as written", origin="RFSTDTC", null="empty cell")
    reference_start_earliest: Annotated[pl.Datetime, "us", None] = column(
        "First instant of first treatment", origin="RFSTDTC", null="unknown or not treated"
    )
    reference_start_latest: Annotated[pl.Datetime, "us", None] = column(
        "Last instant of first treatment", origin="RFSTDTC", null="unknown or not treated"
    )
    reference_start_precision: str = column("How precise first treatment is", isin=list(DATE_PRECISIONS))


@table(
    "core_subjects",
    grain="one subject",
    key=("study_id", "subject_id"),
)
class CoreSubjects(Table):
    """Subjects of the study, those known only from events or doses included."""

    study_id: str = column("Study identifier", origin="STUDYID", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID")
    is_in_subject_table: bool = column("The subject table lists the subject")
    is_infused: bool = column("An infusion is recorded, dated or not")
    arm: str = column("Planned or actual arm", origin="ACTARM", null="not recorded")
    sex: str = column("Sex as written", origin="SEX", null="not recorded")
    age_text: str = column("Age as written, with its unit", origin="AGE, AGEU", null="not recorded")
    age_years: pl.Float64 = column(
        "Age in years: at the first infusion where a birth date allows it, else as recorded",
        origin="AGE, BRTHDTC",
        null="unknown",
        ge=0,
        le=130,
    )
    has_developmental_delay: bool = column(
        "Developmental delay recorded", origin="manifest", null="not recorded"
    )
    population: str = column(
        "Which cognition scale applies (GRADING.md 2: CAPD under 12.0 years or with developmental delay)",
        isin=list(POPULATIONS),
    )
    vital_status: str = column("Known to be dead or alive", origin="DTHFL", isin=list(VITAL_STATUSES))
    death_earliest: Annotated[pl.Datetime, "us", None] = column(
        "First instant of death", origin="DTHDTC", null="alive or unknown"
    )
    death_latest: Annotated[pl.Datetime, "us", None] = column(
        "Last instant of death", origin="DTHDTC", null="alive or unknown"
    )
    source_file: str = column(
        "File of the subject row", null="subject known from events, assessments or doses only"
    )
    source_row: pl.Int64 = column(
        "Data row of the subject", null="subject known from events, assessments or doses only"
    )


@table(
    "staged_infusions",
    grain="one recorded infusion",
    key=("study_id", "source_file", "source_row"),
)
class StagedInfusions(Table):
    """Infusions of the cell product, from where the manifest says."""

    study_id: str = column("Study identifier", origin="STUDYID", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID", null="not recorded or blank")
    source_file: str = column("File the row was read from")
    source_row: pl.Int64 = column("Number of the data row", ge=1)
    product: str = column("Product infused", origin="EXTRT", null="not recorded")
    infusion_text: str = column("Date as written", origin="EXSTDTC / RFSTDTC", null="empty cell")
    infusion_earliest: Annotated[pl.Datetime, "us", None] = column(
        "First instant of the infusion", origin="EXSTDTC / RFSTDTC", null="unknown"
    )
    infusion_latest: Annotated[pl.Datetime, "us", None] = column(
        "Last instant of the infusion", origin="EXSTDTC / RFSTDTC", null="unknown"
    )
    infusion_precision: str = column("How precise the date is", isin=list(DATE_PRECISIONS))


@table(
    "core_infusions",
    grain="one infusion of one subject",
    key=("study_id", "subject_id", "infusion_number"),
)
class CoreInfusions(Table):
    """Infusions in time order; each restarts day 0."""

    study_id: str = column("Study identifier", origin="STUDYID", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID")
    infusion_number: pl.Int32 = column("1 for the first infusion, in time order", ge=1)
    product: str = column("Product infused", origin="EXTRT", null="not recorded")
    infusion_text: str = column("Date as written", origin="EXSTDTC / RFSTDTC", null="empty cell")
    infusion_earliest: Annotated[pl.Datetime, "us", None] = column(
        "First instant of the infusion", null="unknown: the subject is NOT_EVALUABLE"
    )
    infusion_latest: Annotated[pl.Datetime, "us", None] = column(
        "Last instant of the infusion", null="unknown: the subject is NOT_EVALUABLE"
    )
    infusion_precision: str = column("How precise the date is", isin=list(DATE_PRECISIONS))
    source_file: str = column("File of the infusion row")
    source_row: pl.Int64 = column("Data row of the infusion", ge=1)


@table(
    "staged_sedation",
    grain="one recorded period of sedation",
    key=("study_id", "source_file", "source_row"),
)
class StagedSedation(Table):
    """Periods under sedation, when consciousness and cognition cannot be judged."""

    study_id: str = column("Study identifier", origin="STUDYID", str_matches=STUDY_ID_PATTERN)
    subject_id: str = column("Subject identifier", origin="USUBJID", null="not recorded or blank")
    source_file: str = column("File the row was read from")
    source_row: pl.Int64 = column("Number of the data row", ge=1)
    start_earliest: Annotated[pl.Datetime, "us", None] = column("First instant of the start", null="unknown")
    start_latest: Annotated[pl.Datetime, "us", None] = column("Last instant of the start", null="unknown")
    end_earliest: Annotated[pl.Datetime, "us", None] = column("First instant of the end", null="unknown")
    end_latest: Annotated[pl.Datetime, "us", None] = column("Last instant of the end", null="unknown")


@table(
    "core_sedation",
    grain="one recorded period of sedation",
    key=("study_id", "source_file", "source_row"),
)
class CoreSedation(StagedSedation):
    """Sedation rows that passed the checks."""

    subject_id: str = column("Subject identifier", origin="USUBJID")


@table(
    "staged_source_rows",
    grain="one row whose key is missing or repeated",
    key=("study_id", "source_file", "source_row"),
)
class StagedSourceRows(Table):
    """Cells of the rows that the checks may have to reject, so that a rejected row keeps all of them."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    source_file: str = column("File of the row")
    source_row: pl.Int64 = column("Number of the data row", ge=1)
    cells: str = column("The row as read: JSON object of column to text")


@table(
    "core_parse_problems",
    grain="one cell",
    key=("study_id", "source_file", "source_row", "column_name"),
)
class CoreParseProblems(Table):
    """Cells that could not be read as what their column holds, with their text."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    table_name: str = column("Staged table the cell belongs to")
    source_file: str = column("File of the cell")
    source_row: pl.Int64 = column("Data row of the cell", ge=1)
    column_name: str = column("Column of the file")
    field_name: str = column("Column of the staged table")
    text: str = column("The cell as written")
    rule_id: str = column("Why it cannot be read, e.g. STG-GRADE-UNREADABLE, STG-DATE-AMBIGUOUS")


@table(
    "core_rejected_rows",
    grain="one rejected row",
    key=("study_id", "source_file", "source_row"),
)
class CoreRejectedRows(Table):
    """Rows that could not be used, every original cell kept, with the rule that stopped them."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    table_name: str = column(
        "Table the row was meant for, e.g. adverse_events, subjects, infusions, sedation"
    )
    source_file: str = column("File of the row")
    source_row: pl.Int64 = column("Number of the data row", ge=1)
    rule_id: str = column("Rule that stopped the row; several are joined by |")
    reason: str = column("What is wrong, in words, without subject ids")
    next_action: str = column("What would make the row usable")
    cells: str = column(
        "The row as read: JSON object of column to text, or {'line': text} if it did not split"
    )
    subject_id: str = column("Subject identifier", origin="USUBJID", null="unreadable or not recorded")
    verbatim_term: str = column("Term as reported", origin="AETERM", null="unreadable or no event row")
    lowest_level_term: str = column(
        "Coded lowest-level term", origin="AELLT", null="unreadable or no event row"
    )
    preferred_term: str = column("Coded preferred term", origin="AEDECOD", null="unreadable or no event row")
    llt_code: str = column("Lowest-level-term code", origin="AELLTCD", null="unreadable or no event row")
    pt_code: str = column("Preferred-term code", origin="AEPTCD", null="unreadable or no event row")
    body_system: str = column("System organ class", origin="AEBODSYS", null="unreadable or no event row")


@table(
    "core_findings",
    grain="one rule on one table and column",
    key=("study_id", "rule_id", "table_name", "column_name"),
)
class CoreFindings(Table):
    """Result of every check, passes and not-applicables included. Findings never block."""

    study_id: str = column("Study identifier", str_matches=STUDY_ID_PATTERN)
    rule_id: str = column("Rule id: a CDISC conformance id (CG0391, FB0609, ...) where one applies")
    table_name: str = column("Table the rule looks at")
    column_name: str = column("Column the rule looks at, or '*' for the row or the whole table")
    severity: str = column("How much it matters", isin=list(FINDING_SEVERITIES))
    status: str = column(
        "pass, fail, not_applicable (empty denominator) or error", isin=list(FINDING_STATUSES)
    )
    count: pl.Int64 = column("Rows that break the rule", ge=0)
    denominator: pl.Int64 = column("Rows the rule applies to", ge=0)
    description: str = column("The rule in words")
    next_action: str = column("What to do about a failure")
    example_rows: str = column("Up to five places as file:row, joined by |", null="no failing row")
