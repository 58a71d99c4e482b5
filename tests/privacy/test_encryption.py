"""An encrypted warehouse file: who has the key reads it everywhere, who has not is told what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.home import Home
from schemas.errors import StoreError
from tests.unit.store_samples import seal_sample
from warehouse import file_digest
from warehouse.database_key import DatabaseKey, is_encrypted, read_database_key
from warehouse.publisher import publish
from warehouse.reader import open_published

KEY = "a long 'random' text; --"
OTHER = "another long random text"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRADE_DATABASE_KEY", KEY)
    monkeypatch.setenv("REGRADE_DATABASE_CRYPTO", "unsafe")
    monkeypatch.delenv("REGRADE_DATABASE_KEY_FILE", raising=False)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One study, run and published encrypted."""
    home = Home(tmp_path_factory.mktemp("encrypted") / "home").ensure()
    seal_sample(home.runs, "A")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("REGRADE_DATABASE_KEY", KEY)
        patched.setenv("REGRADE_DATABASE_CRYPTO", "unsafe")
        publish(home)
    return home


def rows(home: Home) -> list[tuple[object, ...]]:
    with open_published(home) as connection:
        return connection.execute("SELECT study_id FROM core_runs ORDER BY ALL").fetchall()


def test_the_file_is_encrypted_and_read_with_the_key(sealed: Home) -> None:
    assert is_encrypted(sealed.database)
    content = sealed.database.read_bytes()
    assert b"core_runs" not in content
    assert b"subject_id_0" not in content
    assert rows(sealed) == [("A",)]
    seal = json.loads(sealed.database.with_name("icans.duckdb.json").read_text())
    assert seal["content"]["storage"] == "v1.4.0"
    assert KEY not in json.dumps(seal)


def test_any_client_reads_it_with_the_key(sealed: Home) -> None:
    with duckdb.connect() as connection:
        quoted = KEY.replace("'", "''")
        connection.execute(f"ATTACH '{sealed.database}' AS w (READ_ONLY, ENCRYPTION_KEY '{quoted}')")
        assert connection.execute("SELECT count(*) FROM w.core_runs").fetchall() == [(1,)]
        assert connection.execute("SELECT count(*) FROM w.out_latest_runs").fetchall() == [(1,)]


def test_commands_read_it_with_the_key_of_the_environment(sealed: Home, tmp_path: Path) -> None:
    runner = CliRunner()
    home = ("--home", str(sealed.root))
    asked = runner.invoke(app, ["sql", "select study_id from core_runs", *home])
    assert asked.stdout.split() == ["study_id", "A"]
    assert "cannot be read" not in runner.invoke(app, ["status", *home]).output
    done = runner.invoke(app, ["export", str(tmp_path / "copies"), *home])
    assert done.exit_code == 0, done.output


