"""How the story of a subject looks: a headline, a day-by-day chart, and what stands behind it.

What may live here: layout of facts that are already looked up. What may not: reading a run, clinical rules.
ASCII only, at most WIDTH columns, so that it fits a terminal, a mail and a page of paper.
"""

from __future__ import annotations

import itertools
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pipelines.cli.output import EMPTY, visible
from schemas.wording import counted

Facts = Mapping[str, Any]
WIDTH: Final = 100
_NARROWEST: Final = 60
_HIGHEST: Final = 5
_ESTIMATES: Final = ("low", "point", "high")
_HEADER: Final = f"{'day (study day)':>17}  {'ICANS':<13} 012345 CSA  recorded"
_LEGEND: Final = (
    "Days: the infusion is day 0; in brackets the CDISC study day, in which it is day 1. Bar: one place per "
    "grade 0 to 5, - allowed, # most defensible, . ruled out. C reported CRS, S sedated, A an assessment of "
    "the day can be used. 'maybe': a partial date leaves it open whether the row holds on that day."
)


def print_story(facts: Facts) -> None:
    """Print the sections of `explain_subject`."""
    columns = shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH
    width = max(min(columns, WIDTH), _NARROWEST)
    for number, section in enumerate(
        (
            _headline(facts),
            *(_chart(infusion) for infusion in facts["infusions"]),
            _legend(facts["infusions"]),
            _events(facts["events"]),
            _assessments(facts["assessments"]),
            _contradictions(facts["contradictions"]),
            _closing(facts["would_close_it"], facts["results"]),
            _rejected(facts["rejected_rows"]),
            _run(facts["run"]),
        )
    ):
        lines = list(section)
        if number and lines:
            print()
        for text, hanging in lines:
            _print(text, width, hanging)


Lines = Iterable[tuple[str, int]]
"""Lines with the column in which their continuation starts."""


def _print(text: str, width: int, hanging: int) -> None:
    plain = visible(text).encode("ascii", "backslashreplace").decode()
    lead = plain[: len(plain) - len(plain.lstrip())]
    body = textwrap.wrap(
        plain.lstrip(), width, initial_indent=lead, subsequent_indent=" " * hanging, break_on_hyphens=False
    )
    for line in body or [""]:
        print(line)


def said_interval(found: Facts) -> str:
    """An interval as text.

    >>> said_interval({"low": 0, "point": 2, "high": 3}), said_interval({"low": 3, "point": 3, "high": 3})
    ('[0 .. 2 .. 3]', '[3]')
    >>> said_interval({"low": 0, "point": None, "high": 4})
    '[0 .. - .. 4]'
    """
    low, point, high = found["low"], found["point"], found["high"]
    if low == point == high:
        return f"[{low}]"
    return f"[{low} .. {EMPTY if point is None else point} .. {high}]"


def draw_bar(found: Facts) -> str:
    """An interval as six places, one per grade.

    >>> draw_bar({"low": 0, "point": 2, "high": 3}), draw_bar({"low": 1, "point": None, "high": 4})
    ('--#-..', '.----.')
    """
    return "".join(
        "#" if grade == found["point"] else "-" if found["low"] <= grade <= found["high"] else "."
        for grade in range(_HIGHEST + 1)
    )


def _headline(facts: Facts) -> Lines:
    subject = facts["subject"]
    yield f"{subject['subject']} of {subject['study']}", 2
    age = subject["age_years"]
    population = subject["population"]
    yield (
        f"  {population['code']}{'' if age is None else f', {age:.1f} years'}: {population['meaning']}"
        + (" Developmental delay is recorded." if subject["developmental_delay"] else ""),
        4,
    )
    infusions = [f"{row['infusion']} on {row['date'] or 'an unknown date'}" for row in facts["infusions"]]
    yield f"  infusions: {', '.join(infusions) or 'none recorded'}", 4
    died = f" on {subject['died']}" if subject["died"] else ""
    yield f"  vital status: {subject['vital_status']}{died}", 4
    for result in facts["results"]:
        yield from _result(result)


def _result(result: Facts) -> Lines:
    name = "headline" if result["is_primary"] else "also"
    outcome = result["outcome"]
    yield (
        f"  {name}, day 0 to {result['window_days']}: {outcome['code']} {said_interval(result['interval'])} "
        f"{draw_bar(result['interval'])}  {outcome['meaning']}",
        4,
    )
    if not result["is_primary"]:
        return
    for sentence in _said_result(result):
        yield f"    {sentence}", 6
    yield from _drivers(result)
    for reason in result["review"]:
        yield f"    for a person: {reason['meaning'] or reason['code']}", 6


