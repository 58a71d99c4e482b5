import shutil
import threading
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from mappings.loader import list_releases, load_release
from mappings.release import Release
from pipelines.home import Home
from schemas.errors import ReleaseError, StoreError
from schemas.evidence import CoreSubjects
from schemas.mapping_diffs import DiffMappingImpact, DiffMappingRows
from schemas.registry import PUBLISHED_TABLES
from tests.unit.store_samples import sample_frame, seal_sample
from warehouse import database_file, selection
from warehouse.comparison_store import Compared, ComparisonStore
from warehouse.ddl import view_statements
from warehouse.dictionary import DICTIONARY_PATH, render_dictionary
from warehouse.publisher import publish
from warehouse.run_store import RunStore, StoredRun

VIEWS = [name for name, _ in view_statements()]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").ensure()


def query(home: Home, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home.database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_every_table_and_view_exists_even_when_no_study_was_run(home: Home) -> None:
    publish(home)
    tables = {row[0] for row in query(home, "SELECT table_name FROM duckdb_tables()")}
    assert tables == {declared.info().name for declared in PUBLISHED_TABLES}
    for view in VIEWS:
        shipped = len(list_releases()) if view == "out_mapping_releases" else 0
        assert query(home, f"SELECT count(*) FROM {view}") == [(shipped,)]


def test_every_table_view_and_column_has_a_comment(home: Home) -> None:
    publish(home)
    bare = query(
        home,
        "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND comment IS NULL "
        "UNION ALL SELECT table_name, '*' FROM duckdb_tables() WHERE comment IS NULL "
        "UNION ALL SELECT view_name, '*' FROM duckdb_views() WHERE NOT internal AND comment IS NULL",
    )
    assert bare == []


def test_comments_say_what_null_means_and_where_the_column_comes_from(home: Home) -> None:
    publish(home)
    comment = query(
        home,
        "SELECT comment FROM duckdb_columns() "
        "WHERE table_name = 'core_adverse_events' AND column_name = 'outcome'",
    )
    assert comment == [("Outcome of the event. Null: not recorded. Origin: AEOUT.",)]


def test_published_rows_are_the_rows_of_the_current_runs(home: Home) -> None:
    runs = [seal_sample(home.runs, study) for study in ("B", "A")]
    publish(home)
    for declared in PUBLISHED_TABLES:
        info = declared.info()
        if not info.run_scoped:
            continue
        for run in runs:
            expected = run.table(info.name)
            with duckdb.connect(str(home.database), read_only=True) as connection:
                relation = connection.sql(
                    f"SELECT * EXCLUDE (run_id) FROM {info.name} WHERE run_id = '{run.run_id}'"
                )
                assert declared.canonicalise(relation.pl()).equals(expected), info.name


def test_core_runs_says_what_determines_each_run(home: Home) -> None:
    run = seal_sample(home.runs, "A")
    publish(home)
    rows = query(home, "SELECT run_id, study_id, is_current, code_version, mapping_release_id FROM core_runs")
    assert rows == [(run.run_id, "A", True, "0.0.0", "1.0.0")]


def test_columns_that_must_not_be_null_and_small_keys_are_declared(home: Home) -> None:
    publish(home)
    nullable = query(
        home, "SELECT column_name FROM duckdb_columns() WHERE table_name = 'core_runs' AND is_nullable"
    )
    assert nullable == []
    keyed = query(
        home, "SELECT table_name FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY' ORDER BY 1"
    )
    assert [row[0] for row in keyed] == [
        "core_runs",
        "core_studies",
        "diff_mapping_impact",
        "diff_mapping_rows",
        "diff_mapping_studies",
        "map_classes",
        "map_concepts",
        "map_conventions",
        "map_grades",
        "map_releases",
        "map_terms",
        "map_vocabulary",
    ]


def test_publishing_twice_does_nothing_and_a_new_run_is_noticed(home: Home) -> None:
    seal_sample(home.runs, "A")
    first = publish(home)
    before = home.database.stat()
    second = publish(home)
    assert (first.created, second.created) == (True, False)
    assert home.database.stat().st_mtime_ns == before.st_mtime_ns
    seal_sample(home.runs, "A", note="another title")
    third = publish(home)
    assert third.created
    assert third.content_key != first.content_key
    assert query(home, "SELECT count(*) FROM core_runs") == [(1,)]


def content(home: Home) -> dict[str, list[tuple[object, ...]]]:
    """Every row in stored order, and the whole catalogue with its comments."""
    catalogue = {
        "tables": "SELECT table_name, sql, comment FROM duckdb_tables() ORDER BY 1",
        "columns": "SELECT table_name, column_name, comment FROM duckdb_columns() ORDER BY 1, column_index",
        "views": "SELECT view_name, sql, comment FROM duckdb_views() WHERE NOT internal ORDER BY 1",
    }
    rows = {d.info().name: f"SELECT * FROM {d.info().name}" for d in PUBLISHED_TABLES}
    return {name: query(home, sql) for name, sql in (catalogue | rows).items()}


def test_a_deleted_file_is_rebuilt_with_the_same_content(home: Home) -> None:
    for study in ("A", "B", "C"):
        seal_sample(home.runs, study)
    publish(home)
    before = content(home)
    home.database.unlink()
    assert publish(home).created
    assert content(home) == before


def test_many_rows_are_written_by_several_workers_and_on_request_by_one(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for study in ("B", "A"):
        seal_sample(home.runs, study)
    made = publish(home)
    by_one, rows = home.database.read_bytes(), content(home)
    home.database.unlink()
    workers: list[int] = []

    def noted(*arguments: Any) -> None:
        workers.append(arguments[-1])
        database_file.build(*arguments)

    monkeypatch.setattr("warehouse.publisher.build", noted)
    monkeypatch.setattr("warehouse.publisher.MANY_ROWS", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert publish(home).content_key == made.content_key
    assert content(home) == rows
    assert publish(home, rebuild=True).content_key == made.content_key
    assert home.database.read_bytes() == by_one
    assert workers == [4, 1]


def test_an_altered_file_is_rebuilt(home: Home) -> None:
    seal_sample(home.runs, "A")
    publish(home)
    before = content(home)
    home.database.write_bytes(b"not a database")
    assert publish(home).created
    assert content(home) == before


def test_the_order_in_which_studies_were_run_does_not_count(tmp_path: Path) -> None:
    contents = []
    for number, studies in enumerate((("A", "B"), ("B", "A"))):
        home = Home(tmp_path / str(number)).ensure()
        for study in studies:
            seal_sample(home.runs, study)
        publish(home)
        contents.append(content(home))
    assert contents[0] == contents[1]


def test_a_flipped_byte_stops_the_publication_and_the_old_file_stays(home: Home) -> None:
    seal_sample(home.runs, "A")
    publish(home)
    before = home.database.read_bytes()
    damaged = seal_sample(home.runs, "B")
    path = damaged.folder / "core_subjects.parquet"
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"B/.*core_subjects\.parquet.*sha256 differs"):
        publish(home)
    assert home.database.read_bytes() == before
    assert sorted(path.name for path in home.root.iterdir()) == [
        "icans.duckdb",
        "icans.duckdb.json",
        "landing",
        "runs",
    ]


def test_two_contents_of_one_release_are_refused(home: Home) -> None:
    seal_sample(home.runs, "A")
    seal_sample(home.runs, "B", release_sha256="s" * 64)
    seal_sample(home.runs, "C")
    with pytest.raises(StoreError, match="studies A and B were graded with different contents") as refused:
        publish(home)
    assert refused.value.next_action.endswith("regrade run A B C")


def test_studies_graded_by_the_installed_release_need_not_run_again(home: Home) -> None:
    seal_sample(home.runs, "A", release_sha256=load_release("1.0.0").sha256)
    seal_sample(home.runs, "B")
    with pytest.raises(StoreError, match="different contents of mapping release") as refused:
        publish(home)
    assert refused.value.next_action.endswith("regrade run B")


def test_a_reader_keeps_its_file_while_a_new_one_is_published(home: Home) -> None:
    seal_sample(home.runs, "A")
    publish(home)
    with duckdb.connect(str(home.database), read_only=True) as reader:
        seal_sample(home.runs, "B")
        publish(home)
        assert reader.execute("SELECT count(*) FROM core_runs").fetchall() == [(1,)]
    assert query(home, "SELECT count(*) FROM core_runs") == [(2,)]


def test_publishers_at_the_same_time_take_turns(home: Home) -> None:
    for study in ("A", "B"):
        seal_sample(home.runs, study)
    created: list[bool] = []
    threads = [threading.Thread(target=lambda: created.append(publish(home).created)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(created) == [False, False, False, True]


def test_a_repeated_key_is_not_published(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    run = seal_sample(home.runs, "A")
    monkeypatch.setattr(RunStore, "study_ids", lambda _: ("A", "A"))
    with pytest.raises((StoreError, duckdb.ConstraintException)):
        publish(home)
    assert not home.database.exists()
    assert run.folder.is_dir()


def test_a_run_of_another_schema_is_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    seal_sample(home.runs, "A")
    publish(home)
    before = home.database.read_bytes()
    with monkeypatch.context() as older:
        older.setattr(CoreSubjects, "require", lambda frame: frame.drop("population"))
        seal_sample(home.runs, "B")
    with pytest.raises(StoreError, match=r"core_subjects of the run does not fit.*run the study B again"):
        publish(home)
    assert home.database.read_bytes() == before


def test_what_a_killed_publisher_left_is_cleared_away(home: Home) -> None:
    (home.root / ".publish-killed").mkdir()
    (home.root / ".publish-killed" / "icans.duckdb").write_bytes(b"half")
    publish(home)
    assert not list(home.root.glob(".publish-*"))
    (home.root / ".publish-killed").mkdir()  # after its rename
    assert not publish(home).created
    assert not list(home.root.glob(".publish-*"))


def test_duckdb_1_x_can_open_the_file(home: Home) -> None:
    publish(home)
    header = home.database.read_bytes()[:20]
    assert header[8:12] == b"DUCK"
    # The storage number of DuckDB 1.2; clients of 1.2 to 1.5 read 64 or 65 up to at least it.
    assert int.from_bytes(header[12:20], "little") == 65
    assert query(home, "SELECT tags['storage_version'] FROM duckdb_databases() WHERE NOT internal") == [
        ("v1.2.0+",)
    ]


def test_an_interrupted_publication_leaves_the_old_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    seal_sample(home.runs, "A")
    publish(home)
    before = home.database.read_bytes()
    seal_sample(home.runs, "B")

    replace = Path.replace

    def crash(path: Path, target: Path) -> Path:
        if target == home.database:
            raise OSError("no space left on device")
        return replace(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", crash)
        with pytest.raises(OSError, match="no space"):
            publish(home)
    assert home.database.read_bytes() == before
    assert publish(home).created


def test_the_committed_dictionary_is_current() -> None:
    assert DICTIONARY_PATH.read_text(encoding="utf-8") == render_dictionary()


def beside(home: Home, study: str, release_id: str, **facts: str) -> StoredRun:
    """A run of a study under another release than its current one, kept as `run_study` keeps it."""
    store = RunStore(home.runs)
    current = store.current(study)
    run = seal_sample(home.runs, study, release_id=release_id, **facts)
    store.remember(run)
    if current is not None:
        store.remember(current)
        store.set_current(current)
    return run


def published_runs(home: Home) -> list[tuple[object, ...]]:
    return query(home, "SELECT study_id, mapping_release_id, is_current FROM core_runs ORDER BY ALL")


def test_the_latest_run_under_each_other_release_is_published(home: Home) -> None:
    seal_sample(home.runs, "A")
    beside(home, "A", "7.0.0", note="older")
    latest = beside(home, "A", "7.0.0", note="newer")
    beside(home, "A", "8.0.0")
    done = publish(home)
    assert published_runs(home) == [("A", "1.0.0", True), ("A", "7.0.0", False), ("A", "8.0.0", False)]
    assert (len(done.run_ids), done.runs) == (1, 3)
    assert (latest.run_id,) in query(home, "SELECT run_id FROM core_runs")
    releases = {row[0] for row in query(home, "SELECT release_id FROM map_releases")}
    assert releases == {*list_releases(), "7.0.0", "8.0.0"}


def test_a_deleted_run_is_gone_and_a_damaged_one_is_named(home: Home) -> None:
    seal_sample(home.runs, "A")
    run = beside(home, "A", "7.0.0")
    path = run.folder / "core_subjects.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(StoreError, match=r"core_subjects\.parquet.*sha256 differs.*delete this folder"):
        publish(home)
    shutil.rmtree(run.folder)
    publish(home)
    assert published_runs(home) == [("A", "1.0.0", True)]


def test_a_run_that_no_longer_fits_is_left_out_and_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for study in ("A", "B", "C"):
        seal_sample(home.runs, study)
    with monkeypatch.context() as older:
        older.setattr(CoreSubjects, "require", lambda frame: frame.drop("population"))
        beside(home, "A", "7.0.0")
    beside(home, "B", "8.0.0", release_sha256="1" * 64)
    beside(home, "C", "8.0.0", release_sha256="2" * 64)
    done = publish(home)
    assert [reason for reason in done.left_out if "under" in reason] == [
        "the run of A under 7.0.0: another version of the program made it. "
        "Next: regrade run --release 7.0.0 A",
        "the run of C under 8.0.0: the release has another content now. Next: regrade run --release 8.0.0 C",
    ]
    assert [row for row in published_runs(home) if not row[2]] == [("B", "8.0.0", False)]


def test_a_run_graded_by_an_earlier_content_keeps_its_rows_and_is_named(home: Home) -> None:
    seal_sample(home.runs, "A")
    (reason,) = publish(home).left_out
    assert reason.startswith("release 1.0.0 as it is installed: A was graded by an earlier content")
    assert query(home, "SELECT count(*) FROM map_grades WHERE release_id = '1.0.0'") == [(3,)]


def test_a_damaged_list_of_runs_is_named(home: Home) -> None:
    seal_sample(home.runs, "A")
    for text in ("", "[]", '{"7.0.0": "../elsewhere"}'):
        (home.runs / "A" / "releases.json").write_text(text)
        with pytest.raises(StoreError, match=r"A/releases\.json.*not a list of runs by release"):
            publish(home)


def test_an_unreadable_shipped_release_is_left_out(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(release_id: str, **_: bool) -> Release:
        if release_id == "1.1.0":
            raise ReleaseError("being edited", next_action="finish it")
        return load_release(release_id)

    monkeypatch.setattr(selection, "load_release", load)
    done = publish(home)
    assert done.left_out == ("release 1.1.0: being edited. Next: finish it",)
    assert ("1.0.0",) in query(home, "SELECT release_id FROM map_releases")


def compared(run_id: str | None, releases: dict[str, str]) -> Compared:
    study = None if run_id is None else "A"
    return Compared("1.0.0", "1.1.0", releases, "c" * 64, run_id, study)


def test_only_comparisons_that_stand_are_published(home: Home) -> None:
    run = seal_sample(home.runs, "A")
    store = ComparisonStore(home.runs)
    contents = {"1.0.0": run.release_sha256, "1.1.0": load_release("1.1.0").sha256}
    rows = {"diff_mapping_rows": sample_frame(DiffMappingRows, "A")}
    impact = {"diff_mapping_impact": sample_frame(DiffMappingImpact, "A")}
    store.keep(compared(None, contents), rows)
    store.keep(compared(run.run_id, contents), impact)
    store.keep(compared("0" * 64, contents), impact)  # of a run that is not current
    store.keep(compared(None, contents | {"1.1.0": "0" * 64}), rows)  # of another content
    first = publish(home)
    for name in ("diff_mapping_rows", "diff_mapping_impact"):
        assert query(home, f"SELECT count(*) FROM {name}") == [(3,)]
    stored = store.find(compared(run.run_id, contents))
    assert stored is not None
    stored.path("diff_mapping_impact").write_bytes(b"damaged")
    again = publish(home)
    assert again.created
    assert again.content_key != first.content_key
    assert query(home, "SELECT count(*) FROM diff_mapping_impact") == [(0,)]
    store.forget_others([compared(None, contents)])
    assert [folder.name for folder in (home.runs / ".mappings").iterdir()] == [compared(None, contents).key]


def test_a_comparison_that_cannot_be_written_is_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(StoreError, match=r"the comparison cannot be written.*free disk space"):
        ComparisonStore(home.runs).keep(compared(None, {}), {"diff_mapping_rows": DiffMappingRows.empty()})
