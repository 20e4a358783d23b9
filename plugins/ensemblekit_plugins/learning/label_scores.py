"""Scores of blends by the classes or labels that they predict."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .blends import Summed
from .confusion import per_class
from .rows import Rows

__all__ = ["INDICATED_SCORES", "Indicated", "Predicted", "TopTwo"]

_BLOCK = 1 << 18
_CHUNK = 1 << 15


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
    """A metric of multilabel predictions: a label is predicted where its mean is 0.5 or more.

    Parameters
    ----------
    rows : Rows
        What the members said, and the truth.
    name : str
        One of `INDICATED_SCORES`.
    """

    def __init__(self, rows: Rows, name: str) -> None:
        super().__init__(rows)
        self.kind, _, self.average = name.partition("_")
        self.by_row = self.average in ("", "samples")
        self.share = rows.share() if self.by_row or rows.weight is not None else np.ones(len(rows.labels))

    def scores(self, members: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Count what is right and what is said, chunk by chunk."""
        n_labels = self.rows.probas.shape[-1]
        right, said = np.zeros((2, len(members), n_labels))
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
                right[place] += share @ hits
                said[place] += share @ values
        return found if self.by_row else self._of_labels(right, np.broadcast_to(true, said.shape), said)

    def _of_rows(self, right: np.ndarray, true: np.ndarray, said: np.ndarray) -> np.ndarray:
        if self.kind == "accuracy":
            return ((right == true) & (right == said)).astype(np.float64)
        return per_class(self.kind, right, true, said)

    def _of_labels(self, right: np.ndarray, true: np.ndarray, said: np.ndarray) -> np.ndarray:
        if self.average == "micro":
            right, true, said = (x.sum(axis=1, keepdims=True) for x in (right, true, said))
        values = per_class(self.kind, right, true, said)
        weight = true if self.average == "weighted" and true.any() else np.ones(true.shape)
        return (values * weight).sum(axis=1) / weight.sum(axis=1)


INDICATED_SCORES = frozenset(
    {"accuracy"}
    | {
        f"{kind}_{average}"
        for kind in ("precision", "recall", "f1", "jaccard")
        for average in ("macro", "micro", "samples", "weighted")
    }
)


class TopTwo(Summed):
    """Share of the rows whose class is one of the two most probable, as scikit-learn: of equals the last are."""

    def scores(self, members: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Count the classes that are ahead of the true one."""
        found, weights = np.zeros(len(members)), self.rows.share()
        n_classes = self.rows.probas.shape[-1]
        ones, classes = np.ones(n_classes), np.arange(n_classes)
        labels, share = self.rows.labels[:0, np.newaxis], weights
        for block, place, values in self._sums(members, gains, divided=False):
            if place == 0:
                labels, share = self.rows.labels[block, np.newaxis], weights[block]
            own = np.take_along_axis(values, labels, axis=1)
            equal = values == own
            tied = np.count_nonzero(equal) > len(own)
            ahead = np.greater(values, own, out=values) @ ones
            if tied:
                ahead += (equal & (classes > labels)).sum(axis=1)
            found[place] += share @ (ahead < 2)
        return found
