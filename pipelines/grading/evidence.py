"""The evidence of a study brought together: rows, moments, what each does to the other, and contributions.

Only the order of the steps lives here; each rule is in the module it is called from. The kernel makes every
result from this; the preview of a release makes subjects' intervals from it and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from mappings.release import Release
from pipelines.grading.assessments import (
    derive_assessment_windows,
    derive_deficits,
    derive_depressed,
    derive_moment_context,
)
from pipelines.grading.combine import combine_intervals, derive_contributions
from pipelines.grading.context import FLAGS, apply_context, derive_context, derive_deficit
from pipelines.grading.events import EVENT, SUBJECT, DecidedEvents, decide_events
from pipelines.grading.items import INTERVAL
from pipelines.grading.measured import PLACED, derive_measured, derive_measured_days
from pipelines.grading.moments import derive_moments
from pipelines.grading.windows import (
    derive_onset,
    derive_pairs,
    derive_placements,
    limit_to_window,
    select_following,
)
from schemas.base import SEPARATOR
from schemas.manifest import StudyManifest

REVISED_SCHEMA: Final[dict[str, pl.DataType]] = {
    **dict.fromkeys(EVENT, pl.String()),
    "infusion_number": pl.Int32(),
    "window_days": pl.Int32(),
    **dict.fromkeys(INTERVAL, pl.Int8()),
    "context_rules": pl.String(),
    "review_reasons": pl.String(),
    "evidence_rule": pl.String(),
    "evidence_reason": pl.String(),
}


@dataclass(frozen=True)
class Evidence:
    """Everything that bears on a grade.

    `decided`: every row with its decision; `pairs`: every row by the infusions of its subject, as
    `windows.derive_pairs` gives them. All that follows holds the rows that are not silent only.

    `events`: rows with their release interval and context flags; `graded_events`: the same after context, no
    assessment read but a deficit before the infusion; `candidates` and `placements`: these rows by the
    infusions they can follow, and by infusion and window; `revised`: rows that assessments bear on, per
    infusion and window, after context and before the window; `base_windows` and `event_windows`: what rows
    give to windows without and with assessments; `moments`, `moment_windows`, `moment_days`: assessed
    moments, what they give, and the days they can be on; `measured_days`: usable evidence by day.
    """

    decided: DecidedEvents
    pairs: pl.DataFrame
    events: pl.DataFrame
    graded_events: pl.DataFrame
    candidates: pl.DataFrame
    revised: pl.DataFrame
    base_windows: pl.DataFrame
    event_windows: pl.DataFrame
    moments: pl.DataFrame
    moment_windows: pl.DataFrame
    moment_days: pl.DataFrame
    measured_days: pl.DataFrame
    placements: pl.DataFrame


def derive_evidence(
    checked: Mapping[str, pl.DataFrame], release: Release, manifest: StudyManifest
) -> Evidence:
    """All evidence of a study, from its checked tables."""
    infusions, subjects = checked["core_infusions"], checked["core_subjects"]
    windows = (manifest.windows.primary_days, *manifest.windows.sensitivity_days)
    decided = decide_events(checked, release, manifest)
    pairs = derive_pairs(derive_onset(decided.rows), infusions)
    events = derive_onset(derive_context(decided.active(), checked, release, manifest))
    active = pairs.filter(~pl.col("_is_silent"))
    candidates, placements = select_following(active), derive_placements(active, windows)
    read = derive_moments(
        checked["core_assessments"], subjects, checked["core_sedation"], derive_depressed(events)
    )
    deficits = derive_deficits(read, infusions)
    deficits = deficits if manifest.context.baseline_deficit else deficits.clear()
    events = derive_deficit(events, deficits)
    graded = apply_context(events, manifest.attribution)
    base = limit_to_window(_with_intervals(placements, graded))
    measured_days = derive_measured_days(read, deficits)
    revised = _derive_revised(events, placements, infusions, measured_days, manifest)
    event_windows = _replace_revised(base, revised)
    moments = derive_moment_context(read, events, deficits, manifest)
    moment_windows, moment_days = derive_assessment_windows(moments, infusions, windows)
    return Evidence(
        decided=decided,
        pairs=pairs,
        events=events,
        graded_events=graded,
        candidates=candidates,
        revised=revised,
        base_windows=base,
        event_windows=event_windows,
        moments=moments,
        moment_windows=moment_windows,
        moment_days=moment_days,
        measured_days=measured_days,
        placements=placements,
    )


def _with_intervals(placements: pl.DataFrame, graded: pl.DataFrame) -> pl.DataFrame:
    return placements.join(graded.select(*EVENT, *INTERVAL), on=EVENT, how="left", validate="m:1")


def _derive_revised(
    events: pl.DataFrame,
    placements: pl.DataFrame,
    infusions: pl.DataFrame,
    measured_days: pl.DataFrame,
    manifest: StudyManifest,
) -> pl.DataFrame:
    """Rows that assessments bear on, with the context of the row applied to what assessments made of it."""
    if measured_days.is_empty():  # most batches of a large study: a tenth of the time goes into nothing
        return pl.DataFrame(schema=REVISED_SCHEMA)
    measured = derive_measured(events, placements, infusions, measured_days)
    carried = ("disposition", "relationship", "grade", "is_fatal", "vital_status", "domains", *FLAGS)
    rows = measured.join(
        events.select(*EVENT, *carried, "_has_deficit", "review_reasons"),
        on=EVENT,
        how="left",
        validate="m:1",
    ).with_columns(
        pl.col("evidence_rule").alias("context_rules"),
        pl.when(pl.col("evidence_reason").is_not_null())
        .then(pl.concat_str("review_reasons", "evidence_reason", separator=SEPARATOR))
        .otherwise("review_reasons")
        .alias("review_reasons"),
    )
    return apply_context(rows, manifest.attribution).select(*REVISED_SCHEMA)


def _replace_revised(base: pl.DataFrame, revised: pl.DataFrame) -> pl.DataFrame:
    """Contributions of rows, with those that assessments revised; adds `evidence_rule` and `_reasons`."""
    none = pl.lit(None, pl.String)
    if revised.is_empty():
        return base.with_columns(none.alias("evidence_rule"), none.alias("_reasons"))
    changes = revised.select(
        *PLACED,
        *(pl.col(end).alias(f"_{end}") for end in INTERVAL),
        pl.col("review_reasons").alias("_reasons"),
        "evidence_rule",
    )
    joined = base.join(changes, on=PLACED, how="left", validate="1:1")
    is_revised = pl.col("evidence_rule").is_not_null()
    replaced = joined.with_columns(
        pl.when(is_revised).then(f"_{end}").otherwise(end).alias(end) for end in INTERVAL
    )
    return limit_to_window(replaced).drop(f"_{end}" for end in INTERVAL)


def derive_alone(
    evidence: Evidence,
    contributions: pl.DataFrame,
    withheld: pl.DataFrame,
    frame: pl.DataFrame,
    manifest: StudyManifest,
) -> pl.DataFrame:
    """`frame` with the interval of adverse-event rows alone: no assessment, no deficit measured before.

    `contributions`, `withheld` and `frame` are of `combine`. Computed again only for subjects with
    assessments.
    """
    in_window = contributions.filter(pl.col("window_status") != "late")
    unread = pl.col("reason") == "rejected_assessment"
    assessed = pl.concat([evidence.moments.select(SUBJECT), withheld.filter(unread).select(SUBJECT)]).unique()
    if assessed.is_empty():
        return combine_intervals(in_window, frame)
    events = evidence.events.join(assessed, on=SUBJECT, how="semi").with_columns(
        pl.lit(value=False).alias("_has_deficit")
    )
    graded = apply_context(events, manifest.attribution)
    placed = evidence.placements.join(assessed, on=SUBJECT, how="semi")
    windows = _replace_revised(limit_to_window(_with_intervals(placed, graded)), evidence.revised.clear())
    mine = frame.join(assessed, on=SUBJECT, how="semi")
    of_rows = withheld.filter(~unread)
    part = derive_contributions(
        graded, windows, evidence.moments.clear(), evidence.moment_windows.clear(), of_rows, mine
    ).filter(pl.col("window_status") != "late")
    others = combine_intervals(in_window, frame.join(assessed, on=SUBJECT, how="anti"))
    return pl.concat([others, combine_intervals(part, mine)])
