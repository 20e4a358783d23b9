"""Scores from confusion matrices, many at once: ``(n_candidates, n_classes, n_classes)``, true classes first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["BINARY_SCORES", "CONFUSION_SCORES", "CONTINGENCY_SCORES", "per_class", "ratio"]

_Score = Callable[[np.ndarray], np.ndarray]


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide; nothing of nothing is 0."""
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def per_class(kind: str, right: np.ndarray, true: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Precision, recall, F1 or Jaccard, from how much is right, true and said."""
    if kind == "precision":
        return ratio(right, said)
    if kind == "recall":
        return ratio(right, true)
    return ratio(2 * right, true + said) if kind == "f1" else ratio(right, true + said - right)


def _accuracy(confusion: np.ndarray) -> np.ndarray:
    return np.trace(confusion, axis1=1, axis2=2) / confusion.sum(axis=(1, 2))


def _balanced_accuracy(confusion: np.ndarray) -> np.ndarray:
    true = confusion.sum(axis=2)
    return ratio(np.diagonal(confusion, axis1=1, axis2=2), true).sum(axis=1) / (true > 0).sum(axis=1)


def _matthews(confusion: np.ndarray) -> np.ndarray:
    true, said = confusion.sum(axis=2), confusion.sum(axis=1)
    n = true.sum(axis=1)
    right = np.trace(confusion, axis1=1, axis2=2)
    covariance = right * n - (true * said).sum(axis=1)
    variances = (n * n - np.square(said).sum(axis=1)) * (n * n - np.square(true).sum(axis=1))
    return ratio(covariance, np.sqrt(np.maximum(variances, 0)))


def _averaged(kind: str, average: str) -> _Score:
    def score(confusion: np.ndarray) -> np.ndarray:
        right = np.diagonal(confusion, axis1=1, axis2=2)
        true, said = confusion.sum(axis=2), confusion.sum(axis=1)
        if average == "micro":
            right, true, said = (x.sum(axis=1, keepdims=True) for x in (right, true, said))
        values = per_class(kind, right, true, said)
        if average == "binary":
            return values[:, 1]
        weight = true if average == "weighted" else ((true + said) > 0).astype(np.float64)
        return (values * weight).sum(axis=1) / weight.sum(axis=1)

    return score


def _likelihood_ratio(sign: int, column: int) -> _Score:
    def score(confusion: np.ndarray) -> np.ndarray:
        negative, positive = confusion.sum(axis=2).T
        among_negative, among_positive = confusion[:, :, column].T
        whole = among_negative * positive
        found = np.full(len(confusion), np.nan)
        return np.divide(sign * among_positive * negative, whole, out=found, where=whole > 0)

    return score


def _pairs(confusion: np.ndarray) -> tuple[np.ndarray, ...]:
    """Pairs of rows, in order: apart in both, together in what is said alone, in the truth alone, in both."""
    n = confusion.sum(axis=(1, 2))
    both = np.square(confusion).sum(axis=(1, 2))
    true = np.square(confusion.sum(axis=2)).sum(axis=1)
    said = np.square(confusion.sum(axis=1)).sum(axis=1)
    return n * n - said - true + both, said - both, true - both, both - n


def _rand(confusion: np.ndarray) -> np.ndarray:
    apart, said, true, both = _pairs(confusion)
    whole = apart + said + true + both
    return np.where(whole > 0, ratio(apart + both, whole), 1)


def _adjusted_rand(confusion: np.ndarray) -> np.ndarray:
    apart, said, true, both = _pairs(confusion)
    found = ratio(2 * (both * apart - true * said), (both + true) * (true + apart) + (both + said) * (said + apart))
    return np.where((true == 0) & (said == 0), 1, found)


def _fowlkes_mallows(confusion: np.ndarray) -> np.ndarray:
    _, said, true, both = _pairs(confusion)
    return np.sqrt(ratio(both, both + said)) * np.sqrt(ratio(both, both + true))


def _entropy(counts: np.ndarray) -> np.ndarray:
    share = counts / counts.sum(axis=1, keepdims=True)
    return -(share * np.log(np.where(share > 0, share, 1))).sum(axis=1)


def _information(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    true, said = confusion.sum(axis=2), confusion.sum(axis=1)
    n = true.sum(axis=1)[:, np.newaxis, np.newaxis]
    expected = true[:, :, np.newaxis] * said[:, np.newaxis, :]
    terms = confusion / n * np.log(np.where(confusion > 0, ratio(confusion * n, expected), 1))
    return np.maximum(terms.sum(axis=(1, 2)), 0), _entropy(true), _entropy(said)


def _mutual_information(confusion: np.ndarray) -> np.ndarray:
    return _information(confusion)[0]


def _homogeneity(confusion: np.ndarray) -> np.ndarray:
    shared, true, _ = _information(confusion)
    return np.where(true > 0, ratio(shared, true), 1)


def _completeness(confusion: np.ndarray) -> np.ndarray:
    shared, _, said = _information(confusion)
    return np.where(said > 0, ratio(shared, said), 1)


def _normalized_information(confusion: np.ndarray) -> np.ndarray:
    shared, true, said = _information(confusion)
    return np.where((true == 0) & (said == 0), 1, ratio(2 * shared, true + said))


def _adjusted_information(confusion: np.ndarray) -> np.ndarray:
    from scipy.sparse import csr_array
    from sklearn.metrics.cluster import expected_mutual_information

    least = np.finfo(np.float64).eps
    shared, true, said = _information(confusion)
    found = np.where((true == 0) & (said == 0), 1.0, 0.0)
    for place in np.flatnonzero((true > 0) & (said > 0)):
        counts = confusion[place].astype(np.int64)
        counts = counts[counts.any(axis=1)][:, counts.any(axis=0)]
        chance = expected_mutual_information(csr_array(counts), int(counts.sum()))
        part, whole = shared[place] - chance, (true[place] + said[place]) / 2 - chance
        found[place] = np.copysign(max(abs(part), least), part) / np.copysign(max(abs(whole), least), whole)
    return found


_AVERAGES = ("binary", "macro", "micro", "weighted")
CONFUSION_SCORES: dict[str, Any] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "matthews_corrcoef": _matthews,
    **{
        f"{kind}{'' if average == 'binary' else '_' + average}": _averaged(kind, average)
        for kind in ("precision", "recall", "f1", "jaccard")
        for average in _AVERAGES
    },
}
"""Scorer -> score."""
CONTINGENCY_SCORES: dict[str, Any] = {
    "rand_score": _rand,
    "adjusted_rand_score": _adjusted_rand,
    "fowlkes_mallows_score": _fowlkes_mallows,
    "mutual_info_score": _mutual_information,
    "adjusted_mutual_info_score": _adjusted_information,
    "normalized_mutual_info_score": _normalized_information,
    "homogeneity_score": _homogeneity,
    "completeness_score": _completeness,
    "v_measure_score": _normalized_information,
}
"""Scorer of scikit-learn that compares clusterings -> score; it takes no weights of rows."""
BINARY_SCORES: dict[str, Any] = {
    **{kind: CONFUSION_SCORES[kind] for kind in ("precision", "recall", "f1", "jaccard")},
    "positive_likelihood_ratio": _likelihood_ratio(1, 1),
    "neg_negative_likelihood_ratio": _likelihood_ratio(-1, 0),
}
"""Scorer of two classes, the second of which is the positive one -> score."""
