"""Nearest rows by scikit-learn, in a reproducible order: by exact distance, then by position."""

from __future__ import annotations

import numpy as np

from ..kernels.blocks import row_slices

__all__ = ["Neighbours"]

SPARE = 4
"""Number of candidates that are requested in addition to the neighbours."""

FEW = 2**14
"""Up to this number of pairs all points are candidates, because a search with threads would be slower."""


class Neighbours:
    """Points among which the nearest are searched.

    scikit-learn's brute force finds candidates quickly with matrix products, but their last bits depend on the batch of
    queries. So the distances of the candidates are computed again, one column after the other. If other points may be
    as near as a candidate within rounding, more candidates are requested. The result is the same as that of an
    exhaustive search by ``(distance, position)``, for one row and for a batch.

    Parameters
    ----------
    points : ndarray of float64 of shape (n_points, n_columns)
        The coordinates must be finite.
    """

    def __init__(self, points: np.ndarray) -> None:
        from sklearn.neighbors import NearestNeighbors

        self._search = NearestNeighbors(algorithm="brute").fit(points)
        self._columns = np.ascontiguousarray(points.T)
        self._largest = float(np.square(points).sum(axis=1).max())

    def nearest(self, queries: np.ndarray, n_neighbors: int) -> np.ndarray:
        """Find the nearest points by Euclidean distance; if points have the same distance, the first is nearer.

        Parameters
        ----------
        queries : ndarray of float64 of shape (n_queries, n_columns)
            The coordinates must be finite.
        n_neighbors : int
            Number of neighbours, at most the number of points.

        Returns
        -------
        ndarray of int of shape (n_queries, n_neighbors)
            Positions of points, the nearest first.
        """
        return self._nearest(queries, n_neighbors, n_neighbors + SPARE)

    def _nearest(self, queries: np.ndarray, n_neighbors: int, n_candidates: int) -> np.ndarray:
        n_columns, n_points = self._columns.shape
        n_candidates = n_points if len(queries) * n_points <= FEW else min(n_candidates, n_points)
        found = np.empty((len(queries), n_neighbors), dtype=np.intp)
        for block in row_slices(len(queries), max(n_columns, n_candidates)):
            batch = queries[block]
            if n_candidates == n_points:
                reach, candidates = None, np.tile(np.arange(n_points), (len(batch), 1))
            else:
                reach, candidates = self._search.kneighbors(batch, n_candidates)
                candidates.sort(axis=1)
            distances = self._squared_distances(batch, candidates)
            order = np.argsort(distances, axis=1, kind="stable")[:, :n_neighbors]
            found[block] = np.take_along_axis(candidates, order, axis=1)
            if reach is None:
                continue
            last = np.take_along_axis(distances, order[:, -1:], axis=1)[:, 0]
            rounding = 4 * (n_columns + 8) * np.finfo(np.float64).eps
            margin = rounding * (np.square(batch).sum(axis=1) + self._largest)
            unsure = np.flatnonzero(np.square(reach[:, -1]) - last <= margin)
            if len(unsure):
                # If members have few different outputs, there are many ties, but then few of the rows are different.
                different, which = np.unique(batch[unsure], axis=0, return_inverse=True)
                found[block.start + unsure] = self._nearest(different, n_neighbors, 4 * n_candidates)[which.ravel()]
        return found

    def _squared_distances(self, queries: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        total = np.zeros(candidates.shape)
        for point, query in zip(self._columns, np.ascontiguousarray(queries.T), strict=True):
            step = point[candidates]
            step -= query[:, np.newaxis]
            step *= step
            total += step
        return total
