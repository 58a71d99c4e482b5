"""One study graded row by row: the order in which the rules of the other modules are asked.

`grade` gives the result tables of `schemas.results` as lists of dicts, `compare` the scale diff.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.manifest import StudyManifest
from tests.oracle import comparison, context, days, decisions, placing, subjects
from tests.oracle.decisions import Decision
from tests.oracle.interval import Interval
from tests.oracle.release_index import Dictionary, ReleaseIndex
from tests.oracle.terms import Resolution, resolve

Row = dict[str, Any]
Tables = dict[str, list[Row]]


@dataclass(frozen=True)
class Event:
    """A row with everything decided about it before the window."""

    row: Row
    resolution: Resolution
    release: Decision
    decided: Decision
    placings: list[placing.Placing]

    @property
    def interval(self) -> Interval:
        return self.decided.interval


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


def grade(
    checked: Tables,
    release_tables: Mapping[str, list[Row]],
    manifest: StudyManifest,
    dictionary: Dictionary | None = None,
) -> Tables:
    """All kernel results of a study."""
    study = Study(checked, manifest, ReleaseIndex(release_tables, dictionary))
    found: Tables = {
        "core_event_grades": [],
        "core_event_windows": [],
        "core_subject_grades": [],
        "core_subject_days": [],
        "core_episodes": [],
    }
    for subject in checked["core_subjects"]:
        events = grade_events(study, subject)
        found["core_event_grades"] += [_event_row(study, event) for event in events]
        placed = [row for event in events for row in _window_rows(study, event)]
        found["core_event_windows"] += placed
        found["core_subject_grades"] += subjects.grade_subject(study, subject, events, placed)
        for infusion in study.infusions_of(subject["subject_id"]):
            covers = _covers(study, subject, infusion, events)
            by_day = _days_of(study, covers)
            found["core_subject_days"] += _day_rows(subject, infusion, by_day)
            found["core_episodes"] += _episode_rows(study, subject, infusion, covers, by_day)
    found["core_unmapped_terms"] = _unmapped_terms(study, found["core_event_grades"])
    return found


def grade_events(study: Study, subject: Row) -> list[Event]:
    """Every row of a subject: release decision, death, attribution, other causes, sedation, placing."""
    identity = subject["subject_id"]
    rows = study.rows_of("core_adverse_events", identity)
    grading = study.manifest.grading
    resolved = [resolve(row, row["scale_version"], grading.verbatim_terms, study.release) for row in rows]
    roles = [study.release.cause_role(found.concept_id) for found in resolved]
    is_alive = subject["vital_status"] == "alive"
    infusions = study.infusions_of(identity)
    events = []
    for index, (row, resolution) in enumerate(zip(rows, resolved, strict=True)):
        released = decisions.decide_row(row, resolution, subject, grading.conventions, study.release)
        decided = released
        if released.disposition not in context.SILENT:
            others = [(rows[i], roles[i]) for i in range(len(rows)) if i != index]
            decided = context.apply_death(row, decided, is_alive)
            decided = context.apply_attribution(row, decided, study.manifest.attribution)
            decided = context.apply_other_causes(row, decided, others)
            decided = context.apply_sedation(row, decided, study.rows_of("core_sedation", identity))
        placings = placing.place(placing.onset_of(row), infusions) if infusions else []
        events.append(Event(row, resolution, released, decided, placings))
    return events


def event_status(study: Study, event: Event) -> str:
    """Status in the primary window of the latest infusion the event can follow."""
    if not study.infusions_of(event.row["subject_id"]):
        return "no_infusion_date"
    if not event.placings:
        return "before_infusion"
    return placing.window_status(event.placings[-1], study.primary)


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


def _event_row(study: Study, event: Event) -> Row:
    row, status = event.row, event_status(study, event)
    last = event.placings[-1] if event.placings else None
    # A late row keeps its own interval; only its contribution to the window is nothing.
    own = event.interval if status == "late" else placing.contribution(event.interval, status)
    concept = event.resolution.concept_id
    day_earliest, day_latest = (last.day_earliest, last.day_latest) if last else (None, None)
    if status == "before_infusion":
        first = study.infusions_of(row["subject_id"])[0]
        day_earliest, day_latest = placing.days_after(placing.onset_of(row), first)
    reasons, rules = set(event.decided.reasons), list(event.decided.context)
    if event.decided.disposition not in context.SILENT:
        reasons |= {WINDOW_REASONS[status]} if status in WINDOW_REASONS else set()
        rules += [WINDOW_RULES[status]] if status in WINDOW_RULES else []
    flags = study.release.concepts.get(concept, {}) if concept else {}
    return {
        **{k: row[k] for k in ("study_id", "subject_id", "event_id", "source_file", "source_row")},
        "term_key": event.resolution.key,
        "match_method": event.resolution.method,
        "concept_id": concept,
        "mapping_layer": joined(event.resolution.layers | event.release.layers) if concept else None,
        "scale": row["scale"],
        "scale_version": row["scale_version"],
        "source_grade": row["grade"],
        "grade_status": row["grade_status"],
        "domains": joined(event.decided.domains),
        "disposition": event.decided.disposition,
        "source_rules": joined(event.release.rules),
        **{f"release_{k}": v for k, v in event.release.interval.as_columns().items()},
        **own.as_columns(),
        "context_rules": "|".join(rules) or None,
        "review_reasons": joined(reasons),
        "requires": joined(event.decided.requires),
        "infusion_number": last.number if last else None,
        "onset_day_earliest": day_earliest,
        "onset_day_latest": day_latest,
        "window_status": status,
        "is_broad": bool(flags.get("is_broad", False)),
        "is_core": bool(flags.get("is_core", False)),
        "is_sponsor": row["is_sponsor_neurotoxicity"],
        "body_system": row["body_system"],
    }


def _window_rows(study: Study, event: Event) -> list[Row]:
    """What the row gives to each window of each infusion it can follow; nothing where it follows none."""
    found = []
    for window in study.windows:
        placed = [(p.number, placing.window_status(p, window)) for p in event.placings]
        if not study.infusions_of(event.row["subject_id"]):
            placed = [(0, "no_infusion_date")]
        for number, status in placed:
            found.append(
                {
                    **{k: event.row[k] for k in ("study_id", "subject_id", "event_id")},
                    "infusion_number": number,
                    "window_days": window,
                    "window_status": status,
                    **placing.contribution(event.interval, status).as_columns(),
                }
            )
    return found


def _covers(
    study: Study, subject: Row, infusion: Row, events: list[Event]
) -> list[tuple[Event, str, days.Cover]]:
    """Events that can follow an infusion, their status in the longest window, the days they cover."""
    horizon = days.Horizon(subject["death_latest"], study.manifest.data_cutoff, max(study.windows))
    return [
        (event, placing.window_status(place, horizon.last_day), days.cover_of(event.row, infusion, horizon))
        for event in events
        for place in event.placings
        if place.number == infusion["infusion_number"]
    ]


def _days_of(study: Study, covers: list[tuple[Event, str, days.Cover]]) -> dict[int, days.DayPart]:
    spreads = []
    for event, status, cover in covers:
        part = placing.contribution(event.interval, status)
        if part.high >= 1:
            spreads.append((days.spread(cover, part, max(study.windows)), event.decided.domains))
    return days.unite_days(spreads)


def _day_rows(subject: Row, infusion: Row, by_day: dict[int, days.DayPart]) -> list[Row]:
    return [
        {
            "study_id": subject["study_id"],
            "subject_id": subject["subject_id"],
            "infusion_number": infusion["infusion_number"],
            "day": day,
            **part.interval.as_columns(),
            "domains": joined(part.domains),
        }
        for day, part in by_day.items()
    ]


def _episode_rows(
    study: Study,
    subject: Row,
    infusion: Row,
    covers: list[tuple[Event, str, days.Cover]],
    by_day: dict[int, days.DayPart],
) -> list[Row]:
    crs_spans = [
        (cover.first_possible, cover.last_possible)
        for event, _, cover in covers
        if study.release.cause_role(event.resolution.concept_id) == "crs" and event.row["grade"] != 0
    ]
    gap = study.manifest.episodes.gap_days
    found = []
    for number, (first, last) in enumerate(days.find_episodes(by_day, gap), start=1):
        inside = {day: part.interval for day, part in by_day.items() if first <= day <= last}
        peak = max(part.point or 0 for part in inside.values())
        found.append(
            {
                "study_id": subject["study_id"],
                "subject_id": subject["subject_id"],
                "infusion_number": infusion["infusion_number"],
                "episode_number": number,
                "onset_day": first,
                "peak_day": min(day for day, part in inside.items() if part.point == peak),
                "last_day": last,
                "duration_days": last - first + 1,
                "peak_point": peak,
                "peak_high": max(part.high for part in inside.values()),
                "is_ongoing": any(
                    cover.is_open_ended and cover.first_certain <= last <= cover.last_certain
                    for event, status, cover in covers
                    if placing.contribution(event.interval, status).high >= 1
                ),
                "crs_relation": days.crs_relation(first, crs_spans),
                "gap_days": gap,
            }
        )
    return found


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


def joined(parts: Iterable[str]) -> str | None:
    """A sorted list in one text column; null for an empty one."""
    return "|".join(sorted(parts)) or None


__all__ = ["Event", "Row", "Study", "Tables", "compare", "grade", "joined"]
