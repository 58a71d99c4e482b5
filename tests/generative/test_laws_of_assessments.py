"""The laws of GRADING.md section 1 with assessments, on complete made-up patients.

The truth is the ASTCT table read straight (`tests.oracle.astct`). A complete record of a patient must give
exactly that grade; with evidence taken away at random (whole days of assessments; grade, version, term,
onset or end of rows) the interval must contain the truth and what was known before.

`REGRADE_PATIENTS=100000 python -m pytest tests/generative/test_laws_of_assessments.py` grades that many
patients instead of the 3,000 of every run (20,000 under `REGRADE_LONG=1`). Results of such
runs are in README.md beside this file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.loader import load_release
from pipelines.grading.kernel import grade_study
from schemas.vocabulary import DOMAINS
from tests import studies
from tests.choices import Drawn, Seeded
from tests.oracle.astct import grade_of_day
from tests.oracle.interval import Interval, Union
from tests.patients import (
    Patient,
    Wordings,
    make_patient,
    make_record,
    without_arousal,
    without_days,
    without_details,
)
from tests.strategies import Terms, large_study
from tests.studies import Rows, to_frames

RELEASE = load_release()
WORDINGS = Wordings(RELEASE)
MANIFEST = studies.manifest(grading={"scale": "ctcae", "version": None})
PATIENTS = int(os.environ.get("REGRADE_PATIENTS", "20000" if os.environ.get("REGRADE_LONG") else "3000"))
BATCH = 1000
SIGNS = ("seizure", "motor", "icp")


def subjects_of(rows: Rows) -> dict[str, Interval]:
    """Interval of each patient in the primary window."""
    found = grade_study(to_frames(rows), RELEASE, MANIFEST)["core_subject_grades"]
    headline = found.filter(pl.col("is_primary_window") & (pl.col("infusion_number") == 0))
    return {row["subject_id"]: Interval(row["low"], row["point"], row["high"]) for row in headline.to_dicts()}


def unsound(patients: Iterable[Patient], found: Mapping[str, Interval]) -> list[str]:
    """Patients whose interval does not contain the truth."""
    return [
        f"{patient}: {found[patient.identifier]}"
        for patient in patients
        if not found[patient.identifier].low <= patient.truth <= found[patient.identifier].high
    ]


def inexact(patients: Iterable[Patient], found: Mapping[str, Interval]) -> list[str]:
    """Patients of whom everything is recorded and whose grade is not settled.

    Nothing recorded tells a healthy sleeper from grade 1: there the point is the truth, high at least 1.
    """
    wanted = {
        patient: Interval(patient.truth, patient.truth, max(patient.truth, int(patient.has_healthy_sleep)))
        for patient in patients
    }
    return [
        f"{patient}: {found[patient.identifier]}"
        for patient, interval in wanted.items()
        if found[patient.identifier] != interval
    ]


def widened(
    patients: Iterable[Patient], less: Mapping[str, Interval], more: Mapping[str, Interval]
) -> list[str]:
    """Patients whom more evidence does not narrow.

    The doubt about a healthy sleeper comes from a moment without any row: taking that moment away takes away
    evidence of its own (law 3), not a detail.
    """
    return [
        f"{patient}: {more[patient.identifier]} not inside {less[patient.identifier]}"
        for patient in patients
        if not patient.has_healthy_sleep and not less[patient.identifier].contains(more[patient.identifier])
    ]


def assert_laws(choose: Drawn | Seeded, patients: list[Patient]) -> None:
    """Laws 1 and 2 over a record, the same with fewer days, and that with less detail as well."""
    complete = make_record(choose, patients, WORDINGS)
    fewer_days = without_days(choose, complete)
    less_detail = without_details(choose, fewer_days)
    least = without_days(choose, without_details(choose, less_detail))
    # What wakes the patient may be missing on the very days that are assessed otherwise.
    unwoken = without_arousal(choose, complete)
    *results, asleep = graded_together([complete, fewer_days, less_detail, least, unwoken])
    assert inexact(patients, results[0]) == []
    for result in (*results, asleep):
        assert unsound(patients, result) == []
    for more, less in pairwise(results):
        assert widened(patients, less, more) == []


def graded_together(records: list[Rows]) -> list[dict[str, Interval]]:
    """Several records of the same patients, graded as one study under names that tell them apart."""
    together = studies.study([], [], [])
    for number, rows in enumerate(records):
        for table in together:
            for row in rows[table]:
                name = {"subject_id": f"{number}/{row['subject_id']}", "source_file": f"{number}.csv"}
                together[table].append(row | name)
    found = subjects_of(together)
    return [
        {name[2:]: interval for name, interval in found.items() if name.startswith(f"{number}/")}
        for number in range(len(records))
    ]


@st.composite
def records(draw: st.DrawFn) -> None:
    """A few patients, small enough to shrink to a readable one."""
    choose = Drawn(draw)
    count = draw(st.integers(1, 3))
    assert_laws(choose, [make_patient(choose, f"{n:02d}") for n in range(count)])


@given(records())
def test_laws_1_and_2_on_a_few_patients(checked: None) -> None:
    """Everything is drawn, so that a failure shrinks; the laws are asserted while drawing."""
    assert checked is None


BATCHES = [(seed, min(BATCH, PATIENTS - seed * BATCH)) for seed in range(-(-PATIENTS // BATCH))]


@pytest.mark.parametrize(("seed", "size"), BATCHES)
def test_laws_1_and_2_on_many_patients(seed: int, size: int) -> None:
    """As one study: thousands of patients, every domain, both age groups."""
    choose = Seeded(seed)
    patients = [make_patient(choose, f"{n:06d}") for n in range(size)]
    assert {patient.truth for patient in patients} == {0, 1, 2, 3, 4}
    for domain in DOMAINS:
        for is_child in (False, True):
            mine = [patient for patient in patients if patient.is_child is is_child]
            assert any(p.grade(day, domain) for p in mine for day in range(len(p.days))), domain
    assert_laws(choose, patients)


def test_a_planted_error_is_seen() -> None:
    """The laws can fail: a truth one grade higher is not contained in a complete record."""
    choose = Seeded(3)
    patients = [p for n in range(60) if (p := make_patient(choose, f"{n:03d}")).truth in (1, 2)]
    found = subjects_of(make_record(choose, patients, WORDINGS))
    shifted = {name: Interval(i.low + 1, None, i.high + 1) for name, i in found.items()}
    assert unsound(patients, found) == []
    assert len(unsound(patients, shifted)) == len(patients) > 5
    assert widened(patients, found, shifted) != []


def test_every_day_of_a_complete_record_has_the_grade_of_that_day() -> None:
    """Bedside grades, items and rows agree on each day, not only on the worst one.

    A row of seizure, motor or icp stands on each of its days: there the day can be above its own finding.
    """
    choose = Seeded(5)
    patients = [p for n in range(400) if not (p := make_patient(choose, f"{n:03d}")).has_healthy_sleep]
    frames = grade_study(to_frames(make_record(choose, patients, WORDINGS)), RELEASE, MANIFEST)
    days = {(row["subject_id"], row["day"]): row for row in frames["core_subject_days"].to_dicts()}
    exact = 0
    for patient in patients:
        signs = [p for n in range(len(patient.days)) for p in SIGNS if patient.grade(n, p)]
        for number, day in enumerate(patient.days, start=1):
            found, truth = days[patient.identifier, number], grade_of_day(day, patient.is_child)
            assert found["is_assessed"]
            assert found["low"] <= truth <= found["point"], (patient, number)
            if not signs:
                exact += 1
                assert (found["low"], found["point"], found["high"]) == (truth,) * 3, (patient, number)
    assert exact > 200


def test_law_3_a_subject_is_the_union_of_its_rows_and_moments() -> None:
    """Component by component, over what each row and each moment gives to the window."""
    made = large_study(Terms.of(RELEASE), 21, subjects=150)
    made.rows["core_rejected_rows"] = []
    manifest = made.manifest.model_copy(update={"ae_table_complete": True})
    frames = grade_study(to_frames(made.rows), RELEASE, manifest)
    parts: dict[tuple[object, ...], Union] = {}
    for name in ("core_event_windows", "core_assessment_windows"):
        for row in frames[name].to_dicts():
            for number in {0, row["infusion_number"]}:
                key = (row["subject_id"], number, row["window_days"])
                part = Interval(row["low"], row["point"], row["high"])
                parts[key] = parts.get(key, Union()).add(part)
    assert frames["core_assessment_windows"].height > 1000
    for row in frames["core_subject_grades"].to_dicts():
        key = (row["subject_id"], row["infusion_number"], row["window_days"])
        assert parts.get(key, Union()).result() == Interval(row["low"], row["point"], row["high"]), key
