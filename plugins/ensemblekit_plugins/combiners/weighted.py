"""The weighted mean of the members' predictions, with given or learned weights."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np

from ensemblekit import Combiner, PredictionSet, hookimpl
from ensemblekit.errors import InvalidOptionError, NotFittedError
from ensemblekit.predictions import Task

from ..kernels.linear_pool import pool_classes, pool_linearly
from ..kernels.weights import normalised_weights
from ..learning.metrics import Metric, check_metric, check_metric_fits, default_metric
from ..learning.rows import Rows, likelihoods, rows_of
from ..learning.search import above_chance, best_blend
from ..learning.simplex import maximise_likelihood, smallest_squared_error
from ..options import check_choice, check_count, check_number

__all__ = ["Weighted"]


class Weighted(Combiner):
    r"""Weighted mean of the members: weights given by name, or learned by log loss or any metric.

    Parameters
    ----------
    weights : mapping of member name to float, or sequence of shape (n_members,), optional
        Finite, >= 0, with a positive sum; they are divided by their sum. By default the weights are learned.
    metric : str, Metric, scorer, callable or None, default=None
        The metric that learned weights optimise, in any form that `ensemblekit.evaluation.find_metric` accepts: a
        registered name, the name of a scikit-learn scorer, a scorer, a `Metric`, or a callable
        ``(y_true, y_proba) -> float`` for which greater is better. By default log loss, or squared error for
        regression. With sample weights a callable must accept ``sample_weight``.
    learn : {"together", "alone"}, default="together"
        ``together``: the weights whose combination has the best score. ``alone``: the weight of a member is its own
        score minus the score of a constant prediction, the mean of the labels.
    per_class : bool, default=False
        If true, each class (label, output) has its own weights. They are learned by the log loss of the class against
        the rest, or by squared error for regression.
    max_iter : int, default=10000
        Maximum number of steps of the learning.
    tol : float, default=1e-10
        Learning by log loss ends if a step lowers the mean log loss by less than this, in nats.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,), or (n_members, n_classes) if ``per_class``
        Learned weights, >= 0, whose sum over the members is 1, in the order of ``members_``.

    Notes
    -----
    .. math::

        p_{ic} = \sum_m w_m\, p_{mic}, \qquad w_m \ge 0, \qquad \sum_m w_m = 1

    The linear opinion pool [1]_. Weights that are learned by log loss minimise the mean log loss of ``p`` on the rows
    of the fit. This convex problem is solved by expectation maximisation for mixture proportions [2]_: ``w_m <- mean_i
    w_m p_m[i, y_i] / p[i, y_i]``. Weights that are learned by squared error minimise it by non-negative least squares.
    For any other metric a search starts at equal weights. Each step tries to add a quarter of the total weight to each
    member, or to remove it, while the other members keep their proportions. The best move is taken. If no move is
    better, the step size is halved, down to 1/256. With ``alone``, ``w_m`` is proportional to ``max(score(p_m) -
    score(mean label), 0)``; if all are 0, the weights are equal.

    With ``per_class`` each class has its own weights ``w_mc``. For multiclass the sum is divided by its sum over the
    classes; if all sums of a row are 0, the result is the mean. With ``present`` the weights of the members that are
    present are divided by their sum.

    Tie rule: learning starts at equal weights, so under log loss members with equal predictions keep equal weights. In
    the search, if moves are equal, adding weight is preferred to removing it, then the first member by name.

    References
    ----------
    .. [1] M. Stone, "The opinion pool", Annals of Mathematical Statistics 32(4), 1961.
    .. [2] A. P. Dempster, N. M. Laird, D. B. Rubin, "Maximum likelihood from incomplete data via the EM algorithm",
       Journal of the Royal Statistical Society B 39(1), 1977.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.combiners.weighted import Weighted
    >>> Weighted([3, 1]).combine(np.array([[[0.0, 1.0]], [[1.0, 0.0]]]))
    array([[0.25, 0.75]])
    """

    grid = ({"learn": "alone"},)

    def __init__(
        self,
        weights: Mapping[str, float] | Sequence[float] | None = None,
        *,
        metric: Metric = None,
        learn: Literal["together", "alone"] = "together",
        per_class: bool = False,
        max_iter: int = 10_000,
        tol: float = 1e-10,
    ) -> None:
        check_metric(metric)
        check_choice("learn", learn, ("together", "alone"))
        check_choice("per_class", per_class, (True, False))
        check_count("max_iter", max_iter)
        check_number("tol", tol, 0)
        if per_class and (weights is not None or metric is not None or learn == "alone"):
            raise InvalidOptionError(
                "per_class learns the weights by log loss, or squared error for regression; received "
                f"weights={weights!r}, metric={metric!r}, learn={learn!r} beside it. Leave them out."
            )
        self.weights = weights
        self.metric = metric
        self.learn = learn
        self.per_class = per_class
        self.max_iter = max_iter
        self.tol = tol
        self.traits = frozenset({"idempotent", "graphable"})
        if not per_class:
            self.traits |= {"bounded", "class_equivariant"}
        if weights is None:
            self.traits |= {"learns"}
        self.needs_labels = weights is None

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
        if self.weights is not None:
            return self
        rows = rows_of(predictions, sample_weight, "weights are")
        metric = default_metric(rows.task) if self.metric is None else self.metric
        columns = range(rows.probas.shape[-1])
        if self.per_class:
            self.weights_ = np.stack([self._of_column(rows, column) for column in columns], axis=-1)
        elif self.learn == "alone":
            self.weights_ = above_chance(metric, rows)
        elif metric in ("log_loss", "neg_log_loss") and rows.task != "regression":
            likelihood = likelihoods(rows)
            share = np.repeat(rows.share(), likelihood.shape[1] // len(rows.labels))
            self.weights_ = maximise_likelihood(likelihood, share / share.sum(), self.max_iter, self.tol)
        elif metric in ("squared_error", "neg_mean_squared_error", "brier", "brier_score", "neg_brier_score"):
            self.weights_ = smallest_squared_error(rows)
        else:
            self.weights_ = best_blend(metric, rows, self.max_iter)
        return self

    def _of_column(self, rows: Rows, column: int) -> np.ndarray:
        if rows.task != "regression":
            return maximise_likelihood(likelihoods(rows, column=column), rows.share(), self.max_iter, self.tol)
        one = slice(column, column + 1)
        return smallest_squared_error(rows._replace(probas=rows.probas[..., one], labels=rows.labels[:, one]))

    def for_members(self, members: tuple[str, ...]) -> Self:
        learned = getattr(self, "weights_", None)
        if self.weights is not None or learned is None or learned.ndim == 2:
            return super().for_members(members)
        settled = copy.copy(self)
        settled.weights = learned
        return settled

    def combine(self, member_probas: Any, *, present: Any = None, task: str = "multiclass", xp: Any = np) -> Any:
        given = self.weights if self.weights is not None else getattr(self, "weights_", None)
        if given is None:
            raise NotFittedError("weights are neither given nor learned. Give weights, or call fit_combiner first.")
        weights = normalised_weights(given)
        if weights.ndim == 2:
            return pool_classes(member_probas, weights, present, task, xp)
        return pool_linearly(member_probas, weights, present, xp)


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``weighted``."""
    register("weighted", Weighted)
