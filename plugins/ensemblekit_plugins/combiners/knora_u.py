"""KNORA-Union: each member votes as often as it is right on the nearest rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import hookimpl

from .dynamic_selection import DynamicSelection

__all__ = ["KnoraU"]


class KnoraU(DynamicSelection):
    """Dynamic weighting: each member votes once for every nearest row that it gets right (KNORA-Union).

    Parameters
    ----------
    n_neighbors : int, default=7
        How many of the rows it was fitted on are used; all of them where there are fewer.
    voting : {"soft", "hard"}, default="soft"
        The weighted mean of the members' probabilities, or the share of their weighted votes, as in [1]_.

    Attributes
    ----------
    points_, right_, row_weight_, n_features_
        The rows that it was fitted on; see `DynamicSelection`.

    Notes
    -----
    With ``j_1 ... j_k`` the rows nearest to row ``i``, ``w_m = sum_l s[j_l] right_m[j_l]`` where ``s`` is the sample
    weight, 1 by default, and ``p[i, c] = sum_m w_m p_m[i, c] / sum_m w_m`` [1]_; with ``voting="hard"`` votes stand in
    place of ``p_m``. Where no member is right on any of them, all weigh the same.

    Neighbours are found by Euclidean distance between the members' probabilities, or between features where
    `fit_combiner` and `combine` are given ``features``: bring them to one scale. Of equally distant rows the first by
    id is the nearer. A member is right where its most probable class, the first by name of equals, is the true one.
    Rows of weight 0 are left out. Neighbours are counted by row and not by weight, so that the scale of the weights
    does not change the result: a row of weight 2 votes twice but is one neighbour, where two equal rows are two.

    Tie rule of ``voting="hard"``: a member shares its vote between its own tied classes; equal shares go to the class
    with the larger summed probability, weighted as the votes, then to the first by name, and the winner gets one unit
    in the last place more.

    References
    ----------
    .. [1] A. H. R. Ko, R. Sabourin, A. S. Britto Jr., "From dynamic classifier selection to dynamic ensemble
       selection", Pattern Recognition 41(5), 2008.

    Examples
    --------
    >>> from ensemblekit import Predictions, combine, fit_combiner
    >>> fields = {"ids": [1, 2, 3, 4], "classes": ["cat", "dog"], "labels": ["cat", "cat", "dog", "dog"]}
    >>> cnn = Predictions([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]], member="cnn", **fields)
    >>> svm = Predictions([[0.3, 0.7], [0.4, 0.6], [0.1, 0.9], [0.2, 0.8]], member="svm", **fields)
    >>> fitted = fit_combiner([cnn, svm], "knora_u", n_neighbors=3)
    >>> combine([cnn, svm], fitted).probas.round(2)
    array([[0.7 , 0.3 ],
           [0.67, 0.33],
           [0.35, 0.65],
           [0.25, 0.75]])
    """

    name = "knora_u"

    def _competence(self, nearest: np.ndarray, probas: np.ndarray) -> np.ndarray:
        votes = np.zeros((len(nearest), self.right_.shape[1]))
        for row in nearest.T:
            votes += self.right_[row] * self.row_weight_[row, np.newaxis]
        return votes


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``knora_u``."""
    register("knora_u", KnoraU)
