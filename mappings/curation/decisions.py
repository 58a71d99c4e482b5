"""Curation rules on the decisions themselves: do the cells of a row, and the rows of a concept, agree?

What may live here: rules that need nothing but the release. What may not: the published vocabularies
(`mappings.curation.published`), rules the loader runs on every load (`mappings.checks`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise

import polars as pl

from mappings.checks import ANY
from mappings.curation.rules import Row, Rules, rule
from mappings.problem import Problem
from schemas.vocabulary import DOMAINS

_WORDS: Mapping[str, str] = {
    "cognition": "cognition",
    "consciousness": "consciousness",
    "seizure": "seizure",
    "motor": "motor",
    "icp": "intracranial pressure",
}
_ENDS: Mapping[str, str] = {
    "informs": "",
    "needs_adjudication": "; goes to adjudication",
    "fatal": "; death report, goes to adjudication",
}
EXCLUDED = "No ICANS meaning: contributes grade 0"
CATCH_ALL = "_other_specify"
"""End of a concept that stands for 'Other, specify' of a class: it names nothing, so it is in no set."""


def decision_text(row: Row) -> str:
    """The decision of a grade row in words, made from its cells; '' for a disposition without words.

    >>> row = {"disposition": "informs", "domains": "motor", "low": 0, "point": 4, "high": 4}
    >>> decision_text(row)
    'Motor: ICANS 0 or 4; most defensible 4'
    """
    if row["disposition"] == "excluded":
        return EXCLUDED
    if row["disposition"] not in _ENDS or row["domains"] is None:
        return ""
    domains = row["domains"].split("|")
    words = [_WORDS.get(domain, domain) for domain in domains]
    named = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    subject = "All domains" if tuple(domains) == DOMAINS else named[0].upper() + named[1:]
    low, point, high = row["low"], row["point"], row["high"]
    if low == high:
        return f"{subject}: ICANS {low}{_ENDS[row['disposition']]}"
    between = "or" if (row["domains"], low, high) == ("motor", 0, 4) else "to"
    defensible = "no single grade" if point is None else f"most defensible {point}"
    return f"{subject}: ICANS {low} {between} {high}; {defensible}{_ENDS[row['disposition']]}"


class DecisionRules(Rules):
    """Rules on grade rows, concepts and conventions."""

    @rule("MAP-DECISION-TEXT", "The decision in words says what the cells of the row say")
    def decision_in_words(self) -> Iterator[Problem]:
        """The words are made from the cells, so one changed cell shows."""
        for row, wanted in [(row, decision_text(row)) for row in self._differing()]:
            mask = (pl.col("rule_id") == row["rule_id"]) & (pl.col("decision") == row["decision"])
            what = f"the decision in words is not that of the cells: {wanted or 'no words for them'}"
            action = "restore the changed cell; where the cells are right, write these words"
            yield from self.broken("map_grades", "decision", what, mask, action)

    def _differing(self) -> list[Row]:
        return [row for row in self.rows("map_grades") if row["decision"] != decision_text(row)]

    @rule("MAP-GRADE-DOMAIN-ORDER", "Domains stand once, in the order of the ASTCT table")
    def domain_order(self) -> Iterator[Problem]:
        """One set of domains has one spelling, so that rows can be compared as text."""
        wrong = [
            row["domains"] is not None
            and row["domains"].split("|") != [d for d in DOMAINS if d in row["domains"].split("|")]
            for row in self.rows("map_grades")
        ]
        what = f"the domains are not in the order {', '.join(DOMAINS)}, each once"
        yield from self.broken("map_grades", "domains", what, wrong)

    @rule("MAP-GRADE-CLOSED", "A closed interval has its point")
    def closed_interval(self) -> Iterator[Problem]:
        """Where low is high, no other grade is defensible."""
        what = "low and high are equal, so the point is that grade"
        wrong = (pl.col("low") == pl.col("high")) & pl.col("point").is_null()
        yield from self.broken("map_grades", "point", what, wrong)

    @rule("MAP-LADDER", "A higher CTCAE grade never means a lower bound")
    def rising_ladders(self) -> Iterator[Problem]:
        """Low, known points and high rise with the grade of a concept in a version and population.

        A child is read by the child row where there is one, else by the row for any; that ladder rises too,
        so a ladder of child rows that stops below a row of 0 shows. CRES 4 is left out: it was given for
        signs (papilloedema, seizure) of any severity, so its low falls to 0 (GRADING.md 3.1).
        """
        for ladder in self._ladders().values():
            for bound in ("low", "point", "high"):
                steps = [row for row in ladder if row[bound] is not None]
                for milder, worse in pairwise(steps):
                    if milder["scale"] == "cres" and worse["grade"] == 4:
                        continue
                    if worse[bound] < milder[bound]:
                        what = f"{bound} falls from {milder[bound]} at grade {milder['grade']}"
                        if worse["population"] == ANY != milder["population"]:
                            what += " of a child, and no child row stands here"
                        yield from self._at(worse, bound, what)

    @rule("MAP-CHILD", "A child row widens the row it stands beside")
    def child_rows(self) -> Iterator[Problem]:
        """CAPD opens what the adult row closes: never narrower, and never without an adult row."""
        adult = {self._key(row): row for row in self.rows("map_grades") if row["population"] == ANY}
        for row in self.rows("map_grades"):
            if row["population"] == ANY:
                continue
            beside = adult.get(self._key(row))
            if beside is None:
                yield from self._at(row, "population", "there is no row for any population beside it")
            elif row["low"] > beside["low"] or row["high"] < beside["high"]:
                column = "low" if row["low"] > beside["low"] else "high"
                what = f"the child row is narrower than the row for any ({beside['low']}-{beside['high']})"
                yield from self._at(row, column, what)

    @rule("MAP-WORDING", "One wording of one concept means one interval")
    def one_wording(self) -> Iterator[Problem]:
        """Two versions that say the same of a grade decide the same; the first reading is the measure."""
        first: dict[tuple[str, int, str], Row] = {}
        for row in self.rows("map_grades"):
            if row["source_text"] is None or row["grade"] == 5 or row["population"] != ANY:
                continue
            key = (row["concept_id"], row["grade"], row["source_text"].lower())
            read = first.setdefault(key, row)
            for bound in ("low", "point", "high"):
                if row[bound] != read[bound]:
                    what = f"{read['rule_id']} has the same text and {bound} {read[bound]}"
                    yield from self._at(row, bound, what)

    @rule("MAP-REASON", "Every decision says why and on what")
    def reasons(self) -> Iterator[Problem]:
        """Rationale and source are sentences, and promise no review that has not been."""
        for column in ("rationale", "source"):
            what = "the cell gives no reason"
            yield from self.broken("map_grades", column, what, pl.col(column).str.len_chars() < 4)
        promise = pl.col("rationale").str.contains("(?i)sign-?ed off|will be reviewed")
        what = "a rationale is no sign-off; sign-offs stand in release.yaml"
        yield from self.broken("map_grades", "rationale", what, promise)

    @rule("MAP-SOURCE-VERSION", "The source names the version whose text was read")
    def source_version(self) -> Iterator[Problem]:
        """A source that names an NCI grade text names that of the row's own version."""
        named = pl.col("source").str.extract(r"NCI CTC(?:AE)? v([\d.]+) grade text")
        what = "the source names the grade text of another version"
        yield from self.broken("map_grades", "source", what, named != pl.col("scale_version"))

    @rule("MAP-COMPARATOR", "The comparator sets nest, and core is what informs a domain", whole=True)
    def comparator_sets(self) -> Iterator[Problem]:
        """Core is within broad; a concept with an adult row above 0 is core, and no other is."""
        what = "a core concept is in the broad set too"
        yield from self.broken("map_concepts", "is_broad", what, pl.col("is_core") & ~pl.col("is_broad"))
        grades = self.sheets["map_grades"].frame
        reading = grades.filter(pl.col("high") > 0, pl.col("population") == ANY, pl.col("scale") == "ctcae")[
            "concept_id"
        ]
        informs = pl.col("concept_id").is_in(reading.unique().implode())
        named = ~pl.col("concept_id").str.ends_with(CATCH_ALL)
        what = "a concept is core exactly where one of its rows informs a domain"
        yield from self.broken("map_concepts", "is_core", what, named & (pl.col("is_core") != informs))

    @rule("MAP-CONVENTION", "The rows of a convention agree, and their points are possible")
    def conventions(self) -> Iterator[Problem]:
        """One grade and one set of grades per convention; a point lies where a grade covered allows it.

        A name that ends in '_grade_3' is that of a convention at grade 3.
        """
        table = "map_conventions"
        grade = pl.col("convention_grade").cast(pl.String)
        covered = pl.col("grades_covered").str.split("|")
        what = "the convention grade is not among the grades covered"
        yield from self.broken(table, "convention_grade", what, ~covered.list.contains(grade))
        what = "the grades covered are not in order, each once"
        yield from self.broken(table, "grades_covered", what, covered != covered.list.unique().list.sort())
        what = "the convention has another grade by its name"
        named = pl.col("convention_id").str.extract(r"_grade_([1-5])$")
        yield from self.broken(table, "convention_grade", what, named != grade)
        for column in ("convention_grade", "grades_covered"):
            usual = pl.col(column).mode().sort().first().over("convention_id")
            what = "the other rows of the convention say otherwise"
            yield from self.broken(table, column, what, pl.col(column) != usual)
        bounds = self.sheets["map_grades"].frame.filter(pl.col("scale") == "ctcae")
        wrong = [
            row["point"] is not None
            and bounds.filter(
                pl.col("concept_id") == row["concept_id"],
                pl.col("grade").cast(pl.String).is_in(row["grades_covered"].split("|")),
                pl.col("low") <= row["point"],
                pl.col("high") >= row["point"],
            ).is_empty()
            for row in self.rows(table)
        ]
        what = "no grade covered allows the point"
        yield from self.broken(table, "point", what, wrong)

    def _ladders(self) -> dict[tuple[str, ...], list[Row]]:
        """Grade rows by scale, version, concept and population, mildest first; children as they are read."""
        found: dict[tuple[str, ...], dict[int, Row]] = defaultdict(dict)
        rows = self.rows("map_grades")
        for row in rows:
            found[row["scale"], row["scale_version"], row["concept_id"], row["population"]][row["grade"]] = (
                row
            )
        for (*ladder, population), child in found.items():
            if population != ANY:
                found[*ladder, population] = {**found.get((*ladder, ANY), {}), **child}
        return {key: [by_grade[grade] for grade in sorted(by_grade)] for key, by_grade in found.items()}

    @staticmethod
    def _key(row: Row) -> tuple[str, str, str, int]:
        return row["scale"], row["scale_version"], row["concept_id"], row["grade"]

    def _at(self, row: Row, column: str, what: str) -> Iterator[Problem]:
        """A problem of one grade row."""
        mask = pl.all_horizontal(
            pl.col(name) == row[name]
            for name in ("scale", "scale_version", "concept_id", "grade", "population")
        )
        return self.broken("map_grades", column, what, mask)
