"""Loads a mapping release: checks its lock, reads its text, proves it is what its schemas say.

What may live here: the files of a release, their columns and the checks across tables. What may not:
the text format (`mappings.tsv`), the lock (`mappings.checksums`), any clinical rule.

Files use SSSOM column names where SSSOM has one; `_TERMS` and `_GRADES` list the extension columns.
A blank cell is null, except `code` of a term, where blank means that the row is matched by its text.
A term row with a code is matched by that code alone; its term is there for the reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from mappings.checksums import verify_checksums
from mappings.release import Release
from mappings.release_file import ReleaseFile, read_release_file
from mappings.term_key import term_key
from mappings.tsv import read_tsv
from schemas.base import SEPARATOR, Table
from schemas.errors import ReleaseError, SchemaError
from schemas.release import (
    MapClasses,
    MapConcepts,
    MapConventions,
    MapGrades,
    MapReleases,
    MapTerms,
    MapVocabulary,
)
from schemas.vocabulary import CTCAE_VERSIONS, DOMAINS

EVERY_CONCEPT = "*"
"""Concept of a grade row that stands for every concept of its scale without a row of its own."""

_SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_ROOT = Path(__file__).parent / "releases"
_BOOLEANS = {"true": True, "false": False}
_CONCEPT_PREFIX = "regrade.concept:"
_GRADE_PREFIX = "regrade.grade:"

_TERMS = (
    "subject_id",
    "subject_label",
    "predicate_id",
    "object_id",
    "object_label",
    "mapping_justification",
    "term_key",
    "scale_version",
    "code",
    "relation",
    "source",
    "comment",
)
_GRADES = (
    "subject_id",
    "predicate_id",
    "object_id",
    "mapping_justification",
    "scale",
    "scale_version",
    "concept_id",
    "grade",
    "population",
    "domains",
    "low",
    "point",
    "high",
    "disposition",
    "review_reason",
    "requires",
    "source_text",
    "decision",
    "rationale",
    "source",
)
FILES: Mapping[str, tuple[type[Table], tuple[str, ...]]] = {
    "concepts.tsv": (
        MapConcepts,
        ("concept_id", "label", "concept_group", "is_broad", "is_core", "cause_role"),
    ),
    "terms.tsv": (MapTerms, _TERMS),
    "grades.tsv": (MapGrades, _GRADES),
    "conventions.tsv": (
        MapConventions,
        ("convention_id", "concept_id", "convention_grade", "grades_covered", "point", "rationale", "source"),
    ),
    "classes.tsv": (MapClasses, ("class_name", "class_key", "is_in_scope", "source")),
    "vocabulary.tsv": (MapVocabulary, ("scale_version", "term_key", "code", "term", "class_name")),
}
"""File of a release -> its table and its columns in file order."""

PREDICATES: Mapping[str, str] = {
    "own": "skos:exactMatch",
    "exact": "skos:exactMatch",
    "spelling": "skos:exactMatch",
    "narrower": "skos:broadMatch",
    "broader": "skos:narrowMatch",
}
"""Relation of a term to its concept -> SSSOM predicate; a narrower term has a broader concept."""


def list_releases(root: Path | None = None) -> tuple[str, ...]:
    """Ids of the releases under `root` (the shipped ones by default), oldest semantic version first."""
    root = _ROOT if root is None else root
    names = [path.name for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    return tuple(sorted((name for name in names if _SEMVER.fullmatch(name)), key=_version))


def load_release(release_id: str | None = None, root: Path | None = None) -> Release:
    """Load and verify one release; None is the newest by semantic version.

    Raises `ReleaseError` naming file, row, column, value and the next action when the release is not
    there, is not what its checksums say, breaks the format, a schema or a rule across tables.
    """
    known = list_releases(root)
    if release_id is None and known:
        release_id = known[-1]
    if release_id is None or release_id not in known:
        raise ReleaseError(
            "there is no such mapping release" if release_id else "there is no mapping release",
            value=release_id,
            next_action=f"choose one of: {', '.join(known) or 'none found; reinstall the package'}",
        )
    folder = (_ROOT if root is None else root) / release_id
    digest = verify_checksums(folder)
    about = read_release_file(folder / "release.yaml")
    if about.release_id != release_id:
        raise ReleaseError(
            "the release names itself differently from its folder",
            file=f"{release_id}/release.yaml",
            column="release_id",
            value=about.release_id,
            next_action=f"write release_id: {release_id}, or rename the folder",
        )
    tables = {table.info().name: _read_table(folder / name, release_id) for name, (table, _) in FILES.items()}
    tables[MapReleases.info().name] = MapReleases.require(_about_row(about, digest))
    _check_concepts(tables)
    _check_decisions(tables)
    _check_keys(tables)
    return Release(release_id, digest, about.status, about.review_status, tables)


def _read_table(path: Path, release_id: str) -> pl.DataFrame:
    """One file as its validated table, in canonical order; the file itself must stand in that order."""
    table, columns = FILES[path.name]
    raw = read_tsv(path, columns)
    frame = raw
    if table is MapTerms:
        _check_subjects(raw, path.name)
        frame = raw.with_columns(
            concept_id=pl.when(pl.col("relation") == "broader")
            .then(pl.lit(""))
            .otherwise(pl.col("object_id").str.strip_prefix(_CONCEPT_PREFIX))
        ).rename({"subject_label": "term", "mapping_justification": "justification", "comment": "note"})
    if table is MapGrades:
        frame = raw.with_columns(rule_id=pl.col("subject_id").str.strip_prefix(_GRADE_PREFIX))
        _check_rules(raw, path.name)
    frame = frame.with_columns(release_id=pl.lit(release_id))
    frame = _typed(frame, table, path.name)
    keys = [key for key in table.info().key if key != "release_id"]
    doubled = frame.filter(pl.struct(keys).is_duplicated())
    if doubled.height:
        raise ReleaseError(
            f"the key ({', '.join(keys)}) occurs twice",
            file=path.name,
            value=" ".join(str(cell) for cell in doubled.select(keys).row(0)),
            next_action="keep one decision per key",
        )
    try:
        result = table.require(frame)
    except SchemaError as fault:
        raise ReleaseError(fault.what, file=path.name, next_action="correct the cells named") from None
    if not result.select(keys).equals(frame.select(keys)):
        row = next(i for i, (a, b) in enumerate(zip(result.iter_rows(), _rows_like(frame, result), strict=True), 1) if a != b)
        raise ReleaseError(
            "the rows are not in canonical order", file=path.name, row=row, next_action=f"sort by {', '.join(keys)}"
        )
    return result


def _rows_like(frame: pl.DataFrame, model: pl.DataFrame) -> list[tuple[object, ...]]:
    return frame.select(model.columns).rows()


def _typed(frame: pl.DataFrame, table: type[Table], name: str) -> pl.DataFrame:
    """Text to the column types of the schema: blank to null, whole numbers, true and false."""
    made: list[pl.Series] = []
    declared = table.polars_schema()
    nullable = {column for column, spec in table.declared_columns().items() if spec.nullable}
    for column, dtype in declared.items():
        text = frame.get_column(column)
        if column != "code":
            text = pl.Series(column, [cell or None for cell in text], dtype=pl.String)
        if column != "code" and column not in nullable and text.null_count():
            _refuse(name, text.is_null(), column, "", "the cell is blank")
        if dtype == pl.Boolean:
            _refuse(name, ~text.is_in(list(_BOOLEANS)), column, text, "the cell is neither true nor false")
            text = text.replace_strict(_BOOLEANS, return_dtype=pl.Boolean)
        elif dtype.is_integer():
            _refuse(name, ~text.str.contains(r"^[0-5]$"), column, text, "the cell is not a grade 0 to 5")
            text = text.cast(dtype)
        made.append(text.alias(column))
    return pl.DataFrame(made)


def _refuse(name: str, wrong: pl.Series, column: str, cells: pl.Series | str, what: str) -> None:
    """Raise for the first row where `wrong` is true; null counts as right."""
    index = wrong.fill_null(False).arg_true()
    if len(index):
        row = index[0]
        raise ReleaseError(
            what,
            file=name,
            row=row + 1,
            column=column,
            value=cells if isinstance(cells, str) else cells[row],
            next_action="restore the cell (a spreadsheet may have changed it)",
        )


def _check_subjects(raw: pl.DataFrame, name: str) -> None:
    """SSSOM identity of a term row agrees with the columns it is made of."""
    keys = pl.Series([term_key(term) for term in raw.get_column("subject_label")], dtype=pl.String)
    _refuse(name, raw["term_key"] != keys, "term_key", raw["term_key"], "the key is not that of the term")
    _refuse(name, raw["term_key"] == "", "term_key", raw["term_key"], "the term has no key")
    predicate = raw["relation"].replace_strict(PREDICATES, default="", return_dtype=pl.String)
    _refuse(name, raw["predicate_id"] != predicate, "predicate_id", raw["predicate_id"], "predicate and relation differ")
    coded = raw.select(
        pl.when(pl.col("code") == "")
        .then(pl.lit("regrade.term:") + pl.col("term_key").str.replace_all(r"[^a-z0-9]+", "_").str.strip_chars("_"))
        .otherwise(pl.lit("MEDDRA:") + pl.col("code"))
    ).to_series()
    _refuse(name, raw["subject_id"] != coded, "subject_id", raw["subject_id"], "the subject id is not that of the row")
    versions = [*CTCAE_VERSIONS, "any"]
    _refuse(name, ~raw["scale_version"].is_in(versions), "scale_version", raw["scale_version"], "no such version")


def _check_rules(raw: pl.DataFrame, name: str) -> None:
    """Identity and object of a grade row agree with its key and its interval."""
    rule = raw.select(
        pl.lit(_GRADE_PREFIX)
        + pl.concat_str("scale", "scale_version", "concept_id", "grade", separator=":")
        + pl.when(pl.col("population") == "child").then(pl.lit(":child")).otherwise(pl.lit(""))
    ).to_series()
    _refuse(name, raw["subject_id"] != rule, "subject_id", raw["subject_id"], "the rule id is not that of the row")
    interval = raw.select(pl.lit("ICANS:") + pl.concat_str("low", "high", separator="-")).to_series()
    _refuse(name, raw["object_id"] != interval, "object_id", raw["object_id"], "object and interval differ")


def _about_row(about: ReleaseFile, digest: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "release_id": [about.release_id],
            "status": [about.status],
            "parent_release_id": [about.parent_release_id],
            "release_sha256": [digest],
            "clinical_sign_offs": [about.count("clinical")],
            "data_sign_offs": [about.count("data")],
            "licence": [about.licence],
            "sources": ["; ".join(about.sources)],
            "change_note": [" ".join(about.change_note)],
        },
        schema=MapReleases.polars_schema(),
    )


def _check_concepts(tables: Mapping[str, pl.DataFrame]) -> None:
    """Every concept a row names exists, and every concept has a decision and a term."""
    known = tables["map_concepts"].get_column("concept_id").implode()
    for file, table in (("terms.tsv", "map_terms"), ("conventions.tsv", "map_conventions"), ("grades.tsv", "map_grades")):
        named = tables[table].get_column("concept_id")
        wrong = ~named.is_in(known) & (named != EVERY_CONCEPT)
        _refuse(file, wrong, "concept_id", named, "the concept is not in concepts.tsv")
    concepts = tables["map_concepts"].get_column("concept_id")
    for table, what in (("map_grades", "the concept has no grade row"), ("map_terms", "the concept has no term")):
        used = tables[table].get_column("concept_id").drop_nulls().implode()
        _refuse("concepts.tsv", ~concepts.is_in(used), "concept_id", concepts, what)


def _check_decisions(tables: Mapping[str, pl.DataFrame]) -> None:
    """Laws every decision obeys: GRADING.md 1 and 3.4."""
    grades = tables["map_grades"]
    parts = "|".join(DOMAINS)
    rules: list[tuple[str, str, pl.Expr]] = [
        ("low", "low is above high", pl.col("low") > pl.col("high")),
        ("point", "the point is outside its interval", ~pl.col("point").is_between("low", "high")),
        ("low", "grade 5 is never a low", pl.col("low") == 5),
        ("high", "only a fatal row reaches 5", (pl.col("high") == 5) & (pl.col("grade") != 5)),
        ("disposition", "excluded means 0/0/0, and 0/0/0 means excluded", (pl.col("disposition") == "excluded") != (pl.col("high") == 0)),
        ("disposition", "an informing grade 5 is a fatal row", (pl.col("high") > 0) & ((pl.col("grade") == 5) != (pl.col("disposition") == "fatal"))),
        ("domains", "domains are named exactly where high is above 0", pl.col("domains").is_null() != (pl.col("high") == 0)),
        ("domains", "the domains are not domains joined by |", ~pl.col("domains").str.contains(rf"^({parts})(\|({parts}))*$")),
        ("point", "motor is 0 or 4", (pl.col("domains") == "motor") & ~pl.col("point").is_in([0, 4, 5])),
        ("review_reason", "rows for adjudication and fatal rows carry their review reason", pl.col("review_reason").fill_null("") != pl.col("disposition").replace_strict({"needs_adjudication": "needs_adjudication", "fatal": "fatal_report"}, default="")),
        ("requires", "an open row says what would close it", pl.col("requires").is_null() & (pl.col("low") < pl.col("high"))),
        ("source_text", "a CTCAE grade has its text, and only it", (pl.col("scale").eq("ctcae") & (pl.col("scale_version") != "any")) == pl.col("source_text").is_null()),
    ]
    for column, what, wrong in rules:
        _refuse("grades.tsv", grades.select(wrong).to_series(), column, grades.get_column(column).cast(pl.String), what)
    conventions = tables["map_conventions"]
    covered = conventions.get_column("grades_covered")
    _refuse("conventions.tsv", ~covered.str.contains(r"^[1-5](\|[1-5])*$"), "grades_covered", covered, "the cell is not grades joined by |")


def _check_keys(tables: Mapping[str, pl.DataFrame]) -> None:
    """Keys of classes and vocabulary are those of their names; a code means one thing per version."""
    for file, table, key, name in (
        ("classes.tsv", "map_classes", "class_key", "class_name"),
        ("vocabulary.tsv", "map_vocabulary", "term_key", "term"),
    ):
        frame = tables[table]
        right = pl.Series([term_key(cell) for cell in frame.get_column(name)], dtype=pl.String)
        _refuse(file, frame.get_column(key) != right, key, frame.get_column(key), "the key is not that of the name")
    terms = tables["map_terms"]
    coded = terms.filter(pl.col("code") != "")
    doubled = coded.select(pl.struct("code", "scale_version").is_duplicated()).to_series()
    _refuse("terms.tsv", doubled, "code", coded.get_column("code"), "two terms share the code in one version")
    exact = coded.filter(pl.col("scale_version") != "any").get_column("code").implode()
    both = (coded.get_column("scale_version") == "any") & coded.get_column("code").is_in(exact)
    _refuse("terms.tsv", both, "code", coded.get_column("code"), "the code is read both in any and in one version")


def _version(release_id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release_id.split("."))


__all__ = ["EVERY_CONCEPT", "FILES", "PREDICATES", "list_releases", "load_release"]
