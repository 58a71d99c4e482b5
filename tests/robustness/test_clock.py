"""The clock of a machine may be set back: order is that of the ledger, and no result knows a time."""

from __future__ import annotations

import os
from datetime import UTC, datetime, tzinfo

import pytest

from pipelines.home import Home
from tests.end_to_end.homes import regrade
from tests.robustness.situations import Situation, copy_home, finished_faults
from warehouse.ledger import Ledger
from warehouse.ledger_check import check_ledger


class Set:
    """A clock that stands still."""

    def __init__(self, year: int) -> None:
        self.year = year

    def now(self, zone: tzinfo | None = None) -> datetime:
        return datetime(self.year, 1, 1, tzinfo=zone or UTC)


def touch(home: Home, year: int) -> None:
    """Give every file of the home a time of that year."""
    moment = datetime(year, 1, 1, tzinfo=UTC).timestamp()
    for path in home.root.rglob("*"):
        os.utime(path, (moment, moment))


@pytest.mark.parametrize(("first", "then"), [(2035, 1999), (1971, 2035)])
def test_a_clock_that_jumps_changes_no_result(
    changed_study: Situation, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch,
    first: int, then: int,
) -> None:  # fmt: skip
    home = copy_home(changed_study.before, tmp_path_factory.mktemp("clock") / "home")
    already = len(list(Ledger(home.runs).entries()))
    touch(home, first)
    monkeypatch.setattr("warehouse.ledger.datetime", Set(first))
    assert regrade(home, "run", "TINY-B").exit_code == 0
    monkeypatch.setattr("warehouse.ledger.datetime", Set(then))
    touch(home, then)
    assert regrade(home, *changed_study.words[:-2]).exit_code == 0
    assert finished_faults(changed_study, home) == []
    told = list(Ledger(home.runs).entries())
    assert [entry.sequence for entry in told] == list(range(1, len(told) + 1))
    assert {entry.at[:4] for entry in told[already:]} == {str(first), str(then)}
    checked = check_ledger(Ledger(home.runs))
    assert checked.state == "intact"
    assert any("the clock of the machine went back" in remark for remark in checked.remarks)
    assert regrade(home, "diff", "TINY-A").exit_code == 1  # the run before is known by order, not by time
