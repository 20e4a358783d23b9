"""Inverse-square rank."""

from __future__ import annotations

import numpy as np

from .._pool import Pool

__all__ = ["InverseSquareRank"]


class InverseSquareRank:
    """Sum of inverse squares of the ranks, times the number of members.

    Notes
    -----
    ``score[i] = n[i] * sum over the members that returned i of w / rank^2``, where ``n[i]`` is their number and ``w``
    the weight of the member [1]_.

    Tie rule: that of `Run`.

    References
    ----------
    .. [1] A. Mourão, F. Martins, J. Magalhães, "Multimodal medical information retrieval with unsupervised rank
       fusion", Computerized Medical Imaging and Graphics 39, 2015.
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
        grouped = pool.grouped_by_rank(lambda rank: rank**-2.0)
        return grouped.counts * grouped.sum()
