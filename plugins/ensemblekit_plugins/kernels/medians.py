"""Weighted medians for many resamples at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .place_sums import place_sums

__all__ = ["weighted_median"]

_TIE = 1e-12  # of the whole weight: sums of weights such as 1 / n do not meet the half to the bit


def weighted_median(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Prepare the median of values as a function of their weights.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Finite numbers.

    Returns
    -------
    callable
        Weights ``(n_samples, n_resamples)`` -> medians ``(n_resamples,)``; NaN where all weights are 0.

    Notes
    -----
    The smallest value at which the weights, added in the order of the values, reach half of their sum. Where they meet
    the half, the mean of this and the next value with a weight.
    """
    order = np.argsort(values, kind="stable")
    n, width = len(values), max(1, int(np.sqrt(len(values))))
    blocks = np.empty(n, dtype=np.int64)
    blocks[order] = np.arange(n) // width
    n_blocks = (n - 1) // width + 1
    of_blocks = place_sums(blocks, n_blocks)
    # The last block is filled with its last row: all values before are reached before.
    rows = order[np.minimum(np.arange(n_blocks * width), n - 1)].reshape(n_blocks, width)
    ordered = values[rows]

    def medians(weights: np.ndarray) -> np.ndarray:
        so_far = np.cumsum(of_blocks(weights), axis=0)
        total, columns = so_far[-1], np.arange(weights.shape[1])
        found = np.zeros(weights.shape[1])
        for goal in (total * (0.5 - _TIE), total * (0.5 + _TIE)):
            block = np.minimum((so_far < goal).sum(axis=0), n_blocks - 1)
            before = np.where(block > 0, so_far[block - 1, columns], 0.0)
            inside = weights[rows[block], columns[:, np.newaxis]]
            reached = np.cumsum(inside, axis=1) + before[:, np.newaxis]
            place = np.minimum((reached < goal[:, np.newaxis]).sum(axis=1), width - 1)
            found += ordered[block, place] / 2
        return np.where(total > 0, found, np.nan)

    return medians
