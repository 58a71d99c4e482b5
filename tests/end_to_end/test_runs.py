"""A study from the landing folder to a sealed run: what makes it the same run, and what survives."""

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import stages
from pipelines.code_identity import sources_sha256
from pipelines.home import Home
from pipelines.ingest.study import RawTable, stream_study_files
from pipelines.stages import STAGES, plan_run, run_stage, run_study
from schemas.errors import ManifestError, RegradeError, StoreError
from schemas.manifest import StudyManifest
from schemas.registry import MAPPING_DIFF_TABLES, PUBLISHED_TABLES, STAGED_TABLES
from schemas.results import CoreRuns
from tests.end_to_end.tiny_studies import write_tiny_study
from warehouse.publisher import publish
from warehouse.run_store import RunStore, StoredRun


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").ensure()
    write_tiny_study(home, "TINY")
    return home


@pytest.fixture(autouse=True)
def _one_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources that are being edited would otherwise make each run another one."""
    monkeypatch.setattr(stages, "code_sha256", lambda: "c" * 64)


def current(home: Home, study: str = "TINY") -> StoredRun:
    run = RunStore(home.runs).current(study)
    assert run is not None
    return run


def test_the_stages_come_in_order() -> None:
    assert list(STAGES) == ["raw", "staged", "checked", "graded", "diffs"]


def test_a_run_holds_every_table_and_the_raw_cells(home: Home) -> None:
    seen: list[str] = []
    result = run_study(home, "TINY", progress=seen.append)
    assert seen == list(STAGES)
    run = current(home)
    assert (result.created, result.run_id, result.folder) == (True, run.run_id, run.folder)
    of_no_run = (CoreRuns, *MAPPING_DIFF_TABLES)
    tables = (*STAGED_TABLES, *PUBLISHED_TABLES)
    declared = {table.info().name for table in tables if table not in of_no_run}
    raw = {"raw_files"} | {
        f"raw_{name}{suffix}" for name in ("0_adverse_events", "1_subjects") for suffix in ("", "_rejected")
    }
    assert set(run.tables) == declared | raw
    run.verify()
    assert run.table("core_adverse_events").height + run.table("core_rejected_rows").height == 4


def test_the_same_inputs_are_the_same_run_and_no_work(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_study(home, "TINY")
    before = {path.name: path.stat().st_mtime_ns for path in first.folder.iterdir()}
    monkeypatch.setattr(stages, "STAGES", dict.fromkeys(STAGES))
    second = run_study(home, "TINY")
    assert (second.created, second.run_id) == (False, first.run_id)
    assert {path.name: path.stat().st_mtime_ns for path in first.folder.iterdir()} == before
    told = [entry.action for entry in RunStore(home.runs).ledger.entries()]
    assert told == ["opened", "created", "release_first_run", "current_changed", "reused"]


def test_the_same_inputs_in_another_home_give_the_same_bytes(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other").ensure()
    shutil.copytree(home.landing, other.landing, dirs_exist_ok=True)
    folders = [run_study(each, "TINY").folder for each in (home, other)]
    contents = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders]
    assert contents[0] == contents[1]


def test_each_ingredient_of_a_run_changes_its_id(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [plan_run(home, "TINY").run_id]
    folder = home.landing / "TINY"
    content = bytearray((folder / "ae.csv").read_bytes())
    content[-2] ^= 1
    (folder / "ae.csv").write_bytes(content)
    ids.append(plan_run(home, "TINY").run_id)
    with (folder / "study.yaml").open("a") as manifest:
        manifest.write("attribution: ignore\n")
    ids.append(plan_run(home, "TINY").run_id)
    monkeypatch.setattr(stages, "code_sha256", lambda: "0" * 64)
    ids.append(plan_run(home, "TINY").run_id)
    assert len(set(ids)) == 4


def test_the_code_digest_is_over_the_pure_rooms(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="without its sources"):
        sources_sha256(tmp_path)
    rule = tmp_path / "pipelines" / "grading" / "rule.py"
    rule.parent.mkdir(parents=True)
    rule.write_bytes(b"GRADE = 1\n")
    first = sources_sha256(tmp_path)
    rule.write_bytes(b"GRADE = 1\r\n")
    assert sources_sha256(tmp_path) == first
    (tmp_path / "pipelines" / "cli.py").write_text("PROMPT = 2\n")
    assert sources_sha256(tmp_path) == first
    rule.write_bytes(b"GRADE = 2\n")
    assert sources_sha256(tmp_path) != first
    rule.rename(rule.with_name("renamed.py"))
    assert len(sources_sha256(tmp_path)) == 64


def test_a_comment_in_the_manifest_is_no_new_run(home: Home) -> None:
    before = plan_run(home, "TINY").run_id
    with (home.landing / "TINY" / "study.yaml").open("a") as manifest:
        manifest.write("# checked by the data manager\n")
    assert plan_run(home, "TINY").run_id == before


def test_naming_the_newest_release_is_the_same_run(home: Home) -> None:
    plan = plan_run(home, "TINY")
    assert plan_run(home, "TINY", plan.release.release_id).run_id == plan.run_id


def test_stage_by_stage_gives_the_run_that_all_at_once_gives(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other").ensure()
    shutil.copytree(home.landing, other.landing, dirs_exist_ok=True)
    for stage in STAGES:
        result = run_stage(home, "TINY", stage)
        assert result.stage == stage
        assert all(result.frame(name).height == file.rows for name, file in result.files.items())
    whole = run_study(other, "TINY")
    staged = current(home)
    assert staged.run_id == whole.run_id
    assert {p.name: p.read_bytes() for p in staged.folder.iterdir()} == {
        p.name: p.read_bytes() for p in whole.folder.iterdir()
    }


def test_a_stage_makes_the_stages_before_it_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    run_stage(home, "TINY", "checked")
    assert RunStore(home.runs).current("TINY") is None
    made: list[str] = []

    def counted(stage: str) -> object:
        compute = STAGES[stage]
        return lambda plan, tables: (made.append(stage), compute(plan, tables))[1]

    monkeypatch.setattr(stages, "STAGES", {stage: counted(stage) for stage in STAGES})
    run_stage(home, "TINY", "diffs")
    assert made == ["graded", "diffs"]


def test_a_damaged_stage_is_made_again(home: Home) -> None:
    result = run_stage(home, "TINY", "staged")
    (result.folder / "staged_subjects.parquet").write_bytes(b"")
    run = run_study(home, "TINY")
    assert current(home).run_id == run.run_id
    assert current(home).table("staged_subjects").height == 3


def test_a_failed_run_keeps_the_run_before_it(home: Home) -> None:
    write_tiny_study(home, "OTHER")
    for study in ("TINY", "OTHER"):
        run_study(home, study)
    publish(home)
    before, content = current(home).run_id, home.database.read_bytes()
    (home.landing / "TINY" / "ae.csv").write_bytes(b"")
    with pytest.raises(RegradeError, match=r"ae\.csv"):
        run_study(home, "TINY")
    assert current(home).run_id == before
    assert not publish(home).created
    assert home.database.read_bytes() == content


def test_an_input_that_changes_while_it_is_read_stops_the_run(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def touched(folder: Path, manifest: StudyManifest) -> Iterator[tuple[int, RawTable]]:
        yield from stream_study_files(folder, manifest)
        with (home.landing / "TINY" / "ae.csv").open("a") as events:
            events.write("late row\n")

    monkeypatch.setattr(stages, "stream_study_files", touched)
    with pytest.raises(StoreError, match="changed while it was read"):
        run_study(home, "TINY")


@pytest.mark.parametrize("by", ["name", "link"])
def test_an_input_that_is_another_while_it_is_read_stops_the_run(
    home: Home, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """Its bytes are the recorded ones before and after, and those that were read are not."""
    landed = home.landing / "TINY"
    listed, own, other = landed / "ae.csv", landed / "own.csv", landed / "other.csv"
    other.write_text(listed.read_text().replace("SEIZURE", "SOMNOLENCE").replace("Seizure", "Somnolence"))
    if by == "link":
        listed.rename(own)
        listed.symlink_to(own.name)

    def swap(away: Path, place: Path) -> None:
        listed.rename(away) if by == "name" else listed.unlink()
        place.rename(listed) if by == "name" else listed.symlink_to(place.name)

    def swapped(folder: Path, manifest: StudyManifest) -> Iterator[tuple[int, RawTable]]:
        swap(own, other)
        yield from stream_study_files(folder, manifest)
        swap(other, own)

    monkeypatch.setattr(stages, "stream_study_files", swapped)
    with pytest.raises(StoreError, match="changed while it was read"):
        run_study(home, "TINY")


def test_a_study_folder_that_may_not_be_looked_into_is_named(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody may be kept out of a folder here, as who runs the tests may be root."""
    is_file = Path.is_file

    def closed(path: Path) -> bool:
        if path.parent.name == "TINY":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", closed)
    with pytest.raises(StoreError, match=r"TINY: the study folder cannot be read \(Permission denied\)"):
        plan_run(home, "TINY")


def test_a_study_that_is_not_there_is_named_with_those_that_are(home: Home) -> None:
    with pytest.raises(RegradeError, match=r"no study TYNI.*found: TINY"):
        plan_run(home, "TYNI")


def test_a_missing_input_is_named(home: Home) -> None:
    (home.landing / "TINY" / "dm.csv").unlink()
    with pytest.raises(RegradeError, match=r"dm\.csv"):
        run_study(home, "TINY")


def test_a_copied_folder_cannot_pass_for_another_study(home: Home) -> None:
    (home.landing / "TINY").rename(home.landing / "COPY")
    with pytest.raises(ManifestError, match="COPY"):
        plan_run(home, "COPY")


def test_going_back_to_the_first_input_makes_the_first_run_current_again(home: Home) -> None:
    first = run_study(home, "TINY")
    write_tiny_study(home, "TINY", grade="4")
    second = run_study(home, "TINY")
    assert current(home).run_id == second.run_id != first.run_id
    write_tiny_study(home, "TINY")
    assert not run_study(home, "TINY").created
    assert current(home).run_id == first.run_id
