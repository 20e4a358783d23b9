"""Condorcet fusion, by Copeland's score."""

from __future__ import annotations

import numpy as np

from .._pool import Pool

__all__ = ["Condorcet"]

ABSENT = 2.0**40
"""Rank of an item that a member did not return: below all that it returned, and equal to the others."""
CELLS = 2**21
"""Most pairs of candidates that are compared at a time."""
ROUNDING = 1e-9
"""Majorities of a smaller share of the weights are none: weights are summed in floats."""


class Condorcet:
    """Each item against each other: who wins the most majorities.

    Notes
    -----
    A member prefers the item of the better rank, and any item that it returned to one that it did not; between two that
    it did not return, or that it ranks alike, it does not choose. ``score[i] = number of items that i beats + half of
    the number that it ties with``, by the weights of the members (Copeland's score). An item that beats each other one
    is the first, as Condorcet asks; the sort by pairs of Montague and Aslam [1]_ gives the same where no pairs beat
    each other in a circle, and else depends on where it starts.

    The time grows with the square of the number of candidates of a query.

    Tie rule: that of `Run`.

    References
    ----------
    .. [1] M. Montague, J. A. Aslam, "Condorcet fusion for improved retrieval", CIKM 2002.
    """

    def fuse(self, pool: Pool) -> np.ndarray:
        """Score the candidates.

        Parameters
        ----------
        pool : Pool
            What members returned.

        Returns
        -------
        ndarray of float64, shape (n_candidates,)
            Score of each candidate.
        """
        order = np.argsort(pool.weights, kind="stable")
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        ranks = np.full((pool.n_members, len(pool.candidate_query)), ABSENT)
        ranks[place[pool.member], pool.candidate] = pool.rank
        sizes = np.bincount(pool.candidate_query, minlength=pool.n_queries)
        ends = np.cumsum(sizes)
        parts = [
            _copeland(ranks[:, end - size : end], pool.weights[order])
            for end, size in zip(ends.tolist(), sizes.tolist(), strict=True)
        ]
        return np.concatenate(parts)


def _copeland(ranks: np.ndarray, weights: np.ndarray) -> np.ndarray:
    n = ranks.shape[1]
    scores = np.empty(n)
    step = max(1, CELLS // n)
    least = ROUNDING * weights.sum()
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        lead = np.zeros((rows.stop - start, n))
        for own, weight in zip(ranks, weights, strict=True):
            lead += weight * np.sign(own - own[rows, np.newaxis])
        scores[rows] = (lead > least).sum(axis=1) + ((np.abs(lead) <= least).sum(axis=1) - 1) / 2
    return scores
