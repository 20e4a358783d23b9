"""Scores of blends by their order: ROC, precision and recall."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .blends import Blends
from .rows import Rows

__all__ = ["Ranked", "against_the_rest", "average_precision", "roc_auc"]

Comparison = tuple[int, np.ndarray, np.ndarray, float]
_Weights = tuple[np.ndarray, np.ndarray] | None
_Score = Callable[[np.ndarray, np.ndarray, _Weights], float]


class Ranked(Blends):
    """A metric of rankings: the weighted mean over comparisons of some rows with others by their scores of one class.

    Parameters
    ----------
    rows : Rows
        The members' predictions and the labels.
    score : callable
        ``(scores of the true rows, scores of the rest, weights of both or None) -> float``.
    comparisons : list of (int, ndarray of bool, ndarray of bool, float)
        For each comparison: the class, which rows are true, which rows are the rest, and its weight.
    """

    def __init__(
        self,
        rows: Rows,
        score: _Score,
        comparisons: list[Comparison],
    ) -> None:
        super().__init__(rows)
        self.score = score
        total = sum(share for *_, share in comparisons)
        self.columns: dict[int, list[tuple[np.ndarray, np.ndarray, float]]] = {}
        for column, true, rest, share in comparisons:
            self.columns.setdefault(column, []).append((true, rest, share / total))

    def _clear(self) -> None:
        pass

    def _add(self, member: int, gain: float) -> None:
        pass

    def _total(self, column: int) -> np.ndarray:
        # Computed again in each round, because the sums of all classes would take as much memory as a member.
        total = np.zeros(len(self.rows.labels))
        for member in np.flatnonzero(self.weights):
            total += np.multiply(self.rows.probas[member, :, column], self.weights[member], dtype=np.float64)
        return total

    def scores(self, members: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Rank the sums: dividing them by the count would not change the order, but rounding could break ties."""
        found, weight = np.zeros(len(members)), self.rows.weight
        for column, comparisons in self.columns.items():
            total = self._total(column)
            places = [(np.flatnonzero(true), np.flatnonzero(rest), share) for true, rest, share in comparisons]
            for place, (member, gain) in enumerate(zip(members, gains, strict=True)):
                values = np.multiply(self.rows.probas[member, :, column], gain, dtype=np.float64)
                values += total
                for true, rest, share in places:
                    weights = None if weight is None else (weight[true], weight[rest])
                    found[place] += share * self.score(values[true], values[rest], weights)
        return found


def against_the_rest(rows: Rows, columns: Any, *, by_frequency: bool) -> list[Comparison]:
    """Compare each class with all others; with ``by_frequency`` the weight of a class is the number of its rows."""
    share = rows.share()
    truth = [(c, rows.labels == c if rows.labels.ndim == 1 else rows.labels[:, c] != 0) for c in columns]
    return [(c, t, ~t, float(share @ t) if by_frequency else 1.0) for c, t in truth]


def roc_auc(true: np.ndarray, rest: np.ndarray, weights: _Weights) -> float:
    """Return the share of the pairs that are in the right order; a tie counts as half a pair."""
    if weights is None:
        true.sort()
        rest.sort()
        below = np.searchsorted(rest, true, side="left").sum() + np.searchsorted(rest, true, side="right").sum()
        return float(below) / (2 * len(true) * len(rest))
    true, of_true = _sorted(true, weights[0])
    rest, of_rest = _sorted(rest, weights[1])
    so_far = np.append(0, np.cumsum(of_rest))
    below = so_far[np.searchsorted(rest, true, side="left")] + so_far[np.searchsorted(rest, true, side="right")]
    return float(of_true @ below) / (2 * of_true.sum() * so_far[-1])


def average_precision(true: np.ndarray, rest: np.ndarray, weights: _Weights) -> float:
    """Return the mean of the precision at the score of each true row; rows with equal scores are added together."""
    if weights is None:
        true.sort()
        rest.sort()
        true_so_far = len(true) - np.searchsorted(true, true, side="left")
        rest_so_far = len(rest) - np.searchsorted(rest, true, side="left")
        return float((true_so_far / (true_so_far + rest_so_far)).mean())
    true, of_true = _sorted(true, weights[0])
    rest, of_rest = _sorted(rest, weights[1])
    true_above = np.append(np.cumsum(of_true[::-1])[::-1], 0)[np.searchsorted(true, true, side="left")]
    rest_above = np.append(np.cumsum(of_rest[::-1])[::-1], 0)[np.searchsorted(rest, true, side="left")]
    return float(of_true @ (true_above / (true_above + rest_above))) / float(of_true.sum())


def _sorted(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(values)
    return values[order], weights[order]
