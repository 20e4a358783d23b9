"""The best members by their own score, as a rule that is judged like any other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np

from ..interfaces import Combiner
from ..predictions import PredictionSet

__all__ = ["BestMembers", "scores_of"]

TOLERANCE = 1e-12


def scores_of(metric: Any, labels: Any, values: Iterable[np.ndarray], sample_weight: np.ndarray | None) -> np.ndarray:
    """Compute a metric of several predictions of the same rows; greater is better, and lowest where it is not defined.

    Parameters
    ----------
    metric : Metric
        What is measured.
    labels : ndarray of shape (n_samples, ...)
        Codes, indicators or numbers.
    values : iterable of ndarray of shape (n_samples, ..., n_classes)
        Predictions.
    sample_weight : ndarray of shape (n_samples,), or None
        Weight of each row.

    Returns
    -------
    ndarray of shape (n_predictions,)
    """
    weight = np.ones(len(labels)) if sample_weight is None else sample_weight
    sign = 1 if metric.higher_is_better else -1
    of_one = [sign * metric.of_weights(labels, each.astype(np.float64))(weight[:, np.newaxis])[0] for each in values]
    scores = np.array(of_one)
    return np.where(np.isnan(scores), -np.inf, scores)


class BestMembers(Combiner):
    """The mean of the members with the best values of a metric on the rows of the fit.

    Parameters
    ----------
    n_members : int
        How many; all of them if there are fewer.
    metric : Metric
        What is measured.
    among : sequence of str, optional
        Members that may be taken; by default all.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,)
        Equal for those that are kept, 0 for the others.
    """

    traits = frozenset({"learns", "idempotent", "bounded", "class_equivariant"})

    def __init__(self, n_members: int, metric: Any, among: Sequence[str] | None = None) -> None:
        self.n_members = n_members
        self.metric = metric
        self.among = among

    def fit(self, predictions: PredictionSet, *, sample_weight: np.ndarray | None = None) -> Self:
        scores = scores_of(self.metric, predictions.label_codes, predictions.member_probas, sample_weight)
        allowed = np.array([self.among is None or name in self.among for name in predictions.members])
        self.weights_ = np.zeros(len(scores))
        kept = min(self.n_members, int(allowed.sum()))
        for _ in range(kept):
            left = np.where(allowed & (self.weights_ == 0), scores, -np.inf)
            top = left.max()
            margin = TOLERANCE * abs(top) if np.isfinite(top) else 0.0
            # Members are sorted by name: the first of equals is kept.
            place = int(np.flatnonzero((left >= top - margin) & allowed & (self.weights_ == 0))[0])
            self.weights_[place] = 1 / kept
        return self

    def combine(self, member_probas: Any, *, xp: Any = np) -> Any:
        kept = np.flatnonzero(self.weights_)
        if len(kept) == 1:
            return member_probas[kept[0]]
        return member_probas[kept].mean(axis=0)
