"""Impact preview: what another mapping release does to the results of every study, and why.

What may live here: comparing two releases study by study, and the facts a report of it states. What may
not: reading a warehouse, a clinical rule, wording and layout (`pipelines.report`).

Work is shared: each distinct combination of term, grade and population is decided once per release, all
subjects are graded once under the old one, and only those that a difference can reach once more under
the new one. Results equal those of grading both from scratch. Nothing is written and nobody is regraded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import polars as pl
from polars.exceptions import PolarsError

from mappings.diff import ReleaseDiff, compare_releases
from mappings.release import Release
from pipelines.diffs.impact_causes import derive_causes
from pipelines.diffs.impact_decisions import (
    COMBINATION,
    MEANING,
    SHOWN,
    compute_covered,
    compute_differs,
    decide_combinations,
    derive_combinations,
)
from pipelines.diffs.impact_grading import (
    EVENT_WINDOW,
    RESULT,
    Results,
    grade_subjects,
    keep_subjects,
)
from pipelines.grading.combine import SUBJECT_WINDOW
from pipelines.grading.contradictions import REASON_KINDS
from pipelines.grading.events import EVENT, SUBJECT
from schemas.base import SEPARATOR
from schemas.errors import RegradeError, ReleaseError
from schemas.manifest import StudyManifest
from schemas.mapping_diffs import DiffMappingImpact

ENDS = ("low", "point", "high")
THRESHOLDS = (1, 2, 3, 4)
"""A grade at or above which a subject counts; 1 is 'any'."""


def _as_it_is(release: Release) -> Release:
    return release


@dataclass(frozen=True)
class StudyInput:
    """One study to preview: its checked tables and its manifest.

    `compose` puts what the study adds to a release (private overlays, a dictionary) on either of the two.
    """

    checked: Mapping[str, pl.DataFrame]
    manifest: StudyManifest
    compose: Callable[[Release], Release] = field(default=_as_it_is, repr=False)


@dataclass(frozen=True)
class StudyImpact:
    """What the new release does to one study.

    `rows` counts valid adverse-event rows. Of these, `rows_matched`: something a result shows differs for
    the row's term and grade (interval, reasons, what would close it, comparator set); `rows_changed`: its
    interval, disposition or domains before context differ; `events_affected`: its contribution to some
    window differs, own context included. `subjects_affected`: interval or outcome differs for some
    infusion and window; `subjects_affected_primary`: in the headline result.

    `matrix`: headline points before and after (`point_before`, `point_after`, `subjects`); null where no
    single grade is defensible or the window cannot be placed. `crossings`: `end`, `threshold`,
    `direction` (up, down, to_unknown, from_unknown), `subjects`; only those that occur. `coverage`: terms
    decided by one release only (`change` lost or gained, `term_key`, `rows`, `subjects`). `contradictions`:
    adverse-event rows that recorded assessments contradict in the headline window (`kind`,
    `rows_before`, `rows_after`); only kinds that occur. `rules_hit`: grade rows of the new release that
    decide some row.
    """

    study_id: str
    old_release_id: str
    new_release_id: str
    rows: int
    rows_matched: int
    rows_changed: int
    events_affected: int
    subjects: int
    subjects_affected: int
    subjects_affected_primary: int
    matrix: pl.DataFrame
    crossings: pl.DataFrame
    coverage: pl.DataFrame
    contradictions: pl.DataFrame
    rules_hit: frozenset[str]
    affected: pl.DataFrame = field(repr=False)

    @property
    def has_impact(self) -> bool:
        """Some result of the study would differ."""
        return bool(self.rows_matched or self.events_affected or self.subjects_affected)


@dataclass(frozen=True)
class Failure:
    """A study that could not be computed: under which release, why, and what to do about it."""

    study_id: str
    release_id: str
    message: str
    next_action: str


@dataclass(frozen=True)
class Impact:
    """What accepting `new` instead of `old` does, over all studies that could be computed.

    `rules_never_hit`: grade rows of the new release that decide no row of any study. What compares the
    releases themselves is computed when it is asked for: publishing a study's impact does not need it.
    """

    old: Release = field(repr=False)
    new: Release = field(repr=False)
    studies: tuple[StudyImpact, ...]
    failures: tuple[Failure, ...]
    rules_never_hit: tuple[str, ...] = field(repr=False)

    @cached_property
    def affected(self) -> pl.DataFrame:
        """Subjects whose result differs, with the changes responsible: `diff_mapping_impact`."""
        frames = [study.affected for study in self.studies]
        return DiffMappingImpact.require(pl.concat(frames)) if frames else DiffMappingImpact.empty()

    @cached_property
    def diff(self) -> ReleaseDiff:
        """The changes themselves."""
        return compare_releases(self.old, self.new)

    @cached_property
    def falling_ladders(self) -> pl.DataFrame:
        """Rows of the new release whose interval lies lower than that of a lower grade of the same term.

        `scale`, `scale_version`, `concept_id`, `population`, `end`, `grade`, `value`, `next_grade`,
        `next_value`.
        """
        return find_falling_ladders(self.new)

    @property
    def has_impact(self) -> bool:
        """Some result of some study would differ."""
        return any(study.has_impact for study in self.studies)

    @property
    def exit_code(self) -> Literal[0, 1, 2]:
        """2: some study could not be computed; 1: some result would differ; 0: none would."""
        if self.failures:
            return 2
        return 1 if self.has_impact else 0


def preview_impact(studies: Iterable[StudyInput], old: Release, new: Release) -> Impact:
    """What grading the studies under `new` instead of `old` would change; changes nothing.

    A study that fails under one of the releases becomes a `Failure` and the others are still compared.
    Raises `ReleaseError` where both releases have the same id.
    """
    if old.release_id == new.release_id:
        raise ReleaseError(
            "a release is compared with itself",
            value=old.release_id,
            next_action="name two releases",
        )
    found: list[StudyImpact] = []
    failures: list[Failure] = []
    for study in studies:
        impact = _preview_or_fail(study, old, new)
        if isinstance(impact, Failure):
            failures.append(impact)
        else:
            found.append(impact)
    hit = frozenset[str]().union(*(study.rules_hit for study in found))
    never = sorted(set(new.tables["map_grades"]["rule_id"]) - hit)
    return Impact(
        old,
        new,
        tuple(sorted(found, key=lambda study: study.study_id)),
        tuple(sorted(failures, key=lambda failure: failure.study_id)),
        tuple(never),
    )


def _preview_or_fail(study: StudyInput, old: Release, new: Release) -> StudyImpact | Failure:
    """A study that cannot be computed must not take the others with it."""
    release_id = old.release_id
    try:
        composed = []
        for release in (old, new):
            release_id = release.release_id
            composed.append(study.compose(release))
            _require_conventions(study.manifest, composed[-1])
        release_id = f"{old.release_id} or {new.release_id}"
        return preview_study(study, *composed)
    except RegradeError as failure:
        return Failure(study.manifest.study, release_id, failure.what, failure.next_action)
    except (PolarsError, LookupError, ValueError, ArithmeticError) as failure:
        message = f"grading stopped ({type(failure).__name__})"
        action = "run `regrade mappings check` on both releases; report this if they are clean"
        return Failure(study.manifest.study, release_id, message, action)


def _require_conventions(manifest: StudyManifest, release: Release) -> None:
    known = set(release.tables["map_conventions"]["convention_id"])
    for name in manifest.grading.conventions:
        if name not in known:
            raise ReleaseError(
                f"release {release.release_id} has no convention {name}, which the study declares",
                column="grading.conventions",
                value=name,
                next_action="keep the convention in the release, or change the manifest of the study",
            )


def preview_study(study: StudyInput, old: Release, new: Release) -> StudyImpact:
    """The impact on one study of two releases as they apply to it; raises what the kernel raises."""
    checked, manifest = study.checked, study.manifest
    combinations, held = derive_combinations(checked, manifest)
    before = decide_combinations(combinations, old, manifest)
    after = decide_combinations(combinations, new, manifest)
    decided = combinations.select(COMBINATION, "is_rejected").join(
        before.join(after, on=COMBINATION, suffix="_after", validate="1:1"), on=COMBINATION, validate="1:1"
    )
    moved = decided.filter(compute_differs((*MEANING, "concept_id")))
    reached = held.join(moved, on=COMBINATION, how="semi").select(SUBJECT)
    if moved.height:
        # A condition of the history reaches a row through its concept, and is in no combination.
        reached = pl.concat([reached, checked["core_medical_history"].select(SUBJECT)])
    reached = reached.unique()
    old_results = grade_subjects(checked, old, manifest)
    part = keep_subjects(checked, reached)
    new_results = grade_subjects(part, new, manifest)
    changed = _changed_subjects(old_results.subjects, new_results.subjects)
    causes = derive_causes(part, manifest, old, new, combinations, held, decided, changed)
    valid = decided.filter(~pl.col("is_rejected"))
    counts = held.group_by(COMBINATION).len("rows")

    def rows_of(chosen: pl.DataFrame) -> int:
        return int(counts.join(chosen, on=COMBINATION, how="semi")["rows"].sum())

    is_primary = pl.col("is_primary_window") & (pl.col("infusion_number") == 0)
    headline = _pair_headline(old_results.subjects, changed)
    return StudyImpact(
        study_id=manifest.study,
        old_release_id=old.release_id,
        new_release_id=new.release_id,
        rows=checked["core_adverse_events"].height,
        rows_matched=rows_of(valid.filter(compute_differs(SHOWN))),
        rows_changed=rows_of(valid.filter(compute_differs(MEANING))),
        events_affected=_changed_events(old_results, new_results, reached),
        subjects=checked["core_subjects"].height,
        subjects_affected=changed.select(SUBJECT).n_unique() if changed.height else 0,
        subjects_affected_primary=changed.filter(is_primary).height,
        matrix=headline.group_by("point_before", "point_after")
        .agg(pl.len().cast(pl.Int64).alias("subjects"))
        .sort("point_before", "point_after"),
        crossings=_count_crossings(headline),
        coverage=_compare_coverage(valid, held, old, new),
        contradictions=_compare_contradictions(old_results, new_results, reached),
        rules_hit=frozenset(
            rule
            for rules in valid["source_rules_after"].drop_nulls().unique()
            for rule in rules.split(SEPARATOR)
        ),
        affected=DiffMappingImpact.require(
            changed.join(causes, on=SUBJECT_WINDOW, how="left", validate="1:1").with_columns(
                pl.lit(old.base_id).alias("old_release_id"), pl.lit(new.base_id).alias("new_release_id")
            )
        ),
    )


def _changed_subjects(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Subject rows that differ: SUBJECT_WINDOW, `is_primary_window`, RESULT with `_before` and `_after`."""
    names = {name: f"{name}_before" for name in RESULT}
    after = new.select(*SUBJECT_WINDOW, *(pl.col(name).alias(f"{name}_after") for name in RESULT))
    pairs = old.rename(names).join(after, on=SUBJECT_WINDOW, how="inner", validate="1:1")
    differs = (pl.col(f"{name}_before").ne_missing(pl.col(f"{name}_after")) for name in RESULT)
    return pairs.filter(pl.any_horizontal(differs))


