"""Least-squares blends of forecasts, with or without constraints on the weights and an intercept."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np

from ensemblekit import Combiner, PredictionSet, hookimpl
from ensemblekit.errors import NotFittedError

from ..kernels.linear_pool import pool_classes, pool_linearly
from ..learning.least_squares import (
    factorise,
    of_class,
    solve_convex,
    solve_free,
    solve_nonnegative,
    solve_sum_to_one,
)
from ..learning.rows import Rows, rows_of
from ..options import check_choice

__all__ = ["LeastSquares"]

_WITH_SUM = {"convex": solve_convex, "sum_to_one": solve_sum_to_one}
_WITHOUT_SUM = {"nonnegative": solve_nonnegative, "none": solve_free}


class LeastSquares(Combiner):
    r"""Linear blend of the members with the smallest squared error, under constraints on the weights.

    Parameters
    ----------
    constraint : {"convex", "sum_to_one", "nonnegative", "none"}, default="convex"
        What the weights must satisfy: ``convex`` is >= 0 with sum 1, ``none`` is nothing.
    intercept : bool, default=True
        Whether a constant is added to each output, which corrects the bias of the blend.
    per_class : bool, default=False
        If true, each output has its own weights; if false, all outputs share one set. Each output has its own
        intercept.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,), or (n_members, n_outputs) if ``per_class``
        Weights in the order of ``members_``.
    intercept_ : ndarray of shape (n_outputs,)
        In the order of ``classes_``; zeros without ``intercept``.

    Notes
    -----
    .. math::

        p_{ic} = b_c + \sum_m w_m\, p_{mic}, \qquad
        (w, b) = \operatorname{argmin} \sum_i s_i \sum_c (y_{ic} - p_{ic})^2

    The minimum is that under the constraint, on rows that no member was fitted on; ``s`` are the sample weights. The
    three methods of Granger and Ramanathan [1]_ are ``"none"`` without intercept (A), ``"sum_to_one"`` without (B) and
    ``"none"`` with an intercept (C). ``"nonnegative"`` without intercept are Breiman's stacked regressions [2]_;
    ``"convex"`` without intercept is `super_learner`. The problem is solved with a QR factor that is computed block by
    block, so memory does not grow with the number of rows.

    Outputs on different scales need ``per_class``, or the largest decides about the weights.

    Tie rule: if several weights are equally good, ``none`` takes those with the smallest sum of squares, and
    ``sum_to_one`` those nearest to equal weights. For the others, only the sum of the weights of members with equal
    predictions is determined.

    References
    ----------
    .. [1] C. W. J. Granger, R. Ramanathan, "Improved methods of combining forecasts", Journal of Forecasting 3(2),
       1984.
    .. [2] L. Breiman, "Stacked regressions", Machine Learning 24, 1996.

    Examples
    --------
    >>> from ensemblekit import Predictions, fit_combiner
    >>> fields = {"ids": [1, 2, 3], "classes": ["y"], "task": "regression", "labels": [[1.0], [3.0], [2.0]]}
    >>> half = Predictions([[0.5], [1.5], [1.0]], member="half", **fields)
    >>> high = Predictions([[5.0], [7.0], [6.0]], member="high", **fields)
    >>> fitted = fit_combiner([half, high], "least_squares")
    >>> fitted.members_, fitted.weights_.round(3), fitted.intercept_.round(3)
    (('half', 'high'), array([0., 1.]), array([-4.]))
    """

    tasks = frozenset({"regression"})
    grid = ({"intercept": False}, {"constraint": "none"}, {"constraint": "none", "intercept": False})
    weights_: np.ndarray
    intercept_: np.ndarray

    def __init__(
        self,
        constraint: Literal["convex", "sum_to_one", "nonnegative", "none"] = "convex",
        *,
        intercept: bool = True,
        per_class: bool = False,
    ) -> None:
        check_choice("constraint", constraint, ("convex", "sum_to_one", "nonnegative", "none"))
        check_choice("intercept", intercept, (True, False))
        check_choice("per_class", per_class, (False, True))
        self.constraint = constraint
        self.intercept = intercept
        self.per_class = per_class
        self.traits = frozenset({"learns", "graphable"})
        if intercept or constraint != "convex":
            # Squared error draws every level to the same expected value.
            self.not_for = frozenset({"quantile"})
        if constraint in _WITH_SUM and not intercept:
            self.traits |= {"idempotent"} | ({"bounded"} if constraint == "convex" else set())

    def fit(self, predictions: PredictionSet, *, sample_weight: np.ndarray | None = None) -> Self:
        rows = rows_of(predictions, sample_weight, "least-squares weights are")
        if self.per_class:
            columns = [self._solve(of_class(rows, column)) for column in range(rows.probas.shape[-1])]
            self.weights_ = np.stack([weights for weights, _ in columns], axis=-1)
            self.intercept_ = np.concatenate([intercept for _, intercept in columns])
        else:
            self.weights_, self.intercept_ = self._solve(rows)
        return self

    def _solve(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        if self.constraint in _WITH_SUM:
            factor = factorise(rows, residuals=True, centre=self.intercept)
            weights = _WITH_SUM[self.constraint](factor.triangle)
            return weights, -weights @ factor.means
        factor = factorise(rows, residuals=False, centre=self.intercept)
        weights = _WITHOUT_SUM[self.constraint](factor)
        return weights, factor.means[-1] - weights @ factor.means[:-1]

    def combine(self, member_probas: Any, *, xp: Any = np) -> Any:
        if not hasattr(self, "weights_"):
            raise NotFittedError("LeastSquares must be fitted before it combines. Call fit_combiner first.")
        if self.weights_.ndim == 2:
            pooled = pool_classes(member_probas, self.weights_, None, "regression", xp)
        else:
            pooled = pool_linearly(member_probas, self.weights_, None, xp)
        if xp is np:
            return pooled + self.intercept_.astype(pooled.dtype)
        return xp.add(pooled, xp.array(self.intercept_, dtype=member_probas.dtype))


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``least_squares``."""
    register("least_squares", LeastSquares)
