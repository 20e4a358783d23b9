"""The one rule for ties: of classes with equal scores, the one that the better raters name, and that is more common."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._sums import Tally, clamp

__all__ = ["ROUNDING", "TieBreak", "at_top", "leading", "settle_ties"]

ROUNDING = 1e-12
"""Scores that differ by less than this part of them are equal: weights are summed in floats."""
LENT = 2.0
"""Answers that each rater is lent, right as often as those of all: one right answer is no proof."""
DECIMALS = 10
"""Places to which sums of the same numbers in another order agree."""


class TieBreak:
    """How much a vote of each rater tells, and how common each class is, learned from items that are not tied.

    Parameters
    ----------
    tally : Tally
        The votes.
    top : ndarray of bool of shape (n_items, n_classes)
        The leading classes of each item; none for items that are not to be learned from.
    """

    def __init__(self, tally: Tally, top: np.ndarray) -> None:
        self._tally, n_classes = tally, tally.n_classes
        alone = top.sum(axis=1) == 1
        judged = tally.weight * alone[tally.item]
        right, n = tally.by_rater(judged * tally.chosen(top)), tally.by_rater(judged)
        every = (right.sum() + 1) / (n.sum() + n_classes)
        share = (right + LENT * every) / (n + LENT)
        self._of_vote = tally.weight * np.log(share * max(1, n_classes - 1) / (1 - share))[tally.rater]
        self._of_class = np.log(top[alone].sum(axis=0) + 1.0)

    def scores(self) -> tuple[np.ndarray, np.ndarray]:
        """Sum what speaks for each class of each item.

        Returns
        -------
        tuple of ndarray
            Scores of shape ``(n_items, n_classes)``, and what each vote adds to its class, shape ``(n_used,)``.
        """
        return self._tally.by_item_class(self._of_vote) + self._of_class, self._of_vote

    @staticmethod
    def best(top: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Choose the first of the leading classes with the largest score, for each row."""
        return np.where(top, np.round(scores, DECIMALS), -np.inf).argmax(axis=1)


def at_top(scores: np.ndarray) -> np.ndarray:
    """Find the leading classes of each item; none where scores are NaN or all 0."""
    best = scores.max(axis=1, keepdims=True)
    return (scores >= best * (1 - ROUNDING)) & (best > 0)


def leading(votes: Any, scores: np.ndarray) -> np.ndarray:
    """Find the leading class of each item, ties settled.

    Parameters
    ----------
    votes : Votes
        The votes, with the labels that are known.
    scores : ndarray of shape (n_items, n_classes)
        Scores >= 0; NaN for items without a prediction.

    Returns
    -------
    ndarray of intp of shape (n_items,)
        Positions of classes; 0 for an item without a leading class.
    """
    top = clamp(at_top(scores), votes.gold)
    first = top.argmax(axis=1)
    answered = np.bincount(votes.item[votes.choice >= 0], minlength=len(top)) > 0
    several = (top.sum(axis=1) > 1) & answered
    if not several.any():
        return first
    tally = Tally(votes)
    found, _ = TieBreak(tally, top).scores()
    first[several] = TieBreak.best(top[several], found[several])
    return first


def settle_ties(votes: Any, posterior: np.ndarray) -> np.ndarray:
    """Give the one of equal classes that is to be predicted some units in the last place more, in place.

    Parameters
    ----------
    votes : Votes
        The votes, with the labels that are known.
    posterior : ndarray of shape (n_items, n_classes)
        Probabilities.

    Returns
    -------
    ndarray
        The posterior.
    """
    rows = np.flatnonzero(at_top(posterior).sum(axis=1) > 1)
    if len(rows):
        winner = leading(votes, posterior)[rows]
        moved = winner != posterior[rows].argmax(axis=1)
        rows, winner = rows[moved], winner[moved]
        posterior[rows, winner] = posterior[rows].max(axis=1) * (1 + ROUNDING)
    return posterior
