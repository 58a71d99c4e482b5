"""Staging: from cells as read to typed rows, with everything unreadable kept beside them.

Per role, which field becomes which column and with which reader may live here; how one text is read is
in the `parse_*` modules, what makes a row unusable beyond its own cells in `checking`.

Decisions
- A row leaves staging only by the manifest's `where`, as exposure to another product, or as rejected
  (by its reader, or for a half grade the study does not accept: STG-GRADE-HALF). Rows in = rows staged
  + rejected + filtered is asserted for every file.
- `is_fatal` is yes when the death flag of the event or its outcome says so (a contradiction is yes and
  a finding), no when the flag says no or a non-fatal outcome is recorded; never from the grade.
- `is_ongoing` is yes when its column says so, when the end date reads ONGOING, or when the outcome is
  "not recovered" and no end is recorded.
- An infusion of source `reference_start` is a subject row whose reference start is not blank; a row of
  an exposure or infusion file without a date is an infusion at an unknown time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any, Final

import polars as pl

from pipelines.ingest.accounts import (
    HALF_GRADES,
    account,
    file_findings,
    half_grade_rejects,
    reader_rejects,
    source_rows,
    suspect_rows,
)
from pipelines.ingest.cells import (
    FileCells,
    WholeFile,
    open_file,
    require_kept_rows,
    summed_findings,
    with_time_text,
)
from pipelines.ingest.column_names import require_field, resolve_columns
from pipelines.ingest.conformance import conformance_findings, keep_evidence
from pipelines.ingest.findings import findings_frame
from pipelines.ingest.parse_grades import HALF_GRADE, UNREADABLE_GRADE, read_grade
from pipelines.ingest.parse_words import (
    DEATH,
    NON_FATAL_OUTCOMES,
    ONGOING,
    OUTCOME,
    RELATIONSHIP,
    YES_NO,
    fold,
    read_scale,
    read_version,
)
from pipelines.ingest.raw import ROW, RawStudy, RawTable, StoredRawTable
from pipelines.ingest.splitting import count_rows
from pipelines.ingest.staging_assessments import date_by_events, stage_assessments
from pipelines.ingest.staging_subjects import stage_subjects
from schemas.assessments import StagedAssessments, StagedCrs, StagedMedicalHistory
from schemas.base import Table
from schemas.errors import ManifestError
from schemas.evidence import (
    CoreFindings,
    CoreParseProblems,
    CoreRejectedRows,
    StagedAdverseEvents,
    StagedInfusions,
    StagedSedation,
    StagedSourceRows,
    StagedSubjects,
)
from schemas.in_order import in_order
from schemas.manifest import StudyManifest

Tables = dict[str, pl.DataFrame]

TABLE_OF_ROLE = {
    "adverse_events": "adverse_events",
    "subjects": "subjects",
    "exposure": "infusions",
    "infusions": "infusions",
    "sedation": "sedation",
    "assessments": "assessments",
    "crs": "crs",
    "medical_history": "medical_history",
}
"""`table_name` of the problems, rejected rows and findings of a file, by its role."""
BATCH_ROWS: Final = 250_000
"""Adverse-event rows staged at a time: memory follows this, not the size of the study."""
_EVENTS: Final = "adverse_events"
_KEY_COLUMNS: Final = ("source_file", "source_row", "subject_id", "event_id")
_MODELS: Final[dict[str, type[Table]]] = {
    "adverse_events": StagedAdverseEvents,
    "subjects": StagedSubjects,
    "infusions": StagedInfusions,
    "sedation": StagedSedation,
    "assessments": StagedAssessments,
    "crs": StagedCrs,
    "medical_history": StagedMedicalHistory,
}


def stage_study(raw: RawStudy, batch_rows: int = BATCH_ROWS) -> Tables:
    """Type every row of a study.

    Returns `staged_adverse_events`, `staged_subjects`, `staged_infusions`, `staged_sedation`,
    `staged_assessments`, `staged_crs`, `staged_medical_history`, `staged_source_rows` (the cells of rows
    the checks may have to reject), `core_parse_problems`, `core_rejected_rows` and the `core_findings`
    made so far. `batch_rows` bounds memory and changes no result. Raises `ManifestError` when a file lacks a
    column it must have. Rows and columns of the result do not depend on the order of the files.
    """
    found: dict[str, list[pl.DataFrame]] = {}
    for part in stream_staging(raw.manifest, raw.tables, batch_rows):
        for name, frame in part.items():
            found.setdefault(name, []).append(frame)
    return {name: pl.concat(frames) for name, frames in found.items()}


def stream_staging(
    manifest: StudyManifest, tables: Sequence[RawTable | StoredRawTable], batch_rows: int = BATCH_ROWS
) -> Iterator[Tables]:
    """The rows of `stage_study` as they come: adverse events piece by piece, then every other table."""
    events = sorted((one for one in tables if one.spec.role == _EVENTS), key=lambda one: one.spec.path)
    for table in events:  # what a file lacks is said before the first of them is read
        names = [name for name in table.lazy().collect_schema().names() if name != ROW]
        resolve_columns(table.spec, names, manifest.grading.scale)
    files: list[FileCells] = []
    rejected: list[pl.DataFrame] = []
    staged: dict[str, list[pl.DataFrame]] = {table: [] for table in _MODELS}
    for table in (one for one in tables if one.spec.role != _EVENTS):
        (whole,) = table.pieces(max(table.rows_in, 1))
        file, frame, halves = _stage_piece(whole, manifest)
        require_kept_rows(table.spec, [file])
        files.append(file)
        rejected.append(halves)
        staged[file.table_name].append(frame)
    keys, onsets = [StagedAdverseEvents.empty()[list(_KEY_COLUMNS)]], [StagedAdverseEvents.empty()]
    points_at_events = any("event_id" in file.columns for file in files if file.table_name == "assessments")
    yield {StagedAdverseEvents.info().name: StagedAdverseEvents.empty()}
    for table in events:
        own: list[FileCells] = []
        stage = partial(_stage_events, table, manifest, WholeFile(table.lazy()))
        with closing(in_order(stage, table.pieces(batch_rows))) as pieces:
            for file, rows, halves in pieces:
                own.append(file)
                rejected.append(halves)
                keys.append(rows.select(_KEY_COLUMNS))
                if points_at_events:
                    onsets.append(rows)
                yield {StagedAdverseEvents.info().name: rows}
        require_kept_rows(table.spec, own)
        files += own
    staged["assessments"] = _dated_assessments(files, onsets)
    staged["infusions"].extend(_reference_starts(files, manifest))
    named = [*keys, *(frame for frames in staged.values() for frame in frames)]
    known = {subject for frame in named for subject in frame["subject_id"].unique()}
    rejected += [reader_rejects(file, known) for file in files]
    findings = summed_findings(manifest.study, files) + file_findings(manifest, files)
    findings += conformance_findings(manifest, files)
    suspects = [suspect_rows(_EVENTS, pl.concat(keys))]
    suspects += [suspect_rows(name, pl.concat(frames)) for name, frames in staged.items() if frames]
    frames_of: dict[type[Table], list[pl.DataFrame]] = {
        **{model: staged[table] for table, model in _MODELS.items() if table != _EVENTS},
        CoreRejectedRows: rejected,
        CoreParseProblems: [_once(file.problems) for file in files],
        StagedSourceRows: source_rows(tables, suspects, manifest),
    }
    rest = {model.info().name: model.require(_stack(frames, model)) for model, frames in frames_of.items()}
    yield rest | {"core_findings": CoreFindings.require(findings_frame(findings))}


def _stage_events(
    table: RawTable | StoredRawTable, manifest: StudyManifest, whole: WholeFile, piece: RawTable
) -> tuple[FileCells, pl.DataFrame, pl.DataFrame]:
    """A piece of adverse events, of which nothing stays in memory but what the study is told of."""
    is_whole = piece.rows_in == table.rows_in
    file, frame, halves = _stage_piece(piece, manifest, None if is_whole else whole)
    rows = StagedAdverseEvents.require(_stack([frame], StagedAdverseEvents))
    file.frame = keep_evidence(file.frame)
    file.let_go()
    return file, rows, halves


def _stage_piece(
    table: RawTable, manifest: StudyManifest, whole: WholeFile | None = None
) -> tuple[FileCells, pl.DataFrame, pl.DataFrame]:
    """A file, or a piece of one: as read, its staged rows, and those rejected for a half grade."""
    role = table.spec.role
    file = open_file(table, manifest, TABLE_OF_ROLE[role], whole)
    frame, halves = _STAGERS.get(role, _stage_infusions)(file)
    account(file, count_rows(frame) + halves.height)
    return file, frame, halves


def _stack(frames: Sequence[pl.DataFrame], model: type[Table]) -> pl.DataFrame:
    schema = model.polars_schema()
    return pl.concat(
        [model.empty(), *(frame.select(pl.col(n).cast(t) for n, t in schema.items()) for frame in frames)]
    )


def _once(problems: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """A cell that two fields share is one problem: that of the field read first."""
    frames = [CoreParseProblems.empty(), *problems]
    return pl.concat(frames).unique(["source_row", "column_name"], keep="first", maintain_order=True)


_OPEN_ENDS: Final = ["ONGOING", "CONTINUING"]
_UNREADABLE_SEVERITY: Final = "STG-SEVERITY-UNREADABLE"


# -- roles -----------------------------------------------------------------------------------------------


def _stage_adverse_events(file: FileCells) -> tuple[pl.DataFrame, pl.DataFrame]:
    manifest, grading = file.manifest, file.manifest.grading

    def grade(text: str | None) -> tuple[Any, ...]:
        read = read_grade(text, grading.half_grades)
        return read.grade, read.status, UNREADABLE_GRADE if read.status == "unreadable" else None

    def scale(text: str | None, version: str | None) -> tuple[Any, ...]:
        read, inline, readable = read_scale(text)
        chosen = "none" if not readable else read or grading.scale
        written = version if fold(version) else inline
        if written is None and chosen == grading.scale:
            written = grading.version
        known, versioned = (
            read_version(chosen, written) if chosen not in ("severity", "none") else (None, True)
        )
        return (
            chosen,
            known,
            None if readable else "STG-SCALE-UNKNOWN",
            None if versioned else "STG-VERSION-UNKNOWN",
        )

    text, code = pl.String(), pl.Int8()
    file.parse(["grade"], grade, {"__grade": code, "grade_status": text, "__rule": text})
    file.note(
        "grade", "grade", {UNREADABLE_GRADE: "The text is no grade; the row is kept, its grade is null"}
    )
    file.parse(
        ["scale", "scale_version"],
        scale,
        {"__scale": text, "__version": text, "__rule": text, "__version_rule": text},
    )
    file.note("scale", "scale", {"STG-SCALE-UNKNOWN": "The scale of the row is not one the release knows"})
    at_version = "scale_version" if "scale_version" in file.columns else "scale"
    file.frame = file.frame.rename({"__version_rule": "__rule"})
    file.note(
        at_version,
        "scale_version",
        {"STG-VERSION-UNKNOWN": "The scale has no such version; every version stays possible"},
    )
    file.parse(["severity"], _severity, {"__severity": code, "__rule": text})
    file.note("severity", "severity", {_UNREADABLE_SEVERITY: "The text is no severity; it is not compared"})
    file.parse_date("start", "start", "start_time")
    file.parse_date("end", "end", "end_time")
    boolean = pl.Boolean()
    file.parse_words("ongoing", ONGOING, "__is_ongoing", boolean)
    file.parse_words("relationship", RELATIONSHIP, "__relationship", text)
    file.parse_words("outcome", OUTCOME, "__outcome", text)
    file.parse_words("fatal", DEATH, "__is_fatal", boolean)
    file.parse_words("serious", YES_NO, "__is_serious", boolean)
    file.parse_words("sponsor_neurotoxicity", YES_NO, "__is_sponsor_neurotoxicity", boolean)
    halved = file.frame.filter(pl.col("grade_status").is_in(["half", "rounded_up"]))
    recorded = file.frame.height - file.frame.get_column("grade").null_count()
    file.counts.append((HALF_GRADES, "grade", halved.select("source_file", "source_row"), recorded))
    half = file.frame.filter(pl.col("grade_status") == "half")
    file.frame = file.frame.filter(pl.col("grade_status") != "half")
    _name_events(file)
    ends_open = pl.col("end").str.to_uppercase().is_in(_OPEN_ENDS)
    open_end = (pl.col("__outcome") == "not_recovered") & pl.col("end").is_null()
    died = pl.col("__is_fatal").fill_null(value=False) | (pl.col("__outcome") == "fatal").fill_null(
        value=False
    )
    survived = ~pl.col("__is_fatal") | pl.col("__outcome").is_in(NON_FATAL_OUTCOMES)
    frame = file.frame.with_columns(
        study_id=pl.lit(manifest.study),
        grade_text=pl.col("grade"),
        grade=pl.col("__grade"),
        severity=pl.col("__severity"),
        scale=pl.col("__scale"),
        scale_version=pl.col("__version"),
        start_text=with_time_text("start", "start_time"),
        end_text=with_time_text("end", "end_time"),
        is_ongoing=pl.when(pl.col("__is_ongoing").is_not_null())
        .then("__is_ongoing")
        .when((ends_open | open_end).fill_null(value=False))
        .then(statement=True),
        relationship=pl.col("__relationship"),
        outcome=pl.col("__outcome"),
        is_fatal=pl.when(died)
        .then(statement=True)
        .when(survived.fill_null(value=False))
        .then(statement=False),
        is_serious=pl.col("__is_serious"),
        is_sponsor_neurotoxicity=pl.col("__is_sponsor_neurotoxicity"),
    )
    return frame, half_grade_rejects(file, half)


def _severity(text: str | None) -> tuple[Any, ...]:
    """Severity 1..5; none, for no severity, is nothing to compare with."""
    read = read_grade(text)
    unread = read.status in ("half", "unreadable") and fold(text) != "NONE"
    return read.grade or None, _UNREADABLE_SEVERITY if unread else None


def _name_events(file: FileCells) -> None:
    """Give an event without a sequence number the digest of its cells: equal rows get equal names."""
    unnamed = file.frame.filter(pl.col("event_id").is_null())
    if unnamed.height:
        file.frame = file.frame.join(file.row_digests(unnamed), on="source_row", how="left").with_columns(
            event_id=pl.coalesce("event_id", pl.lit("x") + pl.col("digest"))
        )


def _stage_infusions(file: FileCells) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of the file the manifest takes infusions from; of an exposure file, those of the cell product."""
    source, role = file.manifest.infusions.source, file.table.spec.role
    used = (role == "exposure" and source == "exposure") or (role == "infusions" and source == "table")
    before = file.frame.height
    if not used:
        file.frame = file.frame.clear()
    products = file.manifest.infusions.products
    if used and role == "exposure" and products and before:
        require_field(file.table.spec, ("product",), file.columns, file.manifest.grading.scale)
        wanted = {fold(product) for product in products}
        file.parse(["product"], lambda text: (fold(text) in wanted,), {"__wanted": pl.Boolean()})
        found = file.frame.get_column("product").drop_nulls().unique().sort().to_list()
        file.frame = file.frame.filter("__wanted")
        if not file.frame.height:
            raise ManifestError(
                f"no row is of the products {', '.join(products)}; the column holds {', '.join(found[:10])}",
                file=file.path,
                column=file.columns["product"],
                next_action="correct infusions.products in study.yaml",
            )
    file.filtered += before - file.frame.height
    file.parse_date("date", "infusion", "time")
    frame = file.frame.with_columns(
        study_id=pl.lit(file.manifest.study), infusion_text=with_time_text("date", "time")
    )
    return frame, CoreRejectedRows.empty()


