"""From a concept and a recorded grade to an ICANS interval, before any context.

What may live here: reading the release's grade rows and the hulls of GRADING.md 3.1, 3.2, 3.3 and
3.5 (fatal rows). What may not: anything about a particular subject's other rows. Decisions are made
once per distinct combination that occurs, in plain Python, and joined back by the kernel.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from mappings.release import Release
from pipelines.grading import rules
from schemas.base import SEPARATOR
from schemas.vocabulary import CTCAE_VERSIONS

ANY = "any"
EVERY_CONCEPT = "*"
TOP_OF_DOMAIN = 4
TOP_OF_COGNITION = 3
SEVERITY_GRADES: dict[int, tuple[int, ...]] = {1: (1,), 2: (2,), 3: (3, 4), 4: (4,), 5: (5,)}
"""CTCAE grades a severity word can mean (GRADING.md 3.1: SEVERE = 3..4)."""


@dataclass(frozen=True)
class Decision:
    """An interval with its rule, the release rows behind it and why a person should look.

    `point` None means no single grade is defensible. `layers` are those of the rows behind it.
    """

    low: int
    point: int | None
    high: int
    disposition: str
    rule_id: str
    domains: frozenset[str] = frozenset()
    source_rules: frozenset[str] = frozenset()
    review_reasons: frozenset[str] = frozenset()
    requires: frozenset[str] = frozenset()
    layers: frozenset[str] = frozenset()

    @property
    def meaning(self) -> tuple[int, int | None, int, str]:
        """What two decisions must share to say the same."""
        return (self.low, self.point, self.high, self.disposition)


@dataclass(frozen=True)
class Recorded:
    """What a row records about its grade, as far as a decision depends on it.

    `version` None: not recorded. `grade` None: missing or unreadable. `may_be_fatal` matters only
    without a grade: false when the outcome is known not to be fatal or the subject known to be alive.
    """

    scale: str
    version: str | None
    grade: int | None
    is_unreadable: bool
    may_be_fatal: bool
    population: str


def hull(decisions: Sequence[Decision], rule_id: str, reason: str) -> Decision:
    """Lowest low, highest high; the point only if all agree, else None (GRADING.md 3.1).

    Decisions that all say the same stay that decision and need no extra review.
    """
    first = decisions[0]
    sources = frozenset().union(*(decision.source_rules for decision in decisions))
    if all(decision.meaning == first.meaning for decision in decisions):
        return _merge(first, decisions, sources, rule_id)
    dispositions = {decision.disposition for decision in decisions}
    reasons = shared_reasons(decisions)
    points = {decision.point for decision in decisions}
    return Decision(
        low=min(decision.low for decision in decisions),
        point=points.pop() if len(points) == 1 else None,
        high=max(decision.high for decision in decisions),
        disposition=dispositions.pop() if len(dispositions) == 1 else "needs_adjudication",
        rule_id=rule_id,
        domains=frozenset().union(*(decision.domains for decision in decisions)),
        source_rules=sources,
        review_reasons=reasons | {reason},
        requires=frozenset().union(*(decision.requires for decision in decisions)),
        layers=frozenset().union(*(decision.layers for decision in decisions)),
    )


def _merge(first: Decision, decisions: Sequence[Decision], sources: frozenset[str], rule_id: str) -> Decision:
    rule_ids = {decision.rule_id for decision in decisions}
    return replace(
        first,
        rule_id=rule_ids.pop() if len(rule_ids) == 1 else rule_id,
        domains=frozenset().union(*(decision.domains for decision in decisions)),
        source_rules=sources,
        review_reasons=shared_reasons(decisions),
        requires=frozenset().union(*(decision.requires for decision in decisions)),
        layers=frozenset().union(*(decision.layers for decision in decisions)),
    )


def shared_reasons(decisions: Sequence[Decision]) -> frozenset[str]:
    """Reasons that hold whichever decision is right; a call for adjudication by any of them counts."""
    reasons = frozenset.intersection(*(decision.review_reasons for decision in decisions))
    if any("needs_adjudication" in decision.review_reasons for decision in decisions):
        return reasons | {"needs_adjudication"}
    return reasons


Ladder = dict[int, Decision]
"""Defined grades of one concept in one version and population."""


class DecisionTable:
    """The grade rows of a release and of the study conventions a manifest declares."""

    def __init__(self, release: Release, conventions: Iterable[str] = ()) -> None:
        self._rows: dict[tuple[str, str], dict[tuple[str, str], Ladder]] = defaultdict(dict)
        for row in release.tables["map_grades"].iter_rows(named=True):
            by_version = self._rows[(row["scale"], row["concept_id"])]
            by_version.setdefault((row["scale_version"], row["population"]), {})[row["grade"]] = Decision(
                low=row["low"],
                point=row["point"],
                high=row["high"],
                disposition=row["disposition"],
                rule_id=row["rule_id"],
                domains=_parts(row["domains"]),
                source_rules=frozenset({row["rule_id"]}),
                review_reasons=_parts(row["review_reason"]),
                requires=_parts(row["requires"]),
                layers=frozenset({row["layer"]}),
            )
        self._decided: dict[tuple[str, Recorded], Decision] = {}
        declared = set(conventions)
        self._conventions: dict[tuple[str, int], tuple[tuple[int, ...], int | None, str]] = {
            (row["concept_id"], row["convention_grade"]): (
                tuple(sorted(int(grade) for grade in row["grades_covered"].split(SEPARATOR))),
                row["point"],
                row["layer"],
            )
            for row in release.tables["map_conventions"].iter_rows(named=True)
            if row["convention_id"] in declared
        }

    def has_decisions(self, concept_id: str) -> bool:
        """The release decides at least one CTCAE grade of the concept."""
        return ("ctcae", concept_id) in self._rows

    def is_excluded_everywhere(self, concept_id: str, population: str) -> bool:
        """Every CTCAE row of the concept that can apply to the population, in every version, is excluded."""
        versions = {version for version, _ in self._rows.get(("ctcae", concept_id), {})}
        readings = ("adult", "child") if population == "unknown" else (population,)
        return bool(versions) and all(
            decision.disposition == "excluded"
            for version in versions
            for reading in readings
            for decision in self._ladder("ctcae", concept_id, version, reading).values()
        )

    def recall(self, concept_id: str, recorded: Recorded) -> Decision:
        """`decide`, remembered: a study is graded in batches that hold the same combinations."""
        key = (concept_id, recorded)
        if key not in self._decided:
            self._decided[key] = self.decide(concept_id, recorded)
        return self._decided[key]

    def decide(self, concept_id: str, recorded: Recorded) -> Decision:
        """Interval of a mapped concept; adult and child readings are joined when age is unknown."""
        if recorded.grade == 0:
            return no_event()
        if recorded.population != "unknown":
            return self._decide_population(concept_id, recorded)
        readings = [
            self._decide_population(concept_id, replace(recorded, population=population))
            for population in ("adult", "child")
        ]
        return hull(readings, rules.HULL_POPULATION, "age_unknown")

    def _decide_population(self, concept_id: str, recorded: Recorded) -> Decision:
        decision = self._decide_scale(concept_id, recorded)
        if recorded.population == "child" and decision.disposition != "excluded":
            adult = self._decide_scale(concept_id, replace(recorded, population="adult"))
            if adult.meaning != decision.meaning:
                return replace(decision, review_reasons=decision.review_reasons | {"child_scale"})
        return decision

    def _decide_scale(self, concept_id: str, recorded: Recorded) -> Decision:
        if recorded.scale == "severity" and recorded.grade is not None:
            meant = SEVERITY_GRADES[recorded.grade]
            readings = [
                self._decide_ctcae(concept_id, replace(recorded, version=None, grade=grade))
                for grade in meant
            ]
            decision = hull(readings, rules.SEVERITY, "severity_scale")
            if decision.low != decision.high:
                decision = replace(decision, review_reasons=decision.review_reasons | {"severity_scale"})
            return decision
        if recorded.scale in ("severity", "none"):
            return self._decide_ctcae(concept_id, replace(recorded, version=None))
        if recorded.scale == "ctcae":
            covered = self._conventions.get((concept_id, recorded.grade or 0))
            if covered is not None:
                return self._decide_convention(concept_id, recorded, *covered)
            return self._decide_ctcae(concept_id, recorded)
        return self._decide_other_scale(concept_id, recorded)

    def _decide_convention(
        self, concept_id: str, recorded: Recorded, grades: tuple[int, ...], point: int | None, layer: str
    ) -> Decision:
        readings = [self._decide_ctcae(concept_id, replace(recorded, grade=grade)) for grade in grades]
        decision = hull(readings, rules.CONVENTION, "convention")
        if point is not None and decision.low <= point <= decision.high:
            decision = replace(decision, point=point)
        return replace(
            decision,
            rule_id=rules.CONVENTION,
            review_reasons=decision.review_reasons | {"convention"},
            layers=decision.layers | {layer},
        )

    def _decide_ctcae(self, concept_id: str, recorded: Recorded) -> Decision:
        if recorded.version is not None:
            return self._decide_version(concept_id, recorded)
        readings = [
            self._decide_version(concept_id, replace(recorded, version=version)) for version in CTCAE_VERSIONS
        ]
        return hull(readings, rules.HULL_VERSION, "version_unknown")

    def _decide_version(self, concept_id: str, recorded: Recorded) -> Decision:
        version = recorded.version or ""
        ladder = self._ladder("ctcae", concept_id, version, recorded.population) or self._ladder(
            "ctcae", concept_id, ANY, recorded.population
        )
        if ladder:
            return decide_on_ladder(ladder, recorded)
        elsewhere = [
            decide_on_ladder(ladder, recorded)
            for other in CTCAE_VERSIONS
            if (ladder := self._ladder("ctcae", concept_id, other, recorded.population))
        ]
        return hull(elsewhere, rules.HULL_CONCEPT, "concept_not_in_version")

    def _decide_other_scale(self, concept_id: str, recorded: Recorded) -> Decision:
        """CRES and ASTCT: the concept's own row, else the row for every concept that is not excluded."""
        for concept in (concept_id, EVERY_CONCEPT):
            if concept == EVERY_CONCEPT and self.is_excluded_everywhere(concept_id, recorded.population):
                break
            versions = sorted({version for version, _ in self._rows.get((recorded.scale, concept), {})})
            named = [recorded.version] if recorded.version in versions else versions
            readings = [
                decide_on_ladder(ladder, recorded)
                for version in named
                if (ladder := self._ladder(recorded.scale, concept, version, recorded.population))
            ]
            if readings:
                return hull(readings, rules.HULL_VERSION, "version_unknown")
        return self._decide_ctcae(concept_id, replace(recorded, scale="ctcae", version=None))

    def _ladder(self, scale: str, concept_id: str, version: str, population: str) -> Ladder:
        by_version = self._rows.get((scale, concept_id), {})
        ladder = by_version.get((version, ANY), {})
        if population == "child":
            ladder = ladder | by_version.get((version, "child"), {})
        return ladder


