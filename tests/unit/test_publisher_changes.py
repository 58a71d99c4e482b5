"""A changed copy of the published file holds exactly what a file built whole would hold."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from mappings.loader import load_release
from pipelines.home import Home
from schemas.errors import StoreError
from schemas.mapping_diffs import DiffMappingImpact
from schemas.registry import PUBLISHED_TABLES
from tests.unit.store_samples import sample_frame, seal_sample
from warehouse import database_file, file_digest, publisher
from warehouse.comparison_store import Compared, ComparisonStore
from warehouse.ddl import view_statements, warehouse_key
from warehouse.publisher import publish
from warehouse.run_store import RunStore

STUDIES = ("A", "B", "C", "D")
CATALOGUE = (
    "SELECT table_name, sql, comment FROM duckdb_tables() ORDER BY 1",
    "SELECT table_name, column_index, column_name, data_type, is_nullable, comment FROM duckdb_columns() "
    "WHERE NOT internal ORDER BY 1, 2",
    "SELECT view_name, sql, comment FROM duckdb_views() WHERE NOT internal ORDER BY 1",
    "SELECT table_name, constraint_type, constraint_text FROM duckdb_constraints() ORDER BY ALL",
)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Four studies, published while every file counts as a large one."""
    home = Home(tmp_path_factory.mktemp("published") / "home").ensure()
    for study in STUDIES:
        seal_sample(home.runs, study)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(file_digest, "SMALL", 0)
        publish(home)
    return home


