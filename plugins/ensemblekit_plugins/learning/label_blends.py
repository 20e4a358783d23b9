"""Scores of blends by the classes or labels that they predict."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .blends import Summed
from .rows import Rows

__all__ = ["BINARY_SCORES", "CONFUSION_SCORES", "INDICATED_SCORES", "Indicated", "Predicted"]

_BLOCK = 1 << 18
_CHUNK = 1 << 15
_Score = Callable[[np.ndarray], np.ndarray]


class Predicted(Summed):
    """A function of the confusion matrix of multiclass predictions.

    A row is settled if the largest class leads the second by more than any gain of a candidate. Then no candidate
    changes the most probable class of the row. The more members a blend has, the more rows are settled. Settled rows
    are counted once; only the other rows are counted for each candidate.

    Parameters
    ----------
    rows : Rows
        The members' predictions and the labels.
    score : callable
        ``(confusion) -> scores``: takes ``(n_candidates, n_classes, n_classes)``, true classes first, and returns
        ``(n_candidates,)``.
    """

    def __init__(self, rows: Rows, score: _Score) -> None:
        super().__init__(rows)
        self.score = score
        self.spread = float(rows.probas.max() - min(rows.probas.min(), 0))

    def scores(self, members: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Count the settled rows once, and the other rows for each candidate."""
        n_classes = self.rows.probas.shape[-1]
        cells = n_classes * n_classes
        reach = np.abs(gains).max() * self.spread * (1 + 1e-9)
        settled, open_rows = np.zeros(cells), []
        for block in self.rows.blocks(_BLOCK):
            total = self.total[block]
            best = np.partition(total, -2, axis=-1)
            lead = best[:, -1] - best[:, -2] > reach
            where = np.flatnonzero(lead)
            settled += self._count(total[where].argmax(axis=-1), where + block.start)
            open_rows.append(np.flatnonzero(~lead) + block.start)
        confusion = np.tile(settled, (len(members), 1))
        rows = np.concatenate(open_rows)
        step = max(16, _CHUNK // n_classes)
        for some in (rows[start : start + step] for start in range(0, len(rows), step)):
            total, taken = self.total[some], np.empty((len(some), n_classes), dtype=self.rows.probas.dtype)
            values = np.empty_like(total)
            for place, (member, gain) in enumerate(zip(members, gains, strict=True)):
                np.take(self.rows.probas[member], some, axis=0, out=taken, mode="clip")
                if gain == 1:
                    np.add(taken, total, out=values)
                else:
                    np.add(np.multiply(taken, gain, out=values, dtype=np.float64), total, out=values)
                confusion[place] += self._count(values.argmax(axis=-1), some)
        return self.score(confusion.reshape(-1, n_classes, n_classes))

    def _count(self, codes: np.ndarray, rows: np.ndarray) -> np.ndarray:
        n_classes = self.rows.probas.shape[-1]
        weight = None if self.rows.weight is None else self.rows.weight[rows]
        return np.bincount(self.rows.labels[rows] * n_classes + codes, weights=weight, minlength=n_classes * n_classes)


class Indicated(Summed):
    """A metric of multilabel predictions: a label is predicted if its mean is 0.5 or more.

    Parameters
    ----------
    rows : Rows
        The members' predictions and the labels.
    name : str
        One of `INDICATED_SCORES`.
    """

    def __init__(self, rows: Rows, name: str) -> None:
        super().__init__(rows)
        self.name = name
        self.by_row = name in ("accuracy", "f1_samples")
        self.share = rows.share() if self.by_row or rows.weight is not None else np.ones(len(rows.labels))

    def scores(self, members: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Count true positives and positives, chunk by chunk."""
        n_labels = self.rows.probas.shape[-1]
        hits_of, positives_of = np.zeros((2, len(members), n_labels))
        true, found = np.zeros(n_labels), np.zeros(len(members))
        ones = np.ones(n_labels)
        halves = (self.weights.sum() + gains) / 2
        truth = share = true_of_row = hits = np.empty(0)
        for block, place, values in self._sums(members, gains, divided=False):
            if place == 0:
                truth, share, hits = self.rows.truth(block), self.share[block], np.empty_like(values)
                true_of_row = truth @ ones
                true += share @ truth
            np.greater_equal(values, halves[place], out=values)
            np.multiply(values, truth, out=hits)
            if self.by_row:
                found[place] += share @ self._of_rows(hits @ ones, true_of_row, values @ ones)
            else:
                hits_of[place] += share @ hits
                positives_of[place] += share @ values
        return found if self.by_row else self._of_labels(hits_of, np.broadcast_to(true, hits_of.shape), positives_of)

    def _of_rows(self, hits: np.ndarray, true: np.ndarray, positives: np.ndarray) -> np.ndarray:
        if self.name == "accuracy":
            return ((hits == true) & (hits == positives)).astype(np.float64)
        return _f1(hits, true, positives)

    def _of_labels(self, hits: np.ndarray, true: np.ndarray, positives: np.ndarray) -> np.ndarray:
        if self.name == "f1_micro":
            hits, true, positives = (x.sum(axis=1, keepdims=True) for x in (hits, true, positives))
        weight = true if self.name == "f1_weighted" and true.any() else np.ones(true.shape)
        return (_f1(hits, true, positives) * weight).sum(axis=1) / weight.sum(axis=1)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def _f1(hits: np.ndarray, true: np.ndarray, positives: np.ndarray) -> np.ndarray:
    return _ratio(2 * hits, true + positives)


def _accuracy(confusion: np.ndarray) -> np.ndarray:
    return np.trace(confusion, axis1=1, axis2=2) / confusion.sum(axis=(1, 2))


def _balanced_accuracy(confusion: np.ndarray) -> np.ndarray:
    true = confusion.sum(axis=2)
    return _ratio(np.diagonal(confusion, axis1=1, axis2=2), true).sum(axis=1) / (true > 0).sum(axis=1)


def _averaged_f1(average: str) -> _Score:
    def score(confusion: np.ndarray) -> np.ndarray:
        hits = np.diagonal(confusion, axis1=1, axis2=2)
        true, positives = confusion.sum(axis=2), confusion.sum(axis=1)
        if average == "micro":
            hits, true, positives = (x.sum(axis=1, keepdims=True) for x in (hits, true, positives))
        values = _f1(hits, true, positives)
        if average == "binary":
            return values[:, 1]
        weight = true if average == "weighted" else ((true + positives) > 0).astype(np.float64)
        return (values * weight).sum(axis=1) / weight.sum(axis=1)

    return score


CONFUSION_SCORES: dict[str, _Score] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    **{f"f1_{average}": _averaged_f1(average) for average in ("macro", "micro", "weighted")},
}
"""Maps scorers of multiclass predictions to scores of confusion matrices ``(n_candidates, n_classes, n_classes)``."""
BINARY_SCORES: dict[str, _Score] = {"f1": _averaged_f1("binary")}
"""Maps each scorer of two classes to its score; the second class is the positive one."""
INDICATED_SCORES = frozenset({"accuracy", "f1_macro", "f1_micro", "f1_samples", "f1_weighted"})
"""Scorers of multilabel predictions."""
