"""The row-by-row reference, asked about every shipped and public study: it must say what the run says."""

from __future__ import annotations

from pathlib import Path

import pytest

from mappings.loader import load_release
from pipelines.ingest.study import read_manifest
from schemas.registry import CHECKED_TABLES, DIFF_TABLES, GRADED_TABLES
from tests import oracle
from tests.end_to_end.homes import PUBLIC, SHIPPED, home_with, run
from tests.studies import differences, release_rows

STUDIES = [
    folder
    for place in (SHIPPED, PUBLIC)
    for folder in sorted(place.iterdir())
    if (folder / "study.yaml").exists()
]


@pytest.mark.parametrize("folder", STUDIES, ids=lambda folder: folder.name)
def test_kernel_and_reference_agree(folder: Path, tmp_path: Path) -> None:
    tables = run(home_with(tmp_path, folder), folder.name)[1]
    manifest = read_manifest(folder)
    checked = {declared.info().name: tables[declared.info().name].to_dicts() for declared in CHECKED_TABLES}
    expected = oracle.grade(checked, release_rows(load_release(manifest.mapping_release)), manifest)
    del expected["contradictions"]
    expected |= oracle.compare(checked, expected, manifest)
    computed = {
        declared.info().name: tables[declared.info().name] for declared in (*GRADED_TABLES, *DIFF_TABLES)
    }
    assert differences(expected, computed) == []


def test_all_nine_studies_are_asked() -> None:
    assert len(STUDIES) == 9
