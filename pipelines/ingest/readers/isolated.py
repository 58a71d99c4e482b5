"""Reading the files of a study: text formats here, all others in one process of their own (`child`).

A binary format goes through native code, where a damaged or a hostile file may crash, hang or take all
memory. What happens there ends that process and becomes an `UnreadableFileError` naming the file. The
process has limits (`limits`), gets no environment but what the libraries need, so no key, and hands its
cells over as Arrow IPC files in a folder only the owner can enter, which is always removed. It runs as the
same user: this bounds crashes and costs, it is no guard against code that takes the process over.

Known shortcoming: where the system has no limit on address space (macOS, Windows), only the clock bounds it.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from filelock import FileLock, Timeout

from pipelines.ingest.raw import RawTable
from pipelines.ingest.readers import is_text, open_file, opened, raw_piece, read_table, require_rows
from pipelines.ingest.readers.common import Source, no_rejected, unreadable
from pipelines.ingest.readers.limits import GIB, Limits, limits_of
from schemas.errors import UnreadableFileError

if TYPE_CHECKING:
    from schemas.manifest import FileFormat, FileSpec

_CHILD: Final = Path(__file__).with_name("child.py")
_CODE_ROOT: Final = Path(__file__).resolve().parents[3]
_PREFIX: Final = "regrade-read-"
_NEW_PREFIX: Final = ".regrade-new-"
_LOCK: Final = "lock"
_KEPT_ENVIRONMENT: Final = (
    *("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT"),
    "POLARS_MAX_THREADS",
)
_SET_ENVIRONMENT: Final = {
    # Address space is limited, so libraries must not reserve it by the gigabyte for each core.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "4",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
_REPLACE: Final = "get the file again from its source, or export it in another format"
_SMALLER: Final = "split the table into several files, or export it as CSV"
_LONGEST_ANSWER: Final = 2**20
_MAPPED_BYTES: Final = 2**24


def read_tables(files: Sequence[tuple[Path, FileSpec]]) -> tuple[RawTable, ...]:
    """Read data files as the manifest describes them, in order; see `read_table` for what that means.

    Raises as `stream_tables` does.
    """
    pieces: list[list[RawTable]] = [[] for _ in files]
    for number, piece in stream_tables(files):
        pieces[number].append(piece)
    return tuple(map(RawTable.join, pieces))


def stream_tables(files: Sequence[tuple[Path, FileSpec]]) -> Generator[tuple[int, RawTable]]:
    """Read data files in order, piece by piece: the number of the file, and its next rows; see `read_table`.

    Every file has at least one piece, and is as it should be when that of the next file comes, or the end.
    Files in a binary format are read by one other process, which goes on while a piece is dealt with. Raises
    `UnreadableFileError` for the first file, in order, that cannot be used: also for one that makes the
    reading process crash (READ-CRASH) or meet a limit (READ-LIMIT).
    """
    formats: list[FileFormat | UnreadableFileError] = []
    for path, spec in files:
        try:
            formats.append(open_file(path, Source.of(spec)))
        except UnreadableFileError as failure:  # raised in its turn
            formats.append(failure)
            break
    binary = [
        (path, Source.of(spec), kind)
        for (path, spec), kind in zip(files, formats, strict=False)
        if isinstance(kind, str) and not is_text(kind)
    ]
    with _reading(binary) if binary else nullcontext() as process:
        for number, ((path, spec), kind) in enumerate(zip(files, formats, strict=False)):
            if isinstance(kind, UnreadableFileError):
                raise kind
            if process is None or is_text(kind):
                yield number, read_table(path, spec)
            else:
                for piece in process.next_table(spec, kind):
                    yield number, piece


class _ReadingProcess:
    """The child, its folder and how far it has come."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, limits: Sequence[Limits]) -> None:
        self._process = process
        self._folder = folder
        self._limits = limits
        self._done = 0

    def next_table(self, spec: FileSpec, file_format: FileFormat) -> Iterator[RawTable]:
        """The table of the next binary file, in the order they were asked for, piece by piece."""
        source = Source.of(spec)
        number, limits = self._done, self._limits[self._done]
        self._done += 1
        rows_in, seconds = 0, limits.seconds
        for part in itertools.count():
            # The clock stands while a piece is dealt with: that time is not the child's.
            started = time.monotonic()
            answer = self._answer(source, limits, seconds)
            seconds -= time.monotonic() - started
            if "piece" not in answer:
                break
            with opened(source):  # the names are made here: what is removed is never for the child to say
                name = f"{number}-{part}"
                piece = raw_piece(
                    spec,
                    file_format,
                    (self._taken(name), answer["blanks"], answer["declared"]),
                    self._taken(f"{name}-rejected") if answer["rejects"] else no_rejected(),
                    answer["notes"],
                )
            rows_in += piece.rows_in
            yield piece
        if "refused" in answer:
            refused = answer["refused"]
            raise unreadable(
                source,
                refused["what"],
                refused["next_action"],
                refused["rule_id"],
                column=refused["column"],
                value=refused["value"],
            )
        if "failed" in answer:
            raise _failure(source, answer, limits)
        require_rows(spec, rows_in)

    def _taken(self, name: str) -> pl.DataFrame:
        """The rows of a file the child has written, which is removed: the next are on their way."""
        path = self._folder / f"{name}.arrow"
        frame = _load(path)
        if os.name == "posix":  # elsewhere it goes with its folder: what is mapped cannot be removed
            path.unlink()
        return frame

    def _answer(self, source: Source, limits: Limits, seconds: float) -> Mapping[str, Any]:
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            assert self._process.stdout is not None  # asked for in _reading
            line = self._process.stdout.readline(_LONGEST_ANSWER)
        finally:
            timer.cancel()
            timer.join()  # it may be at work: a line that comes as the clock runs out is of a killed process
        if late.is_set():
            raise _over_limit(source, f"reading it took longer than {limits.seconds:.0f} seconds")
        if line.endswith(b"\n"):
            answer: Mapping[str, Any] = json.loads(line)
            return answer
        self._process.kill()
        raise _death(source, self._process.wait(), limits)


