"""Assessed moments: from items and values to one ICANS interval per moment and domain.

Source: GRADING.md 4.1 and 4.2 (ASTCT 2019, tables 2 and 3). One function per domain; each takes the item
values of the moments, lowest and highest where a moment holds two, and gives low, point and high. What
bears on the cause of a moment and what moments do to rows is in `assessments` and `measured`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from pipelines.grading import rules
from pipelines.grading.cognition import derive_cognition
from pipelines.grading.events import SUBJECT
from pipelines.grading.items import (
    INTERVAL,
    MOMENT,
    compute_exact_point,
    compute_hull,
    derive_evidence,
    derive_values,
    describe_moments,
    spread_items,
)
from pipelines.grading.no_rows import remember_no_rows
from schemas.assessment_items import AROUSALS, SEIZURE_TYPES

SEIZURE_ITEMS = (
    "seizure",
    "seizure_type",
    "seizure_duration_min",
    "seizure_returned_to_baseline",
    "seizure_repetitive",
    "seizure_resolved",
)
MOTOR_ITEMS = ("focal_weakness", "motor_power_mrc")
ICP_ITEMS = (
    "imaging_oedema",
    "papilloedema",
    "papilloedema_stage",
    "sixth_nerve_palsy",
    "posturing",
    "cushing_triad",
)
LONG_SEIZURE_MIN = 5
"""A seizure of exactly 5 min is grade 3; longer is grade 4 (ASTCT 2019, table 2)."""


@remember_no_rows
def derive_moments(
    assessments: pl.DataFrame, subjects: pl.DataFrame, sedation: pl.DataFrame, depressed: pl.DataFrame
) -> pl.DataFrame:
    """One row per moment and domain that it informs.

    `assessments`, `subjects`, `sedation` are the core tables; `depressed` holds SUBJECT, `first` and `last`
    (dates) of rows of consciousness alone, on which waking spontaneously is grade 1. Columns: MOMENT,
    domain, low, point, high, rule_id, evidence, reasons (list of codes), requires, is_usable,
    is_sedated, is_scored (a scored ICE or CARTOX-10 of at least 1), population, assessed_earliest,
    assessed_latest, date (null unless certain), places.
    """
    values = derive_values(assessments)
    described = describe_moments(values, subjects, sedation)
    arousal = derive_arousal(values, described, depressed)
    domains = [
        derive_cognition(values, described),
        arousal,
        derive_seizure(values),
        derive_motor(values),
        derive_icp(values),
    ]
    measured = pl.concat([_shaped(frame) for frame in domains])
    bedside = _shaped(derive_bedside(values, measured))
    # A grade of the whole patient measures what an item beside it failed to.
    is_open = pl.col("rule_id") == rules.ASSESS_IMPOSSIBLE
    stated = bedside.filter(~is_open).select(MOMENT)
    unmeasured = measured.filter(is_open).join(stated, on=MOMENT, how="anti")
    measured = pl.concat([measured.filter(~is_open), unmeasured, bedside])
    found = (
        measured.join(derive_evidence(values), on=[*MOMENT, "domain"], how="left", validate="1:1")
        .join(described, on=MOMENT, how="left", validate="m:1")
        .with_columns(compute_exact_point())
    )
    touched = pl.col("is_sedated") & pl.col("domain").is_in(["cognition", "consciousness", "all"])
    other_scale = pl.col("rule_id").is_in([rules.SCALE_OF_AGE]) | (
        (pl.col("population") == "unknown") & (pl.col("domain") == "cognition")
    )
    return found.with_columns(
        (
            pl.col("date").is_not_null() & ~touched & ~other_scale & (pl.col("high") - pl.col("low") <= 1)
        ).alias("is_usable")
    )


def _shaped(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns every domain gives, in one order and of one type."""
    return frame.select(
        *MOMENT,
        "domain",
        *(pl.col(end).cast(pl.Int8) for end in INTERVAL),
        "rule_id",
        "reasons",
        pl.col("requires").cast(pl.String),
        pl.col("is_scored"),
    )