@pytest.fixture
def home(published: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A copy of it. The file has few blocks, so that one that is empty is a large share."""
    monkeypatch.setattr(file_digest, "SMALL", 0)
    monkeypatch.setattr(database_file, "WASTE", 0.7)
    shutil.copytree(published.root, tmp_path / "home")
    return Home(tmp_path / "home")


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are built whole from here on."""
    built: list[Path] = []
    build = database_file.build

    def noted(path: Path, *rest: object) -> None:
        built.append(path)
        build(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(publisher, "build", noted)
    return built


def content(path: Path) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
    """The catalogue, every table in the order of its key and every view with its rows sorted."""
    with duckdb.connect(str(path), read_only=True) as connection:
        for sql in CATALOGUE:
            yield sql, connection.execute(sql).fetchall()
        for declared in PUBLISHED_TABLES:
            order = ", ".join(warehouse_key(declared))
            sql = f"SELECT * FROM {declared.info().name} ORDER BY {order}"
            yield declared.info().name, connection.execute(sql).fetchall()
        for name, _ in view_statements():
            yield name, sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr)


def require_same_as_whole(home: Home, aside: Path) -> None:
    """The file holds what one built whole from the same runs holds, table by table."""
    other = Home(aside)
    shutil.copytree(home.runs, other.runs)
    publish(other, rebuild=True)
    for (name, found), (_, expected) in zip(content(home.database), content(other.database), strict=True):
        assert found == expected, name


def arrives(home: Home) -> None:
    seal_sample(home.runs, "E")


def is_graded_again(home: Home) -> None:
    seal_sample(home.runs, "B", note="another title")


def leaves(home: Home) -> None:
    shutil.rmtree(home.runs / "C")


def is_kept_beside(home: Home) -> None:
    store = RunStore(home.runs)
    current = store.current("A")
    assert current is not None
    store.remember(seal_sample(home.runs, "A", release_id="7.0.0"))
    store.remember(current)
    store.set_current(current)


def is_compared(home: Home) -> None:
    run = RunStore(home.runs).current("A")
    assert run is not None
    contents = {"1.0.0": run.release_sha256, "1.1.0": load_release("1.1.0").sha256}
    compared = Compared("1.0.0", "1.1.0", contents, "c" * 64, run.run_id, "A")
    ComparisonStore(home.runs).keep(compared, {"diff_mapping_impact": sample_frame(DiffMappingImpact, "A")})


@pytest.mark.parametrize("happens", [arrives, is_graded_again, leaves, is_kept_beside, is_compared])
def test_a_changed_file_holds_what_a_whole_one_holds(
    home: Home, tmp_path: Path, builds: list[Path], happens: object
) -> None:
    assert callable(happens)
    happens(home)
    assert publish(home).created
    assert builds == []
    assert not publish(home).created
    require_same_as_whole(home, tmp_path / "whole")


def test_changes_on_changes(home: Home, tmp_path: Path, builds: list[Path]) -> None:
    for happens in (arrives, is_graded_again, is_kept_beside, is_compared, leaves):
        happens(home)
        publish(home)
    assert builds == []
    require_same_as_whole(home, tmp_path / "whole")


def test_rows_and_flags_follow_the_current_run_when_it_goes_back(home: Home, tmp_path: Path) -> None:
    before = RunStore(home.runs).current("B")
    assert before is not None
    is_graded_again(home)
    publish(home)
    RunStore(home.runs).set_current(before)
    publish(home)
    require_same_as_whole(home, tmp_path / "whole")


def test_only_what_enters_is_hashed_and_a_rebuild_hashes_everything(home: Home) -> None:
    damaged = next((home.runs / "A").rglob("core_subjects.parquet"))
    bytes_before = bytearray(damaged.read_bytes())
    bytes_before[-20] ^= 1
    damaged.write_bytes(bytes_before)
    arrives(home)
    assert publish(home).created  # the rows of A are in the file, and its seal vouches for them
    with pytest.raises(StoreError, match=r"A/.*core_subjects\.parquet.*sha256 differs"):
        publish(home, rebuild=True)


def test_a_damaged_run_does_not_enter(home: Home) -> None:
    before = home.database.read_bytes()
    damaged = seal_sample(home.runs, "E").folder / "core_subjects.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    with pytest.raises(StoreError, match=r"E/.*core_subjects\.parquet.*sha256 differs"):
        publish(home)
    assert home.database.read_bytes() == before


@pytest.mark.parametrize("place", [0, 5_000, -5_000], ids=["header", "front", "end"])
def test_a_file_with_a_flipped_bit_is_no_beginning(
    home: Home, tmp_path: Path, builds: list[Path], place: int
) -> None:
    altered = bytearray(home.database.read_bytes())
    altered[place] ^= 1
    home.database.write_bytes(altered)
    arrives(home)
    publish(home)
    assert len(builds) == 1
    require_same_as_whole(home, tmp_path / "whole")


def test_a_seal_that_a_killed_process_left_unsettled_is_settled_by_the_next_publication(home: Home) -> None:
    publish(home)
    seal = home.database.with_name(home.database.name + ".json")
    settled = json.loads(seal.read_bytes())
    seal.write_text(json.dumps(settled | {"before_sha256": "0" * 64}), encoding="utf-8")
    aside = seal.with_name(f".{seal.name}.new")
    aside.write_text("cut short", encoding="utf-8")
    assert not publish(home).created
    assert json.loads(seal.read_bytes()) == settled
    assert not aside.exists()


def test_a_file_without_a_seal_is_built_whole(home: Home, builds: list[Path]) -> None:
    home.database.with_name("icans.duckdb.json").unlink()
    arrives(home)
    publish(home)
    assert len(builds) == 1


def test_another_program_builds_it_whole(
    home: Home, builds: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "ddl_text", lambda: "other views")
    publish(home)
    assert len(builds) == 1


def test_a_file_that_is_mostly_replaced_is_built_whole(home: Home, builds: list[Path]) -> None:
    for study in STUDIES[:3]:
        seal_sample(home.runs, study, note="another title")
    publish(home)
    assert len(builds) == 1


def test_a_file_with_much_empty_space_is_built_whole(
    home: Home, builds: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_file, "WASTE", -1.0)
    arrives(home)
    publish(home)
    assert len(builds) == 1


def test_a_small_file_is_always_built_whole(
    home: Home, builds: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the bytes of a small warehouse depend on its content alone."""
    monkeypatch.setattr(file_digest, "SMALL", 64 << 20)
    arrives(home)
    publish(home)
    changed = home.database.read_bytes()
    publish(home, rebuild=True)
    assert (len(builds), home.database.read_bytes()) == (2, changed)


def test_a_rebuild_gives_the_bytes_of_a_first_publication(home: Home, tmp_path: Path) -> None:
    arrives(home)
    is_graded_again(home)
    publish(home)
    publish(home, rebuild=True)
    other = Home(tmp_path / "other")
    shutil.copytree(home.runs, other.runs)
    publish(other)
    assert home.database.read_bytes() == other.database.read_bytes()


def test_the_same_change_of_the_same_file_has_the_same_bytes(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    shutil.copytree(home.root, other.root)
    for each in (home, other):
        is_graded_again(each)
        publish(each)
    assert home.database.read_bytes() == other.database.read_bytes()


def test_a_file_does_not_grow_without_end(home: Home) -> None:
    sizes = []
    for turn in range(6):
        seal_sample(home.runs, "B", note=f"title {turn}")
        publish(home)
        sizes.append(home.database.stat().st_size)
    assert sizes[-1] <= sizes[1]  # blocks that became free are used again


def test_a_change_that_cannot_be_written_leaves_the_old_file(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = home.database.read_bytes()
    arrives(home)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(file_digest, "copy_file", full)
        with pytest.raises(StoreError, match=r"cannot be written.*make room"):
            publish(home)
    assert home.database.read_bytes() == before
    assert not list(home.root.glob(".publish-*"))
    assert publish(home).created


def test_a_reader_keeps_its_file_while_a_copy_is_changed(home: Home) -> None:
    with duckdb.connect(str(home.database), read_only=True) as reader:
        arrives(home)
        publish(home)
        assert reader.execute("SELECT count(*) FROM core_runs").fetchall() == [(4,)]


@pytest.mark.parametrize("few_rows", [20_000, 0], ids=["grouped", "asked whether they ascend"])
@pytest.mark.parametrize(
    ("keys", "repeated"),
    [
        ([("a", 1), ("a", 2), ("b", 1)], 0),
        ([("b", 1), ("a", 2), ("a", 1)], 0),
        ([("a", 1), ("a", 1), ("b", 1)], 1),
        ([("a", 1), ("b", 1), ("a", 1)], 1),
    ],
)
def test_a_key_that_stands_twice_is_found_in_any_order(
    monkeypatch: pytest.MonkeyPatch, few_rows: int, keys: list[tuple[str, int]], repeated: int
) -> None:
    monkeypatch.setattr(database_file, "_FEW_ROWS", few_rows)
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (a VARCHAR, b INTEGER)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", keys)
        if not repeated:
            database_file._prove_key(connection, "t", ("a", "b"), "", len(keys))
            return
        with pytest.raises(StoreError, match=r"1 keys \(a, b\) of t are not unique"):
            database_file._prove_key(connection, "t", ("a", "b"), "", len(keys))
