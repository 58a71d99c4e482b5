"""What the other policies on the investigator's causality would make of a run.

What may live here: grading the subjects again whom the policy can touch, and counting. What may not: rules.
Causality bears on rows that the investigator calls not related or unlikely related, and on the moments such
rows cover; a subject without such a row has the same result under every policy and is not graded again.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from mappings.release import Release
from pipelines.code_identity import code_sha256
from pipelines.diffs.incidence import derive_denominator
from pipelines.diffs.scale import compare_scales
from pipelines.grading.events import CONTRIBUTES_NOTHING
from pipelines.grading.kernel import grade_study
from pipelines.mapping_comparisons import manifest_of
from pipelines.report.pseudonyms import Row
from schemas.errors import StoreError
from schemas.manifest import StudyManifest
from schemas.registry import CHECKED_TABLES
from schemas.vocabulary import ATTRIBUTION_POLICIES
from warehouse.run_store import StoredRun
from warehouse.selection import release_of

SUBJECT = ["study_id", "subject_id"]
DOUBTED = ("not_related", "unlikely")


def count_by_policy(run: StoredRun) -> tuple[Row, ...]:
    """Rows of the catalogue's table on causality, for one study.

    Raises `StoreError` where the run was made by another version of the program: what differs would not be
    the policy's doing alone.
    """
    if run.identity["code"]["sha256"] != code_sha256():
        raise StoreError(
            "another version of the program made the run",
            file=str(run.folder),
            next_action=f"run the study {run.study_id} again",
        )
    checked = {declared.info().name: run.table(declared.info().name) for declared in CHECKED_TABLES}
    manifest = manifest_of(run)
    denominator = derive_denominator(checked, run.table("core_studies"))
    kept = _headline(run.table("diff_scale_subjects"))
    touched = find_touched(checked["core_adverse_events"], run.table("core_event_grades"))
    part = {
        name: frame.join(touched, on=SUBJECT, how="semi") if "subject_id" in frame.columns else frame
        for name, frame in checked.items()
    }
    release = release_of(run)
    rows = []
    for policy in ATTRIBUTION_POLICIES:
        frame = kept
        if policy != manifest.attribution and not touched.is_empty():
            again = _headline(grade_again(part, release, manifest, policy))
            frame = pl.concat([kept.join(touched, on=SUBJECT, how="anti"), again])
        counts = _count(frame.join(denominator, on=SUBJECT, how="semi"))
        rows.append((policy, policy == manifest.attribution, *counts, denominator.height))
    return tuple(rows)


def find_touched(events: pl.DataFrame, graded: pl.DataFrame) -> pl.DataFrame:
    """Subjects with a row that is doubted and does not contribute 0 by its term anyway."""
    bears = graded.filter(~pl.col("disposition").is_in(CONTRIBUTES_NOTHING)).select(*SUBJECT, "event_id")
    return (
        events.filter(pl.col("relationship").is_in(DOUBTED))
        .join(bears, on=[*SUBJECT, "event_id"], how="semi")
        .select(SUBJECT)
        .unique()
    )


def grade_again(
    checked: Mapping[str, pl.DataFrame], release: Release, manifest: StudyManifest, policy: str
) -> pl.DataFrame:
    """diff_scale_subjects under another policy."""
    other = manifest.model_copy(update={"attribution": policy})
    return compare_scales(checked, grade_study(checked, release, other))["diff_scale_subjects"]


def add_rows(studies: list[tuple[Row, ...]]) -> tuple[Row, ...]:
    """The rows of several studies added up by policy; `is_used` is null where studies use different ones."""
    summed = []
    for rows in zip(*studies, strict=True):
        used = {row[1] for row in rows}
        counts = (sum(int(str(row[place])) for row in rows) for place in range(2, len(rows[0])))
        summed.append((rows[0][0], used.pop() if len(used) == 1 else None, *counts))
    return tuple(summed)


def _headline(subjects: pl.DataFrame) -> pl.DataFrame:
    """Results of the primary window, once per subject."""
    return subjects.filter((pl.col("comparator_set") == "broad") & pl.col("is_primary_window"))


def _count(subjects: pl.DataFrame) -> list[int]:
    """Any and grade >= 3 by low, point and high, and how many have no known point."""
    is_known = pl.col("outcome") != "NOT_EVALUABLE"
    known = subjects.filter(is_known)
    counts = [
        known.filter(pl.col(end) >= limit).height for end in ("low", "point", "high") for limit in (1, 3)
    ]
    return [*counts, subjects.height - known["point"].drop_nulls().len()]
