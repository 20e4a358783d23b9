"""Votes of the members: hard, soft, and weighted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ensemblekit import Combiner, hookimpl

from ..kernels.linear_pool import pool_linearly
from ..kernels.presence import without_absent
from ..kernels.ties import settle_ties
from ..kernels.votes import count_votes, rounding_of_votes
from ..kernels.weights import normalised_weights, scaled_weights
from ..options import check_choice

__all__ = ["Voting"]


class Voting(Combiner):
    r"""Plurality vote of the members, hard or soft, weighted or not.

    Parameters
    ----------
    kind : {"hard", "soft"}, default="hard"
        ``hard``: each member votes for its most probable class. ``soft``: the (weighted) mean of the probabilities.
    weights : mapping of member name to float, or sequence of shape (n_members,), optional
        Weight of each member's vote: finite, >= 0, with a positive sum. By default all weights are equal.

    Notes
    -----
    .. math::

        p_{ic} = \frac{\sum_m w_m v_{mic}}{\sum_m w_m}, \qquad
        v_{mic} = \begin{cases}
        1 / k & \text{if } c \text{ is one of the } k \text{ most probable classes of } m \\
        0 & \text{otherwise}
        \end{cases}

    The result is the share of the votes [1]_.

    Tie rule: classes with equal shares are tied. The class with the larger sum of probabilities wins, then the first by
    name. The winner gets one unit in the last place more than its share, so that its probability is the largest.

    References
    ----------
    .. [1] L. Kuncheva, "Combining Pattern Classifiers", 2nd ed., Wiley, 2014, chapter 4.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.combiners.voting import Voting
    >>> Voting().combine(np.array([[[0.9, 0.1]], [[0.4, 0.6]], [[0.45, 0.55]], [[0.8, 0.2]]])).round(6)
    array([[0.5, 0.5]])
    """

    def __init__(
        self,
        kind: Literal["hard", "soft"] = "hard",
        weights: Mapping[str, float] | Sequence[float] | None = None,
    ) -> None:
        check_choice("kind", kind, ("hard", "soft"))
        self.kind = kind
        self.weights = weights
        traits = {"idempotent", "bounded", "class_equivariant"} if kind == "soft" else set[str]()
        self.traits = frozenset(traits | {"graphable"} | ({"symmetric"} if weights is None else set()))
        self.takes_votes = kind == "hard"
        if kind == "hard":
            self.tasks = frozenset({"multiclass"})

    def combine(self, member_probas: Any, *, present: Any = None, xp: Any = np) -> Any:
        weights: Any = self.weights
        equal = weights is None
        if self.kind == "soft":
            return pool_linearly(member_probas, None if equal else normalised_weights(weights), present, xp)
        scaled = scaled_weights(weights, member_probas.shape[0])
        if xp is np:
            return count_votes(member_probas, None if equal else scaled, present)
        member_probas, weight = without_absent(member_probas, scaled, present, xp)
        top = xp.equal(member_probas, xp.max(member_probas, axis=-1, keepdims=True))
        one = xp.ones((), dtype=member_probas.dtype)
        votes = xp.where(top, one, xp.zeros_like(one))
        votes = xp.divide(votes, xp.sum(votes, axis=-1, keepdims=True))
        shares = xp.divide(xp.sum(xp.multiply(votes, weight), axis=0), xp.sum(weight, axis=0))
        summed = xp.sum(xp.multiply(member_probas, weight), axis=0)
        return settle_ties(shares, summed, rounding_of_votes(member_probas.shape[0]), member_probas.dtype, xp)


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``voting``."""
    register("voting", Voting)
