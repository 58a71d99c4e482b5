"""What must hold across the rows and tables of a release for it to be used at all.

What may live here: rules that decide in milliseconds, each naming file, line, column and value when
broken; the loader runs them on every load. What may not: reading files (`mappings.sheets`), the lock
(`mappings.checksums`), completeness against the published vocabularies (`mappings.curation`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import polars as pl

from mappings.problem import Problem
from mappings.sheets import CONCEPT_PREFIX, GRADE_PREFIX, Sheet
from mappings.term_key import term_key
from schemas.vocabulary import ASTCT_VERSIONS, CRES_VERSIONS, CTCAE_VERSIONS, DOMAINS

EVERY_CONCEPT = "*"
"""Concept of a grade row that stands for every concept of its scale without a row of its own."""

ANY = "any"
"""Scale version of a term read the same in every version, and of a preferred term's grade rows."""

PREDICATES: Mapping[str, str] = {
    "own": "skos:exactMatch",
    "exact": "skos:exactMatch",
    "spelling": "skos:exactMatch",
    "narrower": "skos:broadMatch",
    "broader": "skos:narrowMatch",
}
"""Relation of a term to its concept -> SSSOM predicate; a narrower term has a broader concept."""

DECIDING = ("map_terms", "map_grades", "map_conventions")
"""Tables whose rows say who decided them, when, and who reviewed them."""

RESTRICTS = "regrade:restrictsTo"
JUSTIFICATIONS = ("semapv:ManualMappingCuration", "semapv:LexicalMatching")

_VERSIONS = {"ctcae": (*CTCAE_VERSIONS, ANY), "cres": CRES_VERSIONS, "astct": ASTCT_VERSIONS}
_REVIEW = {"needs_adjudication": "needs_adjudication", "fatal": "fatal_report"}
_DOMAIN = "|".join(DOMAINS)
_SPREADSHEET = "restore the cell (a spreadsheet may have changed it)"


class Rule(NamedTuple):
    """A rule on the rows of one table: its id, the column to name, what is wrong, where it is."""

    rule_id: str
    column: str
    what: str
    wrong: pl.Expr


GRADE_RULES = (
    Rule("MAP-GRADE-BOUNDS", "low", "low is above high", pl.col("low") > pl.col("high")),
    Rule(
        "MAP-GRADE-POINT",
        "point",
        "the point is outside its interval",
        ~pl.col("point").is_between("low", "high"),
    ),
    Rule("MAP-GRADE-FATAL-LOW", "low", "grade 5 is never a low", pl.col("low") == 5),
    Rule(
        "MAP-GRADE-FATAL-HIGH",
        "high",
        "only a fatal row reaches 5",
        (pl.col("high") == 5) != (pl.col("disposition") == "fatal"),
    ),
    Rule(
        "MAP-GRADE-EXCLUDED",
        "disposition",
        "a row is excluded exactly where its high is 0",
        (pl.col("disposition") == "excluded") != (pl.col("high") == 0),
    ),
    Rule(
        "MAP-GRADE-FATAL",
        "disposition",
        "a row of grade 5 is fatal or excluded, and no other row is fatal",
        (pl.col("high") > 0) & ((pl.col("grade") == 5) != (pl.col("disposition") == "fatal")),
    ),
    Rule(
        "MAP-GRADE-DOMAINS",
        "domains",
        "domains are named exactly where high is above 0",
        pl.col("domains").is_null() != (pl.col("high") == 0),
    ),
    Rule(
        "MAP-GRADE-DOMAIN-NAMES",
        "domains",
        "the domains are not ICANS domains joined by |",
        ~pl.col("domains").str.contains(rf"^({_DOMAIN})(\|({_DOMAIN}))*$"),
    ),
    Rule(
        "MAP-GRADE-MOTOR",
        "point",
        "motor is 0 or 4",
        (pl.col("domains") == "motor") & ~pl.col("point").is_in([0, 4, 5]),
    ),
    Rule(
        "MAP-GRADE-REVIEW",
        "review_reason",
        "rows for adjudication and fatal rows carry their review reason, others none",
        pl.col("review_reason").fill_null("")
        != pl.col("disposition").replace_strict(_REVIEW, default="", return_dtype=pl.String),
    ),
    Rule(
        "MAP-GRADE-REQUIRES",
        "requires",
        "an open row says what would close it, an excluded row nothing",
        (pl.col("requires").is_null() & (pl.col("low") < pl.col("high")))
        | (pl.col("requires").is_not_null() & (pl.col("high") == 0)),
    ),
    Rule(
        "MAP-GRADE-TEXT",
        "source_text",
        "a grade of a CTCAE version has its text, any other row none",
        ((pl.col("scale") == "ctcae") & (pl.col("scale_version") != ANY)) == pl.col("source_text").is_null(),
    ),
)
"""Laws every decision obeys (GRADING.md 1 and 3.4); a null comparison counts as right."""


