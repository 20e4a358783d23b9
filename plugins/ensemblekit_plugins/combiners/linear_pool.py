"""The linear pool of distributions that are given by quantiles."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal

import numpy as np

from ensemblekit import Combiner, hookimpl
from ensemblekit.errors import InvalidOptionError
from ensemblekit.quantiles.levels import ascending, levels_of

from ..kernels.quantile_pool import mixture_quantiles
from ..options import check_choice, check_count

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
    between : {"line", "spline"}, default="line"
        What joins two neighbouring quantiles of a member: a line, or the monotone cubic spline of hubEnsembles [3]_.
    draws : int, optional
        By default the mixture is inverted exactly. A number, >= 2, pools so many evenly spaced quantiles of each member
        instead, less one, as hubEnsembles does with the same ``n_samples``.

    Notes
    -----
    .. math::

        q_t = \min \{ x : F(x) \ge t \}, \qquad F(x) = \sum_m w_m F_m(x)

    ``F`` is the distribution function of the mixture [1]_ [2]_, and ``t`` a level. ``F_m`` is linear between two
    neighbouring quantiles of the member. Equal quantiles are mass on one number. The mean of quantiles, `mean`, is the
    other usual combination (Vincentization): it has the mean width of the members, while the pool is wider where they
    disagree.

    Each result lies between the smallest and the largest of the members' quantiles at its level. With a single level
    there is no normal tail: all the mass is on the quantile. Of members that lack a row the others are pooled.

    ``between="spline", draws=10_000`` gives the numbers of hubEnsembles [3]_ with its defaults. The slope of the spline
    is the density of the tail at an outermost quantile, and at another the mean of the slopes of both sides, made
    smaller where it would not be monotone; 20 points of it are joined by lines. Mass on one number is set aside, and
    spline and tails are those of the rest. If there are no more than two different quantiles, all mass is on them.

    With ``draws`` each member has the quantiles at the levels 2, 3, ..., ``draws`` of ``draws + 1`` equal steps, and
    ``q_t`` is the smallest of all of them up to which there is weight ``t``. It may lie outside the members' quantiles
    by the distance of two draws. Either option takes some twenty times as long.

    Tie rule: where the mixture is flat at a level, the smallest number is taken.

    References
    ----------
    .. [1] M. Stone, "The opinion pool", Annals of Mathematical Statistics 32(4), 1961.
    .. [2] K. C. Lichtendahl, Y. Grushka-Cockayne, R. L. Winkler, "Is it better to average probabilities or quantiles?",
       Management Science 59(7), 2013.
    .. [3] L. Shandross, E. Howerton, L. Contamin and others, "hubEnsembles: ensembling methods in R", 2024, with the
       distributions of E. L. Ray, A. Gerding, "distfromq".

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

    def __init__(
        self,
        *,
        weights: Any = None,
        tails: Literal["normal", "constant"] = "normal",
        between: Literal["line", "spline"] = "line",
        draws: int | None = None,
    ) -> None:
        check_choice("tails", tails, ("normal", "constant"))
        check_choice("between", between, ("line", "spline"))
        if draws is not None:
            check_count("draws", draws, 2)
        self.weights = weights
        self.tails = tails
        self.between = between
        self.draws = draws
        exact = {"idempotent", "bounded"} if draws is None else set[str]()
        self.traits = frozenset(exact | ({"symmetric"} if weights is None else set()))

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
            member_probas[..., order], levels[order], weights, present=present, normal=self.tails == "normal",
            spline=self.between == "spline", draws=self.draws,
        )  # fmt: skip
        return pooled if isinstance(order, slice) else pooled[..., np.argsort(order)]


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``linear_pool``."""
    register("linear_pool", LinearPool)
