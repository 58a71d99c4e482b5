"""From contributions to a subject's interval and outcome, per infusion and over all of them.

Source: GRADING.md section 5 and law 3. A contribution is an event or an assessed moment in a window, an
adverse-event row that could not be used, or the declared incompleteness of the table.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mappings.release import Release
from pipelines.grading import rules
from pipelines.grading.assessments import EVERY_DOMAIN, MOMENT_DOMAIN
from pipelines.grading.decisions import decisions_of
from pipelines.grading.events import CONTRIBUTES_NOTHING, EVENT, SUBJECT
from pipelines.grading.intervals import combine_union, derive_joined
from pipelines.grading.terms import resolve_terms
from pipelines.grading.windows import compute_undated, has_several
from schemas.base import SEPARATOR
from schemas.manifest import StudyManifest, normalise_version
from schemas.vocabulary import DUPLICATE_ROW_RULE

SUBJECT_WINDOW = (*SUBJECT, "infusion_number", "window_days")
ENDS = ("low", "point", "high")


def derive_withheld(
    rejected: pl.DataFrame, subjects: pl.DataFrame, release: Release, manifest: StudyManifest
) -> pl.DataFrame:
    """What the record withholds about a subject: rows that could not be used, tables not complete.

    A rejected adverse-event row contributes 0/null/4, 5 unless the subject is known to be alive, but
    nothing where its readable term is out of scope or excluded at every grade. A row that only repeats a
    row in use withholds nothing and is left out. Columns: SUBJECT, low, point, high, rule_id, domains,
    reason, is_row.
    """
    people = subjects.lazy()
    alive = people.select(*SUBJECT, (pl.col("vital_status") == "alive").alias("_is_alive"))
    withholds = rejected.filter(
        pl.col("subject_id").is_not_null() & (pl.col("rule_id") != DUPLICATE_ROW_RULE)
    )
    rows = withholds.filter(pl.col("table_name") == "adverse_events").with_columns(
        pl.lit(manifest.grading.scale).alias("scale"),
        pl.lit(normalise_version(manifest.grading.scale, manifest.grading.version), pl.String).alias(
            "scale_version"
        ),
    )
    resolved = resolve_terms(rows, release, verbatim_terms=manifest.grading.verbatim_terms)
    table = decisions_of(release)
    populations = subjects.select(*SUBJECT, "population")
    resolved = resolved.join(populations, on=SUBJECT, how="left", validate="m:1").with_columns(
        pl.col("population").fill_null("unknown")
    )
    read = resolved.select("concept_id", "population").drop_nulls("concept_id").unique()
    harmless = read.filter(
        pl.Series([table.is_excluded_everywhere(*row) for row in read.iter_rows()], dtype=pl.Boolean)
    ).with_columns(pl.lit(value=True).alias("_is_excluded"))
    is_harmless = (pl.col("term_status") == "out_of_scope") | pl.col("_is_excluded")
    unusable = (
        resolved.lazy()
        .join(harmless.lazy(), on=["concept_id", "population"], how="left", validate="m:1")
        .select(
            *SUBJECT,
            pl.when(is_harmless.fill_null(value=False)).then(0).otherwise(4).alias("_top"),
            pl.lit(rules.REJECTED_ROW).alias("rule_id"),
            pl.lit("rejected_row").alias("reason"),
            pl.lit(value=True).alias("is_row"),
        )
    )
    # An assessment that could not be used may have been any grade; it is no death report.
    unread = (
        withholds.lazy()
        .filter(pl.col("table_name") == "assessments")
        .select(
            *SUBJECT,
            pl.lit(4).alias("_top"),
            pl.lit(rules.REJECTED_ROW).alias("rule_id"),
            pl.lit("rejected_assessment").alias("reason"),
            pl.lit(value=False).alias("is_row"),
        )
    )
    incomplete = people.filter(pl.lit(not manifest.ae_table_complete)).select(
        *SUBJECT,
        pl.lit(4).alias("_top"),
        pl.lit(rules.TABLE_INCOMPLETE).alias("rule_id"),
        pl.lit("table_incomplete").alias("reason"),
        pl.lit(value=False).alias("is_row"),
    )
    is_fatal_possible = (
        (pl.col("_top") > 0)
        & (pl.col("reason") != "rejected_assessment")
        & ~pl.col("_is_alive").fill_null(value=False)
    )
    return (
        pl.concat([unusable, unread, incomplete])
        .join(alive, on=SUBJECT, how="left", validate="m:1")
        .select(
            *SUBJECT,
            pl.lit(0, pl.Int8).alias("low"),
            pl.when(pl.col("_top") == 0).then(0).cast(pl.Int8).alias("point"),
            pl.when(is_fatal_possible).then(5).otherwise("_top").cast(pl.Int8).alias("high"),
            "rule_id",
            pl.when(pl.col("_top") > 0).then(pl.lit(EVERY_DOMAIN)).alias("domains"),
            "reason",
            "is_row",
        )
        .collect(engine="in-memory")
    )


def combine_subjects(
    contributions: pl.DataFrame,
    alone: pl.DataFrame,
    counts: pl.DataFrame,
    frame: pl.DataFrame,
    withheld: pl.DataFrame,
    primary_days: int,
) -> pl.DataFrame:
    """Interval, outcome, drivers and reasons per subject, infusion (0 = all) and window.

    `contributions`, `counts` and `frame` are those of `derive_contributions`, `count_evidence` and
    `derive_frame`; `alone` holds the interval of adverse-event rows alone for each row of the frame. Every
    subject has a row for every window; silence of a complete table is 0/0/0 (the AE convention). Columns of
    core_subject_grades.
    """
    in_window = contributions.filter(pl.col("window_status") != "late")
    graded = combine_intervals(in_window, frame)
    drivers = _derive_drivers(in_window, graded)
    of_rows = alone.lazy().select(
        *SUBJECT_WINDOW, *(pl.col(end).alias(f"events_alone_{end}") for end in ENDS)
    )
    rejected = withheld.lazy().filter("is_row").group_by(SUBJECT)
    rejected_rows = rejected.agg(pl.len().cast(pl.Int64).alias("rejected_rows"))
    return (
        graded.lazy()
        .join(drivers.lazy(), on=SUBJECT_WINDOW, how="left", validate="1:1")
        .join(counts.lazy(), on=SUBJECT_WINDOW, how="left", validate="1:1")
        .join(rejected_rows, on=SUBJECT, how="left", validate="m:1")
        .join(of_rows, on=SUBJECT_WINDOW, how="left", validate="1:1")
        .with_columns(
            compute_outcome().alias("outcome"),
            (pl.col("window_days") == primary_days).alias("is_primary_window"),
            pl.col("events", "late_events", "assessments", "rejected_rows").fill_null(0),
        )
        .collect(engine="in-memory")
    )


def combine_intervals(in_window: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with low, point, high: the union of the contributions, 0/0/0 where there is none."""
    union = combine_union(in_window, SUBJECT_WINDOW)
    return frame.join(union, on=SUBJECT_WINDOW, how="left", validate="1:1").with_columns(
        pl.when(pl.col("high").is_null()).then(0).otherwise("point").cast(pl.Int8).alias("point"),
        pl.col("low", "high").fill_null(0),
    )


