"""An adverse-event row of a subject: what the release says, and the chain of context rules it runs through.

The chain is asked twice, for the row alone and for the row as assessments left it in a window
(GRADING.md 3.5, 4.4, 4.5).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tests.oracle import context, decisions, placing
from tests.oracle.decisions import Decision
from tests.oracle.interval import Interval
from tests.oracle.release_index import Row
from tests.oracle.terms import Resolution, resolve

if TYPE_CHECKING:
    from tests.oracle.moments import Baseline
    from tests.oracle.study import Study


@dataclass(frozen=True)
class Report:
    """A row with the release's decision, before any other evidence."""

    row: Row
    resolution: Resolution
    release: Decision
    placings: list[placing.Placing]

    @property
    def concept(self) -> str | None:
        return self.resolution.concept_id

    @property
    def is_silent(self) -> bool:
        return self.release.disposition in context.SILENT

    @property
    def domains(self) -> frozenset[str]:
        return self.release.domains


def reports_of(study: Study, subject: Row) -> list[Report]:
    grading = study.manifest.grading
    infusions = study.infusions_of(subject["subject_id"])
    found = []
    for row in study.rows_of("core_adverse_events", subject["subject_id"]):
        resolution = resolve(row, row["scale_version"], grading.verbatim_terms, study.release)
        released = decisions.decide_row(row, resolution, subject, grading.conventions, study.release)
        placings = placing.place(placing.onset_of(row), infusions) if infusions else []
        found.append(Report(row, resolution, released, placings))
    return found


def in_context(
    study: Study,
    subject: Row,
    report: Report,
    reports: list[Report],
    baseline: Baseline,
    interval: Interval | None = None,
) -> Decision:
    """Death, attribution, other causes, an old condition, sedation; `interval` replaces the release's."""
    decided, row = report.release, report.row
    if report.is_silent:
        return decided
    if interval is not None:
        decided = replace(decided, interval=interval)
    switches = study.manifest.context
    others = [(other.row, other.concept) for other in reports if other is not report]
    decided = context.apply_death(row, decided, subject["vital_status"] == "alive")
    decided = context.apply_attribution(row, decided, study.manifest.attribution)
    span = context.Span.between(row["start_earliest"], row["end_latest"])
    decided = context.apply_causes(decided, context.causes_at(span, others, switches, study.release))
    is_old = switches.medical_history and is_in_history(study, subject, report)
    decided = context.apply_medical_history(decided, is_old)
    deficits = {domain for domain in decided.domains if baseline.deficit(domain) is not None}
    decided = context.apply_baseline(decided, deficits)
    if switches.sedation:
        periods = study.rows_of("core_sedation", subject["subject_id"])
        decided = context.apply_sedation(row, decided, periods)
    return decided


def is_in_history(study: Study, subject: Row, report: Report) -> bool:
    """The history holds the concept and did not certainly begin after the first infusion."""
    verbatim_allowed = study.manifest.grading.verbatim_terms
    infusions = study.infusions_of(subject["subject_id"])
    first = infusions[0]["infusion_latest"] if infusions else None
    for row in study.rows_of("core_medical_history", subject["subject_id"]):
        began = row["start_earliest"]
        is_later = began is not None and first is not None and began >= first
        concept = resolve(row, None, verbatim_allowed, study.release).concept_id
        if concept is not None and concept == report.concept and not is_later:
            return True
    return False


def certain_days(row: Row) -> tuple[date, date] | None:
    """First and last day that the row certainly covers, by a recorded end; None where no day is certain."""
    onset, ended = placing.onset_of(row), row["end_earliest"]
    if onset.latest is None or ended is None:
        return None
    first, last = onset.latest.date(), ended.date()
    return (first, last) if first <= last else None


def days_between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=step) for step in range((last - first).days + 1)]
