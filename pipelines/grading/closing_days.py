"""The days on which facts are asked: without those already assessed, merged where they touch.

What may live here: day ranges of facts. What may not: which facts a row asks (`closing_words`), who is
responsible (`closing`). All functions take rows of ASKED, first_day, last_day (-1: no days), part, rule_id,
domains, is_moment.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pipelines.grading import closing_words as words
from pipelines.grading.combinations import number_combinations
from pipelines.grading.events import SUBJECT
from pipelines.grading.intervals import derive_joined

ASKED: Final = (*SUBJECT, "threshold", "infusion_number", "fact")


def drop_measured(asked: pl.DataFrame, assessment_grades: pl.DataFrame) -> pl.DataFrame:
    """Leave out the days of an event for which an assessment has given the fact.

    A row that has nothing left to ask and is open all the same lacks the arousal if it is one of
    consciousness; else its record needs a review.
    """
    usable = assessment_grades.filter("is_usable")
    facts = pl.DataFrame({"fact": list(words.MEASURED_BY), "domain": list(words.MEASURED_BY.values())})
    measured = pl.concat(
        [
            usable.join(facts, on="domain", how="inner").select(
                *SUBJECT, "infusion_number", "fact", "day_earliest"
            ),
            usable.filter(pl.col("domain") == "all")
            .join(facts.select("fact"), how="cross")
            .select(*SUBJECT, "infusion_number", "fact", "day_earliest"),
        ]
    ).unique()
    course = [*SUBJECT, "infusion_number", "fact"]
    span = [*course, "first_day", "last_day"]
    is_asked = ~pl.col("is_moment") & (pl.col("first_day") >= 0)
    touched = asked.filter(is_asked).join(measured, on=course, how="semi")
    if touched.is_empty():
        return asked
    rest = (
        touched.select(span)
        .unique()
        .with_columns(pl.int_ranges("first_day", pl.col("last_day") + 1, dtype=pl.Int32).alias("_day"))
        .explode("_day", empty_as_null=False)
        .join(measured, left_on=[*course, "_day"], right_on=[*course, "day_earliest"], how="anti")
        .with_columns((pl.col("_day") - pl.int_range(pl.len()).over(span, order_by="_day")).alias("_run"))
        .group_by(*span, "_run")
        .agg(pl.col("_day").min().alias("_first"), pl.col("_day").max().alias("_last"))
        .drop("_run")
    )
    given = touched.join(rest, on=span, how="left").with_columns(
        pl.col("_first").is_null().alias("_is_given"),
        pl.coalesce("_first", "first_day").alias("first_day"),
        pl.coalesce("_last", "last_day").alias("last_day"),
    )
    others = pl.concat(
        [asked.filter(~is_asked), asked.filter(is_asked).join(measured, on=course, how="anti")]
    )
    left = pl.concat([others, given.filter(~pl.col("_is_given")).select(asked.columns)])
    part = [*SUBJECT, "threshold", "part"]
    is_of_arousal = pl.col("domains").str.contains("consciousness").fill_null(value=False)
    is_new = (pl.col("fact") != words.AROUSAL).all().over(part)
    silent = (
        given.filter("_is_given")
        .join(left, on=part, how="anti")
        .with_columns(
            pl.when(is_of_arousal & is_new)
            .then(pl.lit(words.AROUSAL))
            .otherwise(pl.lit(words.REVIEW))
            .alias("fact")
        )
    )
    return pl.concat([left, silent.select(asked.columns)])


def _number_islands(asked: pl.DataFrame) -> pl.DataFrame:
    """Add `island`, `island_first`, `island_last`: days of one fact that overlap or follow each other."""
    numbers, _ = number_combinations(asked, ASKED)
    # Of one fact in one place, in the order of days.
    ordered = asked.with_columns(numbers.alias("_asked")).sort("_asked", "first_day", "last_day")
    starts = pl.col("first_day") > pl.col("_reach").shift(1).over("_asked") + 1
    return (
        ordered.with_columns(pl.col("last_day").cum_max().over("_asked").alias("_reach"))
        .with_columns(starts.fill_null(value=False).cast(pl.Int32).alias("_starts"))
        .with_columns(pl.col("_starts").cum_sum().over("_asked").alias("island"))
        .with_columns(
            pl.col("first_day").min().over("_asked", "island").alias("island_first"),
            pl.col("last_day").max().over("_asked", "island").alias("island_last"),
        )
        .drop("_asked", "_reach", "_starts")
    )


def drop_implied(asked: pl.DataFrame) -> pl.DataFrame:
    """Give a row the fact that answers its own, where that is asked for all of its days."""
    numbered = _number_islands(asked)
    pairs = pl.DataFrame(words.IMPLIED_BY, schema=["fact", "_stronger"], orient="row").with_row_index("_rank")
    strong = numbered.select(*ASKED, "island_first", "island_last").unique().rename({"fact": "_stronger"})
    key = [*SUBJECT, "threshold", "infusion_number"]
    place = [*ASKED, "first_day", "last_day"]
    answered = (
        numbered.select(place)
        .unique()
        .join(pairs, on="fact", how="inner")
        .join(strong, on=[*key, "_stronger"], how="inner")
        .filter(
            (pl.col("island_first") <= pl.col("first_day")) & (pl.col("last_day") <= pl.col("island_last"))
        )
        .group_by(place)
        .agg(pl.col("_stronger").sort_by("_rank").first())
    )
    return (
        numbered.drop("island", "island_first", "island_last")
        .join(answered, on=place, how="left", validate="m:1")
        .with_columns(pl.coalesce("_stronger", "fact").alias("fact"))
        .drop("_stronger")
    )


def merge_days(asked: pl.DataFrame) -> pl.DataFrame:
    """One row per fact and run of days: ASKED, first_day, last_day, domains, rules, events."""
    everything, numbered, island = pl.lit(value=True), _number_islands(asked), (*ASKED, "island")
    joined = derive_joined(
        numbered, island, {"domains": ("domains", everything), "rules": ("rule_id", everything)}
    )
    return (
        numbered.group_by(island)
        .agg(
            pl.col("first_day").min(),
            pl.col("last_day").max(),
            pl.col("part").n_unique().cast(pl.Int64).alias("events"),
        )
        .join(joined, on=island, how="left", validate="1:1", nulls_equal=True)
        .drop("island")
    )
