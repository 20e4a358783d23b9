"""Majority vote: shares of the answers, of those who were asked, or of all raters."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ...arguments import typed
from ...errors import InvalidOptionError
from .._sums import clamp, count_answers
from ..votes import Votes

__all__ = ["MajorityVote"]


class MajorityVote:
    """Each answer counts as one, or as the weight of the vote.

    Parameters
    ----------
    denominator : {"answered", "asked", "all"}, default="answered"
        Of whom the shares are: of the raters who answered on the item; of those with a vote on it, who may have
        abstained or failed; or of all raters of the table.
    threshold : float, default=0
        An item has no prediction unless the share of the leading class is larger: 0.5 asks for an absolute majority.

    Attributes
    ----------
    shares_ : ndarray of shape (n_items, n_classes)
        Share of each class. The rest up to 1 is the share of those who did not answer.

    Notes
    -----
    ``share[i, c] = sum of w over the answers c on i / sum of w over the denominator``, where ``w`` is the weight of a
    vote, 1 by default. The probability of a class is its share among the answers, whatever the denominator.

    Tie rule: equal probabilities stay equal; `aggregate_votes` settles them.
    """

    @typed()
    def __init__(
        self, *, denominator: Literal["answered", "asked", "all"] = "answered", threshold: float = 0.0
    ) -> None:
        if not 0 <= threshold < 1:
            raise InvalidOptionError(f"threshold must be a share, >= 0 and below 1; received {threshold!r}.")
        self.denominator = denominator
        self.threshold = threshold

    def aggregate(self, votes: Votes) -> np.ndarray:
        """Compute the share of each class.

        Parameters
        ----------
        votes : Votes
            The votes.

        Returns
        -------
        ndarray of shape (n_items, n_classes)
            Posterior; NaN for an item without a prediction.
        """
        return self._shares(votes, None)

    def _shares(self, votes: Votes, of_rater: np.ndarray | None) -> np.ndarray:
        weight = votes.weight
        if of_rater is not None:
            weight = of_rater[votes.rater] if weight is None else weight * of_rater[votes.rater]
        counts = count_answers(votes, weight)
        answered = counts.sum(axis=1)
        if self.denominator == "answered":
            total = answered
        elif self.denominator == "asked":
            total = np.bincount(votes.item, weight, minlength=len(votes.items))
        else:
            total = np.full(len(counts), len(votes.raters) if of_rater is None else of_rater.sum())
        with np.errstate(invalid="ignore"):
            self.shares_ = np.where(total[:, np.newaxis] > 0, counts / total[:, np.newaxis], 0)
            posterior = counts / answered[:, np.newaxis]  # NaN without an answer
        posterior[self.shares_.max(axis=1) <= self.threshold] = np.nan
        return clamp(posterior, votes.gold)