def compute_outcome() -> pl.Expr:
    """Result in one word, from `low`, `high` and `is_dated` (a code of OUTCOMES)."""
    return (
        pl.when(~pl.col("is_dated"))
        .then(pl.lit("NOT_EVALUABLE"))
        .when(pl.col("low") >= 1)
        .then(pl.lit("ICANS"))
        .when(pl.col("high") == 0)
        .then(pl.lit("NOT_ICANS"))
        .otherwise(pl.lit("INDETERMINATE"))
    )


def derive_frame(subjects: pl.DataFrame, infusions: pl.DataFrame, windows: Sequence[int]) -> pl.DataFrame:
    """Every subject x (0 and each infusion) x window; `is_dated`: the window can be placed.

    A subject without any dated infusion has infusion 0 only: its events belong to no infusion.
    """
    lengths = pl.DataFrame({"window_days": list(windows)}, schema={"window_days": pl.Int32})
    is_dated = pl.col("infusion_earliest").is_not_null()
    people, placeable = subjects.lazy(), infusions.lazy().filter(is_dated.any().over(SUBJECT))
    over_all = people.select(*SUBJECT, pl.lit(0, pl.Int32).alias("infusion_number")).join(
        placeable.select(*SUBJECT, pl.lit(value=True).alias("is_dated")).unique(), on=SUBJECT, how="left"
    )
    each = placeable.select(*SUBJECT, "infusion_number", is_dated.alias("is_dated"))
    return (
        pl.concat([over_all, each])
        .with_columns(pl.col("is_dated").fill_null(value=False))
        .join(people.select(*SUBJECT, "is_infused"), on=SUBJECT, how="inner", validate="m:1")
        .join(lengths.lazy(), how="cross")
        .collect(engine="in-memory")
    )


