import hashlib
import json
from datetime import datetime

import polars as pl
import pytest

from schemas.base import canonical_bytes_digest
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


def test_the_digest_is_what_the_documented_text_hashes_to() -> None:
    day = 86_400_000_000
    rows = [
        ["a", "1", "true", (0.1).hex(), str(17_226 * day)],
        ["", "-2", "false", None, None],
        [None, None, None, (-0.0).hex(), str(17_226 * day + 1)],
        ["ä\n,\"'", "4", "true", "inf", str(-day)],
    ]
    text = json.dumps(
        [
            [
                ["text", "text"],
                ["number", "int8"],
                ["flag", "boolean"],
                ["share", "float64"],
                ["at", "datetime[us]"],
            ],
            4,
        ]
    )
    for row in rows:
        for cell in row:
            text += "-:" if cell is None else f"{len(cell.encode())}:{cell}"
    assert canonical_bytes_digest(FRAME) == hashlib.sha256(text.encode()).hexdigest()


def test_the_digest_is_pinned_so_that_no_library_upgrade_can_change_it() -> None:
    pinned = "924252ca834fa0cac0107be1666240a025b391ef399804e6b88ea33654e5362e"
    assert canonical_bytes_digest(FRAME) == pinned


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
        canonical_bytes_digest(pl.DataFrame({"x": cells}, schema={"x": pl.String})) for cells in (left, right)
    }
    assert len(digests) == 2


def test_text_cannot_move_between_columns_unnoticed() -> None:
    left = pl.DataFrame({"x": ["1:a"], "y": [""]})
    right = pl.DataFrame({"x": [""], "y": ["1:a"]})
    assert canonical_bytes_digest(left) != canonical_bytes_digest(right)


def test_names_types_and_the_number_of_rows_count() -> None:
    base = pl.DataFrame({"x": [1]}, schema={"x": pl.Int8})
    others = [base.rename({"x": "y"}), base.cast(pl.Int64), base.clear(), base.select([])]
    assert len({canonical_bytes_digest(frame) for frame in (base, *others)}) == 5


def test_neighbouring_floats_differ() -> None:
    left, right = (canonical_bytes_digest(pl.DataFrame({"x": [value]})) for value in (0.1 + 0.2, 0.3))
    assert left != right


def test_chunks_and_blocks_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = canonical_bytes_digest(FRAME)
    assert canonical_bytes_digest(pl.concat([FRAME[:1], FRAME[1:]], rechunk=False)) == whole
    monkeypatch.setattr("schemas.base._DIGEST_ROWS", 1)
    assert canonical_bytes_digest(FRAME) == whole


def test_a_type_without_canonical_text_is_refused() -> None:
    with pytest.raises(SchemaError, match="columns x"):
        canonical_bytes_digest(pl.DataFrame({"x": [[1]]}))
