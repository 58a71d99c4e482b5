"""Law 4 for the batches of the kernel: how many subjects are graded at a time changes no byte."""

from __future__ import annotations

import pytest

from mappings.loader import load_release
from pipelines.grading.kernel import UNREAD, collect_batch, grade_study, split_subjects
from schemas.assessments import CoreAssessments
from schemas.digest import canonical_digest
from schemas.evidence import CoreSubjects
from schemas.registry import TABLES
from tests import studies
from tests.strategies import Seeded, Terms, make_study


@pytest.mark.parametrize("seed", range(6))
def test_batches_of_subjects_change_no_byte(seed: int) -> None:
    release = load_release()
    made = make_study(Seeded(seed), Terms.of(release), most_subjects=12, most_events=8)
    checked = studies.to_frames(made.rows)
    digests = [
        {
            name: canonical_digest(frame)
            for name, frame in grade_study(checked, release, made.manifest, batch_rows).items()
        }
        for batch_rows in (1_000_000, 7, 1)
    ]
    assert digests[0] == digests[1] == digests[2]


def test_columns_left_unread_are_columns_there_are() -> None:
    """A name that no table has any more would leave nothing unread, unnoticed."""
    for name, columns in UNREAD.items():
        assert set(columns) <= set(TABLES[name].polars_schema()), name
        checked = {name: TABLES[name].empty(), "core_subjects": CoreSubjects.empty()}
        (batch,) = split_subjects({"core_assessments": CoreAssessments.empty(), **checked}, 10)
        assert set(columns).isdisjoint(collect_batch(batch)[name].columns)
