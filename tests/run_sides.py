"""Runs of small studies as the run diff sees them, made without a run folder; and random pairs of runs.

Only builders live here; which causes a test expects is in the test.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from mappings.release import Release
from pipelines.diffs.run_diff_sides import RunSide
from pipelines.diffs.scale import compare_scales
from pipelines.grading.kernel import grade_study
from pipelines.ingest.checking import check_study
from pipelines.ingest.raw import RawStudy
from pipelines.ingest.staging import stage_study
from tests import raw_studies as raw
from tests.choices import Chooser
from tests.release_drafts import release_of, rows_of
from tests.small_release import small_release

TODAY = "c" * 64
EARLIER = "b" * 64
SMALL = small_release()
Tables = dict[str, pl.DataFrame]
Row = dict[str, str | None]

TERMS = (
    *("Encephalopathy", "Delirium", "Dysphasia", "Seizure", "Headache", "Agitation", "Coma"),
    *("Cerebral haemorrhage", "Zorbl syndrome", "Odd feeling"),
)


@dataclass(frozen=True)
class Parts:
    """What goes into a run: rows per role, the keys of the manifest, the release."""

    rows: Mapping[str, tuple[Row, ...]]
    settings: Mapping[str, Any]
    release: Release

    def raw(self, settings: Mapping[str, Any] | None = None) -> RawStudy:
        """The cells under the manifest, or under other settings."""
        chosen = dict(self.settings if settings is None else settings)
        of_files = chosen.pop("of_files", {})
        tables = [
            raw.table(role, rows, header=list(raw.EVENT), **of_files.get(role, {}))
            for role, rows in self.rows.items()
        ]
        return raw.study(*tables, **chosen)


def run_tables(study: RawStudy, release: Release) -> Tables:
    """Checked, graded and compared tables, as a run holds them."""
    checked = check_study(stage_study(study), study.manifest)
    graded = grade_study(checked, release, study.manifest)
    return {**checked, **graded, **compare_scales(checked, graded)}


def make_side(parts: Parts, run: str, code: str = TODAY, tables: Tables | None = None) -> RunSide:
    """The run of some parts; `tables` replaces results, as those of another program would be."""
    study = parts.raw()
    made = {**run_tables(study, parts.release), **(tables or {})}
    return RunSide(
        study_id="S1",
        run_id=hashlib.sha256(run.encode()).hexdigest(),
        manifest=study.manifest,
        inputs={f"{role}.csv": _digest(rows) for role, rows in parts.rows.items()},
        release_id=parts.release.release_id,
        release_sha256=parts.release.sha256,
        code_version="0.1.0" if code == TODAY else "0.0.9",
        code_sha256=code,
        table=made.__getitem__,
        raw=lambda: study,
        release=lambda: parts.release,
    )


def _digest(rows: tuple[Row, ...]) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def make_parts(choose: Chooser) -> Parts:
    """A study of one to three subjects under the small release."""
    numbers = [f"{number:02d}" for number in range(1, choose.pick([1, 2, 2, 3]) + 1)]
    events = tuple(
        make_event(choose, subject, number)
        for subject in numbers
        for number in range(1, choose.pick([1, 2, 3]) + 1)
    )
    subjects = tuple(raw.subject(USUBJID=number) for number in numbers)
    rows = {"adverse_events": events, "subjects": subjects}
    return Parts(rows, make_settings(choose), SMALL)


def make_event(choose: Chooser, subject: str, number: int) -> Row:
    """An adverse-event row; some without an onset, with a half grade or without a subject."""
    start = choose.pick(["2020-01-03", "2020-01-03", "2020-01-05", "2020-02-10", "2020-01", None, "2019-12"])
    return raw.event(
        USUBJID=choose.pick([subject] * 9 + [None]),
        AESEQ=str(number),
        AEDECOD=choose.pick(TERMS),
        AEPTCD=None,
        AEBODSYS=choose.pick(["Nervous system disorders", "Gastrointestinal disorders"]),
        AETOXGR=choose.pick(["1", "2", "3", "4", "2.5", None]),
        AESTDTC=start,
        AEENDTC=choose.pick([start, None]),
        AEREL=choose.pick(["RELATED", "NOT RELATED"]),
    )


def make_settings(choose: Chooser) -> dict[str, Any]:
    """Keys of the manifest that act in staging, in the checks and in the kernel."""
    settings: dict[str, Any] = {
        "grading": {
            "version": choose.pick(["4.03", "5.0"]),
            "half_grades": choose.pick(["reject", "ceil"]),
            "conventions": choose.pick([(), ("any_seizure_grade_3",)]),
        },
        "attribution": choose.pick(["widen", "ignore", "exclude"]),
        "windows": {"primary_days": choose.pick([30, 10]), "sensitivity_days": (56,)},
        "ae_table_complete": choose.pick([True, False]),
        "data_cutoff": choose.pick([None, "2020-01-20"]),
    }
    if choose.pick([False, False, True]):
        settings["of_files"] = {"adverse_events": {"where": {"AEREL": ("RELATED",)}}}
    return settings


def edit_rows(choose: Chooser, parts: Parts) -> Parts:
    """Rows removed, grades changed, subjects' rows taken away, the order turned round."""
    rows = dict(parts.rows)
    for _ in range(choose.pick([1, 2])):
        events = list(rows["adverse_events"])
        at = choose.pick(range(len(events))) if events else 0
        edit = choose.pick(["remove", "grade", "add", "turn", "subject"]) if events else "add"
        if edit == "remove":
            del events[at]
        elif edit == "grade":
            events[at] = {**events[at], "AETOXGR": choose.pick(["4", "1", "2.5", None])}
        elif edit == "add":
            events.append(make_event(choose, "01", 8 + len(events)))
        elif edit == "turn":
            events.reverse()
        else:
            rows["subjects"] = rows["subjects"][1:]
        rows["adverse_events"] = tuple(events)
    return replace(parts, rows=rows)


