"""Scale diff: the grade as recorded against the ICANS interval, for events and subjects.

Source: GRADING.md sections 5 (comparator) and 6.1. The comparator is the subject's highest source
grade over a named neurotoxicity set in the same window; causality does not touch it. Severity words
compare as 1..5, marked as derived. Rows of grade 0 are no events.
"""

from __future__ import annotations

import polars as pl

from pipelines.diffs.incidence import derive_denominator, derive_incidence
from schemas.base import Table
from schemas.frames import Sources
from schemas.registry import DIFF_TABLES
from schemas.results import CoreIncidence
from schemas.vocabulary import COMPARATOR_SETS

SUBJECT = ("study_id", "subject_id")
EVENT = (*SUBJECT, "event_id")
ENDS = ("low", "point", "high")
THRESHOLDS = (1, 2, 3, 4)
COUNTED = ("inside", "partly", "no_infusion_date")


def compare_scales(checked: Sources, graded: Sources) -> dict[str, pl.DataFrame]:
    """The scale diff of one study: DIFF_TABLES and core_incidence, canonical.

    `checked` and `graded` are the tables of the two stages before, in memory or in files: of the large ones
    only rows that can be compared are read. Raises `SchemaError` if a result breaks its own schema.
    """
    rows = graded["core_event_grades"].lazy().filter(pl.col("disposition") != "no_event")
    is_flagged = pl.any_horizontal("is_broad", "is_core", pl.col("is_sponsor").fill_null(value=False))
    compared = rows.filter(is_flagged | (pl.col("high") >= 1))
    has_flags = rows.select(pl.col("is_sponsor").is_not_null().any()).collect().item()
    studies = graded["core_studies"].lazy().collect()
    subjects = _compare_subjects(compared.filter(is_flagged), has_flags, graded)
    denominator = derive_denominator(checked, studies)
    results = {
        "diff_scale_events": _compare_events(compared.collect(engine="streaming")),
        "diff_scale_subjects": subjects,
        "diff_scale_thresholds": _count_crossings(subjects, denominator),
        "core_incidence": derive_incidence(subjects, denominator, studies),
    }
    tables: tuple[type[Table], ...] = (*DIFF_TABLES, CoreIncidence)
    return {table.info().name: table.require(results[table.info().name]) for table in tables}


def compute_change(source: str, icans: str) -> pl.Expr:
    """Direction from the source grade to an ICANS grade, a code of `schemas.vocabulary.CHANGES`."""
    before, after = pl.col(source), pl.col(icans)
    return (
        pl.when(before.is_null())
        .then(pl.lit("source_unknown"))
        .when(after.is_null())
        .then(pl.lit("to_indeterminate"))
        .when(after == before)
        .then(pl.lit("unchanged"))
        .when(after > before)
        .then(pl.lit("up"))
        .when(after == 0)
        .then(pl.lit("to_zero"))
        .otherwise(pl.lit("down"))
    )


def compute_crossing(source: str, icans: str, threshold: str) -> pl.Expr:
    """Whether the two grades lie on different sides of a threshold, a code of CROSSINGS."""
    before, after = pl.col(source) >= pl.col(threshold), pl.col(icans) >= pl.col(threshold)
    return (
        pl.when(before.is_null() | after.is_null())
        .then(pl.lit("unknown"))
        .when(before == after)
        .then(pl.lit("none"))
        .when(after)
        .then(pl.lit("up"))
        .otherwise(pl.lit("down"))
    )


def _changes() -> list[pl.Expr]:
    return [compute_change("source_grade", end).alias(f"change_{end}") for end in ENDS]


def _compare_events(events: pl.DataFrame) -> pl.DataFrame:
    """Events of any comparator set, and events that can be ICANS."""
    return events.with_columns((pl.col("scale") == "severity").alias("is_source_derived"), *_changes())


def _compare_subjects(flagged: pl.LazyFrame, has_flags: bool, graded: Sources) -> pl.DataFrame:
    """Every subject against the highest source grade of each set, per window, over all infusions.

    `flagged`: events of any comparator set. The sponsor's set is left out where no row has a flag
    (`has_flags`): an unflagged table says nothing, not 0.
    """
    events = flagged.select(*EVENT, "source_grade", "scale", "is_broad", "is_core", "is_sponsor")
    counted = (
        graded["core_event_windows"]
        .lazy()
        .filter(pl.col("window_status").is_in(COUNTED))
        .select(*EVENT, "window_days")
        .join(events, on=EVENT, how="inner", validate="m:1")
        .unique()
        .collect(engine="streaming")
    )
    source = pl.concat(
        counted.filter(pl.col(f"is_{name}"))
        .group_by(*SUBJECT, "window_days")
        .agg(
            pl.col("source_grade").max(),
            pl.col("source_grade").is_null().any().alias("is_source_incomplete"),
            (pl.col("scale") == "severity").any().alias("is_source_derived"),
        )
        .with_columns(pl.lit(name).alias("comparator_set"), pl.lit(value=True).alias("_has_event"))
        for name in COMPARATOR_SETS
    )
    reported = [name for name in COMPARATOR_SETS if name != "sponsor" or has_flags]
    sets = pl.DataFrame({"comparator_set": reported})
    keys = [*SUBJECT, "window_days", "comparator_set"]
    return (
        graded["core_subject_grades"]
        .lazy()
        .filter(pl.col("infusion_number") == 0)
        .collect()
        .join(sets, how="cross")
        .join(source, on=keys, how="left", validate="1:1")
        .with_columns(
            pl.when(pl.col("_has_event").is_null())
            .then(0)
            .otherwise("source_grade")
            .cast(pl.Int8)
            .alias("source_grade"),
            pl.col("is_source_incomplete", "is_source_derived").fill_null(value=False),
        )
        .with_columns(*_changes())
    )


def _count_crossings(subjects: pl.DataFrame, denominator: pl.DataFrame) -> pl.DataFrame:
    """Subjects of the denominator per set, window, estimate, threshold and direction."""
    thresholds = pl.DataFrame({"threshold": list(THRESHOLDS)}, schema={"threshold": pl.Int8})
    # A subject whose window cannot be placed has no known ICANS grade, as in core_incidence.
    known = [pl.when(pl.col("outcome") != "NOT_EVALUABLE").then(end).alias(end) for end in ENDS]
    counted = subjects.join(denominator, on=SUBJECT, how="semi").with_columns(known)
    crossed = counted.join(thresholds, how="cross")
    keys = ["study_id", "comparator_set", "window_days", "estimate", "threshold", "crossing"]
    return pl.concat(
        crossed.with_columns(
            pl.lit(end).alias("estimate"),
            compute_crossing("source_grade", end, "threshold").alias("crossing"),
        )
        .group_by(keys)
        .agg(pl.len().cast(pl.Int64).alias("subjects"))
        for end in ENDS
    )
