"""Ranks within queries; items of equal scores share the mean of theirs."""

from __future__ import annotations

import numpy as np

__all__ = ["doubled_ranks", "places"]


def places(lengths: np.ndarray) -> np.ndarray:
    """Number the rows of each segment from 0.

    Parameters
    ----------
    lengths : ndarray of int, shape (n_segments,)
        Rows of each.

    Returns
    -------
    ndarray of int64, shape (n_rows,)
    """
    ends = np.cumsum(lengths)
    rows = np.arange(ends[-1] if len(ends) else 0)
    return rows - (ends - lengths).repeat(lengths)


def doubled_ranks(lengths: np.ndarray, score: np.ndarray | None) -> np.ndarray:
    """Compute twice the rank of each row, which is whole also for means of two ranks.

    Parameters
    ----------
    lengths : ndarray of int, shape (n_segments,)
        Rows of each query.
    score : ndarray of shape (n_rows,) or None
        Scores that fall within a query; None if no two are equal.

    Returns
    -------
    ndarray of int64, shape (n_rows,)
    """
    place = places(lengths)
    ranks = 2 * place + 2
    if score is None or len(score) < 2:
        return ranks
    level = (score[1:] == score[:-1]) & (place[1:] > 0)
    if not level.any():
        return ranks
    first = np.flatnonzero(np.append(True, ~level))
    size = np.diff(np.append(first, len(score)))
    return (2 * place[first] + 1 + size).repeat(size)