def _reasons(*cases: tuple[pl.Expr, str]) -> pl.Expr:
    """List of the codes whose condition holds."""
    parts = [
        pl.when(where.fill_null(value=False)).then(pl.lit([code])).otherwise(pl.lit([], pl.List(pl.String)))
        for where, code in cases
    ]
    return pl.concat_list(parts).alias("reasons")


def _finish(
    frame: pl.DataFrame,
    domain: str,
    rule: str,
    reasons: Sequence[tuple[pl.Expr, str]],
    requires: pl.Expr | None = None,
) -> pl.DataFrame:
    """Name the domain and rule of moments whose `low`, `point`, `high` are known.

    A moment none of whose items could be read leaves the domain open (K-ASSESS-IMPOSSIBLE); one whose
    values disagree has no point unless it is exact.
    """
    is_open = ~pl.col("has_value")
    # Beside a value that was read, another of the domain could not be: it may have been anything.
    may_be_more = pl.col("has_value") & pl.col("has_bad") & (pl.col("low") < 4)
    cases = [(pl.col("has_bad"), "impossible_score"), (pl.col("disagrees"), "scores_disagree"), *reasons]
    return (
        frame.with_columns(
            pl.when(is_open).then(0).otherwise("low").alias("low"),
            pl.when(~is_open & ~may_be_more & (~pl.col("disagrees") | (pl.col("low") == pl.col("high"))))
            .then("point")
            .alias("point"),
            pl.when(is_open)
            .then(4)
            .when(may_be_more)
            .then(pl.max_horizontal("high", pl.lit(4)))
            .otherwise("high")
            .alias("high"),
            pl.when(is_open).then(pl.lit(rules.ASSESS_IMPOSSIBLE)).otherwise(pl.lit(rule)).alias("rule_id"),
        )
        .with_columns(
            pl.lit(domain).alias("domain"),
            _reasons(*cases),
            pl.when(pl.col("low") < pl.col("high"))
            .then(pl.lit(None, pl.String) if requires is None else requires)
            .alias("requires"),
            pl.lit(value=False).alias("is_scored"),
        )
        .filter(pl.col("has_value") | pl.col("has_bad"))
    )


def derive_arousal(values: pl.DataFrame, described: pl.DataFrame, depressed: pl.DataFrame) -> pl.DataFrame:
    """Consciousness: alert 0, spontaneous 0/0/1 (1 on a day of a row of consciousness), voice 2, touch 3,
    unarousable 4.
    """
    wide = spread_items(values, ["arousal"])
    # Arousal that could not be tested because the patient could not be woken is the finding itself.
    not_woken, top = pl.col("is_unarousable"), float(AROUSALS.index("unarousable"))
    wide = wide.with_columns(
        pl.when(not_woken)
        .then(pl.col("arousal_lo").fill_null(top))
        .otherwise("arousal_lo")
        .alias("arousal_lo"),
        pl.when(not_woken).then(top).otherwise("arousal_hi").alias("arousal_hi"),
        (pl.col("has_value") | not_woken).alias("has_value"),
    ).with_columns((pl.col("arousal_lo") != pl.col("arousal_hi")).fill_null(value=False).alias("disagrees"))
    dates = described.select(*MOMENT, "date")
    sleepy = (
        wide.select(MOMENT)
        .join(dates, on=MOMENT, how="left", validate="1:1")
        .join(depressed, on=SUBJECT, how="inner")
        .filter(pl.col("date").is_between("first", "last"))
        .select(*MOMENT, pl.lit(value=True).alias("_is_depressed"))
        .unique()
    )
    wide = wide.join(sleepy, on=MOMENT, how="left", validate="1:1")
    spontaneous = AROUSALS.index("spontaneous")
    is_low = pl.col("_is_depressed").fill_null(value=False)
    lowest, highest = pl.col("arousal_lo"), pl.col("arousal_hi")
    graded = wide.with_columns(
        pl.when((lowest == spontaneous) & ~is_low).then(0).otherwise(lowest).alias("low"),
        highest.alias("high"),
    ).with_columns(
        pl.when((lowest == spontaneous) & (highest == spontaneous) & ~is_low)
        .then(0)
        .when(pl.col("low") == pl.col("high"))
        .then("low")
        .alias("point")
    )
    wakes = pl.lit("whether a depressed level of consciousness was present")
    return _finish(graded, "consciousness", rules.AROUSAL, [], wakes)