def _changed_events(old: Results, new: Results, reached: pl.DataFrame) -> int:
    """Rows whose contribution to some window differs; a contribution that is not there is 0/0/0."""
    before = old.events.join(reached, on=SUBJECT, how="semi").with_columns(pl.lit(0).alias("_is_there"))
    after = new.events.with_columns(pl.lit(0).alias("_is_there"))
    pairs = before.join(
        after, on=EVENT_WINDOW, how="full", coalesce=True, suffix="_after", validate="1:1"
    ).with_columns(
        pl.when(pl.col(f"_is_there{side}").is_null()).then(0).otherwise(f"{end}{side}").alias(f"{end}{side}")
        for end in ENDS
        for side in ("", "_after")
    )
    return pairs.filter(compute_differs(ENDS)).select(EVENT).n_unique()


def _compare_contradictions(old: Results, new: Results, reached: pl.DataFrame) -> pl.DataFrame:
    """Rows that assessments contradict, by kind, under both releases; subjects out of reach keep theirs."""
    kept = old.contradictions.join(reached, on=SUBJECT, how="anti")
    after = pl.concat([kept, new.contradictions])
    counts = [
        side.group_by(pl.col("evidence_reason").replace_strict(REASON_KINDS).alias("kind")).agg(
            pl.len().cast(pl.Int64).alias(name)
        )
        for side, name in ((old.contradictions, "rows_before"), (after, "rows_after"))
    ]
    return (
        counts[0]
        .join(counts[1], on="kind", how="full", coalesce=True)
        .with_columns(pl.col("rows_before", "rows_after").fill_null(0))
        .sort("kind")
    )


