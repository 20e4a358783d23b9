"""The super learner: weights by non-negative least squares, or by log loss on the simplex."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np

from ensemblekit import PredictionSet, hookimpl

from ..learning.rows import likelihoods, rows_of
from ..learning.simplex import maximise_likelihood, nonnegative_least_squares
from ..options import check_choice, check_count, check_number
from .learned_weights import LearnedWeights

__all__ = ["SuperLearner"]


class SuperLearner(LearnedWeights):
    """Weights of the members from a non-negative least-squares fit to the labels, divided by their sum.

    Parameters
    ----------
    loss : {"squared_error", "log_loss"}, default="squared_error"
        ``squared_error``: non-negative least squares. ``log_loss``: the mean log loss on the simplex; it does not
        support regression.
    max_iter, tol : int and float, default=10000 and 1e-10
        Only for ``log_loss``: the maximum number of steps; the learning ends if a step gains less than ``tol`` nats.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,)
        Weights >= 0 with sum 1, in the order of ``members_``.

    Notes
    -----
    ``p[i, c] = sum_m w_m p_m[i, c]`` with ``w = v / sum_m v_m``. ``v`` is the minimum of
    ``sum_i sum_c (y[i, c] - sum_m v_m p_m[i, c])^2`` over ``v >= 0`` [1]_ [2]_. ``y`` are the one-hot labels, or the
    numbers for regression, on rows that no member was fitted on. The problem is solved with the QR factor of the
    members' columns. The factor is computed block by block, so memory does not grow with the number of rows. If all
    ``v`` are 0, all members get equal weights. ``log_loss`` learns the same weights as `weighted`.

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

    def __init__(
        self,
        loss: Literal["squared_error", "log_loss"] = "squared_error",
        *,
        max_iter: int = 10_000,
        tol: float = 1e-10,
    ) -> None:
        check_choice("loss", loss, ("squared_error", "log_loss"))
        check_count("max_iter", max_iter)
        check_number("tol", tol, 0)
        self.loss = loss
        self.max_iter = max_iter
        self.tol = tol
        if loss == "log_loss":
            self.tasks = frozenset({"multiclass", "multilabel"})

    def fit(self, predictions: PredictionSet, *, sample_weight: np.ndarray | None = None) -> Self:
        rows = rows_of(predictions, sample_weight, "the super learner's weights are")
        if self.loss == "log_loss":
            likelihood = likelihoods(rows)
            share = np.repeat(rows.share(), likelihood.shape[1] // len(rows.labels))
            self.weights_ = maximise_likelihood(likelihood, share / share.sum(), self.max_iter, self.tol)
            return self
        weights = nonnegative_least_squares(rows)
        total = weights.sum()
        self.weights_ = weights / total if total > 0 else np.full(len(weights), 1 / len(weights))
        return self


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``super_learner``."""
    register("super_learner", SuperLearner)
