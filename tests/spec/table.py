"""Reads a rule's example: a Markdown table of adverse-event rows and what the kernel must make of them.

Columns left of `=>` describe the row, those right of it are columns of core_event_grades (or of
another result, see `assert_rows`). Each row is a subject of its own unless a column `subject` says
otherwise. An empty cell on the left keeps the default of `tests.studies.event`: CTCAE 4.03, one
adult infused on 2020-01-01, onset and end on day 2. On the right an empty cell is null.

A second table says what was assessed: `subject` (01 when left out), `day` (2, or 2..4 for each of them) and
`items`, such as `ice_total=5, arousal=voice`. A value `?` cannot be read, `!12` is one that the item cannot
have, `-unarousable` was not assessed for that reason. Rows of the same day are one moment.
"""

from __future__ import annotations

import calendar
import functools
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import polars as pl

from mappings.loader import load_release
from mappings.release import Release
from pipelines.diffs.scale import compare_scales
from pipelines.grading.kernel import grade_study
from schemas.manifest import StudyManifest
from tests import studies
from tests.studies import Moment, Row

Frames = dict[str, pl.DataFrame]
TEXT = {
    "class": "body_system",
    "verbatim": "verbatim_term",
    "llt": "lowest_level_term",
    "code": "llt_code",
    "scale": "scale",
    "relationship": "relationship",
}
YES_NO = {"fatal": "is_fatal", "ongoing": "is_ongoing", "sponsor": "is_sponsor_neurotoxicity"}


@functools.cache
def shipped() -> Release:
    return load_release()


