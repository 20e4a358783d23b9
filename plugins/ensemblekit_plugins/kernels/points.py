"""Borda points: how many classes each class of a row beats, by comparison of all pairs or by sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Scratch, Where, in_blocks
from .columns import column_shape, member_columns, write_columns
from .presence import by_presence
from .ties import settle_tied_columns

__all__ = ["count_points", "rounding_of_points"]

PAIRWISE_CLASSES = 32
"""Up to this number of classes, comparing all pairs is faster than sorting."""


def rounding_of_points(n_members: int) -> int:
    """Return by how many units of rounding equal shares may differ."""
    return 2 * n_members + 2


def count_points(member_probas: np.ndarray, weights: np.ndarray, present: Any, *, equal: bool) -> np.ndarray:
    """Count the points that the members give to the classes by their ranks, in blocks.

    Parameters
    ----------
    member_probas : ndarray of shape (n_members, n_samples, ..., n_classes)
        Aligned predictions.
    weights : ndarray of shape (n_members,)
        From 0 to 1, with a positive sum.
    present : array of bool of shape (n_members, n_samples), or None
        Which rows the members have.
    equal : bool
        If true, all weights are 1, so that points are counted in integers.

    Returns
    -------
    ndarray of shape (n_samples, ..., n_classes)
        Shares of the points, in the dtype of ``member_probas``; the tie rule is applied.
    """
    if present is not None:
        return by_presence(
            lambda some, members: count_points(some, weights[members], None, equal=equal), member_probas, present
        )
    n_members, n_classes = len(member_probas), member_probas.shape[-1]
    dtype = np.result_type(member_probas.dtype, np.float32)
    weights = weights.astype(dtype)
    most = dtype.type(n_classes * (n_classes - 1)) * np.add.reduce(weights)
    # Without weights twice the points are whole numbers, so equal points are exactly equal. C - 1 is subtracted
    # from them, so that small integers are enough.
    rounding, together = (2, n_members) if equal else (rounding_of_points(n_members), 1)
    least = dtype.type(together * (n_classes - 1))
    rank = _compare_each if n_classes <= PAIRWISE_CLASSES else _sort
    result = np.empty(member_probas.shape[1:], member_probas.dtype)

    def count(where: Where, scratch: Scratch) -> None:
        members = member_probas[(slice(None), *where)]
        points = scratch("points", column_shape(members), np.min_scalar_type(-together * n_classes))
        total, summed = (scratch(name, points.shape, dtype) for name in ("total", "summed"))
        points[:] = total[:] = summed[:] = 0
        for place, columns in enumerate(member_columns(members, scratch, dtype)):
            rank(columns, points, scratch)
            if not equal:
                weighted = np.add(points, least, out=scratch("weighted", columns.shape, dtype))
                weighted *= weights[place]
                total += weighted
                points[:] = 0
                columns *= weights[place]
            summed += columns
        if equal:
            np.add(points, least, out=total)
        total /= most
        settle_tied_columns(total, summed, rounding, member_probas.dtype)
        write_columns(total, result[where])

    in_blocks(count, member_probas.shape, arrays=1)
    return result


def _compare_each(columns: np.ndarray, points: np.ndarray, scratch: Scratch) -> None:
    # The number of classes that each class beats, minus the number that beat it: twice its points, minus C - 1.
    for shift in range(1, len(columns)):
        upper, lower = columns[shift:], columns[:-shift]
        beats, beaten = (scratch(name, upper.shape, np.bool_) for name in ("beats", "beaten"))
        np.greater(upper, lower, out=beats)
        np.less(upper, lower, out=beaten)
        margin = beats.view(np.int8)
        margin -= beaten.view(np.int8)
        points[shift:] += margin
        points[:-shift] -= margin


def _sort(columns: np.ndarray, points: np.ndarray, scratch: Scratch) -> None:
    order = np.argsort(columns, axis=0)
    ordered = np.take_along_axis(columns, order, axis=0)
    place = np.arange(len(columns))[:, np.newaxis]
    new = np.ones(ordered.shape, bool)
    new[1:] = ordered[1:] != ordered[:-1]
    first = np.maximum.accumulate(np.where(new, place, 0), axis=0)
    ends = np.roll(new, -1, axis=0)  # true at the end of each group of equal values; the last place is always an end
    last = np.minimum.accumulate(np.where(ends, place, len(columns))[::-1], axis=0)[::-1]
    ranks = np.empty(columns.shape, points.dtype)
    np.put_along_axis(ranks, order, (first + last - (len(columns) - 1)).astype(points.dtype), axis=0)
    points += ranks
