"""A disk that is full and a disk that cannot be written: a message, nothing lost, and it goes on afterwards.

A file system of its own, as small as wanted, can only be mounted by root; elsewhere these tests say so.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.home import Home
from tests.end_to_end.homes import regrade
from tests.robustness.situations import Situation, copy_home, faults_of, finished_faults

SIZE = 96 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, left: int) -> Path:
    """Fill the disk until so many bytes are left; returns the file that does it."""
    ballast = disk / "ballast"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with ballast.open("wb") as file:
        for start in range(0, free - left, 1 << 20):
            file.write(b"\0" * min(1 << 20, free - left - start))
    return ballast


@pytest.mark.parametrize("left", [0, 24_000, 300_000, 6_000_000])
def test_a_full_disk_is_named_and_loses_nothing(
    changed_study: Situation, small_disk: Path, left: int
) -> None:
    home = copy_home(changed_study.before, small_disk / "home")
    ballast = fill(small_disk, left)
    done = regrade(home, *changed_study.words[:-2])
    ballast.unlink()
    said = " ".join(done.stderr.split())
    assert done.exit_code == 1, done.output
    assert "Next: " in said
    assert "disk space" in said or "make room" in said, said
    assert "Traceback" not in said
    assert faults_of(changed_study, home) == []
    assert regrade(home, *changed_study.words[:-2]).exit_code == 0
    assert finished_faults(changed_study, home) == []


def test_a_full_disk_and_copies(changed_study: Situation, small_disk: Path) -> None:
    home = copy_home(changed_study.after, small_disk / "home")
    ballast = fill(small_disk, 200_000)
    for words in (("export", str(small_disk / "copied")), ("deliver", "TINY-B", str(small_disk / "handed"))):
        done = regrade(home, *words)
        assert done.exit_code == 1, done.output
        assert "Next: " in done.stderr
        assert not Path(words[-1]).exists()
    ballast.unlink()
    assert sorted(path.name for path in small_disk.iterdir()) == ["home"]
    assert finished_faults(changed_study, home) == []


def read_only(disk: Path, is_read_only: bool) -> None:
    mode = "ro" if is_read_only else "rw"
    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)


def test_a_read_only_home_is_read_and_not_written(
    changed_study: Situation, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGRADE_PSEUDONYM_KEY", "0123456789abcdef")
    home = copy_home(changed_study.before, small_disk / "home")
    read_only(small_disk, True)
    try:
        for words in (("run",), ("publish",), ("ledger", "correct", "1", "--reason", "x")):
            refused = regrade(home, *words)
            assert refused.exit_code == 1, words
            assert "written" in refused.stderr
            assert "Next: " in refused.stderr
            assert "Traceback" not in refused.stderr
        for words in (
            ("status",),
            ("sql", "select count(*) from core_event_grades"),
            ("explain", "TINY-B", "TINY-B-S0001"),
            ("report", "--out", str(tmp_path / "report")),
            ("ledger", "check"),
            ("verify", "TINY-B"),
        ):
            done = regrade(home, *words)
            assert done.exit_code == 0, (words, done.output)
        for words in (
            ("export", str(tmp_path / "copied")),
            ("deliver", "TINY-B", str(tmp_path / "handed")),
        ):
            done = regrade(home, *words)
            assert done.exit_code == 0, (words, done.output)
            assert "not in the ledger" in done.stderr
    finally:
        read_only(small_disk, False)
    assert faults_of(changed_study, home) == []
    assert regrade(home, *changed_study.words[:-2]).exit_code == 0
    assert finished_faults(changed_study, home) == []


def test_who_may_only_read_the_home_is_told(tmp_path: Path) -> None:
    """A home whose folder is a file cannot be written by anybody, root neither."""
    (tmp_path / "home").write_text("")
    done = regrade(Home(tmp_path / "home"), "run")
    assert done.exit_code == 1
    assert "Next: " in done.stderr
