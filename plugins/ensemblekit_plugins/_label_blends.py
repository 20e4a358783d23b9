"""Scores of blends by what they predict (confusion matrices) and by how they rank (ROC, precision and recall)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._blends import Summed
from ._labelled import Rows

__all__ = [
    "CONFUSION_SCORES",
    "Predicted",
    "Ranked",
    "against_each_other",
    "against_the_rest",
    "average_precision",
    "roc_auc",
    "top_two",
]

_BLOCK = 1 << 18


class Predicted(Summed):
    """A function of the confusion matrix of multiclass predictions.

    The more members a blend has, the fewer rows can change their most probable class by one more: where the lead of the
    first over the second is larger than the gain, none. Only the others are looked at, candidate by candidate.

    Parameters
    ----------
    rows : Rows
        What the members said, and the truth.
    score : callable
        ``(confusion) -> scores``, from ``(n_candidates, n_classes, n_classes)``, true classes first, to
        ``(n_candidates,)``.
    """

    def __init__(self, rows: Rows, score: Callable[[np.ndarray], np.ndarray]) -> None:
        super().__init__(rows)
        self.score = score
        self.spread = float(rows.probas.max() - min(rows.probas.min(), 0))

    def scores(self, members: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Count settled rows once, the others for each candidate."""
        n_classes = self.rows.probas.shape[-1]
        cells = n_classes * n_classes
        settled, reach = np.zeros(len(self.total), dtype=bool), np.abs(gains).max() * self.spread * (1 + 1e-9)
        for block in self.rows.blocks(_BLOCK):
            best = np.partition(self.total[block], -2, axis=-1)
            settled[block] = best[:, -1] - best[:, -2] > reach
        open_rows = np.flatnonzero(~settled)
        confusion = np.tile(self._count(self.total.argmax(axis=-1)[settled], settled), (len(members), 1))
        step = max(1, _BLOCK // (len(members) * n_classes))
        offsets = np.arange(len(members))[:, np.newaxis] * cells
        # Equal gains need no multiplication, and one gather serves all.
        for start in range(0, len(open_rows), step):
            some = open_rows[start : start + step]
            values = self.rows.probas[members[:, np.newaxis], some].astype(np.float64)
            if (gains != 1).any():
                values *= gains[:, np.newaxis, np.newaxis]
            values += self.total[some]
            codes = values.argmax(axis=-1)
            codes += self.rows.labels[some] * n_classes + offsets
            weight = self.rows.weight
            repeated = None if weight is None else np.broadcast_to(weight[some], codes.shape).ravel()
            counts = np.bincount(codes.ravel(), weights=repeated, minlength=len(members) * cells)
            confusion += counts.reshape(len(members), cells)
        return self.score(confusion.reshape(-1, n_classes, n_classes))

    def _count(self, codes: np.ndarray, which: np.ndarray) -> np.ndarray:
        n_classes = self.rows.probas.shape[-1]
        weight = None if self.rows.weight is None else self.rows.weight[which]
        cells = self.rows.labels[which] * n_classes + codes
        return np.bincount(cells, weights=weight, minlength=n_classes * n_classes).astype(np.float64)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def _accuracy(confusion: np.ndarray) -> np.ndarray:
    return np.trace(confusion, axis1=1, axis2=2) / confusion.sum(axis=(1, 2))


def _balanced_accuracy(confusion: np.ndarray) -> np.ndarray:
    true = confusion.sum(axis=2)
    return _ratio(np.diagonal(confusion, axis1=1, axis2=2), true).sum(axis=1) / (true > 0).sum(axis=1)


def _matthews(confusion: np.ndarray) -> np.ndarray:
    true, said = confusion.sum(axis=2), confusion.sum(axis=1)
    n = true.sum(axis=1)
    right = np.trace(confusion, axis1=1, axis2=2)
    covariance = right * n - (true * said).sum(axis=1)
    variances = (n * n - np.square(said).sum(axis=1)) * (n * n - np.square(true).sum(axis=1))
    return _ratio(covariance, np.sqrt(np.maximum(variances, 0)))


def _per_class(kind: str, average: str) -> Callable[[np.ndarray], np.ndarray]:
    def score(confusion: np.ndarray) -> np.ndarray:
        right = np.diagonal(confusion, axis1=1, axis2=2)
        true, said = confusion.sum(axis=2), confusion.sum(axis=1)
        if average == "micro":
            right, true, said = (x.sum(axis=1, keepdims=True) for x in (right, true, said))
        values = {
            "precision": lambda: _ratio(right, said),
            "recall": lambda: _ratio(right, true),
            "f1": lambda: _ratio(2 * right, true + said),
            "jaccard": lambda: _ratio(right, true + said - right),
        }[kind]()
        if average == "binary":
            return values[:, 1]
        weight = true if average == "weighted" else ((true + said) > 0).astype(np.float64)
        return (values * weight).sum(axis=1) / weight.sum(axis=1)

    return score


CONFUSION_SCORES = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "matthews_corrcoef": _matthews,
    **{
        f"{kind}{'' if average == 'binary' else '_' + average}": _per_class(kind, average)
        for kind in ("precision", "recall", "f1", "jaccard")
        for average in ("binary", "macro", "micro", "weighted")
    },
}


