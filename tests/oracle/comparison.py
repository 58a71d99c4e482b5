"""Source grade against ICANS: comparator sets, changes, crossings, incidence (GRADING.md 5 and 6.1)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from scipy.stats import binomtest  # type: ignore[import-untyped]  # no stubs shipped

Row = dict[str, Any]
SETS = {"broad": "is_broad", "core": "is_core", "sponsor": "is_sponsor"}
ESTIMATES = ("low", "point", "high")
THRESHOLDS = (1, 2, 3, 4)
COUNTED = ("inside", "partly", "no_infusion_date")


def change(source: int | None, icans: int | None) -> str:
    if source is None:
        return "source_unknown"
    if icans is None:
        return "to_indeterminate"
    if icans == source:
        return "unchanged"
    if icans > source:
        return "up"
    return "to_zero" if icans == 0 else "down"


def crossing(source: int | None, icans: int | None, threshold: int) -> str:
    if source is None or icans is None:
        return "unknown"
    before, after = source >= threshold, icans >= threshold
    if before == after:
        return "none"
    return "up" if after else "down"


def changes(row: Row) -> Row:
    return {f"change_{e}": change(row["source_grade"], row[e]) for e in ESTIMATES}


def compare_events(event_grades: list[Row]) -> list[Row]:
    """Events of a comparator set, and every event that can be ICANS."""
    return [
        {
            **{
                name: event[name]
                for name in ("study_id", "subject_id", "event_id", "concept_id", "source_grade", *ESTIMATES)
            },
            "is_source_derived": event["scale"] == "severity",
            **changes(event),
        }
        for event in event_grades
        if event["disposition"] != "no_event"
        and (event["is_broad"] or event["is_core"] or event["is_sponsor"] or event["high"] >= 1)
    ]


def compare_subjects(
    event_grades: list[Row], event_windows: list[Row], subject_grades: list[Row]
) -> list[Row]:
    """Highest known source grade of each set in each window against the subject's interval."""
    events = {(event["subject_id"], event["event_id"]): event for event in event_grades}
    found = []
    for subject in subject_grades:
        if subject["infusion_number"] != 0:
            continue
        counted = {
            placed["event_id"]
            for placed in event_windows
            if placed["subject_id"] == subject["subject_id"]
            and placed["window_days"] == subject["window_days"]
            and placed["window_status"] in COUNTED
        }
        mine = [events[subject["subject_id"], event_id] for event_id in counted]
        for name, flag in reported_sets(event_grades).items():
            members = [e for e in mine if e[flag] and e["source_grade"] != 0]
            known = [e["source_grade"] for e in members if e["source_grade"] is not None]
            row = {
                "comparator_set": name,
                **{
                    column: subject[column]
                    for column in (
                        "study_id",
                        "subject_id",
                        "window_days",
                        "is_primary_window",
                        "is_infused",
                        *ESTIMATES,
                        "outcome",
                    )
                },
                "source_grade": max(known) if known else (None if members else 0),
                "is_source_incomplete": len(known) < len(members),
                "is_source_derived": any(e["scale"] == "severity" for e in members),
            }
            found.append({**row, **changes(row)})
    return found


def reported_sets(event_grades: list[Row]) -> dict[str, str]:
    """The sponsor has a set only where a row has a flag, yes or no."""
    has_flags = any(e["is_sponsor"] is not None for e in event_grades if e["disposition"] != "no_event")
    return {name: flag for name, flag in SETS.items() if name != "sponsor" or has_flags}


def icans_value(row: Row, estimate: str) -> int | None:
    """A subject whose window cannot be placed has no known ICANS grade."""
    value: int | None = None if row["outcome"] == "NOT_EVALUABLE" else row[estimate]
    return value


def count_crossings(subject_rows: list[Row], denominator: set[str]) -> list[Row]:
    counts: Counter[tuple[str, str, int, str, int, str]] = Counter()
    for row in subject_rows:
        if row["subject_id"] not in denominator:
            continue
        for estimate in ESTIMATES:
            for threshold in THRESHOLDS:
                kind = crossing(row["source_grade"], icans_value(row, estimate), threshold)
                counts[
                    row["study_id"], row["comparator_set"], row["window_days"], estimate, threshold, kind
                ] += 1
    names = ("study_id", "comparator_set", "window_days", "estimate", "threshold", "crossing", "subjects")
    return [dict(zip(names, (*key, count), strict=True)) for key, count in counts.items()]


def count_incidence(
    study_id: str, windows: list[int], subject_rows: list[Row], denominator: set[str], name: str
) -> list[Row]:
    """Subjects at or above each threshold; those whose grade is not known are counted apart."""
    found = []
    reported = [name for name in SETS if any(r["comparator_set"] == name for r in subject_rows)]
    for window in windows:
        rows = [r for r in subject_rows if r["window_days"] == window and r["subject_id"] in denominator]
        values: dict[str, list[int | None]] = {
            f"icans_{e}": [icans_value(r, e) for r in rows if r["comparator_set"] == "broad"]
            for e in ESTIMATES
        }
        for comparator in reported:
            values[f"source_{comparator}"] = [
                r["source_grade"] for r in rows if r["comparator_set"] == comparator
            ]
        for estimate, grades in values.items():
            for threshold in THRESHOLDS:
                count, total = sum(g is not None and g >= threshold for g in grades), len(grades)
                limits = binomtest(count, total).proportion_ci(0.95, "exact") if total else None
                found.append(
                    {
                        "study_id": study_id,
                        "window_days": window,
                        "estimate": estimate,
                        "threshold": threshold,
                        "subjects": count,
                        "subjects_unknown": sum(g is None for g in grades),
                        "denominator": total,
                        "denominator_name": name,
                        "proportion": round(count / total, 6) if total else None,
                        "ci_low": round(float(limits.low), 6) if limits else None,
                        "ci_high": round(float(limits.high), 6) if limits else None,
                    }
                )
    return found
