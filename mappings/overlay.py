"""Private overlays on a release: a sponsor's terms, conventions and overrides, layer upon layer.

What may live here: what an overlay may do to a release, and the release that comes of it. What may not:
reading the folder (`mappings.overlay_file`), what a look-up reads (`mappings.readings`).

An overlay adds, or says in its column `overrides` which rules of the release its row replaces. A rule is
replaced when some look-up that it answered gets its answer no more: by a row with the same key, by a row for
one version over a row for any, for children over a row for all, for a concept over a row for every
concept. Two overlays never decide the same look-up, so their order changes nothing but the name.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from mappings.checks import DECIDING, code_problems, concept_problems, row_problems, unused_problems
from mappings.meddra import Meddra
from mappings.overlay_file import Overlay
from mappings.problem import Problem
from mappings.readings import RULE_OF, Read, Readings, grade_readings, term_readings
from mappings.release import Release
from mappings.sheets import OVERRIDES, Sheet
from schemas.base import SEPARATOR
from schemas.errors import ReleaseError
from schemas.registry import RELEASE_TABLES

Tables = dict[str, pl.DataFrame]
_TABLES = {table.info().name: table for table in RELEASE_TABLES}


def compose_release(
    base: Release, overlays: Sequence[Overlay] = (), dictionary: Meddra | None = None
) -> Release:
    """The release with overlays on top, in order, and the dictionary of a study.

    Its id is that of the base, `+`, what was put on it and eight digits of its sha256, so that two
    contents never share an id; `layer` of every row keeps who decides by it. Without overlays and
    dictionary it is the base itself. Raises `ReleaseError` naming file, line, rule and next action: an
    overlay for another release, a row that replaces a rule without saying so, an override of nothing,
    two overlays that decide the same, and whatever breaks the rules of a release.
    """
    if not overlays and dictionary is None:
        return base
    names = [overlay.name for overlay in overlays]
    for name in sorted({name for name in names if names.count(name) > 1}):
        raise ReleaseError(
            "the overlay is applied twice",
            column="mapping_overlays",
            value=name,
            next_action="name each overlay once",
        )
    tables = dict(base.tables)
    for overlay in overlays:
        _require_base(overlay, base)
        tables = _Layer(overlay, tables, base.release_id).applied()
    parts = [*names, *([] if dictionary is None else [f"meddra-{dictionary.version}"])]
    sha256 = _digest(base, overlays, dictionary)
    release_id = f"{base.release_id}+{'.'.join(parts)}.{sha256[:8]}"
    status = "draft" if overlays else base.status
    review = base.review_status
    if overlays:
        listed = ", ".join(names)
        review = f"draft, not clinically reviewed: private overlay {listed} on {base.release_id} ({review})"
    if dictionary is not None:
        review += f", terms also read through MedDRA {dictionary.version}"
    tables["map_releases"] = _about(base, overlays, status, sha256)
    composed = {
        name: _TABLES[name].require(frame.with_columns(release_id=pl.lit(release_id)))
        for name, frame in tables.items()
    }
    return Release(release_id, sha256, status, review, composed, dictionary)


def _digest(base: Release, overlays: Sequence[Overlay], dictionary: Meddra | None) -> str:
    content = {
        "release": [base.release_id, base.sha256],
        "overlays": [[overlay.name, overlay.sha256] for overlay in overlays],
        "meddra": None if dictionary is None else [dictionary.version, dictionary.sha256],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _about(base: Release, overlays: Sequence[Overlay], status: str, sha256: str) -> pl.DataFrame:
    """The row of map_releases; sign-offs of the base do not sign what an overlay changed."""
    licences = [f"{overlay.name}: {overlay.licence}" for overlay in overlays]
    notes = [f"{overlay.name} ({overlay.author_role}): {overlay.change_note}" for overlay in overlays]
    frame = base.tables["map_releases"].with_columns(
        status=pl.lit(status),
        parent_release_id=pl.lit(base.release_id),
        release_sha256=pl.lit(sha256),
        licence=pl.concat_str("licence", *map(pl.lit, licences), separator="; "),
        change_note=pl.lit(" ".join(notes)) if notes else pl.col("change_note"),
    )
    if overlays:
        unsigned = pl.lit(0, pl.Int32)
        frame = frame.with_columns(clinical_sign_offs=unsigned, data_sign_offs=unsigned)
    return frame


def _require_base(overlay: Overlay, base: Release) -> None:
    if not overlay.fits(base.release_id):
        raise ReleaseError(
            f"the overlay was made for release {overlay.base}, not for {base.release_id}",
            file=f"{overlay.name}/overlay.yaml",
            column="base",
            value=overlay.base,
            next_action=f"run the study under such a release, or review the overlay against "
            f"{base.release_id} and widen its base",
        )


@dataclass(frozen=True)
class _Layer:
    """One overlay about to be put on `tables`, the release with the overlays before it."""

    overlay: Overlay
    tables: Mapping[str, pl.DataFrame]
    base_id: str

    def applied(self) -> Tables:
        """The tables with the overlay on top; the first problem is raised."""
        for problem in (*row_problems(self.overlay.sheets), *self._provenance_problems()):
            raise problem.error()
        result = dict(self.tables)
        for name, sheet in self.overlay.sheets.items():
            keys = [key for key in _TABLES[name].info().key if key != "release_id"]
            kept = self.tables[name].join(sheet.frame, on=keys, how="anti", nulls_equal=True)
            result[name] = pl.concat([kept, sheet.frame])
        for problem in self._problems(result):
            raise problem.error()
        return result

    def _problems(self, result: Tables) -> Iterator[Problem]:
        sheets = self.overlay.sheets
        for name, sheet in sheets.items():
            yield from self._override_problems(name, sheet, result)
        yield from concept_problems(sheets, result["map_concepts"]["concept_id"])
        if concepts := sheets.get("map_concepts"):
            used = {name: result[name]["concept_id"] for name in ("map_grades", "map_terms")}
            yield from unused_problems(concepts, used)
        if terms := sheets.get("map_terms"):
            yield from _own_code_problems(terms, result["map_terms"])

    def _provenance_problems(self) -> Iterator[Problem]:
        """The author of a row is the role of `overlay.yaml`; without sign-offs, no row claims a review."""
        role = self.overlay.author_role
        for name in DECIDING:
            if sheet := self.overlay.sheets.get(name):
                what = "the author is not the author_role of overlay.yaml"
                action, wrong = f"write {role}", pl.col("author") != role
                yield from sheet.problems(
                    "MAP-OVERLAY-AUTHOR", what, "author_label", wrong, next_action=action
                )
                what = "an overlay has no sign-offs, so none of its rows is reviewed"
                action, wrong = (
                    "leave reviewer_label and review_date blank",
                    pl.col("reviewed_by").is_not_null(),
                )
                yield from sheet.problems(
                    "MAP-OVERLAY-REVIEW", what, "reviewer_label", wrong, next_action=action
                )

    def _override_problems(self, name: str, sheet: Sheet, result: Tables) -> Iterator[Problem]:
        """Overrides name rules of the release, name all that the rows replace, and none besides."""
        below = {_rule(name, row): str(row["layer"]) for row in self.tables[name].iter_rows(named=True)}
        rows = {_rule(name, row): at for at, row in enumerate(sheet.frame.iter_rows(named=True))}
        named = self.overlay.overrides(name)
        for at, rules in enumerate(named):
            for rule in rules:
                if rule not in below:
                    yield _unknown(sheet, at, rule, list(below))
                elif below[rule] != self.base_id:
                    yield _conflict(sheet, at, rule, below[rule])
        replaced = self._replaced(name, sheet, result, rows)
        for at, reads in sorted(replaced.items()):
            others = sorted(read for read in reads if read.layer != self.base_id)
            for read in others[:1]:
                yield _conflict(sheet, at, read.rule, read.layer)
            unsaid = sorted({read.rule for read in reads} - set(named[at]))
            if unsaid and not others:
                yield _shadow(sheet, at, unsaid, self.base_id)
        for at, rules in enumerate(named):
            taken = {read.rule for read in replaced.get(at, ())}
            for rule in rules:
                if rule not in taken:
                    yield _idle(sheet, at, rule)

    def _replaced(
        self, name: str, sheet: Sheet, result: Tables, rows: Mapping[str, int]
    ) -> dict[int, set[Read]]:
        """Rows of the overlay with the rules whose place they take: same key, or an answer that is gone."""
        found: dict[int, set[Read]] = defaultdict(set)
        for row in self.tables[name].iter_rows(named=True):
            rule = _rule(name, row)
            if rule in rows:
                found[rows[rule]].add(Read(rule, row["layer"], None))
        before, after = (_readings(name, tables, sheet) for tables in (self.tables, result))
        for place, reads in before.items():
            now = after.get(place, frozenset())
            answers = {read.answer for read in now}
            winners = [rows[read.rule] for read in now if read.layer == self.overlay.name]
            for read in (read for read in reads if read.answer not in answers):
                # A rule that no row takes the place of is put out of use by the rows beside it.
                for at in winners or _beside(sheet, place):
                    found[at].add(read._replace(answer=None))
        return found


def _readings(name: str, tables: Mapping[str, pl.DataFrame], sheet: Sheet) -> Readings:
    frame = sheet.frame
    if name == "map_terms":
        return term_readings(tables[name], frame["term_key"], frame["code"])
    if name == "map_grades":
        return grade_readings(tables[name], frame.select("scale", "concept_id").rows())
    return {}


def _beside(sheet: Sheet, place: tuple[Any, ...]) -> list[int]:
    """The row of the overlay that puts a grade out of use without deciding it: the first of its ladder.

    Only grades have ladders: a term row that takes an answer away gives another.
    """
    scale, concept, version, _, _ = place
    ladder = (
        (pl.col("scale") == scale)
        & (pl.col("concept_id") == concept)
        & pl.col("scale_version").is_in([version, "any"])
    )
    return [int(row) for row in sheet.frame.select(ladder).to_series().arg_true()][:1]


def _own_code_problems(terms: Sheet, composed: pl.DataFrame) -> Iterator[Problem]:
    """The rules on codes over the whole table, each problem at the overlay's row that shares the code."""
    whole = Sheet(terms.release_id, terms.file, composed, composed, 0)
    lines = {code: at for at, code in enumerate(terms.frame["code"].to_list()) if code}
    keys = {key: at for at, key in enumerate(terms.frame["term_key"].to_list())}
    for problem in code_problems(whole):
        row = composed.row(problem.line or 0, named=True)
        at = lines.get(row["code"], keys.get(row["term_key"]))
        assert at is not None  # the release itself breaks no rule
        yield _problem(terms, at, problem.rule_id, problem.message, "code", row["code"], problem.next_action)


