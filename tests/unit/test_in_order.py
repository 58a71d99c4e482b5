"""Batches at work at once, results in order."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from schemas.in_order import AT_ONCE, in_order


def test_results_come_in_the_order_of_the_batches_whichever_is_done_first() -> None:
    second_is_done = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert second_is_done.wait(30)  # only ever true because both are at work
        elif number == 1:
            second_is_done.set()
        return number * number

    assert list(in_order(work, range(7))) == [number * number for number in range(7)]
    assert list(in_order(work, [])) == []


def test_no_more_batches_are_taken_than_are_at_work() -> None:
    taken: list[int] = []

    def batches() -> Iterator[int]:
        for number in range(10):
            taken.append(number)
            yield number

    results = in_order(lambda number: number, batches())
    assert next(results) == 0
    assert len(taken) <= AT_ONCE + 1
    results.close()
    assert len(taken) <= AT_ONCE + 1


def test_a_failure_comes_in_the_turn_of_its_batch_and_ends_the_work() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise ValueError(number)
        return number

    results = in_order(work, range(50))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="3"):
        next(results)
    assert len(begun) <= 4 + AT_ONCE
