"""Weights by the inverse of the members' pinball losses."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Self

import numpy as np

from ensemblekit import PredictionSet, hookimpl
from ensemblekit.errors import InvalidOptionError
from ensemblekit.predictions import Task
from ensemblekit.quantiles.levels import levels_of, pinball

from ..options import check_number
from .learned_weights import LearnedWeights

__all__ = ["InversePinball"]


class InversePinball(LearnedWeights):
    r"""Weighted mean of quantiles with the inverse of each member's pinball loss.

    Parameters
    ----------
    power : float, default=1.0
        >= 0; the weights are ``l_m^(-power)``. With 0 they are equal.

    Attributes
    ----------
    losses_ : ndarray of shape (n_members,)
        ``l_m``, the mean pinball loss of each member over its rows and the levels, in the order of ``members_``.
    weights_ : ndarray of shape (n_members,)
        Weights whose sum is 1.

    Notes
    -----
    .. math::

        q_{it} = \sum_m w_m\, q_{mit}, \qquad w_m = \frac{\ell_m^{-a}}{\sum_k \ell_k^{-a}}

    ``a`` is the power, and ``l_m`` the pinball loss of a member [1]_: a mean over the rows that the member has,
    weighted by the sample weights, so members whose forecasts begin late can be fitted. Members without any loss share
    the weight equally. It learns one number a member, and is hard to mislead by few rows.

    Tie rule: members with equal losses have equal weights.

    References
    ----------
    .. [1] J. H. Stock, M. W. Watson, "Combination forecasts of output growth in a seven-country data set", Journal of
       Forecasting 23(6), 2004: the weights, with squared errors.

    Examples
    --------
    >>> from ensemblekit import Predictions, fit_combiner
    >>> fields = {"ids": [1, 2], "classes": [0.5], "task": "quantile", "labels": [1.0, 2.0]}
    >>> near = Predictions([[2.0], [1.0]], member="near", **fields)
    >>> far = Predictions([[4.0], [5.0]], member="far", **fields)
    >>> fitted = fit_combiner([near, far], "inverse_pinball")
    >>> fitted.members_, fitted.losses_, fitted.weights_
    (('far', 'near'), array([1.5, 0.5]), array([0.25, 0.75]))
    """

    tasks = frozenset({"quantile"})
    losses_: np.ndarray

    def __init__(self, *, power: float = 1.0) -> None:
        check_number("power", power, 0)
        self.power = power

    def check_fit(
        self,
        members: tuple[str, ...],
        classes: tuple[Hashable, ...],
        *,
        task: Task,
        given: frozenset[str] = frozenset(),
    ) -> None:
        try:
            levels_of(classes)
        except ValueError as error:
            raise InvalidOptionError(f"inverse_pinball needs columns that are quantile levels: {error}") from None

    def fit(self, predictions: PredictionSet, *, sample_weight: np.ndarray | None = None) -> Self:
        labels, present = predictions.label_codes, predictions.present
        assert labels is not None  # noqa: S101 - fit_combiner requires labels
        levels = levels_of(predictions.classes)
        weight = np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        losses = np.empty(len(predictions.members))
        for place, values in enumerate(predictions.member_probas):
            own = weight if present is None else weight * present[place]
            if not own.any():
                raise InvalidOptionError(
                    f"each member must have rows with a positive weight; {predictions.members[place]!r} has none. "
                    "Leave it out, or give it rows."
                )
            rows = own > 0
            each = pinball(labels[rows] - values[rows].astype(np.float64), levels).mean(axis=1)
            losses[place] = each @ own[rows] / own.sum()
        self.losses_ = losses
        if (losses == 0).any():
            shares = (losses == 0).astype(np.float64) if self.power else np.ones(len(losses))
        else:
            shares = (losses / losses.min()) ** -self.power
        self.weights_ = shares / shares.sum()
        return self


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``inverse_pinball``."""
    register("inverse_pinball", InversePinball)
