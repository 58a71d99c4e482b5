"""What the release says about a (scale, version, concept, grade), before any context (GRADING.md 3.1-3.4).

`Decision` carries the interval, the release rows that made it and why a person should look. Nothing
here looks at another row of the subject.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from schemas.vocabulary import CTCAE_VERSIONS
from tests.oracle.interval import NOTHING, Interval, hull
from tests.oracle.release_index import ReleaseIndex, Row
from tests.oracle.terms import Resolution

SEVERITY_GRADES = {1: (1,), 2: (2,), 3: (3, 4), 4: (4,), 5: (5,)}
Ladder = dict[int, "Decision"]
"""Grade to decision in one version, for one population."""


@dataclass(frozen=True)
class Decision:
    interval: Interval
    disposition: str
    domains: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()
    requires: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    context: tuple[str, ...] = ()
    layers: frozenset[str] = frozenset()

    def because(self, *reasons: str) -> Decision:
        return replace(self, reasons=self.reasons | set(reasons))


@dataclass(frozen=True)
class Question:
    """What is known about a grade: None stands for not recorded; `can_be_fatal` unless death is ruled out."""

    concept: str
    grade: int | None
    is_unreadable: bool
    can_be_fatal: bool
    release: ReleaseIndex


def join(alternatives: Iterable[Decision], reason: str) -> Decision:
    """One of these holds. If they all say the same nothing is in doubt; else `reason` is why to look."""
    listed = list(alternatives)
    first = listed[0]
    shared = frozenset.intersection(*(d.reasons for d in listed))
    if any("needs_adjudication" in d.reasons for d in listed):
        shared |= {"needs_adjudication"}
    together = replace(
        first,
        domains=frozenset().union(*(d.domains for d in listed)),
        rules=frozenset().union(*(d.rules for d in listed)),
        layers=frozenset().union(*(d.layers for d in listed)),
        requires=frozenset().union(*(d.requires for d in listed)),
        reasons=shared,
    )
    if all((d.interval, d.disposition) == (first.interval, first.disposition) for d in listed):
        return together
    kinds = {d.disposition for d in listed}
    return replace(
        together,
        interval=hull(d.interval for d in listed),
        disposition=kinds.pop() if len(kinds) == 1 else "needs_adjudication",
        reasons=shared | {reason},
    )


def decide_row(
    row: Row, resolution: Resolution, subject: Row, conventions: tuple[str, ...], release: ReleaseIndex
) -> Decision:
    """The release interval of one row; a row of grade 0 is no event."""
    grade: int | None = row["grade"]
    if grade == 0:
        return Decision(NOTHING, "no_event")
    can_be_fatal = row["is_fatal"] is not False and subject["vital_status"] != "alive"
    concept = resolution.concept_id
    if concept is not None and release.grades["ctcae", concept]:
        is_unreadable = row["grade_status"] == "unreadable"
        question = Question(concept, grade, is_unreadable, can_be_fatal, release)
        return by_population(question, row, subject["population"], conventions)
    if concept is None and not resolution.is_in_scope:
        return Decision(NOTHING, "out_of_scope")
    high = 5 if grade == 5 or (grade is None and can_be_fatal) else 4
    return Decision(Interval(0, None, high), "unmapped").because("unmapped_term")


def by_population(question: Question, row: Row, population: str, conventions: tuple[str, ...]) -> Decision:
    """A child uses child rows, an adult does not; age unknown is the hull of both."""
    adult = by_scale(question, row, conventions, child=False)
    child = by_scale(question, row, conventions, child=True)
    differ = (adult.interval, adult.disposition) != (child.interval, child.disposition)
    if differ and child.disposition != "excluded":
        child = child.because("child_scale")
    return {"adult": adult, "child": child, "unknown": join([adult, child], "age_unknown")}[population]


def by_scale(question: Question, row: Row, conventions: tuple[str, ...], child: bool) -> Decision:
    if row["scale"] in ("cres", "astct"):
        return other_scale(question, row["scale"], child)
    if row["scale"] == "none" or (row["scale"] == "severity" and question.grade is None):
        return any_version(question, child)
    if row["scale"] == "severity":
        return severity_word(question, child)
    convention = convention_of(row, question, conventions)
    if convention is not None:
        return by_convention(question, row["scale_version"], convention, child)
    return in_version(question, row["scale_version"], child)


def severity_word(question: Question, child: bool) -> Decision:
    """The hull over the CTCAE grades the word can mean and over every version (3.1)."""
    assert question.grade is not None
    meant = [any_version(replace(question, grade=g), child) for g in SEVERITY_GRADES[question.grade]]
    found = join(meant, "severity_scale")
    return found.because("severity_scale") if found.interval.low < found.interval.high else found


def convention_of(row: Row, question: Question, declared: tuple[str, ...]) -> Row | None:
    """A declared convention that puts exactly this grade on events of this kind (3.2)."""
    for entry in question.release.conventions:
        if (
            entry["convention_id"] in declared
            and entry["concept_id"] == question.concept
            and entry["convention_grade"] == row["grade"]
        ):
            return entry
    return None


def by_convention(question: Question, version: str | None, convention: Row, child: bool) -> Decision:
    """The grades it may have hidden; its own point where it has one and the hull allows it (3.2)."""
    covered = [int(grade) for grade in convention["grades_covered"].split("|")]
    found = join((in_version(replace(question, grade=g), version, child) for g in covered), "convention")
    interval, point = found.interval, convention["point"]
    if point is not None and interval.low <= point <= interval.high:
        interval = replace(interval, point=point)
    layers = found.layers | {convention["layer"]}
    return replace(found, interval=interval, layers=layers).because("convention")


def any_version(question: Question, child: bool) -> Decision:
    """The version is not recorded: every one stays possible."""
    return join((in_version(question, version, child) for version in CTCAE_VERSIONS), "version_unknown")


def in_version(question: Question, version: str | None, child: bool) -> Decision:
    """Rows of the version, else rows of any version, else every version that has the concept (3.3, 3.4)."""
    if version is None:
        return any_version(question, child)
    rows = question.release.grades["ctcae", question.concept]
    defined = sorted({row["scale_version"] for row in rows})
    if version in defined or "any" in defined:
        return on_ladder(question, ladder(rows, version if version in defined else "any", child))
    elsewhere = (on_ladder(question, ladder(rows, other, child)) for other in defined)
    return join(elsewhere, "concept_not_in_version")


def other_scale(question: Question, scale: str, child: bool) -> Decision:
    """CRES and ASTCT grades: rows of the concept, else of every concept, never of an excluded one."""
    release = question.release
    rows = release.grades[scale, question.concept]
    if not rows and not excluded_at_every_grade(question.concept, child, release):
        rows = release.grades[scale, "*"]
    if not rows:
        return any_version(question, child)
    versions = sorted({row["scale_version"] for row in rows})
    return join((on_ladder(question, ladder(rows, v, child)) for v in versions), "version_unknown")


def excluded_at_every_grade(concept: str, child: bool, release: ReleaseIndex) -> bool:
    """No CTCAE version and grade gives the concept an ICANS meaning for an adult or for a child."""
    rows = release.grades["ctcae", concept]
    decisions = [
        decision
        for version in {row["scale_version"] for row in rows}
        for decision in ladder(rows, version, child).values()
    ]
    return bool(decisions) and all(decision.disposition == "excluded" for decision in decisions)


def ladder(rows: Iterable[Row], version: str, child: bool) -> Ladder:
    """A child row replaces the row for everybody where there is one."""
    found: Ladder = {}
    for population in ("any", "child") if child else ("any",):
        for row in rows:
            if row["scale_version"] == version and row["population"] == population:
                found[row["grade"]] = of_row(row)
    return found


def on_ladder(question: Question, steps: Ladder) -> Decision:
    if question.grade is not None:
        return at_grade(steps, question.grade)
    # A missing grade can be each that the version defines, and 5 unless death is ruled out.
    possible = [g for g in sorted(steps) if g < 5] + ([5] if question.can_be_fatal else [])
    reason = "grade_unreadable" if question.is_unreadable else "grade_missing"
    # Nobody recorded a grade, so none of them can be a wrong one.
    readings = (at_grade(steps, g) for g in possible or [5])
    found = join((replace(d, reasons=d.reasons - {"undefined_grade"}) for d in readings), reason)
    return found if found.disposition == "excluded" else found.because(reason)


def at_grade(steps: Ladder, grade: int) -> Decision:
    """One grade of one ladder; a grade that the version does not define is read from its neighbours."""
    if grade in steps:
        return steps[grade]
    non_fatal = sorted(g for g in steps if g < 5)
    if not non_fatal:
        return steps[5].because("undefined_grade")
    highest = steps[non_fatal[-1]]
    if grade == 5:
        return fatal_without_row(highest)
    above = [g for g in non_fatal if g > grade]
    if above:
        below = [g for g in non_fatal if g < grade]
        near = [*below[-1:], above[0]]
        return join((steps[g] for g in near), "undefined_grade").because("undefined_grade")
    if highest.disposition == "excluded":
        return highest.because("undefined_grade")
    top = 3 if highest.domains == {"cognition"} else 4
    interval = replace(highest.interval, high=max(top, highest.interval.high))
    return replace(highest, interval=interval).because("undefined_grade")


def fatal_without_row(highest: Decision) -> Decision:
    """A death report for which the release has no fatal row: read from the highest non-fatal row (3.5)."""
    if highest.disposition == "excluded":
        return highest.because("undefined_grade")
    point = 5 if highest.interval.point in (3, 4) else highest.interval.point
    found = replace(highest, interval=Interval(highest.interval.low, point, 5), disposition="fatal")
    return found.because("undefined_grade", "fatal_report")


def of_row(row: Row) -> Decision:
    def parts(name: str) -> frozenset[str]:
        return frozenset(row[name].split("|")) if row[name] else frozenset()

    return Decision(
        Interval(row["low"], row["point"], row["high"]),
        row["disposition"],
        parts("domains"),
        frozenset({row["rule_id"]}),
        parts("requires"),
        parts("review_reason"),
        layers=frozenset({row["layer"]}),
    )
