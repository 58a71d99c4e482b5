import hashlib
import json
import struct
from datetime import datetime
from itertools import pairwise

import polars as pl
import pytest

from schemas.digest import TableDigest, canonical_digest
from schemas.errors import SchemaError

FRAME = pl.DataFrame(
    {
        "text": ["a", "", None, "ä\n,\"'"],
        "number": pl.Series([1, -2, None, 4], dtype=pl.Int8),
        "flag": [True, False, None, True],
        "share": [0.1, None, -0.0, float("inf")],
        "at": [datetime(2017, 3, 1), None, datetime(2017, 3, 1, 0, 0, 0, 1), datetime(1969, 12, 31)],
    }
)


DAY = 86_400_000_000
STREAMS = {
    "text": (struct.pack("<4I", 1, 0, 2**32 - 1, 6), "aä\n,\"'".encode()),
    "number": (b"\1\1\0\1", struct.pack("<4b", 1, -2, 0, 4)),
    "flag": (b"\1\1\0\1", b"\1\0\0\1"),
    "share": (b"\1\0\1\1", struct.pack("<4d", 0.1, 0, -0.0, float("inf"))),
    "at": (b"\1\0\1\1", struct.pack("<4q", 17_226 * DAY, 0, 17_226 * DAY + 1, -DAY)),
}
TYPES = {"text": "text", "number": "int8", "flag": "boolean", "share": "float64", "at": "datetime[us]"}


def test_the_digest_is_what_the_documented_bytes_hash_to() -> None:
    columns = [
        [name, TYPES[name], *(hashlib.sha256(stream).hexdigest() for stream in streams)]
        for name, streams in STREAMS.items()
    ]
    text = json.dumps([4, columns], ensure_ascii=False, separators=(",", ":"))
    assert canonical_digest(FRAME) == hashlib.sha256(text.encode()).hexdigest()


def test_the_digest_is_pinned_so_that_no_library_upgrade_can_change_it() -> None:
    pinned = "87e5338483c7ed1d7c5772ea38e3f0fcf7cb3426c454e5103df2b214eec7da3f"
    assert canonical_digest(FRAME) == pinned


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (["", None], [None, ""]),
        (["-:"], [None]),
        (["1:a"], ["a"]),
        (["ab", "c"], ["a", "bc"]),
        (["a", "b"], ["b", "a"]),
        (["\u00e9"], ["e\u0301"]),
    ],
)
def test_different_cells_have_different_digests(left: list[str | None], right: list[str | None]) -> None:
    digests = {
        canonical_digest(pl.DataFrame({"x": cells}, schema={"x": pl.String})) for cells in (left, right)
    }
    assert len(digests) == 2


def test_text_cannot_move_between_columns_unnoticed() -> None:
    left = pl.DataFrame({"x": ["1:a"], "y": [""]})
    right = pl.DataFrame({"x": [""], "y": ["1:a"]})
    assert canonical_digest(left) != canonical_digest(right)


def test_names_types_and_the_number_of_rows_count() -> None:
    base = pl.DataFrame({"x": [1]}, schema={"x": pl.Int8})
    others = [base.rename({"x": "y"}), base.cast(pl.Int64), base.clear(), base.select([])]
    assert len({canonical_digest(frame) for frame in (base, *others)}) == 5


def test_neighbouring_floats_differ() -> None:
    left, right = (canonical_digest(pl.DataFrame({"x": [value]})) for value in (0.1 + 0.2, 0.3))
    assert left != right


@pytest.mark.parametrize("cuts", [[0, 4], [0, 1, 4], [0, 0, 2, 3, 4]])
def test_where_one_frame_ends_and_the_next_begins_does_not_count(cuts: list[int]) -> None:
    digest = TableDigest(FRAME.schema)
    for first, last in pairwise(cuts):
        digest.update(FRAME[first:last])
    assert digest.hexdigest() == canonical_digest(FRAME)
    chunked = pl.concat([FRAME[first:last] for first, last in pairwise(cuts)], rechunk=False)
    assert canonical_digest(chunked) == canonical_digest(FRAME)


def test_a_type_without_canonical_text_is_refused() -> None:
    with pytest.raises(SchemaError, match="columns x"):
        canonical_digest(pl.DataFrame({"x": [[1]]}))
