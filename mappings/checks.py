"""What must hold across the rows and tables of a release, beyond the schema of each table.

What may live here: rules a release must obey, each naming file, row, column and value when broken. What
may not: reading files (`mappings.loader`), the lock (`mappings.checksums`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import polars as pl

from mappings.term_key import term_key
from schemas.errors import ReleaseError
from schemas.vocabulary import CTCAE_VERSIONS, DOMAINS

EVERY_CONCEPT = "*"
"""Concept of a grade row that stands for every concept of its scale without a row of its own."""

CONCEPT_PREFIX = "regrade.concept:"
GRADE_PREFIX = "regrade.grade:"
PREDICATES: Mapping[str, str] = {
    "own": "skos:exactMatch",
    "exact": "skos:exactMatch",
    "spelling": "skos:exactMatch",
    "narrower": "skos:broadMatch",
    "broader": "skos:narrowMatch",
}
"""Relation of a term to its concept -> SSSOM predicate; a narrower term has a broader concept."""

_REVIEW = {"needs_adjudication": "needs_adjudication", "fatal": "fatal_report"}
_DOMAIN = "|".join(DOMAINS)


class Rule(NamedTuple):
    """A rule on the rows of one table: the column to name, what is wrong, where it is."""

    column: str
    what: str
    wrong: pl.Expr


GRADE_RULES = (
    Rule("low", "low is above high", pl.col("low") > pl.col("high")),
    Rule("point", "the point is outside its interval", ~pl.col("point").is_between("low", "high")),
    Rule("low", "grade 5 is never a low", pl.col("low") == 5),
    Rule("high", "only a fatal row reaches 5", (pl.col("high") == 5) != (pl.col("disposition") == "fatal")),
    Rule(
        "disposition",
        "a row is excluded exactly where its high is 0",
        (pl.col("disposition") == "excluded") != (pl.col("high") == 0),
    ),
    Rule(
        "disposition",
        "a row of grade 5 is fatal or excluded, and no other row is fatal",
        (pl.col("high") > 0) & ((pl.col("grade") == 5) != (pl.col("disposition") == "fatal")),
    ),
    Rule(
        "domains",
        "domains are named exactly where high is above 0",
        pl.col("domains").is_null() != (pl.col("high") == 0),
    ),
    Rule(
        "domains",
        "the domains are not ICANS domains joined by |",
        ~pl.col("domains").str.contains(rf"^({_DOMAIN})(\|({_DOMAIN}))*$"),
    ),
    Rule("point", "motor is 0 or 4", (pl.col("domains") == "motor") & ~pl.col("point").is_in([0, 4, 5])),
    Rule(
        "review_reason",
        "rows for adjudication and fatal rows carry their review reason, others none",
        pl.col("review_reason").fill_null("")
        != pl.col("disposition").replace_strict(_REVIEW, default="", return_dtype=pl.String),
    ),
    Rule(
        "requires",
        "an open row says what would close it, an excluded row nothing",
        (pl.col("requires").is_null() & (pl.col("low") < pl.col("high")))
        | (pl.col("requires").is_not_null() & (pl.col("high") == 0)),
    ),
    Rule(
        "source_text",
        "a grade of a CTCAE version has its text, any other row none",
        ((pl.col("scale") == "ctcae") & (pl.col("scale_version") != "any"))
        == pl.col("source_text").is_null(),
    ),
)
"""Laws every decision obeys (GRADING.md 1 and 3.4); a null comparison counts as right."""


def refuse(file: str, wrong: pl.Series, column: str, cells: pl.Series, what: str) -> None:
    """Raise `ReleaseError` for the first row where `wrong` is true; null counts as right."""
    rows = wrong.fill_null(False).arg_true()
    if len(rows):
        row = int(rows[0])
        raise ReleaseError(
            what,
            file=file,
            row=row + 1,
            column=column,
            value=None if cells[row] is None else str(cells[row]),
            next_action="restore the cell (a spreadsheet may have changed it)",
        )


def check_term_identity(raw: pl.DataFrame, file: str) -> None:
    """SSSOM identity of a term row agrees with the columns it is made of."""
    keys = _keys(raw["subject_label"])
    refuse(file, raw["term_key"] != keys, "term_key", raw["term_key"], "the key is not that of the term")
    refuse(file, raw["term_key"] == "", "term_key", raw["term_key"], "the term has no key")
    predicates = raw["relation"].replace_strict(PREDICATES, default="", return_dtype=pl.String)
    found = raw["predicate_id"]
    refuse(file, found != predicates, "predicate_id", found, "predicate and relation differ")
    slug = pl.col("term_key").str.replace_all(r"[^a-z0-9]+", "_").str.strip_chars("_")
    subject = (
        pl.when(pl.col("code") == "")
        .then(pl.lit("regrade.term:") + slug)
        .otherwise(pl.lit("MEDDRA:") + pl.col("code"))
    )
    found = raw["subject_id"]
    wrong = found != raw.select(subject).to_series()
    refuse(file, wrong, "subject_id", found, "the subject is not that of term and code")
    found = raw["scale_version"]
    refuse(file, ~found.is_in([*CTCAE_VERSIONS, "any"]), "scale_version", found, "there is no such version")


def check_grade_identity(raw: pl.DataFrame, file: str) -> None:
    """Identity and object of a grade row agree with its key and its interval."""
    child = pl.when(pl.col("population") == "child").then(pl.lit(":child")).otherwise(pl.lit(""))
    rule = pl.concat_str("scale", "scale_version", "concept_id", "grade", separator=":") + child
    found = raw["subject_id"]
    wrong = found != raw.select(pl.lit(GRADE_PREFIX) + rule).to_series()
    refuse(file, wrong, "subject_id", found, "the rule id is not that of the row")
    found = raw["object_id"]
    wrong = found != raw.select(pl.format("ICANS:{}-{}", "low", "high")).to_series()
    refuse(file, wrong, "object_id", found, "object and interval differ")


def check_release(tables: Mapping[str, pl.DataFrame]) -> None:
    """Every rule across rows and tables; the first one broken is raised as `ReleaseError`."""
    for file, table in _naming_concepts():
        concepts = tables["map_concepts"]["concept_id"]
        named = tables[table]["concept_id"]
        wrong = ~named.is_in(concepts.implode()) & (named != EVERY_CONCEPT)
        refuse(file, wrong, "concept_id", named, "the concept is not in concepts.tsv")
    for table, what in (("map_grades", "no grade row"), ("map_terms", "no term")):
        used = tables[table]["concept_id"].drop_nulls().implode()
        concepts = tables["map_concepts"]["concept_id"]
        refuse("concepts.tsv", ~concepts.is_in(used), "concept_id", concepts, f"the concept has {what}")
    grades = tables["map_grades"]
    for rule in GRADE_RULES:
        cells = grades[rule.column]
        refuse("grades.tsv", grades.select(rule.wrong).to_series(), rule.column, cells, rule.what)
    covered = tables["map_conventions"]["grades_covered"]
    wrong = ~covered.str.contains(r"^[1-5](\|[1-5])*$")
    refuse("conventions.tsv", wrong, "grades_covered", covered, "the cell is not grades joined by |")
    for file, table, key, name in (
        ("classes.tsv", "map_classes", "class_key", "class_name"),
        ("vocabulary.tsv", "map_vocabulary", "term_key", "term"),
    ):
        found = tables[table][key]
        refuse(file, found != _keys(tables[table][name]), key, found, "the key is not that of the name")
    _check_codes(tables["map_terms"])


def _check_codes(terms: pl.DataFrame) -> None:
    """A code means one concept in a version, and the concept its term means there."""
    coded = pl.col("code") != ""
    twice = terms.select(coded & pl.struct("code", "scale_version").is_duplicated()).to_series()
    refuse("terms.tsv", twice, "code", terms["code"], "two terms share the code in one version")
    exact = terms.filter(coded & (pl.col("scale_version") != "any"))["code"].implode()
    both = (terms["scale_version"] == "any") & terms["code"].is_in(exact)
    refuse("terms.tsv", both, "code", terms["code"], "the code is read in any and in one version")
    split = terms.select(coded & (pl.col("concept_id").n_unique().over("term_key", "scale_version") > 1))
    refuse("terms.tsv", split.to_series(), "code", terms["code"], "code and text of the term differ")


def _naming_concepts() -> Iterator[tuple[str, str]]:
    yield "terms.tsv", "map_terms"
    yield "grades.tsv", "map_grades"
    yield "conventions.tsv", "map_conventions"


def _keys(names: pl.Series) -> pl.Series:
    keys = {name: term_key(name) for name in names.unique()}
    return pl.Series([keys[name] for name in names], dtype=pl.String)
