"""Latencies of several models on the same images, turn by turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import numpy as np

__all__ = ["time_calls"]

Key = TypeVar("Key", bound=Hashable)
LEAST, MOST = 5, 100


def time_calls(calls: Mapping[Key, Callable[[], object]], seconds: float) -> dict[Key, np.ndarray]:
    """Time calls in turns, so that whatever else the machine does hits all alike.

    Parameters
    ----------
    calls : mapping of key to callable
        Each is called once before, and compiled by that where it must be.
    seconds : float
        How long to go on, > 0; each is timed 5 times at least and 100 times at most.

    Returns
    -------
    dict of key to ndarray of shape (n_rounds,)
        Seconds of each call.
    """
    for call in calls.values():
        call()
    taken: dict[Key, list[float]] = {key: [] for key in calls}
    started = time.perf_counter()
    n_rounds = 0
    while n_rounds < LEAST or (n_rounds < MOST and time.perf_counter() - started < seconds):
        for key, call in calls.items():
            start = time.perf_counter()
            call()
            taken[key].append(time.perf_counter() - start)
        n_rounds += 1
    return {key: np.array(times) for key, times in taken.items()}
