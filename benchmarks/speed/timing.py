"""The clock: a call timed in turn with a memory copy, and the memory that it needs beyond what it returns."""

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

SHORTEST = 0.002
"""Seconds: a quicker call is repeated between two readings of the clock."""


@dataclass(frozen=True)
class Budget:
    """How long a measurement may take.

    A call is timed at least once and at most ``repeats`` times; after so many ``seconds`` no repeat is begun. A call
    that would take longer than ``slowest`` seconds is timed on part of the rows, and its time scaled.
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
    """Return the seconds in which ``n_bytes`` are read or written once, from a copy of ``copied`` bytes in ``seconds``.

    A copy reads and writes each byte, so it moves ``2 * copied``.
    """
    return n_bytes * seconds / (2 * copied)


class Copy:
    """A memory copy that is larger than any cache.

    Smaller copies are half as fast on some machines: above some size, the C library bypasses the caches.
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
    """Time a call on ``member_probas``, and find the memory that it needs.

    ``n_bytes`` go in once and out once. The second result is the peak in bytes beyond what the call returns, on the
    rows that were timed; None without ``memory``.
    """
    all_rows = cube.shape[1]
    call(_first_rows(cube, 2))  # imports, and other work that is done only once
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
    best, median, middle = min(times), statistics.median(times), statistics.median(floors)
    return Timing(best, median, min(floors), middle, len(times), rows, all_rows), extra


def extra_memory(call: Callable[[np.ndarray], Any], cube: np.ndarray) -> int:
    """Return the peak of a call in bytes beyond what it returns; of C code, only NumPy's arrays are seen."""
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
        del result  # after the clock is read: freeing it is not part of the call
        return seconds / number
    finally:
        if collecting:
            gc.enable()
