"""Every result that depends on one subject's rows alone, for some subjects of a study.

Only the order of the steps and the joining of what they give live here; each rule is in the module it is
called from. `kernel` calls this for batches of subjects and puts the parts together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from mappings.release import Release
from pipelines.grading import rules
from pipelines.grading.closing import derive_closing_facts
from pipelines.grading.combine import (
    combine_subjects,
    count_evidence,
    derive_contributions,
    derive_frame,
    derive_withheld,
)
from pipelines.grading.context import apply_rule
from pipelines.grading.contradictions import derive_contradictions
from pipelines.grading.course_tables import derive_course_tables
from pipelines.grading.courses import derive_day_spans
from pipelines.grading.days import derive_subject_days
from pipelines.grading.events import EVENT, SUBJECT
from pipelines.grading.evidence import Evidence, derive_alone, derive_evidence
from pipelines.grading.intervals import sort_parts
from pipelines.grading.items import INTERVAL
from pipelines.grading.measured import derive_observed_days, select_measurable
from pipelines.grading.no_rows import remember_no_rows
from pipelines.grading.windows import (
    compute_days,
    compute_window_status,
    derive_placements,
    select_latest,
)
from schemas.base import SEPARATOR
from schemas.manifest import StudyManifest

_OF_DECISION: Final = (
    *("term_key", "match_method", "concept_id", "mapping_layer", "domains", "disposition", "rule_id"),
    *("source_rules", "release_low", "release_point", "release_high", "requires", "is_broad", "is_core"),
)
"""Columns of core_event_grades that the decision of a row gives."""


@dataclass(frozen=True)
class Grades:
    """Events and subjects graded: `tables` by name, all that bears on them, and what the record withholds."""

    evidence: Evidence
    withheld: pl.DataFrame
    tables: Mapping[str, pl.DataFrame]


def grade_events(checked: Mapping[str, pl.DataFrame], release: Release, manifest: StudyManifest) -> Grades:
    """Events, assessed moments and subjects, each with what they give to windows: the grades themselves."""
    infusions, subjects = checked["core_infusions"], checked["core_subjects"]
    windows = (manifest.windows.primary_days, *manifest.windows.sensitivity_days)
    withheld = derive_withheld(checked["core_rejected_rows"], subjects, release, manifest)
    evidence = derive_evidence(checked, release, manifest)
    frame = derive_frame(subjects, infusions, windows)
    contributions = derive_contributions(
        evidence.graded_events,
        evidence.event_windows,
        evidence.moments,
        evidence.moment_windows,
        withheld,
        frame,
    )
    alone = derive_alone(evidence, contributions, withheld, frame, manifest)
    counts = count_evidence(evidence.pairs, contributions, windows)
    tables = {
        "core_event_grades": _derive_event_grades(evidence, manifest),
        "core_assessment_grades": _derive_assessment_grades(
            evidence.moments, evidence.moment_days, evidence.moment_windows, infusions, manifest
        ),
        "core_assessment_windows": evidence.moment_windows,
        "core_subject_grades": combine_subjects(contributions, alone, counts, frame, withheld, windows[0]),
    }
    return Grades(evidence, withheld, tables)


def grade_subjects(
    checked: Mapping[str, pl.DataFrame], release: Release, manifest: StudyManifest
) -> dict[str, pl.DataFrame]:
    """Results of the subjects that `checked` holds, by table name, neither sorted nor validated.

    All tables of GRADED_TABLES but core_studies, core_course_summary and core_incidence; core_unmapped_terms
    counts these subjects only.
    """
    infusions, subjects = checked["core_infusions"], checked["core_subjects"]
    windows = (manifest.windows.primary_days, *manifest.windows.sensitivity_days)
    grades = grade_events(checked, release, manifest)
    evidence, events = grades.evidence, grades.evidence.events
    assessment_grades = grades.tables["core_assessment_grades"]
    spans = derive_day_spans(
        events, evidence.candidates.select(*EVENT, "infusion_number"), infusions, subjects, manifest
    )
    days = _derive_days(evidence, spans, infusions, max(windows))
    return {
        **grades.tables,
        "core_event_windows": _derive_event_windows(evidence, windows),
        "core_subject_days": days,
        **derive_course_tables(
            checked,
            evidence.decided.rows["_is_silent"],
            evidence.decided.cytokine_release(),
            spans,
            evidence.event_windows,
            assessment_grades,
            evidence.moment_windows,
            days,
            manifest,
        ),
        "core_closing_facts": derive_closing_facts(
            grades.tables["core_subject_grades"],
            grades.tables["core_event_grades"].filter(~pl.col("_is_silent")),
            evidence.event_windows,
            assessment_grades,
            evidence.moment_windows,
            grades.withheld,
            spans,
            infusions,
            manifest,
        ),
        "core_contradictions": derive_contradictions(
            checked,
            evidence.decided.rows,
            events,
            _latest_primary(evidence.revised, manifest),
            evidence.moments,
        ),
        "core_unmapped_terms": _derive_unmapped(events),
    }


def _latest_primary(rows: pl.DataFrame, manifest: StudyManifest) -> pl.DataFrame:
    """Of rows per infusion and window, those of the primary window of the latest infusion, once per event."""
    primary = rows.filter(pl.col("window_days") == manifest.windows.primary_days)
    return primary.filter(pl.col("infusion_number") == pl.col("infusion_number").max().over(EVENT))


def _derive_days(
    evidence: Evidence, spans: pl.DataFrame, infusions: pl.DataFrame, longest: int
) -> pl.DataFrame:
    """core_subject_days, and has_open_end for the episodes.

    A row that assessments of some of its days raised gives its other days what it gave before.
    """
    raised = pl.col("evidence_rule") == rules.MEASURED_RAISES
    own = evidence.base_windows.select(
        *EVENT, "infusion_number", "window_days", *(pl.col(end).alias(f"_{end}") for end in INTERVAL)
    )
    rows = evidence.event_windows.filter(pl.col("window_days") == longest)
    if rows["evidence_rule"].null_count() < rows.height:
        rows = rows.join(
            own, on=[*EVENT, "infusion_number", "window_days"], how="left", validate="1:1"
        ).with_columns(
            pl.when(raised.fill_null(value=False)).then(f"_{end}").otherwise(end).alias(end)
            for end in INTERVAL
        )
    domains = evidence.events.select(*EVENT, "domains")
    observed = derive_observed_days(
        select_measurable(evidence.events, evidence.measured_days), spans, infusions, evidence.measured_days
    )
    moments = evidence.moment_windows.filter(pl.col("window_days") == longest).join(
        evidence.moment_days, on=["study_id", "subject_id", "moment", "infusion_number"], how="inner"
    )
    usable = evidence.moments.select("study_id", "subject_id", "moment", "domain", "is_usable")
    moments = moments.join(usable, on=["study_id", "subject_id", "moment", "domain"], how="left")
    return derive_subject_days(
        rows.join(domains, on=EVENT, how="left", validate="m:1"), spans, observed, moments, longest
    )


def _derive_event_windows(evidence: Evidence, windows: Sequence[int]) -> pl.DataFrame:
    """What every row gives to its windows: a silent one 0/0/0."""
    placed = derive_placements(evidence.pairs, windows)
    given = evidence.event_windows.select("_place", *INTERVAL, "evidence_rule")
    matched = placed.select("_place", "_is_silent").join(
        given, on="_place", how="left", validate="1:1", maintain_order="left"
    )
    zero, is_silent = pl.lit(0, pl.Int8), pl.col("_is_silent")
    return placed.hstack(
        matched.select(
            *(pl.when(is_silent).then(zero).otherwise(end).alias(end) for end in INTERVAL), "evidence_rule"
        )
    )


def _derive_event_grades(evidence: Evidence, manifest: StudyManifest) -> pl.DataFrame:
    """Every row with the status and interval of the primary window of the latest infusion it can follow.

    An event certainly before the first infusion is counted in days from that one, with
    infusion_number null. Columns of core_event_grades, `_row` and `_is_silent`.
    """
    placed = _place_events(evidence.pairs, manifest.windows.primary_days)
    active = placed.filter(~pl.col("_is_silent")).select("_row", "window_status")
    shown = _latest_primary(evidence.event_windows, manifest).select(*EVENT, "infusion_number")
    revised = _latest_primary(evidence.revised, manifest).join(
        shown, on=[*EVENT, "infusion_number"], how="semi"
    )
    finished = _finish_window(
        _with_revised(evidence.graded_events, revised).join(active, on="_row", how="left", validate="1:1")
    ).select("_row", *INTERVAL, "context_rules", "review_reasons")
    rows = evidence.decided.rows
    changed = placed.select("_row", "_is_silent").join(
        finished, on="_row", how="left", validate="1:1", maintain_order="left"
    )
    zero, is_silent = pl.lit(0, pl.Int8), pl.col("_is_silent")
    return pl.concat(
        [
            rows.select(
                *(*EVENT, "source_file", "source_row", "scale", "scale_version", "grade_status"),
                pl.col("grade").alias("source_grade"),
                pl.col("is_sponsor_neurotoxicity").alias("is_sponsor"),
            ),
            evidence.decided.look_up(rows, _OF_DECISION),
            placed.select("infusion_number", "onset_day_earliest", "onset_day_latest", "window_status"),
            changed.select(
                "_is_silent",
                *(pl.when(is_silent).then(zero).otherwise(end).alias(end) for end in INTERVAL),
                *("context_rules", "review_reasons"),
            ),
        ],
        how="horizontal",
    )


def _place_events(pairs: pl.DataFrame, primary_days: int) -> pl.DataFrame:
    """Every row, in order: `_row`, `_is_silent`, infusion_number, onset_day_earliest and _latest, and
    window_status.
    """
    status = (
        pl.when("follows")
        .then(compute_window_status(pl.lit(primary_days, pl.Int32)))
        .when("is_dated")
        .then(pl.lit("before_infusion"))
        .otherwise(pl.lit("no_infusion_date"))
    )
    return select_latest(pairs).select(
        *("_row", "_is_silent"),
        pl.when("follows").then("infusion_number"),
        pl.col("day_earliest").alias("onset_day_earliest"),
        pl.col("day_latest").alias("onset_day_latest"),
        status.alias("window_status"),
    )


def _with_revised(events: pl.DataFrame, revised: pl.DataFrame) -> pl.DataFrame:
    """Events with the interval, rules and reasons that assessments gave them, where they did."""
    if revised.is_empty():
        return events
    names = (*INTERVAL, "context_rules", "review_reasons")
    changes = revised.select(*EVENT, "evidence_rule", *(pl.col(name).alias(f"_{name}") for name in names))
    is_revised = pl.col("evidence_rule").is_not_null()
    return (
        events.join(changes, on=EVENT, how="left", validate="1:1")
        .with_columns(pl.when(is_revised).then(f"_{name}").otherwise(name).alias(name) for name in names)
        .drop("evidence_rule", *(f"_{name}" for name in names))
    )


def _finish_window(placed: pl.DataFrame) -> pl.DataFrame:
    """Apply the rules of `window_status`; rules as they were applied, reasons sorted."""
    status, rows = pl.col("window_status"), placed.lazy()
    rows = apply_rule(rows, rules.BEFORE_INFUSION, None, status == "before_infusion", low=0, point=0, high=0)
    rows = apply_rule(rows, rules.PARTLY_IN_WINDOW, "onset_partly_in_window", status == "partly", low=0)
    rows = apply_rule(rows, rules.PARTLY_IN_WINDOW, "no_infusion_date", status == "no_infusion_date", low=0)
    rows = apply_rule(rows, None, "late_onset", status == "late")
    finished = rows.with_columns(
        pl.col("context_rules", "review_reasons").str.strip_chars_start(SEPARATOR)
    ).collect(engine="in-memory")
    return finished.with_columns(
        pl.when(codes != "").then(codes).alias(codes.name)
        for codes in (finished["context_rules"], sort_parts(finished["review_reasons"]))
    )


@remember_no_rows
def _derive_assessment_grades(
    moments: pl.DataFrame,
    moment_days: pl.DataFrame,
    moment_windows: pl.DataFrame,
    infusions: pl.DataFrame,
    manifest: StudyManifest,
) -> pl.DataFrame:
    """Moments with the status of the primary window of the latest infusion they can follow.

    A moment certainly before the first infusion is counted in days from that one, with infusion_number
    null.
    """
    moment = ("study_id", "subject_id", "moment")
    latest = moment_days.group_by(moment).agg(pl.all().sort_by("infusion_number").last())
    statuses = (
        moment_windows.filter(pl.col("window_days") == manifest.windows.primary_days)
        .group_by(moment)
        .agg(pl.col("window_status").sort_by("infusion_number").last())
    )
    placed = (
        moments.join(latest, on=moment, how="left", validate="m:1")
        .join(statuses, on=moment, how="left", validate="m:1")
        .join(_first_infusions(infusions), on=SUBJECT, how="left", validate="m:1")
        .with_columns(
            pl.col("window_status").fill_null("before_infusion"),
            *_count_days("assessed", "day"),
        )
    )
    return _finish_window(placed)


def _first_infusions(infusions: pl.DataFrame) -> pl.DataFrame:
    return infusions.filter(pl.col("infusion_number") == 1).select(
        *SUBJECT, "infusion_earliest", "infusion_latest"
    )


def _count_days(instant: str, day: str) -> Iterator[pl.Expr]:
    """`<day>_earliest` and `_latest`; of what follows no infusion, counted from the first one."""
    for edge, infusion in (("earliest", "infusion_latest"), ("latest", "infusion_earliest")):
        yield (
            pl.when(pl.col("infusion_number").is_null())
            .then(compute_days(f"{instant}_{edge}", infusion))
            .otherwise(f"day_{edge}")
            .alias(f"{day}_{edge}")
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
