"""Checks: staged rows become valid rows, rejected rows and findings; nothing is lost on the way.

What makes a row unusable, how infusions are counted and which subjects a study has may live here; the
rules that only report are in `rules` and `conformance`.

Decisions
- A row without a subject is rejected (CHK-SUBJECT-MISSING), and so is one that breaks its schema
  (CHK-SCHEMA). Of rows with the same key and the same cells the first in the file is kept, the others are
  rejected (CHK-DUPLICATE-ROW); the same key with different cells rejects all of them (CHK-KEY-CONFLICT).
- Rows of one subject with the same infusion day are one infusion (a split bag); its start is the earlier
  of the two. Rows whose date is not whole are one infusion only if they say the same. A row without a
  date is an infusion at an unknown time, last in number.
- A subject is anyone with a subject row, an event or assessment row (rejected ones too) or an infusion.
  One whose subject rows contradict each other is listed, with unknown age and vital status.
- Which scale applies at a subject's age is decided in `populations`.
- Of an assessment row with several items, all items are used or none: it is rejected as a whole. Repeated
  assessments are kept: two values of one item at one moment are both possible (GRADING.md 4.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Final

import polars as pl

from pipelines.ingest.assessment_rules import (
    ASSESSMENT_RULES,
    CRS_RULES,
    HISTORY_RULES,
    beside_moments,
)
from pipelines.ingest.findings import Rule, finding, findings_frame
from pipelines.ingest.populations import derive_population
from pipelines.ingest.rules import (
    EVENT_RULES,
    INFUSION_RULES,
    SEDATION_RULES,
    SUBJECT_RULES,
    Tally,
    cutoff_instant,
    run_rules,
    tally_findings,
    tally_rules,
)
from pipelines.ingest.splitting import PLACE, REJECTIONS, assert_validation_is_on, split_rows
from schemas.assessments import CoreAssessments, CoreCrs, CoreMedicalHistory
from schemas.base import SEPARATOR, Table
from schemas.errors import SchemaError
from schemas.evidence import (
    CoreAdverseEvents,
    CoreFindings,
    CoreInfusions,
    CoreParseProblems,
    CoreRejectedRows,
    CoreSedation,
    CoreSubjects,
    StagedInfusions,
    StagedSubjects,
)
from schemas.frames import Sources
from schemas.in_order import in_order
from schemas.manifest import StudyManifest

Tables = dict[str, pl.DataFrame]

BATCH_ROWS: Final = 250_000
"""Adverse-event rows checked at a time: memory follows this, not the size of the study."""
_SPLITS: Final[tuple[tuple[str, type[Table], tuple[str, ...]], ...]] = (
    ("subjects", StagedSubjects, ("subject_id",)),
    ("infusions", StagedInfusions, ()),
    ("sedation", CoreSedation, ()),
    ("assessments", CoreAssessments, ()),
    ("crs", CoreCrs, ()),
    ("medical_history", CoreMedicalHistory, ()),
)
"""Tables split whole, with the schema of their valid rows and their key, where rows may not repeat."""
_SMALL_TABLES: Final = (
    *(f"staged_{table_name}" for table_name, _, _ in _SPLITS),
    *("staged_source_rows", "core_parse_problems", "core_rejected_rows", "core_findings"),
)
_MERGED: Final = Rule(
    "CHK-INFUSION-SPLIT",
    "infusion_earliest",
    "info",
    "Rows of the same subject and day, counted as one infusion",
    "none, if the product was given in several bags",
)
_LATER: Final = Rule(
    "CHK-INFUSION-LATER-DOSE",
    "infusion_number",
    "info",
    "Doses after the first one, left out because the manifest says infusions.first_only",
    "none, if the first dose stands for the infusion",
)
_NO_SUBJECT_TABLE: Final = Rule(
    "CHK-SUBJECT-TABLE-ABSENT",
    "*",
    "warning",
    "The study has a subject table, so that rates are of all infused subjects",
    "add the subject table; until then rates are of subjects with a reported event",
)
_UNINFUSED: Final = Rule(
    "CHK-INFUSIONS-ABSENT",
    "*",
    "error",
    "The study records infusions, so that day 0 is known",
    "set infusions.source in study.yaml; until then nobody can be evaluated",
)


def check_study(staged: Sources, manifest: StudyManifest, batch_rows: int = BATCH_ROWS) -> Tables:
    """Split staged rows into valid and rejected, build subjects and infusions, run every rule.

    Returns the tables `core_adverse_events`, `core_subjects`, `core_infusions`, `core_sedation`,
    `core_assessments`, `core_crs`, `core_medical_history`, `core_parse_problems`, `core_rejected_rows` and
    `core_findings`, canonical and validated. `batch_rows` bounds memory and changes no result. Raises
    `SchemaError` when a whole table does not fit its schema, when the rows do not add up, or when
    validation has been switched off in the environment.
    """
    found: dict[str, list[pl.DataFrame]] = {}
    for part in stream_checks(staged, manifest, batch_rows):
        for name, frame in part.items():
            found.setdefault(name, []).append(frame)
    return {name: pl.concat(frames) for name, frames in found.items()}


def stream_checks(staged: Sources, manifest: StudyManifest, batch_rows: int = BATCH_ROWS) -> Iterator[Tables]:
    """The rows of `check_study` as they come: adverse events by batches of subjects, then the others."""
    assert_validation_is_on()
    events = staged["staged_adverse_events"].lazy()
    small = {name: staged[name].lazy().collect() for name in _SMALL_TABLES}
    cells = small["staged_source_rows"]
    rejected, valid = [small["core_rejected_rows"]], {}
    for table_name, model, key in _SPLITS:
        valid[table_name], lost = split_rows(small[f"staged_{table_name}"], model, table_name, cells, key)
        rejected.append(lost)
    infusions, rows = _number_infusions(valid["infusions"], manifest)
    reported = events.select("subject_id").unique().collect()
    subjects, wide = _list_subjects(
        reported, valid["assessments"], valid["subjects"], infusions, pl.concat(rejected), manifest
    )
    known, beside = _known_beside(wide, infusions, manifest)
    tallies, used = [], 0

    def check(batch: pl.LazyFrame) -> tuple[pl.DataFrame, pl.DataFrame, list[Tally]]:
        # Rows come from the file in many chunks, and every join would bring the chunks in line again.
        rows = batch.collect().rechunk()
        kept, lost = split_rows(rows, CoreAdverseEvents, "adverse_events", cells, ("subject_id", "event_id"))
        tally = tally_rules(EVENT_RULES, _with_subject(kept, beside, manifest))
        return CoreAdverseEvents.require(kept), lost, tally

    with closing(in_order(check, _split_events(events, batch_rows))) as batches:
        for kept, lost, tally in batches:
            rejected.append(lost)
            tallies.append(tally)
            used += kept.height
            yield {CoreAdverseEvents.info().name: kept}
    every_rejected = pl.concat(rejected)
    rows_of = {name: small[f"staged_{name}"].height for name in valid}
    rows_of["adverse_events"] = events.select(pl.len()).collect().item()
    rows += _rejection_findings(rows_of, every_rejected, manifest)
    rows += _study_findings(manifest, infusions, has_events=used > 0)
    rows += tally_findings(EVENT_RULES, tallies, manifest.study, "core_adverse_events")
    for rules, frame, name in (
        (ASSESSMENT_RULES, beside_moments(valid["assessments"]), "core_assessments"),
        (CRS_RULES, valid["crs"], "core_crs"),
        (HISTORY_RULES, valid["medical_history"], "core_medical_history"),
    ):
        rows += run_rules(rules, _with_subject(frame, beside, manifest), manifest.study, name)
    rows += run_rules(SUBJECT_RULES, known, manifest.study, "core_subjects")
    rows += run_rules(INFUSION_RULES, infusions, manifest.study, "core_infusions")
    rows += run_rules(SEDATION_RULES, valid["sedation"], manifest.study, "core_sedation")
    findings = pl.concat([small["core_findings"], findings_frame(rows)])
    yield {
        model.info().name: model.require(frame)
        for model, frame in (
            (CoreSubjects, subjects),
            (CoreInfusions, infusions),
            (CoreSedation, valid["sedation"]),
            (CoreAssessments, valid["assessments"]),
            (CoreCrs, valid["crs"]),
            (CoreMedicalHistory, valid["medical_history"]),
            (CoreParseProblems, small["core_parse_problems"]),
            (CoreRejectedRows, every_rejected),
            (CoreFindings, findings),
        )
    }


# -- adverse events in batches ---------------------------------------------------------------------------


def _split_events(events: pl.LazyFrame, batch_rows: int) -> Iterator[pl.LazyFrame]:
    """Staged rows in batches of whole subjects in the order of their ids; at least one batch.

    Every rule on adverse events looks at rows of one subject. Rows without a subject are in the first batch.
    """
    counts = (
        events.group_by("subject_id")
        .len()
        .sort("subject_id", nulls_last=False)
        .with_columns((pl.col("len").cum_sum() // batch_rows).alias("batch"))
        .collect()
    )
    if counts.get_column("batch").n_unique() < 2:
        yield events
        return
    subject = pl.col("subject_id")
    bounds = (
        counts.drop_nulls("subject_id")
        .group_by("batch")
        .agg(subject.min().alias("first"), subject.max().alias("last"))
        .sort("batch")
    )
    for number, (first, last) in enumerate(bounds.select("first", "last").iter_rows()):
        mine = subject.is_between(pl.lit(first), pl.lit(last))
        yield events.filter(mine if number else mine | subject.is_null())


def _known_beside(
    wide: pl.DataFrame, infusions: pl.DataFrame, manifest: StudyManifest
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Subjects with what is known of the study, and what of it stands beside a row of theirs."""
    known = wide.with_columns(
        has_subject_table=pl.lit(value=_has_subject_table(manifest)),
        has_infusions=pl.lit(value=infusions.height > 0),
    )
    beside = known.drop("source_file", "source_row", "arm", "sex", "study_id")
    return known, beside.with_columns(cutoff=pl.lit(cutoff_instant(manifest), pl.Datetime("us")))


