"""Blocks transposed, so that each class is one long contiguous array, on which NumPy is fastest.

A reduction over a last axis of ten classes takes ten times as long as nine steps over whole columns. The bits of a
sample do not depend on its position: every step is elementwise, and sums add one class after the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .blocks import Scratch

__all__ = ["add_up", "column_shape", "member_columns", "top_columns", "write_columns"]


def column_shape(members: np.ndarray) -> tuple[int, int]:
    """Give the shape ``(n_classes, n_rows)`` of a block ``(n_members, ..., n_classes)`` of the cube as columns."""
    return members.shape[-1], math.prod(members.shape[1:-1])


def member_columns(members: np.ndarray, scratch: Scratch, dtype: Any) -> Iterator[np.ndarray]:
    """Go through the members of a block, each as columns.

    Parameters
    ----------
    members : ndarray of shape (n_members, ..., n_classes)
        A block of the cube, in any layout.
    scratch : Scratch
        Holds the columns: each member overwrites those of the one before.
    dtype : dtype
        Of the columns.

    Yields
    ------
    ndarray of shape (n_classes, n_rows)
        C-contiguous, and may be written to.
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
    if columns.shape[1] == 1:  # NumPy would add a lone column in pairs
        return np.cumsum(columns, axis=0)[-1]
    return np.add.reduce(columns, axis=0)


def top_columns(columns: np.ndarray, scratch: Scratch) -> tuple[np.ndarray, np.ndarray]:
    """Find the most probable classes.

    Parameters
    ----------
    columns : ndarray of shape (n_classes, n_rows)
        Of one member.
    scratch : Scratch
        Holds the answer.

    Returns
    -------
    top : ndarray of bool of shape (n_classes, n_rows)
        True for each class that no other exceeds.
    how_many : ndarray of unsigned int of shape (n_rows,)
        How many they are.
    """
    top = scratch("top", columns.shape, np.bool_)
    best = np.max(columns, axis=0, out=scratch("best", columns.shape[1:], columns.dtype))
    np.equal(columns, best, out=top)
    counts = scratch("how many", columns.shape[1:], np.min_scalar_type(len(columns)))
    np.add.reduce(top, axis=0, dtype=counts.dtype, out=counts)
    return top, counts
