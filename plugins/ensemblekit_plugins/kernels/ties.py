"""The tie rule of the combiners that count votes or points."""

from __future__ import annotations

from typing import Any

import numpy as np

from .sums import epsilon

__all__ = ["settle_tied_columns", "settle_ties"]


def settle_ties(shares: Any, summed: Any, rounding: int, dtype: Any, xp: Any) -> Any:
    """Give the winner of a tie one unit in the last place more than its share.

    Classes with equal shares are a tie. It goes to the class with the larger summed probability, then to the first.

    Parameters
    ----------
    shares, summed : array of shape (..., n_classes)
        Shares of the votes, and summed probabilities, >= 0.
    rounding : int
        Shares that differ from the best by no more than so many units of rounding are equal to it.
    dtype : dtype
        Of the result.
    xp : array namespace
        ``numpy`` or ``keras.ops``.

    Returns
    -------
    array of shape (..., n_classes)
        Shares whose largest is that of the winner.
    """
    best = xp.max(shares, axis=-1, keepdims=True)
    enough = xp.multiply(best, xp.array(1 - rounding * epsilon(shares.dtype), dtype=shares.dtype))
    tied = xp.greater_equal(shares, enough)
    # Keras's argmax looks at bits, which is no operation of ONNX.
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
    """Do the same, in place, to columns ``(n_classes, n_rows)``; looks only at the rows where there is a tie."""
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
    for column in winner:  # the first of those with the largest sum
        np.greater(column, settled, out=column)
        settled |= column
    some = np.take(shares, rows, axis=1).astype(dtype, copy=False)
    nudged = np.max(some, axis=0) * dtype.type(1 + epsilon(dtype))
    shares[:, rows] = np.where(winner, nudged, some)
