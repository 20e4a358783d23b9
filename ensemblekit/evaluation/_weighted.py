"""Each metric as a function of sample weights: one formula for the value and for all resamples at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import InvalidOptionError, InvalidPredictionsError
from ..predictions import Predictions

__all__ = [
    "LOG_LOSS_CLIP", "N_BINS", "Statistic", "bin_places", "labelled_codes", "scored_codes", "value_of",
    "weighted_accuracy", "weighted_balanced_accuracy", "weighted_brier_score", "weighted_calibration_error",
    "weighted_log_loss", "weighted_macro_auroc",
]  # fmt: skip

LOG_LOSS_CLIP = 1e-7
"""Log loss clips probabilities to ``[LOG_LOSS_CLIP, 1 - LOG_LOSS_CLIP]``, as Keras does."""
N_BINS = 15

Statistic = Callable[[np.ndarray], np.ndarray]
"""Weights of shape ``(n_samples, n_resamples)`` -> the metric of each resample."""


def labelled_codes(predictions: Predictions, needs: str) -> np.ndarray:
    """Check that no row is absent and each has a label; return the labels as positions of classes."""
    if predictions.task != "multiclass" or predictions.label_codes is None or not len(predictions):
        raise InvalidPredictionsError(
            f"{needs} labelled multiclass predictions of at least one row; received {predictions!r}, "
            f"{'without' if predictions.label_codes is None else 'with'} labels."
        )
    if predictions.present is not None:
        raise InvalidPredictionsError(
            f"{needs} every row; {int((~predictions.present).sum())} rows are NaN. Take the others: "
            "p.take(p.ids[p.present])."
        )
    return predictions.label_codes


def scored_codes(predictions: Predictions, metric: str) -> np.ndarray:
    """Check that each row has one label and one distribution; return the labels as positions of classes."""
    codes = labelled_codes(predictions, f"{metric} needs")
    if predictions.probas.ndim != 2:
        raise InvalidPredictionsError(
            f"{metric} needs one label per row, shape (n_samples, n_classes); received dense predictions of shape "
            f"{predictions.probas.shape}. Score each position as a row of its own."
        )
    return codes


def bin_places(confidence: np.ndarray, n_bins: int, strategy: str) -> tuple[np.ndarray, np.ndarray]:
    """Find the bin of each confidence, and the edges of the bins."""
    if isinstance(n_bins, bool) or not isinstance(n_bins, (int, np.integer)) or n_bins < 1:
        raise InvalidOptionError(f"n_bins must be a whole number >= 1; received {n_bins!r}.")
    if strategy == "width":
        edges = np.linspace(0, 1, n_bins + 1)
    elif strategy == "mass":
        edges = np.unique(np.quantile(confidence, np.linspace(0, 1, n_bins + 1)))
        edges[0], edges[-1] = 0, 1
        edges = np.array([0.0, 1.0]) if len(edges) == 1 else edges
    else:
        raise InvalidOptionError(f"strategy must be 'width' or 'mass'; received {strategy!r}.")
    return np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, len(edges) - 2), edges


def _mean_of(losses: np.ndarray) -> Statistic:
    return lambda weights: losses @ weights / weights.sum(axis=0)


def weighted_accuracy(probas: np.ndarray, codes: np.ndarray) -> Statistic:
    return _mean_of((probas.argmax(axis=1) == codes).astype(np.float64))


def weighted_log_loss(probas: np.ndarray, codes: np.ndarray) -> Statistic:
    return _mean_of(-np.log(np.clip(probas[np.arange(len(codes)), codes], LOG_LOSS_CLIP, 1 - LOG_LOSS_CLIP)))


def weighted_brier_score(probas: np.ndarray, codes: np.ndarray) -> Statistic:
    return _mean_of(((probas - np.eye(probas.shape[1])[codes]) ** 2).sum(axis=1))


def weighted_balanced_accuracy(probas: np.ndarray, codes: np.ndarray) -> Statistic:
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.unique(codes))
    right = (probas.argmax(axis=1) == codes).astype(np.float64)[order, np.newaxis]

    def of_weights(weights: np.ndarray) -> np.ndarray:
        ordered = weights[order]
        totals = np.add.reduceat(ordered, starts)
        present = totals > 0
        recalls = np.divide(np.add.reduceat(ordered * right, starts), totals, out=np.zeros_like(totals), where=present)
        return recalls.sum(axis=0) / present.sum(axis=0)

    return of_weights


def weighted_calibration_error(
    probas: np.ndarray, codes: np.ndarray, n_bins: int = N_BINS, strategy: str = "width"
) -> Statistic:
    confidence = probas.max(axis=1)
    places, _ = bin_places(confidence, n_bins, strategy)
    order = np.argsort(places, kind="stable")
    starts = np.searchsorted(places[order], np.unique(places))
    gaps = ((probas.argmax(axis=1) == codes) - confidence)[order, np.newaxis]
    return lambda weights: np.abs(np.add.reduceat(weights[order] * gaps, starts)).sum(axis=0) / weights.sum(axis=0)


def weighted_macro_auroc(probas: np.ndarray, codes: np.ndarray) -> Statistic:
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    for place in np.unique(codes):
        order = np.argsort(probas[:, place], kind="stable")
        scores = probas[order, place]
        positive = (codes[order] == place).astype(np.float64)[:, np.newaxis]
        # Rows with equal scores form one level, within which a pair counts half.
        starts = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
        parts.append((order, positive, 1 - positive, starts))

    def of_weights(weights: np.ndarray) -> np.ndarray:
        total, n_defined = np.zeros(weights.shape[1]), np.zeros(weights.shape[1])
        for order, positive, negative, starts in parts:
            ordered = weights[order]
            right, wrong = ordered * positive, ordered * negative
            if len(starts) < len(order):
                right, wrong = np.add.reduceat(right, starts), np.add.reduceat(wrong, starts)
            pairs = right.sum(axis=0) * wrong.sum(axis=0)
            below = np.cumsum(wrong, axis=0)
            below -= wrong / 2
            won = np.einsum("ij,ij->j", right, below)
            defined = pairs > 0
            total += np.divide(won, pairs, out=np.zeros_like(won), where=defined)
            n_defined += defined
        return np.divide(total, n_defined, out=np.full_like(total, np.nan), where=n_defined > 0)

    return of_weights


def value_of(statistic: Statistic, n_samples: int) -> float:
    """Compute the metric of all samples, each with weight 1."""
    return float(statistic(np.ones((n_samples, 1)))[0])
