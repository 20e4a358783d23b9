"""Counts of right and wrong decisions by class or label, as functions of sample weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .place_sums import place_sums

__all__ = ["Counts", "class_counts", "label_counts", "ratio"]

_MOST_CELLS = 1 << 22


class Counts(NamedTuple):
    """Weights of resamples, each of shape ``(n_classes, n_resamples)``; the whole weight is ``(n_resamples,)``.

    ``hits`` of a class are decisions for it that are right; ``true`` and ``decided`` are all of its rows and decisions.
    """

    hits: np.ndarray
    true: np.ndarray
    decided: np.ndarray
    total: np.ndarray


def class_counts(truth: np.ndarray, decided: np.ndarray, n_classes: int) -> Callable[[np.ndarray], Counts]:
    """Prepare the counts of classes that exclude each other.

    Parameters
    ----------
    truth, decided : ndarray of int of shape (n_samples, ...)
        True classes and decisions.
    n_classes : int
        Number of classes.

    Returns
    -------
    callable
        Weights ``(n_samples, n_resamples)`` -> `Counts`.
    """
    cells = truth.astype(np.int64) * n_classes + decided
    if n_classes**2 <= _MOST_CELLS:
        known = np.flatnonzero(np.bincount(cells.reshape(-1), minlength=n_classes**2))
        numbers = np.zeros(n_classes**2, dtype=np.int64)
        numbers[known] = np.arange(len(known))
        places = numbers[cells]
    else:
        known, places = np.unique(cells, return_inverse=True)
    of_cells = place_sums(places.reshape(cells.shape), len(known))
    rows, columns = known // n_classes, known % n_classes
    of_true, of_decided = place_sums(rows, n_classes), place_sums(columns, n_classes)
    of_hits = place_sums(np.where(rows == columns, rows, -1), n_classes)

    def counts(weights: np.ndarray) -> Counts:
        sums = of_cells(weights)
        return Counts(of_hits(sums), of_true(sums), of_decided(sums), sums.sum(axis=0))

    return counts


def label_counts(truth: np.ndarray, decided: np.ndarray) -> Callable[[np.ndarray], Counts]:
    """Prepare the counts of independent labels.

    Parameters
    ----------
    truth, decided : ndarray of bool of shape (n_samples, ..., n_labels)
        Which labels are true, and which are decided for.

    Returns
    -------
    callable
        Weights ``(n_samples, n_resamples)`` -> `Counts`.
    """
    n_samples, n_labels = len(truth), truth.shape[-1]
    tables = np.concatenate(
        [
            side.reshape(n_samples, -1, n_labels).sum(axis=1, dtype=np.float64)
            for side in (truth & decided, truth, decided)
        ],
        axis=1,
    )
    positions = truth[0].size // n_labels if n_samples else 1

    def counts(weights: np.ndarray) -> Counts:
        hits, true, decisions = np.split(tables.T @ weights, 3)
        return Counts(hits, true, decisions, positions * weights.sum(axis=0))

    return counts


def ratio(part: np.ndarray, whole: np.ndarray, otherwise: float = 0.0) -> np.ndarray:
    """Divide; where the whole is 0, the value is ``otherwise``."""
    shape = np.broadcast_shapes(np.shape(part), np.shape(whole))
    return np.divide(part, whole, out=np.full(shape, otherwise), where=whole > 0)
