"""Work on files in two threads, a few ahead of whoever takes the results."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

__all__ = ["in_threads"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(work: Callable[[Item], Result], items: Sequence[Item], ahead: int) -> Generator[Result]:
    """Yield the results of items in their order; what nobody takes any more is not begun.

    Parameters
    ----------
    work : callable
        Called with each item, in one of two threads.
    items : sequence
        What is worked on.
    ahead : int
        How many items at most are begun, or finished, that were not taken yet.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        following = iter(items)
        begun = deque(pool.submit(work, item) for item in islice(following, ahead))
        try:
            while begun:
                result = begun.popleft().result()
                begun.extend(pool.submit(work, item) for item in islice(following, 1))
                yield result
        finally:
            for future in begun:
                future.cancel()
