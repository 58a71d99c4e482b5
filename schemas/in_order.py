"""Work on batches, some at once, whose results come in the order of the batches.

Only this lives here. Polars uses all processors for much of what a batch needs and one for the rest; a second
batch at work meanwhile takes the others. Nothing a result holds may depend on which batch was done first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

AT_ONCE: Final = 2
"""Batches at work: with more, memory grows and two processors are no busier."""

_Batch = TypeVar("_Batch")
_Result = TypeVar("_Result")


def in_order(work: Callable[[_Batch], _Result], batches: Iterable[_Batch]) -> Generator[_Result]:
    """What `work` makes of each batch, in order; it works in other threads, ahead of who takes the results.

    What batches share is read only, or a memo that may be filled twice with the same. A failure is raised in
    the turn of its batch; batches that are not yet begun are then left, as they are when this is closed.
    """
    waiting: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as workers:
        try:
            for batch in batches:
                if len(waiting) == AT_ONCE:
                    yield waiting.popleft().result()
                waiting.append(workers.submit(work, batch))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()