def release_problems(sheets: Mapping[str, Sheet]) -> Iterator[Problem]:
    """Every broken rule across rows and tables, cheapest first; nothing is read before it is asked for.

    `sheets` holds one sheet per file of a release, keyed by table name.
    """
    yield from row_problems(sheets)
    yield from concept_problems(sheets, sheets["map_concepts"].frame["concept_id"])
    used = {table: sheets[table].frame["concept_id"] for table in ("map_grades", "map_terms")}
    yield from unused_problems(sheets["map_concepts"], used)
    yield from _label_problems(sheets["map_terms"], sheets["map_concepts"])
    yield from code_problems(sheets["map_terms"])


def row_problems(sheets: Mapping[str, Sheet]) -> Iterator[Problem]:
    """Every rule that a row obeys or breaks by itself; `sheets` may lack tables, as an overlay does."""
    if grades := sheets.get("map_grades"):
        yield from grade_version_problems(grades)
        for rule in GRADE_RULES:
            yield from grades.problems(rule.rule_id, rule.what, rule.column, rule.wrong)
        if "subject_id" in grades.raw.columns:  # a table without a file has no SSSOM columns
            yield from grade_identity_problems(grades)
    if terms := sheets.get("map_terms"):
        yield from term_version_problems(terms)
        if "subject_id" in terms.raw.columns:
            yield from term_identity_problems(terms)
    if conventions := sheets.get("map_conventions"):
        yield from conventions.problems(
            "MAP-CONVENTION-GRADES",
            "the cell is not grades joined by |",
            "grades_covered",
            ~pl.col("grades_covered").str.contains(r"^[1-5](\|[1-5])*$"),
            next_action=_SPREADSHEET,
        )
    for table in DECIDING:
        if sheet := sheets.get(table):
            yield from provenance_problems(sheet)
    for table, key, name in (
        ("map_classes", "class_key", "class_name"),
        ("map_vocabulary", "term_key", "term"),
    ):
        if sheet := sheets.get(table):
            wrong = sheet.raw[key] != _keys(sheet.raw[name])
            yield from sheet.problems("MAP-KEY", "the key is not that of the name", key, wrong)


def provenance_problems(sheet: Sheet) -> Iterator[Problem]:
    """Dates are days of the calendar; reviewer and date of a review stand together, after the decision."""
    for name, column in (("decided_on", "mapping_date"), ("reviewed_on", "review_date")):
        wrong = pl.col(name).is_not_null() & pl.col(name).str.to_date(strict=False).is_null()
        what = "there is no such day"
        yield from sheet.problems("MAP-DATE", what, column, wrong, next_action=_SPREADSHEET)
    wrong = pl.col("reviewed_by").is_null() != pl.col("reviewed_on").is_null()
    what = "a review has a reviewer and a date, a row without a review neither"
    yield from sheet.problems("MAP-REVIEW-PAIR", what, "reviewer_label", wrong)
    wrong = pl.col("reviewed_on") < pl.col("decided_on")
    what = "the review is older than the decision: the decision it looked at was another"
    yield from sheet.problems("MAP-REVIEW-DATE", what, "review_date", wrong)


def term_identity_problems(sheet: Sheet) -> Iterator[Problem]:
    """SSSOM identity of a term row agrees with the columns it is made of."""
    raw = sheet.raw
    wrong = raw["term_key"] != _keys(raw["subject_label"])
    yield from sheet.problems("MAP-KEY", "the key is not that of the term", "term_key", wrong)
    wrong = raw["predicate_id"] != raw["relation"].replace_strict(PREDICATES, default="")
    yield from sheet.problems("MAP-TERM-PREDICATE", "predicate and relation differ", "predicate_id", wrong)
    slug = pl.col("term_key").str.replace_all(r"[^a-z0-9]+", "_").str.strip_chars("_")
    subject = (
        pl.when(pl.col("code") == "")
        .then(pl.lit("regrade.term:") + slug)
        .otherwise(pl.lit("MEDDRA:") + pl.col("code"))
    )
    wrong = raw["subject_id"] != raw.select(subject).to_series()
    what = "the subject is not that of term and code"
    yield from sheet.problems("MAP-TERM-SUBJECT", what, "subject_id", wrong)
    wrong = ~raw["object_id"].str.starts_with(CONCEPT_PREFIX)
    yield from sheet.problems("MAP-TERM-OBJECT", "the object is not a concept", "object_id", wrong)
    yield from _justification_problems(sheet)


def term_version_problems(sheet: Sheet) -> Iterator[Problem]:
    """Versions and codes of the terms are as published: a spreadsheet shortens 4.03 and rounds codes."""
    wrong = ~sheet.raw["scale_version"].is_in([*CTCAE_VERSIONS, ANY])
    what = f"there is no such version; the versions are {', '.join(CTCAE_VERSIONS)} and {ANY}"
    yield from sheet.problems("MAP-SCALE-VERSION", what, "scale_version", wrong, next_action=_SPREADSHEET)
    codes = sheet.raw["code"]
    wrong = (codes != "") & ~codes.str.contains(r"^\d{8}$")
    what = "a code has eight digits"
    yield from sheet.problems("MAP-CODE-FORM", what, "code", wrong, next_action=_SPREADSHEET)


