"""The super learner: weights >= 0 with sum 1 that minimise the squared error, or the log loss."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np

from ensemblekit import PredictionSet, hookimpl

from ..learning.least_squares import of_class
from ..learning.rows import Rows, likelihoods, rows_of
from ..learning.simplex import maximise_likelihood, smallest_squared_error
from ..options import check_choice, check_count, check_number
from .learned_weights import LearnedWeights

__all__ = ["SuperLearner"]


class SuperLearner(LearnedWeights):
    r"""Weights of the members, >= 0 with sum 1, that minimise the squared error of the blend.

    Parameters
    ----------
    loss : {"squared_error", "log_loss"}, default="squared_error"
        What the blend minimises. ``log_loss``, the mean log loss, does not support regression.
    per_class : bool, default=False
        If true, each class (label, output) has its own weights; if false, all share one set.
    max_iter, tol : int and float, default=10000 and 1e-10
        Only for ``log_loss``: the maximum number of steps; the learning ends if a step gains less than ``tol`` nats.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,), or (n_members, n_classes) if ``per_class``
        Weights >= 0 whose sum over the members is 1, in the order of ``members_``.

    Notes
    -----
    .. math::

        p_{ic} = \sum_m w_m\, p_{mic}, \qquad
        w = \operatorname{argmin}_{w \ge 0,\ \sum_m w_m = 1} \sum_i s_i \sum_c (y_{ic} - p_{ic})^2

    The convex super learner [1]_. ``y`` are the one-hot labels, or the numbers for regression, on rows that no member
    was fitted on, and ``s`` the sample weights. The problem is solved exactly, so on these rows the blend is at least
    as good as each member. Breiman's stacked regressions [2]_ leave the sum free; `least_squares` with
    ``constraint="nonnegative"`` does so.

    The problem is solved with the QR factor of the members' residuals. The factor is computed block by block, so memory
    does not grow with the number of rows. ``log_loss`` learns the same weights as `weighted`. Outputs on different
    scales need ``per_class``, or the largest decides. With ``per_class`` and multiclass, ``p`` is divided by its sum
    over the classes.

    Up to version 0.1 the weights were those of non-negative least squares, divided by their sum. Combiners that were
    saved then keep their weights.

    Tie rule: if members have equal predictions, only the sum of their weights is determined; the solver may distribute
    it in any way.

    References
    ----------
    .. [1] M. J. van der Laan, E. C. Polley, A. E. Hubbard, "Super learner", Statistical Applications in Genetics and
       Molecular Biology 6(1), 2007.
    .. [2] L. Breiman, "Stacked regressions", Machine Learning 24, 1996.

    Examples
    --------
    >>> from ensemblekit import Predictions, fit_combiner
    >>> fields = {"ids": [1, 2], "classes": ["cat", "dog"], "labels": ["cat", "dog"]}
    >>> left = Predictions([[0.9, 0.1], [0.4, 0.6]], member="left", **fields)
    >>> right = Predictions([[0.6, 0.4], [0.1, 0.9]], member="right", **fields)
    >>> fit_combiner([right, left], "super_learner").weights_.round(6)
    array([0.5, 0.5])
    """

    per_class: bool = False  # for those that were saved before there was this option

    def __init__(
        self,
        loss: Literal["squared_error", "log_loss"] = "squared_error",
        *,
        per_class: bool = False,
        max_iter: int = 10_000,
        tol: float = 1e-10,
    ) -> None:
        check_choice("loss", loss, ("squared_error", "log_loss"))
        check_choice("per_class", per_class, (False, True))
        check_count("max_iter", max_iter)
        check_number("tol", tol, 0)
        self.loss = loss
        self.per_class = per_class
        self.max_iter = max_iter
        self.tol = tol
        if loss == "log_loss":
            self.tasks = frozenset({"multiclass", "multilabel"})
        self._weigh_each_class(per_class)

    def fit(self, predictions: PredictionSet, *, sample_weight: np.ndarray | None = None) -> Self:
        rows = rows_of(predictions, sample_weight, "the super learner's weights are")
        learn = self._by_log_loss if self.loss == "log_loss" else self._by_squared_error
        if self.per_class:
            self.weights_ = np.stack([learn(rows, column) for column in range(rows.probas.shape[-1])], axis=-1)
        else:
            self.weights_ = learn(rows, None)
        return self

    def _by_squared_error(self, rows: Rows, column: int | None) -> np.ndarray:
        return smallest_squared_error(rows if column is None else of_class(rows, column))

    def _by_log_loss(self, rows: Rows, column: int | None) -> np.ndarray:
        likelihood = likelihoods(rows, column=column)
        share = np.repeat(rows.share(), likelihood.shape[1] // len(rows.labels))
        return maximise_likelihood(likelihood, share / share.sum(), self.max_iter, self.tol)


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``super_learner``."""
    register("super_learner", SuperLearner)
