"""Nearest neighbours by the angle between features."""

from __future__ import annotations

from typing import Any

from ensemblekit import hookimpl

from ..options import check_count
from .vector_head import VectorHead

__all__ = ["NeighboursHead"]

ensemblekit_stored_modules = ("ensemblekit_plugins.heads.few_rows",)
"""This module is imported late; the fitted head consists of its classes."""


class NeighboursHead(VectorHead):
    r"""Nearest neighbours by the angle between standardised features, weighted by inverse distance.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of neighbours, at least 1; if there are fewer rows, all are used.

    Notes
    -----
    .. math::

        p_c = \frac{\sum_{j \in N} [y_j = c] / d_j}{\sum_{j \in N} 1 / d_j}

    ``N`` are the nearest rows, and ``d`` their distances: those between standardised features, where each row is scaled
    to length 1. If some neighbours have the distance 0, only these count.

    References
    ----------
    .. [1] T. Cover, P. Hart, "Nearest neighbor pattern classification", IEEE Transactions on Information
       Theory 13, 1967.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.heads.neighbours_head import NeighboursHead
    >>> features = np.random.default_rng(0).normal(size=(60, 8))
    >>> classes = features[:, :3].argmax(axis=1)
    >>> NeighboursHead().build((8,), 3).fit(features, classes).predict_proba(features).shape
    (60, 3)
    """

    name = "neighbours_head"

    def __init__(self, *, n_neighbors: int = 5) -> None:
        check_count("n_neighbors", n_neighbors)
        self.n_neighbors = n_neighbors

    def _steps(self) -> tuple[Any, ...]:
        from sklearn.preprocessing import Normalizer, StandardScaler

        from .few_rows import UpToNeighbours

        return (StandardScaler(), Normalizer(), UpToNeighbours(self.n_neighbors, weights="distance"))


@hookimpl
def ensemblekit_register_heads(register: Any) -> None:
    """Register ``neighbours_head``."""
    register("neighbours_head", NeighboursHead)
