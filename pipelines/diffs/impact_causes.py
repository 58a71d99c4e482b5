"""Which change between two releases made a subject's result differ: leave one change out and look again.

What may live here: what leaving a change out does to each subject. What may not: finding the subjects,
leaving the change out (`pipelines.diffs.impact_left_out`). A change is one row of
`mappings.diff.compare_releases`.

A change is responsible for a result if the new release without it gives another result. If exactly one
is, and without it the old result is back, it is the cause; everything else is an interaction. Most cases
are settled on combinations: where a change accounts for every difference in a subject's rows, leaving it
out gives the old rows, hence the old result. Only the others are graded again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import polars as pl

from mappings.release import Release
from pipelines.diffs.impact_decisions import COMBINATION, MEANING, compute_differs
from pipelines.diffs.impact_grading import RESULT, grade_subjects, keep_subjects
from pipelines.diffs.impact_left_out import LeftOut
from pipelines.grading.combine import SUBJECT_WINDOW
from pipelines.grading.events import SUBJECT
from schemas.manifest import StudyManifest

CAUSES_SCHEMA = {"cause": pl.String(), "changes": pl.String()}


def derive_causes(
    checked: Mapping[str, pl.DataFrame],
    manifest: StudyManifest,
    old: Release,
    new: Release,
    combinations: pl.DataFrame,
    held: pl.DataFrame,
    decided: pl.DataFrame,
    changed: pl.DataFrame,
) -> pl.DataFrame:
    """The cause of every row of `changed`: SUBJECT_WINDOW, `cause` and `changes`.

    `checked` are the rows of the subjects that a difference reaches; `combinations`, `held` and `decided`
    (both releases, new with `_after`) are those of the study. `cause` is change or interaction, `changes`
    a JSON list of `table:row key` in the order of the diff.
    """
    if changed.is_empty():
        return pl.DataFrame(schema={**changed.select(SUBJECT_WINDOW).schema, **CAUSES_SCHEMA})
    subjects = changed.select(SUBJECT).unique()
    held = held.join(subjects, on=SUBJECT, how="semi").unique()
    met = combinations.join(held, on=COMBINATION, how="semi")
    left_out = LeftOut(old, new, manifest, met, decided)
    hits = left_out.hits()
    rows = changed.select(
        *SUBJECT_WINDOW,
        *(name for end in RESULT for name in (f"{end}_before", f"{end}_after")),
    )
    touched, partial = _settle(hits, held, decided)
    verdicts = [touched.filter("restores").select(*SUBJECT, "change").join(rows, on=SUBJECT, how="inner")]
    for (change,), group in partial.group_by("change"):
        release = left_out.release(int(str(change)))
        part = keep_subjects(checked, group.select(SUBJECT))
        again = grade_subjects(part, release, manifest).subjects.select(*SUBJECT_WINDOW, *RESULT)
        verdicts.append(
            again.join(rows, on=SUBJECT_WINDOW, how="inner", validate="1:1")
            .filter(pl.any_horizontal(pl.col(n).ne_missing(pl.col(f"{n}_after")) for n in RESULT))
            .with_columns(pl.lit(change, pl.Int64).alias("change"))
        )
    restored = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_before")) for name in RESULT)
    responsible = pl.concat(
        [
            verdicts[0].select(*SUBJECT_WINDOW, "change", pl.lit(value=True).alias("restores")),
            *(v.select(*SUBJECT_WINDOW, "change", restored.alias("restores")) for v in verdicts[1:]),
        ]
    )
    return _render(rows, responsible, touched, left_out.changes)


def _settle(
    hits: pl.DataFrame, held: pl.DataFrame, decided: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pairs of subject and change that touch: `restores` where all rows go back to the old release's.

    The second frame holds the pairs that have to be graded again.
    """
    differs = decided.filter(compute_differs(MEANING)).select(
        COMBINATION, pl.lit(value=True).alias("_differs")
    )
    wrong = held.join(differs, on=COMBINATION, how="semi").group_by(SUBJECT).len("_wrong")
    pairs = (
        held.join(hits, on=COMBINATION, how="inner")
        .join(differs, on=COMBINATION, how="left")
        .group_by(*SUBJECT, "change")
        .agg(
            (pl.col("restores") & pl.col("_differs").fill_null(value=False)).sum().alias("_righted"),
            (~pl.col("restores")).any().alias("_spoils"),
        )
        .join(wrong, on=SUBJECT, how="left", validate="m:1")
        .with_columns(
            ((pl.col("_righted") == pl.col("_wrong").fill_null(0)) & ~pl.col("_spoils")).alias("restores")
        )
    )
    return pairs, pairs.filter(~pl.col("restores"))


def _render(
    rows: pl.DataFrame, responsible: pl.DataFrame, touched: pl.DataFrame, changes: pl.DataFrame
) -> pl.DataFrame:
    """One verdict per row; where no single change makes a difference, all that touch are named."""
    per_row = responsible.group_by(SUBJECT_WINDOW).agg(
        pl.col("change").unique().sort().alias("_named"),
        (pl.len() == 1).alias("_is_one"),
        pl.col("restores").all().alias("_restores"),
    )
    per_subject = touched.group_by(SUBJECT).agg(pl.col("change").unique().sort().alias("_touching"))
    joined = (
        rows.select(SUBJECT_WINDOW)
        .join(per_row, on=SUBJECT_WINDOW, how="left", validate="1:1")
        .join(per_subject, on=SUBJECT, how="left", validate="m:1")
        .with_columns(pl.coalesce("_named", "_touching", pl.lit([], pl.List(pl.Int64))).alias("_named"))
    )
    names = [f"{row['map_table']}:{row['row_key']}" for row in changes.iter_rows(named=True)]
    lists = joined["_named"].unique().to_list()
    texts = pl.DataFrame(
        {
            "_named": lists,
            "changes": [json.dumps([names[n] for n in chosen], ensure_ascii=False) for chosen in lists],
        },
        schema={"_named": pl.List(pl.Int64()), "changes": pl.String()},
    )
    is_one = (pl.col("_is_one") & pl.col("_restores")).fill_null(value=False)
    cause = pl.when(is_one).then(pl.lit("change")).otherwise(pl.lit("interaction"))
    return joined.join(texts, on="_named", how="left", validate="m:1").select(
        *SUBJECT_WINDOW, cause.alias("cause"), "changes"
    )