_TABLES: WeakKeyDictionary[Release, dict[frozenset[str], DecisionTable]] = WeakKeyDictionary()


def decisions_of(release: Release, conventions: Iterable[str] = ()) -> DecisionTable:
    """The decisions of a release under declared conventions, built once: a study is graded in batches."""
    tables = _TABLES.setdefault(release, {})
    declared = frozenset(conventions)
    if declared not in tables:
        tables[declared] = DecisionTable(release, declared)
    return tables[declared]


def decide_on_ladder(ladder: Ladder, recorded: Recorded) -> Decision:
    """Interval of a grade on the grades one version defines, defined or not (GRADING.md 3.1, 3.5)."""
    grade = recorded.grade
    if grade is None:
        steps = [step for step in sorted(ladder) if step < 5] + [5] * recorded.may_be_fatal
        # A death is possible in a version without a fatal row too: naming grade 5 must not widen. Nobody
        # recorded that grade, so that it is undefined is no finding.
        readings = (decide_on_ladder(ladder, replace(recorded, grade=step)) for step in steps or ladder)
        defined = [
            replace(found, review_reasons=found.review_reasons - {"undefined_grade"}) for found in readings
        ]
        reason = "grade_unreadable" if recorded.is_unreadable else "grade_missing"
        decision = hull(defined, rules.HULL_MISSING, reason)
        if decision.disposition != "excluded":
            decision = replace(decision, review_reasons=decision.review_reasons | {reason})
        return decision
    if grade in ladder:
        return ladder[grade]
    non_fatal = sorted(step for step in ladder if step < 5)
    if not non_fatal:
        return replace(ladder[5], review_reasons=ladder[5].review_reasons | {"undefined_grade"})
    highest = ladder[non_fatal[-1]]
    if grade == 5:
        return _fatal_without_row(highest)
    if grade > non_fatal[-1]:
        return _above_highest(highest)
    neighbours = [
        ladder[step]
        for step in (
            max((step for step in non_fatal if step < grade), default=None),
            min(step for step in non_fatal if step > grade),
        )
        if step is not None
    ]
    decision = hull(neighbours, rules.UNDEFINED_INSIDE, "undefined_grade")
    return _undefined(decision, rules.UNDEFINED_INSIDE)


