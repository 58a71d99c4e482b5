"""Items of a moment: their values as numbers, side by side, with what they disagree on.

Only shapes live here: the moment a row belongs to, lowest and highest value of each item, and texts that
say which items decided. What a value means is in `moments` and `cognition`. Source: GRADING.md 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from pipelines.grading.events import SUBJECT
from pipelines.grading.intervals import compute_joined
from schemas.assessment_items import ITEMS

MOMENT = (*SUBJECT, "moment")
INTERVAL = ("low", "point", "high")
ITEM_DOMAINS = {
    "ice_": "cognition",
    "cartox_": "cognition",
    "capd_": "cognition",
    "arousal": "consciousness",
    "seizure": "seizure",
    "focal_weakness": "motor",
    "motor_power": "motor",
    "imaging_oedema": "icp",
    "papilloedema": "icp",
    "sixth_nerve": "icp",
    "posturing": "icp",
    "cushing": "icp",
    "astct_grade": "all",
    "cres_grade": "all",
}
"""Start of an item's id to the domain it informs."""


def domain_of(item: str) -> str | None:
    """Domain an item informs, 'all' for a grade of the whole patient; None for a circumstance.

    >>> domain_of("ice_total"), domain_of("cres_grade"), domain_of("sedated")
    ('cognition', 'all', None)
    """
    return next((domain for start, domain in ITEM_DOMAINS.items() if item.startswith(start)), None)


def derive_values(assessments: pl.DataFrame) -> pl.DataFrame:
    """core_assessments with `moment`, `domain`, `number` (words as their place in the item's list), `place`.

    `number` is null where there is no value.
    """
    ranks = {
        f"{item}={code}": float(rank)
        for item, known in ITEMS.items()
        for rank, code in enumerate(known.codes if known.codes != ("yes", "no") else ("no", "yes"))
    }
    domains = {item: domain_of(item) for item in ITEMS}
    first, last = pl.col("assessed_earliest"), pl.col("assessed_latest")
    day, place = "%Y-%m-%d", pl.concat_str("source_file", pl.lit(":"), "source_row")
    is_day = (first.dt.date() == last.dt.date()).fill_null(value=False)
    is_whole = (last - first) >= pl.duration(hours=23, minutes=59)
    moment = (
        pl.when(first.is_null() & last.is_null())
        .then(place)
        .when(is_day & is_whole)
        .then(first.dt.strftime(day))
        .when(is_day)
        .then(first.dt.strftime("%Y-%m-%dT%H:%M:%S"))
        .otherwise(
            pl.concat_str(
                first.dt.strftime(day).fill_null(""), pl.lit(".."), last.dt.strftime(day).fill_null("")
            )
        )
    )
    number = pl.coalesce(
        "value",
        pl.concat_str("item", pl.lit("="), "code").replace_strict(
            ranks, default=None, return_dtype=pl.Float64
        ),
    )
    return assessments.with_columns(
        moment.alias("moment"),
        pl.col("item").replace_strict(domains, return_dtype=pl.String).alias("domain"),
        number.alias("number"),
        place.alias("place"),
    )


def describe_moments(values: pl.DataFrame, subjects: pl.DataFrame, sedation: pl.DataFrame) -> pl.DataFrame:
    """One row per moment: its range, certain date, places, subject's population and whether sedated.

    A sedation period counts from its start to its end where those are days, else from its last possible
    start to its first possible end; it touches a moment that can lie in it.
    """
    said = (
        ((pl.col("item") == "sedated") & (pl.col("number") == 1)),
        pl.col("is_sedated"),
        pl.col("not_done_reason") == "sedated",
    )
    flagged = pl.any_horizontal(where.fill_null(value=False) for where in said)
    moments = values.group_by(MOMENT).agg(
        pl.col("assessed_earliest").min(),
        pl.col("assessed_latest").max(),
        flagged.any().alias("is_sedated"),
        pl.col("place").unique().sort().str.join("|").alias("places"),
    )
    first, last = pl.col("assessed_earliest"), pl.col("assessed_latest")
    moments = moments.with_columns(
        pl.when(first.dt.date() == last.dt.date()).then(first.dt.date()).alias("date")
    )

    def is_day(edge: str) -> pl.Expr:
        return pl.col(f"{edge}_earliest").dt.date() == pl.col(f"{edge}_latest").dt.date()

    periods = sedation.select(
        *SUBJECT,
        pl.when(is_day("start")).then("start_earliest").otherwise("start_latest").alias("_from"),
        pl.when(is_day("end")).then("end_latest").otherwise("end_earliest").alias("_to"),
    ).drop_nulls()
    under = (
        moments.join(periods, on=SUBJECT, how="inner")
        .filter((pl.col("_from") <= last) & (pl.col("_to") >= first))
        .select(*MOMENT, pl.lit(value=True).alias("_in_period"))
        .unique()
    )
    return (
        moments.join(under, on=MOMENT, how="left", validate="1:1")
        .join(subjects.select(*SUBJECT, "population"), on=SUBJECT, how="left", validate="m:1")
        .with_columns(
            (pl.col("is_sedated") | pl.col("_in_period").fill_null(value=False)).alias("is_sedated"),
            pl.col("population").fill_null("unknown"),
        )
        .drop("_in_period")
    )


