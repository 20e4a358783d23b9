"""Wawa: votes weighted by how often each rater agrees with the majority."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._sums import Tally, clamp
from .._ties import leading
from ._agreeing import AgreeingRaters, agreement

__all__ = ["Wawa"]


class Wawa(AgreeingRaters):
    """Worker agreement with aggregate: a majority vote, then one weighted by the agreement of each rater with it.

    Attributes
    ----------
    skills_ : ndarray of shape (n_raters,)
        Share of the votes of each rater that name the majority's class, in [0, 1]; NaN for a rater without votes.

    Notes
    -----
    The majority names a class for each item, and ``skill[r]`` is the share of the votes of rater ``r`` that name the
    same. The answer is the share of the weighted votes: ``p[i, c] = sum_{r votes c on i} skill[r] / sum_{r votes on i}
    skill[r]``. Where gold labels are known, they stand in the place of the majority. Items without votes have the same
    share for each class. crowd-kit gives the same values to the last digits where no majority is tied.

    Tie rule: a tied majority is settled as by `aggregate_votes`; equal shares stay equal.

    References
    ----------
    .. [1] D. Ustalov, N. Pavlichenko, B. Tseitlin, "Learning from crowds with Crowd-Kit", Journal of Open Source
       Software 9(96), 2024.

    Examples
    --------
    >>> from ensemblekit.crowd import Votes, Wawa
    >>> answers = [("a", "ann", "cat"), ("a", "bo", "cat"), ("a", "cy", "dog"), ("b", "ann", "dog"), ("b", "cy", "cat")]
    >>> table = {"item": [a[0] for a in answers], "rater": [a[1] for a in answers], "label": [a[2] for a in answers]}
    >>> rule = Wawa()
    >>> rule.aggregate(Votes(table)).round(3)
    array([[1., 0.],
           [0., 1.]])
    >>> rule.skills_
    array([1., 1., 0.])
    """

    def aggregate(self, votes: Any) -> np.ndarray:
        """Compute the weighted shares of the votes, shape ``(n_items, n_classes)``.

        Parameters
        ----------
        votes : Votes
            Answers of raters about items.

        Returns
        -------
        ndarray of float64
            Rows sum to 1.
        """
        tally = Tally(votes)
        self.skills_ = agreement(tally, leading(votes, tally.shares(tally.weight)))
        return clamp(tally.shares(tally.weight * self.skills_[tally.rater]), tally.gold)
