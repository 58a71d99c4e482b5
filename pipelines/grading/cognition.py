"""Cognition of a moment: ICE, CARTOX-10 read as ICE, or CAPD, whichever applies at the subject's age.

Source: GRADING.md 4.2; ASTCT 2019, table 2 (bands) and table 3 (ICE items); Neelapu 2018 (CARTOX-10).
A total is an interval: points scored to points scored plus points not assessed.
"""

from __future__ import annotations

import polars as pl

from pipelines.grading import rules
from pipelines.grading.events import SUBJECT
from pipelines.grading.items import INTERVAL, MOMENT, spread_items
from schemas.assessment_items import ITEMS

ICE_PLACES = ("ice_year", "ice_month", "ice_city", "ice_hospital")
ICE_PARTS = ("ice_naming", "ice_command", "ice_writing", "ice_attention")
CARTOX_PLACES = ("cartox_year", "cartox_month", "cartox_city", "cartox_hospital", "cartox_leader")
CARTOX_PARTS = ("cartox_naming", "cartox_writing", "cartox_attention")
ICE_ITEMS = tuple(item for item in ITEMS if item.startswith("ice_"))
CARTOX_ITEMS = tuple(item for item in ITEMS if item.startswith("cartox_"))
UNAROUSABLE_RANK = 4
SPONTANEOUS_RANK = 1
CAPD_DELIRIUM = 9
"""CAPD of 9 or more is grade 3 (ASTCT 2019, table of children)."""
TOP_SCORE = 10
ICE_NEEDS = "ICE score on the days of the event"
AROUSAL_NEEDS = "arousal to voice or touch, and any sedation"


def derive_cognition(values: pl.DataFrame, described: pl.DataFrame) -> pl.DataFrame:
    """Moments with a score, or with one that could not be taken because the patient could not be woken.

    `values` and `described` are of `items`. Columns as every domain of `moments` gives them. A score of the
    scale that does not apply at the age is no row here.
    """
    wide = spread_items(values, [*ICE_ITEMS, *CARTOX_ITEMS, "capd_total"])
    wide = wide.join(described.select(*MOMENT, "population", "date"), on=MOMENT, how="left", validate="1:1")
    wide = _with_arousal(wide, values, described)
    wide = _with_totals(wide)
    by_ice = _grade_ice(wide.filter(pl.col("population") != "child"), values)
    by_capd = _grade_capd(wide.filter(pl.col("population") != "adult"), values)
    both = pl.concat([by_ice, by_capd])
    is_unknown = pl.col("population") == "unknown"
    known = both.filter(~is_unknown)
    return pl.concat([known, _merge_unknown(both.filter(is_unknown))]).drop("population")


def _with_arousal(wide: pl.DataFrame, values: pl.DataFrame, described: pl.DataFrame) -> pl.DataFrame:
    """Add `_awake`, `_unarousable` (Booleans) and `_wakes_lo`, `_wakes_hi`: arousal of the moment, else of
    its day where all records of the day agree whether the patient could be woken.
    """
    moments = (
        spread_items(values, ["arousal"]).filter("has_value").select(*MOMENT, "arousal_lo", "arousal_hi")
    )
    days = (
        moments.join(described.select(*MOMENT, "date", "is_sedated"), on=MOMENT, how="left", validate="1:1")
        .filter(~pl.col("is_sedated"))
        .drop_nulls("date")
        .group_by(*SUBJECT, "date")
        .agg(pl.col("arousal_lo").min().alias("_day_lo"), pl.col("arousal_hi").max().alias("_day_hi"))
        .filter((pl.col("_day_hi") < UNAROUSABLE_RANK) | (pl.col("_day_lo") == UNAROUSABLE_RANK))
    )
    joined = wide.join(moments, on=MOMENT, how="left", validate="1:1").join(
        days, on=[*SUBJECT, "date"], how="left", validate="m:1"
    )
    own = pl.col("arousal_lo").is_not_null()
    lowest = pl.when(own).then("arousal_lo").otherwise("_day_lo")
    highest = pl.when(own).then("arousal_hi").otherwise("_day_hi")
    return joined.with_columns(lowest.alias("_wakes_lo"), highest.alias("_wakes_hi")).with_columns(
        (pl.col("_wakes_hi") < UNAROUSABLE_RANK).fill_null(value=False).alias("_awake"),
        (pl.col("_wakes_lo") == UNAROUSABLE_RANK).fill_null(value=False).alias("_unarousable"),
    )


