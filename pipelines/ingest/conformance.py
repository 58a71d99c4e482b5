"""CDISC conformance rules that need the cells as written, and comparisons between two such columns.

Only rules about what the file says may live here; rules about typed rows are in `checking`. A rule
carries a CDISC or FDA id only where its published text (cdisc-open-rules) is this rule.
Sources: SDTM and SDTMIG Conformance Rules 2.0, CG0391 (CORE-000126), CG0134 (CORE-000254, the same rule
as FB0603), CG0135 (CORE-000253, the same rule as FB0604).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from pipelines.ingest.cells import FileCells
from pipelines.ingest.findings import Rule, finding
from schemas.manifest import StudyManifest

_PLACE: Final = ("source_file", "source_row")
_FIX: Final = "correct the source, or record why it is right"

CG0391: Final = Rule("CG0391", "AESDTH", "warning", "AESDTH is Y, N or empty", _FIX)
CG0134: Final = Rule(
    "CG0134", "DTHFL", "error", "A subject with an adverse event of AEOUT = FATAL has DTHFL = Y", _FIX
)
CG0135: Final = Rule(
    "CG0135", "DTHFL", "error", "A subject with an adverse event of AESDTH = Y has DTHFL = Y", _FIX
)
FATAL_CONTRADICTION: Final = Rule(
    "STG-FATAL-CONTRADICTION",
    "is_fatal",
    "error",
    "The death flag of an event agrees with its outcome; a contradiction counts as fatal",
    _FIX,
)
ALIVE_WITH_DEATH_DATE: Final = Rule(
    "STG-ALIVE-WITH-DEATH-DATE",
    "vital_status",
    "error",
    "A subject whose death flag says no has no death date; a contradiction counts as dead",
    _FIX,
)
SEVERITY_TOXICITY: Final = Rule(
    "STG-SEVERITY-TOXICITY",
    "grade",
    "warning",
    "Severity (AESEV) and toxicity grade agree: mild 1, moderate 2, severe 3 or 4",
    "ask which of the two is right; the toxicity grade is the one used",
)


def keep_evidence(events: pl.DataFrame) -> pl.DataFrame:
    """What the rules need of the rows of an adverse-event file, in little memory."""
    words = ("source_file", "fatal", "outcome", "__outcome")
    return events.select(
        "source_row",
        "subject_id",
        pl.col(words).cast(pl.Categorical),
        pl.col("__is_fatal", "__grade", "__severity"),
    )


def conformance_findings(manifest: StudyManifest, files: Sequence[FileCells]) -> list[dict[str, object]]:
    """Run every rule; one whose columns the study does not have is not applicable."""
    events = [file for file in files if file.table.spec.role == "adverse_events"]
    subjects = [file for file in files if file.table.spec.role == "subjects"]
    rows = [_death_flags(manifest.study, events)]
    flagged = [file for file in subjects if _is_named(file, "death_flag", "DTHFL")]
    for rule, field, column, word in (
        (CG0134, "outcome", "AEOUT", "FATAL"),
        (CG0135, "fatal", "AESDTH", "Y"),
    ):
        named = [file for file in events if _is_named(file, field, column)]
        died = [file.frame.filter(pl.col(field) == word).select("subject_id") for file in named]
        listed = [file.frame.select(*_PLACE, "subject_id", "death_flag") for file in flagged]
        applies = _stack(listed, ("subject_id", "death_flag")).join(
            _stack(died, ("subject_id",), places=False), on="subject_id", how="semi"
        )
        failing = applies.filter(pl.col("death_flag").ne_missing("Y"))
        rows.append(_result(rule, manifest.study, "subjects", failing, applies.height))
    rows.append(_fatal_contradictions(manifest.study, events))
    both = _stack(
        [
            file.frame.filter(pl.col("__vital_status").is_not_null() & pl.col("death_date").is_not_null())
            for file in subjects
        ],
        ("__vital_status",),
        pl.Boolean,
    )
    rows.append(
        _result(
            ALIVE_WITH_DEATH_DATE,
            manifest.study,
            "subjects",
            both.filter(~pl.col("__vital_status")),
            both.height,
        )
    )
    rows.append(_severities(manifest.study, events))
    return rows


def _is_named(file: FileCells, field: str, column: str) -> bool:
    return file.columns.get(field, "").upper() == column


def _stack(
    frames: Sequence[pl.DataFrame],
    columns: Sequence[str],
    dtype: type[pl.DataType] = pl.String,
    *,
    places: bool = True,
) -> pl.DataFrame:
    schema: dict[str, type[pl.DataType]] = (
        {"source_file": pl.String, "source_row": pl.Int64} if places else {}
    )
    schema |= dict.fromkeys(columns, dtype)
    cast = [frame.select(pl.col(name).cast(of) for name, of in schema.items()) for frame in frames]
    return pl.concat([pl.DataFrame(schema=schema), *cast])


def _result(
    rule: Rule, study_id: str, table_name: str, failing: pl.DataFrame, applies: int
) -> dict[str, object]:
    return finding(rule, study_id, table_name, count=failing.height, denominator=applies, places=failing)


def _death_flags(study_id: str, events: Sequence[FileCells]) -> dict[str, object]:
    named = [file.frame for file in events if _is_named(file, "fatal", "AESDTH")]
    flags = _stack(named, ("fatal",)).drop_nulls("fatal")
    return _result(
        CG0391, study_id, "adverse_events", flags.filter(~pl.col("fatal").is_in(["Y", "N"])), flags.height
    )


def _fatal_contradictions(study_id: str, events: Sequence[FileCells]) -> dict[str, object]:
    frames = [
        file.frame.select(
            *_PLACE, (pl.col("__outcome") == "fatal").alias("out"), pl.col("__is_fatal").alias("flag")
        ).filter(pl.col("out").is_not_null() & pl.col("flag").is_not_null())
        for file in events
    ]
    both = _stack(frames, ("out", "flag"), pl.Boolean)
    return _result(
        FATAL_CONTRADICTION,
        study_id,
        "adverse_events",
        both.filter(pl.col("out") != pl.col("flag")),
        both.height,
    )


def _severities(study_id: str, events: Sequence[FileCells]) -> dict[str, object]:
    """Events with a toxicity grade and, beside it, a severity."""
    frames = [
        file.frame.select(*_PLACE, pl.col("__grade").alias("grade"), pl.col("__severity").alias("severity"))
        for file in events
    ]
    both = _stack(frames, ("grade", "severity"), pl.Int8).drop_nulls()
    agrees = (pl.col("grade") == pl.col("severity")) | ((pl.col("severity") == 3) & (pl.col("grade") == 4))
    return _result(SEVERITY_TOXICITY, study_id, "adverse_events", both.filter(~agrees), both.height)