def _drivers(result: Facts) -> Lines:
    """What set each end of the interval; ends that are the same grade by the same rules are told once."""
    words = {"low": "at least", "point": "most defensible", "high": "at most"}
    told: dict[tuple[object, str], list[str]] = {}
    for end in words:
        driver = result["drivers"][end]
        if driver["rules"]:
            told.setdefault((result["interval"][end], repr(driver)), []).append(end)
    for (grade, _), ends in told.items():
        driver = result["drivers"][ends[0]]
        how = "grade" if len(ends) == len(words) else ", ".join(words[end] for end in ends)
        yield f"    {how} {grade} by {', '.join(driver['domains']) or 'no domain'}:", 6
        for rule in driver["rules"]:
            yield f"      {rule['meaning'] or 'a row of the mapping release'} ({rule['code']})", 8


def _said_result(result: Facts) -> Iterable[str]:
    """What assessments changed, and what is not in the interval, in words."""
    found, alone = result["interval"], result["events_alone"]
    if result["assessments"]:
        if found == alone:
            change = "assessments changed nothing: adverse events alone allow the same"
        elif found["low"] == found["high"] and alone["low"] < alone["high"]:
            change = f"assessments closed the interval; adverse events alone allow {said_interval(alone)}"
        else:
            change = f"adverse events alone, no assessment read, allow {said_interval(alone)}"
        yield f"{change}."
    rows = ", ".join(
        (counted(result["events"], "event row"), counted(result["assessments"], "assessed domain"))
    )
    late = f"; later than the window: {result['late_events']}" if result["late_events"] else ""
    lost = (
        f"; event rows that could not be used: {result['rejected_rows']}" if result["rejected_rows"] else ""
    )
    yield f"counted: {rows}{late}{lost}."


def _chart(infusion: Facts) -> Lines:
    yield f"DAY BY DAY after infusion {infusion['infusion']} ({infusion['date'] or 'no date'})", 2
    if not infusion["days"]:
        yield "  The date of this infusion is not certain: days cannot be drawn.", 2
        return
    yield _HEADER, 2
    lines = [(day, _day_text(day)) for day in infusion["days"]]
    for _, group in itertools.groupby(enumerate(lines), key=lambda entry: _run_key(*entry)):
        days = [day for _, (day, _) in group]
        text = next(text for day, text in lines if day is days[0])
        yield f"{_day_span(days):>17}  {text}", 47
    courses: dict[str, list[str]] = {}
    for course in infusion["courses"]:
        if course["onset_day"] is not None:
            courses.setdefault(_course(course), []).append(course["estimate"])
    for text, estimates in courses.items():
        yield f"  course by {', '.join(sorted(estimates, key=_ESTIMATES.index))}: {text}", 4


def _legend(infusions: Sequence[Facts]) -> Lines:
    if any(infusion["days"] for infusion in infusions):
        yield _LEGEND, 2


def _run_key(place: int, line: tuple[Facts, str]) -> tuple[int, str]:
    """Neighbouring days with the same text share a key."""
    day, text = line
    return day["day"] - place, text


def _day_span(days: Sequence[Facts]) -> str:
    first, last = days[0], days[-1]
    if first is last:
        return f"{first['day']} ({first['study_day']})"
    return f"{first['day']}..{last['day']} ({first['study_day']}..{last['study_day']})"


def _day_text(day: Facts) -> str:
    found = day["interval"]
    drawn = (
        f"{'' if found is None else said_interval(found):<13} {' ' * 6 if found is None else draw_bar(found)}"
    )
    marks = "".join(
        mark if day[name] else " "
        for mark, name in (("C", "is_crs"), ("S", "is_sedated"), ("A", "is_assessed"))
    )
    parts = [
        *(["infusion"] if day["is_infusion"] else []),
        *(["death"] if day["is_death"] else []),
        *(_said_moment(moment) for moment in day["assessments"]),
        *(_said_event(event) for event in day["events"]),
    ]
    by = f"by {', '.join(day['domains'])}" if day["domains"] and found and found["high"] else ""
    return f"{drawn} {marks}  {'; '.join([*parts, *([by] if by else [])])}"


def _said_moment(moment: Facts) -> str:
    at = f"{moment['time']} " if moment["time"] else ""
    grades = ", ".join(
        f"{domain['domain']} {_short(domain)}{'' if domain['covers_its_day'] else '*'}"
        for domain in moment["domains"]
    )
    return f"{at}{moment['says']} = {grades}"


def _short(found: Facts) -> str:
    if found["low"] == found["high"]:
        return str(found["low"])
    return f"{found['low']}..{found['high']}"


def _said_event(event: Facts) -> str:
    maybe = "" if event["is_certain"] else "maybe "
    cause = " (another cause)" if event["is_cause"] else ""
    grade = "without grade" if event["source_grade"] is None else f"grade {event['source_grade']}"
    return f"{maybe}AE {event['event']} {str(event['concept']).replace('_', ' ')} {grade}{cause}"