def _pair_headline(subjects: pl.DataFrame, changed: pl.DataFrame) -> pl.DataFrame:
    """Every subject's headline interval before and after; null where the window cannot be placed."""
    headline = subjects.filter(pl.col("is_primary_window") & (pl.col("infusion_number") == 0))
    after = changed.select(*SUBJECT_WINDOW, *(f"{end}_after" for end in ENDS), pl.lit(1).alias("_changed"))
    is_placed = pl.col("outcome") != "NOT_EVALUABLE"
    is_changed = pl.col("_changed").is_not_null()
    return headline.join(after, on=SUBJECT_WINDOW, how="left", validate="1:1").select(
        *(pl.when(is_placed).then(end).alias(f"{end}_before") for end in ENDS),
        *(
            pl.when(is_placed & is_changed)
            .then(f"{end}_after")
            .when(is_placed)
            .then(end)
            .alias(f"{end}_after")
            for end in ENDS
        ),
    )


def _count_crossings(headline: pl.DataFrame) -> pl.DataFrame:
    """Subjects whose low, point or high crosses a threshold, by direction."""
    frames = []
    for end in ENDS:
        for threshold in THRESHOLDS:
            before, after = pl.col(f"{end}_before") >= threshold, pl.col(f"{end}_after") >= threshold
            direction = (
                pl.when(before.is_null() & after.is_not_null())
                .then(pl.lit("from_unknown"))
                .when(after.is_null() & before.is_not_null())
                .then(pl.lit("to_unknown"))
                .when(after & ~before)
                .then(pl.lit("up"))
                .when(before & ~after)
                .then(pl.lit("down"))
            )
            frames.append(
                headline.lazy()
                .select(
                    pl.lit(end).alias("end"),
                    pl.lit(threshold, pl.Int8).alias("threshold"),
                    direction.alias("direction"),
                )
                .drop_nulls("direction")
                .group_by("end", "threshold", "direction")
                .agg(pl.len().cast(pl.Int64).alias("subjects"))
                .sort("direction")
            )
    return pl.concat(frames).collect()


