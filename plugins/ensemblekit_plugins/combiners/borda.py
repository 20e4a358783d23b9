"""The Borda count: each member ranks the classes, and the ranks give points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ensemblekit import Combiner, hookimpl

from ..kernels.points import count_points, rounding_of_points
from ..kernels.presence import without_absent
from ..kernels.ties import settle_ties
from ..kernels.weights import scaled_weights

__all__ = ["Borda"]


class Borda(Combiner):
    r"""Borda count: each member ranks the classes of a row, and a class gets a point for each class that it beats.

    Parameters
    ----------
    weights : mapping of member name to float, or sequence of shape (n_members,), optional
        Weight of each member's points: finite, >= 0, with a positive sum. By default all weights are equal.

    Notes
    -----
    .. math::

        p_{ic} = \frac{\sum_m w_m b_{mic}}{\sum_m w_m\, C (C - 1) / 2}, \qquad
        b_{mic} = \sum_{d \ne c} \left( [p_{mid} < p_{mic}] + \frac{1}{2} [p_{mid} = p_{mic}] \right)

    A member gives a class a point for each class that it beats, and half a point for each class that it is tied with
    (mid-ranks): from 0 to ``C - 1``. The result is the share of the points [1]_ [2]_. The rule uses only the order of a
    member's probabilities, so the members need not be calibrated. With ``present`` only the members that are present
    give points.

    Tie rule: classes with equal shares are tied. The class with the larger sum of probabilities wins, then the first by
    name. The winner gets one unit in the last place more than its share, so that its probability is the largest.

    References
    ----------
    .. [1] J.-C. de Borda, "Mémoire sur les élections au scrutin", Histoire de l'Académie Royale des Sciences, 1781.
    .. [2] T. K. Ho, J. J. Hull, S. N. Srihari, "Decision combination in multiple classifier systems", IEEE Transactions
       on Pattern Analysis and Machine Intelligence 16(1), 1994.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.combiners.borda import Borda
    >>> Borda().combine(np.array([[[0.5, 0.3, 0.2]], [[0.1, 0.6, 0.3]]])).round(3)
    array([[0.333, 0.5  , 0.167]])
    """

    tasks = frozenset({"multiclass"})

    def __init__(self, weights: Mapping[str, float] | Sequence[float] | None = None) -> None:
        self.weights = weights
        self.traits = frozenset({"graphable"} | ({"symmetric"} if weights is None else set[str]()))

    def combine(self, member_probas: Any, *, present: Any = None, xp: Any = np) -> Any:
        n_members, dtype = member_probas.shape[0], member_probas.dtype
        weights = scaled_weights(self.weights, n_members)
        if xp is np:
            return count_points(member_probas, weights, present, equal=self.weights is None)
        member_probas, weight = without_absent(member_probas, weights, present, xp)
        one = xp.ones((), dtype=dtype)
        mine, other = xp.expand_dims(member_probas, -1), xp.expand_dims(member_probas, -2)
        beats = xp.where(xp.greater(mine, other), one, xp.zeros_like(one))
        ties = xp.where(xp.equal(mine, other), one, xp.zeros_like(one))
        # The points are counted twice; each class is tied with itself.
        points = xp.subtract(xp.sum(xp.add(xp.add(beats, beats), ties), axis=-1), one)
        n_classes = member_probas.shape[-1]
        most = xp.multiply(xp.sum(weight, axis=0), xp.array(n_classes, dtype=dtype))
        share = xp.divide(points, xp.array(n_classes - 1, dtype=dtype))
        shares = xp.divide(xp.sum(xp.multiply(share, weight), axis=0), most)
        summed = xp.sum(xp.multiply(member_probas, weight), axis=0)
        return settle_ties(shares, summed, rounding_of_points(n_members), dtype, xp)


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``borda``."""
    register("borda", Borda)
