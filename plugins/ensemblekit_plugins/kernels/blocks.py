"""Row blocks that stay in the cache, computed by two threads if the work is large enough.

A rule with many steps that reads the whole cube in each step is limited by memory bandwidth. Block by block, the cube
is read only once::

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

__all__ = ["Scratch", "Where", "blocks", "in_blocks", "is_little", "row_slices"]

Where = tuple[slice, ...]
"""A block: slices of the first axes of the output. The last axis, that of the classes, is never divided."""

CACHE_VALUES = 2**18
"""Values that the arrays of one block hold together: 1 MB in float32, which fits the second-level cache."""
LEAST_VALUES = 2**12
"""Minimum number of values of a block. In smaller blocks most of the time is spent on calling NumPy."""
ALIGNED_ROWS = 32
"""The number of rows of a block is a multiple of this, so that each block starts at a cache line of 64 bytes."""
LITTLE_VALUES = 2**8
"""For cubes with at most this many values, the making of blocks takes longer than the work."""
THREADED_VALUES = 2**21
"""A second thread is used for cubes with at least this many values."""


class Scratch:
    """Arrays that one thread reuses for each block."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[Any, np.dtype], np.ndarray] = {}

    def __call__(self, name: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Return the buffer with this name; its content is undefined or that of the last use.

        Parameters
        ----------
        name : hashable
            Arrays with different names or dtypes share no memory.
        shape : tuple of int
            Shape of the buffer.
        dtype : dtype
            Dtype of the buffer.

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
    """Run a task for each block of rows.

    Parameters
    ----------
    task : callable
        Called with the block and with the thread's `Scratch`. It writes only to the block of the output. It may run in
        a second thread, where `numpy.errstate` of the caller has no effect.
    shape : tuple of int
        ``(n_members, n_samples, ..., n_classes)``.
    arrays : int
        Number of arrays with the block's shape that the task reads or writes repeatedly. A larger number gives smaller
        blocks.
    values : int, optional
        Values that these arrays hold together; by default `CACHE_VALUES`. Use a larger number for a task with many
        short steps, in which the threads compete for the GIL.
    """
    todo = blocks(shape[1:], (values or CACHE_VALUES) // arrays)
    if len(todo) == 1 or math.prod(shape) < THREADED_VALUES or (os.cpu_count() or 1) == 1:
        _work(task, iter(todo))
        return
    # Both threads take blocks from one iterator, so that neither is idle.
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
    """Divide an output into blocks.

    Parameters
    ----------
    shape : tuple of int
        ``(n_samples, ..., n_classes)``.
    values : int
        Maximum number of values of a block; if one row of classes has more, a block is one row.

    Returns
    -------
    list of tuple of slice
        The blocks contain each value of the output once. An index with one of them gives a view with as many axes as
        the output.
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


def is_little(member_probas: np.ndarray, most: int = LITTLE_VALUES) -> bool:
    """Tell whether a cube, in a dtype that is added as it is, has so few values that blocks do not pay."""
    return member_probas.size <= most and member_probas.dtype.char in "fd"


def row_slices(n_rows: int, values_a_row: int, values: int = 2**19) -> Iterator[slice]:
    """Divide rows into slices that contain about ``values`` numbers each."""
    step = max(1, values // max(1, values_a_row))
    return (slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step))
