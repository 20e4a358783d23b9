"""Map a function over partitions, on the workers of a Dask client or in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from itertools import islice
from typing import Any, TypeVar

from ..errors import InvalidOptionError

__all__ = ["check_client", "map_partitions"]

Part = TypeVar("Part")
Result = TypeVar("Result")
AHEAD = 4
"""Partitions submitted ahead, per thread of the workers."""


def check_client(client: Any) -> None:
    """Refuse what is neither None nor a client."""
    if client is not None and not callable(getattr(client, "submit", None)):
        raise InvalidOptionError(f"client must be a dask.distributed.Client; received {type(client).__name__}.")


def map_partitions(work: Callable[[Part], Result], partitions: Iterable[Part], client: Any) -> Generator[Result]:
    """Call a pure function for each partition; yield the results in order.

    Parameters
    ----------
    work : callable
        Called with one partition; it can be pickled if there is a client.
    partitions : iterable
        What it is called with.
    client : dask.distributed.Client or None
        Client whose workers do the work. The work of a lost worker is repeated on another.

    Returns
    -------
    generator
        The results.
    """
    check_client(client)
    if client is None:
        return (work(part) for part in partitions)
    return _on_workers(work, partitions, client)


def _on_workers(work: Callable[[Part], Result], partitions: Iterable[Part], client: Any) -> Generator[Result]:
    remaining = iter(partitions)
    n_ahead = AHEAD * max(1, sum(client.nthreads().values()))
    futures: deque[Any] = deque()
    try:
        while True:
            # Dask repeats the work of a lost worker on another.
            futures.extend(client.submit(work, part, pure=False) for part in islice(remaining, n_ahead - len(futures)))
            if not futures:
                return
            yield futures.popleft().result()
    finally:
        for future in futures:
            future.cancel()
