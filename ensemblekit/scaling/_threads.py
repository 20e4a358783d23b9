"""Work in threads beside the caller: NumPy and Arrow release the interpreter lock. All results come in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

__all__ = ["THREADS", "Beside", "in_order", "next_of_each", "run_all"]

Item = TypeVar("Item")
Result = TypeVar("Result")
THREADS = 2
"""Threads that read and prepare rows. The caller combines, and one more thread writes."""
AHEAD = 3
"""Lists of items that are made before they are asked for."""


def next_of_each(generators: Sequence[Generator[Item]]) -> Generator[list[Item]]:
    """Yield lists with one item of each generator; the items of the next lists are made in threads meanwhile.

    Parameters
    ----------
    generators : sequence of generator
        All yield the same number of items. They are closed at the end.

    Yields
    ------
    list
        One item of each, in the order of the generators.
    """
    end: Any = object()

    def step(generator: Generator[Item], before: Future[Any] | None) -> Any:
        # Tasks begin in the order in which they were given, so that the one before was begun.
        return end if before is not None and before.result() is end else next(generator, end)

    with ThreadPoolExecutor(THREADS) as pool:
        begun: list[Future[Any]] = []
        lists: deque[list[Future[Any]]] = deque()
        try:
            while True:
                while len(lists) < AHEAD:
                    before = lists[-1] if lists else begun or [None] * len(generators)
                    lists.append([pool.submit(step, *pair) for pair in zip(generators, before, strict=True)])
                begun = lists.popleft()
                items = [future.result() for future in begun]
                ended = [item is end for item in items]
                if any(ended):
                    if not all(ended):
                        raise ValueError("generators must yield the same number of items")
                    return
                begun = []
                yield items
                del items
        finally:
            _await([future for futures in (begun, *lists) for future in futures])
            for generator in generators:
                generator.close()


def run_all(generators: Sequence[Generator[None]]) -> None:
    """Run generators to their ends, each in one thread at a time and a step at a time; raise the first error.

    Parameters
    ----------
    generators : sequence of generator
        A step should take at least some milliseconds. They are closed at the end.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        going: deque[tuple[Generator[None], Future[bool]]] = deque()

        def step(generator: Generator[None]) -> bool:
            return next(generator, True) is None

        try:
            going.extend((generator, pool.submit(step, generator)) for generator in generators)
            while going:
                generator, future = going.popleft()
                if future.result():
                    going.append((generator, pool.submit(step, generator)))
        finally:
            _await([future for _, future in going])
            for generator in generators:
                generator.close()


def in_order(work: Callable[[Item], Result], items: Iterable[Item], ahead: int = THREADS) -> Generator[Result]:
    """Call a function for each item in threads; yield the results in the order of the items.

    Parameters
    ----------
    work : callable
        Called with one item.
    items : iterable
        Taken by the caller's thread.
    ahead : int
        Most results that are begun or ready and not yielded yet.

    Yields
    ------
    object
        The result of each item.
    """
    following = iter(items)
    with ThreadPoolExecutor(THREADS) as pool:
        begun: deque[Future[Result]] = deque(pool.submit(work, item) for item in islice(following, ahead))
        try:
            while begun:
                result = begun.popleft().result()
                begun.extend(pool.submit(work, item) for item in islice(following, 1))
                yield result
                del result
        finally:
            _await(begun)


class Beside:
    """One thread that does what it is given, in order; use it in a ``with`` statement, which awaits it.

    Parameters
    ----------
    work : callable
        Called with each item.
    ahead : int
        Most items that wait; `give` waits while there are more.
    """

    def __init__(self, work: Callable[[Any], None], ahead: int = THREADS) -> None:
        self._work, self._ahead = work, ahead
        self._pool = ThreadPoolExecutor(1)
        self._begun: deque[Future[None]] = deque()

    def give(self, item: Any) -> None:
        """Let the thread take an item; raise the error of an earlier one."""
        while len(self._begun) >= self._ahead:
            self._begun.popleft().result()
        self._begun.append(self._pool.submit(self._work, item))

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        try:
            while error is None and self._begun:
                self._begun.popleft().result()
        finally:
            _await(self._begun)
            self._pool.shutdown()


def _await(futures: Iterable[Future[Any]]) -> None:
    """Cancel what has not begun, and wait for the rest without asking how it went."""
    for future in futures:
        future.cancel()
    for future in futures:
        if not future.cancelled():
            future.exception()
