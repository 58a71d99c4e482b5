"""Where an event lies after an infusion, as certain as its dates are.

Source: GRADING.md 3.5. Day 0 is the infusion. A date is the range of instants it can be; nothing is
imputed. An event belongs to the latest infusion it can follow; if its date leaves more than one
possible, it is partly in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from pipelines.grading.events import EVENT, OF_STUDY

PLACED_WITH = ("_row", "_is_silent")
"""Columns of an event that its placements keep (`events.DecidedEvents`)."""
OPEN_START = datetime(1, 1, 1)
OPEN_END = datetime(9999, 12, 31, 23, 59, 59)


def derive_onset(events: pl.DataFrame) -> pl.DataFrame:
    """Add `onset_earliest` and `onset_latest`: an event starts no later than it ends.

    The end bounds the onset only where it does not contradict it. Null: no bound.
    """
    end = pl.col("end_latest")
    bounds = end.is_not_null() & (end >= pl.col("start_earliest").fill_null(OPEN_START))
    latest = pl.when(bounds).then(pl.min_horizontal("start_latest", "end_latest")).otherwise("start_latest")
    return events.with_columns(pl.col("start_earliest").alias("onset_earliest"), latest.alias("onset_latest"))


def derive_pairs(events: pl.DataFrame, infusions: pl.DataFrame) -> pl.DataFrame:
    """Each event with every infusion of its subject, in the order of events and then of infusions.

    Columns: `_pair` and `_event` (numbers of the row and of its event), EVENT, those of PLACED_WITH that
    `events` has, infusion_number, day_earliest, day_latest (days after that infusion, null where a bound is
    open), is_dated (the subject has a dated infusion), follows (the event can follow the infusion),
    is_only_choice (it can follow no other infusion and cannot precede the first). An event of a subject
    without infusions has one row, with infusion_number null.
    """
    spans = infusions.select(
        *(OF_STUDY, "infusion_number", "infusion_earliest", "infusion_latest"),
        pl.col("infusion_earliest").is_not_null().any().over(OF_STUDY).alias("is_dated"),
        *(_count_day(f"infusion_{edge}").alias(f"_{edge}_day") for edge in ("earliest", "latest")),
    )
    following = spans.select(
        OF_STUDY,
        pl.col("infusion_number") - 1,
        pl.col("infusion_latest").fill_null(OPEN_END).alias("_next_latest"),
    )
    spans = spans.join(following, on=[OF_STUDY, "infusion_number"], how="left", validate="1:1")
    onset_earliest = pl.col("onset_earliest").fill_null(OPEN_START)
    onset_latest = pl.col("onset_latest").fill_null(OPEN_END)
    can_follow = (
        pl.col("is_dated").fill_null(value=False)
        & (onset_latest >= pl.col("infusion_earliest").fill_null(OPEN_START))
        & (onset_earliest < pl.col("_next_latest").fill_null(OPEN_END))
    )
    can_precede = (onset_earliest < pl.col("infusion_latest").fill_null(OPEN_END)) & (
        pl.col("infusion_number") == 1
    )
    choices = pl.col("follows").cast(pl.UInt32) + pl.col("_can_precede")
    if has_several(infusions):
        choices = (pl.col("follows").sum() + pl.col("_can_precede").any()).over("_event")
    carried = [*EVENT, *(name for name in PLACED_WITH if name in events.columns)]
    return (
        events.select(*carried, "onset_earliest", "onset_latest")
        .with_row_index("_event")
        .join(spans, on=OF_STUDY, how="left", maintain_order="left_right")
        .with_row_index("_pair")
        .with_columns(
            pl.col("is_dated").fill_null(value=False),
            can_follow.alias("follows"),
            can_precede.fill_null(value=False).alias("_can_precede"),
        )
        .select(
            *("_pair", "_event", *carried, "infusion_number"),
            (_count_day("onset_earliest") - pl.col("_latest_day")).alias("day_earliest"),
            (_count_day("onset_latest") - pl.col("_earliest_day")).alias("day_latest"),
            *("is_dated", "follows"),
            (choices == 1).alias("is_only_choice"),
        )
    )


def has_several(infusions: pl.DataFrame) -> bool:
    """A subject has more than one infusion."""
    return bool((infusions["infusion_number"] > 1).any())


def select_following(pairs: pl.DataFrame) -> pl.DataFrame:
    """Of `derive_pairs`, each event with every infusion it can follow.

    Events of subjects without a dated infusion, and events certainly before the first, have no row.
    """
    return pairs.filter("follows").drop("_pair", "_event", "is_dated", "follows")


def select_latest(pairs: pl.DataFrame) -> pl.DataFrame:
    """Of `derive_pairs`, each event once, in order: the latest infusion it can follow, else the first."""
    if not has_several(pairs):
        return pairs
    following = pl.when("follows").then("infusion_number").max().over("_event")
    latest = pl.coalesce(following, pl.col("infusion_number").min().over("_event"))
    return pairs.filter(pl.col("infusion_number").eq_missing(latest))


def derive_candidates(events: pl.DataFrame, infusions: pl.DataFrame) -> pl.DataFrame:
    """Each event with every infusion it can follow: `select_following` of `derive_pairs`."""
    return select_following(derive_pairs(events, infusions))


def compute_days(instant: str, infusion: str) -> pl.Expr:
    """Whole calendar days from the infusion to the instant; null where either is open."""
    return _count_day(instant) - _count_day(infusion)


def _count_day(instant: str) -> pl.Expr:
    """The day of an instant as a number: numbers are subtracted faster than dates."""
    return pl.col(instant).dt.date().cast(pl.Int32)


def compute_window_status(window_days: pl.Expr) -> pl.Expr:
    """inside, late or partly, from `day_earliest`, `day_latest` and `is_only_choice`."""
    is_late = (pl.col("day_earliest") > window_days).fill_null(value=False)
    is_inside = (
        pl.col("is_only_choice") & (pl.col("day_earliest") >= 0) & (pl.col("day_latest") <= window_days)
    )
    return (
        pl.when(is_late)
        .then(pl.lit("late"))
        .when(is_inside.fill_null(value=False))
        .then(pl.lit("inside"))
        .otherwise(pl.lit("partly"))
    )


def compute_undated() -> pl.Expr:
    """Of `derive_pairs`, each event of a subject without a dated infusion once, whatever its infusions."""
    return ~pl.col("is_dated") & (pl.col("infusion_number").fill_null(1) == 1)


def derive_placements(pairs: pl.DataFrame, windows: Sequence[int]) -> pl.DataFrame:
    """The status of each event in each window of each infusion it can follow, from `derive_pairs`.

    A subject without a dated infusion gets infusion 0 and no_infusion_date; an event certainly before the
    first infusion has no row. Columns: `_place` (the number of the row among all that such pairs can have),
    EVENT, those of PLACED_WITH that `pairs` has, infusion_number, window_days, window_status.
    """
    lengths = pl.DataFrame({"window_days": sorted(windows)}, schema={"window_days": pl.Int32})
    status = compute_window_status(pl.col("window_days"))
    return (
        pairs.filter(pl.col("follows") | compute_undated())
        .join(lengths.with_row_index("_window"), how="cross", maintain_order="left_right")
        .select(
            (pl.col("_pair").cast(pl.Int64) * lengths.height + pl.col("_window")).alias("_place"),
            *(*EVENT, *(name for name in PLACED_WITH if name in pairs.columns)),
            pl.when("is_dated").then("infusion_number").otherwise(0).cast(pl.Int32).alias("infusion_number"),
            "window_days",
            pl.when("is_dated").then(status).otherwise(pl.lit("no_infusion_date")).alias("window_status"),
        )
    )


def limit_to_window(placed: pl.DataFrame) -> pl.DataFrame:
    """What rows with low, point, high give to their window. Inside: all of it; partly or without an
    infusion date: low 0; late: 0/0/0.
    """
    is_late = pl.col("window_status") == "late"
    return placed.with_columns(
        pl.when(pl.col("window_status") == "inside").then("low").otherwise(0).cast(pl.Int8).alias("low"),
        *(pl.when(is_late).then(0).otherwise(end).cast(pl.Int8).alias(end) for end in ("point", "high")),
    )
