"""The seal beside the published file: what it holds, its digest, and where the ledger was.

What may live here: writing the seal, and holding the file against it. What may not: DuckDB, the content.

The seal is written before the file is renamed into place and until then also names the file that stands,
so at every moment the file that stands is one the seal names; a reader that comes between looks again.

A file of up to `ALWAYS_HASHED` bytes is hashed each time it is opened. A larger one is hashed when its size,
times or inode are not those of the last time (kept in `.icans.duckdb.checked`); what changes under the file
system without touching these meets DuckDB's own checksum of each block that is read, and the next publication
hashes the whole file in any case.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipelines.home import Home
from schemas.errors import StoreError
from warehouse.disk import canonical_json, replace_text, sha256_text
from warehouse.file_digest import file_digest
from warehouse.ledger import Anchor, Entry, Ledger

ALWAYS_HASHED: Final = 64 << 20
_AGAIN: Final = "run regrade publish: it builds the file again from the runs"
_LOOKS: Final = 50


@dataclass(frozen=True)
class Seal:
    """`before_sha256` is the file that stood when it was written; `ledger` the entry of the publication.

    Both digests are those of `warehouse.file_digest`. `content` is what the content key is the sha256 of;
    None in the seal of an earlier version.
    """

    content_key: str
    file_sha256: str
    before_sha256: str | None
    ledger: Anchor | None
    content: Mapping[str, Any] | None = None

    @property
    def accepted(self) -> frozenset[str]:
        """sha256 of the files that may stand beside this seal."""
        return frozenset({self.file_sha256, self.before_sha256 or self.file_sha256})


def seal_path(home: Home) -> Path:
    """Where the seal is."""
    return home.database.with_name(home.database.name + ".json")


def require_plain_files(home: Home) -> None:
    """Refuse what is no file in the place of the file, its seal or the ledger. Raises `StoreError`.

    A folder there could not be replaced, and a pipe would be waited for.
    """
    ledger = Ledger(home.runs)
    for path in (home.database, seal_path(home), ledger.path, ledger.head_path):
        if path.exists() and not path.is_file():
            raise StoreError(
                "a folder, pipe or device stands where a file belongs",
                file=str(path),
                next_action="move it away and run regrade publish; the runs are safe",
            )


def read_seal(home: Home) -> Seal | None:
    """The seal; None where there is none that can be read, or it has not the form of one."""
    try:
        if not seal_path(home).is_file():  # a pipe in its place would be waited for
            return None
        found: dict[str, Any] = json.loads(seal_path(home).read_bytes())
        told = found.get("ledger")
        anchor = (
            None if told is None else Anchor("the seal of the published file", told["sequence"], told["hash"])
        )
        before = found.get("before_sha256")
        content = found.get("content")
        fits = isinstance(before, str | None) and (content is None or _has_runs(content))
        if anchor is not None:
            fits = fits and type(anchor.sequence) is int and isinstance(anchor.hash, str)
        if not fits:
            return None
        return Seal(str(found["content_key"]), str(found["file_sha256"]), before, anchor, content)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _has_runs(content: object) -> bool:
    """Whether the content of a seal lists the ids of runs, as those who read it take for granted."""
    runs = content.get("runs") if isinstance(content, dict) else None
    return isinstance(runs, list) and all(
        isinstance(run, list) and len(run) == 3 and isinstance(run[0], str) for run in runs
    )


def standing_sha256(home: Home) -> str | None:
    """Digest of the file that stands, read whole; None where there is none that can be read."""
    try:
        return file_digest(home.database)
    except OSError:
        return None


def write_seal(
    home: Home, content: Mapping[str, Any], file_sha256: str, entry: Entry, standing: str | None
) -> None:
    """Seal the file that will be renamed into place next; `standing` is the digest of the one there is.

    Raises `OSError` where the seal cannot be written.
    """
    old = read_seal(home)
    before = standing if old is not None and standing in old.accepted else None
    seal = {
        "content": content,
        "content_key": sha256_text(canonical_json(content)),
        "file_sha256": file_sha256,
        "before_sha256": before,
        "ledger": {"sequence": entry.sequence, "hash": entry.hash},
    }
    replace_text(seal_path(home), canonical_json(seal) + "\n")


def settle_seal(home: Home) -> None:
    """Once the new file stands, its seal names no other: an older file put back is refused.

    Raises `OSError` where the seal cannot be written.
    """
    seal = json.loads(seal_path(home).read_bytes())
    if seal.get("before_sha256") is not None:
        replace_text(seal_path(home), canonical_json(seal | {"before_sha256": None}) + "\n")


def is_sealed(home: Home, content_key: str, standing: str | None) -> bool:
    """True when the file that stands is, byte by byte, the one that was sealed with this content."""
    seal = read_seal(home)
    return seal is not None and (seal.content_key, seal.file_sha256) == (content_key, standing)


def require_sealed(home: Home) -> None:
    """Prove that the file is one that was published. Raises `StoreError` naming it where it is not."""
    for _ in range(_LOOKS):
        seal = read_seal(home)
        if seal is None:
            raise StoreError(
                "the warehouse file has no seal, so nobody can say that it is what was published",
                file=str(home.database),
                next_action=_AGAIN,
            )
        try:
            actual = _sha256_of(home.database)
        except OSError as failure:
            raise StoreError(
                f"the warehouse file cannot be read ({failure.strerror})",
                file=str(home.database),
                next_action=f"make it readable, or {_AGAIN}",
            ) from None
        if actual in seal.accepted:
            return
        if read_seal(home) == seal:  # else a publication came between: look again
            break
    raise StoreError(
        "the warehouse file is not what was published (sha256 differs)",
        file=str(home.database),
        next_action=_AGAIN,
    )


def _sha256_of(path: Path) -> str:
    """sha256 of the file, from the last time where it is large and nothing about it has changed."""
    if path.stat().st_size <= ALWAYS_HASHED:
        return file_digest(path)
    kept = path.with_name(f".{path.name}.checked")
    about = _about(path)
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        found = json.loads(kept.read_bytes())
        if found["about"] == about:
            return str(found["sha256"])
    actual = file_digest(path)
    if _about(path) == about:
        with contextlib.suppress(OSError):  # who may not write here hashes again next time
            replace_text(kept, canonical_json({"about": about, "sha256": actual}) + "\n")
    return actual


def _about(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
