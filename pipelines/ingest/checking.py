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
- A subject is anyone with a subject row, an event row (rejected ones too) or an infusion. One whose
  subject rows contradict each other is listed, with unknown age and vital status.
- Population (GRADING.md 2): developmental delay is child; else the age at the first infusion by birth
  date decides where it is certain, else the recorded age; exactly 12.0 is adult; no age is unknown.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pipelines.ingest.findings import Rule, finding, findings_frame
from pipelines.ingest.rules import (
    EVENT_RULES,
    INFUSION_RULES,
    SEDATION_RULES,
    SUBJECT_RULES,
    cutoff_instant,
    run_rules,
)
from pipelines.ingest.splitting import PLACE, REJECTIONS, assert_validation_is_on, split_rows
from schemas.base import SEPARATOR
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
from schemas.manifest import StudyManifest

Tables = dict[str, pl.DataFrame]

_ADULT_FROM_YEARS: Final = 12
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


def check_study(staged: Tables, manifest: StudyManifest) -> Tables:
    """Split staged rows into valid and rejected, build subjects and infusions, run every rule.

    Returns the tables `core_adverse_events`, `core_subjects`, `core_infusions`, `core_sedation`,
    `core_parse_problems`, `core_rejected_rows` and `core_findings`, canonical and validated. Raises
    `SchemaError` when a whole table does not fit its schema, when the rows do not add up, or when
    validation has been switched off in the environment.
    """
    assert_validation_is_on()
    cells = staged["staged_source_rows"]
    rejected = [staged["core_rejected_rows"]]
    events, lost = split_rows(
        staged["staged_adverse_events"],
        CoreAdverseEvents,
        "adverse_events",
        cells,
        ("subject_id", "event_id"),
    )
    rejected.append(lost)
    listed, lost = split_rows(staged["staged_subjects"], StagedSubjects, "subjects", cells, ("subject_id",))
    rejected.append(lost)
    doses, lost = split_rows(staged["staged_infusions"], StagedInfusions, "infusions", cells)
    rejected.append(lost)
    sedation, lost = split_rows(staged["staged_sedation"], CoreSedation, "sedation", cells)
    rejected.append(lost)
    every_rejected = pl.concat(rejected)
    infusions, rows = _number_infusions(doses, manifest)
    subjects, wide = _list_subjects(events, listed, infusions, every_rejected, manifest)
    rows += _rejection_findings(staged, every_rejected, manifest)
    rows += _study_findings(manifest, infusions, events)
    has_table = any(file.role == "subjects" for file in manifest.files)
    known = wide.with_columns(
        has_subject_table=pl.lit(value=has_table), has_infusions=pl.lit(value=infusions.height > 0)
    )
    beside = known.drop("source_file", "source_row", "arm", "sex", "study_id")
    rows += run_rules(
        EVENT_RULES,
        events.join(beside, on="subject_id", how="left").with_columns(
            cutoff=pl.lit(cutoff_instant(manifest), pl.Datetime("us"))
        ),
        manifest.study,
        "core_adverse_events",
    )
    rows += run_rules(SUBJECT_RULES, known, manifest.study, "core_subjects")
    rows += run_rules(INFUSION_RULES, infusions, manifest.study, "core_infusions")
    rows += run_rules(SEDATION_RULES, sedation, manifest.study, "core_sedation")
    findings = pl.concat([staged["core_findings"], findings_frame(rows)])
    return {
        model.info().name: model.require(frame)
        for model, frame in (
            (CoreAdverseEvents, events),
            (CoreSubjects, subjects),
            (CoreInfusions, infusions),
            (CoreSedation, sedation),
            (CoreParseProblems, staged["core_parse_problems"]),
            (CoreRejectedRows, every_rejected),
            (CoreFindings, findings),
        )
    }


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
    events: pl.DataFrame,
    listed: pl.DataFrame,
    infusions: pl.DataFrame,
    rejected: pl.DataFrame,
    manifest: StudyManifest,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`core_subjects`, and the same rows with birth, first infusion and events beside them."""
    of_table = pl.col("table_name")
    in_table = (
        pl.concat([listed.select("subject_id"), rejected.filter(of_table == "subjects").select("subject_id")])
        .drop_nulls()
        .unique()
    )
    with_event = (
        pl.concat(
            [events.select("subject_id"), rejected.filter(of_table == "adverse_events").select("subject_id")]
        )
        .drop_nulls()
        .unique()
    )
    first = infusions.filter(pl.col("infusion_number") == 1).select(
        "subject_id", "infusion_earliest", "infusion_latest"
    )
    everyone = pl.concat([in_table, with_event, infusions.select("subject_id")]).unique()
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
    wide = derive_population(wide)
    return wide.select(list(CoreSubjects.polars_schema())), wide


def derive_population(subjects: pl.DataFrame) -> pl.DataFrame:
    """Add `age_from_birth`, `age_years` and `population` from birth, first infusion and recorded age.

    Ranges decide only where all their days agree: a birth year that leaves both sides of the twelfth
    birthday open, or a birth after the infusion, leaves the recorded age to decide, and without one the
    population is unknown.
    `age_from_birth` is null unless both days are exact.
    """
    birth, birth_last = pl.col("birth_earliest").dt.date(), pl.col("birth_latest").dt.date()
    given, given_last = pl.col("infusion_earliest").dt.date(), pl.col("infusion_latest").dt.date()
    born = given_last >= birth
    twelve = f"{_ADULT_FROM_YEARS}y"
    adult = born & (given >= birth_last.dt.offset_by(twelve))
    child = born & (given_last < birth.dt.offset_by(twelve))
    exact = (birth == birth_last) & (given == given_last) & (given >= birth)
    had_birthday = (given.dt.month() * 100 + given.dt.day()) >= (birth.dt.month() * 100 + birth.dt.day())
    years = given.dt.year() - birth.dt.year() - (~had_birthday).cast(pl.Int32)
    last_birthday = birth.dt.offset_by(pl.format("{}y", years))
    share = (given - last_birthday).dt.total_days() / 365.25
    from_birth = pl.when(exact & years.is_between(0, 129)).then((years + share).round(4))
    recorded = pl.col("recorded_age")
    return subjects.with_columns(age_from_birth=from_birth).with_columns(
        age_years=pl.coalesce("age_from_birth", "recorded_age"),
        population=pl.when(pl.col("has_developmental_delay").fill_null(value=False))
        .then(pl.lit("child"))
        .when(adult.fill_null(value=False))
        .then(pl.lit("adult"))
        .when(child.fill_null(value=False))
        .then(pl.lit("child"))
        .when(recorded.is_null())
        .then(pl.lit("unknown"))
        .when(recorded >= _ADULT_FROM_YEARS)
        .then(pl.lit("adult"))
        .otherwise(pl.lit("child")),
    )


# -- findings about the study as a whole -----------------------------------------------------------------


def _rejection_findings(
    staged: Tables, rejected: pl.DataFrame, manifest: StudyManifest
) -> list[dict[str, object]]:
    rows = []
    for table_name in ("adverse_events", "subjects", "infusions", "sedation"):
        total = staged[f"staged_{table_name}"].height
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
    manifest: StudyManifest, infusions: pl.DataFrame, events: pl.DataFrame
) -> list[dict[str, object]]:
    has_table = any(file.role == "subjects" for file in manifest.files)
    return [
        finding(_NO_SUBJECT_TABLE, manifest.study, "core_subjects", count=int(not has_table), denominator=1),
        finding(
            _UNINFUSED,
            manifest.study,
            "core_infusions",
            count=int(infusions.height == 0),
            denominator=int(events.height > 0),
        ),
    ]
