"""What a metric would be if the model erred as often as its rows allow: errors of sure models are rare, and large."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...interfaces import Metric

__all__ = ["contradicted", "doubts_of", "wrong_of"]

LEAST_DOUBT = 1e-7
"""A model that is surer than this is taken to be as sure as this: that it is never wrong is no more than its claim."""
MOST_ANSWERS = 8
"""Other answers of a row that are looked at, the most probable ones; or parts of its labels."""


def wrong_of(labels: np.ndarray, probas: np.ndarray) -> np.ndarray:
    """Compute the share of the answers of each row that are wrong.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Codes of classes, or 0 and 1 of each label.
    probas : ndarray of shape (n_samples, n_classes)
        Predictions.

    Returns
    -------
    ndarray of float64 of shape (n_samples,)
    """
    if labels.ndim < probas.ndim:
        return (probas.argmax(axis=1) != labels).astype(np.float64)
    return ((probas >= 0.5) != (labels != 0)).mean(axis=1)


def doubts_of(labels: np.ndarray, probas: np.ndarray) -> np.ndarray:
    """Compute how probable the model itself thinks that each of its answers is wrong.

    Returns
    -------
    ndarray of shape (n_samples, n_answers)
        One answer a row for classes; one a label, or a part of the labels, for labels. The largest come first.
    """
    if labels.ndim < probas.ndim:
        return np.maximum(1 - probas.max(axis=1, keepdims=True), LEAST_DOUBT)
    doubts = -np.sort(-np.minimum(probas, 1 - probas), axis=1)
    parts = np.array_split(np.arange(probas.shape[1]), min(MOST_ANSWERS, probas.shape[1]))
    return np.maximum(np.stack([doubts[:, part].mean(axis=1) for part in parts], axis=1), LEAST_DOUBT)


def contradicted(
    metric: Metric, labels: np.ndarray, probas: np.ndarray, weights: np.ndarray | None, most_wrong: float
) -> float:
    """Compute a mean over rows if a given share of the answers were wrong.

    Parameters
    ----------
    metric : Metric
        With values of rows.
    labels, probas : ndarray
        As in `wrong_of`.
    weights : ndarray of shape (n_samples,), optional
        Weight of each row.
    most_wrong : float
        Share of the answers, in [0, 1].

    Returns
    -------
    float
        The metric. Answers are wrong in proportion to the doubts of the model, and by the classes that it thinks
        probable instead: the same model, of which all doubts are too small, or too large, by one factor.
    """
    doubts = doubts_of(labels, probas)
    mass = np.ones(len(labels)) if weights is None else weights
    chances = np.minimum(1.0, doubts * _factor(doubts, mass, most_wrong))
    total = np.zeros(len(labels))
    for answers, share in _answers(labels, probas, chances):
        total += share * metric.row_values(answers, probas)
    return float(total @ mass / mass.sum())


def _factor(doubts: np.ndarray, mass: np.ndarray, most_wrong: float) -> float:
    """Find by what factor the doubts have the given mean, where none can be above 1."""
    shares = np.repeat(mass / mass.sum() / doubts.shape[1], doubts.shape[1])
    order = np.argsort(-doubts, axis=None, kind="stable")
    shares, sizes = shares[order], doubts.ravel()[order]
    certain = np.cumsum(shares)
    left = np.append(np.cumsum((shares * sizes)[::-1])[::-1], 0.0)
    # With the factor that makes this one, and all before it, certain.
    reached = certain + left[1:] / sizes >= most_wrong
    if not reached.any():
        return float(1 / sizes[-1])
    first = int(reached.argmax())
    return float((most_wrong - (certain[first - 1] if first else 0.0)) / left[first])


def _answers(labels: np.ndarray, probas: np.ndarray, chances: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Go through the labels that rows could have, each with its probability."""
    if labels.ndim < probas.ndim:
        order = np.argsort(-probas, axis=1, kind="stable")[:, : MOST_ANSWERS + 1]
        others = np.maximum(np.take_along_axis(probas, order[:, 1:], axis=1), LEAST_DOUBT)
        others *= chances / others.sum(axis=1, keepdims=True)
        yield order[:, 0].astype(labels.dtype), 1 - chances[:, 0]
        for place in range(others.shape[1]):
            yield order[:, place + 1].astype(labels.dtype), others[:, place]
        return
    # The same draw decides for all labels of a row: the mean over labels is not changed by what they have in common.
    steps = -np.diff(chances, axis=1, prepend=1.0, append=0.0)
    ranks = np.argsort(np.argsort(-np.minimum(probas, 1 - probas), axis=1, kind="stable"), axis=1)
    answers, n_labels = probas >= 0.5, probas.shape[1]
    parts = np.array_split(np.arange(n_labels), chances.shape[1])
    yield answers.astype(labels.dtype), steps[:, 0]
    for place, part in enumerate(parts):
        yield (answers ^ (ranks <= part[-1])).astype(labels.dtype), steps[:, place + 1]
