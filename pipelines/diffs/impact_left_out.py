"""A release with one of its changes left out, and which combinations of a study notice.

What may live here: leaving one change out, and where a change can be met. What may not: subjects and
verdicts (`pipelines.diffs.impact_causes`). A release is reduced to what the combinations in question can
meet, so that hundreds of changes can be tried; a dictionary can lead to any term, so with one no term is
dropped.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace

import polars as pl

from mappings.diff import ReleaseDiff, apply_diff, compare_releases
from mappings.release import Release
from mappings.term_key import term_key
from pipelines.diffs.impact_decisions import COMBINATION, MEANING, decide_combinations
from schemas.manifest import StudyManifest

EVERY_CONCEPT = "*"
HITS = pl.Schema({"change": pl.Int64(), COMBINATION: pl.UInt32(), "restores": pl.Boolean()})
_CODES = ("llt_code", "pt_code")
_TEXTS = ("preferred_term", "lowest_level_term", "verbatim_term")
_DECISION = ("scale", "scale_version", "concept_id", "grade")
_KEY_PART = re.compile(r"((?:[^|\\]|\\.)*)(?:\||$)")


class LeftOut:
    """The new release without one change, for each change that the combinations of a study can meet.

    `changes` are those rows of `diff_mapping_rows`; a change is its position there.
    """

    def __init__(
        self, old: Release, new: Release, manifest: StudyManifest, met: pl.DataFrame, decided: pl.DataFrame
    ) -> None:
        self._manifest = manifest
        self._met = met
        self._decided = decided.join(met, on=COMBINATION, how="semi")
        self._keys = {row[COMBINATION]: _keys(row) for row in met.iter_rows(named=True)}
        codes, texts = self._keys_of(self._keys)
        concepts = _concepts(old, codes, texts) | _concepts(new, codes, texts)
        self._new = _reduce(new, codes, texts, concepts)
        self.changes = compare_releases(_reduce(old, codes, texts, concepts), self._new).rows
        self._undone = _invert(self.changes)
        self._places = self._find_places()
        statuses, methods = (pl.col(name, f"{name}_after") for name in ("term_status", "match_method"))
        self._undecided = self._numbers(pl.any_horizontal(statuses != "mapped"))
        self._by_dictionary = self._numbers(pl.any_horizontal(methods.str.starts_with("meddra")))

    def release(self, change: int) -> Release:
        """The new release without one change, reduced to what the combinations of the study can meet."""
        return self._without(self._new, change)

    def hits(self) -> pl.DataFrame:
        """Combinations whose meaning depends on a change; `restores`: without it the old one is back."""
        found = [self._hits_of(change) for change in range(self.changes.height)]
        return pl.concat([pl.DataFrame(schema=HITS), *found])

    def _hits_of(self, change: int) -> pl.DataFrame:
        row = self.changes.row(change, named=True)
        near = self._near(row)
        if not near:
            return pl.DataFrame(schema=HITS)
        codes, texts = self._keys_of(near)
        named = {row["concept_id"], row["previous_concept_id"]} - {None}
        concepts = _concepts(self._new, codes, texts) | self._met_by(near) | named
        reduced = _reduce(self._new, codes, texts, concepts)
        met = self._met.filter(pl.col(COMBINATION).is_in(sorted(near)))
        without = decide_combinations(met, self._without(reduced, change), self._manifest)
        both = self._decided.join(
            without.select(COMBINATION, *MEANING), on=COMBINATION, suffix="_without", validate="1:1"
        )
        is_hit = pl.any_horizontal(pl.col(f"{n}_after").ne_missing(pl.col(f"{n}_without")) for n in MEANING)
        restores = pl.all_horizontal(pl.col(n).eq_missing(pl.col(f"{n}_without")) for n in MEANING)
        return both.filter(is_hit).select(
            pl.lit(change, pl.Int64).alias("change"),
            pl.col(COMBINATION).cast(pl.UInt32),
            restores.alias("restores"),
        )

    def _without(self, release: Release, change: int) -> Release:
        """A reduced new release with one change undone.

        Where both rows of a decision changed, it may be left with a row for children alone; a release
        cannot have one, so it goes too.
        """
        undone = ReleaseDiff(release.release_id, release.release_id, self._undone[change])
        tables = dict(release.tables)
        for name, frame in apply_diff(release.tables, undone).items():
            own = {"release_id": pl.lit(release.release_id), "layer": pl.lit(release.release_id)}
            added = {key: value for key, value in own.items() if key in tables[name].columns}
            tables[name] = frame.with_columns(**added).select(tables[name].columns)
        grades = tables["map_grades"]
        beside = grades.filter(pl.col("population") == "any").select(_DECISION)
        is_child = pl.col("population") == "child"
        alone = grades.filter(is_child).join(beside, on=_DECISION, how="anti")["rule_id"]
        tables["map_grades"] = grades.filter(~pl.col("rule_id").is_in(alone.to_list()))
        return replace(release, tables=tables)

    def _find_places(self) -> dict[tuple[str, str], set[int]]:
        """Combinations by what leads to them: a code, a text, a concept of either release."""
        places: dict[tuple[str, str], set[int]] = defaultdict(set)
        for number, (codes, texts) in self._keys.items():
            for kind, keys in (("code", codes), ("text", texts)):
                for key in keys:
                    places[kind, key].add(number)
        for name in ("concept_id", "concept_id_after"):
            for number, concept in self._decided.select(COMBINATION, name).drop_nulls().iter_rows():
                places["concept", concept].add(number)
        other_scales = self._met.filter(pl.col("scale").is_in(["cres", "astct"]))
        places["concept", EVERY_CONCEPT] |= set(other_scales[COMBINATION])
        return dict(places)

    def _near(self, change: Mapping[str, str | None]) -> set[int]:
        """Combinations that a change can reach; rather too many than too few."""
        name = change["map_table"]
        if name == "map_classes":
            return self._undecided
        if name in ("map_terms", "map_vocabulary"):
            parts = _key_parts(change["row_key"] or "")
            key = parts[0] if name == "map_terms" else parts[1]
            near = self._places.get(("text", key), set()) | self._places.get(("code", parts[2]), set())
            if name == "map_vocabulary":
                return near & self._undecided
            if self._new.dictionary is not None:
                near = near | self._undecided | self._by_dictionary
            return near
        concepts = (change["concept_id"], change["previous_concept_id"])
        return set().union(*(self._places.get(("concept", c), set()) for c in concepts if c))

    def _numbers(self, where: pl.Expr) -> set[int]:
        return set(self._decided.filter(where)[COMBINATION])

    def _keys_of(self, numbers: Collection[int]) -> tuple[set[str], set[str]]:
        codes = set().union(*(self._keys[number][0] for number in numbers))
        texts = set().union(*(self._keys[number][1] for number in numbers))
        return codes, texts

    def _met_by(self, numbers: Collection[int]) -> set[str]:
        """Concepts of some combinations in either release."""
        chosen = self._decided.filter(pl.col(COMBINATION).is_in(sorted(numbers)))
        return set(chosen["concept_id"].drop_nulls()) | set(chosen["concept_id_after"].drop_nulls())


def _keys(combination: Mapping[str, object]) -> tuple[set[str], set[str]]:
    """Codes and normalised texts a term row of a release is looked up by."""
    codes = {str(combination[name]).strip() for name in _CODES if combination[name] is not None}
    texts = {term_key(str(combination[name])) for name in _TEXTS if combination[name] is not None}
    return codes - {""}, texts - {""}


def _key_parts(row_key: str) -> list[str]:
    """The cells of a key that `mappings.diff` joined: by `|`, with `\\` before a `|` or `\\` of a cell."""
    return [re.sub(r"\\(.)", r"\1", part) for part in _KEY_PART.findall(row_key)]


def _looked_up(codes: Collection[str], texts: Collection[str]) -> pl.Expr:
    return pl.col("term_key").is_in(sorted(texts)) | pl.col("code").is_in(sorted(codes))


def _concepts(release: Release, codes: Collection[str], texts: Collection[str]) -> set[str]:
    """Concepts that a look-up by these keys can end at."""
    terms = release.tables["map_terms"]
    kept = terms if release.dictionary else terms.filter(_looked_up(codes, texts))
    return set(kept["concept_id"].drop_nulls())


def _reduce(
    release: Release, codes: Collection[str], texts: Collection[str], concepts: Collection[str]
) -> Release:
    """The release without the rows that nothing with these keys and concepts can meet."""
    tables = dict(release.tables)
    meant = pl.col("concept_id").is_in(sorted({*concepts, EVERY_CONCEPT}))
    for name in ("map_grades", "map_conventions", "map_concepts"):
        tables[name] = tables[name].filter(meant)
    if release.dictionary is None:
        for name in ("map_terms", "map_vocabulary"):
            tables[name] = tables[name].filter(_looked_up(codes, texts))
    return replace(release, tables=tables)


def _invert(changes: pl.DataFrame) -> list[pl.DataFrame]:
    """Each change the other way round, as a diff of one row: what was added is removed, and so on."""
    swapped = changes.with_columns(
        pl.col("change").replace({"added": "removed", "removed": "added"}),
        pl.coalesce("previous_key", "row_key").alias("row_key"),
        pl.when(pl.col("previous_key").is_not_null()).then("row_key").alias("previous_key"),
        pl.col("after").alias("before"),
        pl.col("before").alias("after"),
    )
    return list(swapped.iter_slices(1))
