"""Subjects at or above a threshold, with exact confidence intervals and the denominator named.

Source: GRADING.md section 5 (denominator). Limits are Clopper and Pearson's (Biometrika 1934;26:404),
through the beta quantile of scipy, rounded to six decimals so that every platform prints the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

SUBJECT = ("study_id", "subject_id")
THRESHOLDS = (1, 2, 3, 4)
CONFIDENCE = 0.95
DECIMALS = 6
LATE_IMPORT = "scipy.special"
"""Imported where limits are computed: a third of all imports of a run, which has time for it earlier."""


def compute_exact_interval(count: int, denominator: int) -> tuple[float, float] | None:
    """Two-sided exact 95 % limits of a proportion; None for an empty denominator.

    >>> compute_exact_interval(0, 10)
    (0.0, 0.308497)
    >>> compute_exact_interval(3, 10)
    (0.06674, 0.652453)
    >>> compute_exact_interval(0, 0) is None
    True
    """
    if denominator == 0:
        return None
    from scipy.special import betaincinv  # type: ignore[import-untyped]  # noqa: PLC0415 - see LATE_IMPORT

    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if count == 0 else float(betaincinv(count, denominator - count + 1, tail))
    high = 1.0 if count == denominator else float(betaincinv(count + 1, denominator - count, 1 - tail))
    return round(low, DECIMALS), round(high, DECIMALS)


def derive_denominator(
    checked: Mapping[str, pl.DataFrame | pl.LazyFrame], studies: pl.DataFrame
) -> pl.DataFrame:
    """Subjects that rates are of: infused subjects, or, without a subject table, those with an event."""
    is_of_infused = studies["denominator"].to_list() == ["infused subjects"]
    if is_of_infused:
        return checked["core_subjects"].lazy().filter("is_infused").select(SUBJECT).collect()
    return (
        checked["core_adverse_events"]
        .lazy()
        .filter(pl.col("grade").is_null() | (pl.col("grade") > 0))
        .select(SUBJECT)
        .unique()
        .collect()
    )


def derive_incidence(
    subjects: pl.DataFrame, denominator: pl.DataFrame, studies: pl.DataFrame
) -> pl.DataFrame:
    """Counts, proportions and limits per window, estimate and threshold; columns of core_incidence.

    `subjects` has the columns of diff_scale_subjects. A subject whose grade is not known (point null,
    not evaluable, source grade missing) counts in the denominator and in `subjects_unknown`. A comparator
    set that the study does not report (no sponsor flag) has no row.
    """
    counted = subjects.join(denominator, on=SUBJECT, how="semi")
    is_evaluable = pl.col("outcome") != "NOT_EVALUABLE"
    estimates = [
        counted.filter(pl.col("comparator_set") == "broad").select(
            "study_id",
            "window_days",
            pl.lit(f"icans_{end}").alias("estimate"),
            pl.when(is_evaluable).then(end).alias("grade"),
        )
        for end in ("low", "point", "high")
    ]
    estimates.append(
        counted.select(
            "study_id",
            "window_days",
            pl.concat_str(pl.lit("source_"), "comparator_set").alias("estimate"),
            pl.col("source_grade").alias("grade"),
        )
    )
    reported = subjects["comparator_set"].unique().to_list()
    windows = studies.select("study_id").join(subjects.select("window_days").unique(), how="cross")
    names = pl.DataFrame(
        {
            "estimate": [f"icans_{e}" for e in ("low", "point", "high")]
            + [f"source_{s}" for s in ("broad", "core", "sponsor") if s in reported]
        }
    )
    thresholds = pl.DataFrame({"threshold": list(THRESHOLDS)}, schema={"threshold": pl.Int8})
    keys = ["study_id", "window_days", "estimate", "threshold"]
    counts = (
        pl.concat(estimates)
        .join(thresholds, how="cross")
        .group_by(keys)
        .agg(
            (pl.col("grade") >= pl.col("threshold")).sum().cast(pl.Int64).alias("subjects"),
            pl.col("grade").is_null().sum().cast(pl.Int64).alias("subjects_unknown"),
        )
    )
    total = denominator.height
    rows = (
        windows.join(names, how="cross")
        .join(thresholds, how="cross")
        .join(counts, on=keys, how="left", validate="1:1")
        .with_columns(
            pl.col("subjects", "subjects_unknown").fill_null(0),
            pl.lit(total, pl.Int64).alias("denominator"),
            pl.lit(studies["denominator"].item()).alias("denominator_name"),
        )
    )
    limits = {count: compute_exact_interval(count, total) for count in rows["subjects"].unique().to_list()}
    return rows.with_columns(
        pl.when(pl.col("denominator") > 0)
        .then((pl.col("subjects") / pl.col("denominator")).round(DECIMALS))
        .alias("proportion"),
        *(
            pl.col("subjects")
            .replace_strict(
                list(limits),
                [None if pair is None else pair[end] for pair in limits.values()],
                return_dtype=pl.Float64,
            )
            .alias(name)
            for end, name in enumerate(("ci_low", "ci_high"))
        ),
    )
