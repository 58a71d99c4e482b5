"""The kernel, in order: events, windows, subjects, days, episodes, work list, study.

`grade_study` is the only entry point. It is pure: the same tables, release and manifest give the same
frames, whatever the order of rows.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from mappings.release import Release
from pipelines.grading import rules
from pipelines.grading.combine import combine_subjects, derive_withheld
from pipelines.grading.courses import combine_episodes, derive_day_spans, derive_subject_days
from pipelines.grading.events import EVENT, SUBJECT, apply_rule, derive_events
from pipelines.grading.windows import (
    compute_days,
    derive_candidates,
    derive_event_windows,
    derive_onset,
)
from schemas.base import SEPARATOR
from schemas.manifest import StudyManifest, normalise_version
from schemas.registry import GRADED_TABLES
from schemas.results import CoreIncidence

INFUSED = "infused subjects"
REPORTED = "subjects with a reported event"


def grade_study(
    checked: Mapping[str, pl.DataFrame], release: Release, manifest: StudyManifest
) -> dict[str, pl.DataFrame]:
    """ICANS intervals of one study at every level.

    `checked` holds the tables of `schemas.registry.CHECKED_TABLES`. Returns the canonical tables of
    `GRADED_TABLES` but core_incidence, which compares scales and is made with the diffs.
    Raises `SchemaError` if a result breaks its own schema (a defect, never a data problem).
    """
    infusions, subjects = checked["core_infusions"], checked["core_subjects"]
    windows = (manifest.windows.primary_days, *manifest.windows.sensitivity_days)
    events = derive_onset(derive_events(checked, release, manifest))
    candidates = derive_candidates(events, infusions)
    event_windows = derive_event_windows(events, candidates, infusions, windows)
    withheld = derive_withheld(checked["core_rejected_rows"], subjects, release, manifest)

    longest = event_windows.filter(pl.col("window_days") == max(windows))
    spans = derive_day_spans(
        events, candidates.select(*EVENT, "infusion_number"), infusions, subjects, manifest
    )
    contributions = longest.join(events.select(*EVENT, "domains"), on=EVENT, how="left", validate="m:1")
    days = derive_subject_days(contributions, spans)
    crs = events.filter((pl.col("cause_role") == "crs") & (pl.col("disposition") != "no_event"))
    crs_spans = spans.join(crs.select(EVENT), on=EVENT, how="semi")

    results = {
        "core_studies": _derive_study(checked, release, manifest),
        "core_event_grades": _derive_event_grades(events, candidates, event_windows, infusions, manifest),
        "core_event_windows": event_windows,
        "core_subject_grades": combine_subjects(
            events, event_windows, withheld, subjects, infusions, windows
        ),
        "core_subject_days": days,
        "core_episodes": combine_episodes(days, crs_spans, manifest.episodes.gap_days),
        "core_unmapped_terms": _derive_unmapped(events),
    }
    return {
        table.info().name: table.require(results[table.info().name])
        for table in GRADED_TABLES
        if table is not CoreIncidence
    }


def _derive_event_grades(
    events: pl.DataFrame,
    candidates: pl.DataFrame,
    event_windows: pl.DataFrame,
    infusions: pl.DataFrame,
    manifest: StudyManifest,
) -> pl.DataFrame:
    """Events with the status of the primary window of the latest infusion they can follow.

    An event certainly before the first infusion is counted in days from that one, with
    infusion_number null.
    """
    latest = candidates.group_by(EVENT).agg(pl.all().sort_by("infusion_number").last())
    statuses = event_windows.filter(pl.col("window_days") == manifest.windows.primary_days).select(
        *EVENT, "infusion_number", "window_status"
    )
    statuses = statuses.group_by(EVENT).agg(pl.col("window_status").sort_by("infusion_number").last())
    first = infusions.filter(pl.col("infusion_number") == 1).select(
        *SUBJECT, "infusion_earliest", "infusion_latest"
    )
    days_before_first = {
        "day_earliest": ("onset_earliest", "infusion_latest"),
        "day_latest": ("onset_latest", "infusion_earliest"),
    }
    placed = (
        events.join(latest, on=EVENT, how="left", validate="1:1")
        .join(statuses, on=EVENT, how="left", validate="1:1")
        .join(first, on=SUBJECT, how="left", validate="m:1")
        .with_columns(
            pl.col("window_status").fill_null("before_infusion"),
            *(
                pl.when(pl.col("infusion_number").is_null())
                .then(compute_days(onset, infusion))
                .otherwise(day)
                .alias(f"onset_{day}")
                for day, (onset, infusion) in days_before_first.items()
            ),
        )
    )
    status = pl.col("window_status")
    placed = apply_rule(
        placed, rules.BEFORE_INFUSION, None, status == "before_infusion", low=0, point=0, high=0
    )
    placed = apply_rule(placed, rules.PARTLY_IN_WINDOW, "onset_partly_in_window", status == "partly", low=0)
    placed = apply_rule(
        placed, rules.PARTLY_IN_WINDOW, "no_infusion_date", status == "no_infusion_date", low=0
    )
    placed = apply_rule(placed, None, "late_onset", status == "late")
    codes = {
        "context_rules": pl.col("context_rules").list.join(SEPARATOR),
        "review_reasons": pl.col("review_reasons").list.unique().list.sort().list.join(SEPARATOR),
    }
    return placed.with_columns(
        *(pl.when(joined != "").then(joined).alias(name) for name, joined in codes.items()),
        pl.col("grade").alias("source_grade"),
        pl.when(pl.col("concept_id").is_not_null())
        .then(pl.concat_list("term_layers", "decision_layers").list.unique().list.sort().list.join(SEPARATOR))
        .alias("mapping_layer"),
        pl.col("is_sponsor_neurotoxicity").alias("is_sponsor"),
    )


def _derive_unmapped(events: pl.DataFrame) -> pl.DataFrame:
    """Terms without a decision, in scope or without a class, weighted by events and subjects."""
    return (
        events.filter(pl.col("disposition") == "unmapped")
        .group_by("study_id", pl.col("term_key").fill_null(""), pl.col("body_system").fill_null(""))
        .agg(
            pl.len().cast(pl.Int64).alias("events"),
            pl.col("subject_id").n_unique().cast(pl.Int64).alias("subjects"),
            pl.col("grade").max().alias("max_source_grade"),
        )
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
