"""The standard streams as the command line needs them: all three there, and their failures in plain words.

What may live here: opening and replacing the streams of this process. What may not: what is printed.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

from schemas.errors import RegradeError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_MODES: Final = (os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)
"""How a missing stream is opened: results that nobody can read are an error, as on a full disk."""


def prepare_streams() -> None:
    """Open the streams that are closed; let output fail in plain words, and messages never.

    A closed one is dangerous: the next file that is opened would get its number, and be printed into.
    """
    for number, mode in enumerate(_MODES):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # gets the lowest number that is free, which is this one
    sys.stdout = _text(_Results(1, "wb", closefd=False), sys.stdout)
    sys.stderr = _text(_Messages(2, "wb", closefd=False), sys.stderr)


class _Results(io.FileIO):
    """Standard output. Raises `RegradeError` where it is full or closed, `BrokenPipeError` where unread.

    Either leaves it leading nowhere, so that the interpreter does not fail once more when it ends.
    """

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as failure:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if isinstance(failure, BrokenPipeError):
                raise
            raise RegradeError(
                f"standard output cannot be written ({failure.strerror}); "
                "what the command does besides printing may be done",
                next_action="send the output where there is room, and see what was done with regrade status",
            ) from None


class _Messages(io.FileIO):
    """Standard error: work does not stop because nobody can be told of it."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _text(raw: io.FileIO, given: TextIO | None) -> io.TextIOWrapper:
    # A terminal that cannot show a character gets its escape, not an error.
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=given.encoding if given else "utf-8",
        errors="backslashreplace",
        line_buffering=raw.isatty() or isinstance(raw, _Messages),
    )
