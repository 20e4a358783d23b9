"""Sums over votes: what each item, each rater and each class has, without a loop over any of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .votes import Votes

__all__ = ["Tally", "clamp", "count_answers", "count_by_rater", "normalised", "posterior_of", "rows_of", "share_of"]


def count_answers(votes: Votes, weight: np.ndarray | None = None) -> np.ndarray:
    """Count the answers of each item by class.

    Parameters
    ----------
    votes : Votes
        Whose answers are counted; who abstained or failed gave none.
    weight : ndarray of shape (n_votes,), optional
        Weight of each vote. By default that of the votes, or 1.

    Returns
    -------
    ndarray of float64, shape (n_items, n_classes)
    """
    weight = votes.weight if weight is None else weight
    n_items, n_classes = len(votes.items), len(votes.classes)
    rows = rows_of(votes)
    cells = votes.item[rows].astype(np.int64) * n_classes + votes.choice[rows]
    counts = np.bincount(cells, None if weight is None else weight[rows], minlength=n_items * n_classes)
    return counts.astype(np.float64, copy=False).reshape(n_items, n_classes)


def rows_of(votes: Votes) -> Any:
    """Select the votes that are answers; all, where nobody abstained or failed."""
    answered = votes.choice >= 0
    return slice(None) if answered.all() else answered


def count_by_rater(votes: Votes, which: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Sum over the votes of each rater.

    Parameters
    ----------
    votes : Votes
        The votes.
    which : ndarray of bool of shape (n_votes,)
        Votes that count.
    weight : ndarray of shape (n_votes,), optional
        What is summed; by default 1 a vote.

    Returns
    -------
    ndarray of shape (n_raters,)
    """
    return np.bincount(votes.rater[which], None if weight is None else weight[which], minlength=len(votes.raters))


class Tally:
    """The votes that name a class, and sums over them. Abstained and failed votes say nothing about the class.

    Parameters
    ----------
    votes : Votes
        Any votes.

    Attributes
    ----------
    item, rater, choice : ndarray of shape (n_used,)
        Positions of item, rater and class of each vote that names a class.
    weight : ndarray of float64 of shape (n_used,)
        Weight of each of them, by default 1.
    gold : ndarray of shape (n_items,) or None
        Known classes, -1 if unknown; None if none is known.
    n_items, n_raters, n_classes : int
        Sizes.
    """

    def __init__(self, votes: Any) -> None:
        used = votes.choice >= 0
        whole = bool(used.all())
        self.item, self.rater, self.choice = (
            np.asarray(a if whole else a[used], dtype=np.intp) for a in (votes.item, votes.rater, votes.choice)
        )
        weight = votes.weight
        self.is_weighted = weight is not None
        self.weight = np.ones(len(self.item)) if weight is None else np.asarray(weight, dtype=np.float64)[used]
        self.gold = votes.gold if votes.gold is not None and (votes.gold >= 0).any() else None
        self.n_items, self.n_raters, self.n_classes = len(votes.items), len(votes.raters), len(votes.classes)
        self._item_class = self.item * self.n_classes + self.choice
        self._rater_class = self.rater * self.n_classes + self.choice

    def by_item(self, values: np.ndarray) -> np.ndarray:
        """Sum one value per vote over each item, shape ``(n_items,)``."""
        return _sums(self.item, values, self.n_items)

    def by_item_class(self, values: np.ndarray) -> np.ndarray:
        """Sum one value per vote over each item and class, shape ``(n_items, n_classes)``."""
        sums = _sums(self._item_class, values, self.n_items * self.n_classes)
        return sums.reshape(self.n_items, self.n_classes)

    def by_rater(self, values: np.ndarray) -> np.ndarray:
        """Sum one value per vote over each rater, shape ``(n_raters,)``."""
        return _sums(self.rater, values, self.n_raters)

    def by_rater_class(self, values: np.ndarray) -> np.ndarray:
        """Sum one value per vote over each rater and class, shape ``(n_raters, n_classes)``."""
        sums = _sums(self._rater_class, values, self.n_raters * self.n_classes)
        return sums.reshape(self.n_raters, self.n_classes)

    def chosen(self, table: np.ndarray) -> np.ndarray:
        """Take from a table of items and classes the value of each vote, shape ``(n_used,)``."""
        return table.reshape(-1)[self._item_class]

    def strategy(self, table: np.ndarray) -> np.ndarray:
        """Take from a table of raters and classes the value of each vote, shape ``(n_used,)``."""
        return table.reshape(-1)[self._rater_class]

    def shares(self, values: np.ndarray) -> np.ndarray:
        """Divide what each class of an item has by what all have; where no class has any, all have the same."""
        return normalised(self.by_item_class(values))

    def posterior(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Do what `posterior_of` does, with the known labels."""
        return posterior_of(scores, self.gold)


def posterior_of(scores: np.ndarray, gold: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Turn log scores of items and classes into a posterior, in place.

    Parameters
    ----------
    scores : ndarray of shape (n_items, n_classes)
        Log scores; they are overwritten.
    gold : ndarray of shape (n_items,) or None
        Known classes, -1 if unknown. They have the posterior 1, and their own score is the item's sum.

    Returns
    -------
    tuple of ndarray
        The posterior, and the logarithm of each item's sum.
    """
    known = np.empty(0, dtype=np.intp) if gold is None else np.flatnonzero(gold >= 0)
    own = None if gold is None else scores[known, gold[known]]
    best = scores.max(axis=1, keepdims=True)
    scores -= best
    np.exp(scores, out=scores)
    total = scores.sum(axis=1, keepdims=True)
    scores /= total
    evidence = (np.log(total) + best)[:, 0]
    if own is not None:
        evidence[known] = own
    return clamp(scores, gold), evidence


def _sums(places: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(places, values, n).astype(np.float64, copy=False)  # of none it counts in integers


def normalised(counts: np.ndarray) -> np.ndarray:
    """Divide rows by their sums; rows of zeros become uniform."""
    total = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, total, out=np.full_like(counts, 1 / counts.shape[1]), where=total > 0)


def share_of(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide parts by wholes; NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def clamp(posterior: np.ndarray, gold: np.ndarray | None) -> np.ndarray:
    """Give known classes the posterior 1, in place."""
    if gold is not None:
        known = np.flatnonzero(gold >= 0)
        posterior[known] = 0.0
        posterior[known, gold[known]] = 1.0
    return posterior
