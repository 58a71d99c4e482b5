"""The kernel: batches of subjects graded on their own, one after the other, and what is said of the study.

`stream_study` gives the rows of every table as they come, `grade_study` the whole tables. Both are
`grade_parts` and then `finish_parts`, which an engine that spreads the parts over machines calls itself. All
are pure: the same tables, release and manifest give the same rows in the same order, whatever the order of
the rows given and the size of the batches.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import Final, TypeAlias

import polars as pl

from mappings.release import Release
from pipelines.grading.course_summaries import derive_course_summary
from pipelines.grading.subject_results import grade_subjects
from schemas.base import SEPARATOR
from schemas.courses import CoreCourseSummary, CoreSubjectCourses
from schemas.frames import Frames, Sources
from schemas.in_order import in_order
from schemas.manifest import StudyManifest, normalise_version
from schemas.registry import GRADED_TABLES
from schemas.results import CoreIncidence, CoreStudies, CoreUnmappedTerms

INFUSED = "infused subjects"
REPORTED = "subjects with a reported event"
BATCH_ROWS: Final = 250_000
"""Adverse-event and assessment rows of a batch: memory follows this, not the size of the study."""
OF_STUDY: Final = (CoreStudies, CoreCourseSummary, CoreUnmappedTerms, CoreIncidence)
"""Tables that are not of one subject; of core_incidence see `pipelines.diffs`."""
OF_SUBJECT: Final = tuple(table for table in GRADED_TABLES if table not in OF_STUDY)
UNREAD: Final = {
    "core_adverse_events": (
        *("grade_text", "start_text", "start_precision", "end_text", "end_precision"),
        *("outcome", "is_serious"),
    )
}
"""Columns no rule looks at, left in their files: reading them is a tenth of the time. A rule that comes to
want one fails until it is taken from here."""
Grader: TypeAlias = Callable[[Sources, Release, StudyManifest], Iterable[Frames]]
"""`stream_study`, or what executes it elsewhere and gives the same rows: of each table, its next ones."""


def grade_study(
    checked: Sources, release: Release, manifest: StudyManifest, batch_rows: int = BATCH_ROWS
) -> dict[str, pl.DataFrame]:
    """ICANS intervals of one study at every level.

    `checked` holds the tables of `schemas.registry.CHECKED_TABLES`. Returns the canonical tables of
    `GRADED_TABLES` but core_incidence, which compares scales and is made with the diffs. `batch_rows` bounds
    memory and changes no result. Raises `SchemaError` if a result breaks its own schema (a defect, never a
    data problem).
    """
    return combine_parts(grade_parts(checked, release, manifest, batch_rows), checked, release, manifest)


def stream_study(
    checked: Sources, release: Release, manifest: StudyManifest, batch_rows: int = BATCH_ROWS
) -> Iterator[Frames]:
    """The rows of `grade_study` as they come: of each table, its next ones."""
    with closing(grade_parts(checked, release, manifest, batch_rows)) as parts:
        yield from finish_parts(parts, checked, release, manifest)


def grade_parts(
    checked: Sources, release: Release, manifest: StudyManifest, batch_rows: int = BATCH_ROWS
) -> Generator[dict[str, pl.DataFrame]]:
    """The canonical tables of OF_SUBJECT in parts of whole subjects, in the order of their ids.

    With each, core_unmapped_terms of these subjects, as they come.
    """

    def grade(batch: Sources) -> dict[str, pl.DataFrame]:
        results = grade_subjects(collect_batch(batch), release, manifest)
        part = {table.info().name: table.require(results[table.info().name]) for table in OF_SUBJECT}
        return part | {"core_unmapped_terms": results["core_unmapped_terms"]}

    return in_order(grade, split_subjects(checked, batch_rows))


def finish_parts(
    parts: Iterable[Frames], checked: Sources, release: Release, manifest: StudyManifest
) -> Iterator[Frames]:
    """The parts, given in the order of subjects, and after them the tables of the study."""
    courses, unmapped = [CoreSubjectCourses.empty()], []
    for part in parts:
        courses.append(part["core_subject_courses"])
        unmapped.append(part["core_unmapped_terms"])
        yield {table.info().name: part[table.info().name] for table in OF_SUBJECT}
    of_study = (
        (CoreStudies, _derive_study(checked, release, manifest)),
        (CoreCourseSummary, derive_course_summary(pl.concat(courses), manifest.study)),
        (CoreUnmappedTerms, _sum_unmapped(unmapped)),
    )
    yield {table.info().name: table.require(frame) for table, frame in of_study}


def combine_parts(
    parts: Iterable[Frames], checked: Sources, release: Release, manifest: StudyManifest
) -> dict[str, pl.DataFrame]:
    """The rows of `finish_parts` put together, table by table, as `grade_study` gives them."""
    # Parts are in the order of subjects, which every key starts with: together they are canonical.
    found: dict[str, list[pl.DataFrame]] = {
        table.info().name: [] for table in GRADED_TABLES if table is not CoreIncidence
    }
    for rows in finish_parts(parts, checked, release, manifest):
        for name, frame in rows.items():
            found[name].append(frame)
    return {name: pl.concat(frames, rechunk=True) for name, frames in found.items()}


def split_subjects(checked: Sources, batch_rows: int) -> Iterator[Sources]:
    """The tables in batches of whole subjects, in the order of their ids; at least one batch.

    Nothing of a batch is read before it is collected.
    """
    tables = {name: table.lazy().drop(UNREAD.get(name, ()), strict=False) for name, table in checked.items()}
    ids = [tables[name].select("subject_id") for name in ("core_adverse_events", "core_assessments")]
    counts = (
        tables["core_subjects"]
        .select("subject_id")
        .join(pl.concat(ids).group_by("subject_id").len(), on="subject_id", how="left")
        .sort("subject_id")
        .with_columns((pl.col("len").fill_null(0).cum_sum() // batch_rows).alias("batch"))
        .group_by("batch")
        .agg(pl.col("subject_id").min().alias("first"), pl.col("subject_id").max().alias("last"))
        .sort("batch")
        .collect()
    )
    if counts.height < 2:
        yield tables
        return
    of_subjects = {name: table for name, table in tables.items() if "subject_id" in table.collect_schema()}
    for first, last in counts.select("first", "last").iter_rows():
        mine = pl.col("subject_id").is_between(pl.lit(first), pl.lit(last))
        yield {name: table.filter(mine) for name, table in of_subjects.items()}


def collect_batch(batch: Sources) -> Frames:
    """The tables of a batch in memory, each column in one piece.

    Pieces come from the row groups of a file, and columns cut differently are put together anew by every step
    that looks at two of them.
    """
    return {name: table.lazy().collect().rechunk() for name, table in batch.items()}


def _sum_unmapped(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Terms without a decision over all batches; a subject is in one batch only."""
    return (
        pl.concat(parts)
        .group_by("study_id", "term_key", "body_system")
        .agg(pl.col("events", "subjects").sum(), pl.col("max_source_grade").max())
    )


def _derive_study(checked: Sources, release: Release, manifest: StudyManifest) -> pl.DataFrame:
    """The study, its conventions and its row accounts, in one row."""
    subjects = checked["core_subjects"].lazy().select("is_in_subject_table", "is_infused").collect()
    valid = checked["core_adverse_events"].lazy().select(pl.len()).collect().item()
    of_events = pl.col("table_name") == "adverse_events"
    rejected = checked["core_rejected_rows"].lazy().select(of_events.sum()).collect().item()
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
