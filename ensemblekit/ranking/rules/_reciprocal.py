"""Reciprocal rank fusion."""

from __future__ import annotations

import numpy as np

from ...arguments import check_number, typed
from .._pool import Pool

__all__ = ["ReciprocalRankFusion"]


class ReciprocalRankFusion:
    """Sum of reciprocals of the ranks.

    Parameters
    ----------
    k : float, default=60
        Added to each rank, >= 0: how little the first ranks stand out.

    Notes
    -----
    ``score[i] = sum over the members that returned i of w / (k + rank)``, where ``w`` is the weight of the member, 1 by
    default [1]_.

    Tie rule: that of `Run`.

    References
    ----------
    .. [1] G. V. Cormack, C. L. A. Clarke, S. Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual
       rank learning methods", SIGIR 2009.
    """

    @typed()
    def __init__(self, *, k: float = 60.0) -> None:
        check_number("k", k, 0)
        self.k = k

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
        return pool.grouped_by_rank(lambda rank: 1 / (self.k + rank)).sum()