def _fatal_without_row(highest: Decision) -> Decision:
    if highest.disposition == "excluded":
        return _undefined(highest, rules.FATAL_UNDEFINED)
    return replace(
        highest,
        point=5 if highest.point in (3, 4) else highest.point,
        high=5,
        disposition="fatal",
        rule_id=rules.FATAL_UNDEFINED,
        review_reasons=highest.review_reasons | {"fatal_report", "undefined_grade"},
    )


def _above_highest(highest: Decision) -> Decision:
    decision = _undefined(highest, rules.UNDEFINED_ABOVE)
    if highest.disposition == "excluded":
        return decision
    top = TOP_OF_COGNITION if highest.domains == {"cognition"} else TOP_OF_DOMAIN
    return replace(decision, high=max(top, highest.high))


def _undefined(decision: Decision, rule_id: str) -> Decision:
    return replace(decision, rule_id=rule_id, review_reasons=decision.review_reasons | {"undefined_grade"})


def unmapped(recorded: Recorded) -> Decision:
    """Any grade stays possible; 5 too where the row is, or may be, a death report (GRADING.md 3.3)."""
    if recorded.grade == 0:
        return no_event()
    is_fatal = recorded.grade == 5 or (recorded.grade is None and recorded.may_be_fatal)
    return Decision(
        0, None, 5 if is_fatal else 4, "unmapped", rules.UNMAPPED, review_reasons=frozenset({"unmapped_term"})
    )


def out_of_scope(recorded: Recorded) -> Decision:
    """The term's class cannot hold an ICANS sign."""
    return no_event() if recorded.grade == 0 else Decision(0, 0, 0, "out_of_scope", rules.OUT_OF_SCOPE)


def no_event() -> Decision:
    """Grade 0: no event took place."""
    return Decision(0, 0, 0, "no_event", rules.NO_EVENT)


@functools.lru_cache(maxsize=4096)
def _parts(text: str | None) -> frozenset[str]:
    """Distinct parts of a cell; the thousands of rows of a release have few different cells."""
    return frozenset(text.split(SEPARATOR)) if text else frozenset()
