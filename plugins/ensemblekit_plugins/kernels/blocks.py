"""Row blocks that stay in the cache, computed by two threads where the work is large enough.

A rule of many steps that passes over the whole cube in each step is bound by memory. Block by block it reads it once::

    def combine_block(where, scratch):
        members = member_probas[(slice(None), *where)]          # a view: (n_members, rows, ..., n_classes)
        total = scratch("total", members.shape[1:], np.float32)  # reused by the next block
        ...
        np.divide(total, n_members, out=result[where])

    result = np.empty(member_probas.shape[1:], member_probas.dtype)
    in_blocks(combine_block, member_probas.shape, arrays=3)
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

__all__ = ["Scratch", "Where", "blocks", "in_blocks", "row_slices"]

Where = tuple[slice, ...]
"""A block: slices of the axes of the output, from the first on; the last axis, of the classes, is never cut."""

CACHE_VALUES = 2**18
"""Values that the arrays of one block hold together: 1 MB in float32, which fits the second-level cache."""
LEAST_VALUES = 2**12
"""Least values of a block: below, the overhead of calling NumPy dominates."""
ALIGNED_ROWS = 32
"""Rows of a block are a multiple of this, so that each block starts at a cache line of 64 bytes."""
THREADED_VALUES = 2**21
"""Values of a cube from which a second thread pays."""


class Scratch:
    """Arrays that one thread reuses for each block."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[Any, np.dtype], np.ndarray] = {}

    def __call__(self, name: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Return the buffer of this name; its content is undefined or that of the last use.

        Parameters
        ----------
        name : hashable
            Arrays of other names or dtypes share no memory with it.
        shape : tuple of int
            Its shape.
        dtype : dtype
            Its dtype.

        Returns
        -------
        ndarray
            C-contiguous.
        """
        size, key = math.prod(shape), (name, np.dtype(dtype))
        buffer = self._buffers.get(key)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[key] = np.empty(size, dtype)
        return buffer[:size].reshape(shape)


def in_blocks(
    task: Callable[[Where, Scratch], None], shape: tuple[int, ...], *, arrays: int, values: int | None = None
) -> None:
    """Do a task for each block of rows.

    Parameters
    ----------
    task : callable
        Called with the block and with the thread's `Scratch`; writes to the block of the output and nowhere else. It
        may run in a second thread, where an `numpy.errstate` of the caller does not hold.
    shape : tuple of int
        ``(n_members, n_samples, ..., n_classes)``.
    arrays : int
        How many arrays of the block's shape the task passes over repeatedly: the more, the smaller the blocks.
    values : int, optional
        Values that these arrays hold together; by default `CACHE_VALUES`. Give more for a task of
        many short steps, in which the threads contend for the GIL.
    """
    todo = blocks(shape[1:], (values or CACHE_VALUES) // arrays)
    if len(todo) == 1 or math.prod(shape) < THREADED_VALUES or (os.cpu_count() or 1) == 1:
        _work(task, iter(todo))
        return
    # Both threads draw from one iterator, so that neither idles.
    shared = iter(todo)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(_work, task, shared)
        _work(task, shared)
        other.result()


def _work(task: Callable[[Where, Scratch], None], todo: Any) -> None:
    scratch = Scratch()
    for where in todo:
        task(where, scratch)


def blocks(shape: tuple[int, ...], values: int = CACHE_VALUES) -> list[Where]:
    """Cut an output into blocks.

    Parameters
    ----------
    shape : tuple of int
        ``(n_samples, ..., n_classes)``.
    values : int
        Most values of a block, where one row of classes has no more.

    Returns
    -------
    list of tuple of slice
        All of the output, each value once. Indexing with one gives a view with as many axes as the output.
    """
    values = max(values, LEAST_VALUES)
    if math.prod(shape) <= values:
        return [(slice(None),)] if shape[0] else []
    inner = math.prod(shape[1:])
    if inner <= values or len(shape) == 2:
        step = max(1, values // inner)
        step -= step % ALIGNED_ROWS if step > ALIGNED_ROWS else 0
        return [(slice(start, start + step),) for start in range(0, shape[0], step)]
    rest = blocks(shape[1:], values)
    return [(slice(i, i + 1), *where) for i in range(shape[0]) for where in rest]


def row_slices(n_rows: int, values_a_row: int, values: int = 2**19) -> Iterator[slice]:
    """Cut rows into slices that hold about ``values`` numbers each."""
    step = max(1, values // max(1, values_a_row))
    return (slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step))
