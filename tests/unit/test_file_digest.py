"""Digests of large files: every byte counts, wherever it is and however it is read."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from warehouse import file_digest
from warehouse.file_digest import block_digests, copy_file, digest_beside, digest_of


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_digest, "BLOCK", 16)
    monkeypatch.setattr(file_digest, "SMALL", 32)


@pytest.mark.parametrize("size", [0, 1, 31, 32])
def test_a_small_file_has_the_digest_that_everybody_computes(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    assert file_digest.file_digest(path) == hashlib.sha256(b"x" * size).hexdigest()


@pytest.mark.parametrize("size", [33, 47, 48, 49, 1_000])
def test_every_byte_of_a_large_file_counts(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    content = bytes(number % 251 for number in range(size))
    digests = set()
    for place in range(size):
        path.write_bytes(content[:place] + b"\xff" + content[place + 1 :])
        digests.add(file_digest.file_digest(path))
    for other in (content, content + b"\0", content[:-1], content[16:] + content[:16]):
        path.write_bytes(other)
        digests.add(file_digest.file_digest(path))
    assert len(digests) == size + 4
    assert all(len(digest) in (64, 71) for digest in digests)


@pytest.mark.parametrize("change", ["nothing", "first", "last", "longer", "shorter", "small"])
def test_what_is_known_of_another_file_changes_no_digest(tmp_path: Path, change: str) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    content = bytes(range(100))
    old.write_bytes(content)
    new.write_bytes(
        {
            "nothing": content,
            "first": b"\xff" + content[1:],
            "last": content[:-1] + b"\xff",
            "longer": content + content,
            "shorter": content[:50],
            "small": content[:20],
        }[change]
    )
    known = block_digests(old)
    assert digest_of(known, 100) == file_digest.file_digest(old)
    assert digest_beside(new, old, known) == file_digest.file_digest(new)


def test_a_copy_is_for_its_owner_only_and_replaces_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(100_000))
    source.chmod(0o644)
    copy_file(source, target)
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        copy_file(source, target)


@pytest.mark.parametrize("code", [errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_that_cannot_copy_within_the_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def cannot(*_: object) -> int:
        raise OSError(code, "not here")

    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"content")
    monkeypatch.setattr(os, "copy_file_range", cannot)
    copy_file(source, target)
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"content", 0o600)


def test_a_full_disk_is_not_mistaken_for_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    source = tmp_path / "source"
    source.write_bytes(b"content")
    monkeypatch.setattr(os, "copy_file_range", full)
    with pytest.raises(OSError, match="No space"):
        copy_file(source, tmp_path / "target")
