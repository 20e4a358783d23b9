"""KNORA-Eliminate: the members that are right on all the nearest rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ensemblekit import PredictionSet, hookimpl
from ensemblekit.errors import InvalidOptionError

from .dynamic_selection import DynamicSelection

__all__ = ["KnoraE"]


class KnoraE(DynamicSelection):
    """Dynamic selection of the members that are right on all the nearest rows (KNORA-Eliminate).

    Parameters
    ----------
    n_neighbors : int, default=7
        How many of the rows it was fitted on are used at first; all of them where there are fewer.
    voting : {"soft", "hard"}, default="soft"
        What the selected members answer: the mean of their probabilities, or the share of their votes, as in [1]_.

    Attributes
    ----------
    points_, right_, row_weight_, n_features_
        The rows that it was fitted on; see `DynamicSelection`.

    Notes
    -----
    Let ``j_1, j_2, ...`` be the rows nearest to row ``i``, and ``r_m`` how many of the first ``k`` of them member ``m``
    gets right before its first error. ``S = {m : r_m = max r}`` are the members that are right on all ``max r`` nearest
    rows, so ``k`` shrinks until some member qualifies [1]_. Where none is right on the nearest row, all are taken.
    ``p[i, c] = sum_{m in S} p_m[i, c] / |S|``; with ``voting="hard"`` votes stand in place of ``p_m``.

    Neighbours are found by Euclidean distance between the members' probabilities, or between features where
    `fit_combiner` and `combine` are given ``features``: bring them to one scale. Of equally distant rows the first by
    id is the nearer. A member is right where its most probable class, the first by name of equals, is the true one.
    Sample weights are refused, as being right on all the nearest rows has no degree.

    Tie rule of ``voting="hard"``: a member shares its vote between its own tied classes; equal shares go to the class
    with the larger summed probability among the selected members, then to the first by name, and the winner gets one
    unit in the last place more.

    References
    ----------
    .. [1] A. H. R. Ko, R. Sabourin, A. S. Britto Jr., "From dynamic classifier selection to dynamic ensemble
       selection", Pattern Recognition 41(5), 2008.

    Examples
    --------
    >>> from ensemblekit import Predictions, combine, fit_combiner
    >>> fields = {"ids": [1, 2, 3, 4], "classes": ["cat", "dog"], "labels": ["cat", "cat", "dog", "dog"]}
    >>> cnn = Predictions([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.7, 0.3]], member="cnn", **fields)
    >>> svm = Predictions([[0.3, 0.7], [0.4, 0.6], [0.1, 0.9], [0.2, 0.8]], member="svm", **fields)
    >>> fitted = fit_combiner([cnn, svm], "knora_e", n_neighbors=2)
    >>> combine([cnn, svm], fitted).predicted
    array(['cat', 'cat', 'dog', 'dog'], dtype='<U3')
    """

    name = "knora_e"

    def fit(
        self,
        predictions: PredictionSet,
        *,
        sample_weight: np.ndarray | None = None,
        features: np.ndarray | None = None,
    ) -> Self:
        if sample_weight is not None:
            raise InvalidOptionError(
                "combiner 'knora_e' makes no use of sample_weight, as being right on all the nearest rows has no "
                "degree. Leave it out, or use 'knora_u'."
            )
        return super().fit(predictions, features=features)

    def _competence(self, nearest: np.ndarray, probas: np.ndarray) -> np.ndarray:
        before_error = np.logical_and.accumulate(self.right_[nearest], axis=1).sum(axis=1)
        return before_error == before_error.max(axis=1, keepdims=True)


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``knora_e``."""
    register("knora_e", KnoraE)
