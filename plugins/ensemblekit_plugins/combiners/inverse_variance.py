"""Weights by the inverse of the members' squared errors, or of their covariance."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ensemblekit import PredictionSet, hookimpl
from ensemblekit.errors import InvalidOptionError

from ..learning.least_squares import factorise, of_class, solve_sum_to_one
from ..learning.member_errors import mean_squared_errors
from ..learning.rows import Rows, rows_of
from ..options import check_choice, check_number
from .learned_weights import LearnedWeights

__all__ = ["InverseVariance"]


class InverseVariance(LearnedWeights):
    r"""Weighted mean of forecasts with the inverse of each member's mean squared error, after Bates and Granger.

    Parameters
    ----------
    covariance : bool, default=False
        If true, the weights use that errors of different members are correlated, and some may be negative.
    shrinkage : float, default=0.0
        Only with ``covariance``: share from 0 to 1 by which the correlations are shrunk towards 0. With 1 the weights
        are those without ``covariance``.
    power : float, default=1.0
        Only without ``covariance``: >= 0; the weights are ``v_m^(-power)``. With 0 they are equal.
    per_class : bool, default=False
        If true, each output has its own weights; if false, all outputs share one set.

    Attributes
    ----------
    errors_ : ndarray of shape (n_members,), or (n_members, n_outputs) if ``per_class``
        ``v_m``, the mean squared error of each member, in the order of ``members_``. Shared weights: the sum over the
        outputs. Infinite or 0 if no number of float64 is so large or small; the weights do not suffer from this.
    weights_ : ndarray of the same shape
        Weights whose sum over the members is 1.

    Notes
    -----
    .. math::

        p_{ic} = \sum_m w_m\, p_{mic}, \qquad
        w_m = \frac{v_m^{-a}}{\sum_k v_k^{-a}}, \qquad
        v_m = \frac{\sum_i s_i \sum_c (y_{ic} - p_{mic})^2}{\sum_i s_i}

    ``a`` is the power, 1 by default [1]_ [2]_. ``v_m`` is a mean over the rows that member ``m`` has, weighted by the
    sample weights ``s``; so members whose forecasts begin late or have gaps can be fitted. It is the variance of the
    errors if the member has no bias. Members without any error share the weight equally.

    With ``covariance`` the weights are those with sum 1 that minimise the variance of the combination:

    .. math::

        w = \frac{S^{-1} \mathbf{1}}{\mathbf{1}^\top S^{-1} \mathbf{1}}

    ``S`` are the mean products of the members' errors, of which those of two members are multiplied by ``1 -
    shrinkage``. They need all rows of all members. ``S`` is neither computed nor inverted, but the QR factor of the
    errors is used. Without ``shrinkage`` they are the weights of `least_squares` with ``constraint="sum_to_one"``
    without intercept.

    Outputs on different scales need ``per_class``, or the largest decides about the weights.

    Tie rule: members with equal predictions have equal weights.

    References
    ----------
    .. [1] J. M. Bates, C. W. J. Granger, "The combination of forecasts", Operational Research Quarterly 20(4), 1969.
    .. [2] J. H. Stock, M. W. Watson, "Combination forecasts of output growth in a seven-country data set", Journal of
       Forecasting 23(6), 2004.

    Examples
    --------
    >>> from ensemblekit import Predictions, fit_combiner
    >>> fields = {"ids": [1, 2], "classes": ["y"], "task": "regression", "labels": [[1.0], [2.0]]}
    >>> near = Predictions([[2.0], [1.0]], member="near", **fields)
    >>> far = Predictions([[3.0], [4.0]], member="far", **fields)
    >>> fitted = fit_combiner([near, far], "inverse_variance")
    >>> fitted.members_, fitted.errors_, fitted.weights_
    (('far', 'near'), array([4., 1.]), array([0.2, 0.8]))
    """

    tasks = frozenset({"regression"})
    grid = ({"covariance": True}, {"covariance": True, "shrinkage": 0.5})
    errors_: np.ndarray

    def __init__(
        self,
        covariance: bool = False,
        *,
        shrinkage: float = 0.0,
        power: float = 1.0,
        per_class: bool = False,
    ) -> None:
        check_choice("covariance", covariance, (False, True))
        check_number("shrinkage", shrinkage, 0, 1)
        check_number("power", power, 0)
        check_choice("per_class", per_class, (False, True))
        if (shrinkage and not covariance) or (power != 1 and covariance):
            raise InvalidOptionError(
                f"shrinkage goes with covariance=True, and power with covariance=False; received covariance="
                f"{covariance}, shrinkage={shrinkage!r}, power={power!r}. Leave out the other."
            )
        self.covariance = covariance
        self.shrinkage = shrinkage
        self.power = power
        self.per_class = per_class
        self._weigh_each_class(per_class)
        if covariance:
            self.traits = self.traits - {"bounded"}
            # A row without some members could be left with weights whose sum is near 0.
            self.takes = self.takes - {"present"}

    def fit(self, predictions: PredictionSet, *, sample_weight: np.ndarray | None = None) -> Self:
        if self.covariance:
            rows = rows_of(predictions, sample_weight, "weights by covariance are")
            if self.per_class:
                self.weights_ = np.stack(
                    [self._solve(of_class(rows, c)) for c in range(rows.probas.shape[-1])], axis=-1
                )
            else:
                self.weights_ = self._solve(rows)
        errors, exponents = mean_squared_errors(predictions, sample_weight)
        if not self.per_class:
            largest = exponents.max()
            errors, exponents = np.ldexp(errors, exponents - largest).sum(axis=1), largest
        with np.errstate(over="ignore"):
            self.errors_ = np.ldexp(errors, exponents)
        if not self.covariance:
            self.weights_ = self._inverse(errors)
        return self

    def _solve(self, rows: Rows) -> np.ndarray:
        triangle = factorise(rows, residuals=True).triangle
        if not self.shrinkage:
            return solve_sum_to_one(triangle)
        alone = np.sqrt(self.shrinkage) * np.diag(np.linalg.norm(triangle, axis=0))
        return solve_sum_to_one(np.vstack([np.sqrt(1 - self.shrinkage) * triangle, alone]))

    def _inverse(self, errors: np.ndarray) -> np.ndarray:
        least = errors.min(axis=0)
        perfect = np.where(errors == 0, 1.0, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            weights = np.where(least > 0, (least / errors) ** self.power, perfect if self.power else 1.0)
        return weights / weights.sum(axis=0)


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``inverse_variance``."""
    register("inverse_variance", InverseVariance)
