"""Tests of whether a mean loss in [0, 1] is above a promised risk, without assumptions on its distribution."""

from __future__ import annotations

import numpy as np

__all__ = ["first_failure", "group_means", "risk_p_values"]


def group_means(losses: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Compute the mean loss of each group that has rows, so that groups are as independent as rows must be.

    Parameters
    ----------
    losses : ndarray of shape (n_rows,)
        Loss of each row.
    places : ndarray of int of shape (n_rows,)
        Number of the group of each row.

    Returns
    -------
    ndarray of shape (n_groups,)
    """
    sizes = np.bincount(places)
    return (np.bincount(places, losses) / np.maximum(sizes, 1))[sizes > 0]


def risk_p_values(
    losses: np.ndarray, risk: float, *, n_rows: np.ndarray | None = None, exact: bool | None = None
) -> np.ndarray:
    """Compute the p value of the hypothesis that a mean loss is above a risk.

    Parameters
    ----------
    losses : ndarray of shape (n_tests, n_rows), or (n_tests,) with ``n_rows``
        Losses in [0, 1]; or their sums.
    risk : float
        In (0, 1).
    n_rows : ndarray of int of shape (n_tests,), optional
        Rows of each sum of losses that are 0 or 1.
    exact : bool, optional
        Whether losses can only be 0 or 1; by default whether all are. Say it where tests are compared, as the bounds
        of other losses are wider.

    Returns
    -------
    ndarray of shape (n_tests,)
        For losses of 0 and 1 the binomial probability; otherwise the smaller of Hoeffding's and Bentkus's bounds.
    """
    from scipy.stats import binom

    if n_rows is not None:
        return np.asarray(binom.cdf(losses, n_rows, risk))
    n = losses.shape[1]
    if exact is None:
        exact = bool(((losses == 0) | (losses == 1)).all())
    if exact:
        return np.asarray(binom.cdf(losses.sum(axis=1), n, risk))
    means = losses.mean(axis=1)
    low = np.minimum(means, risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(low > 0, low * np.log(low / risk), 0) + (1 - low) * np.log((1 - low) / (1 - risk))
    bentkus = np.e * binom.cdf(np.ceil(n * means), n, risk)
    return np.minimum(1, np.minimum(np.exp(-n * distance), bentkus))


def first_failure(p_values: np.ndarray, level: float) -> int:
    """Count the tests before the first, in order, whose p value is above the level."""
    failed = p_values > level
    return int(np.argmax(failed)) if failed.any() else len(p_values)