class Ranked(Summed):
    """A metric of rankings: the weighted mean over comparisons of some rows with others by their scores of one class.

    Parameters
    ----------
    rows : Rows
        What the members said, and the truth; without weights of rows.
    score : callable
        ``(scores of what is true, scores of the rest) -> float``.
    comparisons : list of (int, ndarray of int, ndarray of int, float)
        The class, the rows that are true, the rest, and how much it counts.
    """

    def __init__(
        self,
        rows: Rows,
        score: Callable[[np.ndarray, np.ndarray], float],
        comparisons: list[tuple[int, np.ndarray, np.ndarray, float]],
    ) -> None:
        super().__init__(rows)
        self.score = score
        total = sum(share for *_, share in comparisons)
        self.columns: dict[int, list[tuple[np.ndarray, np.ndarray, float]]] = {}
        for column, true, rest, share in comparisons:
            self.columns.setdefault(column, []).append((true, rest, share / total))

    def scores(self, members: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Rank the sums: dividing them by the count would change nothing, or break ties by rounding."""
        found = np.zeros(len(members))
        for column, comparisons in self.columns.items():
            total = np.ascontiguousarray(self.total[:, column])
            for place, (member, gain) in enumerate(zip(members, gains, strict=True)):
                values = np.multiply(self.rows.probas[member, :, column], gain, dtype=np.float64)
                values += total
                for true, rest, share in comparisons:
                    found[place] += share * self.score(values[true], values[rest])
        return found


def against_the_rest(labels: np.ndarray, columns: Any, *, by_frequency: bool) -> list[Any]:
    """Compare each class with all others; ``by_frequency`` each counts by its rows."""
    truth = [(c, labels == c if labels.ndim == 1 else labels[:, c] != 0) for c in columns]
    return [(c, np.flatnonzero(t), np.flatnonzero(~t), float(t.sum()) if by_frequency else 1.0) for c, t in truth]


def against_each_other(labels: np.ndarray, n_classes: int, *, by_frequency: bool) -> list[Any]:
    """Compare each class with each other one; ``by_frequency`` each pair counts by the rows of both."""
    rows = [np.flatnonzero(labels == c) for c in range(n_classes)]
    return [
        (a, rows[a], rows[b], float(len(rows[a]) + len(rows[b])) if by_frequency else 1.0)
        for a in range(n_classes)
        for b in range(n_classes)
        if a != b
    ]


def roc_auc(true: np.ndarray, rest: np.ndarray) -> float:
    """Share of the pairs that are in the right order; a tie is half of one."""
    true.sort()
    rest.sort()
    below = np.searchsorted(rest, true, side="left").sum() + np.searchsorted(rest, true, side="right").sum()
    return float(below) / (2 * len(true) * len(rest))


def average_precision(true: np.ndarray, rest: np.ndarray) -> float:
    """Precision at the score of each true row, averaged; rows of equal score come at once."""
    true.sort()
    rest.sort()
    true_so_far = len(true) - np.searchsorted(true, true, side="left")
    rest_so_far = len(rest) - np.searchsorted(rest, true, side="left")
    return float((true_so_far / (true_so_far + rest_so_far)).mean())


def top_two(truth: np.ndarray, mean: np.ndarray, weight: np.ndarray | None) -> float:
    """Share of the rows whose class is one of the two most probable, as scikit-learn: of equals the last are."""
    own = np.take_along_axis(mean, truth[:, np.newaxis], axis=1)
    ahead = np.greater(mean, own).sum(axis=1)
    ahead += (np.equal(mean, own) & (np.arange(mean.shape[1]) > truth[:, np.newaxis])).sum(axis=1)
    return float(np.average(ahead < 2, weights=weight))
