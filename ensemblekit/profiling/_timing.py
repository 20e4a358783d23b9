"""Latencies of several models on the same images, turn by turn."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import numpy as np

__all__ = ["difference_of", "time_calls"]

Key = TypeVar("Key", bound=Hashable)
LEAST, MOST = 5, 100


def time_calls(calls: Mapping[Key, Callable[[], object]], seconds: float) -> dict[Key, np.ndarray]:
    """Time calls in turns, so that whatever else the machine does hits all alike.

    Each round has an order of its own: none always runs after a large one, which leaves it cold caches.

    Parameters
    ----------
    calls : mapping of key to callable
        Each is called once before, and compiled by that where it must be.
    seconds : float
        How long to go on, > 0; each is timed 5 times at least and 100 times at most.

    Returns
    -------
    dict of key to ndarray of shape (n_rounds,)
        Seconds of each call, round by round.
    """
    for call in calls.values():
        call()
    taken: dict[Key, list[float]] = {key: [] for key in calls}
    order = list(calls.items())
    shuffled = random.Random(0)  # noqa: S311 - an order of work, no secret
    started = time.perf_counter()
    n_rounds = 0
    while n_rounds < LEAST or (n_rounds < MOST and time.perf_counter() - started < seconds):
        shuffled.shuffle(order)
        for key, call in order:
            start = time.perf_counter()
            call()
            taken[key].append(time.perf_counter() - start)
        n_rounds += 1
    return {key: np.array(times) for key, times in taken.items()}


def difference_of(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Compare two calls that were timed in the same rounds.

    Parameters
    ----------
    first, second : ndarray of shape (n_rounds,)
        Seconds, as `time_calls` gives them.

    Returns
    -------
    tuple of (float, float, float)
        Median of the differences, and its 95 % interval: the two order statistics that hold a median so often, by the
        binomial distribution. Of fewer than 6 rounds, the least and the greatest difference.
    """
    from scipy.stats import binom

    apart = np.sort(first - second)
    n = len(apart)
    rank = max(int(binom.ppf(0.025, n, 0.5)), 1)
    return float(np.median(apart)), float(apart[rank - 1]), float(apart[n - rank])