def derive_contributions(
    events: pl.DataFrame,
    event_windows: pl.DataFrame,
    moments: pl.DataFrame,
    moment_windows: pl.DataFrame,
    withheld: pl.DataFrame,
    frame: pl.DataFrame,
) -> pl.DataFrame:
    """Contributions per subject, infusion and window; infusion 0 holds those of every infusion.

    Columns: SUBJECT_WINDOW, event_id (null unless an event), moment (null unless an assessment),
    window_status, low, point, high, rule_id, domains, reasons, requires.
    """
    of_events = events.lazy().select(
        *EVENT,
        "rule_id",
        "domains",
        pl.col("review_reasons").alias("reasons"),
        "requires",
        (~pl.col("disposition").is_in(CONTRIBUTES_NOTHING)).alias("_contributes"),
    )
    of_moments = moments.lazy().select(
        *MOMENT_DOMAIN,
        "rule_id",
        pl.when(pl.col("domain") == "all").then(pl.lit(EVERY_DOMAIN)).otherwise("domain").alias("domains"),
        pl.col("review_reasons").alias("reasons"),
        "requires",
        pl.lit(value=True).alias("_contributes"),
    )
    nothing = pl.lit(None, pl.String)
    rows = (
        event_windows.lazy()
        .join(of_events, on=EVENT, how="left", validate="m:1")
        .with_columns(
            nothing.alias("moment"),
            pl.coalesce("_reasons", "reasons").alias("reasons"),
            pl.coalesce("evidence_rule", "rule_id").alias("rule_id"),
        )
    )
    assessed = (
        moment_windows.lazy()
        .join(of_moments, on=MOMENT_DOMAIN, how="left", validate="m:1")
        .with_columns(nothing.alias("event_id"))
    )
    columns = (
        *(*SUBJECT_WINDOW, "event_id", "moment", "window_status", *ENDS),
        *("rule_id", "domains", "reasons", "requires", "_contributes"),
    )
    placed = (
        pl.concat([rows.select(columns), assessed.select(columns)])
        .with_columns(
            pl.when((pl.col("window_status") == "partly") & pl.col("_contributes"))
            .then(pl.concat_str("reasons", pl.lit("onset_partly_in_window"), separator=SEPARATOR))
            .when((pl.col("window_status") == "no_infusion_date") & pl.col("_contributes"))
            .then(pl.concat_str("reasons", pl.lit("no_infusion_date"), separator=SEPARATOR))
            .otherwise("reasons")
            .str.strip_chars_start(SEPARATOR)
            .alias("reasons")
        )
        .drop("_contributes")
    )
    over_all = placed.filter(pl.col("infusion_number") > 0).with_columns(
        pl.lit(0, pl.Int32).alias("infusion_number")
    )
    places = frame.lazy().select(SUBJECT_WINDOW)
    missing = (
        withheld.lazy()
        .join(places, on=SUBJECT, how="inner")
        .with_columns(
            nothing.alias("event_id"),
            nothing.alias("moment"),
            pl.lit("partly").alias("window_status"),
            pl.col("reason").alias("reasons"),
            pl.lit("the rows or records the study withholds").alias("requires"),
        )
    )
    given = [name for name in columns if name != "_contributes"]
    return pl.concat([placed, over_all, missing.select(given)]).collect(engine="in-memory")


