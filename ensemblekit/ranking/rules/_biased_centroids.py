"""Rank-biased centroids."""

from __future__ import annotations

import numpy as np

from ...arguments import check_number, typed
from ...errors import InvalidOptionError
from .._pool import Pool

__all__ = ["RankBiasedCentroids"]


class RankBiasedCentroids:
    """Sum of weights that fall from rank to rank by a factor.

    Parameters
    ----------
    phi : float, default=0.8
        The factor, in (0, 1): the probability that a user goes on to the next item.

    Notes
    -----
    ``score[i] = sum over the members that returned i of w (1 - phi) phi^(rank - 1)``, where ``w`` is the weight of the
    member [1]_.

    Tie rule: that of `Run`. Where ``phi^(rank - 1)`` is smaller than the smallest float, all deeper items are tied.

    References
    ----------
    .. [1] P. Bailey, A. Moffat, F. Scholer, P. Thomas, "Retrieval consistency in the presence of query variations",
       SIGIR 2017.
    """

    @typed()
    def __init__(self, *, phi: float = 0.8) -> None:
        check_number("phi", phi, 0, 1, open_low=True)
        if phi == 1:
            raise InvalidOptionError("phi must be below 1, as with 1 no rank counts; received 1.")
        self.phi = phi

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
        return pool.grouped_by_rank(lambda rank: (1 - self.phi) * self.phi ** (rank - 1)).sum()
