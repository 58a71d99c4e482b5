"""The kernel: batches of subjects graded on their own, put together, and what is said of the study.

`grade_study` is the entry point: `grade_parts` put together by `combine_parts`, which an engine that spreads
the parts over machines calls itself. All are pure: the same tables, release and manifest give the same
frames, whatever the order of rows and the size of the batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

import polars as pl

from mappings.release import Release
from pipelines.grading.course_summaries import derive_course_summary
from pipelines.grading.subject_results import grade_subjects
from schemas.base import SEPARATOR
from schemas.courses import CoreCourseSummary
from schemas.manifest import StudyManifest, normalise_version
from schemas.registry import GRADED_TABLES
from schemas.results import CoreIncidence, CoreStudies, CoreUnmappedTerms

INFUSED = "infused subjects"
REPORTED = "subjects with a reported event"
BATCH_ROWS: Final = 250_000
"""Adverse-event and assessment rows graded at a time: memory follows this, not the size of the study."""
OF_STUDY: Final = (CoreStudies, CoreCourseSummary, CoreUnmappedTerms, CoreIncidence)
"""Tables that are not of one subject; of core_incidence see `pipelines.diffs`."""
OF_SUBJECT: Final = tuple(table for table in GRADED_TABLES if table not in OF_STUDY)
Frames: TypeAlias = Mapping[str, pl.DataFrame]
Grader: TypeAlias = Callable[[Frames, Release, StudyManifest], dict[str, pl.DataFrame]]
"""`grade_study`, or what executes it elsewhere and gives the same frames."""


def grade_study(
    checked: Frames, release: Release, manifest: StudyManifest, batch_rows: int = BATCH_ROWS
) -> dict[str, pl.DataFrame]:
    """ICANS intervals of one study at every level.

    `checked` holds the tables of `schemas.registry.CHECKED_TABLES`. Returns the canonical tables of
    `GRADED_TABLES` but core_incidence, which compares scales and is made with the diffs. `batch_rows` bounds
    memory and changes no result. Raises `SchemaError` if a result breaks its own schema (a defect, never a
    data problem).
    """
    return combine_parts(grade_parts(checked, release, manifest, batch_rows), checked, release, manifest)


def grade_parts(
    checked: Frames, release: Release, manifest: StudyManifest, batch_rows: int = BATCH_ROWS
) -> Iterator[dict[str, pl.DataFrame]]:
    """The canonical tables of OF_SUBJECT in parts of whole subjects, in the order of their ids.

    With each, core_unmapped_terms of these subjects, as they come.
    """
    for batch in _split_subjects(checked, batch_rows):
        results = grade_subjects(batch, release, manifest)
        part = {table.info().name: table.require(results[table.info().name]) for table in OF_SUBJECT}
        yield part | {"core_unmapped_terms": results["core_unmapped_terms"]}


def combine_parts(
    parts: Iterable[Frames], checked: Frames, release: Release, manifest: StudyManifest
) -> dict[str, pl.DataFrame]:
    """Parts in the order of subjects put together, with what is said of the study: as `grade_study`."""
    names = [*(table.info().name for table in OF_SUBJECT), CoreUnmappedTerms.info().name]
    found: dict[str, list[pl.DataFrame]] = {name: [] for name in names}
    for part in parts:
        for name, frames in found.items():
            frames.append(part[name])
    # Parts are in the order of subjects, which every key starts with: together they are canonical.
    graded = {table.info().name: pl.concat(found[table.info().name], rechunk=True) for table in OF_SUBJECT}
    for table, frame in (
        (CoreStudies, _derive_study(checked, release, manifest)),
        (CoreCourseSummary, derive_course_summary(graded["core_subject_courses"], manifest.study)),
        (CoreUnmappedTerms, _sum_unmapped(found["core_unmapped_terms"])),
    ):
        graded[table.info().name] = table.require(frame)
    return {
        table.info().name: graded[table.info().name] for table in GRADED_TABLES if table is not CoreIncidence
    }


def _split_subjects(
    checked: Mapping[str, pl.DataFrame], batch_rows: int
) -> Iterator[Mapping[str, pl.DataFrame]]:
    """The tables in batches of whole subjects, in the order of their ids; at least one batch."""
    subjects = checked["core_subjects"]
    rows = [checked["core_adverse_events"], checked["core_assessments"]]
    if sum(frame.height for frame in rows) <= batch_rows:
        yield checked
        return
    counts = (
        subjects.select("subject_id")
        .join(
            pl.concat(frame.select("subject_id") for frame in rows).group_by("subject_id").len(),
            on="subject_id",
            how="left",
        )
        .sort("subject_id")
        .with_columns((pl.col("len").fill_null(0).cum_sum() // batch_rows).alias("batch"))
        .group_by("batch")
        .agg(pl.col("subject_id").min().alias("first"), pl.col("subject_id").max().alias("last"))
        .sort("batch")
    )
    for first, last in counts.select("first", "last").iter_rows():
        mine = pl.col("subject_id").is_between(pl.lit(first), pl.lit(last))
        yield {name: frame.filter(mine) for name, frame in checked.items() if "subject_id" in frame.columns}


def _sum_unmapped(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Terms without a decision over all batches; a subject is in one batch only."""
    return (
        pl.concat(parts)
        .group_by("study_id", "term_key", "body_system")
        .agg(pl.col("events", "subjects").sum(), pl.col("max_source_grade").max())
    )


def _derive_study(
    checked: Mapping[str, pl.DataFrame], release: Release, manifest: StudyManifest
) -> pl.DataFrame:
    """The study, its conventions and its row accounts, in one row."""
    subjects = checked["core_subjects"]
    valid = checked["core_adverse_events"].height
    rejected = checked["core_rejected_rows"].filter(pl.col("table_name") == "adverse_events").height
    has_subject_table = bool(subjects["is_in_subject_table"].any())
    row = {
        "study_id": manifest.study,
        "title": manifest.title,
        "product": manifest.product,
        "scale": manifest.grading.scale,
        "scale_version": normalise_version(manifest.grading.scale, manifest.grading.version),
        "conventions": SEPARATOR.join(sorted(manifest.grading.conventions)) or None,
        "attribution_policy": manifest.attribution,
        "primary_window_days": manifest.windows.primary_days,
        "sensitivity_window_days": SEPARATOR.join(map(str, sorted(manifest.windows.sensitivity_days)))
        or None,
        "infusion_source": manifest.infusions.source,
        "infusion_note": manifest.infusions.note,
        "is_ae_table_complete": manifest.ae_table_complete,
        "denominator": INFUSED if has_subject_table else REPORTED,
        "data_cutoff": None if manifest.data_cutoff is None else manifest.data_cutoff.isoformat(),
        "mapping_release_id": release.release_id,
        "mapping_review_status": release.review_status,
        "subjects": subjects.height,
        "subjects_infused": int(subjects["is_infused"].sum()),
        "ae_rows_read": valid + rejected,
        "ae_rows_valid": valid,
        "ae_rows_rejected": rejected,
    }
    return pl.DataFrame([row], infer_schema_length=None)
