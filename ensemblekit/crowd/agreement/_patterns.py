"""Items by pattern: how many items have the same answers; and intervals of figures of such counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .._sums import Tally

__all__ = ["Patterns", "by_votes", "interval"]

BLOCK = 1 << 22
"""Most random numbers that are held at a time."""


@dataclass(frozen=True)
class Patterns:
    """Distinct answers that items have.

    Attributes
    ----------
    counts : ndarray of shape (n_patterns, n_classes)
        How many raters name each class.
    times : ndarray of shape (n_patterns,)
        How many items have the pattern.
    n_raters : int
        How many raters have a vote on these items.
    """

    counts: np.ndarray
    times: np.ndarray
    n_raters: int

    @property
    def n_items(self) -> int:
        """Number of items with two votes or more."""
        return int(self.times.sum())

    @property
    def n_votes(self) -> int:
        """Number of votes on these items."""
        return int(self.times @ self.counts.sum(axis=1))


def by_votes(tally: Tally) -> Patterns:
    """Find the patterns of the items with two votes or more; the others can agree with nobody."""
    counts = tally.by_item_class(np.ones(len(tally.item))).astype(np.int64)
    several = counts.sum(axis=1) >= 2
    n_raters = len(np.unique(tally.rater[several[tally.item]]))
    counts = counts[several]
    base = int(counts.max(initial=0)) + 1
    if tally.n_classes * math.log2(base) < 62:
        codes = counts @ (base ** np.arange(tally.n_classes, dtype=np.int64))
        _, first, times = np.unique(codes, return_index=True, return_counts=True)
        return Patterns(counts[first], times, n_raters)
    found, times = np.unique(counts, axis=0, return_counts=True)
    return Patterns(found, times, n_raters)


def interval(
    figure: Callable[[np.ndarray], np.ndarray],
    times: np.ndarray,
    lowest: int,
    highest: int,
    *,
    confidence: float,
    n_resamples: int,
    seed: int,
) -> tuple[float, float]:
    """Compute an interval of a figure, from items that are weighted at random and one more that was not seen.

    Parameters
    ----------
    figure : callable
        From weights of the patterns, shape ``(n_draws, n_patterns)``, to figures, shape ``(n_draws,)``.
    times : ndarray of shape (n_patterns,)
        How many items have each pattern; 0 for those that are only added.
    lowest, highest : int
        Pattern of the added item at the lower and the upper end.
    confidence : float
        In (0, 1).
    n_resamples : int
        Number of draws.
    seed : int
        Seed, >= 0.

    Returns
    -------
    tuple of float
        Lower and upper end.

    Notes
    -----
    The weights of the items are the spacings of a uniform sample, and the added item has one more: of a share it is
    the interval of Clopper and Pearson. Patterns of equal items have gamma distributed weights, so that the work is in
    the number of patterns, not of items.
    """
    rng = np.random.default_rng(seed)
    ends: list[list[np.ndarray]] = [[], []]
    step = max(1, BLOCK // len(times))
    for start in range(0, n_resamples, step):
        size = min(step, n_resamples - start)
        weights = rng.gamma(times, size=(size, len(times)))
        added = rng.exponential(size=size)
        for end, place in zip(ends, (lowest, highest), strict=True):
            with_added = weights.copy()
            with_added[:, place] += added
            with_added *= (times.sum() / with_added.sum(axis=1))[:, np.newaxis]
            end.append(figure(with_added))
    tail = (1 - confidence) / 2
    low = np.nan_to_num(np.concatenate(ends[0]), nan=-1.0)
    high = np.nan_to_num(np.concatenate(ends[1]), nan=1.0)
    return float(np.quantile(low, tail)), float(np.quantile(high, 1 - tail))