def _derive_drivers(in_window: pl.DataFrame, graded: pl.DataFrame) -> pl.DataFrame:
    """Domains and rules of the rows that set each of the three values; reasons to look; what closes."""
    values = graded.select(
        *SUBJECT_WINDOW, *(pl.col(end).alias(f"_{end}") for end in ("low", "point", "high"))
    )
    able = in_window.filter((pl.col("high") > 0) | (pl.col("reasons") != "")).join(
        values, on=SUBJECT_WINDOW, how="inner", validate="m:1"
    )
    sets = {
        end: (pl.col(end) == pl.col(f"_{end}")).fill_null(value=False) & (pl.col(end) > 0)
        for end in ("low", "point", "high")
    }
    is_open = (pl.col("low") < pl.col("high")) & (pl.col("_low") < pl.col("_high"))
    return derive_joined(
        able,
        SUBJECT_WINDOW,
        {
            **{
                f"{end}_{target}": (source, where)
                for end, where in sets.items()
                for source, target in (("domains", "domains"), ("rule_id", "rules"))
            },
            "review_reasons": ("reasons", pl.lit(value=True)),
            "requires": ("requires", is_open),
        },
    )


def count_evidence(pairs: pl.DataFrame, contributions: pl.DataFrame, windows: Sequence[int]) -> pl.DataFrame:
    """Event rows in the window, those whose onset is after it for every infusion they can follow, and
    assessed moments with their domains in the window.

    `pairs`: every row as `windows.derive_pairs` gives it; `contributions` of `derive_contributions`.
    """
    counts = _count_rows(pairs, windows)
    of_events = pl.concat(
        counts.select(
            *(*SUBJECT, "infusion_number"),
            pl.lit(days, pl.Int32).alias("window_days"),
            (pl.col("_rows") - pl.col(f"_late_{days}")).alias("events"),
            pl.col(f"_late_{days}").alias("late_events"),
        )
        for days in windows
    )
    of_moments = (
        contributions.filter(pl.col("moment").is_not_null() & (pl.col("window_status") != "late"))
        .select(*SUBJECT_WINDOW, "moment", "domains")
        .unique()
        .group_by(SUBJECT_WINDOW)
        .agg(pl.len().cast(pl.Int64).alias("assessments"))
    )
    return of_events.join(of_moments, on=SUBJECT_WINDOW, how="full", coalesce=True, validate="1:1")


def _count_rows(pairs: pl.DataFrame, windows: Sequence[int]) -> pl.DataFrame:
    """SUBJECT, infusion_number (0: over all infusions, or no dated one), `_rows`, and of these `_late_<days>`
    per window.
    """
    is_late = {f"_late_{days}": (pl.col("day_earliest") > days).fill_null(value=False) for days in windows}
    late, follows, rows = [*is_late], pl.col("follows"), pl.len().cast(pl.Int64).alias("_rows")
    by_pair = pairs.group_by(*SUBJECT, "infusion_number").agg(
        follows.sum().cast(pl.Int64).alias("_rows"),
        compute_undated().sum().cast(pl.Int64).alias("_undated"),
        *((follows & where).sum().cast(pl.Int64).alias(name) for name, where in is_late.items()),
    )
    by_infusion = by_pair.filter(pl.col("_rows") > 0).drop("_undated")
    once = by_infusion.drop("infusion_number")
    if has_several(pairs):
        each = (
            pairs.filter("follows")
            .group_by("_event")
            .agg(pl.col(SUBJECT).first(), *(where.all().alias(name) for name, where in is_late.items()))
        )
        once = each.group_by(SUBJECT).agg(rows, pl.col(late).sum().cast(pl.Int64))
    undated = by_pair.filter(pl.col("_undated") > 0).select(
        *SUBJECT, pl.col("_undated").alias("_rows"), *(pl.lit(0, pl.Int64).alias(name) for name in late)
    )
    over_all = pl.concat([once, undated]).group_by(SUBJECT).agg(pl.col("_rows", *late).sum())
    zero = pl.lit(0, pl.Int32).alias("infusion_number")
    return pl.concat([by_infusion, over_all.with_columns(zero).select(by_infusion.columns)])
