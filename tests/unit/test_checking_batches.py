"""Adverse events are checked in batches of subjects: the size of a batch changes no row and no finding."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines.ingest.checking import check_study, stream_checks
from tests import raw_studies
from tests.benchmarks.generator import draw_block

SEED = 4


@pytest.fixture(scope="module")
def study():
    """Invented rows in no order, dirty cells, repeated rows and rows without a subject among them."""
    block = draw_block(SEED, 12)
    shuffled = block["ae"].sample(fraction=1, shuffle=True, seed=SEED)
    events = shuffled.with_columns(pl.all().cast(pl.String), NEURO=pl.lit(None, pl.String)).to_dicts()
    events[3]["USUBJID"] = None
    events += [dict(events[10]), {**events[20], "AETERM": "another term"}]
    subjects = block["dm"].with_columns(pl.all().cast(pl.String)).to_dicts()
    raw = raw_studies.study(
        raw_studies.table("adverse_events", events, columns={"sponsor_neurotoxicity": "NEURO"}),
        raw_studies.table("subjects", subjects),
    )
    staged = raw_studies.staged(raw)
    return staged, raw.manifest, check_study(staged, raw.manifest, len(events))


@pytest.mark.parametrize("batch_rows", [1, 40, 333, 1_000])
@pytest.mark.parametrize("lazily", [False, True], ids=["in memory", "from files"])
def test_batches_change_nothing(study, batch_rows: int, lazily: bool) -> None:
    staged, manifest, whole = study
    given = {name: frame.lazy() for name, frame in staged.items()} if lazily else staged
    found = check_study(given, manifest, batch_rows)
    assert found.keys() == whole.keys()
    for name, frame in whole.items():
        assert_frame_equal(found[name], frame)


def test_the_study_has_what_batches_could_lose(study) -> None:
    staged, _, whole = study
    assert staged["staged_adverse_events"]["subject_id"].null_count() > 0
    rejected = set(whole["core_rejected_rows"]["rule_id"])
    assert {"CHK-SUBJECT-MISSING", "CHK-DUPLICATE-ROW", "CHK-KEY-CONFLICT"} <= rejected


def test_a_flag_that_no_row_has_is_not_asked_for_in_any_batch(study) -> None:
    staged, manifest, _ = study
    finding = pl.col("rule_id") == "CHK-SPONSOR-FLAG-MISSING"
    (row,) = check_study(staged, manifest, 50)["core_findings"].filter(finding).rows(named=True)
    assert (row["status"], row["count"], row["denominator"]) == ("not_applicable", 0, 0)
    number = pl.int_range(pl.len())
    flagged = staged["staged_adverse_events"].with_columns(
        is_sponsor_neurotoxicity=pl.when(number == 9).then(True)
    )
    marked = {**staged, "staged_adverse_events": flagged}
    (row,) = check_study(marked, manifest, 50)["core_findings"].filter(finding).rows(named=True)
    assert (row["status"], row["denominator"] - row["count"]) == ("fail", 1)


def test_events_come_in_the_order_of_subjects(study) -> None:
    staged, manifest, _ = study
    parts = [
        part["core_adverse_events"]
        for part in stream_checks(staged, manifest, 200)
        if "core_adverse_events" in part
    ]
    assert len(parts) > 3
    subjects = pl.concat(parts)["subject_id"]
    assert subjects.is_sorted()
