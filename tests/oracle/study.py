"""One study graded row by row: the order in which the rules of the other modules are asked.

`grade` gives the result tables of `schemas.results` and `schemas.courses` as lists of dicts (not dates,
courses and closing facts), `compare` the scale diff.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from schemas.manifest import StudyManifest
from tests.oracle import (
    comparison,
    contradictions,
    episodes,
    measured,
    moments,
    placing,
    reports,
    subjects,
)
from tests.oracle.interval import Interval, joined
from tests.oracle.measured import Evidence
from tests.oracle.moments import Assessed, Baseline, Moment
from tests.oracle.release_index import Dictionary, ReleaseIndex
from tests.oracle.reports import Report

Row = dict[str, Any]
Tables = dict[str, list[Row]]


@dataclass(frozen=True)
class Placed:
    """A row or a moment in a window of an infusion, with what was decided about it there."""

    row: Row
    interval: Interval
    domains: frozenset[str]
    reasons: frozenset[str]
    requires: frozenset[str] | None
    """None where only the kernel words it."""
    is_silent: bool = False


@dataclass(frozen=True)
class History:
    """Everything about one subject that the windows are made from."""

    subject: Row
    reports: list[Report]
    moments: list[Moment]
    assessed: list[Assessed]
    baseline: Baseline
    evidence: Evidence

    @classmethod
    def of(cls, study: Study, subject: Row) -> History:
        found = reports.reports_of(study, subject)
        grouped = moments.moments_of(study, subject["subject_id"])
        baseline, assessed = moments.assess(study, subject, grouped, found)
        evidence = Evidence.of(grouped, assessed, subject["population"], baseline)
        return cls(subject, found, grouped, assessed, baseline, evidence)

    def without_assessments(self) -> History:
        baseline = Baseline({})
        nothing = Evidence([], [], baseline)
        return replace(self, moments=[], assessed=[], baseline=baseline, evidence=nothing)


@dataclass(frozen=True)
class Study:
    """Checked tables, manifest and release of one study."""

    checked: Tables
    manifest: StudyManifest
    release: ReleaseIndex

    @property
    def windows(self) -> list[int]:
        return [self.manifest.windows.primary_days, *self.manifest.windows.sensitivity_days]

    @property
    def primary(self) -> int:
        return self.manifest.windows.primary_days

    def rows_of(self, table: str, subject: str) -> list[Row]:
        return [row for row in self.checked[table] if row["subject_id"] == subject]

    def infusions_of(self, subject: str) -> list[Row]:
        """Infusions in order; none at all where none of them is dated."""
        rows = self.rows_of("core_infusions", subject)
        is_dated = any(row["infusion_earliest"] is not None for row in rows)
        return sorted(rows, key=lambda row: row["infusion_number"]) if is_dated else []

    def infusion(self, subject: str, number: int) -> Row | None:
        found = [row for row in self.infusions_of(subject) if row["infusion_number"] == number]
        return found[0] if found else None

    def is_row_of_consciousness(self, report: Report, day: date | None) -> bool:
        """A row of consciousness alone that certainly covers the day."""
        if day is None or report.is_silent or report.domains != {"consciousness"}:
            return False
        span = reports.certain_days(report.row)
        return span is not None and span[0] <= day <= span[1]


def grade(
    checked: Tables,
    release_tables: Mapping[str, list[Row]],
    manifest: StudyManifest,
    dictionary: Dictionary | None = None,
) -> Tables:
    """All kernel results of a study."""
    study = Study(checked, manifest, ReleaseIndex(release_tables, dictionary))
    found: Tables = defaultdict(list)
    for name in TABLES:
        found[name] = []
    for subject in checked["core_subjects"]:
        history = History.of(study, subject)
        events = [_event_row(study, history, report) for report in history.reports]
        placed = [row for report in history.reports for row in _window_rows(study, history, report)]
        assessed = [row for a in history.assessed for row in _assessment_windows(study, history, a)]
        alone = history.without_assessments()
        unassessed = [row for report in alone.reports for row in _window_rows(study, alone, report)]
        found["core_event_grades"] += events
        found["core_event_windows"] += [entry.row for entry in placed]
        found["core_assessment_grades"] += [_assessment_row(study, subject, a) for a in history.assessed]
        found["core_assessment_windows"] += [entry.row for entry in assessed]
        found["core_subject_grades"] += subjects.grade_subject(study, subject, placed, assessed, unassessed)
        found["contradictions"] += contradictions.find(history, placed, study.primary)
        for infusion in study.infusions_of(subject["subject_id"]):
            covers = episodes.covers_of(study, history, infusion)
            by_day, open_days = episodes.days_of(study, history, infusion, covers)
            found["core_subject_days"] += episodes.day_rows(subject, infusion, by_day)
            found["core_episodes"] += episodes.episode_rows(
                study, subject, infusion, covers, by_day, open_days
            )
    found["core_unmapped_terms"] = _unmapped_terms(study, found["core_event_grades"])
    return dict(found)


TABLES = (
    "core_event_grades",
    "core_event_windows",
    "core_assessment_grades",
    "core_assessment_windows",
    "core_subject_grades",
    "core_subject_days",
    "core_episodes",
    "contradictions",
)


def status_of(study: Study, subject: str, placings: list[placing.Placing]) -> str:
    """Status in the primary window of the latest infusion that can be followed."""
    if not study.infusions_of(subject):
        return "no_infusion_date"
    return placing.window_status(placings[-1], study.primary) if placings else "before_infusion"


WINDOW_REASONS = {
    "partly": "onset_partly_in_window",
    "late": "late_onset",
    "no_infusion_date": "no_infusion_date",
}
WINDOW_RULES = {
    "before_infusion": "K-BEFORE-INFUSION",
    "partly": "K-PARTLY-IN-WINDOW",
    "no_infusion_date": "K-PARTLY-IN-WINDOW",
}


def _own(interval: Interval, status: str) -> Interval:
    """A late row keeps its own interval; only its contribution to the window is nothing."""
    return interval if status == "late" else placing.contribution(interval, status)


def _event_row(study: Study, history: History, report: Report) -> Row:
    row, identity = report.row, report.row["subject_id"]
    status = status_of(study, identity, report.placings)
    last = report.placings[-1] if report.placings else None
    infusion = study.infusion(identity, last.number) if last else None
    bearing = measured.bear(report, infusion, study.primary, history.evidence)
    decided = measured.decide(study, history, report, bearing)
    day_earliest, day_latest = (last.day_earliest, last.day_latest) if last else (None, None)
    if status == "before_infusion":
        first = study.infusions_of(identity)[0]
        day_earliest, day_latest = placing.days_after(placing.onset_of(row), first)
    reasons, rules = decided.reasons | bearing.reasons, list(decided.context)
    if bearing.rule:
        rules.insert(0, bearing.rule)
    if not report.is_silent:
        reasons |= {WINDOW_REASONS[status]} if status in WINDOW_REASONS else set()
        rules += [WINDOW_RULES[status]] if status in WINDOW_RULES else []
    concept = report.concept
    flags = study.release.concepts.get(concept, {}) if concept else {}
    return {
        **{k: row[k] for k in ("study_id", "subject_id", "event_id", "source_file", "source_row")},
        "term_key": report.resolution.key,
        "match_method": report.resolution.method,
        "concept_id": concept,
        "mapping_layer": joined(report.resolution.layers | report.release.layers) if concept else None,
        "scale": row["scale"],
        "scale_version": row["scale_version"],
        "source_grade": row["grade"],
        "grade_status": row["grade_status"],
        "domains": joined(decided.domains),
        "disposition": decided.disposition,
        "source_rules": joined(report.release.rules),
        **{f"release_{k}": v for k, v in report.release.interval.as_columns().items()},
        **_own(decided.interval, status).as_columns(),
        "context_rules": "|".join(rules) or None,
        "review_reasons": joined(reasons),
        "requires": joined(decided.requires),
        "infusion_number": last.number if last else None,
        "onset_day_earliest": day_earliest,
        "onset_day_latest": day_latest,
        "window_status": status,
        "is_broad": bool(flags.get("is_broad", False)),
        "is_core": bool(flags.get("is_core", False)),
        "is_sponsor": row["is_sponsor_neurotoxicity"],
        "body_system": row["body_system"],
    }


def _placed_in(
    study: Study, subject: str, placings: list[placing.Placing], window: int
) -> list[tuple[int, str]]:
    """Infusion and status; infusion 0 where the subject has no dated infusion, none before the first."""
    if not study.infusions_of(subject):
        return [(0, "no_infusion_date")]
    return [(place.number, placing.window_status(place, window)) for place in placings]


def _window_rows(study: Study, history: History, report: Report) -> list[Placed]:
    """What the row gives to each window of each infusion it can follow; nothing where it follows none."""
    found = []
    identity = report.row["subject_id"]
    for window in study.windows:
        for number, status in _placed_in(study, identity, report.placings, window):
            infusion = study.infusion(identity, number)
            bearing = measured.bear(report, infusion, window, history.evidence)
            decided = measured.decide(study, history, report, bearing)
            given = placing.contribution(decided.interval, status)
            row = {
                **{k: report.row[k] for k in ("study_id", "subject_id", "event_id")},
                "infusion_number": number,
                "window_days": window,
                "window_status": status,
                "evidence_rule": bearing.rule,
                **given.as_columns(),
            }
            reasons = decided.reasons | bearing.reasons
            found.append(
                Placed(row, given, decided.domains, reasons, decided.requires, is_silent=report.is_silent)
            )
    return found


def _assessment_row(study: Study, subject: Row, found: Assessed) -> Row:
    identity = subject["subject_id"]
    status = status_of(study, identity, found.placings)
    last = found.placings[-1] if found.placings else None
    day_earliest, day_latest = (last.day_earliest, last.day_latest) if last else (None, None)
    if status == "before_infusion":
        first = study.infusions_of(identity)[0]
        onset = placing.Onset(found.moment.earliest, found.moment.latest)
        day_earliest, day_latest = placing.days_after(onset, first)
    rules = [*found.context, *([WINDOW_RULES[status]] if status in WINDOW_RULES else [])]
    reasons = found.reasons | ({WINDOW_REASONS[status]} if status in WINDOW_REASONS else set())
    return {
        "study_id": subject["study_id"],
        "subject_id": identity,
        "moment": found.moment.text,
        "domain": found.domain,
        "assessed_earliest": found.moment.earliest,
        "assessed_latest": found.moment.latest,
        "rule_id": found.rule,
        **{f"measured_{k}": v for k, v in found.measured.as_columns().items()},
        "is_usable": found.is_usable,
        "context_rules": "|".join(rules) or None,
        **_own(found.interval, status).as_columns(),
        "review_reasons": joined(reasons),
        "infusion_number": last.number if last else None,
        "day_earliest": day_earliest,
        "day_latest": day_latest,
        "window_status": status,
    }


def _assessment_windows(study: Study, history: History, found: Assessed) -> list[Placed]:
    rows = []
    identity = history.subject["subject_id"]
    for window in study.windows:
        for number, status in _placed_in(study, identity, found.placings, window):
            given = placing.contribution(found.interval, status)
            row = {
                "study_id": history.subject["study_id"],
                "subject_id": identity,
                "moment": found.moment.text,
                "domain": found.domain,
                "infusion_number": number,
                "window_days": window,
                "window_status": status,
                **given.as_columns(),
            }
            rows.append(Placed(row, given, found.domains, found.reasons, None))
    return rows


def _unmapped_terms(study: Study, event_rows: list[Row]) -> list[Row]:
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in event_rows:
        if row["disposition"] == "unmapped":
            groups[row["term_key"] or "", row["body_system"] or ""].append(row)
    return [
        {
            "study_id": study.manifest.study,
            "term_key": key,
            "body_system": body_system,
            "events": len(rows),
            "subjects": len({row["subject_id"] for row in rows}),
            "max_source_grade": max(
                (row["source_grade"] for row in rows if row["source_grade"] is not None), default=None
            ),
        }
        for (key, body_system), rows in groups.items()
    ]


def compare(checked: Tables, graded: Tables, manifest: StudyManifest) -> Tables:
    """The scale diff and the incidence counts."""
    has_subject_table = any(subject["is_in_subject_table"] for subject in checked["core_subjects"])
    if has_subject_table:
        name = "infused subjects"
        denominator = {s["subject_id"] for s in checked["core_subjects"] if s["is_infused"]}
    else:
        name = "subjects with a reported event"
        events = checked["core_adverse_events"]
        denominator = {event["subject_id"] for event in events if event["grade"] != 0}
    windows = [manifest.windows.primary_days, *manifest.windows.sensitivity_days]
    subject_rows = comparison.compare_subjects(
        graded["core_event_grades"], graded["core_event_windows"], graded["core_subject_grades"]
    )
    return {
        "diff_scale_events": comparison.compare_events(graded["core_event_grades"]),
        "diff_scale_subjects": subject_rows,
        "diff_scale_thresholds": comparison.count_crossings(subject_rows, denominator),
        "core_incidence": comparison.count_incidence(
            manifest.study, windows, subject_rows, denominator, name
        ),
    }


__all__ = ["History", "Placed", "Row", "Study", "Tables", "compare", "grade"]
