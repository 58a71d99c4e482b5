"""The days of a subject after an infusion, and the episodes they make (GRADING.md 5).

Which rows and moments bear on which day is decided here; how days unite is in `days`.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from tests.oracle import days, measured, placing
from tests.oracle.interval import Interval, joined
from tests.oracle.release_index import Row
from tests.oracle.reports import Report

if TYPE_CHECKING:
    from tests.oracle.study import History, Study

Covers = list[tuple[Report, Interval, days.Cover]]


def covers_of(study: Study, history: History, infusion: Row) -> Covers:
    """Rows that can follow an infusion, what they say on a day, and the days they cover.

    A row that some assessed days raise says on its other days what it said before: the assessed days
    speak for themselves.
    """
    last_day = max(study.windows)
    horizon = days.Horizon(history.subject["death_latest"], study.manifest.data_cutoff, last_day)
    found = []
    for report in history.reports:
        for place in report.placings:
            if place.number != infusion["infusion_number"]:
                continue
            bearing = measured.bear(report, infusion, last_day, history.evidence)
            if bearing.rule == "K-MEASURED-RAISES":
                bearing = measured.Bearing(None, report.release.interval)
            decided = measured.decide(study, history, report, bearing)
            given = placing.contribution(decided.interval, placing.window_status(place, last_day))
            found.append((report, given, days.cover_of(report.row, infusion, horizon)))
    return found


def days_of(
    study: Study, history: History, infusion: Row, covers: Covers
) -> tuple[dict[int, days.DayPart], set[int]]:
    """Everything of each day, and the days on which a row without an end certainly goes on."""
    last_day, evidence = max(study.windows), history.evidence
    spreads: list[days.Spread] = []
    open_days: set[int] = set()
    for report, part, cover in covers:
        if part.high >= 1:
            on_days = days.spread(cover, part, last_day)
            if measured.can_be_changed(report) and not report.domains <= measured.REPORTED_SIGNS:
                coverage = {
                    day: evidence.coverage(at, report.domains, infusion)
                    for day in on_days
                    if (at := _date_of(infusion, day)) is not None
                }
                alone = report.domains == {"consciousness"}
                on_days = days.leave_assessed_days(on_days, coverage, alone)
            spreads.append((on_days, report.domains))
            if cover.is_open_ended:
                open_days |= {day for day in on_days if cover.first_certain <= day <= cover.last_certain}
    seen, assessed = set(), set()
    for found in history.assessed:
        for place in found.placings:
            if place.number == infusion["infusion_number"]:
                status = placing.window_status(place, last_day)
                part = placing.contribution(found.interval, status)
                on_days = days.spread_moment(place.day_earliest, place.day_latest, part, last_day)
                is_one_day = place.day_earliest is not None and place.day_earliest == place.day_latest
                if status != "late":
                    spreads.append((on_days, found.domains))
                    seen |= set(on_days) if is_one_day else set()
                    assessed |= set(on_days) if found.is_usable and is_one_day else set()
    return days.unite_days(spreads, seen, assessed), open_days


def _date_of(infusion: Row, day: int) -> date | None:
    """The date of a day number; None where the day of infusion is not certain."""
    first, last = infusion["infusion_earliest"], infusion["infusion_latest"]
    if first is None or last is None or first.date() != last.date():
        return None
    return date.fromordinal(first.date().toordinal() + day)


def crs_table_spans(study: Study, subject: Row, infusion: Row) -> list[tuple[int, int]]:
    """Days of the rows of a table of cytokine release syndrome that can follow the infusion."""
    identity = subject["subject_id"]
    horizon = days.Horizon(subject["death_latest"], study.manifest.data_cutoff, max(study.windows))
    found = []
    for row in study.rows_of("core_crs", identity):
        placings = placing.place(placing.onset_of(row), study.infusions_of(identity))
        if row["grade"] != 0 and any(p.number == infusion["infusion_number"] for p in placings):
            cover = days.cover_of(row, infusion, horizon)
            found.append((cover.first_possible, cover.last_possible))
    return found


def day_rows(subject: Row, infusion: Row, by_day: dict[int, days.DayPart]) -> list[Row]:
    return [
        {
            "study_id": subject["study_id"],
            "subject_id": subject["subject_id"],
            "infusion_number": infusion["infusion_number"],
            "day": day,
            "study_day": day + 1,
            **part.interval.as_columns(),
            "domains": joined(part.domains),
            "point_domains": joined(part.point_domains),
            "is_assessed": part.is_assessed,
        }
        for day, part in by_day.items()
    ]


def episode_rows(
    study: Study,
    subject: Row,
    infusion: Row,
    covers: Covers,
    by_day: dict[int, days.DayPart],
    open_days: set[int],
) -> list[Row]:
    crs_spans = [
        (cover.first_possible, cover.last_possible)
        for report, _, cover in covers
        if study.release.cause_role(report.concept) == "crs" and report.row["grade"] != 0
    ]
    crs_spans += crs_table_spans(study, subject, infusion)
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
                "is_ongoing": last in open_days,
                "crs_relation": days.crs_relation(first, crs_spans),
                "gap_days": gap,
            }
        )
    return found
