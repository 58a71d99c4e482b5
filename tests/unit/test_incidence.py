"""Exact limits against the definition: the binomial tail at each limit is 2.5 %."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest

from pipelines.diffs.incidence import compute_exact_interval


def upper_tail(count: int, total: int, proportion: float) -> float:
    p = Fraction(proportion)
    return float(sum(comb(total, k) * p**k * (1 - p) ** (total - k) for k in range(count, total + 1)))


@pytest.mark.parametrize("total", [1, 2, 7, 30, 120])
def test_limits_satisfy_the_definition(total: int) -> None:
    for count in {0, 1, total // 2, total - 1, total}:
        limits = compute_exact_interval(count, total)
        assert limits is not None
        low, high = limits
        assert 0 <= low <= count / total <= high <= 1
        if count:
            assert upper_tail(count, total, low) == pytest.approx(0.025, abs=1e-4)
        if count < total:
            assert 1 - upper_tail(count + 1, total, high) == pytest.approx(0.025, abs=1e-4)


def test_no_subjects_no_limits() -> None:
    assert compute_exact_interval(0, 0) is None


def test_the_published_example_of_zero_events() -> None:
    """0 of n: the upper limit is 1 - 0.025 ** (1 / n), by the definition."""
    limits = compute_exact_interval(0, 50)
    assert limits is not None
    assert limits == (0.0, round(1 - 0.025 ** (1 / 50), 6))
