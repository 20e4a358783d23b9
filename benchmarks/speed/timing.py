"""The clock: a call timed beside a memory copy, and the memory that it needs beyond what it returns."""

from __future__ import annotations

import gc
import math
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Budget", "Copy", "Timing", "extra_memory", "floor_seconds", "measure"]

SHORTEST = 0.002
"""Seconds: what is quicker is called several times between two looks at the clock."""


@dataclass(frozen=True)
class Budget:
    """How long a measurement may take.

    Parameters
    ----------
    repeats : int
        How often a call is timed at most, at least once.
    seconds : float
        After so long no repeat is begun.
    slowest : float
        A call that would take longer, in seconds, is timed on part of the rows, and scaled.
    """

    repeats: int = 9
    seconds: float = 5.0
    slowest: float = 20.0


@dataclass(frozen=True)
class Timing:
    """Seconds of a call on all rows, and of its floor, which is timed in turn with it."""

    best: float
    median: float
    floor_best: float
    floor_median: float
    repeats: int
    rows: int
    all_rows: int

    @property
    def floors(self) -> float:
        """The best time as a multiple of the best floor beside it."""
        return self.best / self.floor_best

    @property
    def floors_median(self) -> float:
        """The median as a multiple of the median floor beside it."""
        return self.median / self.floor_median

    @property
    def scaled(self) -> bool:
        """Whether it was timed on part of the rows."""
        return self.rows < self.all_rows


def floor_seconds(n_bytes: int, copied: int, seconds: float) -> float:
    """Seconds in which ``n_bytes`` pass through memory, at the speed of a copy.

    Parameters
    ----------
    n_bytes : int
        Bytes to be read once or written once.
    copied : int
        Bytes that the copy read; it wrote as many.
    seconds : float
        What the copy took.

    Returns
    -------
    float
        ``n_bytes / (2 * copied / seconds)``.
    """
    return n_bytes * seconds / (2 * copied)


class Copy:
    """A copy too large for any cache, to be timed again and again.

    Memory copies of less go at half the speed on some machines: from some size on the C library writes past the caches.
    """

    def __init__(self, n_bytes: int = 512 * 2**20) -> None:
        self._source = np.ones(n_bytes // 8)
        self._target = np.zeros_like(self._source)

    def floor(self, n_bytes: int) -> float:
        """Time one copy; return the seconds that ``n_bytes`` would take."""
        started = time.perf_counter()
        np.copyto(self._target, self._source)
        return floor_seconds(n_bytes, self._source.nbytes, time.perf_counter() - started)


def measure(
    call: Callable[[np.ndarray], Any],
    cube: np.ndarray,
    *,
    copy: Copy,
    n_bytes: int,
    budget: Budget,
    memory: bool = True,
) -> tuple[Timing, int | None]:
    """Time a call, and find the memory that it needs.

    Parameters
    ----------
    call : callable
        Takes ``member_probas`` and returns what is combined.
    cube : ndarray of shape (n_members, n_samples, ..., n_classes)
        ``member_probas``.
    copy : Copy
        Timed in turn with the call.
    n_bytes : int
        Bytes in once and out once.
    budget : Budget
        How long it may take.
    memory : bool, default=True
        Whether to look at the memory too, which is one call more, and slower.

    Returns
    -------
    timing : Timing
        Scaled to all rows where the call is slow.
    extra : int or None
        Bytes at the peak beyond what it returns, on the rows that were timed.
    """
    all_rows = cube.shape[1]
    call(_first_rows(cube, 2))  # imports, and whatever else is done but once
    probe = _first_rows(cube, max(1, all_rows // 50))
    guess = _seconds(call, probe, 1) * all_rows / probe.shape[1]
    rows = all_rows if guess <= budget.slowest else max(1, int(all_rows * budget.slowest / guess))
    part = _first_rows(cube, rows)
    extra = extra_memory(call, part) if memory else None
    number = max(1, math.ceil(SHORTEST / max(_seconds(call, part, 1), 1e-7))) if guess < SHORTEST else 1
    times, floors = [], [copy.floor(n_bytes)]
    started = time.perf_counter()
    while not times or (len(times) < budget.repeats and time.perf_counter() - started < budget.seconds):
        times.append(_seconds(call, part, number) * all_rows / rows)
        floors.append(copy.floor(n_bytes))
    return (
        Timing(
            best=min(times),
            median=statistics.median(times),
            floor_best=min(floors),
            floor_median=statistics.median(floors),
            repeats=len(times),
            rows=rows,
            all_rows=all_rows,
        ),
        extra,
    )


def extra_memory(call: Callable[[np.ndarray], Any], cube: np.ndarray) -> int:
    """Bytes at the peak of a call beyond what it returns; NumPy's arrays are seen, those of other C code are not."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = call(cube)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    return max(0, peak - getattr(result, "nbytes", 0))


def _first_rows(cube: np.ndarray, rows: int) -> np.ndarray:
    return cube if rows >= cube.shape[1] else np.ascontiguousarray(cube[:, :rows])


def _seconds(call: Callable[[np.ndarray], Any], cube: np.ndarray, number: int) -> float:
    collecting = gc.isenabled()
    gc.disable()
    result = None
    try:
        started = time.perf_counter()
        for _ in range(number):
            result = call(cube)
        seconds = time.perf_counter() - started
        del result  # only now: to free it is no part of the call
        return seconds / number
    finally:
        if collecting:
            gc.enable()