def _stage_sedation(file: FileCells) -> tuple[pl.DataFrame, pl.DataFrame]:
    file.parse_date("start", "start")
    file.parse_date("end", "end")
    return file.frame.with_columns(study_id=pl.lit(file.manifest.study)), CoreRejectedRows.empty()


def _stage_assessments(file: FileCells) -> tuple[pl.DataFrame, pl.DataFrame]:
    return stage_assessments(file), CoreRejectedRows.empty()


def _dated_assessments(files: Sequence[FileCells], events: Sequence[pl.DataFrame]) -> list[pl.DataFrame]:
    """Assessments, those of SUPPAE with the onset of their event."""
    known = _stack(events, StagedAdverseEvents)
    columns = [file.columns["event_id"] for file in files if _is_named_event_table(file)]
    return [date_by_events(file, known, columns) for file in files if file.table.spec.role == "assessments"]


def _is_named_event_table(file: FileCells) -> bool:
    return file.table.spec.role == "adverse_events" and "event_id" in file.columns


def _stage_crs(file: FileCells) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A grade only describes the row, so a half grade leaves it without one and the row stays."""
    half_grades, rules = (
        file.manifest.grading.half_grades,
        {"half": HALF_GRADE, "unreadable": UNREADABLE_GRADE},
    )

    def grade(text: str | None) -> tuple[Any, ...]:
        read = read_grade(text, half_grades)
        return read.grade, rules.get(read.status)

    file.parse(["grade"], grade, {"__grade": pl.Int8(), "__rule": pl.String()})
    file.note(
        "grade",
        "grade",
        {
            UNREADABLE_GRADE: "The text is no grade; the row is kept, its grade is null",
            HALF_GRADE: "A half grade; the row is kept, its grade is null",
        },
    )
    file.parse_date("start", "start")
    file.parse_date("end", "end")
    file.parse_words("ongoing", ONGOING, "is_ongoing", pl.Boolean())
    ends_open = pl.col("end").str.to_uppercase().is_in(_OPEN_ENDS).fill_null(value=False)
    frame = file.frame.with_columns(
        study_id=pl.lit(file.manifest.study),
        grade_text=pl.col("grade"),
        grade=pl.col("__grade"),
        is_ongoing=pl.coalesce("is_ongoing", pl.when(ends_open).then(statement=True)),
    )
    return frame, CoreRejectedRows.empty()


def _stage_medical_history(file: FileCells) -> tuple[pl.DataFrame, pl.DataFrame]:
    file.parse_date("start", "start")
    return file.frame.with_columns(study_id=pl.lit(file.manifest.study)), CoreRejectedRows.empty()


_STAGERS = {
    "assessments": _stage_assessments,
    "crs": _stage_crs,
    "medical_history": _stage_medical_history,
    "adverse_events": _stage_adverse_events,
    "subjects": stage_subjects,
    "sedation": _stage_sedation,
}


def _reference_starts(files: Sequence[FileCells], manifest: StudyManifest) -> list[pl.DataFrame]:
    """Infusions that the subject table gives: subjects with a reference start, read or not."""
    if manifest.infusions.source != "reference_start":
        return []
    frames = []
    for file in files:
        if file.table.spec.role == "subjects":
            require_field(file.table.spec, ("reference_start",), file.columns, manifest.grading.scale)
            treated = file.frame.filter(
                pl.col("reference_start").is_not_null() & pl.col("subject_id").is_not_null()
            )
            frames.append(
                treated.with_columns(
                    product=pl.lit(manifest.product, pl.String),
                    infusion_text=pl.col("reference_start"),
                    infusion_earliest=pl.col("reference_start_earliest"),
                    infusion_latest=pl.col("reference_start_latest"),
                    infusion_precision=pl.col("reference_start_precision"),
                )
            )
    return frames
