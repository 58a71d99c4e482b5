"""`release.yaml`: identity, status, parent, sources, licence, change note and sign-offs of a release.

What may live here: reading that file strictly. What may not: the tables of a release. A key that is not
known is an error, so that a mistyped `sign_offs` never passes for none.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import ReleaseError
from schemas.plain_yaml import LARGEST_BYTES, PlainYamlError, parse_plain_yaml

STATUSES = ("draft", "under_review", "published", "withdrawn")
ROLES = ("clinical", "data")
_KEYS = (
    "release_id",
    "status",
    "parent_release_id",
    "date",
    "licence",
    "sources",
    "sign_offs",
    "change_note",
)
_REVIEW = {
    "draft": "draft",
    "under_review": "under review",
    "published": "published",
    "withdrawn": "withdrawn",
}


@dataclass(frozen=True)
class SignOff:
    """One review of a release: the role of the reviewer and the date; the person is named elsewhere."""

    role: str
    date: dt.date


@dataclass(frozen=True)
class ReleaseFile:
    """What a release says of itself. `parent_release_id` None is the first release."""

    release_id: str
    status: str
    parent_release_id: str | None
    date: dt.date
    licence: str
    sources: tuple[str, ...]
    sign_offs: tuple[SignOff, ...]
    change_note: tuple[str, ...]

    def count(self, role: str) -> int:
        """Number of sign-offs of a role."""
        return sum(sign_off.role == role for sign_off in self.sign_offs)

    @property
    def review_status(self) -> str:
        """The sentence every report prints with the release id."""
        reviewed = "clinically reviewed" if self.count("clinical") else "not clinically reviewed"
        return f"{_REVIEW[self.status]}, {reviewed}"


def read_start(path: Path) -> bytes:
    """The bytes of a file of keys and values: one more than may be there, when there are more."""
    with path.open("rb") as stream:
        return stream.read(LARGEST_BYTES + 1)


def read_release_file(path: Path) -> ReleaseFile:
    """Read and check `release.yaml`; a published release needs a clinical and a data sign-off.

    Raises `ReleaseError` naming the key and the next action.
    """
    return _check(f"{path.parent.name}/{path.name}", read_start(path))


@functools.lru_cache(maxsize=32)
def _check(name: str, content: bytes) -> ReleaseFile:
    """The same bytes are parsed once: a run asks for them when it loads its release and when it publishes."""

    def refuse(what: str, key: str | None = None, value: object = None) -> ReleaseError:
        return ReleaseError(
            what,
            file=name,
            column=key,
            value=None if value is None else str(value),
            next_action="correct release.yaml",
        )

    try:
        loaded = parse_plain_yaml(content)
    except PlainYamlError as fault:
        line = "" if fault.line is None else f" (line {fault.line})"
        raise refuse(f"{fault.what}{line}") from None
    if not isinstance(loaded, dict):
        raise refuse("the file is not a mapping of keys")
    about: Mapping[str, Any] = loaded
    for key in sorted({str(key) for key in about} ^ set(_KEYS)):
        raise refuse("the key is missing" if key in _KEYS else "the key is not known", key)
    for key in ("release_id", "licence"):
        if not isinstance(about[key], str) or not about[key]:
            raise refuse("the value is not text", key, about[key])
    if about["status"] not in STATUSES:
        raise refuse(f"the status is none of {', '.join(STATUSES)}", "status", about["status"])
    if about["parent_release_id"] is not None and not isinstance(about["parent_release_id"], str):
        raise refuse(
            "the value is neither a release id nor null", "parent_release_id", about["parent_release_id"]
        )
    if not isinstance(about["date"], dt.date):
        raise refuse("the value is not a date", "date", about["date"])
    for key in ("sources", "change_note"):
        if (
            not isinstance(about[key], list)
            or not about[key]
            or not all(isinstance(x, str) for x in about[key])
        ):
            raise refuse("the value is not a list of sentences", key)
    sign_offs = []
    for entry in about["sign_offs"] if isinstance(about["sign_offs"], list) else [None]:
        if not isinstance(entry, dict) or set(entry) != {"role", "date"} or entry["role"] not in ROLES:
            raise refuse(f"a sign-off is a role ({', '.join(ROLES)}) and a date", "sign_offs")
        if not isinstance(entry["date"], dt.date):
            raise refuse("the date of a sign-off is not a date", "sign_offs", entry["date"])
        sign_offs.append(SignOff(entry["role"], entry["date"]))
    result = ReleaseFile(
        about["release_id"],
        about["status"],
        about["parent_release_id"],
        about["date"],
        about["licence"],
        tuple(about["sources"]),
        tuple(sign_offs),
        tuple(about["change_note"]),
    )
    if result.status == "published" and not all(result.count(role) for role in ROLES):
        raise refuse("a published release needs a clinical and a data sign-off", "status", result.status)
    return result
