"""Many studies in one go in a real Dagster instance: no lock, one publication, a bad study stops no other."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from pipelines.home import Home
from tests.end_to_end.homes import regrade
from tests.engines.backfill import make_home, materialised, measure
from warehouse.run_store import RunStore

STUDIES = 12


@pytest.mark.slow
def test_twelve_studies_each_in_a_process_meet_no_lock(tmp_path: Path) -> None:
    done = measure(tmp_path, STUDIES, 2)
    assert done.is_clean, done
    names = sorted(Home(tmp_path).studies())
    assert len(names) == STUDIES
    for stage in ("raw", "staged", "checked", "graded", "diffs"):
        assert sorted(filter(None, materialised(Home(tmp_path), stage))) == names
    assert {entry.name for entry in (tmp_path / "runs").iterdir() if not entry.name.startswith(".")} >= set(
        names
    )


def test_a_study_that_fails_is_named_and_the_others_are_published(tmp_path: Path) -> None:
    home = make_home(tmp_path, 3)
    (home.landing / "STUDY-0001" / "ae.csv").write_bytes(b"")
    result = regrade(home, "backfill", "--processes", "1", "--json")
    assert result.exit_code == 1
    assert "STUDY-0001 failed: ae.csv: the file is empty (0 bytes). Next: " in result.stderr
    said = json.loads(result.stdout)
    assert (said["studies"], list(said["failures"]), said["stopped"]) == (3, ["STUDY-0001"], None)
    with duckdb.connect(str(home.database), read_only=True) as connection:
        found = connection.execute("SELECT study_id FROM core_studies ORDER BY 1").fetchall()
    assert found == [("STUDY-0000",), ("STUDY-0002",)]
    assert RunStore(home.runs).current("STUDY-0001") is None
    write_again = regrade(home, "backfill", "STUDY-0000", "--processes", "1")
    assert write_again.exit_code == 0, write_again.output
    assert "1 study done" in write_again.output


def test_an_unknown_study_is_named_before_anything_runs(tmp_path: Path) -> None:
    home = make_home(tmp_path, 1)
    result = regrade(home, "backfill", "STUDY-001")
    assert result.exit_code == 1
    assert "no such study, nearest: STUDY-0000" in result.output
    assert not home.dagster.exists()


def test_what_could_not_be_published_is_not_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_home(tmp_path, 1)
    monkeypatch.setenv("REGRADE_DATABASE_KEY", "short")
    result = regrade(home, "backfill", "--processes", "1")
    assert result.exit_code == 1
    assert "fewer than 16 characters" in result.stderr
    assert "not published" in result.stdout
    assert not home.database.exists()