def _course(course: Facts) -> str:
    late = ", late onset" if course["is_late_onset"] else ""
    after = (
        "unresolved at the end of what was observed"
        if course["is_unresolved"]
        else (f"over on day {course['resolution_day']}")
    )
    again = f", {counted(course['recurrences'], 'recurrence')}" if course["recurrences"] else ""
    return (
        f"onset day {course['onset_day']} (study day "
        f"{course['onset_study_day']}){late}, peak grade {course['peak_grade']} on day {course['peak_day']}, "
        f"{counted(course['duration_days'], 'day')}, {after}{again}; CRS: {course['crs_relation']}"
    )


def _events(events: Sequence[Facts]) -> Lines:
    yield "ADVERSE EVENTS that are neurological, or another cause", 2
    if not events:
        yield "  none", 2
    for event in events:
        grade = EMPTY if event["grade"] is None else event["grade"]
        yield (
            f"  {event['event']}  {event['term'] or 'no term'}, grade {grade}, onset day "
            f"{event['days'] or 'unknown'} ({event['place']})",
            6,
        )
        yield f"      {(event['cause'] or event['disposition'])['meaning']}", 8
        if not event["by_the_row_alone"]["high"]:
            continue
        domains = ", ".join(event["domains"]) or "any domain"
        yield (
            f"      {domains}: the row alone {said_interval(event['by_the_row_alone'])}, with the record "
            f"around it {said_interval(event['interval'])}",
            8,
        )
        for rule in event["context"]:
            yield f"      {rule['code']}: {rule['meaning']}", 8
        for window in event["windows"]:
            if window["assessments"] and window["is_primary"]:
                rule = window["assessments"]
                yield (
                    f"      {rule['code']}: {rule['meaning']} In day 0 to {window['window_days']}: "
                    f"{said_interval(window['interval'])}",
                    8,
                )


def _assessments(rows: Sequence[Facts]) -> Lines:
    if not rows:
        return
    yield "ASSESSMENTS, by moment and domain", 2
    for row in rows:
        is_before = row["window"]["code"] == "before_infusion"
        unplaced = "before the infusion" if is_before else "day unknown"
        day = unplaced if row["days"] is None else f"day {row['days']}"
        covers = "" if row["covers_its_day"] else "  covers no day"
        around = "".join(f" {rule['code']}" for rule in row["context"])
        yield (
            f"  {row['moment']}  {day}  {row['domain']} {said_interval(row['interval'])}  "
            f"{row['rule']['code']}{around}: {row['says']}{covers}",
            6,
        )
    rules = [rule for row in rows for rule in (row["rule"], *row["context"])]
    said = {rule["code"]: rule["meaning"] for rule in rules}
    for code, meaning in sorted(said.items()):
        yield f"  {code}: {meaning or 'a rule of the checks'}", 4
    if any(not row["covers_its_day"] for row in rows):
        yield "  * in the chart: covers no day, because it is sedated, not exact, or of uncertain date.", 4


def _contradictions(rows: Sequence[Facts]) -> Lines:
    if not rows:
        return
    yield "CONTRADICTIONS", 2
    for row in rows:
        yield f"  {row['kind']['meaning'] or row['kind']['code']} ({row['detail']})", 4
        for side in (row["left"], row["right"]):
            yield f"      {_places(side['places'])}: {side['says']}", 8
        meaning = f" ({row['rule']['meaning']})" if row["rule"]["meaning"] else ""
        yield f"      decided by {row['rule']['code']}: {row['decision']}{meaning}", 8


def _places(places: Sequence[str]) -> str:
    shown = ", ".join(places[:3])
    return f"{shown} and {len(places) - 3} more" if len(places) > 3 else shown


def _closing(rows: Sequence[Facts], results: Sequence[Facts]) -> Lines:
    yield "WHAT WOULD CLOSE IT", 2
    if not rows:
        is_open = any(
            result["is_primary"] and result["interval"]["low"] < result["interval"]["high"]
            for result in results
        )
        yield (
            (
                "  no rule names a fact that would settle it"
                if is_open
                else "  nothing is open in the headline window"
            ),
            2,
        )
    for threshold, group in itertools.groupby(
        rows, key=lambda row: (row["impact"]["meaning"], row["threshold"])
    ):
        impact, grade = threshold
        yield f"  grade {grade} or more? ({impact})", 4
        for row in group:
            yield f"      {row['sentence']}", 8


def _rejected(rows: Sequence[Facts]) -> Lines:
    if not rows:
        return
    yield "ROWS THAT COULD NOT BE USED", 2
    for row in rows:
        yield f"  {row['place']}: {row['reason']} ({row['rule']}). Next: {row['next_action']}", 6


def _run(run: Facts) -> Lines:
    yield "RUN", 2
    yield f"  {run['run_id']}", 4
    yield f"  {run['folder']}", 4
    yield f"  {run['mapping_release']}", 4
