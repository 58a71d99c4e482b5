"""Which change between two releases made a subject's result differ: leave one change out and look again.

What may live here: leaving single changes out, and what follows for each subject. What may not: finding
the subjects, wording. A change is one row of `mappings.diff.compare_releases`.

A change is responsible for a result if the new release without it gives another result. If exactly one
is, and without it the old result is back, it is the cause; everything else is an interaction. Most cases
are settled on combinations: where a change accounts for every difference in a subject's rows, leaving it
out gives the old rows, hence the old result. Only the others are graded again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from mappings.diff import ReleaseDiff, apply_diff, compare_releases
from mappings.release import Release
from mappings.term_key import term_key
from pipelines.diffs.impact_decisions import COMBINATION, MEANING, compute_differs, decide_combinations
from pipelines.diffs.impact_grading import RESULT, grade_subjects, keep_subjects
from pipelines.grading.combine import SUBJECT_WINDOW
from pipelines.grading.events import SUBJECT
from schemas.manifest import StudyManifest

CAUSES_SCHEMA = {"cause": pl.String(), "changes": pl.String()}
EVERY_CONCEPT = "*"
_CODES = ("llt_code", "pt_code")
_TEXTS = ("preferred_term", "lowest_level_term", "verbatim_term")
_DECISION = ("scale", "scale_version", "concept_id", "grade")
_HIT = pl.Schema({"change": pl.Int64(), COMBINATION: pl.UInt32(), "restores": pl.Boolean()})


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
    pair = _restrict(old, new, met)
    left_out = _LeftOut(pair, manifest, met, decided)
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
    return _render(rows, responsible, touched, pair.diff)


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
    rows: pl.DataFrame, responsible: pl.DataFrame, touched: pl.DataFrame, diff: ReleaseDiff
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
    names = [f"{row['map_table']}:{row['row_key']}" for row in diff.rows.iter_rows(named=True)]
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


@dataclass(frozen=True)
class _Pair:
    """Both releases, reduced to what some combinations can meet, and what differs between them."""

    old: Release
    new: Release
    diff: ReleaseDiff


def _keys(combination: Mapping[str, object]) -> tuple[set[str], set[str]]:
    """Codes and normalised texts a term row of a release is looked up by."""
    codes = {str(combination[name]).strip() for name in _CODES if combination[name] is not None}
    texts = {term_key(str(combination[name])) for name in _TEXTS if combination[name] is not None}
    return codes - {""}, texts - {""}


def _restrict(old: Release, new: Release, met: pl.DataFrame) -> _Pair:
    """The pair of releases without the rows that no combination can meet; a dictionary can meet any."""
    codes: set[str] = set()
    texts: set[str] = set()
    for combination in met.iter_rows(named=True):
        found = _keys(combination)
        codes |= found[0]
        texts |= found[1]
    looked_up = pl.col("term_key").is_in(sorted(texts)) | pl.col("code").is_in(sorted(codes))
    concepts: set[str] = {EVERY_CONCEPT}
    for release in (old, new):
        terms = release.tables["map_terms"]
        kept = terms if release.dictionary else terms.filter(looked_up)
        concepts |= set(kept["concept_id"].drop_nulls())
    meant = pl.col("concept_id").is_in(sorted(concepts))

    def reduced(release: Release) -> Release:
        tables = dict(release.tables)
        for name in ("map_grades", "map_conventions", "map_concepts"):
            tables[name] = tables[name].filter(meant)
        if release.dictionary is None:
            for name in ("map_terms", "map_vocabulary"):
                tables[name] = tables[name].filter(looked_up)
        return replace(release, tables=tables)

    pair = reduced(old), reduced(new)
    return _Pair(*pair, compare_releases(*pair))


class _LeftOut:
    """The new release with one change left out, for each change in turn."""

    def __init__(
        self, pair: _Pair, manifest: StudyManifest, met: pl.DataFrame, decided: pl.DataFrame
    ) -> None:
        self._pair = pair
        self._manifest = manifest
        self._met = met
        self._decided = decided.join(met, on=COMBINATION, how="semi")
        self._by_key: dict[tuple[str, str], set[int]] = defaultdict(set)
        for combination in met.iter_rows(named=True):
            for kind, keys in zip(("code", "text"), _keys(combination), strict=True):
                for key in keys:
                    self._by_key[(kind, key)].add(combination[COMBINATION])
        self._undecided: set[int] = set()
        self._by_dictionary: set[int] = set()
        for row in self._decided.iter_rows(named=True):
            for suffix in ("", "_after"):
                number = row[COMBINATION]
                if row[f"concept_id{suffix}"] is not None:
                    self._by_key[("concept", row[f"concept_id{suffix}"])].add(number)
                if row[f"term_status{suffix}"] != "mapped":
                    self._undecided.add(number)
                if row[f"match_method{suffix}"].startswith("meddra"):
                    self._by_dictionary.add(number)
        other_scales = met.filter(pl.col("scale").is_in(["cres", "astct"]))[COMBINATION]
        self._by_key[("concept", EVERY_CONCEPT)] |= set(other_scales)

    def release(self, change: int) -> Release:
        """The new release without one change, reduced to what the combinations can meet."""
        pair = self._pair
        rest = replace(
            pair.diff, rows=pair.diff.rows.with_row_index("_n").filter(pl.col("_n") != change).drop("_n")
        )
        tables = dict(pair.new.tables)
        for name, frame in apply_diff(pair.old.tables, rest).items():
            own = {"release_id": pl.lit(pair.new.release_id), "layer": pl.lit(pair.new.release_id)}
            added = {key: value for key, value in own.items() if key in tables[name].columns}
            tables[name] = frame.with_columns(**added).select(tables[name].columns)
        grades = tables["map_grades"]
        beside = grades.filter(pl.col("population") == "any").select(_DECISION)
        is_child = pl.col("population") == "child"
        alone = grades.filter(is_child).join(beside, on=_DECISION, how="anti")["rule_id"]
        tables["map_grades"] = grades.filter(~pl.col("rule_id").is_in(alone.to_list()))
        return replace(pair.new, tables=tables)

    def hits(self) -> pl.DataFrame:
        """Combinations whose meaning depends on a change; `restores`: without it the old one is back."""
        found = [self._hits_of(change) for change in range(self._pair.diff.rows.height)]
        return pl.concat([pl.DataFrame(schema=_HIT), *found])

    def _hits_of(self, change: int) -> pl.DataFrame:
        release = self.release(change)
        near = set().union(*self._near(release, str(self._pair.diff.rows["map_table"][change])))
        if not near:
            return pl.DataFrame(schema=_HIT)
        met = self._met.filter(pl.col(COMBINATION).is_in(sorted(near)))
        without = decide_combinations(met, release, self._manifest).select(COMBINATION, *MEANING)
        both = self._decided.join(without, on=COMBINATION, suffix="_without", validate="1:1")
        is_hit = pl.any_horizontal(pl.col(f"{n}_after").ne_missing(pl.col(f"{n}_without")) for n in MEANING)
        restores = pl.all_horizontal(pl.col(n).eq_missing(pl.col(f"{n}_without")) for n in MEANING)
        return both.filter(is_hit).select(
            pl.lit(change, pl.Int64).alias("change"),
            pl.col(COMBINATION).cast(pl.UInt32),
            restores.alias("restores"),
        )

    def _near(self, release: Release, name: str) -> Iterator[set[int]]:
        """Combinations that the change of one row of a table can reach."""
        with_it, without = self._pair.new.tables[name], release.tables[name]
        columns = [column for column in with_it.columns if column not in ("release_id", "layer")]
        rows = [
            row
            for one, other in ((with_it, without), (without, with_it))
            for row in one.join(other, on=columns, how="anti", nulls_equal=True).iter_rows(named=True)
        ]
        if name == "map_classes":
            yield self._undecided
            return
        for row in rows:
            if name in ("map_terms", "map_vocabulary"):
                near = self._by_key.get(("text", row["term_key"]), set()) | self._by_key.get(
                    ("code", row["code"]), set()
                )
                yield near if name == "map_terms" else near & self._undecided
                if name == "map_terms" and self._pair.new.dictionary is not None:
                    yield self._undecided | self._by_dictionary
            else:
                yield self._by_key.get(("concept", row["concept_id"]), set())