def edit_settings(choose: Chooser, parts: Parts) -> Parts:
    """Some keys of the manifest as another study would have them."""
    other = make_settings(choose)
    names = choose.pick([tuple(other), ("grading",), ("attribution", "windows"), ("of_files",)])
    changed = {name: other[name] for name in names if name in other}
    return replace(parts, settings={**parts.settings, **changed})


def edit_release(choose: Chooser, parts: Parts) -> Parts:
    """A release of other grades, without a term, or without a convention."""
    rows = rows_of(parts.release)
    for _ in range(choose.pick([1, 2, 3])):
        edit = choose.pick(["grade", "grade", "term", "convention"])
        if edit == "grade":
            row = choose.pick([row for row in rows["map_grades"] if row["grade"] < 5])
            low, high = sorted((choose.pick(range(4)), choose.pick(range(1, 5))))
            row |= {"low": low, "high": high, "point": choose.pick([None, low, high])}
            row |= {"disposition": "informs"}
        elif edit == "term":
            name = choose.pick(TERMS[:7])
            rows["map_terms"] = [row for row in rows["map_terms"] if row["term"] != name]
        else:
            rows["map_conventions"] = rows["map_conventions"][1:]
    return replace(parts, release=release_of(rows))


def other_program(choose: Chooser, tables: Tables) -> Tables:
    """Results as an earlier program could have made them: some cells of some rows differ."""
    events = tables["core_event_grades"]
    name = choose.pick(["requires", "review_reasons"])
    chosen = choose.pick(["01", "02"])
    changed = pl.when(pl.col("subject_id") == chosen).then(pl.lit("an earlier word")).otherwise(name)
    subjects = tables["core_subject_grades"]
    high = pl.when(pl.col("subject_id") == chosen).then(pl.lit(5, pl.Int8)).otherwise("high")
    changes = {"core_event_grades": events.with_columns(changed.alias(name))}
    if choose.pick([True, False]):
        changes["core_subject_grades"] = subjects.with_columns(high.alias("high"))
    return changes
