"""Subjects' intervals alone: the steps of the kernel that a comparison of releases needs, no others.

What may live here: calling the kernel's steps on some subjects of a study and joining what they give.
What may not: any clinical rule; drivers, days, episodes and comparators, which the full kernel makes and
which cost most of its time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from mappings.release import Release
from pipelines.grading.combine import (
    SUBJECT_WINDOW,
    combine_intervals,
    compute_outcome,
    derive_frame,
    derive_withheld,
)
from pipelines.grading.contradictions import REASON_KINDS
from pipelines.grading.events import EVENT, SUBJECT
from pipelines.grading.evidence import derive_evidence
from schemas.manifest import StudyManifest

RESULT = ("low", "point", "high", "outcome")
"""What a subject's result is, as far as releases are compared."""

EVENT_WINDOW = (*EVENT, "infusion_number", "window_days")
CONTRADICTING = tuple(REASON_KINDS)
_INTERVAL = ("low", "point", "high")


@dataclass(frozen=True)
class Results:
    """Contributions per event and window other than 0/0/0, intervals per subject, infusion (0 = all) and
    window, and the rows that assessments contradict in the primary window (EVENT, evidence_reason).
    """

    events: pl.DataFrame
    subjects: pl.DataFrame
    contradictions: pl.DataFrame


def keep_subjects(checked: Mapping[str, pl.DataFrame], subjects: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The tables that hold rows of subjects, reduced to some of them."""
    names = (
        *("core_adverse_events", "core_subjects", "core_infusions", "core_sedation"),
        *("core_assessments", "core_medical_history", "core_rejected_rows"),
    )
    return {name: checked[name].join(subjects, on=SUBJECT, how="semi") for name in names}


def grade_subjects(checked: Mapping[str, pl.DataFrame], release: Release, manifest: StudyManifest) -> Results:
    """The intervals that `pipelines.grading.kernel.grade_study` gives, without what nobody compares."""
    infusions, subjects = checked["core_infusions"], checked["core_subjects"]
    windows = (manifest.windows.primary_days, *manifest.windows.sensitivity_days)
    evidence = derive_evidence(checked, release, manifest)
    withheld = derive_withheld(checked["core_rejected_rows"], subjects, release, manifest)
    frame = derive_frame(subjects, infusions, windows)
    placed = pl.concat(
        rows.filter(pl.col("window_status") != "late").select(*SUBJECT_WINDOW, *_INTERVAL)
        for rows in (evidence.event_windows, evidence.moment_windows)
    )
    over_all = placed.filter(pl.col("infusion_number") > 0).with_columns(
        pl.lit(0, pl.Int32).alias("infusion_number")
    )
    missing = withheld.join(frame.select(SUBJECT_WINDOW), on=SUBJECT, how="inner").select(placed.columns)
    graded = combine_intervals(pl.concat([placed, over_all, missing]), frame)
    return Results(
        evidence.event_windows.filter(
            ~pl.all_horizontal(pl.col(end).eq_missing(0) for end in _INTERVAL)
        ).select(*EVENT_WINDOW, *_INTERVAL),
        graded.select(
            *SUBJECT_WINDOW,
            (pl.col("window_days") == windows[0]).alias("is_primary_window"),
            *_INTERVAL,
            compute_outcome().alias("outcome"),
        ),
        evidence.revised.filter(
            pl.col("evidence_reason").is_in(CONTRADICTING)
            & (pl.col("window_days") == windows[0])
            & (pl.col("infusion_number") == pl.col("infusion_number").max().over(EVENT))
        ).select(*EVENT, "evidence_reason"),
    )