def grade_version_problems(sheet: Sheet) -> Iterator[Problem]:
    """The version of a grade row is one its scale has."""
    for scale, versions in _VERSIONS.items():
        wrong = (sheet.raw["scale"] == scale) & ~sheet.raw["scale_version"].is_in(list(versions))
        what = f"there is no such version of {scale}; the versions are {', '.join(versions)}"
        yield from sheet.problems("MAP-SCALE-VERSION", what, "scale_version", wrong, next_action=_SPREADSHEET)


def grade_identity_problems(sheet: Sheet) -> Iterator[Problem]:
    """Identity, predicate and object of a grade row agree with its key and its interval."""
    raw = sheet.raw
    child = pl.when(pl.col("population") == "child").then(pl.lit(":child")).otherwise(pl.lit(""))
    rule = pl.concat_str("scale", "scale_version", "concept_id", "grade", separator=":") + child
    wrong = raw["subject_id"] != raw.select(pl.lit(GRADE_PREFIX) + rule).to_series()
    yield from sheet.problems("MAP-GRADE-ID", "the rule id is not that of the row", "subject_id", wrong)
    wrong = raw["object_id"] != raw.select(pl.format("ICANS:{}-{}", "low", "high")).to_series()
    yield from sheet.problems("MAP-GRADE-OBJECT", "object and interval differ", "object_id", wrong)
    wrong = raw["predicate_id"] != RESTRICTS
    what = f"the predicate of a grade row is {RESTRICTS}"
    yield from sheet.problems("MAP-GRADE-PREDICATE", what, "predicate_id", wrong)
    yield from _justification_problems(sheet)


def _justification_problems(sheet: Sheet) -> Iterator[Problem]:
    wrong = ~sheet.raw["mapping_justification"].is_in(list(JUSTIFICATIONS))
    what = f"the justification is none of {', '.join(JUSTIFICATIONS)}"
    yield from sheet.problems("MAP-JUSTIFICATION", what, "mapping_justification", wrong)


def concept_problems(sheets: Mapping[str, Sheet], concepts: pl.Series) -> Iterator[Problem]:
    """Tables name concepts that exist; `sheets` may lack tables, as an overlay does."""
    for table, column in (
        ("map_terms", "object_id"),
        ("map_grades", "concept_id"),
        ("map_conventions", "concept_id"),
    ):
        if sheet := sheets.get(table):
            named = sheet.raw[column].str.strip_prefix(CONCEPT_PREFIX)
            wrong = ~named.is_in(concepts.implode())
            if table == "map_grades":
                wrong &= named != EVERY_CONCEPT
            what = "the concept is not in concepts.tsv"
            yield from sheet.problems("MAP-CONCEPT", what, column, wrong)


def _label_problems(terms: Sheet, concepts: Sheet) -> Iterator[Problem]:
    """The label a term file gives a concept is that of concepts.tsv."""
    if "object_label" in terms.raw.columns:
        labels = dict(concepts.raw.select("concept_id", "label").rows())
        named = terms.raw["object_id"].str.strip_prefix(CONCEPT_PREFIX).replace_strict(labels, default="")
        wrong = terms.raw["object_label"] != named
        what = "the label is not that of the concept"
        yield from terms.problems("MAP-TERM-LABEL", what, "object_label", wrong)


def unused_problems(concepts: Sheet, used: Mapping[str, pl.Series]) -> Iterator[Problem]:
    """Every concept has a grade row and a term; `used` holds the concepts of those tables."""
    for table, what in (("map_grades", "no grade row"), ("map_terms", "no term")):
        wrong = ~concepts.raw["concept_id"].is_in(used[table].drop_nulls().implode())
        yield from concepts.problems("MAP-CONCEPT-UNUSED", f"the concept has {what}", "concept_id", wrong)


def code_problems(sheet: Sheet) -> Iterator[Problem]:
    """A code means one concept in a version, and the concept its term means there."""
    coded = pl.col("code") != ""
    frame = sheet.frame
    twice = frame.select(coded & pl.struct("code", "scale_version").is_duplicated()).to_series()
    yield from sheet.problems("MAP-CODE-TWICE", "two terms share the code in one version", "code", twice)
    exact = frame.filter(coded & (pl.col("scale_version") != ANY))["code"].implode()
    both = (frame["scale_version"] == ANY) & frame["code"].is_in(exact)
    yield from sheet.problems("MAP-CODE-TWICE", "the code is read in any and in one version", "code", both)
    split = coded & (pl.col("concept_id").n_unique().over("term_key", "scale_version") > 1)
    yield from sheet.problems("MAP-CODE-CONCEPT", "code and text of the term differ", "code", split)


def _keys(names: pl.Series) -> pl.Series:
    keys = {name: term_key(name) for name in names.unique().to_list()}
    return pl.Series([keys[name] for name in names.to_list()], dtype=pl.String)
