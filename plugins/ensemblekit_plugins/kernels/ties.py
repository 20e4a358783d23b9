"""The tie rule of the combiners that count votes or points."""

from __future__ import annotations

from typing import Any

import numpy as np

from .sums import epsilon

__all__ = ["settle_tied_columns", "settle_ties"]


def settle_ties(shares: Any, summed: Any, rounding: int, dtype: Any, xp: Any) -> Any:
    """Give the winner of a tie one unit in the last place more than its share.

    Classes with equal shares are tied. The class with the larger sum of probabilities wins, then the first.

    Parameters
    ----------
    shares, summed : array of shape (..., n_classes)
        Shares of the votes, and sums of probabilities, >= 0.
    rounding : int
        Shares are tied with the best if they differ from it by at most this number of units of rounding.
    dtype : dtype
        Dtype of the result.
    xp : array namespace
        ``numpy`` or ``keras.ops``.

    Returns
    -------
    array of shape (..., n_classes)
        Shares in which the winner has the largest value.
    """
    best = xp.max(shares, axis=-1, keepdims=True)
    enough = xp.multiply(best, xp.array(1 - rounding * epsilon(shares.dtype), dtype=shares.dtype))
    tied = xp.greater_equal(shares, enough)
    # Keras's argmax uses the bits of the numbers, for which ONNX has no operation.
    summed = xp.where(tied, summed, xp.full_like(summed, -1))
    largest = xp.equal(summed, xp.max(summed, axis=-1, keepdims=True))
    places = xp.arange(shares.shape[-1])
    first = xp.min(xp.where(largest, places, shares.shape[-1]), axis=-1, keepdims=True)
    winner = xp.equal(first, places)
    if xp is np:
        shares = shares.astype(dtype, copy=False)
    best = xp.max(shares, axis=-1, keepdims=True)
    rivals = xp.logical_and(xp.logical_or(tied, xp.equal(shares, best)), xp.logical_not(winner))
    nudged = xp.multiply(best, xp.array(1 + epsilon(dtype), dtype=dtype))
    return xp.where(xp.logical_and(winner, xp.any(rivals, axis=-1, keepdims=True)), nudged, shares)


def settle_tied_columns(shares: np.ndarray, summed: np.ndarray, rounding: int, dtype: Any) -> None:
    """Apply `settle_ties` in place to columns ``(n_classes, n_rows)``; only the rows with a tie are changed."""
    dtype = np.dtype(dtype)
    best = np.max(shares, axis=0)
    tied = shares >= best * shares.dtype.type(1 - rounding * epsilon(shares.dtype))
    rivals = tied if shares.dtype == dtype else tied | (shares.astype(dtype) == best.astype(dtype))
    rows = np.flatnonzero(np.add.reduce(rivals, axis=0, dtype=np.min_scalar_type(len(shares))) > 1)
    if not len(rows):
        return
    summed = np.where(np.take(tied, rows, axis=1), np.take(summed, rows, axis=1), -1)
    winner = summed == np.max(summed, axis=0)
    settled = np.zeros(len(rows), np.bool_)
    for column in winner:  # the first of the classes with the largest sum
        np.greater(column, settled, out=column)
        settled |= column
    some = np.take(shares, rows, axis=1).astype(dtype, copy=False)
    nudged = np.max(some, axis=0) * dtype.type(1 + epsilon(dtype))
    shares[:, rows] = np.where(winner, nudged, some)
