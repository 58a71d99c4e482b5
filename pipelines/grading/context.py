"""What the rest of the record does to a row: death, causality, other causes, history, sedation.

Source: GRADING.md 3.5 and 4.5. `derive_context` finds out once per row which rules hold and says so in
columns that start with `_`; `apply_context` applies them in a fixed order to the intervals of any frame
that carries those columns. Each rule lowers `low`, changes `point` or raises `high`, and records itself in
`context_rules` and `review_reasons`. None touches a row that contributes 0 by its term (excluded, out of
scope, no event), and none removes a row. A manifest switches the rules about another cause on or off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import polars as pl

from mappings.release import Release
from pipelines.grading import rules
from pipelines.grading.events import CONTRIBUTES_NOTHING, EVENT, PRES_CONCEPT, SUBJECT, compute_named
from pipelines.grading.terms import resolve_terms
from schemas.base import SEPARATOR
from schemas.manifest import Context, StudyManifest

CAUSES = ("haemorrhage", "stroke", "cns_infection", "cns_progression")
AROUSAL_AND_COGNITION = ("cognition", "consciousness", "cognition|consciousness")
FLAGS = ("_other_cause", "_over_haemorrhage", "_over_pres", "_over_named", "_in_history", "_is_sedated")
"""What `derive_context` adds, each a Boolean; `derive_deficit` adds `_has_deficit`."""
AnyFrame = TypeVar("AnyFrame", pl.DataFrame, pl.LazyFrame)


def derive_context(
    events: pl.DataFrame, tables: Mapping[str, pl.DataFrame], release: Release, manifest: StudyManifest
) -> pl.DataFrame:
    """Add FLAGS to the rows of `derive_events`; all false where the manifest switches a rule off."""
    context = manifest.context
    causes = derive_causes(events, context)
    spans = events.select(
        *EVENT,
        pl.col("start_earliest").dt.date().alias("first"),
        pl.col("end_latest").dt.date().alias("last"),
    )
    over = derive_overlaps(spans, causes, EVENT)
    events = events.join(over, on=EVENT, how="left", validate="1:1")
    events = _derive_history(events, tables["core_medical_history"], tables, release, manifest)
    events = _derive_sedated(events, tables["core_sedation"] if context.sedation else None)
    return events.with_columns(pl.col(FLAGS).fill_null(value=False))


def derive_causes(events: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Rows that are another cause for this study: SUBJECT, cause_event_id, cause, first and last day.

    A day is null where the record gives no bound. `cause` is a cause role of the release, `pres` or
    `named`; grade 0 is no event and so no cause.
    """
    allowed = [role for role in CAUSES if getattr(context, role)]
    cause = (
        pl.when(pl.col("cause_role").is_in(allowed))
        .then("cause_role")
        .when((pl.col("concept_id") == PRES_CONCEPT) & pl.lit(value=context.pres))
        .then(pl.lit("pres"))
        .when(compute_named(events, context.named_causes))
        .then(pl.lit("named"))
    )
    return (
        events.with_columns(cause.alias("cause"))
        .filter(pl.col("cause").is_not_null() & (pl.col("disposition") != "no_event"))
        .select(
            *SUBJECT,
            pl.col("event_id").alias("cause_event_id"),
            "cause",
            pl.col("start_earliest").dt.date().alias("cause_first"),
            pl.col("end_latest").dt.date().alias("cause_last"),
        )
    )


