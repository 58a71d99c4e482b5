"""How much an impact preview costs, in units of one plain regrade of the same rows.

    python tests/benchmarks/preview_benchmark.py --rows 1000000 --seed 1

Prints one table. The rows are invented by a seeded generator in the proportions of an oncology
adverse-event table: about ten rows per subject, one in four neurological, most terms common, dates within
two months of the infusion. The draft is a hard one: it changes grade cells of the most frequent concepts,
takes a term away, points another elsewhere and adds one.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mappings.loader import load_release
from mappings.release import Release
from mappings.term_key import term_key
from pipelines.diffs.mapping_impact import StudyInput, preview_impact
from pipelines.grading.kernel import grade_study
from schemas.manifest import StudyManifest
from schemas.registry import CHECKED_TABLES, RELEASE_TABLES

T = TypeVar("T")
TABLES = {table.info().name: table for table in (*CHECKED_TABLES, *RELEASE_TABLES)}
START = datetime(2020, 1, 1)
ROWS_PER_SUBJECT = 10
COMMON = ("Headache", "Encephalopathy", "Tremor", "Confusion", "Dysphasia", "Dizziness", "Somnolence")
"""Neurological terms that CAR-T studies report most often, the most frequent first."""


def make_study(rows: int, seed: int, release: Release) -> StudyInput:
    """A study of that many adverse-event rows."""
    source = random.Random(seed)
    subjects = max(rows // ROWS_PER_SUBJECT, 1)
    identifiers = [f"{number:07d}" for number in range(subjects)]
    ages = source.choices(["adult", "child", "unknown"], [85, 12, 3], k=subjects)
    people = {
        "study_id": ["BENCH"] * subjects,
        "subject_id": identifiers,
        "is_in_subject_table": [True] * subjects,
        "is_infused": [True] * subjects,
        "population": ages,
        "vital_status": source.choices(["unknown", "alive", "dead"], [50, 40, 10], k=subjects),
        "source_file": ["dm.csv"] * subjects,
        "source_row": list(range(1, subjects + 1)),
    }
    infused = [START + timedelta(days=day) for day in source.choices(range(700), k=subjects)]
    infusions = {
        "study_id": ["BENCH"] * subjects,
        "subject_id": identifiers,
        "infusion_number": [1] * subjects,
        "infusion_text": [f"{day:%Y-%m-%d}" for day in infused],
        "infusion_earliest": infused,
        "infusion_latest": [_last(day) for day in infused],
        "infusion_precision": ["day"] * subjects,
        "source_file": ["ex.csv"] * subjects,
        "source_row": list(range(1, subjects + 1)),
    }
    events = _events(rows, subjects, identifiers, infused, source, seed, release)
    frames = {"core_adverse_events": events, "core_subjects": people, "core_infusions": infusions}
    checked = {table.info().name: _frame(table.info().name, frames) for table in CHECKED_TABLES}
    manifest = StudyManifest.model_validate(
        {
            "study": "BENCH",
            "files": [{"path": "ae.csv", "role": "adverse_events"}],
            "grading": {"scale": "ctcae", "version": "5.0"},
            "infusions": {"source": "none"},
            "windows": {"primary_days": 30, "sensitivity_days": [56]},
        }
    )
    return StudyInput(checked, manifest)


def _events(
    rows: int,
    subjects: int,
    identifiers: list[str],
    infused: list[datetime],
    source: random.Random,
    seed: int,
    release: Release,
) -> dict[str, list[Any]]:
    vocabulary = release.tables["map_vocabulary"].filter(pl.col("scale_version") == "5.0")
    listed = sorted(vocabulary.select("term", "class_name").iter_rows())
    random.Random(seed).shuffle(listed)
    listed.sort(key=lambda pair: COMMON.index(pair[0]) if pair[0] in COMMON else len(COMMON))
    is_neuro = {pair: pair[1] in ("Nervous system disorders", "Psychiatric disorders") for pair in listed}
    kinds = [
        [pair for pair in listed if is_neuro[pair]],
        [pair for pair in listed if not is_neuro[pair]],
    ]
    drawn: list[tuple[str, str]] = []
    for kind, share in zip(kinds, (rows // 4, rows - rows // 4), strict=True):
        drawn += source.choices(kind, [1 / place for place in range(1, len(kind) + 1)], k=share)
    source.shuffle(drawn)
    holders = [number * subjects // rows for number in range(rows)]
    starts = [infused[holder] for holder in holders]
    starts = [
        day + timedelta(days=after)
        for day, after in zip(starts, source.choices(range(-5, 60), k=rows), strict=True)
    ]
    lengths = source.choices(range(15), k=rows)
    ends = [day + timedelta(days=length) for day, length in zip(starts, lengths, strict=True)]
    grades = source.choices([1, 2, 3, 4, 5, None], [40, 30, 20, 7, 1, 2], k=rows)
    return {
        "study_id": ["BENCH"] * rows,
        "subject_id": [identifiers[holder] for holder in holders],
        "event_id": [str(number) for number in range(rows)],
        "source_file": ["ae.csv"] * rows,
        "source_row": list(range(1, rows + 1)),
        "verbatim_term": [f"{term} ({number % 97})" for number, (term, _) in enumerate(drawn)],
        "preferred_term": [term for term, _ in drawn],
        "body_system": [name for _, name in drawn],
        "scale": ["ctcae"] * rows,
        "scale_version": ["5.0"] * rows,
        "grade": grades,
        "grade_status": ["missing" if grade is None else "read" for grade in grades],
        "start_earliest": starts,
        "start_latest": [_last(day) for day in starts],
        "start_precision": ["day"] * rows,
        "end_earliest": ends,
        "end_latest": [_last(day) for day in ends],
        "end_precision": ["day"] * rows,
        "relationship": source.choices([None, "related", "not_related", "unlikely"], [60, 30, 7, 3], k=rows),
    }


def _last(day: datetime) -> datetime:
    return day + timedelta(days=1, microseconds=-1)


def _frame(name: str, frames: dict[str, dict[str, list[Any]]]) -> pl.DataFrame:
    """The columns given, the others null; canonical."""
    schema = TABLES[name].polars_schema()
    given = pl.DataFrame(frames.get(name, {}), schema={n: schema[n] for n in frames.get(name, {})})
    absent = [pl.lit(None, dtype).alias(n) for n, dtype in schema.items() if n not in given.columns]
    return TABLES[name].canonicalise(given.with_columns(absent) if given.width else TABLES[name].empty())


def make_draft(release: Release, *, wide: bool = False) -> Release:
    """The release with a dozen differences that reach many subjects; `wide`: every open row of 5.0 too."""
    frequent = ["confusion", "encephalopathy", "somnolence", "seizure", "delirium"]
    chosen = pl.col("high") > 0 if wide else pl.col("concept_id").is_in(frequent)
    graded = chosen & (pl.col("scale_version") == "5.0") & pl.col("grade").is_in([2, 3])
    grades = release.tables["map_grades"].with_columns(
        low=pl.when(graded).then(0).otherwise("low").cast(pl.Int8),
        requires=pl.when(graded).then(pl.lit("ICE")).otherwise("requires"),
    )
    terms = release.tables["map_terms"].filter(pl.col("term_key") != "amnesia")
    tremor = terms.filter(pl.col("term_key") == "tremor").head(1)
    added = tremor.with_columns(
        term=pl.lit("Nausea"),
        term_key=pl.lit(term_key("Nausea")),
        code=pl.lit(""),
        scale_version=pl.lit("5.0"),
    )
    terms = pl.concat([terms, added]).with_columns(
        concept_id=pl.when(pl.col("term_key") == "dizziness").then(pl.lit("syncope")).otherwise("concept_id")
    )
    tables = dict(release.tables) | {"map_grades": grades, "map_terms": terms}
    frames = {
        table.info().name: table.require(tables[table.info().name].with_columns(release_id=pl.lit("9.9.9")))
        for table in RELEASE_TABLES
    }
    return Release("9.9.9", "0" * 64, "draft", "draft, not clinically reviewed", frames)


def measure(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds a call takes, and what it returns."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wide", action="store_true", help="a draft that changes every open grade row")
    arguments = parser.parse_args()
    old = load_release()
    new = make_draft(old, wide=arguments.wide)
    study = make_study(arguments.rows, arguments.seed, old)
    plain, _ = measure(lambda: grade_study(study.checked, old, study.manifest))
    preview, impact = measure(lambda: preview_impact([study], old, new))
    print(f"adverse-event rows        {arguments.rows:>12,}")
    print(f"subjects                  {impact.studies[0].subjects:>12,}")
    print(f"rows decided otherwise    {impact.studies[0].rows_changed:>12,}")
    print(f"subjects affected         {impact.studies[0].subjects_affected:>12,}")
    print(f"changes between releases  {impact.diff.rows.height:>12,}")
    print(f"one plain regrade         {plain:>10.1f} s")
    print(f"impact preview            {preview:>10.1f} s")
    print(f"ratio                     {preview / plain:>12.2f}")


if __name__ == "__main__":
    main()
