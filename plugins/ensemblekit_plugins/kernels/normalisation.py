"""Division of each row of classes by its sum: the reference, and an implementation in place for a block."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Scratch

__all__ = ["normalise", "normalise_block", "softmax_of_few", "sum_classes"]

COLUMNS = 16
"""Up to this number of classes, columns are added one after the other; with more, the two halves are added first."""


def normalise(values: Any, xp: Any = np) -> Any:
    """Divide each row by its sum; a row of zeros becomes uniform.

    Parameters
    ----------
    values : array of shape (n_samples, ..., n_classes)
        Finite and >= 0.
    xp : array namespace, default=numpy
        ``numpy`` or ``keras.ops``.

    Returns
    -------
    array of shape (n_samples, ..., n_classes)
        Rows that sum to 1.
    """
    total = xp.sum(values, axis=-1, keepdims=True)
    empty = xp.equal(total, xp.zeros_like(total))
    shares = xp.divide(values, xp.where(empty, xp.ones_like(total), total))
    return xp.where(empty, xp.full_like(values, 1 / values.shape[-1]), shares)


def normalise_block(values: np.ndarray, out: np.ndarray, scratch: Scratch) -> None:
    """Compute the same as `normalise`, for one block.

    Parameters
    ----------
    values : ndarray of shape (rows, ..., n_classes)
        C-contiguous; rows of zeros are overwritten.
    out : ndarray of the same shape
        May be ``values`` itself.
    scratch : Scratch
        The buffers of this thread.
    """
    total = sum_classes(values, scratch)
    empty = total == 0
    if empty.any():
        values[empty] = 1
        total[empty] = values.shape[-1]
    np.divide(values, total[..., np.newaxis], out=out, casting="same_kind")


def sum_classes(values: np.ndarray, scratch: Scratch) -> np.ndarray:
    """Add the classes of one block, in an order that depends only on their number.

    Parameters
    ----------
    values : ndarray of shape (rows, ..., n_classes)
        C-contiguous.
    scratch : Scratch
        The buffers of this thread.

    Returns
    -------
    ndarray of shape (rows, ...)
        The sums, in an array of ``scratch``.
    """
    total = scratch("sum of classes", values.shape[:-1], values.dtype)
    flat, rows = total.reshape(-1), values.reshape(-1, values.shape[-1])
    while rows.shape[1] > COLUMNS:
        half = rows.shape[1] // 2
        halved = scratch(("halved", half), (len(rows), half + rows.shape[1] % 2), values.dtype)
        np.add(rows[:, :half], rows[:, half : 2 * half], out=halved[:, :half])
        halved[:, half:] = rows[:, 2 * half :]
        rows = halved
    np.copyto(flat, rows[:, 0])
    for column in range(1, rows.shape[1]):
        np.add(flat, rows[:, column], out=flat)
    return total


def softmax_of_few(decisions: np.ndarray) -> np.ndarray:
    """Turn decisions into probabilities, in place: ``exp(d - max d)``, divided by the sum.

    NumPy takes five times as long to reduce so few numbers a row, and gives the same bits.

    Parameters
    ----------
    decisions : ndarray of shape (n_rows, n_classes)
        Up to seven classes; overwritten.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        ``decisions`` itself.
    """
    first, *others = decisions.T
    largest = first
    for column in others:
        largest = np.maximum(largest, column)
    decisions -= largest[:, np.newaxis]
    np.exp(decisions, out=decisions)
    total = first.copy()
    for column in others:
        total += column
    decisions /= total[:, np.newaxis]
    return decisions
