"""Pseudonyms: the same under one key, others under another, and rows that no order gives away."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.home import Home
from pipelines.pseudonym_key import ENVIRONMENT_VARIABLE, key_path, read_key
from pipelines.report import pseudonyms
from pipelines.report.document import Column
from pipelines.report.pseudonyms import hide_subjects, make_pseudonyms
from schemas.errors import StoreError

KEY = b"0123456789abcdef"
COLUMNS = (
    Column(name="subject_id", label="Subject", kind="id"),
    Column(name="high", label="High", kind="grade"),
    Column(name="text", label="Text", kind="text"),
)


@given(st.sets(st.text(max_size=8), max_size=30))
def test_every_id_has_one_pseudonym_and_no_two_share_one(ids: set[str]) -> None:
    names = make_pseudonyms(ids, KEY)
    assert set(names) == ids
    assert len(set(names.values())) == len(ids)
    assert all(re.fullmatch(r"S-[A-Z2-7]{8,}", name) for name in names.values())


def test_a_pseudonym_does_not_depend_on_who_else_is_there() -> None:
    assert make_pseudonyms({"A-1", "A-2"}, KEY)["A-1"] == make_pseudonyms({"A-1"}, KEY)["A-1"]
    assert make_pseudonyms({"A-1"}, KEY) != make_pseudonyms({"A-1"}, b"another key of 20 ch")


def test_pseudonyms_that_agree_are_made_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pseudonyms, "SHORTEST", 1)
    names = make_pseudonyms({f"A-{number}" for number in range(200)}, KEY)
    assert len(set(names.values())) == 200
    assert {len(name) for name in names.values()} >= {4, 5}


def test_neighbours_of_one_rank_stand_in_the_order_of_their_pseudonyms() -> None:
    names = {"A-1": "S-C", "A-2": "S-B", "A-3": "S-A", "A-4": "S-D"}
    rows = (("A-1", 4, "x"), ("A-2", 4, "y"), ("A-4", 3, "z"), ("A-3", 3, "w"))
    assert hide_subjects(rows, COLUMNS, ("high",), names) == (
        ("S-B", 4, "y"),
        ("S-C", 4, "x"),
        ("S-A", 3, "w"),
        ("S-D", 3, "z"),
    )


QUOTED = [
    ("reported by 01-0012 twice", "reported by S-A twice"),
    ("(01-0012), 01-00123 and X01-0012", "(S-A), 01-00123 and X01-0012"),
    ("patient AB-77-X fell", "patient S-B fell"),
    ("PATIENT ab-77-x FELL", "PATIENT S-B FELL"),
    ("grade 3 on day 12", "grade 3 on day 12"),
]


@pytest.mark.parametrize(("text", "hidden"), QUOTED)
def test_a_text_that_quotes_an_id_says_the_pseudonym(text: str, hidden: str) -> None:
    names = {"01-0012": "S-A", "AB-77-X": "S-B", "12": "S-C"}
    ((_, _, found),) = hide_subjects((("12", 1, text),), COLUMNS, (), names)
    assert found == hidden


def test_an_id_without_a_pseudonym_is_an_error() -> None:
    with pytest.raises(KeyError):
        hide_subjects((("A-9", 1, None),), COLUMNS, (), {})


# The key


def test_the_environment_comes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "a key of at least sixteen")
    assert read_key(Home(tmp_path)) == b"a key of at least sixteen"
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "short")
    with pytest.raises(StoreError, match="fewer than 16") as raised:
        read_key(Home(tmp_path))
    assert "short" not in str(raised.value)


def test_the_key_file_is_made_once_even_by_many_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    home = Home(tmp_path / "home")
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(read_key(home))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {read_key(home)}
    assert [path.name for path in home.root.iterdir()] == ["pseudonym.key"]
    if os.name == "posix":
        assert key_path(home).stat().st_mode & 0o777 == 0o600


def test_the_key_is_never_inside_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    (tmp_path / "checkout" / ".git").mkdir(parents=True)
    inside = Home(tmp_path / "checkout" / "warehouse")
    assert key_path(inside) == tmp_path / "configuration" / "icans-regrade" / "pseudonym.key"
    assert key_path(Home(tmp_path / "elsewhere")) == tmp_path / "elsewhere" / "pseudonym.key"


def test_a_key_that_others_can_read_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    home = Home(tmp_path / "home")
    key = read_key(home)
    path = key_path(home)
    path.chmod(0o640)
    with pytest.raises(StoreError, match="others on this machine can read the key") as raised:
        read_key(home)
    assert f"chmod -R go-rwx {path}" in raised.value.next_action
    assert key.decode() not in str(raised.value)
    path.chmod(0o600)
    assert read_key(home) == key
