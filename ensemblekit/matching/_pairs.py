"""Pairs of regions of one case that may touch, found by a sweep along one axis, in blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["touching_pairs"]

BLOCK = 1 << 20
"""Pairs that are held at a time."""
MANY = 20
"""Pairs a region from which on another axis is tried."""


def touching_pairs(
    case: np.ndarray, low: np.ndarray, high: np.ndarray, apart: np.ndarray | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Find all pairs of one case with bounds that touch on each axis.

    Parameters
    ----------
    case : ndarray of int of shape (n,)
        Case of each region.
    low, high : ndarray of shape (n, n_dimensions)
        Bounds.
    apart : ndarray of int of shape (n,), optional
        Readers, if pairs of one reader do not count.

    Yields
    ------
    tuple of ndarray of int64
        The first and the second region of each pair, the first one before the second.
    """
    if len(case) < 2:
        return
    axis, order, ends = 0, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    fewest = np.inf
    for k in range(low.shape[1]):
        along, until = _sweep(case, low[:, k], high[:, k])
        n_pairs = int((until - np.arange(1, len(case) + 1)).sum())
        if n_pairs < fewest:
            axis, order, ends, fewest = k, along, until, n_pairs
        if fewest <= MANY * len(case):
            break
    others = [k for k in range(low.shape[1]) if k != axis]
    counts = ends - np.arange(1, len(case) + 1)
    total = np.append(0, np.cumsum(counts))
    start = 0
    while start < len(case):
        stop = max(start + 1, int(np.searchsorted(total, total[start] + BLOCK, side="right")) - 1)
        n = counts[start:stop]
        a = np.repeat(np.arange(start, stop), n)
        b = a + 1 + np.arange(len(a)) - np.repeat(total[start:stop] - total[start], n)
        a, b = order[a], order[b]
        kept = np.ones(len(a), dtype=bool) if apart is None else apart[a] != apart[b]
        for k in others:
            kept &= (low[a, k] <= high[b, k]) & (low[b, k] <= high[a, k])
        a, b = a[kept], b[kept]
        if len(a):
            yield np.minimum(a, b), np.maximum(a, b)
        start = stop


def _sweep(case: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort by case and lower bound; find for each region the end of those that begin before it ends."""
    values, ranks = np.unique(np.concatenate([low, high]), return_inverse=True)
    base = case.astype(np.int64) * len(values)
    begin, end = base + ranks[: len(low)], base + ranks[len(low) :]
    order = np.argsort(begin, kind="stable")
    return order, np.searchsorted(begin[order], end[order], side="right")
