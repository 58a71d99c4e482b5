"""The digest of a file that may be large: its sha256, or that of its blocks' sha256.

What may live here: hashing and copying files block by block. What may not: what is in them.

A file of up to `SMALL` bytes has the digest that `sha256sum` prints. Of a larger one it is `blocks:` and the
sha256 of its size and of the sha256 of each 4 MiB in order: as strong, but two processors share the work, and
what did not change need not be hashed again. Hashing would else be most of the cost of a publication.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from warehouse.disk import sha256_file

BLOCK: Final = 4 << 20
SMALL: Final = 64 << 20
_THREADS: Final = 2
_NOT_SO: Final = frozenset({errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EBADF})
"""What a file system answers that cannot copy within the kernel."""


def file_digest(path: Path) -> str:
    """Digest of a file, read whole. Raises `OSError` where it cannot be read."""
    if path.stat().st_size <= SMALL:
        return sha256_file(path)
    return digest_of(block_digests(path), path.stat().st_size)


def block_digests(path: Path) -> tuple[bytes, ...]:
    """sha256 of each block of a file. Raises `OSError` where it cannot be read."""
    with _Opened(path) as source:
        return tuple(_each(lambda number: _sha256(source.block(number)), source.blocks))


def digest_of(blocks: Sequence[bytes], size: int) -> str:
    """Digest of a large file of so many bytes whose blocks have these sha256."""
    return "blocks:" + hashlib.sha256(b"%d:" % size + b"".join(blocks)).hexdigest()


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, readable by its owner only, within the kernel; on some file systems that copies nothing.

    Raises `OSError` where one of them fails, or the target is there.
    """
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with _Opened(source) as opened:
            _copy_range(opened.handle, handle, opened.size)
    except OSError as failure:
        if failure.errno not in _NOT_SO:
            raise
        shutil.copyfile(source, target)
    finally:
        os.close(handle)


def digest_beside(path: Path, before: Path, known: Sequence[bytes]) -> str:
    """Digest of a file most of whose blocks are those of another, large one, the sha256 of which are known.

    Comparing two blocks costs a fifth of hashing one. Raises `OSError` where a file cannot be read.
    """
    if path.stat().st_size <= SMALL:
        return sha256_file(path)
    with _Opened(path) as new, _Opened(before) as old:

        def of(number: int) -> bytes:
            block = new.block(number)
            same = number < len(known) and block == old.block(number)
            return known[number] if same else _sha256(block)

        return digest_of(_each(of, new.blocks), new.size)


class _Opened:
    """A file read at places, by several threads at once."""

    def __init__(self, path: Path) -> None:
        self.handle = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self.handle).st_size
        self.blocks = -(-self.size // BLOCK)

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.handle)

    def block(self, number: int) -> bytes:
        parts = []
        start, end = number * BLOCK, min((number + 1) * BLOCK, self.size)
        while start < end:
            part = os.pread(self.handle, end - start, start)
            if not part:
                raise OSError("the file became shorter while it was read")
            parts.append(part)
            start += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _each(work: Callable[[int], bytes], count: int) -> list[bytes]:
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(work, range(count)))


def _sha256(block: bytes) -> bytes:
    return hashlib.sha256(block).digest()


def _copy_range(source: int, target: int, size: int) -> None:
    if not hasattr(os, "copy_file_range"):
        raise OSError(errno.ENOSYS, "no copying within the kernel")
    done = 0
    while done < size:
        moved = os.copy_file_range(source, target, size - done)
        if not moved:
            raise OSError(errno.EIO, "the file became shorter while it was copied")
        done += moved
