"""Subjects' intervals alone: the steps of the kernel that a comparison of releases needs, no others.

What may live here: calling the kernel's steps on some subjects of a study and joining what they give.
What may not: any clinical rule; drivers, days, episodes and comparators, which the full kernel makes and
which cost most of its time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from mappings.release import Release
from pipelines.grading.combine import SUBJECT_WINDOW, derive_withheld
from pipelines.grading.events import EVENT, SUBJECT, derive_events
from pipelines.grading.intervals import combine_union
from pipelines.grading.windows import derive_candidates, derive_event_windows, derive_onset
from schemas.manifest import StudyManifest

RESULT = ("low", "point", "high", "outcome")
"""What a subject's result is, as far as releases are compared."""

EVENT_WINDOW = (*EVENT, "infusion_number", "window_days")
_INTERVAL = ("low", "point", "high")


@dataclass(frozen=True)
class Results:
    """Contributions per event and window, and intervals per subject, infusion (0 = all) and window."""

    events: pl.DataFrame
    subjects: pl.DataFrame


def keep_subjects(checked: Mapping[str, pl.DataFrame], subjects: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The tables that hold rows of subjects, reduced to some of them."""
    names = (
        *("core_adverse_events", "core_subjects", "core_infusions", "core_sedation"),
        "core_rejected_rows",
    )
    return {name: checked[name].join(subjects, on=SUBJECT, how="semi") for name in names}


def grade_subjects(checked: Mapping[str, pl.DataFrame], release: Release, manifest: StudyManifest) -> Results:
    """The intervals that `pipelines.grading.kernel.grade_study` gives, without what nobody compares."""
    infusions, subjects = checked["core_infusions"], checked["core_subjects"]
    windows = (manifest.windows.primary_days, *manifest.windows.sensitivity_days)
    events = derive_onset(derive_events(checked, release, manifest))
    candidates = derive_candidates(events, infusions)
    placed = derive_event_windows(events, candidates, infusions, windows)
    withheld = derive_withheld(checked["core_rejected_rows"], subjects, release, manifest)
    frame = _derive_frame(subjects, infusions, windows)
    in_window = placed.filter(pl.col("window_status") != "late").select(*SUBJECT_WINDOW, *_INTERVAL)
    over_all = in_window.filter(pl.col("infusion_number") > 0).with_columns(
        pl.lit(0, pl.Int32).alias("infusion_number")
    )
    missing = withheld.join(frame.select(SUBJECT_WINDOW), on=SUBJECT, how="inner").select(in_window.columns)
    union = combine_union(pl.concat([in_window, over_all, missing]), SUBJECT_WINDOW)
    graded = frame.join(union, on=SUBJECT_WINDOW, how="left", validate="1:1").with_columns(
        pl.when(pl.col("high").is_null()).then(0).otherwise("point").cast(pl.Int8).alias("point"),
        pl.col("low", "high").fill_null(0),
    )
    outcome = (
        pl.when(~pl.col("is_dated"))
        .then(pl.lit("NOT_EVALUABLE"))
        .when(pl.col("low") >= 1)
        .then(pl.lit("ICANS"))
        .when(pl.col("high") == 0)
        .then(pl.lit("NOT_ICANS"))
        .otherwise(pl.lit("INDETERMINATE"))
    )
    return Results(
        placed.select(*EVENT_WINDOW, *_INTERVAL),
        graded.select(
            *SUBJECT_WINDOW,
            (pl.col("window_days") == windows[0]).alias("is_primary_window"),
            *_INTERVAL,
            outcome.alias("outcome"),
        ),
    )


def _derive_frame(subjects: pl.DataFrame, infusions: pl.DataFrame, windows: Sequence[int]) -> pl.DataFrame:
    """Every subject x (0 and each infusion) x window; `is_dated`: the window can be placed.

    Of a subject without any dated infusion, infusion 0 only, as in `pipelines.grading.combine`.
    """
    lengths = pl.DataFrame({"window_days": list(windows)}, schema={"window_days": pl.Int32})
    each = infusions.select(
        *SUBJECT, "infusion_number", pl.col("infusion_earliest").is_not_null().alias("is_dated")
    ).filter(pl.col("is_dated").any().over(SUBJECT))
    over_all = subjects.select(*SUBJECT, pl.lit(0, pl.Int32).alias("infusion_number")).join(
        each.select(SUBJECT).unique().with_columns(pl.lit(value=True).alias("is_dated")),
        on=SUBJECT,
        how="left",
    )
    return pl.concat([over_all.with_columns(pl.col("is_dated").fill_null(value=False)), each]).join(
        lengths, how="cross"
    )
