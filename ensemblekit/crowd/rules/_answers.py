"""The answers of a crowd in the order of items and of raters, so that a step of a model is a few products of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import InvalidPredictionsError
from ...limits import check_size
from .._sums import clamp, count_answers, normalised, rows_of, share_of
from ..votes import Votes

__all__ = ["Answers"]


class Answers:
    """Answers on the items that have some, or whose label is known.

    A pair is a rater and a label that this rater gave at least once. Memory grows with the answers, not with the
    raters times the items, nor with the raters times the classes squared.

    Parameters
    ----------
    votes : Votes
        The votes; those without a choice are left out.

    Attributes
    ----------
    n_classes : int
        Number of classes.
    total : float
        Weight of all answers; at least 1.
    by_rater : ndarray of shape (n_raters,)
        Weight of the answers of each rater.
    gold : ndarray of int or None
        Known label of each row, -1 if unknown; None if none is known.
    """

    def __init__(self, votes: Votes) -> None:
        self.votes, self.n_classes = votes, len(votes.classes)
        counts = count_answers(votes)
        there = counts.sum(axis=1) > 0
        if votes.gold is not None:
            there |= votes.gold >= 0
        self._there = None if there.all() else np.flatnonzero(there)
        self._counts = counts if self._there is None else counts[self._there]
        self.gold = votes.gold if votes.gold is None or self._there is None else votes.gold[self._there]
        rows = rows_of(votes)
        if votes.weight is not None:  # an answer of no weight tells nothing
            rows = (votes.choice >= 0) & (votes.weight > 0)
        item, self._choice, self._rater = votes.item[rows], votes.choice[rows], votes.rater[rows]
        self._weight = None if votes.weight is None else votes.weight[rows]
        self._item = item if self._there is None else (np.cumsum(there) - 1).astype(np.int32)[item]
        self.by_rater = np.bincount(self._rater, self._weight, minlength=len(votes.raters)).astype(np.float64)
        self.total = max(1.0, float(self.by_rater.sum()))
        self._cell: np.ndarray | None = None
        self._code: np.ndarray | None = None
        self._by_code: np.ndarray | None = None
        self._by_item: Any = None

    # What every rule may want.

    def first_posterior(self) -> np.ndarray:
        """Compute the shares of the answers, with the known labels."""
        return clamp(normalised(self._counts), self.gold)

    def of_all_items(self, posterior: np.ndarray) -> np.ndarray:
        """Give items without answers the mean of the others."""
        if self._there is None:
            return posterior
        every = np.full((len(self.votes.items), self.n_classes), 1 / self.n_classes)
        every[self._there] = posterior
        return every

    # Sums over answers.

    @property
    def _cells(self) -> np.ndarray:
        if self._cell is None:
            self._cell = self._item.astype(np.int64) * self.n_classes + self._choice
        return self._cell

    def right_by_rater(self, posterior: np.ndarray) -> np.ndarray:
        """Sum the posterior of the labels that each rater gave."""
        right = posterior.ravel().take(self._cells)
        right = right if self._weight is None else right * self._weight
        return self._summed(self._rater, right, len(self.by_rater))

    def share_right(self, posterior: np.ndarray) -> np.ndarray:
        """Divide what a rater had right by its answers; NaN without any."""
        return share_of(self.right_by_rater(posterior), self.by_rater)

    def sum_by_choice(self, of_rater: np.ndarray) -> np.ndarray:
        """Sum a value of the raters over the answers for each item and class."""
        shape = self._counts.shape
        return self._summed(self._cells, self._value(of_rater), shape[0] * shape[1]).reshape(shape)

    def sum_by_item(self, of_rater: np.ndarray) -> np.ndarray:
        """Sum a value of the raters over the answers on each item."""
        return self._summed(self._item, self._value(of_rater), len(self._counts))

    @property
    def _codes(self) -> np.ndarray:
        if self._code is None:
            self._code = self._rater.astype(np.int64) * self.n_classes + self._choice
        return self._code

    @property
    def by_label(self) -> np.ndarray:
        """Weight of the answers of each rater by label, shape (n_raters, n_classes)."""
        if self._by_code is None:
            self._by_code = self._laid_out(self._weight)
        return self._by_code

    def right_by_label(self, posterior: np.ndarray) -> np.ndarray:
        """Sum the posterior of the labels that each rater gave, shape (n_raters, n_classes)."""
        right = posterior.ravel().take(self._cells)
        return self._laid_out(right if self._weight is None else right * self._weight)

    def sum_labels_by_choice(self, of_label: np.ndarray) -> np.ndarray:
        """Sum a value of the raters and labels over the answers for each item and class."""
        shape, value = self._counts.shape, of_label.ravel().take(self._codes)
        value = value if self._weight is None else value * self._weight
        return self._summed(self._cells, value, shape[0] * shape[1]).reshape(shape)

    def _laid_out(self, values: np.ndarray | None) -> np.ndarray:
        shape = (len(self.by_rater), self.n_classes)
        return self._summed(self._codes, values, shape[0] * shape[1]).reshape(shape)

    @staticmethod
    def _summed(places: np.ndarray, values: np.ndarray | None, n: int) -> np.ndarray:
        return np.bincount(places, values, minlength=n).astype(np.float64, copy=False)  # of none it counts in integers

    def _value(self, of_rater: np.ndarray) -> np.ndarray:
        value = of_rater.take(self._rater)
        return value if self._weight is None else value * self._weight

    # Sums over pairs.

    def _prepare_pairs(self) -> None:
        if self._by_item is not None:
            return
        from scipy.sparse import csr_array

        code = self._codes
        self._pairs, place = _different(code, len(self.votes.raters) * self.n_classes)
        weight = np.ones(len(code)) if self._weight is None else self._weight
        start = np.append(0, np.cumsum(np.bincount(self._item, minlength=len(self._counts))))
        shape = (len(self._counts), len(self._pairs))
        self._by_item = csr_array((weight, place.astype(np.int32), start.astype(np.int32)), shape=shape)
        self._by_pair = self._by_item.T.tocsr()
        rater = self._pairs // self.n_classes
        first = np.append(True, rater[1:] != rater[:-1])[: len(rater)]
        self._first, self._raters = np.flatnonzero(first), rater[first]
        self._rater_place = np.cumsum(first) - 1
        self._label = self._pairs % self.n_classes
        every = np.arange(len(rater))
        self._by_label = csr_array((np.ones(len(rater)), (self._label, every)), shape=(self.n_classes, len(rater)))

    @property
    def rater_place_of_pair(self) -> np.ndarray:
        """Position of the rater of each pair among the raters who answered."""
        self._prepare_pairs()
        return self._rater_place

    @property
    def label_of_pair(self) -> np.ndarray:
        """Position of the label of each pair among the classes."""
        self._prepare_pairs()
        return self._label

    def count_by_pair(self, posterior: np.ndarray) -> np.ndarray:
        """Sum the posterior over the answers of each pair, shape (n_pairs, n_classes)."""
        self._prepare_pairs()
        return self._by_pair @ posterior

    def sum_of_pairs(self, of_pair: np.ndarray) -> np.ndarray:
        """Sum a row of each pair over the answers on each item, shape (n_rows, n_classes)."""
        self._prepare_pairs()
        return self._by_item @ of_pair

    def sum_by_rater_of_pair(self, of_pair: np.ndarray) -> np.ndarray:
        """Sum over the pairs of each rater who answered."""
        self._prepare_pairs()
        return np.add.reduceat(of_pair, self._first, axis=0) if len(of_pair) else of_pair

    def sum_by_label_of_pair(self, of_pair: np.ndarray) -> np.ndarray:
        """Sum over the pairs of each label."""
        self._prepare_pairs()
        return self._by_label @ of_pair

    def dense(self, of_pair: np.ndarray, not_given: np.ndarray) -> np.ndarray:
        """Lay out a row of each pair as (rater, class, label).

        ``not_given``, of the shape (raters who answered, class, label), is for labels that a rater never gave.
        """
        n_raters, n = len(self.by_rater), self.n_classes
        check_size(8 * n_raters * n * n, "the confusion matrices of all raters", InvalidPredictionsError)
        found = np.full((n_raters, n, n), np.nan)
        found[self._raters] = not_given
        found[self._pairs // n, :, self._label] = of_pair
        return found


def _different(codes: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the different codes below n, sorted, and the position of each."""
    if n > 8 * len(codes):
        return np.unique(codes, return_inverse=True)
    there = np.zeros(n, dtype=bool)
    there[codes] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[codes]
