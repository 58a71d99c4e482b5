import json
import multiprocessing
from pathlib import Path

import polars as pl
import pytest

from schemas.errors import StoreError
from tests.unit.store_samples import identity, sample_stages, seal_sample
from warehouse.run_store import RunStore, run_id_of

STUDY = "STUDY-1"


def read_and_verify(runs: Path) -> None:
    current = RunStore(runs).current(STUDY)
    assert current is not None
    current.verify()


def test_a_run_is_found_and_reads_back_what_was_written(tmp_path: Path) -> None:
    run = seal_sample(tmp_path, STUDY)
    store = RunStore(tmp_path)
    found = store.find(STUDY, run.run_id)
    assert found == run == store.current(STUDY)
    assert store.study_ids() == (STUDY,)
    for frames in sample_stages(STUDY).values():
        for name, frame in frames.items():
            assert run.table(name).equals(frame)
    run.verify()


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    runs = [seal_sample(tmp_path / name, STUDY) for name in ("one", "two")]
    contents = [{path.name: path.read_bytes() for path in run.folder.iterdir()} for run in runs]
    assert contents[0] == contents[1]


def test_the_run_id_is_the_hash_of_the_whole_identity() -> None:
    assert run_id_of(identity(STUDY)) == run_id_of(dict(reversed(identity(STUDY).items())))
    assert run_id_of(identity(STUDY)) != run_id_of(identity(STUDY, note="changed"))


def test_a_sealed_run_leaves_no_work_behind(tmp_path: Path) -> None:
    run = seal_sample(tmp_path, STUDY)
    assert not (tmp_path / ".work" / STUDY).exists()
    assert {path.name for path in run.folder.iterdir()} == {"run.json"} | {
        f"{name}.parquet" for name in run.tables
    }


def test_the_record_holds_no_wall_clock_and_no_machine_path(tmp_path: Path) -> None:
    run = seal_sample(tmp_path, STUDY)
    text = (run.folder / "run.json").read_text()
    assert str(tmp_path) not in text
    assert set(json.loads(text)) == {"run_id", "study_id", "identity", "tables", "record_sha256"}


@pytest.mark.parametrize("name", ["core_event_grades.parquet", "run.json"])
def test_a_flipped_byte_is_found_and_named(tmp_path: Path, name: str) -> None:
    run = seal_sample(tmp_path, STUDY)
    path = run.folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match=name.replace(".", r"\.")):
        read_and_verify(tmp_path)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    run = seal_sample(tmp_path, STUDY)
    (run.folder / "core_subjects.parquet").unlink()
    with pytest.raises(StoreError, match=r"core_subjects\.parquet: a table of the run is missing"):
        run.table("core_subjects")


def test_a_folder_without_a_record_is_no_run(tmp_path: Path) -> None:
    run = seal_sample(tmp_path, STUDY)
    (run.folder / "run.json").unlink()
    with pytest.raises(StoreError, match="no readable record"):
        RunStore(tmp_path).find(STUDY, run.run_id)


def test_a_run_moved_to_another_study_is_refused(tmp_path: Path) -> None:
    run = seal_sample(tmp_path, STUDY)
    moved = tmp_path / "OTHER" / run.run_id
    moved.parent.mkdir()
    run.folder.rename(moved)
    with pytest.raises(StoreError, match="altered"):
        RunStore(tmp_path).find("OTHER", run.run_id)


@pytest.mark.parametrize("text", ["", "../../elsewhere", "0" * 64, "\xff"])
def test_a_pointer_to_no_run_is_an_error(tmp_path: Path, text: str) -> None:
    seal_sample(tmp_path, STUDY)
    (tmp_path / STUDY / "current").write_text(text, encoding="latin-1")
    with pytest.raises(StoreError, match="names no run"):
        RunStore(tmp_path).current(STUDY)


def test_an_unfinished_stage_is_never_taken_for_a_result(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    run_id = run_id_of(identity(STUDY))
    frame = pl.DataFrame({"x": ["1"]})
    store.write_stage(STUDY, run_id, "raw", [{"raw_0": frame}])
    work = store.work_folder(STUDY, run_id)
    found = store.find_stage(STUDY, run_id, "raw")
    assert found is not None
    assert found["raw_0"].rows == 1
    assert pl.read_parquet(work / "raw" / found["raw_0"].file).equals(frame)
    assert store.find(STUDY, run_id) is None
    assert store.study_ids() == ()
    (work / "raw" / "raw_0.parquet").write_bytes(b"cut short")
    assert store.find_stage(STUDY, run_id, "raw") is None
    (work / "raw").rename(work / ".raw")  # as a crash in the middle of writing leaves it
    assert store.find_stage(STUDY, run_id, "raw") is None
    store.write_stage(STUDY, run_id, "raw", [{"raw_0": frame}])
    assert store.find_stage(STUDY, run_id, "raw") is not None


def test_a_crash_while_sealing_leaves_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("warehouse.run_store.flush", crash)
        with pytest.raises(KeyboardInterrupt):
            seal_sample(tmp_path, STUDY)
    run_id = run_id_of(identity(STUDY))
    assert RunStore(tmp_path).find(STUDY, run_id) is None
    assert RunStore(tmp_path).current(STUDY) is None
    assert seal_sample(tmp_path, STUDY).run_id == run_id


def test_where_two_stages_hold_a_table_the_later_one_counts(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    first, second = pl.DataFrame({"x": ["1"]}), pl.DataFrame({"x": ["2"]})
    stages = {
        stage: store.write_stage(STUDY, "0" * 64, stage, [{"core_rejected_rows": frame}])
        for stage, frame in (("staged", first), ("checked", second))
    }
    run = store.seal(STUDY, "0" * 64, {}, stages)
    assert run.tables["core_rejected_rows"].stage == "checked"
    assert run.table("core_rejected_rows").equals(second)


def _hold(runs: Path, order: "multiprocessing.Queue[str]", name: str) -> None:
    with RunStore(runs).lock(STUDY):
        order.put(f"{name} in")
        runs.stat()
        order.put(f"{name} out")


def test_two_writers_of_a_study_take_turns(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    order: multiprocessing.Queue[str] = context.Queue()
    writers = [context.Process(target=_hold, args=(tmp_path, order, name)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    seen = [order.get(timeout=10) for _ in range(4)]
    assert [entry[0] for entry in seen] in (list("aabb"), list("bbaa"))
