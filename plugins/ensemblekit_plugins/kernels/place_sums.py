"""Sums of sample weights by place: what confusion counts and bins are made of, for many resamples at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["place_sums"]

_SMALL = 1 << 10
"""Places times samples up to which making a sparse matrix would take longer than adding zeros."""

Sums = Callable[[np.ndarray], np.ndarray]


def place_sums(places: np.ndarray, n_places: int, values: np.ndarray | None = None) -> Sums:
    """Prepare the sums of weights, or of weighted values, by place.

    Parameters
    ----------
    places : ndarray of int of shape (n_samples, ...)
        In ``[0, n_places)``, or -1 for what is left out. Further axes are positions of a sample, all of which have its
        weight.
    n_places : int
        Number of places.
    values : ndarray of shape (n_samples, ...), optional
        What is added, times the weight; by default 1.

    Returns
    -------
    callable
        Weights of shape ``(n_samples, n_resamples)`` -> sums of shape ``(n_places, n_resamples)``.
    """
    n_samples, positions = len(places), int(np.prod(places.shape[1:]))
    if positions > 1 and n_samples * n_places <= places.size and values is None and places.min() >= 0:
        # Few places and many positions: each sample is counted once.
        cells = places.reshape(n_samples, positions) + n_places * np.arange(n_samples)[:, np.newaxis]
        counts = np.bincount(cells.reshape(-1), minlength=n_samples * n_places).reshape(n_samples, n_places)
        table = counts.T.astype(np.float64)
        return lambda weights: table @ weights
    kept = np.flatnonzero(places.reshape(-1) >= 0)
    flat, samples = places.reshape(-1)[kept], kept // max(positions, 1)
    added = np.ones(len(flat)) if values is None else values.reshape(-1)[kept].astype(np.float64)
    if n_places * n_samples <= _SMALL:
        table = np.bincount(flat * n_samples + samples, added, n_places * n_samples).reshape(n_places, n_samples)
        return lambda weights: table @ weights
    # Adds each row of weights once; a product with a dense matrix would add it to every place.
    from scipy.sparse import csr_array

    order = np.argsort(flat, kind="stable")
    ends = np.cumsum(np.bincount(flat, minlength=n_places))
    matrix = csr_array((added[order], samples[order], np.append(0, ends)), shape=(n_places, n_samples))
    return lambda weights: matrix @ weights
