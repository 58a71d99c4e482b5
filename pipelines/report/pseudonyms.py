"""Pseudonyms of subjects: the same id under the same key is the same one, and nobody without it can tell.

What may live here: how a pseudonym is made, and putting pseudonyms into rows. What may not: where the key
is kept (`pipelines.pseudonym_key`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from pipelines.report.document import Cell, Column

PREFIX: Final = "S-"
SHORTEST: Final = 8
QUOTED_AT_LEAST: Final = 5
"""An id of fewer characters is not looked for in texts: it could be any number."""
_WORD: Final = re.compile(r"[^\s|,;:()\[\]\"'<>]+")

Row = tuple[Cell, ...]


def make_pseudonyms(subject_ids: Collection[str], key: bytes) -> dict[str, str]:
    """A pseudonym per id: `S-` and the first 8 base32 characters of HMAC-SHA256.

    Ids whose characters agree get more of them, as many as tell them apart.

    >>> make_pseudonyms({"01-001"}, b"0123456789abcdef")
    {'01-001': 'S-VTYXCIIK'}
    """
    digests = {subject_id: _digest(subject_id, key) for subject_id in sorted(subject_ids)}
    length = dict.fromkeys(digests, SHORTEST)
    while True:
        holders: dict[str, list[str]] = {}
        for subject_id, digest in digests.items():
            holders.setdefault(digest[: length[subject_id]], []).append(subject_id)
        crowded = [subject_id for group in holders.values() if len(group) > 1 for subject_id in group]
        if not crowded:
            return {name: PREFIX + digest[: length[name]] for name, digest in digests.items()}
        for subject_id in crowded:
            length[subject_id] += 1


def hide_subjects(
    rows: Sequence[Row], columns: Sequence[Column], ranked_by: Collection[str], names: Mapping[str, str]
) -> tuple[Row, ...]:
    """The rows with every subject id replaced, in `id` columns and where a text quotes it.

    Neighbouring rows that agree on `ranked_by` stand in the order of pseudonyms afterwards: the order of
    ids would tell who is who. Raises `KeyError` for an id that has no pseudonym.
    """
    kinds = [column.kind for column in columns]
    quoted = {name.casefold(): new for name, new in names.items() if len(name) >= QUOTED_AT_LEAST}
    hidden = [
        tuple(_hide(cell, kind, names, quoted) for cell, kind in zip(row, kinds, strict=True)) for row in rows
    ]
    ids = [place for place, kind in enumerate(kinds) if kind == "id"]
    if not ids:
        return tuple(hidden)
    ranks = [place for place, column in enumerate(columns) if column.name in ranked_by]
    ordered: list[Row] = []
    for _, group in itertools.groupby(hidden, key=lambda row: [row[place] for place in ranks]):
        ordered.extend(sorted(group, key=lambda row: [str(row[place]) for place in ids]))
    return tuple(ordered)


def _hide(cell: Cell, kind: str, names: Mapping[str, str], quoted: Mapping[str, str]) -> Cell:
    if not isinstance(cell, str):
        return cell
    if kind == "id":
        return names[cell]
    return _WORD.sub(lambda found: quoted.get(found[0].casefold(), found[0]), cell)


def _digest(subject_id: str, key: bytes) -> str:
    made = hmac.new(key, subject_id.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return base64.b32encode(made).decode("ascii").rstrip("=")
