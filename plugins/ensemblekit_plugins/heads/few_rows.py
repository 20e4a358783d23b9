"""scikit-learn classifiers that also accept few rows; this module is imported only when one of them is built."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.ensemble import StackingClassifier
from sklearn.neighbors import KNeighborsClassifier

from ensemblekit.errors import DataError

__all__ = ["StackedByFolds", "UpToNeighbours"]


class UpToNeighbours(KNeighborsClassifier):
    """Nearest neighbours; if there are fewer rows than ``n_neighbors``, all rows are used."""

    def kneighbors(self, X: Any = None, n_neighbors: int | None = None, return_distance: bool = True) -> Any:  # noqa: N803 - scikit-learn's name
        """Find the neighbours; there are at most as many as there are rows."""
        wanted: int = n_neighbors or self.n_neighbors  # pyright: ignore[reportAssignmentType] - never None here
        return super().kneighbors(X, min(wanted, self.n_samples_fit_), return_distance)


class StackedByFolds(StackingClassifier):
    """Stacking on held-out scores; there are at most as many folds as the smallest class has rows."""

    def fit(self, X: Any, y: Any, **fit_params: Any) -> Self:  # noqa: N803 - scikit-learn's name
        """Fit the inner classifier on all rows, and the final classifier on the held-out scores of the inner one."""
        names, counts = np.unique(y, return_counts=True)
        if counts.min() < 2:
            raise DataError(
                "scores are calibrated on held-out rows, so that each class needs 2 at least; class "
                f"{names[counts.argmin()]!r} has {counts.min()}."
            )
        wanted: int = self.cv  # pyright: ignore[reportAssignmentType] - always a number here
        self.cv = min(wanted, int(counts.min()))
        try:
            return super().fit(X, y, **fit_params)
        finally:
            self.cv = wanted
