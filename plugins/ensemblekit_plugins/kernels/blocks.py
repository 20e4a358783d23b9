"""Row blocks that stay in the cache, by two threads where there is enough to do.

A rule of many steps that goes over the whole cube in each step waits for memory. Done block by block it waits once::

    def combine_block(where, scratch):
        members = member_probas[(slice(None), *where)]          # a view: (n_members, rows, ..., n_classes)
        total = scratch("total", members.shape[1:], np.float32)  # an array that is used again by the next block
        ...
        np.divide(total, n_members, out=result[where])

    result = np.empty(member_probas.shape[1:], member_probas.dtype)
    in_blocks(combine_block, member_probas.shape, arrays=3)
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

__all__ = ["Scratch", "Where", "blocks", "in_blocks"]

Where = tuple[slice, ...]
"""A block: slices of the axes of the output, from the first on; the last axis, of the classes, is never cut."""

CACHE_VALUES = 2**18
"""Values that the arrays of one block hold together: 1 MB in float32, which fits the second-level cache."""
LEAST_VALUES = 2**12
"""Values of a block at least, lest calling NumPy takes longer than its work."""
ALIGNED_ROWS = 32
"""Blocks are of so many rows or a multiple, so that each begins where a line of the cache does: 64 bytes."""
THREADED_VALUES = 2**21
"""Values of a cube from which on a second thread pays."""


class Scratch:
    """Arrays that one thread uses again for each block."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[Any, np.dtype], np.ndarray] = {}

    def __call__(self, name: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Give the array of this name; it holds what it held, or anything.

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
        How many arrays of the block's shape the task goes over again and again: the more, the smaller the blocks.
    values : int, optional
        Values that these arrays hold together; by default `CACHE_VALUES`. Of a task of many short steps more: each step
        of one thread waits for Python's lock while the other holds it.
    """
    todo = blocks(shape[1:], (values or CACHE_VALUES) // arrays)
    if len(todo) == 1 or math.prod(shape) < THREADED_VALUES or (os.cpu_count() or 1) == 1:
        _work(task, iter(todo))
        return
    # Both threads take from one iterator, so that neither waits for the other.
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