def _rule(name: str, row: Mapping[str, Any]) -> str:
    return str(RULE_OF[name](row))


def _problem(
    sheet: Sheet, at: int, rule_id: str, what: str, column: str, value: str, next_action: str
) -> Problem:
    line = None if sheet.first_line is None else sheet.first_line + at
    return Problem("content", sheet.release_id, sheet.file, rule_id, what, next_action, line, column, value)


def _shadow(sheet: Sheet, at: int, rules: Sequence[str], base_id: str) -> Problem:
    said = SEPARATOR.join(rules)
    beside = ", or give a row for each grade it puts out of use" if sheet.file == "grades.tsv" else ""
    return _problem(
        *(sheet, at, "MAP-OVERLAY-SHADOW"),
        f"the row takes the place of a rule of {base_id} without saying so",
        *(OVERRIDES, said),
        f"if it is meant, write {said} in the column {OVERRIDES}; else remove the row{beside}",
    )


def _idle(sheet: Sheet, at: int, rule: str) -> Problem:
    return _problem(
        *(sheet, at, "MAP-OVERLAY-IDLE"),
        "the row overrides a rule whose place it does not take",
        *(OVERRIDES, rule),
        "name the rule the row replaces, or leave the cell blank",
    )


def _unknown(sheet: Sheet, at: int, rule: str, known: list[str]) -> Problem:
    near = difflib.get_close_matches(rule, known, n=1)
    return _problem(
        *(sheet, at, "MAP-OVERLAY-UNKNOWN"),
        "the row overrides a rule that the release does not have",
        *(OVERRIDES, rule),
        f"nearest: {near[0]}" if near else "name a rule of the release",
    )


def _conflict(sheet: Sheet, at: int, rule: str, layer: str) -> Problem:
    return _problem(
        *(sheet, at, "MAP-OVERLAY-CONFLICT"),
        f"overlays {layer} and {sheet.release_id} decide the same",
        *(OVERRIDES, rule),
        "keep the decision in one of them",
    )