def test_without_a_key_nothing_is_read_or_overwritten(sealed: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGRADE_DATABASE_KEY")
    before = sealed.database.read_bytes()
    for act in (open_published, publish, lambda home: publish(home, rebuild=True)):
        with pytest.raises(StoreError, match=r"is encrypted and there is no key.*set REGRADE_DATABASE_KEY"):
            act(sealed)
    assert sealed.database.read_bytes() == before


def test_another_key_is_said_in_words_and_shown_nowhere(
    sealed: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGRADE_DATABASE_KEY", OTHER)
    monkeypatch.setenv("REGRADE_DEBUG", "1")
    done = CliRunner().invoke(app, ["sql", "select 1", "--home", str(sealed.root)])
    assert done.exit_code == 1
    assert "encrypted with another key" in done.output
    assert OTHER not in done.output
    with pytest.raises(StoreError, match=r"encrypted with another key.*publish --rebuild"):
        publish(sealed)


def test_another_key_takes_no_file_over_when_there_is_something_new_to_publish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home").ensure()
    monkeypatch.setenv("REGRADE_DATABASE_KEY", KEY)
    monkeypatch.setenv("REGRADE_DATABASE_CRYPTO", "unsafe")
    seal_sample(home.runs, "A")
    publish(home)
    before = home.database.read_bytes()
    seal_sample(home.runs, "B")
    monkeypatch.setenv("REGRADE_DATABASE_KEY", OTHER)
    with pytest.raises(StoreError, match=r"encrypted with another key.*publish --rebuild"):
        publish(home)
    assert home.database.read_bytes() == before
    publish(home, rebuild=True)
    assert rows(home) == [("A",), ("B",)]


@pytest.mark.parametrize("given", [None, OTHER, ""])
def test_status_without_the_key_knows_nothing_of_the_file_and_advises_the_key(
    sealed: Home, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    if given is None:
        monkeypatch.delenv("REGRADE_DATABASE_KEY")
    else:
        monkeypatch.setenv("REGRADE_DATABASE_KEY", given)
    home = ("--home", str(sealed.root))
    done = CliRunner().invoke(app, ["status", *home])
    assert done.exit_code == 1
    assert "REGRADE_DATABASE_KEY" in done.output
    assert "builds it again" not in done.output  # publishing refuses without the key
    answer = json.loads(CliRunner().invoke(app, ["status", "--json", *home]).stdout)
    assert [study["published"] for study in answer["studies"]] == [None]


def test_a_rebuild_changes_the_key_and_a_key_encrypts_what_was_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home").ensure()
    seal_sample(home.runs, "A")
    with monkeypatch.context() as plain:
        plain.delenv("REGRADE_DATABASE_KEY")
        publish(home)
        assert not is_encrypted(home.database)
    assert publish(home).created
    assert is_encrypted(home.database)
    monkeypatch.setenv("REGRADE_DATABASE_KEY", OTHER)
    publish(home, rebuild=True)
    assert rows(home) == [("A",)]


def test_an_encrypted_file_is_changed_in_a_copy_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_digest, "SMALL", 0)
    monkeypatch.setattr("warehouse.publisher.build", _once())
    home = Home(tmp_path / "home").ensure()
    for study in ("A", "B", "C"):
        seal_sample(home.runs, study)
    publish(home)
    seal_sample(home.runs, "D")
    publish(home)
    assert rows(home) == [("A",), ("B",), ("C",), ("D",)]
    assert is_encrypted(home.database)


def _once() -> object:
    from warehouse.database_file import build  # noqa: PLC0415

    calls: list[object] = []

    def built(*arguments: object) -> None:
        calls.append(arguments)
        assert len(calls) == 1, "the file was built whole twice"
        build(*arguments)  # type: ignore[arg-type]

    return built


def test_the_key_comes_from_a_file_that_only_its_owner_reads(
    sealed: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "database.key"
    path.write_text(KEY + "\n", encoding="utf-8")
    path.chmod(0o644)
    monkeypatch.setenv("REGRADE_DATABASE_KEY_FILE", str(path))
    with pytest.raises(StoreError, match="both set"):
        read_database_key()
    monkeypatch.delenv("REGRADE_DATABASE_KEY")
    with pytest.raises(StoreError, match=r"others on this machine can read the key.*chmod -R go-rwx"):
        read_database_key()
    path.chmod(0o600)
    assert rows(sealed) == [("A",)]
    path.unlink()
    with pytest.raises(StoreError, match="key of the warehouse file cannot be read"):
        read_database_key()


@pytest.mark.parametrize("text", ["short", "fifteen letters", "two lines of\nrandom text"])
def test_a_key_that_is_no_key(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("REGRADE_DATABASE_KEY", text)
    with pytest.raises(StoreError, match="fewer than 16 characters, or line breaks") as raised:
        read_database_key()
    assert text not in str(raised.value)


def test_a_key_never_prints(sealed: Home) -> None:
    assert KEY not in repr(DatabaseKey(KEY))
    with open_published(sealed) as connection:
        told = [
            connection.execute(sql).fetchall()
            for sql in ("FROM duckdb_databases()", "FROM duckdb_settings()", "SHOW ALL TABLES")
        ]
    assert KEY not in repr(told)


def test_without_what_duckdb_needs_to_encrypt_it_is_refused_in_words(tmp_path: Path) -> None:
    """In a process with a home of its own, where no extension is installed."""
    code = (
        "import sys; from pathlib import Path; from pipelines.home import Home\n"
        "from schemas.errors import StoreError; from warehouse.publisher import publish\n"
        "try: publish(Home(Path(sys.argv[1])))\n"
        "except StoreError as failure: print(failure)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "home")],
        env={"REGRADE_DATABASE_KEY": KEY, "HOME": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "cannot write an encrypted file without its httpfs extension" in done.stdout
    assert "REGRADE_DATABASE_CRYPTO=unsafe" in done.stdout
    assert KEY not in done.stdout + done.stderr
    assert not (tmp_path / "home" / "icans.duckdb").exists()
