"""The mean of the members that are left when those with the largest errors are removed."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Self

import numpy as np

from ensemblekit import PredictionSet, hookimpl
from ensemblekit.errors import InvalidOptionError
from ensemblekit.predictions import Task

from ..learning.metrics import Metric, blends, check_metric, check_metric_fits, default_metric
from ..learning.rows import rows_of
from ..options import check_number
from .learned_weights import LearnedWeights

__all__ = ["TrimmedMembers"]


class TrimmedMembers(LearnedWeights):
    r"""Mean of the best members: those with the worst scores on the rows of the fit are removed.

    Parameters
    ----------
    proportion : float, default=0.5
        Share of the members that is removed, >= 0 and < 1.
    metric : str, Metric, scorer, callable or None, default=None
        Scores the members, in any form that `ensemblekit.evaluation.find_metric` accepts; a callable is ``(y_true,
        y_pred) -> float``, of which greater is better. By default squared error.

    Attributes
    ----------
    scores_ : ndarray of shape (n_members,)
        Score of each member, greater is better, in the order of ``members_``.
    weights_ : ndarray of shape (n_members,)
        0, or 1 divided by the number of members that are left.

    Notes
    -----
    .. math::

        p_{ic} = \frac{1}{|S|} \sum_{m \in S} p_{mic}, \qquad
        |S| = M - \left\lfloor \text{proportion} \cdot M \right\rfloor

    ``S`` are the members with the best scores; the others get weight 0 [1]_ [2]_. The members are scored on rows that
    none of them was fitted on. `trimmed_mean` removes the extreme values of each row instead, and learns nothing.

    Tie rule: of members with equal scores, the first by name stays.

    References
    ----------
    .. [1] C. W. J. Granger, Y. Jeon, "Thick modeling", Economic Modelling 21(2), 2004.
    .. [2] M. Aiolfi, A. Timmermann, "Persistence in forecasting performance and conditional combination strategies",
       Journal of Econometrics 135(1-2), 2006.

    Examples
    --------
    >>> from ensemblekit import Predictions, fit_combiner
    >>> fields = {"ids": [1, 2], "classes": ["y"], "task": "regression", "labels": [[1.0], [2.0]]}
    >>> given = [Predictions([[1.0 + e], [2.0]], member=name, **fields) for name, e in (("a", 3), ("b", 1), ("c", 2))]
    >>> fit_combiner(given, "trimmed_members", proportion=0.4).weights_
    array([0. , 0.5, 0.5])
    """

    tasks = frozenset({"regression"})
    grid = ({"proportion": 0.2},)
    scores_: np.ndarray

    def __init__(self, proportion: float = 0.5, *, metric: Metric = None) -> None:
        check_number("proportion", proportion, 0, 1)
        if proportion == 1:
            raise InvalidOptionError("proportion must be < 1, or no member is left; received 1.")
        check_metric(metric)
        self.proportion = proportion
        self.metric = metric

    def check_fit(
        self,
        members: tuple[str, ...],
        classes: tuple[Hashable, ...],
        *,
        task: Task,
        given: frozenset[str] = frozenset(),
    ) -> None:
        check_metric_fits(self.metric, task, classes, given)

    def fit(self, predictions: PredictionSet, *, sample_weight: np.ndarray | None = None) -> Self:
        rows = rows_of(predictions, sample_weight, "scores of members are")
        n_members = len(rows.probas)
        scorer = blends(default_metric(rows.task) if self.metric is None else self.metric, rows)
        scorer.start(np.zeros(n_members))
        self.scores_ = np.asarray(scorer.scores(np.arange(n_members), np.ones(n_members)), dtype=np.float64)
        left = n_members - int(self.proportion * n_members)
        best = np.argsort(-self.scores_, kind="stable")[:left]  # NaN, no score, is last
        weights = np.zeros(n_members)
        weights[best] = 1 / left
        self.weights_ = weights
        return self


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``trimmed_members``."""
    register("trimmed_members", TrimmedMembers)
