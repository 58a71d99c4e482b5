"""The work list: terms that no study's release decides, heaviest first, with suggestions.

What may live here: counting such terms over studies and naming the nearest known ones. What may not:
deciding anything, files (`pipelines.report.work_list_form`). A suggestion is what a person may look at
first; no term is ever matched by likeness.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from rapidfuzz import fuzz, process

from mappings.release import Release

SUGGESTIONS = 3
LEAST_LIKENESS = 60
"""Likeness (0 to 100) under which a known term is not worth a look."""

WORK_LIST_SCHEMA: Mapping[str, pl.DataType] = {
    "term": pl.String(),
    "classes": pl.String(),
    "studies": pl.Int64(),
    "events": pl.Int64(),
    "subjects": pl.Int64(),
    "max_source_grade": pl.Int8(),
    **{f"suggestion_{number}": pl.String() for number in range(1, SUGGESTIONS + 1)},
}
"""`term` is the normalised term; `suggestion_n` is `concept: known term (likeness)`, null where there is
none that is near. `classes` are the classes as written, joined by `; `, null where none is given."""


def derive_work_list(unmapped: pl.DataFrame, release: Release) -> pl.DataFrame:
    """One line per undecided term, by events, then subjects, then the term: WORK_LIST_SCHEMA.

    `unmapped` holds rows of core_unmapped_terms, of any number of studies. Terms that `release` decides,
    whatever the version, are left out. Rows without any term are one line with an empty term: nobody can
    decide it, but it is not hidden. A subject whose rows give one term under two classes counts twice.
    """
    decided = _decided(release)
    lines = (
        unmapped.join(decided, on="term_key", how="anti")
        .group_by(pl.col("term_key").alias("term"))
        .agg(
            pl.col("body_system")
            .filter(pl.col("body_system") != "")
            .unique()
            .sort()
            .str.join("; ")
            .alias("classes"),
            pl.col("study_id").n_unique().cast(pl.Int64).alias("studies"),
            pl.col("events").sum(),
            pl.col("subjects").sum(),
            pl.col("max_source_grade").max(),
        )
        .with_columns(pl.when(pl.col("classes") != "").then("classes").alias("classes"))
        .sort("events", "subjects", "term", descending=[True, True, False])
    )
    known = _known_terms(release)
    names = list(known)
    found = [_suggest(term, names, known) for term in lines["term"]]
    columns = [f"suggestion_{number}" for number in range(1, SUGGESTIONS + 1)]
    suggestions = pl.DataFrame(found, schema=dict.fromkeys(columns, pl.String()), orient="row")
    return lines.hstack(suggestions).select(
        pl.col(name).cast(dtype) for name, dtype in WORK_LIST_SCHEMA.items()
    )


def _decided(release: Release) -> pl.DataFrame:
    """Keys that mean one concept whatever the version."""
    rows = release.tables["map_terms"].filter(
        pl.col("concept_id").is_not_null() & (pl.col("relation") != "broader")
    )
    keys = pl.concat(
        [rows.select("term_key", "concept_id"), rows.select(pl.col("code").alias("term_key"), "concept_id")]
    ).filter(pl.col("term_key") != "")
    return keys.group_by("term_key").agg(pl.col("concept_id").n_unique()).filter(pl.col("concept_id") == 1)


def _known_terms(release: Release) -> dict[str, tuple[str, str]]:
    """Normalised term -> the term as written and its concept, in the order of the key."""
    rows = release.tables["map_terms"].filter(
        pl.col("concept_id").is_not_null() & (pl.col("relation") != "broader")
    )
    chosen = rows.sort("term_key", "term", "concept_id").unique("term_key", keep="first", maintain_order=True)
    return {
        key: (term, concept)
        for key, term, concept in chosen.select("term_key", "term", "concept_id").iter_rows()
    }


def _suggest(term: str, names: list[str], known: Mapping[str, tuple[str, str]]) -> tuple[str | None, ...]:
    """The nearest known terms, one per concept, best first; equally near ones in alphabetical order."""
    near = process.extract(term, names, scorer=fuzz.WRatio, score_cutoff=LEAST_LIKENESS, limit=20)
    shown: dict[str, str] = {}
    for name, likeness, _ in sorted(near, key=lambda match: (-match[1], match[0])):
        written, concept = known[name]
        shown.setdefault(concept, f"{concept}: {written} ({likeness:.0f})")
    best = [*list(shown.values())[:SUGGESTIONS], *[None] * SUGGESTIONS]
    return tuple(best[:SUGGESTIONS])
