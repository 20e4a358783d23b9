"""Classifiers of scikit-learn that make do with few rows; imported where one is built."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.neighbors import KNeighborsClassifier

from ensemblekit import DataError

__all__ = ["CalibratedByFolds", "UpToNeighbours"]


class UpToNeighbours(KNeighborsClassifier):
    """Nearest neighbours: as many as there are, where there are fewer than asked for."""

    def kneighbors(self, X: Any = None, n_neighbors: int | None = None, return_distance: bool = True) -> Any:  # noqa: N803 - scikit-learn's name
        """Find the neighbours, at most as many as there are rows."""
        wanted = self.n_neighbors if n_neighbors is None else n_neighbors
        return super().kneighbors(X, min(wanted, self.n_samples_fit_), return_distance)


class CalibratedByFolds(CalibratedClassifierCV):
    """Probabilities from held-out scores: in as many folds as the smallest class has rows, where they are fewer."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> Self:  # noqa: N803 - scikit-learn's name
        """Fit the classifier and the calibration of its scores."""
        names, counts = np.unique(y, return_counts=True)
        if counts.min() < 2:
            raise DataError(
                f"scores are calibrated on held-out rows, so that each class needs 2 at least; class "
                f"{names[counts.argmin()]!r} has {counts.min()}."
            )
        wanted, self.cv = self.cv, min(self.cv, int(counts.min()))
        try:
            return super().fit(X, y, sample_weight=sample_weight, **fit_params)
        finally:
            self.cv = wanted
