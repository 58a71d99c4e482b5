"""Transport files that the library reads as something else than their bytes say; each found by fuzzing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.ingest.raw import RawTable
from pipelines.ingest.readers import read_table
from schemas.errors import UnreadableFileError
from schemas.manifest import FileSpec
from tests.hostile.fuzz import oracles, seeds

ONE_AND_A_HALF = b"A\x18" + bytes(6)


def read(folder: Path, content: bytes) -> RawTable:
    path = folder / "ae.xpt"
    path.write_bytes(content)
    return read_table(path, FileSpec(path="ae.xpt", role="adverse_events"))


def changed(old: bytes, new: bytes) -> bytes:
    content = seeds.xpt_files()[0]
    assert content.count(old) == 1
    assert len(old) == len(new)
    return content.replace(old, new)


@pytest.mark.parametrize("sign", [b"\x80", b"\x01", b"a", b"\xff"])
def test_zero_with_a_sign_or_an_exponent_is_zero_and_not_missing(tmp_path: Path, sign: bytes) -> None:
    content = changed(ONE_AND_A_HALF, sign + bytes(7))
    table = read(tmp_path, content)
    assert table.frame["SCORE"].to_list() == ["0", "-2.25", None, "10000000000"]
    oracles.assert_transport(content, table)


@pytest.mark.parametrize("number", [b"A\x01" + bytes(6), b"A\x00\x18" + bytes(5), bytes(7) + b"\x01"])
def test_a_number_that_is_not_in_normal_form_is_refused(tmp_path: Path, number: bytes) -> None:
    with pytest.raises(UnreadableFileError, match="not in the form SAS writes") as caught:
        read(tmp_path, changed(ONE_AND_A_HALF, number))
    assert (caught.value.column, caught.value.rule_id) == ("SCORE", "READ-DAMAGED")


def test_text_behind_a_nul_byte_is_refused_and_nul_padding_is_not(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"column AETERM: .*NUL byte.*row 1") as caught:
        read(tmp_path, changed(b"confused ", b"con\0fused"))
    assert caught.value.rule_id == "READ-NUL"
    padded = read(tmp_path, changed(b"confused  ", b"confused\0\0"))
    assert padded.frame["AETERM"][0] == "confused"


def test_columns_that_are_not_one_behind_the_other_are_refused(tmp_path: Path) -> None:
    """The library goes by the lengths alone: two columns that changed places would be shifted."""
    content = bytearray(seeds.xpt_files()[0])
    first, second = 8 * 80 + 84, 8 * 80 + 140 + 84
    content[first : first + 4], content[second : second + 4] = (24).to_bytes(4, "big"), bytes(4)
    with pytest.raises(UnreadableFileError) as caught:
        read(tmp_path, bytes(content))
    assert caught.value.rule_id == "READ-DAMAGED"
