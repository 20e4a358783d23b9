"""Weights of the members that have the smallest pinball loss."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Self

import numpy as np

from ensemblekit import PredictionSet, hookimpl
from ensemblekit.errors import InvalidOptionError
from ensemblekit.predictions import Task
from ensemblekit.quantiles.levels import levels_of

from ..learning.pinball import smallest_pinball
from ..learning.rows import rows_of
from ..options import check_choice
from .learned_weights import LearnedWeights

__all__ = ["PinballWeights"]


class PinballWeights(LearnedWeights):
    r"""Weighted mean of quantiles with the weights that have the smallest pinball loss.

    Parameters
    ----------
    per_class : bool, default=False
        If true, each level has its own weights; if false, all levels share one set. With weights of their own, levels
        may cross in rows that it was not fitted on, which is refused.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,), or (n_members, n_levels) if ``per_class``
        Weights >= 0 in the order of ``members_``; their sum over the members is 1.
    loss_ : float
        The mean pinball loss of these weights on the rows of the fit.

    Notes
    -----
    .. math::

        q_{it} = \sum_m w_m\, q_{mit}, \qquad
        w = \operatorname{argmin} \sum_i s_i \sum_t \rho_t(y_i - q_{it}), \qquad
        \rho_t(u) = \max(t u, (t - 1) u)

    The minimum is that over ``w >= 0`` with sum 1 [1]_ [2]_, on rows that no member was fitted on; ``s`` are the sample
    weights. The problem is convex. It is solved as a linear program, so that the result is a smallest loss and not near
    it.

    Levels on one scale share the weights well. Quantiles of series on different scales let the largest decide: divide
    them by a scale, give ``sample_weight``, or fit each series by itself with `ensemblekit.quantiles.fit_by`.

    Tie rule: of several solutions, the one that the solver finds first; members with equal predictions share a weight
    that only their sum determines.

    References
    ----------
    .. [1] R. Koenker, G. Bassett, "Regression quantiles", Econometrica 46, 1978.
    .. [2] J. W. Taylor, D. W. Bunn, "A quantile regression approach to generating prediction intervals", Management
       Science 45(2), 1999.

    Examples
    --------
    >>> from ensemblekit import Predictions, fit_combiner
    >>> fields = {"ids": [1, 2, 3], "classes": [0.25, 0.75], "task": "quantile", "labels": [1.0, 2.0, 3.0]}
    >>> near = Predictions([[0.5, 1.5], [1.5, 2.5], [2.5, 3.5]], member="near", **fields)
    >>> far = Predictions([[5.0, 9.0], [6.0, 9.0], [7.0, 9.0]], member="far", **fields)
    >>> fitted = fit_combiner([near, far], "pinball_weights")
    >>> fitted.members_, fitted.weights_.round(3) + 0.0
    (('far', 'near'), array([0., 1.]))
    """

    tasks = frozenset({"quantile"})
    loss_: float

    def __init__(self, *, per_class: bool = False) -> None:
        check_choice("per_class", per_class, (False, True))
        self.per_class = per_class
        self._weigh_each_class(per_class)

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
            raise InvalidOptionError(f"pinball_weights needs columns that are quantile levels: {error}") from None

    def fit(self, predictions: PredictionSet, *, sample_weight: np.ndarray | None = None) -> Self:
        rows = rows_of(predictions, sample_weight, "pinball weights are")
        levels, share = levels_of(predictions.classes), rows.share()
        errors = rows.labels.astype(np.float64) - rows.probas
        if self.per_class:
            found = [smallest_pinball(errors[..., k : k + 1], levels[k : k + 1], share) for k in range(len(levels))]
            self.weights_ = np.stack([weights for weights, _ in found], axis=-1)
            self.loss_ = float(np.mean([loss for _, loss in found]))
        else:
            self.weights_, self.loss_ = smallest_pinball(errors, levels, share)
        return self

    def combine(self, member_probas: Any, *, present: Any = None, task: str = "regression", xp: Any = np) -> Any:
        return super().combine(member_probas, present=present, task=task, xp=xp)


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``pinball_weights``."""
    register("pinball_weights", PinballWeights)
