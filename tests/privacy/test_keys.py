"""Keys that somebody gave: both are read by the same rules, from a variable or from a file, and never wait.

Each case says what stands where the key should be and what the message is about; no message quotes a key.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.home import Home
from pipelines.pseudonym_key import key_path, read_key
from schemas.errors import StoreError
from warehouse.database_key import read_database_key

KEY = "sixteen or more letters"
VARIABLES = ("REGRADE_DATABASE_KEY", "REGRADE_PSEUDONYM_KEY")

BAD_VARIABLES = [
    ("", "set to nothing"),
    ("  \t", "set to nothing"),
    ("fifteen letters", "fewer than 16"),
    (KEY + "\n" + KEY, "line breaks"),
    (KEY + "\x1b[31m", "line breaks"),
    (KEY + os.fsdecode(b"\xff\xfe"), "not text in UTF-8"),
]


def write(content: bytes, mode: int = 0o600) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(content)
        path.chmod(mode)

    return make


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


BAD_FILES: list[tuple[str, Callable[[Path], None], str]] = [
    ("folder", lambda path: path.mkdir(mode=0o700), "folder, pipe or device"),
    ("pipe", lambda path: os.mkfifo(path, 0o600), "folder, pipe or device"),
    ("device", link_to("/dev/zero"), "folder, pipe or device"),
    ("nowhere", link_to("nothing-there"), "cannot be read"),
    ("itself", link_to("itself"), "cannot be read"),
    ("world", write(KEY.encode(), 0o604), "others on this machine can read"),
    ("group", write(KEY.encode(), 0o640), "others on this machine can read"),
    ("world writes", write(KEY.encode(), 0o602), "others on this machine can read"),
    ("empty", write(b""), "fewer than 16"),
    ("blank", write(b" \n\n"), "fewer than 16"),
    ("two lines", write(f"{KEY}\n{KEY}\n".encode()), "line breaks"),
    ("not text", write(KEY.encode() + b"\xff"), "is not text in UTF-8. Next: use one line of"),
    ("binary", write(bytes(range(256))), "is not text in UTF-8. Next: use one line of"),
    ("other file", write(b"x" * 5000), "longer than a key"),
]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "REGRADE_DATABASE_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def read_database(_: Home) -> object:
    return read_database_key()


READERS: dict[str, Callable[[Home], object]] = dict(zip(VARIABLES, (read_database, read_key), strict=True))


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize(("text", "says"), BAD_VARIABLES, ids=range(len(BAD_VARIABLES)))
def test_a_variable_that_is_no_key_is_refused(
    variable: str, text: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(StoreError, match=says) as raised:
        READERS[variable](Home(tmp_path))
    assert raised.value.file == variable
    assert raised.value.next_action
    assert KEY not in str(raised.value)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize(("name", "make", "says"), BAD_FILES, ids=[name for name, *_ in BAD_FILES])
def test_a_file_that_is_no_key_is_refused_and_never_waited_for(
    variable: str,
    name: str,
    make: Callable[[Path], None],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = Home(tmp_path)
    path = key_path(home)
    aside = path.with_name(name)
    make(aside)
    aside.rename(path)
    if name == "itself":
        path.unlink()
        path.symlink_to(path.name)
    if variable == "REGRADE_DATABASE_KEY":
        monkeypatch.setenv("REGRADE_DATABASE_KEY_FILE", str(path))
    found: list[object] = []

    def read() -> None:
        try:
            found.append(READERS[variable](home))
        except BaseException as failure:
            found.append(failure)

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    reading.join(10)
    (failure,) = found or ["it waits for ever"]
    assert isinstance(failure, StoreError), failure
    assert says in str(failure)
    assert failure.file == str(path)
    assert failure.next_action
    assert KEY not in str(failure)


@pytest.mark.parametrize(("given", "says"), [("", "set to nothing"), ("~nobody-of-that-name/key", "a user")])
def test_the_variable_that_names_a_file_names_one(
    given: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGRADE_DATABASE_KEY_FILE", given)
    with pytest.raises(StoreError, match=says) as raised:
        read_database_key()
    assert raised.value.file == "REGRADE_DATABASE_KEY_FILE"


def test_a_key_in_a_file_that_a_link_leads_to_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a cluster mounts its secrets."""
    write(KEY.encode() + b"\n", 0o400)(tmp_path / "data")
    (tmp_path / "key").symlink_to("data")
    monkeypatch.setenv("REGRADE_DATABASE_KEY_FILE", str(tmp_path / "key"))
    key = read_database_key()
    assert key is not None
    assert key.text == KEY
