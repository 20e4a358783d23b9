"""KNORA-Eliminate: the members that are right on all the nearest rows."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Self

import numpy as np

from ensemblekit import PredictionSet, hookimpl
from ensemblekit.errors import InvalidOptionError
from ensemblekit.predictions import Task

from .dynamic_selection import Competence, DynamicSelection

__all__ = ["KnoraE"]


class KnoraE(DynamicSelection):
    r"""Dynamic selection of the members that are right on all the nearest rows (KNORA-Eliminate).

    Parameters
    ----------
    n_neighbors : int, default=7
        Number of nearest rows of the fit that are used at first; if there are fewer rows, all are used.
    voting : {"soft", "hard"}, default="soft"
        ``soft``: the mean of the probabilities of the selected members. ``hard``: the share of their votes, as in [1]_.

    Attributes
    ----------
    points_, right_, row_weight_, n_features_
        The rows of the fit; see `DynamicSelection`.

    Notes
    -----
    .. math::

        p_{ic} = \frac{1}{|S_i|} \sum_{m \in S_i} p_{mic}, \qquad S_i = \left\{ m : r_{mi} = \max_l r_{li} \right\}

    ``r`` is the number of rows of the fit nearest to row ``i``, from the nearest on, that member ``m`` gets right
    before its first error; at most ``n_neighbors``. The members that are right on the most nearest rows are selected.
    In other words, the number of neighbours is reduced until at least one member is right on all remaining rows [1]_.
    If no member is right on the nearest row, all members are selected. With ``voting="hard"`` votes are used instead of
    the probabilities.

    Neighbours are found by Euclidean distance between the members' probabilities. If `fit_combiner` and `combine` are
    given ``features``, the distance between these is used; scale the features first. If rows have the same distance,
    the first by id is nearer. A member is right if its most probable class (in a tie, the first by name) is the true
    class. Sample weights are refused, because a member is either right on all the nearest rows or not.

    Tie rule of ``voting="hard"``: if a member has tied classes, its vote is divided among them. If classes have equal
    shares, the class with the larger sum of probabilities of the selected members wins, then the first by name. The
    winner gets one unit in the last place more than its share.

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

    def check_fit(
        self,
        members: tuple[str, ...],
        classes: tuple[Hashable, ...],
        *,
        task: Task,
        given: frozenset[str] = frozenset(),
    ) -> None:
        if "sample_weight" in given:
            raise InvalidOptionError(
                "combiner 'knora_e' makes no use of sample_weight, as being right on all the nearest rows has no "
                "degree. Leave it out, or use 'knora_u'."
            )

    def fit(
        self,
        predictions: PredictionSet,
        *,
        sample_weight: np.ndarray | None = None,
        features: np.ndarray | None = None,
    ) -> Self:
        if sample_weight is not None:
            self.check_fit(
                predictions.members, predictions.classes, task=predictions.kind, given=frozenset({"sample_weight"})
            )
        return super().fit(predictions, features=features)

    def _competence(self) -> Competence:
        return self._right_before_an_error

    def _right_before_an_error(self, nearest: np.ndarray, probas: np.ndarray) -> np.ndarray:
        without_error = self.right_[nearest[:, 0]]
        selected = without_error.copy()  # those without an error for longest
        for row in nearest.T[1:]:
            without_error &= self.right_[row]
            np.copyto(selected, without_error, where=without_error.any(axis=1, keepdims=True))
        return selected


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``knora_e``."""
    register("knora_e", KnoraE)
