"""The interval of the calibration error, a sum of absolute values, which noise makes larger."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...interfaces import Metric

__all__ = ["is_biased", "noise_of_pure_bins"]


def is_biased(metric: Metric) -> bool:
    """Say whether noise makes a metric larger, so that its percentile interval would lie above the value itself.

    A function that is called ``calibration_error`` does not tell its bins, and is treated as any function.
    """
    return hasattr(metric, "answers_by_bin")


def noise_of_pure_bins(
    metric: Any, labels: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None, places: np.ndarray,
    n_resamples: int, seed: int,
) -> np.ndarray:  # fmt: skip
    """Draw the noise of the bins whose rows are all right, or all wrong: resamples of them have none.

    Parameters
    ----------
    metric : Metric
        The calibration error.
    labels, predicted : ndarray
        As it takes them.
    weights : ndarray of shape (n_samples,), optional
        Weight of each row.
    places : ndarray of int of shape (n_samples,)
        The unit of each row.
    n_resamples, seed : int
        Number of draws, and their seed.

    Returns
    -------
    ndarray of shape (n_resamples,)
        The sum over these bins of the share of rows in the bin, times a share of contradicting rows that was drawn.
    """
    mass = np.ones(len(places)) if weights is None else weights
    rng, noise = np.random.default_rng([seed, 3]), np.zeros(n_resamples)
    binned, n_units = metric.answers_by_bin(labels, predicted), int(places.max()) + 1
    for bins, right in binned:
        total = np.bincount(bins, mass)
        n_right, n_rows = np.bincount(bins, right), np.bincount(bins)
        pure = np.flatnonzero((n_rows > 0) & ((n_right == 0) | (n_right == n_rows)))
        if not len(pure):
            continue
        cells, of = np.unique(bins * n_units + places, return_inverse=True)
        squares = np.bincount(cells // n_units, np.bincount(of, mass) ** 2, minlength=len(total))
        # One row that contradicts n others has a share of Beta(1, n); groups and weights leave fewer than there are.
        n_effective = total[pure] ** 2 / squares[pure]
        drawn = rng.beta(1.0, n_effective[:, np.newaxis], size=(len(pure), n_resamples))
        noise += total[pure] @ drawn / mass.sum() / len(binned)
    return noise
