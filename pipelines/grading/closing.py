"""What would close an interval: for each open threshold of a subject, the facts that would settle it.

What may live here: which rows are responsible and how what they ask is written down. What may not: the words
(`closing_words`), the days (`closing_days`), any change to an interval. Source: `requires` of the rules;
GRADING.md sections 3 to 5.

A threshold t of a subject is open while low < t <= high, over all infusions, in the primary window. The
responsible parts are those with low < t <= high: events, assessed moments, rows the record withholds. None of
the others can lift the subject to t, and as no part reaches t yet, each of these has to be settled: their
facts together are the smallest set that settles t whatever the answers are. Left out are facts that an
assessment has given for the day, and facts that another one asked for the same days answers.

The impact of a row is that of its own threshold: 5 fatal, 3 crosses_3, 1 crosses_1, 2 and 4 other. A
subject without a dated infusion needs one fact, the date of the infusion, with the impact of its highest open
threshold.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pipelines.grading import closing_words as words
from pipelines.grading import rules
from pipelines.grading.closing_days import ASKED, drop_implied, drop_measured, merge_days
from pipelines.grading.events import EVENT, SUBJECT
from pipelines.grading.windows import compute_days
from schemas.manifest import StudyManifest
from schemas.vocabulary import CLOSING_IMPACTS

PART: Final = (*SUBJECT, "part", "infusion_number")
KIND: Final = words.Kind._fields
IMPACT_RANKS: Final = {impact: rank for rank, impact in enumerate(CLOSING_IMPACTS, start=1)}
EVERY_DOMAIN: Final = "cognition|consciousness|icp|motor|seizure"


def derive_closing_facts(
    subject_grades: pl.DataFrame,
    event_grades: pl.DataFrame,
    event_windows: pl.DataFrame,
    assessment_grades: pl.DataFrame,
    assessment_windows: pl.DataFrame,
    withheld: pl.DataFrame,
    spans: pl.DataFrame,
    infusions: pl.DataFrame,
    manifest: StudyManifest,
) -> pl.DataFrame:
    """Facts per subject and open threshold, with days, sentence, impact and responsible rules.

    The first five frames hold the columns of the tables of those names, `withheld` those of
    `derive_withheld`, `spans` those of `derive_day_spans`. Columns of core_closing_facts.
    """
    primary = subject_grades.filter((pl.col("infusion_number") == 0) & pl.col("is_primary_window"))
    thresholds = (
        primary.filter((pl.col("outcome") != "NOT_EVALUABLE") & (pl.col("low") < pl.col("high")))
        .select(
            *SUBJECT,
            pl.int_ranges(pl.col("low").cast(pl.Int8) + 1, pl.col("high") + 1, dtype=pl.Int8).alias(
                "threshold"
            ),
        )
        .explode("threshold", empty_as_null=False)
    )
    days = manifest.windows.primary_days
    parts = pl.concat(
        [
            _derive_event_parts(event_grades, event_windows, spans, infusions, days),
            _derive_moment_parts(assessment_grades, assessment_windows, infusions, days),
            _derive_withheld_parts(withheld),
        ]
    )
    responsible = parts.join(thresholds, on=SUBJECT, how="inner").filter(
        (pl.col("low") < pl.col("threshold")) & (pl.col("threshold") <= pl.col("high"))
    )
    asked = merge_days(drop_implied(drop_measured(_ask(responsible), assessment_grades)))
    return pl.concat([_describe(asked), _describe_unplaced(primary)])


def _derive_event_parts(
    event_grades: pl.DataFrame,
    event_windows: pl.DataFrame,
    spans: pl.DataFrame,
    infusions: pl.DataFrame,
    primary_days: int,
) -> pl.DataFrame:
    """Event rows that leave something open in the primary window, with what decides their facts.

    Days are those the row can cover inside the window; of its onset, the days that can be.
    """
    details = event_grades.select(
        *EVENT,
        pl.col("rule_id").alias("_rule"),
        "domains",
        "requires",
        pl.col("review_reasons").fill_null("").alias("reasons"),
        pl.col("release_low").alias("own_low"),
        (pl.col("onset_day_latest") - pl.col("onset_day_earliest")).alias("_width"),
    )
    days = spans.select(
        *EVENT,
        "infusion_number",
        pl.col("first_possible").alias("first_day"),
        pl.col("last_possible").clip(upper_bound=primary_days).alias("last_day"),
        pl.col("first_certain").clip(upper_bound=primary_days).alias("onset_last"),
        ((pl.col("last_certain") == pl.col("last_possible")) & ~pl.col("is_open_ended")).alias(
            "is_end_whole"
        ),
    )
    placed = (
        event_windows.filter(
            (pl.col("window_days") == primary_days)
            & (pl.col("infusion_number") > 0)
            & (pl.col("low") < pl.col("high"))
        )
        .join(details, on=EVENT, how="left", validate="m:1")
        .join(days, on=[*EVENT, "infusion_number"], how="left", validate="1:1")
        .with_columns(
            pl.concat_str(pl.lit("event "), "event_id").alias("part"),
            pl.coalesce("evidence_rule", "_rule").alias("rule_id"),
            pl.lit(value=False).alias("is_moment"),
        )
    )
    return _shape(placed, infusions)


def _derive_moment_parts(
    assessment_grades: pl.DataFrame,
    assessment_windows: pl.DataFrame,
    infusions: pl.DataFrame,
    primary_days: int,
) -> pl.DataFrame:
    """Assessed moments that leave something open in the primary window."""
    moment = [*SUBJECT, "moment", "domain"]
    details = assessment_grades.select(
        *moment,
        "rule_id",
        "requires",
        pl.col("review_reasons").fill_null("").alias("reasons"),
        pl.col("measured_low").alias("own_low"),
        "assessed_earliest",
        "assessed_latest",
        (pl.col("day_latest") - pl.col("day_earliest")).alias("_width"),
    )
    dated = infusions.select(*SUBJECT, "infusion_number", "infusion_earliest", "infusion_latest")
    last_day = compute_days("assessed_latest", "infusion_earliest").clip(upper_bound=primary_days)
    placed = (
        assessment_windows.filter(
            (pl.col("window_days") == primary_days)
            & (pl.col("infusion_number") > 0)
            & (pl.col("low") < pl.col("high"))
        )
        .join(details, on=moment, how="left", validate="m:1")
        .join(dated, on=[*SUBJECT, "infusion_number"], how="left", validate="m:1")
        .with_columns(
            pl.concat_str(pl.lit("moment "), "moment", pl.lit(" "), "domain").alias("part"),
            pl.lit(None, pl.String).alias("evidence_rule"),
            pl.when(pl.col("domain") == "all")
            .then(pl.lit(EVERY_DOMAIN))
            .otherwise("domain")
            .alias("domains"),
            compute_days("assessed_earliest", "infusion_latest").clip(0).alias("first_day"),
            last_day.alias("last_day"),
            last_day.alias("onset_last"),
            pl.lit(value=True).alias("is_end_whole"),
            pl.lit(value=True).alias("is_moment"),
        )
    )
    return _shape(placed, infusions)


def _derive_withheld_parts(withheld: pl.DataFrame) -> pl.DataFrame:
    """Rows that could not be used and incomplete tables: open in every window, on no known day."""
    return withheld.filter(pl.col("low") < pl.col("high")).select(
        *SUBJECT,
        pl.concat_str(pl.lit("withheld "), pl.int_range(pl.len()).over(SUBJECT)).alias("part"),
        pl.lit(0, pl.Int32).alias("infusion_number"),
        "low",
        "high",
        "rule_id",
        "domains",
        *(pl.lit(None, pl.Int32).alias(name) for name in ("first_day", "last_day", "onset_last")),
        pl.lit(0, pl.Int8).alias("own_low"),
        pl.lit(None, pl.String).alias("requires"),
        pl.col("reason").alias("reasons"),
        pl.lit(None, pl.String).alias("evidence_rule"),
        pl.lit(value=False).alias("is_partly"),
        pl.lit(value=True).alias("is_infusion_exact"),
        pl.lit(value=True).alias("is_onset_whole"),
        pl.lit(value=True).alias("is_end_whole"),
        pl.lit(value=False).alias("is_moment"),
    )


def _shape(placed: pl.DataFrame, infusions: pl.DataFrame) -> pl.DataFrame:
    """The columns of a part; days are null where no day of the window can be covered.

    `is_infusion_exact`: every infusion of the subject has a whole date. `is_onset_whole`: the days the
    onset can be are no more than the infusion date leaves open.
    """
    width = (pl.col("infusion_latest").dt.date() - pl.col("infusion_earliest").dt.date()).dt.total_days()
    dated = infusions.select(
        *SUBJECT,
        "infusion_number",
        (width == 0).fill_null(value=False).all().over(SUBJECT).alias("is_infusion_exact"),
        width.fill_null(0).cast(pl.Int32).alias("_infusion_width"),
    )
    has_days = (pl.col("first_day") <= pl.col("last_day")).fill_null(value=False)
    return (
        placed.join(dated, on=[*SUBJECT, "infusion_number"], how="left", validate="m:1")
        .with_columns(
            (pl.col("window_status") == "partly").alias("is_partly"),
            (pl.col("_width") <= pl.col("_infusion_width")).fill_null(value=False).alias("is_onset_whole"),
        )
        .select(
            *PART,
            "low",
            "high",
            "rule_id",
            "domains",
            *(pl.when(has_days).then(name).alias(name) for name in ("first_day", "last_day", "onset_last")),
            "own_low",
            "requires",
            "reasons",
            "evidence_rule",
            "is_partly",
            "is_infusion_exact",
            "is_onset_whole",
            pl.col("is_end_whole").fill_null(value=False),
            "is_moment",
        )
    )


def _ask(responsible: pl.DataFrame) -> pl.DataFrame:
    """One row per part, threshold and fact: ASKED, part, rule_id, domains, first_day, last_day.

    Facts are chosen once per distinct kind of row. A threshold for which no part asks anything is left to
    a review of the record.
    """
    kinds = responsible.with_columns(
        (pl.col("own_low") < pl.col("threshold")).alias("is_own_open"),
        (pl.col("threshold") == 5).alias("is_fatal_threshold"),
    )
    distinct = kinds.select(KIND).unique()
    facts = [words.name_facts(words.Kind(*row)) for row in distinct.iter_rows()]
    answers = distinct.with_columns(pl.Series("fact", facts, dtype=pl.List(pl.String)))
    asked = kinds.join(answers, on=KIND, how="left", nulls_equal=True, validate="m:1")
    is_silent = (pl.col("fact").list.len() == 0).all().over(*SUBJECT, "threshold")
    asked = asked.with_columns(
        pl.when(is_silent).then(pl.lit([words.REVIEW])).otherwise("fact").alias("fact")
    ).explode("fact", empty_as_null=False)
    is_undated = pl.col("fact").is_in(words.WITHOUT_DAYS) | pl.col("first_day").is_null()
    is_onset = pl.col("fact").is_in([words.ONSET_DATE, words.DAY_ORDER])
    return asked.select(
        *SUBJECT,
        "threshold",
        pl.when(is_undated).then(0).otherwise("infusion_number").cast(pl.Int32).alias("infusion_number"),
        "fact",
        "part",
        "rule_id",
        "domains",
        "is_moment",
        pl.when(is_undated).then(-1).otherwise("first_day").cast(pl.Int32).alias("first_day"),
        pl.when(is_undated)
        .then(-1)
        .when(is_onset)
        .then(pl.max_horizontal("first_day", "onset_last"))
        .otherwise("last_day")
        .cast(pl.Int32)
        .alias("last_day"),
    )


def _describe(asked: pl.DataFrame) -> pl.DataFrame:
    """Add the sentence and the impact. Columns of core_closing_facts."""
    first, last = pl.col("first_day").cast(pl.String), pl.col("last_day").cast(pl.String)
    is_one = pl.col("first_day") == pl.col("last_day")
    is_onset = pl.col("fact") == words.ONSET_DATE
    has_no_days = pl.col("first_day") < 0
    days = (
        pl.when(has_no_days & pl.col("fact").is_in(list(words.MEASURED_BY)))
        .then(pl.lit(words.ON_THE_DAYS))
        .when(has_no_days)
        .then(pl.lit(""))
        .when(is_onset & is_one)
        .then(pl.concat_str(pl.lit(", possibly day "), first))
        .when(is_onset)
        .then(pl.concat_str(pl.lit(", between days "), first, pl.lit(" and "), last))
        .when(is_one)
        .then(pl.concat_str(pl.lit(" on day "), first))
        .otherwise(pl.concat_str(pl.lit(" on days "), first, pl.lit(" to "), last))
    )
    # "the end date of the event of days 6 to 9": the days say which event, not when it ended.
    days = pl.when(pl.col("fact") == words.END_DATE).then(days.str.replace("^ on", " of")).otherwise(days)
    infusion = (
        pl.when(pl.col("infusion_number") > 1)
        .then(pl.concat_str(pl.lit(" after infusion "), pl.col("infusion_number").cast(pl.String)))
        .otherwise(pl.lit(""))
    )
    impacts = {5: "fatal", 3: "crosses_3", 1: "crosses_1"}
    impact = pl.col("threshold").replace_strict(impacts, default="other", return_dtype=pl.String)
    return asked.with_columns(
        pl.concat_str("fact", days, infusion).alias("sentence"), impact.alias("impact")
    ).select(
        *ASKED,
        "first_day",
        "last_day",
        "sentence",
        "impact",
        pl.col("impact").replace_strict(IMPACT_RANKS, return_dtype=pl.Int32).alias("impact_rank"),
        "domains",
        "rules",
        "events",
    )


def _describe_unplaced(primary: pl.DataFrame) -> pl.DataFrame:
    """Subjects without a dated infusion: the date of the infusion, at threshold 1.

    Who was not infused and has no row that could count needs nothing.
    """
    high = pl.col("high")
    unplaced = primary.filter((pl.col("outcome") == "NOT_EVALUABLE") & (pl.col("is_infused") | (high >= 1)))
    return unplaced.select(
        *SUBJECT,
        pl.lit(1, pl.Int8).alias("threshold"),
        pl.lit(0, pl.Int32).alias("infusion_number"),
        pl.lit(words.INFUSION_DATE).alias("fact"),
        pl.lit(-1, pl.Int32).alias("first_day"),
        pl.lit(-1, pl.Int32).alias("last_day"),
        pl.lit(words.INFUSION_DATE).alias("sentence"),
        pl.when(high == 5)
        .then(pl.lit("fatal"))
        .when(high >= 3)
        .then(pl.lit("crosses_3"))
        .otherwise(pl.lit("crosses_1"))
        .alias("impact"),
    ).select(
        pl.all(),
        pl.col("impact").replace_strict(IMPACT_RANKS, return_dtype=pl.Int32).alias("impact_rank"),
        pl.lit(None, pl.String).alias("domains"),
        pl.lit(rules.PARTLY_IN_WINDOW).alias("rules"),
        pl.lit(1, pl.Int64).alias("events"),
    )
