"""Items by pattern: how many items have the same answers; and intervals of figures of such counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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
    by_group : sparse array of shape (n_groups, n_patterns), optional
        How many items of each group have each pattern, if items of a group are not independent.
    """

    counts: np.ndarray
    times: np.ndarray
    n_raters: int
    by_group: Any = None

    @property
    def n_items(self) -> int:
        """Number of items with two votes or more."""
        return int(self.times.sum())

    @property
    def n_votes(self) -> int:
        """Number of votes on these items."""
        return int(self.times @ self.counts.sum(axis=1))


def by_votes(tally: Tally, groups: np.ndarray | None = None) -> Patterns:
    """Find the patterns of the items with two votes or more; the others can agree with nobody.

    Parameters
    ----------
    tally : Tally
        The votes.
    groups : ndarray of str of shape (n_items,), optional
        Group of each item.

    Returns
    -------
    Patterns
    """
    counts = tally.by_item_class(np.ones(len(tally.item))).astype(np.int64)
    several = counts.sum(axis=1) >= 2
    n_raters = len(np.unique(tally.rater[several[tally.item]]))
    counts = counts[several]
    base = int(counts.max(initial=0)) + 1
    if tally.n_classes * math.log2(base) < 62:
        codes = counts @ (base ** np.arange(tally.n_classes, dtype=np.int64))
        _, first, place, times = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
        found = counts[first]
    else:
        found, place, times = np.unique(counts, axis=0, return_inverse=True, return_counts=True)
    if groups is None:
        return Patterns(found, times, n_raters)
    from scipy.sparse import coo_array

    names, of_item = np.unique(groups[several], return_inverse=True)
    shape = (len(names), len(found))
    return Patterns(found, times, n_raters, coo_array((np.ones(len(place)), (of_item, place.ravel())), shape).tocsr())


def interval(
    figure: Callable[[np.ndarray], np.ndarray],
    times: np.ndarray,
    lowest: int,
    highest: int,
    *,
    confidence: float,
    n_resamples: int,
    seed: int,
    by_group: Any = None,
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
    by_group : sparse array of shape (n_groups, n_patterns), optional
        Items of each group by pattern: groups are then weighted, and one group of the mean size is added.

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
    step = max(1, BLOCK // max(len(times), 1 if by_group is None else by_group.shape[0]))
    mean_size = 1.0 if by_group is None else times.sum() / by_group.shape[0]
    for start in range(0, n_resamples, step):
        size = min(step, n_resamples - start)
        if by_group is None:
            weights = rng.gamma(times, size=(size, len(times)))
        else:
            weights = np.zeros((size, len(times)))
            weights[:, : by_group.shape[1]] = rng.exponential(size=(size, by_group.shape[0])) @ by_group
        added = mean_size * rng.exponential(size=size)
        for end, place in zip(ends, (lowest, highest), strict=True):
            with_added = weights.copy()
            with_added[:, place] += added
            with_added *= (times.sum() / with_added.sum(axis=1))[:, np.newaxis]
            end.append(figure(with_added))
    tail = (1 - confidence) / 2
    low = np.nan_to_num(np.concatenate(ends[0]), nan=-1.0)
    high = np.nan_to_num(np.concatenate(ends[1]), nan=1.0)
    return float(np.quantile(low, tail)), float(np.quantile(high, 1 - tail))
