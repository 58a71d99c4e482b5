"""Benchmark studies are what they say: proportions, dirt, and checked tables that are those of their rows."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from pipelines.ingest.checking import check_study
from pipelines.ingest.staging import stage_study
from pipelines.ingest.study import read_manifest, read_study
from tests.benchmarks.generator import BLOCK_SUBJECTS, STUDY, Size, draw_block, write_checked, write_study

SEED = 3


def test_sizes_are_whole_copies_of_at_most_one_block():
    assert Size.of_rows(1_200) == Size(12, 1)
    assert Size.of_rows(100_000) == Size(BLOCK_SUBJECTS, 1)
    assert Size.of_rows(10_000_000) == Size(BLOCK_SUBJECTS, 100)


def test_rows_have_the_proportions_of_safety_data():
    events = draw_block(SEED, 100)["ae"]
    neuro = events["AEBODSYS"].is_in(["NERVOUS SYSTEM DISORDERS", "PSYCHIATRIC DISORDERS"]).mean()
    partial = events["AESTDTC"].drop_nulls().str.contains(r"^\d{4}(-\d{2}|---\d{2})?$").mean()
    timed = events["AESTDTC"].drop_nulls().str.contains("T").mean()
    next_status = events["AESPID"].str.ends_with("-1").not_().mean()
    unread = events["AETOXGR"].is_in(["1", "2", "3", "4", "5"]).not_().mean()
    assert [0.03 < neuro < 0.07, 0.03 < partial < 0.1, 0.08 < timed < 0.16] == [True] * 3
    assert 0.1 < next_status < 0.2
    assert 0.002 < unread < 0.02
    assert events["AETERM"].n_unique() > 2 * events["AEDECOD"].n_unique()
    assert events["USUBJID"].null_count() > 0


def test_the_seed_decides_every_cell():
    assert_frame_equal(draw_block(SEED, 5)["ae"], draw_block(SEED, 5)["ae"])
    assert not draw_block(SEED, 5)["ae"].equals(draw_block(SEED + 1, 5)["ae"])


def test_a_shuffled_study_holds_the_same_rows(tmp_path: Path):
    files = {
        shuffled: write_study(tmp_path / str(shuffled), 2_000, SEED, shuffled=shuffled)["ae"]
        for shuffled in (False, True)
    }
    ordered, mixed = (pl.read_parquet(files[shuffled]) for shuffled in (False, True))
    assert not mixed.equals(ordered)
    assert_frame_equal(mixed, ordered, check_row_order=False)


def test_repeated_checked_tables_are_those_of_the_repeated_rows(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("tests.benchmarks.generator.BLOCK_SUBJECTS", 20)
    repeated = write_checked(tmp_path / "checked", 6_000, SEED)
    write_study(tmp_path / STUDY, 6_000, SEED)
    manifest = read_manifest(tmp_path / STUDY)
    checked = check_study(stage_study(read_study(tmp_path / STUDY, manifest)), manifest)
    for name in repeated.keys() - {"core_findings"}:
        expected = checked[name].drop("cells", strict=False)
        assert_frame_equal(pl.read_parquet(repeated[name]).drop("cells", strict=False), expected)
    assert checked["core_subjects"].height == 60
    assert checked["core_rejected_rows"].height > 0
