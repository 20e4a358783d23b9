"""Transposed blocks: each class is one long contiguous array, on which NumPy is fastest.

A reduction over a last axis of ten classes takes ten times as long as nine steps over whole columns. The bits of a
result do not depend on the position of the sample, because every step is elementwise and sums add one class after the
other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .blocks import Scratch

__all__ = ["add_up", "column_shape", "member_columns", "top_columns", "write_columns"]


def column_shape(members: np.ndarray) -> tuple[int, int]:
    """Return the shape ``(n_classes, n_rows)`` of the columns of a block ``(n_members, ..., n_classes)``."""
    return members.shape[-1], math.prod(members.shape[1:-1])


def member_columns(members: np.ndarray, scratch: Scratch, dtype: Any) -> Iterator[np.ndarray]:
    """Iterate over the members of a block, each as columns.

    Parameters
    ----------
    members : ndarray of shape (n_members, ..., n_classes)
        A block of the cube, with any memory layout.
    scratch : Scratch
        Stores the columns: each member overwrites those of the previous member.
    dtype : dtype
        Dtype of the columns.

    Yields
    ------
    ndarray of shape (n_classes, n_rows)
        C-contiguous; the caller may write to it.
    """
    columns = scratch("columns", column_shape(members), dtype)
    as_members = columns.reshape(members.shape[-1], *members.shape[1:-1])
    for member in members:
        np.copyto(as_members, np.moveaxis(member, -1, 0))
        yield columns


def write_columns(columns: np.ndarray, result: np.ndarray) -> None:
    """Write columns ``(n_classes, n_rows)`` to a block ``(..., n_classes)`` of the output, in its dtype."""
    *rows, n_classes = result.shape
    np.copyto(np.moveaxis(result, -1, 0), columns.reshape(n_classes, *rows), casting="same_kind")


def add_up(columns: np.ndarray) -> np.ndarray:
    """Add up the classes, one after the other: shape ``(n_rows,)``."""
    if columns.shape[1] == 1:  # NumPy would add a single column pairwise
        return np.cumsum(columns, axis=0)[-1]
    return np.add.reduce(columns, axis=0)


def top_columns(columns: np.ndarray, scratch: Scratch) -> tuple[np.ndarray, np.ndarray]:
    """Find the most probable classes.

    Parameters
    ----------
    columns : ndarray of shape (n_classes, n_rows)
        Columns of one member.
    scratch : Scratch
        Stores the results.

    Returns
    -------
    top : ndarray of bool of shape (n_classes, n_rows)
        True for each class with the largest probability.
    how_many : ndarray of unsigned int of shape (n_rows,)
        Number of these classes.
    """
    top = scratch("top", columns.shape, np.bool_)
    best = np.max(columns, axis=0, out=scratch("best", columns.shape[1:], columns.dtype))
    np.equal(columns, best, out=top)
    counts = scratch("how many", columns.shape[1:], np.min_scalar_type(len(columns)))
    np.add.reduce(top, axis=0, dtype=counts.dtype, out=counts)
    return top, counts
