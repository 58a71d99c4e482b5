"""Loads a mapping release: checks its lock, reads its text, proves it is what its schemas say.

What may live here: the files of a release, their columns, and the way from text to typed tables. What
may not: the text format (`mappings.tsv`), the lock (`mappings.checksums`), the rules a release must
obey (`mappings.checks`), any clinical rule.

Files use SSSOM column names where SSSOM has one; the other columns are its extension slots, declared in
the comment block of the file. A blank cell is null, except `code` of a term: a term row without a code
is matched by its text, a row with a code by that code, its term being there for the reader.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from mappings import checks
from mappings.checksums import verify_checksums
from mappings.release import Release
from mappings.release_file import ReleaseFile, read_release_file
from mappings.tsv import read_tsv
from schemas.base import Table
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

_SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_ROOT = Path(__file__).parent / "releases"
_BOOLEANS = {"true": True, "false": False}

FILES: Mapping[str, tuple[type[Table], tuple[str, ...]]] = {
    "concepts.tsv": (
        MapConcepts,
        ("concept_id", "label", "concept_group", "is_broad", "is_core", "cause_role"),
    ),
    "terms.tsv": (
        MapTerms,
        (
            *("subject_id", "subject_label", "predicate_id", "object_id", "object_label"),
            *("mapping_justification", "term_key", "scale_version", "code", "relation", "source", "comment"),
        ),
    ),
    "grades.tsv": (
        MapGrades,
        (
            *("subject_id", "predicate_id", "object_id", "mapping_justification"),
            *("scale", "scale_version", "concept_id", "grade", "population", "domains", "low", "point"),
            *("high", "disposition", "review_reason", "requires", "source_text", "decision", "rationale"),
            "source",
        ),
    ),
    "conventions.tsv": (
        MapConventions,
        ("convention_id", "concept_id", "convention_grade", "grades_covered", "point", "rationale", "source"),
    ),
    "classes.tsv": (MapClasses, ("class_name", "class_key", "is_in_scope", "source")),
    "vocabulary.tsv": (MapVocabulary, ("scale_version", "term_key", "code", "term", "class_name")),
}
"""File of a release -> its table and its columns in file order."""


def list_releases(root: Path | None = None) -> tuple[str, ...]:
    """Ids of the releases under `root` (the shipped ones by default), lowest semantic version first."""
    root = _ROOT if root is None else root
    names = [path.name for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    return tuple(sorted((name for name in names if _SEMVER.fullmatch(name)), key=_version))


def load_release(release_id: str | None = None, root: Path | None = None) -> Release:
    """Load and verify one release; None is the newest by semantic version.

    Raises `ReleaseError` naming file, row, column, value and the next action when the release is not
    there, is not what its checksums say, or breaks the format, a schema or a rule across tables.
    """
    known = list_releases(root)
    if release_id is None and known:
        release_id = known[-1]
    if release_id is None or release_id not in known:
        raise ReleaseError(
            "there is no such mapping release" if release_id else "there is no mapping release",
            value=release_id,
            next_action=f"choose one of: {', '.join(known)}" if known else "reinstall the package",
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
    tables[MapReleases.info().name] = MapReleases.require(_about(about, digest))
    checks.check_release(tables)
    return Release(release_id, digest, about.status, about.review_status, tables)


def _read_table(path: Path, release_id: str) -> pl.DataFrame:
    """One file as its validated table; the file itself must stand in canonical order."""
    table, columns = FILES[path.name]
    raw = read_tsv(path, columns)
    frame = raw.with_columns(release_id=pl.lit(release_id), layer=pl.lit(release_id))
    if table is MapTerms:
        checks.check_term_identity(raw, path.name)
        taken = pl.col("object_id").str.strip_prefix(checks.CONCEPT_PREFIX)
        frame = frame.with_columns(
            pl.when(pl.col("relation") != "broader").then(taken).otherwise(pl.lit("")).alias("concept_id")
        ).rename({"subject_label": "term", "mapping_justification": "justification", "comment": "note"})
    elif table is MapGrades:
        checks.check_grade_identity(raw, path.name)
        frame = frame.with_columns(rule_id=pl.col("subject_id").str.strip_prefix(checks.GRADE_PREFIX))
    typed = _typed(frame, table, path.name)
    keys = [key for key in table.info().key if key != "release_id"]
    _refuse_doubles(typed, keys, path.name)
    try:
        result = table.require(typed)
    except SchemaError as fault:
        raise ReleaseError(fault.what, file=path.name, next_action="correct the cells named") from None
    if not result.equals(typed):
        rows = zip(result.select(keys).rows(), typed.select(keys).rows(), strict=True)
        raise ReleaseError(
            "the rows are not in canonical order",
            file=path.name,
            row=next((number for number, (right, found) in enumerate(rows, 1) if right != found), None),
            next_action=f"sort the file by {', '.join(keys)}",
        )
    return result


def _typed(frame: pl.DataFrame, table: type[Table], file: str) -> pl.DataFrame:
    """Text to the column types of the schema: blank to null, grades to whole numbers, true and false."""
    columns: list[pl.Series] = []
    for name, dtype in table.polars_schema().items():
        cells = frame[name]
        if name != "code":
            cells = cells.set(cells == "", None)
            if not table.declared_columns()[name].nullable:
                checks.refuse(file, cells.is_null(), name, cells, "the cell is blank")
        if dtype == pl.Boolean:
            wrong = ~cells.is_in(list(_BOOLEANS))
            checks.refuse(file, wrong, name, cells, "the cell is neither true nor false")
            cells = cells.replace_strict(_BOOLEANS, return_dtype=pl.Boolean)
        elif dtype.is_integer():
            wrong = ~cells.str.contains(r"^[0-5]$")
            checks.refuse(file, wrong, name, cells, "the cell is not a whole grade of 0 to 5")
            cells = cells.cast(dtype)
        columns.append(cells.alias(name))
    return pl.DataFrame(columns)


def _refuse_doubles(frame: pl.DataFrame, keys: list[str], file: str) -> None:
    double = frame.select(~pl.struct(keys).is_first_distinct()).to_series()
    shown = frame.select(pl.concat_str(keys, separator=" ")).to_series()
    checks.refuse(file, double, keys[0], shown, f"the key ({', '.join(keys)}) occurs twice")


def _about(about: ReleaseFile, digest: str) -> pl.DataFrame:
    row = {
        "release_id": about.release_id,
        "status": about.status,
        "parent_release_id": about.parent_release_id,
        "release_sha256": digest,
        "clinical_sign_offs": about.count("clinical"),
        "data_sign_offs": about.count("data"),
        "licence": about.licence,
        "sources": "; ".join(about.sources),
        "change_note": " ".join(about.change_note),
    }
    return pl.DataFrame([row], schema=MapReleases.polars_schema())


def _version(release_id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release_id.split("."))