def derive_seizure(values: pl.DataFrame) -> pl.DataFrame:
    """Seizure: 3 if it resolves within 5 min, 4 if longer or repetitive without return to baseline."""
    wide = spread_items(values, SEIZURE_ITEMS)
    kinds = {name: index for index, name in enumerate(SEIZURE_TYPES)}

    def sure(name: str) -> pl.Expr:
        """The value where the moment holds only one."""
        return pl.when(pl.col(f"{name}_lo") == pl.col(f"{name}_hi")).then(pl.col(f"{name}_lo"))

    kind = sure("seizure_type")
    denied = ((pl.col("seizure_hi") == 0) | (pl.col("seizure_type_hi") == kinds["none"])).fill_null(
        value=False
    )
    asserted = (
        (pl.col("seizure_lo") == 1).fill_null(value=False)
        | (pl.col("seizure_type_lo") > kinds["none"]).fill_null(value=False)
        | (pl.col("seizure_duration_min_lo") > 0).fill_null(value=False)
        | (pl.col("seizure_repetitive_lo") == 1).fill_null(value=False)
    )
    unsure = (denied & asserted) | (~denied & ~asserted)
    duration = sure("seizure_duration_min")
    returned, repetitive = sure("seizure_returned_to_baseline"), sure("seizure_repetitive")
    resolved = sure("seizure_resolved")
    is_long = (duration > LONG_SEIZURE_MIN).fill_null(value=False)
    is_short = (duration <= LONG_SEIZURE_MIN).fill_null(value=False)
    cases: list[tuple[pl.Expr, tuple[int, int | None, int]]] = [
        (unsure, (0, None, 4)),
        (denied, (0, 0, 0)),
        ((kind == kinds["status_epilepticus"]) | is_long, (4, 4, 4)),
        ((repetitive == 1) & (returned == 0), (4, 4, 4)),
        ((kind == kinds["electrographic"]) & (resolved == 0), (3, 4, 4)),
        ((repetitive == 1) & returned.is_null(), (3, None, 4)),
        ((kind == kinds["electrographic"]) & (resolved == 1) & (returned == 0), (3, 3, 4)),
        ((kind == kinds["electrographic"]) & (resolved == 1), (3, 3, 3)),
        (kind == kinds["electrographic"], (3, 3, 4)),
        (returned == 0, (3, 3, 4)),
        (is_short, (3, 3, 3)),
    ]
    graded = wide.with_columns(
        _first_of(cases, index, (3, 3, 4)).alias(end) for index, end in enumerate(INTERVAL)
    ).with_columns((pl.col("disagrees") | (unsure & pl.col("has_value"))).alias("disagrees"))
    needs = pl.lit("seizure duration and return to baseline")
    return _finish(graded, "seizure", rules.SEIZURE, [], needs)


def _first_of(
    cases: Iterable[tuple[pl.Expr, tuple[int, int | None, int]]], index: int, default: tuple[int, int, int]
) -> pl.Expr:
    """One end of the interval of the first case that holds."""
    listed = [(where.fill_null(value=False), interval[index]) for where, interval in cases]
    chain = pl.when(listed[0][0]).then(pl.lit(listed[0][1], pl.Int8))
    for where, value in listed[1:]:
        chain = chain.when(where).then(pl.lit(value, pl.Int8))  # type: ignore[assignment]
    return chain.otherwise(pl.lit(default[index], pl.Int8))