@contextmanager
def _reading(files: Sequence[tuple[Path, Source, FileFormat]]) -> Iterator[_ReadingProcess]:
    """Start the process for these files; end it and remove its folder, whatever happens."""
    with opened(files[0][1]):
        limits = [limits_of(path.stat().st_size) for path, _, _ in files]
    with _private_folder() as folder:
        request = {
            "folder": str(folder),
            # The libraries of this process, wherever it has them from; `-I` alone would not find all.
            "import_path": [str(_CODE_ROOT), *(str(Path(place).absolute()) for place in sys.path if place)],
            "memory": max(limit.memory for limit in limits),
            # The clock of the parent is the limit; this one holds when the parent is gone, and is later.
            "processor_seconds": math.ceil(sum(limit.seconds for limit in limits) + 1)
            * (os.cpu_count() or 1),
            "file_bytes": max(limit.cells for limit in limits) + GIB,
            "files": [
                {
                    "path": str(path.absolute()),  # the process has a folder of its own
                    "source": dataclasses.asdict(source),
                    "format": file_format,
                    "cells": limit.cells,
                }
                for (path, source, file_format), limit in zip(files, limits, strict=True)
            ],
        }
        process = subprocess.Popen(
            [sys.executable, "-I", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
            | _SET_ENVIRONMENT,
            start_new_session=True,  # Ctrl-C is for the parent, which ends the child
        )
        try:
            assert process.stdin is not None  # asked for above
            with suppress(BrokenPipeError):
                process.stdin.write(json.dumps(request).encode())
                process.stdin.close()
            yield _ReadingProcess(process, folder, limits)
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(BrokenPipeError):
                        stream.close()


@contextmanager
def _private_folder() -> Iterator[Path]:
    """A new folder only the owner can enter; what a killed process left behind goes first."""
    place = Path(tempfile.gettempdir())
    _sweep(place)
    # It gets the name that is swept once its lock is held: nobody can take it for an abandoned one.
    made = Path(tempfile.mkdtemp(prefix=_NEW_PREFIX))
    folder = place / made.name.replace(_NEW_PREFIX, _PREFIX, 1)
    lock = FileLock(made / _LOCK)
    try:
        lock.acquire()
        made.rename(folder)
        yield folder
    finally:
        lock.release()
        for each in (made, folder):
            shutil.rmtree(each, ignore_errors=True)


def _sweep(place: Path) -> None:
    """Remove folders of this user whose process is gone: their lock is free."""
    for folder in place.glob(f"{_PREFIX}*"):
        lock = folder / _LOCK
        with suppress(OSError, Timeout, AttributeError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid() or not lock.is_file():
                continue
            with FileLock(lock, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)


def _load(path: Path) -> pl.DataFrame:
    if os.name != "posix" or path.stat().st_size < _MAPPED_BYTES:
        return pl.read_ipc(path)
    # Mapped, not copied: twice as much memory otherwise. The pages outlive the folder.
    import pyarrow  # type: ignore[import-untyped]  # noqa: PLC0415 - only worth its start for large tables

    with pyarrow.memory_map(str(path)) as mapped:
        frame = pl.from_arrow(pyarrow.ipc.open_file(mapped).read_all())
    assert isinstance(frame, pl.DataFrame)  # of a table, not of a column
    return frame


def _failure(source: Source, answer: Mapping[str, Any], limits: Limits) -> UnreadableFileError:
    failed = answer["failed"]
    if failed == "MemoryError":
        return _over_limit(source, f"reading it needs more than {limits.memory / GIB:.1f} GiB of memory")
    if failed == "CellsLimit":
        return _over_limit(source, f"its cells take more than {limits.cells / GIB:.1f} GiB")
    if failed == "OSError":
        reason = os.strerror(answer["errno"]) if answer["errno"] else "input or output failed"
        return unreadable(
            source,
            f"the file cannot be read: {reason}",
            "check that it may be read and that the folder for temporary files (TMPDIR) has room",
            "READ-OPEN",
        )
    return unreadable(source, f"damaged: it cannot be read ({failed})", _REPLACE, "READ-DAMAGED")


def _over_limit(source: Source, what: str) -> UnreadableFileError:
    return unreadable(source, f"{what}: it is damaged, or too large for one file", _SMALLER, "READ-LIMIT")


def _death(source: Source, code: int, limits: Limits) -> UnreadableFileError:
    if code == -getattr(signal, "SIGXCPU", 0):
        return _over_limit(
            source, f"reading it took more than {limits.seconds:.0f} seconds of processor time"
        )
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return unreadable(
        source,
        f"damaged: the process that read it ended ({name}; its limit of memory is "
        f"{limits.memory / GIB:.1f} GiB)",
        _REPLACE,
        "READ-CRASH",
    )
