"""Eight writers and a reader in one home; `python -m tests.robustness.concurrency` is the long form."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.robustness.concurrency import WRITERS, prepare, run_round


@pytest.mark.slow
def test_eight_writers_and_a_reader_do_not_meet(tmp_path: Path) -> None:
    before, after = prepare(tmp_path)
    done = run_round(before, after, 1, 2026, tmp_path)
    assert done.failures == []
    assert done.commands == WRITERS
    assert (done.created, done.reused > 0) == (3, True)
    assert done.reads > 0
    assert done.states >= 2