def spread_items(values: pl.DataFrame, items: Sequence[str]) -> pl.DataFrame:
    """Moments that hold one of the items, with `<item>_lo` and `<item>_hi` of each (null: no value).

    Also `has_value` (some item has one), `has_bad` (some value is impossible or unreadable), `disagrees`
    (an item has two values) and `is_unarousable` (an item was not done because the patient could not be
    woken).
    """
    mine = values.filter(pl.col("item").is_in(items))
    bad = pl.col("value_status").is_in(["impossible", "unreadable"])

    def of(item: str) -> pl.Expr:
        return pl.when(pl.col("item") == item).then("number")

    wide = mine.group_by(MOMENT).agg(
        *(of(item).min().alias(f"{item}_lo") for item in items),
        *(of(item).max().alias(f"{item}_hi") for item in items),
        pl.col("number").is_not_null().any().alias("has_value"),
        bad.any().alias("has_bad"),
        (pl.col("not_done_reason") == "unarousable").fill_null(value=False).any().alias("is_unarousable"),
    )
    twice = pl.any_horizontal(
        (pl.col(f"{item}_lo") != pl.col(f"{item}_hi")).fill_null(value=False) for item in items
    )
    return wide.with_columns(twice.alias("disagrees"))


def derive_evidence(values: pl.DataFrame) -> pl.DataFrame:
    """MOMENT, domain, `evidence`: the items with their values, sorted and joined by |."""
    number = pl.col("value").round(2).cast(pl.String).str.replace(r"\.0$", "")
    shown = pl.coalesce(
        "code",
        number,
        pl.when(pl.col("value_status") == "not_done")
        .then(pl.concat_str(pl.lit("not done: "), pl.col("not_done_reason").fill_null("not_done")))
        .otherwise("value_status"),
    )
    return (
        values.filter(pl.col("domain").is_not_null())
        .with_columns(pl.concat_str("item", pl.lit("="), shown).alias("_shown"))
        .group_by(*MOMENT, "domain")
        .agg(compute_joined("_shown", pl.lit(value=True)).alias("evidence"))
    )


def compute_hull(
    frame: pl.DataFrame, item: str, intervals: Mapping[int, tuple[int, int, int]]
) -> pl.DataFrame:
    """Add low, point, high: the hull of the intervals of an item's lowest and highest value."""

    def read(end: str, index: int) -> pl.Expr:
        table = {float(value): interval[index] for value, interval in intervals.items()}
        return pl.col(f"{item}_{end}").replace_strict(table, default=None, return_dtype=pl.Int8)

    return frame.with_columns(
        pl.min_horizontal(read("lo", 0), read("hi", 0)).alias("low"),
        pl.when(read("lo", 1) == read("hi", 1)).then(read("lo", 1)).alias("point"),
        pl.max_horizontal(read("lo", 2), read("hi", 2)).alias("high"),
    )


def compute_exact_point() -> pl.Expr:
    """The point of an interval of one grade is that grade, unless death is in it."""
    exact = (pl.col("low") == pl.col("high")) & pl.col("point").is_null()
    return pl.when(exact).then("low").otherwise("point").alias("point")
