"""The linear pool of distributions that are given by quantiles."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal

import numpy as np

from ensemblekit import Combiner, hookimpl
from ensemblekit.errors import InvalidOptionError
from ensemblekit.quantiles.levels import ascending, levels_of

from ..kernels.quantile_pool import mixture_quantiles
from ..options import check_choice

__all__ = ["LinearPool"]


class LinearPool(Combiner):
    r"""Linear pool: the quantiles of the mixture of the members' distributions.

    Parameters
    ----------
    weights : mapping of str to float, or array-like of shape (n_members,), optional
        Share of each member in the mixture, >= 0. By default all are equal.
    tails : {"normal", "constant"}, default="normal"
        What lies beyond a member's outermost levels: the tail of the normal distribution through its two outermost
        quantiles, or nothing, so that all the mass beyond a level is on its quantile.

    Notes
    -----
    .. math::

        q_t = \min \{ x : F(x) \ge t \}, \qquad F(x) = \sum_m w_m F_m(x)

    ``F`` is the distribution function of the mixture [1]_ [2]_, and ``t`` a level. ``F_m`` is linear between two
    neighbouring quantiles of the member. Equal quantiles are mass on one number. It is exact, not drawn. The mean of
    quantiles, `mean`, is the other usual combination (Vincentization): it has the mean width of the members, while the
    pool is wider where they disagree.

    Each result lies between the smallest and the largest of the members' quantiles at its level. With a single level
    there is no normal tail: all the mass is on the quantile. Of members that lack a row the others are pooled.

    Tie rule: where the mixture is flat at a level, the smallest number is taken.

    References
    ----------
    .. [1] M. Stone, "The opinion pool", Annals of Mathematical Statistics 32(4), 1961.
    .. [2] K. C. Lichtendahl, Y. Grushka-Cockayne, R. L. Winkler, "Is it better to average probabilities or quantiles?",
       Management Science 59(7), 2013.

    Examples
    --------
    >>> from ensemblekit import Predictions, combine
    >>> fields = {"ids": ["monday"], "classes": [0.25, 0.5, 0.75], "task": "quantile"}
    >>> low = Predictions([[0.0, 1.0, 2.0]], member="low", **fields)
    >>> high = Predictions([[10.0, 11.0, 12.0]], member="high", **fields)
    >>> combine([low, high], "linear_pool").probas.round(2)
    array([[ 1.,  6., 11.]])
    >>> combine([low, high], "mean").probas
    array([[5., 6., 7.]])
    """

    tasks = frozenset({"quantile"})
    grid = ({"tails": "constant"},)

    def __init__(self, *, weights: Any = None, tails: Literal["normal", "constant"] = "normal") -> None:
        check_choice("tails", tails, ("normal", "constant"))
        self.weights = weights
        self.tails = tails
        self.traits = frozenset({"idempotent", "bounded"} | ({"symmetric"} if weights is None else set()))

    def combine(
        self, member_probas: Any, *, present: Any = None, classes: tuple[Hashable, ...] | None = None, xp: Any = np
    ) -> Any:
        if classes is None:
            raise InvalidOptionError(
                "LinearPool must know the levels of the columns; received an array alone. Give Predictions to "
                "ensemblekit.combine, or combine(member_probas, classes=('0.1', '0.5', '0.9'))."
            )
        levels = levels_of(classes)
        order = ascending(levels)
        weights = np.ones(len(member_probas)) if self.weights is None else np.asarray(self.weights, dtype=np.float64)
        pooled = mixture_quantiles(
            member_probas[..., order], levels[order], weights, present=present, normal=self.tails == "normal"
        )
        return pooled if isinstance(order, slice) else pooled[..., np.argsort(order)]


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``linear_pool``."""
    register("linear_pool", LinearPool)
