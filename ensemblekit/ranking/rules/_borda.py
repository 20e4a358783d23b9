"""Borda's count."""

from __future__ import annotations

import numpy as np

from .._pool import Pool

__all__ = ["Borda"]


class Borda:
    """Points for ranks; the items that a member did not return share the points that are left.

    Notes
    -----
    Of the ``c`` candidates of a query, a member gives the first ``c`` points, the second ``c - 1`` and so on. Those
    that it did not return share what is left: ``(c - n + 1) / 2`` each, where ``n`` is the number of its items [1]_.
    ``score[i] = sum over the members with items for the query of w points``, where ``w`` is the weight of the member. A
    member without an item for a query gives all the same, which changes no order; it is left out.

    Tie rule: that of `Run`.

    References
    ----------
    .. [1] J. A. Aslam, M. Montague, "Models for metasearch", SIGIR 2001.
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
        query = pool.candidate_query
        candidates = np.bincount(query, minlength=pool.n_queries)
        absent = np.where(pool.lengths > 0, (candidates - pool.lengths + 1) / 2, 0.0)
        # Points above those of an item that the member did not return; half points are summed without rounding.
        more = candidates[pool.query] + 1 - pool.rank - absent[pool.member, pool.query]
        weights = np.sort(pool.weights)
        if weights[0] == weights[-1]:
            return pool.grouped(more).sum() + absent.sum(axis=0)[query]
        weighted = np.sort(absent * pool.weights[:, np.newaxis], axis=0).sum(axis=0)
        return pool.grouped(more * pool.weight).sum() + weighted[query]
