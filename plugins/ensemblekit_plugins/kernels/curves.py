"""Areas under ROC and precision-recall curves as functions of sample weights, for many resamples at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .place_sums import place_sums

__all__ = ["average_precision", "roc_area"]

_ROWS = 16
"""Rows that are added up side by side."""

Areas = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Weights ``(n_samples, n_resamples)`` -> area of each resample, NaN where not defined; weight of the true rows."""


def roc_area(scores: np.ndarray, true: np.ndarray) -> Areas:
    """Prepare the share of pairs of a true and another row in which the true one has the larger score.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Larger for rows that are more likely true.
    true : ndarray of bool of shape (n_samples,)
        Which rows are true.

    Returns
    -------
    callable
        Weights ``(n_samples, n_resamples)`` -> area and weight of the true rows, each ``(n_resamples,)``.

    Notes
    -----
    Tie rule: a pair with equal scores counts half. Neighbours in the order of the scores that are all true, or all not,
    form one run: only the order of the runs matters.
    """
    order, levels = _levels(scores)
    n_true, n_other = np.bincount(levels, weights=true[order]), np.bincount(levels, weights=~true[order])
    mixed = (n_true > 0) & (n_other > 0)
    # A run begins where the kind of the level changes; a level with both kinds is a run of its own.
    kind = np.where(mixed, 2, n_true > 0)
    begins = np.ones(len(kind), dtype=np.int64)
    begins[1:] = (kind[1:] != kind[:-1]) | mixed[1:]
    runs = np.empty(len(scores), dtype=np.int64)
    runs[order] = (np.cumsum(begins) - 1)[levels]
    n_runs = int(begins.sum())
    tied = mixed[begins > 0]
    of_true, of_other = (place_sums(np.where(side, runs, -1), n_runs) for side in (true, ~true))

    def areas(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        right, wrong = of_true(weights), of_other(weights)
        below = _running_sums(wrong)
        total = np.ones(len(right)) @ right
        pairs = total * below[-1]
        below[tied] -= wrong[tied] / 2
        return _share(np.einsum("ij,ij->j", right, below), pairs), total

    return areas


def average_precision(scores: np.ndarray, true: np.ndarray) -> Areas:
    """Prepare the mean precision at the scores of the true rows.

    Parameters
    ----------
    scores, true
        As in `roc_area`.

    Returns
    -------
    callable
        Weights ``(n_samples, n_resamples)`` -> mean precision and weight of the true rows, each ``(n_resamples,)``.

    Notes
    -----
    Tie rule: rows with equal scores are added together.
    """
    order, levels = _levels(-scores)
    # Only levels with true rows count; the rows of the levels between are added to the next of them.
    has_true = np.bincount(levels, weights=true[order]) > 0
    steps = np.empty(len(scores), dtype=np.int64)
    steps[order] = (np.cumsum(has_true) - has_true)[levels]
    n_steps = int(has_true.sum())
    of_true = place_sums(np.where(true, steps, -1), n_steps)
    of_all = place_sums(np.where(steps < n_steps, steps, -1), n_steps)

    def areas(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        right = of_true(weights)
        true_so_far, all_so_far = _running_sums(right), _running_sums(of_all(weights))
        total = np.ones(len(right)) @ right
        np.maximum(all_so_far, np.finfo(np.float64).tiny, out=all_so_far)
        np.divide(true_so_far, all_so_far, out=true_so_far)
        return _share(np.einsum("ij,ij->j", right, true_so_far), total), total

    return areas


def _running_sums(values: np.ndarray) -> np.ndarray:
    """Add up the rows, as ``cumsum(axis=0)``, which goes through one column after the other."""
    sums, whole = values.copy(), len(values) // _ROWS * _ROWS
    blocks = sums[:whole].reshape(-1, _ROWS, values.shape[1])
    for k in range(1, _ROWS):
        blocks[:, k] += blocks[:, k - 1]
    blocks[1:] += np.cumsum(blocks[:-1, -1], axis=0)[:, np.newaxis]
    for k in range(max(whole, 1), len(sums)):
        sums[k] += sums[k - 1]
    return sums


def _levels(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    steps = np.zeros(len(scores), dtype=np.int64)
    steps[1:] = ordered[1:] != ordered[:-1]
    return order, np.cumsum(steps)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
