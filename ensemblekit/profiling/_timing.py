"""Measure the latencies of several calls in turns."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import numpy as np

__all__ = ["difference_of", "time_calls"]

Key = TypeVar("Key", bound=Hashable)
MIN_ROUNDS, MAX_ROUNDS = 5, 100


def time_calls(calls: Mapping[Key, Callable[[], object]], seconds: float) -> dict[Key, np.ndarray]:
    """Time calls in turns, so that other work on the machine affects all of them.

    Each round has another random order. Otherwise the same call could always follow a large one, which leaves the
    caches cold.

    Parameters
    ----------
    calls : mapping of key to callable
        Each is called once before it is timed.
    seconds : float
        Total time, > 0; each is timed 5 times at least and 100 times at most.

    Returns
    -------
    dict of key to ndarray of shape (n_rounds,)
        Seconds of each call in each round.
    """
    for call in calls.values():
        call()
    times: dict[Key, list[float]] = {key: [] for key in calls}
    order = list(calls.items())
    shuffled = random.Random(0)  # noqa: S311 - an order of work, not a secret
    started = time.perf_counter()
    n_rounds = 0
    while n_rounds < MIN_ROUNDS or (n_rounds < MAX_ROUNDS and time.perf_counter() - started < seconds):
        shuffled.shuffle(order)
        for key, call in order:
            start = time.perf_counter()
            call()
            times[key].append(time.perf_counter() - start)
        n_rounds += 1
    return {key: np.array(seconds_taken) for key, seconds_taken in times.items()}


def difference_of(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Compare two calls that were timed in the same rounds.

    Parameters
    ----------
    first, second : ndarray of shape (n_rounds,)
        Seconds, as `time_calls` gives them.

    Returns
    -------
    tuple of (float, float, float)
        Median of the differences, and its 95 % interval, between two order statistics by the binomial distribution. For
        fewer than 6 rounds, the interval is the smallest and the largest difference.
    """
    from scipy.stats import binom

    differences = np.sort(first - second)
    n = len(differences)
    rank = max(int(binom.ppf(0.025, n, 0.5)), 1)
    return float(np.median(differences)), float(differences[rank - 1]), float(differences[n - rank])