def derive_motor(values: pl.DataFrame) -> pl.DataFrame:
    """Motor: 4 for deep focal weakness or power 0 to 2; power 3 or 4 stays 0/0/4 (motor is 0 or 4)."""
    wide = spread_items(values, MOTOR_ITEMS)
    is_deep, was_deep = pl.col("focal_weakness_hi") == 2, pl.col("focal_weakness_lo") == 2
    weakest, strongest = pl.col("motor_power_mrc_lo"), pl.col("motor_power_mrc_hi")
    is_middle = weakest.is_between(3, 4) | strongest.is_between(3, 4)
    low = pl.when((was_deep | (strongest <= 2)).fill_null(value=False)).then(4).otherwise(0)
    high = pl.when((is_deep | (weakest <= 4)).fill_null(value=False)).then(4).otherwise(0)
    graded = wide.with_columns(low.alias("low"), high.alias("high"), low.alias("point"))
    return _finish(
        graded,
        "motor",
        rules.MOTOR,
        [(is_middle, "power_3_or_4")],
        pl.lit("whether the focal weakness is deep"),
    )


def derive_icp(values: pl.DataFrame) -> pl.DataFrame:
    """Raised intracranial pressure: the worst of imaging, papilloedema, VI palsy, posturing, Cushing."""
    wide = spread_items(values, ICP_ITEMS)

    def worst(end: str) -> pl.Expr:
        oedema = pl.col(f"imaging_oedema_{end}").replace_strict(
            {0: 0, 1: 3, 2: 4}, default=None, return_dtype=pl.Int8
        )
        signs = [
            pl.when(pl.col(f"{name}_{end}") >= 1).then(pl.lit(4, pl.Int8)).otherwise(pl.lit(0, pl.Int8))
            for name in ICP_ITEMS[1:]
        ]
        return pl.max_horizontal(oedema.fill_null(0), *signs)

    graded = wide.with_columns(worst("lo").alias("low"), worst("hi").alias("high")).with_columns(
        pl.when(pl.col("low") == pl.col("high")).then("low").alias("point")
    )
    by_disc = pl.any_horizontal(
        pl.col(f"{name}_hi") >= 1 for name in ("papilloedema", "papilloedema_stage", "sixth_nerve_palsy")
    )
    return _finish(
        graded,
        "icp",
        rules.ICP,
        [(by_disc, "papilloedema_cause")],
        pl.lit("imaging, fundus, cranial nerve VI, posturing and Cushing triad"),
    )


def derive_bedside(values: pl.DataFrame, measured: pl.DataFrame) -> pl.DataFrame:
    """The whole patient: an ASTCT grade as it stands; a CRES grade only where nothing beside it measures."""
    wide = spread_items(values, ["astct_grade", "cres_grade"])
    is_open = pl.col("rule_id") == rules.ASSESS_IMPOSSIBLE
    beside = measured.filter(~is_open).group_by(MOMENT).agg(pl.col("low").max().alias("_beside_low"))
    wide = wide.join(beside, on=MOMENT, how="left", validate="1:1")
    stated = pl.col("astct_grade_lo").is_not_null()
    low, high = pl.col("astct_grade_lo"), pl.col("astct_grade_hi")
    astct = wide.filter(stated | (pl.col("has_bad") & pl.col("cres_grade_lo").is_null())).with_columns(
        pl.when(low == 5).then(4).otherwise(low).alias("low"),
        pl.when(low == high).then(low).alias("point"),
        high.alias("high"),
        stated.alias("has_value"),
    )
    below = (high < pl.col("_beside_low")).fill_null(value=False)
    found = [
        _finish(
            astct,
            "all",
            rules.BEDSIDE,
            [(below, "bedside_disagrees"), (high == 5, "fatal_report")],
            pl.when(high == 5).then(pl.lit("cause of death adjudication")),
        )
    ]
    alone = ~stated & pl.col("cres_grade_lo").is_not_null() & pl.col("_beside_low").is_null()
    read = {0: (0, 0, 1), 1: (0, 1, 2), 2: (1, 2, 3), 3: (2, 3, 4), 4: (0, 4, 4)}
    cres = compute_hull(wide.filter(alone), "cres_grade", read)
    needs = pl.lit("the components: ICE score, arousal, seizure, motor and pressure findings")
    found.append(_finish(cres, "all", rules.BEDSIDE_CRES, [], needs))
    return pl.concat([_shaped(frame) for frame in found])
