"""The process that reads untrusted binary files: started by `isolated`, told what to read, ends by itself.

It is run as a script (`python -I child.py`) and limits itself before anything else is imported: memory,
processor time, size of files, no core dumps. Requests come as one JSON document on standard input; cells
leave as Arrow IPC files in a private folder, piece by piece. One line of JSON says of each piece that it is
there, and one of each file that it is done or why it cannot be read. Nothing may be imported here that
reading does not need: the imports are the cost of a small study.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from pathlib import Path

_DONE = {"done": True}


def main() -> None:
    """Read every file of the request, in order, and stop at the first that cannot be read."""
    # Libraries may print: what they say must not pass for an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    request = json.load(sys.stdin)
    restrict(request["memory"], request["processor_seconds"], request["file_bytes"])
    sys.path += [place for place in request["import_path"] if place not in sys.path]
    from pathlib import Path  # noqa: PLC0415 - after the limits

    folder = Path(request["folder"])
    for number, file in enumerate(request["files"]):
        last = _answer(file, folder, number, answers)
        _say(answers, last)
        if last != _DONE:
            break
    # Without running the clean-up of the libraries: it has nothing to save, and may hang or crash.
    answers.close()
    os._exit(0)


def restrict(memory: int, processor_seconds: int, file_bytes: int) -> None:
    """Limit this process for good; where the system has no such limit, the clock of the parent remains."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return
    for name, value in (
        ("RLIMIT_CORE", 0),
        ("RLIMIT_AS", memory),
        ("RLIMIT_CPU", processor_seconds),
        ("RLIMIT_FSIZE", file_bytes),
    ):
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (bound, bound))
        except (ValueError, OSError):
            continue
    try:
        # When the machine itself runs out, this process goes first.
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:  # noqa: PTH123
            score.write("1000")
    except OSError:
        pass


def _answer(file: dict[str, Any], folder: Path, number: int, answers: TextIO) -> dict[str, Any]:
    from schemas.errors import UnreadableFileError  # noqa: PLC0415 - after the limits

    try:
        return _read(file, folder, number, answers)
    except UnreadableFileError as failure:
        names = ("what", "column", "value", "next_action", "rule_id")
        return {"refused": {name: getattr(failure, name) for name in names}}
    except OSError as failure:
        return {"failed": "OSError", "errno": failure.errno}
    except BaseException as failure:  # a panic of a native library is a BaseException
        return {"failed": type(failure).__name__}


def _read(file: dict[str, Any], folder: Path, number: int, answers: TextIO) -> dict[str, Any]:
    from pathlib import Path  # noqa: PLC0415 - after the limits

    from pipelines.ingest.readers import null_cells, read_pieces  # noqa: PLC0415
    from pipelines.ingest.readers.common import Source  # noqa: PLC0415

    source = Source(**{**file["source"], "null_values": tuple(file["source"]["null_values"])})
    size = 0
    for part, piece in enumerate(read_pieces(Path(file["path"]), source, file["format"])):
        frame, blanks, declared = null_cells(piece.frame, source.null_values)
        size += int(frame.estimated_size())
        if size > file["cells"]:
            return {"failed": "CellsLimit"}
        name = f"{number}-{part}"
        frame.write_ipc(folder / f"{name}.arrow", compression="uncompressed")
        if piece.rejected.height:
            piece.rejected.write_ipc(folder / f"{name}-rejected.arrow", compression="uncompressed")
        facts = {"blanks": blanks, "declared": declared, "notes": dict(piece.notes)}
        _say(answers, {"piece": part, "rejects": bool(piece.rejected.height), **facts})
    return _DONE


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