def _orientation(scale: str, places: tuple[str, ...]) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Lowest and highest orientation, and whether the total of it and its items cannot both hold."""
    items_lo = pl.sum_horizontal(pl.col(f"{name}_lo").fill_null(0) for name in places)
    items_hi = pl.sum_horizontal(pl.col(f"{name}_hi").fill_null(1) for name in places)
    lo, hi = pl.col(f"{scale}_orientation_lo"), pl.col(f"{scale}_orientation_hi")
    apart = ((lo < items_lo) | (hi > items_hi)).fill_null(value=False)
    low = pl.when(apart).then(pl.min_horizontal(lo, items_lo)).otherwise(pl.coalesce(lo, items_lo))
    high = pl.when(apart).then(pl.max_horizontal(hi, items_hi)).otherwise(pl.coalesce(hi, items_hi))
    return low, high, apart


def _total(
    scale: str, places: tuple[str, ...], parts: tuple[str, ...]
) -> tuple[pl.Expr, pl.Expr, pl.Expr, pl.Expr]:
    """Lowest and highest total, whether any item is scored, whether total and items cannot both hold."""
    orient_lo, orient_hi, apart = _orientation(scale, places)
    items_lo = orient_lo + pl.sum_horizontal(pl.col(f"{name}_lo").fill_null(0) for name in parts)
    tops = {name: ITEMS[name].highest for name in parts}
    items_hi = orient_hi + pl.sum_horizontal(pl.col(f"{name}_hi").fill_null(tops[name]) for name in parts)
    scored = pl.any_horizontal(
        pl.col(f"{name}_lo").is_not_null() for name in (*places, *parts, f"{scale}_orientation")
    )
    lo, hi = pl.col(f"{scale}_total_lo"), pl.col(f"{scale}_total_hi")
    off = (scored & ((lo < items_lo) | (hi > items_hi))).fill_null(value=False)
    low = pl.when(off).then(pl.min_horizontal(lo, items_lo)).otherwise(pl.coalesce(lo, items_lo))
    high = pl.when(off).then(pl.max_horizontal(hi, items_hi)).otherwise(pl.coalesce(hi, items_hi))
    return low, high, scored | lo.is_not_null(), off | (lo.is_null() & apart)


def _with_totals(wide: pl.DataFrame) -> pl.DataFrame:
    """Add `_ice_lo`, `_ice_hi`, `_by_cartox`, `_band` (CARTOX-10 total, where exact) and `_apart`.

    CARTOX-10 becomes ICE without the leader item and with the command item, each 0 or 1 where unknown.
    """
    ice_lo, ice_hi, _, ice_apart = _total("ice", ICE_PLACES, ICE_PARTS)
    cartox_lo, cartox_hi, has_cartox, cartox_apart = _total("cartox", CARTOX_PLACES, CARTOX_PARTS)
    without_command = [name for name in ICE_ITEMS if name != "ice_command"]
    has_ice = pl.any_horizontal(pl.col(f"{name}_lo").is_not_null() for name in without_command)
    frame = wide.with_columns(
        ice_lo.alias("_own_lo"),
        ice_hi.alias("_own_hi"),
        cartox_lo.alias("_cartox_lo"),
        cartox_hi.alias("_cartox_hi"),
        (~has_ice & has_cartox).alias("_by_cartox"),
        (has_ice | pl.col("ice_command_lo").is_not_null() | has_cartox).alias("_has_score"),
        ice_apart.alias("_ice_apart"),
        cartox_apart.alias("_cartox_apart"),
    )
    total_lo, total_hi = pl.col("_cartox_lo"), pl.col("_cartox_hi")
    leader_lo = pl.when(total_lo == TOP_SCORE).then(1).otherwise(pl.col("cartox_leader_lo").fill_null(0))
    leader_hi = pl.when(total_hi == 0).then(0).otherwise(pl.col("cartox_leader_hi").fill_null(1))
    from_lo = (total_lo - leader_hi + pl.col("ice_command_lo").fill_null(0)).clip(0, TOP_SCORE)
    from_hi = (total_hi - leader_lo + pl.col("ice_command_hi").fill_null(1)).clip(0, TOP_SCORE)
    by_cartox = pl.col("_by_cartox")
    return frame.with_columns(
        pl.when(by_cartox).then(from_lo).otherwise("_own_lo").alias("_ice_lo"),
        pl.when(by_cartox).then(from_hi).otherwise("_own_hi").alias("_ice_hi"),
        pl.when(by_cartox & (total_lo == total_hi)).then(total_lo).alias("_band"),
        pl.when(by_cartox).then("_cartox_apart").otherwise("_ice_apart").alias("_apart"),
        # A point scored says that the patient was awake enough to score it.
        (pl.when(by_cartox).then(total_lo).otherwise("_own_lo") >= 1).alias("_scored_one"),
    )


def compute_ice_grade(total: pl.Expr) -> pl.Expr:
    """Grade of an ICE total: 10 = 0, 7-9 = 1, 3-6 = 2, 0-2 = 3 (0 may be 4: arousal decides)."""
    return (
        pl.when(total >= TOP_SCORE)
        .then(0)
        .when(total >= 7)
        .then(1)
        .when(total >= 3)
        .then(2)
        .when(total.is_not_null())
        .then(3)
    )


def _grade_ice(wide: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    """ICE, or CARTOX-10 read as ICE."""
    lo, hi = pl.col("_ice_lo"), pl.col("_ice_hi")
    can_be_zero = (lo == 0) & ~pl.col("_scored_one")
    top = pl.when(can_be_zero & ~pl.col("_awake")).then(4).otherwise(compute_ice_grade(lo))
    must_be_zero = pl.when(pl.col("_by_cartox")).then(pl.col("_band") == 0).otherwise(hi == 0)
    is_unarousable = (must_be_zero & pl.col("_unarousable")).fill_null(value=False)
    bottom = pl.when(is_unarousable).then(4).otherwise(compute_ice_grade(hi))
    band = pl.when((pl.col("_band") > 0) | pl.col("_awake")).then(compute_ice_grade(pl.col("_band")))
    graded = wide.with_columns(bottom.alias("low"), top.alias("high")).with_columns(
        pl.when(pl.col("low") == pl.col("high")).then("low").otherwise(band).alias("point")
    )
    missing = lo < hi
    total = pl.coalesce("ice_total_lo", "cartox_total_lo")
    cases = [
        (missing & total.is_null(), "partial_score"),
        (can_be_zero & ~pl.col("_awake") & ~pl.col("_unarousable"), "arousal_unknown"),
    ]
    needs = pl.when(missing).then(pl.lit(ICE_NEEDS)).otherwise(pl.lit(AROUSAL_NEEDS))
    rule = pl.when(pl.col("_by_cartox")).then(pl.lit(rules.CARTOX)).otherwise(pl.lit(rules.ICE))
    return _finish(graded, values, [*ICE_ITEMS, *CARTOX_ITEMS], rule, cases, needs, pl.col("_scored_one"))


def _grade_capd(wide: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    """CAPD: 0 is 0, 1-8 is 1 or 2 by what wakes the patient, 9 and more is 3."""
    can_wake = pl.col("_wakes_hi").is_not_null()
    low_part = pl.when((pl.col("_wakes_lo") > SPONTANEOUS_RANK).fill_null(value=False)).then(2).otherwise(1)
    high_part = (
        pl.when((can_wake & (pl.col("_wakes_hi") <= SPONTANEOUS_RANK)).fill_null(value=False))
        .then(1)
        .otherwise(2)
    )

    def grade(total: pl.Expr, part: pl.Expr) -> pl.Expr:
        return pl.when(total >= CAPD_DELIRIUM).then(3).when(total >= 1).then(part).when(total == 0).then(0)

    lo, hi = pl.col("capd_total_lo"), pl.col("capd_total_hi")
    graded = wide.with_columns(
        grade(lo, low_part).alias("low"),
        grade(hi, high_part).alias("high"),
        pl.lit(value=False).alias("_by_cartox"),
        lo.is_not_null().alias("_has_score"),
        pl.lit(value=False).alias("_apart"),
    ).with_columns(pl.when(pl.col("low") == pl.col("high")).then("low").alias("point"))
    unknown = lo.is_between(1, CAPD_DELIRIUM - 1) & ~can_wake
    return _finish(
        graded,
        values,
        ["capd_total"],
        pl.lit(rules.CAPD),
        [(unknown, "arousal_unknown")],
        pl.lit(AROUSAL_NEEDS),
        pl.lit(value=False),
    )


def _finish(
    graded: pl.DataFrame,
    values: pl.DataFrame,
    items: list[str],
    rule: pl.Expr,
    cases: list[tuple[pl.Expr, str]],
    needs: pl.Expr,
    is_scored: pl.Expr,
) -> pl.DataFrame:
    """Moments of one scale: a score, one not taken because unarousable (4), or one that cannot be read."""
    mine = values.filter(pl.col("item").is_in(items))
    of_scale = mine.group_by(MOMENT).agg(
        pl.col("value_status").is_in(["impossible", "unreadable"]).any().alias("_bad"),
        (pl.col("not_done_reason") == "unarousable").fill_null(value=False).any().alias("_not_woken"),
    )
    twice = (
        mine.group_by(*MOMENT, "item")
        .agg((pl.col("number").min() != pl.col("number").max()).fill_null(value=False).alias("_twice"))
        .group_by(MOMENT)
        .agg(pl.col("_twice").any())
    )
    frame = graded.join(of_scale, on=MOMENT, how="inner", validate="1:1").join(
        twice, on=MOMENT, how="inner", validate="1:1"
    )
    scored, not_woken, bad = pl.col("_has_score"), pl.col("_not_woken"), pl.col("_bad")
    woken_here = (pl.col("arousal_lo") < UNAROUSABLE_RANK).fill_null(value=False)
    denied = not_woken & ~scored & woken_here
    unwoken = not_woken & ~scored & ~woken_here
    is_open = denied | (~scored & ~not_woken)
    disagrees = pl.col("_twice") | pl.col("_apart")
    exact = pl.col("low") == pl.col("high")
    listed = [(bad, "impossible_score"), (scored & disagrees, "scores_disagree")]
    listed += [(scored & where, code) for where, code in cases]
    parts = [
        pl.when(where.fill_null(value=False)).then(pl.lit([code])).otherwise(pl.lit([], pl.List(pl.String)))
        for where, code in [*listed, (denied, "scores_disagree")]
    ]
    shown = (
        pl.when(scored)
        .then(rule)
        .when(not_woken)
        .then(pl.lit(rules.UNAROUSABLE))
        .otherwise(pl.lit(rules.ASSESS_IMPOSSIBLE))
    )
    return (
        frame.filter(scored | not_woken | bad)
        .with_columns(
            pl.when(unwoken).then(4).when(is_open).then(0).otherwise("low").alias("low"),
            pl.when(unwoken)
            .then(4)
            .when(scored & (~disagrees | exact).fill_null(value=True))
            .then("point")
            .alias("point"),
            pl.when(unwoken | is_open).then(4).otherwise("high").alias("high"),
            shown.alias("rule_id"),
            pl.concat_list(parts).alias("reasons"),
        )
        .select(
            *MOMENT,
            pl.lit("cognition").alias("domain"),
            *(pl.col(end).cast(pl.Int8) for end in INTERVAL),
            "rule_id",
            "reasons",
            pl.when(pl.col("low") < pl.col("high"))
            .then(pl.when(scored).then(needs).otherwise(pl.lit(ICE_NEEDS)))
            .alias("requires"),
            (scored & is_scored & (pl.col("population") == "adult"))
            .fill_null(value=False)
            .alias("is_scored"),
            "population",
        )
    )


def _merge_unknown(both: pl.DataFrame) -> pl.DataFrame:
    """Age unknown: the score may be of the wrong scale, so low is 0; of two scales, either may be right."""
    return (
        both.group_by(MOMENT)
        .agg(
            pl.col("domain").first(),
            pl.lit(0, pl.Int8).alias("low"),
            ((pl.col("point").n_unique() == 1) & pl.col("point").is_not_null().all()).alias("_agree"),
            pl.col("point").first(),
            pl.col("high").max().alias("high"),
            pl.coalesce(
                pl.col("rule_id").filter(pl.col("rule_id") != rules.ASSESS_IMPOSSIBLE).min(),
                pl.lit(rules.ASSESS_IMPOSSIBLE),
            ).alias("rule_id"),
            pl.col("reasons").explode(empty_as_null=False).unique().sort().alias("reasons"),
            pl.col("requires").min(),
            pl.col("is_scored").any(),
            pl.col("population").first(),
        )
        .with_columns(
            pl.when("_agree").then("point").alias("point"),
            pl.concat_list("reasons", pl.lit("age_unknown")).alias("reasons"),
            pl.coalesce("requires", pl.lit("age at the infusion")).alias("requires"),
        )
        .select(both.columns)
    )
