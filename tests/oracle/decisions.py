"""What the release says about a (scale, version, concept, grade), before any context (GRADING.md 3.1-3.4).

`Decision` carries the interval and which release rows made it. Nothing here looks at another row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.vocabulary import CTCAE_VERSIONS
from tests.oracle.interval import NOTHING, Interval, hull
from tests.oracle.release_index import ReleaseIndex, Row
from tests.oracle.terms import Resolution

SEVERITY_GRADES = {1: (1,), 2: (2,), 3: (3, 4), 4: (4,), 5: (5,)}


@dataclass(frozen=True)
class Decision:
    interval: Interval
    disposition: str
    domains: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()
    requires: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()


def decide_row(
    row: Row,
    resolution: Resolution,
    population: str,
    is_alive: bool,
    conventions: tuple[str, ...],
    release: ReleaseIndex,
) -> Decision:
    """The release interval of one row, by scale; a row of grade 0 is no event."""
    grade: int | None = row["grade"]
    if grade == 0:
        return Decision(NOTHING, "no_event")
    can_be_fatal = row["is_fatal"] is not False and not is_alive
    reasons = _grade_reasons(row)
    if resolution.concept_id is None:
        if not resolution.is_in_scope:
            return Decision(NOTHING, "out_of_scope")
        high = 5 if grade == 5 or (grade is None and can_be_fatal) else 4
        return Decision(Interval(0, None, high), "unmapped", reasons=reasons | {"unmapped_term"})
    concept = resolution.concept_id
    if row["scale"] in ("cres", "astct"):
        decision = _other_scale(row["scale"], concept, grade, can_be_fatal, population, release)
    else:
        version = _known_version(row)
        grades = _possible_grades(row)
        covered, own_point = _convention(row, concept, conventions, release)
        decision = by_population(
            population,
            lambda child: decide_ctcae(concept, version, covered or grades, can_be_fatal, child, release),
        )
        if covered:
            interval = decision.interval
            if own_point is not None:
                interval = Interval(interval.low, own_point, interval.high)
            decision = _with(decision, interval=interval, extra={"convention"})
        if version is None:
            reasons |= {"severity_scale"} if row["scale"] == "severity" else {"version_unknown"}
        elif _version_lacks(concept, version, release):
            reasons |= {"concept_not_in_version"}
    return _with(decision, extra=reasons)


def _grade_reasons(row: Row) -> frozenset[str]:
    if row["grade"] is not None:
        return frozenset()
    return frozenset({"grade_unreadable" if row["grade_status"] == "unreadable" else "grade_missing"})


def _known_version(row: Row) -> str | None:
    version = row["scale_version"] if row["scale"] == "ctcae" else None
    return version if version in CTCAE_VERSIONS else None


def _possible_grades(row: Row) -> tuple[int, ...] | None:
    """The CTCAE grades a row can mean; None where every grade the version defines stays possible."""
    if row["grade"] is None or row["scale"] == "none":
        return None
    return SEVERITY_GRADES[row["grade"]] if row["scale"] == "severity" else (row["grade"],)


def _convention(
    row: Row, concept: str, declared: tuple[str, ...], release: ReleaseIndex
) -> tuple[tuple[int, ...], int | None]:
    """Grades a declared convention may have hidden behind exactly this grade (3.2)."""
    if row["scale"] != "ctcae" or row["grade"] is None:
        return (), None
    covered: set[int] = set()
    points: set[int | None] = set()
    for entry in release.conventions:
        if (
            entry["convention_id"] in declared
            and entry["concept_id"] == concept
            and entry["convention_grade"] == row["grade"]
        ):
            covered |= {int(g) for g in entry["grades_covered"].split("|")}
            points.add(entry["point"])
    return tuple(sorted(covered)), (points.pop() if len(points) == 1 else None)


def by_population(population: str, decide: object) -> Decision:
    """A child uses child rows, an adult does not; age unknown is the hull of both."""
    assert callable(decide)
    if population == "adult":
        return decide(False)
    if population == "child":
        return decide(True)
    return join([decide(False), decide(True)])


def decide_ctcae(
    concept: str,
    version: str | None,
    grades: tuple[int, ...] | None,
    can_be_fatal: bool,
    child: bool,
    release: ReleaseIndex,
) -> Decision:
    """Hull over the versions still possible and the grades still possible."""
    ladders = [
        ladder
        for possible in ([version] if version else CTCAE_VERSIONS)
        for ladder in ladders_of(concept, possible, child, release)
    ]
    return join(_over_grades(ladder, grades, can_be_fatal) for ladder in ladders)


def ladders_of(concept: str, version: str, child: bool, release: ReleaseIndex) -> list[dict[int, Row]]:
    """Grade rows of a concept in a version: its own, else 'any', else each version that has the concept."""
    rows = release.grades["ctcae", concept]
    defined = sorted({row["scale_version"] for row in rows})
    if version in defined:
        chosen = [version]
    elif "any" in defined:
        chosen = ["any"]
    else:
        chosen = defined
    return [ladder([row for row in rows if row["scale_version"] == v], child) for v in chosen]


def _version_lacks(concept: str, version: str, release: ReleaseIndex) -> bool:
    return not {version, "any"} & {row["scale_version"] for row in release.grades["ctcae", concept]}


def ladder(rows: Iterable[Row], child: bool) -> dict[int, Row]:
    """Grade to row; a child row replaces the row for everybody where there is one."""
    rows = list(rows)
    found = {row["grade"]: row for row in rows if row["population"] == "any"}
    if child:
        found |= {row["grade"]: row for row in rows if row["population"] == "child"}
    return found


def _over_grades(steps: dict[int, Row], grades: tuple[int, ...] | None, can_be_fatal: bool) -> Decision:
    if grades is None:
        # Missing grade: every grade the version defines, and 5 unless death is ruled out.
        grades = tuple(g for g in steps if g < 5) + ((5,) if can_be_fatal else ())
    return join(at_grade(steps, grade) for grade in grades)


def at_grade(steps: dict[int, Row], grade: int) -> Decision:
    """One grade of one ladder; a grade that the version does not define is read from its neighbours."""
    if grade in steps:
        return _of_row(steps[grade])
    non_fatal = [g for g in steps if g < 5]
    highest = _of_row(steps[max(non_fatal)])
    if grade == 5:
        return _fatal_without_row(highest)
    below = [g for g in non_fatal if g < grade]
    above = [g for g in non_fatal if g > grade]
    if above:
        near = ([max(below)] if below else []) + [min(above)]
        return _with(join(_of_row(steps[g]) for g in near), extra={"undefined_grade"})
    if highest.disposition == "excluded":
        return _with(highest, extra={"undefined_grade"})
    top = 3 if highest.domains == {"cognition"} else 4
    interval = Interval(highest.interval.low, highest.interval.point, max(top, highest.interval.high))
    return _with(highest, interval=interval, extra={"undefined_grade"})


def _fatal_without_row(highest: Decision) -> Decision:
    """A death report for which the release has no fatal row: read from the highest non-fatal row (3.5)."""
    if highest.disposition == "excluded":
        return _with(highest, extra={"undefined_grade"})
    point = 5 if highest.interval.point in (3, 4) else highest.interval.point
    return Decision(
        Interval(highest.interval.low, point, 5),
        "unmapped" if highest.disposition == "unmapped" else "fatal",
        highest.domains,
        highest.rules,
        highest.requires,
        highest.reasons | {"undefined_grade", "fatal_report"},
    )


def _other_scale(
    scale: str,
    concept: str,
    grade: int | None,
    can_be_fatal: bool,
    population: str,
    release: ReleaseIndex,
) -> Decision:
    """CRES and ASTCT grades: rows of the concept, else of every concept, never of an excluded one."""

    def decide(child: bool) -> Decision:
        rows = release.grades[scale, concept]
        if not rows:
            if excluded_at_every_grade(concept, "child" if child else "adult", release):
                return Decision(NOTHING, "excluded")
            rows = release.grades[scale, "*"]
        return _over_grades(ladder(rows, child), None if grade is None else (grade,), can_be_fatal)

    return by_population(population, decide)


def excluded_at_every_grade(concept: str, population: str, release: ReleaseIndex) -> bool:
    """No CTCAE version and grade gives the concept an ICANS meaning, for anybody this subject can be."""
    rows = release.grades["ctcae", concept]
    versions = {row["scale_version"] for row in rows}
    for child in {"adult": (False,), "child": (True,), "unknown": (False, True)}[population]:
        for version in versions:
            steps = ladder([row for row in rows if row["scale_version"] == version], child)
            if any(row["disposition"] != "excluded" for row in steps.values()):
                return False
    return bool(rows)


def _of_row(row: Row) -> Decision:
    disposition = row["disposition"]
    reasons = {
        "needs_adjudication": "needs_adjudication",
        "fatal": "fatal_report",
        "unmapped": "unmapped_term",
    }
    return Decision(
        Interval(row["low"], row["point"], row["high"]),
        disposition,
        frozenset(row["domains"].split("|")) if row["domains"] else frozenset(),
        frozenset({row["rule_id"]}),
        frozenset({row["requires"]}) if row["requires"] else frozenset(),
        frozenset({reasons[disposition]}) if disposition in reasons else frozenset(),
    )


def join(decisions: Iterable[Decision]) -> Decision:
    """The hull of decisions, one of which is true; excluded only if every one of them is."""
    listed = list(decisions)
    kinds = {d.disposition for d in listed}
    if len(kinds) == 1:
        disposition = kinds.pop()
    else:
        disposition = "needs_adjudication" if "needs_adjudication" in kinds else "informs"
    return Decision(
        hull(d.interval for d in listed),
        disposition,
        frozenset[str]().union(*(d.domains for d in listed)),
        frozenset[str]().union(*(d.rules for d in listed)),
        frozenset[str]().union(*(d.requires for d in listed)),
        frozenset[str]().union(*(d.reasons for d in listed)),
    )


def _with(decision: Decision, interval: Interval | None = None, extra: Iterable[str] = ()) -> Decision:
    return Decision(
        interval or decision.interval,
        decision.disposition,
        decision.domains,
        decision.rules,
        decision.requires,
        decision.reasons | frozenset(extra),
    )