def _compare_coverage(valid: pl.DataFrame, held: pl.DataFrame, old: Release, new: Release) -> pl.DataFrame:
    """Terms that only one of the releases decides, with the rows and subjects that hold them."""
    was, now = compute_covered(old), compute_covered(new, "_after")
    changed = valid.filter(was != now).select(
        COMBINATION,
        pl.when(was).then(pl.lit("lost")).otherwise(pl.lit("gained")).alias("change"),
        pl.when(was).then("term_key").otherwise("term_key_after").fill_null("").alias("term_key"),
    )
    return (
        held.join(changed, on=COMBINATION, how="inner", validate="m:1")
        .group_by("change", "term_key")
        .agg(
            pl.len().cast(pl.Int64).alias("rows"),
            pl.struct(SUBJECT).n_unique().cast(pl.Int64).alias("subjects"),
        )
        .sort("change", "rows", "term_key", descending=[False, True, False])
    )


def find_falling_ladders(release: Release) -> pl.DataFrame:
    """Grade rows whose low, point or high is lower than that of the next lower grade with a value.

    Not always wrong (a version may word a grade so), but each is a reason to look. Child rows stand in
    for the rows they replace.
    """
    ladder = ["scale", "scale_version", "concept_id", "population"]
    grades = release.tables["map_grades"]
    found: list[pl.DataFrame] = []
    adults = grades.filter(pl.col("population") == "any")
    own = grades.filter(pl.col("population") == "child")
    keys = ["scale", "scale_version", "concept_id"]
    children = pl.concat(
        [
            own,
            adults.join(own.select(keys).unique(), on=keys, how="semi")
            .join(own, on=[*keys, "grade"], how="anti")
            .with_columns(pl.lit("child").alias("population")),
        ]
    )
    for end in ENDS:
        steps = (
            pl.concat([adults, children])
            .select(*ladder, "grade", pl.col(end).alias("value"))
            .drop_nulls("value")
        )
        steps = steps.sort(*ladder, "grade").with_columns(
            pl.col("grade").shift(-1).over(ladder).alias("next_grade"),
            pl.col("value").shift(-1).over(ladder).alias("next_value"),
        )
        found.append(
            steps.filter(pl.col("next_value") < pl.col("value")).select(
                *ladder, pl.lit(end).alias("end"), "grade", "value", "next_grade", "next_value"
            )
        )
    return pl.concat(found).sort(*ladder, "end", "grade")