def _with_subject(rows: pl.DataFrame, beside: pl.DataFrame, manifest: StudyManifest) -> pl.DataFrame:
    """Cytokine release and history may name somebody who is no subject of the study."""
    # In the order of the rows, so that none of their columns has to be gathered.
    return rows.join(beside, on="subject_id", how="left", maintain_order="left").with_columns(
        pl.col("has_subject_table").fill_null(value=_has_subject_table(manifest)),
        pl.col("is_in_subject_table").fill_null(value=False),
    )


def _has_subject_table(manifest: StudyManifest) -> bool:
    return any(file.role == "subjects" for file in manifest.files)


# -- infusions and subjects ------------------------------------------------------------------------------


def _number_infusions(
    doses: pl.DataFrame, manifest: StudyManifest
) -> tuple[pl.DataFrame, list[dict[str, object]]]:
    """One row per infusion, numbered in time order; the order is total, so that no tie is left open."""
    order = ["infusion_earliest", "infusion_latest", *PLACE]
    ordered = doses.sort(["subject_id", *order], nulls_last=True)
    days = [
        pl.col("infusion_earliest").dt.date().alias("__from"),
        pl.col("infusion_latest").dt.date().alias("__to"),
    ]
    merged = ordered.group_by("study_id", "subject_id", *days, maintain_order=True).agg(
        pl.col("infusion_latest").min(), pl.exclude("infusion_latest").first()
    )
    merged = merged.sort(["subject_id", *order], nulls_last=True).with_columns(
        infusion_number=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("subject_id")
    )
    kept = merged.filter(pl.col("infusion_number") == 1) if manifest.infusions.first_only else merged
    later = merged.height - kept.height
    if kept.height + later + (doses.height - merged.height) != doses.height:
        raise SchemaError("infusions do not add up", next_action="report this defect; nothing was published")
    split = doses.height - merged.height
    rows = [
        finding(_MERGED, manifest.study, "core_infusions", count=split, denominator=doses.height),
        finding(
            _LATER,
            manifest.study,
            "core_infusions",
            count=later,
            denominator=merged.height if manifest.infusions.first_only else 0,
        ),
    ]
    return kept.select(list(CoreInfusions.polars_schema())), rows


