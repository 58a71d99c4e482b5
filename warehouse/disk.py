"""Writing that survives a crash: locks between processes, flushing, replacing at once, and hashes.

What may live here: helpers that know bytes and paths. What may not: what a file is about.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from schemas.errors import StoreError


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no blanks: the text that is hashed and stored."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def sha256_text(text: str) -> str:
    """sha256 of a text in UTF-8, as hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_file(path: Path) -> str:
    """sha256 of the bytes of a file, read in blocks, as hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold an inter-process lock; the lock of a killed process is free at once."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire()
    except OSError as failure:
        action = "make the folder writable, or choose another home"
        raise not_writable("the data home", path.parent, failure, action) from None
    try:
        yield
    finally:
        lock.release()


def not_writable(what: str, place: Path, failure: OSError, next_action: str) -> StoreError:
    """What is said where something cannot be written, with the words of the system."""
    why = f" ({failure.strerror})" if failure.strerror else ""
    return StoreError(f"{what} cannot be written{why}", file=str(place), next_action=next_action)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder that is there by one rename when all of it is on the disk, and for its owner only.

    Gives the path to write to, beside the folder. Raises `StoreError` where there is something in the place
    already or it cannot be written; then nothing is left of it.
    """
    try:
        if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
            raise StoreError(
                "there is something in this place already", file=str(folder), next_action="name a new folder"
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".folder-", suffix=".new", dir=folder.parent))
        try:
            yield aside
            flush_tree(aside)
            if folder.exists():
                folder.rmdir()
            aside.rename(folder)
            flush(folder.parent)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as failure:
        action = "make room, or name a folder that can be written"
        raise not_writable("the folder", folder, failure, action) from None


def replace_text(path: Path, text: str) -> None:
    """Give a file this text: aside and flushed first, then one rename, which is flushed too."""
    make_folder(path.parent)
    building = path.with_name(f".{path.name}.new")
    building.write_text(text, encoding="utf-8")
    flush(building)
    building.replace(path)
    flush(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder whose own entry reaches the disk; one that is there costs nothing."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        flush(folder.parent)


def flush(path: Path) -> None:
    """Force a file, or the entries of a folder, to the disk."""
    if os.name != "posix" and path.is_dir():  # other systems cannot open a folder, nor need to
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_tree(folder: Path) -> None:
    """Force every file and folder under a folder, and itself, to the disk."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if not path.is_symlink():
            flush(path)
    flush(folder)
