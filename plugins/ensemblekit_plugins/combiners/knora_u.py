"""KNORA-Union: each member has one vote for each of the nearest rows that it gets right."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import hookimpl

from .dynamic_selection import Competence, DynamicSelection

__all__ = ["KnoraU"]


class KnoraU(DynamicSelection):
    r"""Dynamic weighting: each member has one vote for each of the nearest rows that it gets right (KNORA-Union).

    Parameters
    ----------
    n_neighbors : int, default=7
        Number of nearest rows of the fit that are used; if there are fewer rows, all are used.
    voting : {"soft", "hard"}, default="soft"
        ``soft``: the weighted mean of the members' probabilities. ``hard``: the share of their weighted votes, as in
        [1]_.

    Attributes
    ----------
    points_, right_, row_weight_, n_features_
        The rows of the fit; see `DynamicSelection`.

    Notes
    -----
    .. math::

        p_{ic} = \frac{\sum_m w_{mi}\, p_{mic}}{\sum_m w_{mi}}, \qquad
        w_{mi} = \sum_{j \in N_i} s_j\, [m \text{ is right on } j]

    ``N`` are the rows of the fit nearest to row ``i``, and ``s`` the sample weights, 1 by default [1]_; with
    ``voting="hard"`` votes are used instead of the probabilities. If no member is right on any of these rows, all
    members have equal weights.

    Neighbours are found by Euclidean distance between the members' probabilities. If `fit_combiner` and `combine` are
    given ``features``, the distance between these is used; scale the features first. If rows have the same distance,
    the first by id is nearer. A member is right if its most probable class (in a tie, the first by name) is the true
    class. Rows with weight 0 are left out. The number of neighbours does not depend on the weights, so that the scale
    of the weights does not change the result: a row with weight 2 gives two votes but is one neighbour, whereas two
    equal rows are two neighbours.

    Tie rule of ``voting="hard"``: if a member has tied classes, its vote is divided among them. If classes have equal
    shares, the class with the larger sum of probabilities, weighted like the votes, wins, then the first by name. The
    winner gets one unit in the last place more than its share.

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

    def _competence(self) -> Competence:
        counted = self.right_ * self.row_weight_[:, np.newaxis]

        def count(nearest: np.ndarray, probas: np.ndarray) -> np.ndarray:
            votes = counted[nearest[:, 0]]
            for row in nearest.T[1:]:
                votes += counted[row]
            return votes

        return count


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``knora_u``."""
    register("knora_u", KnoraU)