def _list_subjects(
    reported: pl.DataFrame,
    assessments: pl.DataFrame,
    listed: pl.DataFrame,
    infusions: pl.DataFrame,
    rejected: pl.DataFrame,
    manifest: StudyManifest,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`core_subjects`, and the same rows with birth, first infusion and events beside them.

    `reported` holds the subjects of every staged adverse-event row; `rejected` may lack such rows.
    """
    of_table = pl.col("table_name")
    in_table = (
        pl.concat([listed.select("subject_id"), rejected.filter(of_table == "subjects").select("subject_id")])
        .drop_nulls()
        .unique()
    )
    with_event = (
        pl.concat(
            [
                reported.select("subject_id"),
                rejected.filter(of_table == "adverse_events").select("subject_id"),
            ]
        )
        .drop_nulls()
        .unique()
    )
    first = infusions.filter(pl.col("infusion_number") == 1).select(
        "subject_id", "infusion_earliest", "infusion_latest"
    )
    assessed = pl.concat(
        [assessments.select("subject_id"), rejected.filter(of_table == "assessments").select("subject_id")]
    ).drop_nulls()
    everyone = pl.concat([in_table, with_event, assessed, infusions.select("subject_id")]).unique()
    here = pl.lit(value=True)
    wide = (
        everyone.join(listed.drop("study_id"), on="subject_id", how="left")
        .join(in_table.with_columns(is_in_subject_table=here), on="subject_id", how="left")
        .join(with_event.with_columns(has_event=here), on="subject_id", how="left")
        .join(
            infusions.select("subject_id").unique().with_columns(is_infused=here), on="subject_id", how="left"
        )
        .join(first, on="subject_id", how="left")
        .with_columns(
            pl.col("is_in_subject_table", "has_event", "is_infused").fill_null(value=False),
            pl.col("vital_status").fill_null("unknown"),
            study_id=pl.lit(manifest.study),
            recorded_age=pl.col("age_years"),
        )
    )
    wide = derive_population(wide, manifest.age_recorded_at)
    return wide.select(list(CoreSubjects.polars_schema())), wide


# -- findings about the study as a whole -----------------------------------------------------------------


def _rejection_findings(
    rows_of: Mapping[str, int], rejected: pl.DataFrame, manifest: StudyManifest
) -> list[dict[str, object]]:
    rows = []
    for table_name, total in rows_of.items():
        for rule in REJECTIONS:
            here = rejected.filter(
                (pl.col("table_name") == table_name)
                & pl.col("rule_id").str.split(SEPARATOR).list.contains(rule.rule_id)
            )
            rows.append(
                finding(rule, manifest.study, table_name, count=here.height, denominator=total, places=here)
            )
    return rows


def _study_findings(
    manifest: StudyManifest, infusions: pl.DataFrame, *, has_events: bool
) -> list[dict[str, object]]:
    is_absent = not _has_subject_table(manifest)
    return [
        finding(_NO_SUBJECT_TABLE, manifest.study, "core_subjects", count=int(is_absent), denominator=1),
        finding(
            _UNINFUSED,
            manifest.study,
            "core_infusions",
            count=int(infusions.height == 0),
            denominator=int(has_events),
        ),
    ]
