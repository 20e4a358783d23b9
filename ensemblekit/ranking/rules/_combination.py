"""The rules of Fox and Shaw: sums, means and order statistics of normalised scores."""

from __future__ import annotations

import numpy as np

from ...arguments import typed
from ...predictions.choices import check_choice
from .._normalise import NORMALISATIONS
from .._pool import CandidateValues, Pool

__all__ = ["CombANZ", "CombMAX", "CombMED", "CombMIN", "CombMNZ", "CombSUM"]


class _Combination:
    """The base of the rules of Fox and Shaw."""

    takes_weights = True

    @typed()
    def __init__(self, *, normalisation: str = "min-max") -> None:
        check_choice("normalisation", normalisation, NORMALISATIONS)
        self.normalisation = normalisation

    def _grouped(self, pool: Pool) -> CandidateValues:
        values = pool.normalised(self.normalisation)
        if self.takes_weights and (pool.weights != 1).any():
            values = values * pool.weight
        return pool.grouped(values)


class CombSUM(_Combination):
    """Sum of the scores.

    Parameters
    ----------
    normalisation : str, default="min-max"
        A name in `NORMALISATIONS`: how the scores of a member for a query are made comparable.

    Notes
    -----
    ``score[i] = sum over the members that returned i of w s``, where ``s`` is the normalised score and ``w`` the weight
    of the member [1]_. What is absent adds nothing; with ``z-score`` an item below the mean is worse than an absent
    one.

    Tie rule: that of `Run`.

    References
    ----------
    .. [1] E. A. Fox, J. A. Shaw, "Combination of multiple searches", TREC-2, NIST Special Publication 500-215, 1993.
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
        return self._grouped(pool).sum()


class CombMNZ(_Combination):
    """Sum of the scores, times the number of members.

    Parameters
    ----------
    normalisation : str, default="min-max"
        As of `CombSUM`.

    Notes
    -----
    ``score[i] = n[i] * sum over the members that returned i of w s``, where ``n[i]`` is their number; as in `CombSUM`.

    Tie rule: that of `Run`.
    """

    def fuse(self, pool: Pool) -> np.ndarray:
        """Score the candidates; as of `CombSUM`.

        Parameters
        ----------
        pool : Pool
            What members returned.

        Returns
        -------
        ndarray of float64, shape (n_candidates,)
            Score of each candidate.
        """
        grouped = self._grouped(pool)
        return grouped.counts * grouped.sum()


class CombANZ(_Combination):
    """Mean of the scores of the members that returned the item.

    Parameters
    ----------
    normalisation : str, default="min-max"
        As of `CombSUM`.

    Notes
    -----
    ``score[i] = sum of w s / sum of w`` over the members that returned ``i``; as in `CombSUM`. An item that one member
    puts first is above one that most members put second.

    Tie rule: that of `Run`.
    """

    def fuse(self, pool: Pool) -> np.ndarray:
        """Score the candidates; as of `CombSUM`.

        Parameters
        ----------
        pool : Pool
            What members returned.

        Returns
        -------
        ndarray of float64, shape (n_candidates,)
            Score of each candidate.
        """
        grouped = self._grouped(pool)
        total = grouped.counts if (pool.weights == 1).all() else pool.grouped(pool.weight).sum()
        return grouped.sum() / total


class CombMAX(_Combination):
    """Largest of the scores.

    Parameters
    ----------
    normalisation : str, default="min-max"
        As of `CombSUM`.

    Notes
    -----
    ``score[i] = max of s`` over the members that returned ``i``; as in `CombSUM`. It takes no weights.

    Tie rule: that of `Run`. With ``min-max`` the first items of all members are tied.
    """

    takes_weights = False

    def fuse(self, pool: Pool) -> np.ndarray:
        """Score the candidates; as of `CombSUM`.

        Parameters
        ----------
        pool : Pool
            What members returned.

        Returns
        -------
        ndarray of float64, shape (n_candidates,)
            Score of each candidate.
        """
        return self._grouped(pool).max()


class CombMIN(_Combination):
    """Smallest of the scores of the members that returned the item.

    Parameters
    ----------
    normalisation : str, default="min-max"
        As of `CombSUM`.

    Notes
    -----
    ``score[i] = min of s`` over the members that returned ``i``; as in `CombSUM`. It takes no weights.

    Tie rule: that of `Run`.
    """

    takes_weights = False

    def fuse(self, pool: Pool) -> np.ndarray:
        """Score the candidates; as of `CombSUM`.

        Parameters
        ----------
        pool : Pool
            What members returned.

        Returns
        -------
        ndarray of float64, shape (n_candidates,)
            Score of each candidate.
        """
        return self._grouped(pool).min()


class CombMED(_Combination):
    """Median of the scores of the members that returned the item.

    Parameters
    ----------
    normalisation : str, default="min-max"
        As of `CombSUM`.

    Notes
    -----
    ``score[i] = median of s`` over the members that returned ``i``, of an even number the mean of the two in the
    middle; as in `CombSUM`. It takes no weights.

    Tie rule: that of `Run`.
    """

    takes_weights = False

    def fuse(self, pool: Pool) -> np.ndarray:
        """Score the candidates; as of `CombSUM`.

        Parameters
        ----------
        pool : Pool
            What members returned.

        Returns
        -------
        ndarray of float64, shape (n_candidates,)
            Score of each candidate.
        """
        return self._grouped(pool).median()