def read_table(text: str) -> tuple[list[Row], list[Row]]:
    """Left and right cells of each row, by column name."""
    lines = [line.strip() for line in text.strip().splitlines() if not set(line.strip()) <= set("|-: ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    head, body = cells[0], cells[1:]
    split = head.index("=>")
    for row in body:
        assert len(row) == len(head), row
    left = [dict(zip(head[:split], row[:split], strict=True)) for row in body]
    right = [dict(zip(head[split + 1 :], row[split + 1 :], strict=True)) for row in body]
    return left, right


def moment(text: str) -> Moment:
    """'2' is a day after the infusion; '2020-01', '2020' and 'unknown' are partial dates."""
    if text == "unknown":
        return None
    if "T" in text:
        return datetime.fromisoformat(text)
    parts = [int(part) for part in text.split("-") if part]
    if text.lstrip("-").isdigit() and abs(int(text)) < 1000:
        return int(text)
    if len(parts) == 3:
        return date(*parts)
    last_month = parts[1] if len(parts) == 2 else 12
    first = date(parts[0], parts[1] if len(parts) == 2 else 1, 1)
    return first, date(parts[0], last_month, calendar.monthrange(parts[0], last_month)[1])


def event_of(cells: Row, number: int) -> Row:
    """The checked row that the left cells describe."""
    start = cells.get("start") or "2"
    end = cells.get("end") or (start if start != "unknown" else "unknown")
    other: Row = {column: cells[name] for name, column in TEXT.items() if cells.get(name)}
    other |= {column: cells[name] == "yes" for name, column in YES_NO.items() if cells.get(name)}
    scale = other.get("scale", "ctcae")
    version = cells.get("version") or ("4.03" if scale == "ctcae" else None)
    return studies.event(
        cells.get("term") or None,
        None if cells.get("grade", "?") in ("", "?") else int(cells["grade"]),
        moment(start),
        moment(end),
        subject=cells.get("subject") or f"{number:02d}",
        number=number,
        scale_version=None if version == "unknown" else version,
        **other,
    )


def assessments_of(text: str) -> list[Row]:
    """Checked rows of a table of assessments, one per day and item."""
    found: list[Row] = []
    for number, cells in enumerate(read_table(text)[0], start=1):
        first, _, last = (cells.get("day") or "2").partition("..")
        days = [moment(first)] if not last else list(range(int(first), int(last) + 1))
        for at in days:
            seen: list[str] = []
            for item, _, value in (part.strip().partition("=") for part in cells["items"].split(",")):
                # A second value of an item is a row of its own of the same moment.
                place = number * 1000 + (at if isinstance(at, int) else 0) + 500 * seen.count(item)
                seen.append(item)
                row = studies.assessment(
                    item, *_value(value), at, subject=cells.get("subject") or "01", number=place
                )
                row |= {"is_sedated": True} if cells.get("sedated") == "yes" else {}
                found.append(row | _status(value))
    return found


def _value(text: str) -> tuple[float | str | None]:
    if text.startswith(("?", "!", "-")):
        return (None,)
    return (float(text) if text.replace(".", "").isdigit() else text,)


def _status(text: str) -> Row:
    if text.startswith("-"):
        return {"value_status": "not_done", "not_done_reason": text[1:]}
    return {"?": {"value_status": "unreadable"}, "!": {"value_status": "impossible"}}.get(text[:1], {})


def grade(
    cells: Iterable[Row],
    *,
    release: Release | None = None,
    subject: Row | None = None,
    infusions: Iterable[Moment] = (0,),
    sedation: tuple[Moment, Moment] | None = None,
    rejects: Iterable[Row] = (),
    assessed: str | None = None,
    histories: Iterable[Row] = (),
    **manifest: Any,
) -> Frames:
    """All results for the rows; every subject gets the same attributes, infusions and sedation.

    `assessed` is a table of assessments.
    """
    events = [event_of(row, number) for number, row in enumerate(cells, start=1)]
    rejects = list(rejects)
    moments = assessments_of(assessed) if assessed else []
    named = {row["subject_id"] for row in (*events, *rejects, *moments) if row["subject_id"]}
    names = sorted(named) or ["01"]
    given: list[Row] = [
        studies.infusion(at, subject=name, number=number)
        for name in names
        for number, at in enumerate(infusions, start=1)
    ]
    rows = studies.study(
        events,
        [studies.subject(name, **{"is_infused": bool(given), **(subject or {})}) for name in names],
        given,
        [studies.sedation(*sedation, subject=name, number=n) for n, name in enumerate(names, start=1)]
        if sedation
        else [],
        rejects,
        assessments=moments,
        histories=histories,
    )
    declared: StudyManifest = studies.manifest(**manifest)
    checked = studies.to_frames(rows)
    graded = grade_study(checked, release or shipped(), declared)
    return graded | compare_scales(checked, graded)


def assert_events(text: str, **context: Any) -> None:
    """Each row of the table gives the event grades on its right."""
    left, right = read_table(text)
    graded = grade(left, **context)["core_event_grades"].sort(pl.col("source_row")).to_dicts()
    assert_rows(graded, right, left)


def assert_rows(found: list[Row], wanted: list[Row], shown: list[Row] | None = None) -> None:
    """The wanted cells, as text; an empty cell wants null, a comma separates the parts of a list."""
    assert len(found) == len(wanted)
    for index, (row, cells) in enumerate(zip(found, wanted, strict=True)):
        for name, cell in cells.items():
            value = row["review_reasons" if name == "review" else name]
            text = "" if value is None else str(value).replace("|", ",")
            assert text == cell, (name, text, cell, (shown or wanted)[index])


def assert_result(name: str, order: str, frames: Frames, wanted: str) -> None:
    """A result table, sorted, holds the wanted rows."""
    assert_rows(frames[name].sort(order, maintain_order=True).to_dicts(), read_table(wanted)[1])


def assert_subjects(text: str, wanted: str, window: int = 30, **context: Any) -> None:
    """Rows of core_subject_grades of one window, by subject and infusion."""
    found = grade(read_table(text)[0], **context)["core_subject_grades"]
    rows = found.filter(pl.col("window_days") == window).sort("subject_id", "infusion_number")
    assert_rows(rows.to_dicts(), read_table(wanted)[1])


def assert_moments(text: str, events: str | None = None, **context: Any) -> None:
    """Each row is a subject's only moment and gives the row of core_assessment_grades on its right.

    `domain` on the right names that row where the moment informs several.
    """
    left, right = read_table(text)
    rows = [
        f"| {n:02d} | {c.get('day') or '2'} | {c['items']} | {c.get('sedated', '')} |"
        for n, c in enumerate(left, 1)
    ]
    table = "\n".join(["| subject | day | items | sedated | => |", *(f"{row} => |" for row in rows)])
    cells = read_table(events)[0] if events else []
    found = grade(cells, assessed=table, **context)["core_assessment_grades"].to_dicts()
    for number, (wanted, shown) in enumerate(zip(right, left, strict=True), start=1):
        mine = [row for row in found if row["subject_id"] == f"{number:02d}"]
        mine = [row for row in mine if wanted.get("domain") in (None, "", row["domain"])]
        if wanted.get("domain") == "":
            assert mine == [], (shown, mine)
        else:
            assert_rows(mine, [wanted], [shown])


def assert_rows_assessed(events: str, assessed: str, **context: Any) -> None:
    """Rows of the primary window (core_event_windows), by event, given what was assessed."""
    left, right = read_table(events)
    frames = grade(left, assessed=assessed, **context)
    reasons = frames["core_event_grades"].select("subject_id", "event_id", "review_reasons")
    windows = frames["core_event_windows"].filter(pl.col("window_days") == 30)
    found = windows.join(reasons, on=["subject_id", "event_id"]).sort(pl.col("event_id").cast(pl.Int64))
    assert_rows(found.to_dicts(), right, left)