def derive_overlaps(spans: pl.DataFrame, causes: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Which spans have another cause of the same subject within one day; an open bound can overlap.

    `spans` has the columns of `key`, `first` and `last` (dates, null: no bound), and `event_id` if a row
    may be its own cause. Result: `key` and four of FLAGS; spans without a cause have no row.
    """
    one_day = pl.duration(days=1)
    starts_before_end = (pl.col("first") <= pl.col("cause_last") + one_day).fill_null(value=True)
    ends_after_start = (pl.col("last") >= pl.col("cause_first") - one_day).fill_null(value=True)
    is_other = pl.col("event_id") != pl.col("cause_event_id") if "event_id" in key else pl.lit(value=True)
    return (
        spans.join(causes, on=SUBJECT, how="inner")
        .filter(is_other & starts_before_end & ends_after_start)
        .group_by(list(key))
        .agg(
            pl.col("cause").is_in(CAUSES).any().alias("_other_cause"),
            (pl.col("cause") == "haemorrhage").any().alias("_over_haemorrhage"),
            (pl.col("cause") == "pres").any().alias("_over_pres"),
            (pl.col("cause") == "named").any().alias("_over_named"),
        )
    )


def _derive_history(
    events: pl.DataFrame,
    history: pl.DataFrame,
    tables: Mapping[str, pl.DataFrame],
    release: Release,
    manifest: StudyManifest,
) -> pl.DataFrame:
    """Rows whose concept is in the subject's medical history; a condition that certainly began after the
    first infusion is no history.
    """
    if history.is_empty() or not manifest.context.medical_history:
        return events.with_columns(pl.lit(value=False).alias("_in_history"))
    first = (
        tables["core_infusions"]
        .filter(pl.col("infusion_number") == 1)
        .select(*SUBJECT, pl.col("infusion_latest").alias("_infused"))
    )
    versioned = history.with_columns(
        pl.lit("none").alias("scale"), pl.lit(None, pl.String).alias("scale_version")
    )
    known = (
        resolve_terms(versioned, release, verbatim_terms=manifest.grading.verbatim_terms)
        .join(first, on=SUBJECT, how="left", validate="m:1")
        .filter(
            pl.col("concept_id").is_not_null()
            & ~(pl.col("start_earliest") >= pl.col("_infused")).fill_null(value=False)
        )
        .select(*SUBJECT, "concept_id", pl.lit(value=True).alias("_in_history"))
        .unique()
    )
    return events.join(known, on=[*SUBJECT, "concept_id"], how="left", validate="m:1")


def _derive_sedated(events: pl.DataFrame, sedation: pl.DataFrame | None) -> pl.DataFrame:
    """Cognition and consciousness rows sedated on every day of a certain span."""
    if sedation is None or sedation.is_empty():
        return events.with_columns(pl.lit(value=False).alias("_is_sedated"))
    sedated = (
        sedation.select(
            *SUBJECT,
            pl.date_ranges(pl.col("start_latest").dt.date(), pl.col("end_earliest").dt.date()).alias("day"),
        )
        .explode("day", empty_as_null=False)
        .drop_nulls("day")
        .unique()
        .with_columns(pl.lit(value=True).alias("_is_sedated"))
    )
    first, last = pl.col("start_earliest").dt.date(), pl.col("end_latest").dt.date()
    is_certain = (first == pl.col("start_latest").dt.date()) & (last == pl.col("end_earliest").dt.date())
    covered = (
        events.filter(pl.col("domains").is_in(AROUSAL_AND_COGNITION) & is_certain & (first <= last))
        .join(sedated.select(SUBJECT).unique(), on=SUBJECT, how="semi")
        .select(*EVENT, pl.date_ranges(first, last).alias("day"))
        .explode("day", empty_as_null=False)
        .join(sedated, on=[*SUBJECT, "day"], how="left")
        .group_by(EVENT)
        .agg(pl.col("_is_sedated").fill_null(value=False).all().alias("_is_sedated"))
    )
    return events.join(covered, on=EVENT, how="left", validate="1:1")


def derive_deficit(events: pl.DataFrame, deficits: pl.DataFrame) -> pl.DataFrame:
    """Add `_has_deficit`: every domain of the row had a deficit before the first infusion.

    `deficits` has SUBJECT and `domain`.
    """
    if deficits.is_empty():
        return events.with_columns(pl.lit(value=False).alias("_has_deficit"))
    of_subject = deficits.group_by(SUBJECT).agg(pl.col("domain").unique().alias("_deficits"))
    domains = pl.col("domains").str.split("|")
    return (
        events.join(of_subject, on=SUBJECT, how="left", validate="m:1")
        .with_columns(
            (domains.list.set_difference(pl.col("_deficits")).list.len() == 0)
            .fill_null(value=False)
            .alias("_has_deficit")
        )
        .drop("_deficits")
    )


def apply_rule(  # one shape for every context rule keeps them readable side by side
    events: AnyFrame,
    rule_id: str | None,
    reason: str | None,
    where: pl.Expr,
    *,
    low: pl.Expr | int | None = None,
    point: pl.Expr | int | None = None,
    high: pl.Expr | int | None = None,
) -> AnyFrame:
    """Change the given ends of the interval where `where` holds, and record rule and reason.

    `point=pl.lit(None)` takes the point away; an end left out is kept. Null `where` is false. Codes are added
    to the texts `context_rules` and `review_reasons`, each after a SEPARATOR, the first one too.
    """
    hit = where.fill_null(value=False) & ~pl.col("disposition").is_in(CONTRIBUTES_NOTHING)
    changes = {"low": low, "point": point, "high": high}
    assigned = [
        pl.when(hit)
        .then(value if isinstance(value, pl.Expr) else pl.lit(value))
        .otherwise(name)
        .cast(pl.Int8)
        .alias(name)
        for name, value in changes.items()
        if value is not None
    ]
    codes = {"context_rules": rule_id, "review_reasons": reason}
    recorded = [
        pl.when(hit).then(pl.concat_str(name, pl.lit(SEPARATOR + code))).otherwise(name).alias(name)
        for name, code in codes.items()
        if code is not None
    ]
    return events.with_columns(*assigned, *recorded)


def apply_context(events: pl.DataFrame, policy: str) -> pl.DataFrame:
    """Apply every rule whose flag holds, in order: death, causality, other causes, history, sedation.

    `policy` is the attribution policy of the manifest.
    """
    if events.is_empty():
        return events
    rows = _apply_death(events.lazy())
    rows = apply_attribution(
        rows, policy, pl.col("relationship") == "not_related", pl.col("relationship") == "unlikely"
    )
    rows = apply_causes(rows, pl.col("domains") == "icp")
    rows = apply_rule(rows, rules.MEDICAL_HISTORY, "medical_history", pl.col("_in_history"), low=0)
    rows = apply_rule(rows, rules.BASELINE_DEFICIT, "baseline_deficit", pl.col("_has_deficit"), low=0)
    rows = apply_rule(
        rows, rules.SEDATION, "sedation_overlap", pl.col("_is_sedated"), low=0, point=pl.lit(None)
    )
    return rows.collect(engine="in-memory")


def _apply_death(events: AnyFrame) -> AnyFrame:
    """Grade 5 of a living subject is a contradiction; a fatal outcome below grade 5 raises high."""
    is_alive = pl.col("vital_status") == "alive"
    events = apply_rule(
        events,
        rules.DEATH_CONTRADICTION,
        "death_contradiction",
        (pl.col("grade") == 5) & is_alive,
        low=0,
        point=pl.lit(None),
        high=4,
    )
    return apply_rule(
        events,
        rules.FATAL_OUTCOME,
        "fatal_outcome",
        pl.col("is_fatal") & (pl.col("grade").fill_null(0) < 5),
        high=5,
    )


def apply_attribution(rows: AnyFrame, policy: str, not_related: pl.Expr, unlikely: pl.Expr) -> AnyFrame:
    """The investigator's causality: not related and unlikely lower low; nothing else changes."""
    if policy == "ignore":
        return rows
    if policy == "exclude":
        rows = apply_rule(
            rows, rules.NOT_RELATED_EXCLUDED, "attribution_not_related", not_related, low=0, point=0, high=0
        )
    else:
        rows = apply_rule(rows, rules.NOT_RELATED, "attribution_not_related", not_related, low=0, point=0)
    return apply_rule(rows, rules.UNLIKELY, "attribution_unlikely", unlikely, low=0)


def apply_causes(rows: AnyFrame, is_pressure: pl.Expr) -> AnyFrame:
    """Another cause within a day: low 0; a pressure sign over a haemorrhage also point 0.

    PRES and the causes that the manifest names come after those of ASTCT, each with its own reason.
    """
    rows = apply_rule(rows, rules.OTHER_CAUSE, "other_cause_overlap", pl.col("_other_cause"), low=0)
    rows = apply_rule(
        rows,
        rules.HAEMORRHAGE_OEDEMA,
        "haemorrhage_overlap",
        pl.col("_over_haemorrhage") & is_pressure,
        point=0,
    )
    rows = apply_rule(rows, rules.PRES, "pres_overlap", pl.col("_over_pres"), low=0)
    return apply_rule(rows, rules.NAMED_CAUSE, "named_cause_overlap", pl.col("_over_named"), low=0)
