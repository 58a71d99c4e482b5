"""An impact preview for a terminal or an e-mail: plain text, the most important first.

What may live here: layout of the text. What may not: content (`pipelines.report.impact_model`). Text from
a study or a release may hold terminal escapes: none gets through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pipelines.report.impact_model import ImpactReport, StudySection, SubjectLine
from schemas.wording import counted

MOST_LINES = 20
"""Lines of a list that are shown; the typed document holds all."""
ENDS = ("low", "point", "high")


def render_impact_text(report: ImpactReport) -> str:
    """The report as text; ends with a line end."""
    lines = [line for part in _parts(report) for line in part]
    return "\n".join(plain(line).rstrip() for line in lines) + "\n"


def plain(text: str) -> str:
    """The text with every character that is not printable replaced by U+FFFD."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def verdict(report: ImpactReport) -> str:
    """One sentence: what accepting the release would do."""
    totals = report.totals
    if report.exit_code == 2:
        failed = f"{totals.studies_failed} of {counted(totals.studies + totals.studies_failed, 'study')}"
        return f"Could not compute {failed}; the numbers below are of the others."
    if report.exit_code == 0:
        return f"No result of {counted(totals.studies, 'study')} would differ."
    if not totals.subjects_affected:
        rows = counted(totals.rows_matched, "row")
        return f"No subject's result would differ; {rows} would be explained otherwise."
    subjects, studies = counted(totals.subjects, "subject"), counted(totals.studies, "study")
    return (
        f"{totals.subjects_affected} of {subjects} in {totals.studies_affected} of {studies} would get "
        f"another result, {totals.subjects_affected_primary} of them in the headline window."
    )


def interval(low: int, point: int | None, high: int) -> str:
    """An interval as it is written everywhere: low/point/high, a dash where there is no point."""
    return f"{low}/{'-' if point is None else point}/{high}"


def threshold_name(threshold: int) -> str:
    """How a threshold is called."""
    return "any" if threshold == 1 else f">={threshold}"


def _parts(report: ImpactReport) -> Iterator[Iterable[str]]:
    old, new = report.old, report.new
    yield [
        f"Impact of mapping release {new.release_id} ({new.review_status})",
        f"instead of {old.release_id} ({old.review_status})",
        "",
        verdict(report),
        f"The release is {report.change_class}: {counted(len(report.changes), 'different row')}. "
        "Nothing has been changed.",
    ]
    for failure in report.failures:
        yield [
            "",
            f"NOT COMPUTED  {failure.study_id} under {failure.release_id}: {failure.message}.",
            f"  Next: {failure.next_action}",
        ]
    yield from (
        _study(section) for section in report.studies if section.rows_matched or section.subjects_affected
    )
    quiet = [s.study_id for s in report.studies if not (s.rows_matched or s.subjects_affected)]
    if quiet:
        yield ["", f"Without any difference: {', '.join(quiet)}"]
    yield _subjects(report.subjects)
    yield _changes(report)
    yield _ladders(report)
    never, rules = len(report.rules_never_hit), report.rules_in_new_release
    yield ["", f"Grade rows of {new.release_id} that decide no row of these studies: {never} of {rules}"]


def _study(section: StudySection) -> list[str]:
    lines = [
        "",
        f"Study {section.study_id}",
        f"  rows      {section.rows}, reached by a change {section.rows_matched}, "
        f"decided otherwise {section.rows_changed}, contributing otherwise {section.events_affected}",
        f"  subjects  {section.subjects}, affected {section.subjects_affected}, "
        f"in the headline window {section.subjects_affected_primary}",
    ]
    if section.subjects_affected_primary:
        lines += ["  headline point, old in rows, new in columns"]
        lines += [f"    {line}" for line in _matrix(section)]
    for crossing in section.crossings:
        where = f"{crossing.end} {threshold_name(crossing.threshold)}"
        lines.append(
            f"  crosses   {where:<10} {crossing.direction.replace('_', ' '):<12} {crossing.subjects}"
        )
    for change in ("lost", "gained"):
        terms = [line for line in section.coverage if line.change == change]
        lines += [
            f"  {change:<8}  {line.term or '(no term)'}: {counted(line.rows, 'row')}, "
            f"{counted(line.subjects, 'subject')}"
            for line in terms[:MOST_LINES]
        ]
        lines += _more(len(terms))
    lines += [
        f"  assessed  {line.kind.replace('_', ' ')}: rows {line.rows_before} -> {line.rows_after}"
        for line in section.contradictions
    ]
    return lines


def _matrix(section: StudySection) -> list[str]:
    """Old points down, new points across; '-' is no single grade."""
    points = sorted(
        {point for cell in section.matrix for point in (cell.before, cell.after)},
        key=lambda point: -1 if point is None else point,
    )
    counts = {(cell.before, cell.after): cell.subjects for cell in section.matrix}
    width = max(len(str(count)) for count in counts.values()) + 2
    names = ["-" if point is None else str(point) for point in points]
    lines = ["   " + "".join(name.rjust(width) for name in names)]
    for before, name in zip(points, names, strict=True):
        cells = [str(counts.get((before, after), ".")) for after in points]
        lines.append(f"{name:>3}" + "".join(cell.rjust(width) for cell in cells))
    return lines


def _subjects(subjects: Sequence[SubjectLine]) -> list[str]:
    headline = [line for line in subjects if line.is_headline]
    if not headline:
        return []
    lines = ["", "Headline results that differ"]
    for line in headline[:MOST_LINES]:
        who = f"#{line.number}" if line.subject_id is None else line.subject_id
        before = interval(line.low_before, line.point_before, line.high_before)
        after = interval(line.low_after, line.point_after, line.high_after)
        by = "by" if line.cause == "change" else "by the interaction of"
        named = ", ".join(line.changes[:3]) + (", ..." if len(line.changes) > 3 else "")
        outcome = (
            line.outcome_after
            if line.outcome_before == line.outcome_after
            else f"{line.outcome_before} -> {line.outcome_after}"
        )
        lines.append(f"  {line.study_id} {who}: {before} -> {after} ({outcome}) {by} {named}")
    return lines + _more(len(headline))


def _changes(report: ImpactReport) -> list[str]:
    telling = sorted(
        (line for line in report.changes if line.subjects), key=lambda line: (-line.subjects, line.change_id)
    )
    if not telling:
        return []
    lines = ["", "Changes by the subjects they are responsible for"]
    lines += [
        f"  {line.subjects:>6}  {line.change_id} ({', '.join(line.labels)})" for line in telling[:MOST_LINES]
    ]
    return lines + _more(len(telling))


def _ladders(report: ImpactReport) -> list[str]:
    if not report.falling_ladders:
        return []
    lines = ["", f"Grades of {report.new.release_id} that mean less than a lower grade of the same term"]
    lines += [
        f"  {line.scale} {line.scale_version} {line.concept_id} ({line.population}): {line.end} is "
        f"{line.value} at grade {line.grade} and {line.next_value} at grade {line.next_grade}"
        for line in report.falling_ladders[:MOST_LINES]
    ]
    return lines + _more(len(report.falling_ladders))


def _more(count: int) -> list[str]:
    return [f"  ... and {count - MOST_LINES} more"] if count > MOST_LINES else []
