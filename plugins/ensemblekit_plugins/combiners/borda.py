"""The Borda count: each member ranks the classes, and the ranks are points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ensemblekit import Combiner, hookimpl

from ..kernels.blocks import Scratch, Where, in_blocks
from ..kernels.columns import column_shape, member_columns, write_columns
from ..kernels.presence import by_presence
from ..kernels.sums import shaped_like_members
from ..kernels.ties import scaled_weights, settle_tied_columns, settle_ties

__all__ = ["Borda"]

PAIRWISE_CLASSES = 32
"""Up to so many classes, comparing each with each is quicker than sorting them."""


class Borda(Combiner):
    """Borda count: each member ranks the classes of a row, and a class gets a point for each that it beats.

    Parameters
    ----------
    weights : mapping of member name to float, or sequence of shape (n_members,), optional
        Weight of each member's points: finite, >= 0, with a positive sum. By default all the same.

    Notes
    -----
    A member gives ``b_m[i, c] = #{d: p_m[i, d] < p_m[i, c]} + #{d != c: p_m[i, d] = p_m[i, c]} / 2`` points: from 0 to
    ``C - 1``, and classes that are tied share theirs (mid-ranks). The result is the share of the points, ``p[i, c] =
    sum_m w_m b_m[i, c] / (sum_m w_m C (C - 1) / 2)``. Only the order of a member's probabilities counts, so members
    need not be calibrated. With ``present`` only the members that are present give points.

    Tie rule: classes with equal shares are a tie. It goes to the class with the larger summed probability, then to the
    first by name. The winner of a tie gets one unit in the last place more than its share, so that the largest
    probability says who won.

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
            return _borda(member_probas, weights, present, equal=self.weights is None)
        weight = shaped_like_members(xp.array(weights, dtype=dtype), member_probas, xp)
        if present is not None:
            there = shaped_like_members(present, member_probas, xp)
            member_probas = xp.where(there, member_probas, xp.zeros_like(member_probas))
            weight = xp.where(there, weight, xp.zeros_like(weight))
        one = xp.ones((), dtype=dtype)
        mine, other = xp.expand_dims(member_probas, -1), xp.expand_dims(member_probas, -2)
        beats = xp.where(xp.greater(mine, other), one, xp.zeros_like(one))
        ties = xp.where(xp.equal(mine, other), one, xp.zeros_like(one))
        # Twice the points; each class is tied with itself.
        points = xp.subtract(xp.sum(xp.add(xp.add(beats, beats), ties), axis=-1), one)
        n_classes = member_probas.shape[-1]
        most = xp.multiply(xp.sum(weight, axis=0), xp.array(n_classes, dtype=dtype))
        share = xp.divide(points, xp.array(n_classes - 1, dtype=dtype))
        shares = xp.divide(xp.sum(xp.multiply(share, weight), axis=0), most)
        summed = xp.sum(xp.multiply(member_probas, weight), axis=0)
        return settle_ties(shares, summed, _rounding(n_members), dtype, xp)


def _rounding(n_members: int) -> int:
    return 2 * n_members + 2


def _borda(member_probas: np.ndarray, weights: np.ndarray, present: Any, *, equal: bool) -> np.ndarray:
    if present is not None:
        return by_presence(
            lambda some, members: _borda(some, weights[members], None, equal=equal), member_probas, present
        )
    n_members, n_classes = len(member_probas), member_probas.shape[-1]
    dtype = np.result_type(member_probas.dtype, np.float32)
    weights = weights.astype(dtype)
    most = dtype.type(n_classes * (n_classes - 1)) * np.add.reduce(weights)
    # Points without weights are whole numbers, and what is equal is equal. Twice the points are counted from C - 1 on,
    # so that they take few bits.
    rounding, together = (2, n_members) if equal else (_rounding(n_members), 1)
    least = dtype.type(together * (n_classes - 1))
    rank = _compare_each if n_classes <= PAIRWISE_CLASSES else _sort
    result = np.empty(member_probas.shape[1:], member_probas.dtype)

    def count(where: Where, scratch: Scratch) -> None:
        members = member_probas[(slice(None), *where)]
        points = scratch("points", column_shape(members), np.min_scalar_type(-together * n_classes))
        total, summed = (scratch(name, points.shape, dtype) for name in ("total", "summed"))
        points[:] = total[:] = summed[:] = 0
        for place, columns in enumerate(member_columns(members, scratch, dtype)):
            rank(columns, points, scratch)
            if not equal:
                weighted = np.add(points, least, out=scratch("weighted", columns.shape, dtype))
                weighted *= weights[place]
                total += weighted
                points[:] = 0
                columns *= weights[place]
            summed += columns
        if equal:
            np.add(points, least, out=total)
        total /= most
        settle_tied_columns(total, summed, rounding, member_probas.dtype)
        write_columns(total, result[where])

    in_blocks(count, member_probas.shape, arrays=1)
    return result


def _compare_each(columns: np.ndarray, points: np.ndarray, scratch: Scratch) -> None:
    # How many classes each beats, less how many beat it: twice its points, less C - 1.
    for shift in range(1, len(columns)):
        upper, lower = columns[shift:], columns[:-shift]
        beats, beaten = (scratch(name, upper.shape, np.bool_) for name in ("beats", "beaten"))
        np.greater(upper, lower, out=beats)
        np.less(upper, lower, out=beaten)
        margin = beats.view(np.int8)
        margin -= beaten.view(np.int8)
        points[shift:] += margin
        points[:-shift] -= margin


def _sort(columns: np.ndarray, points: np.ndarray, scratch: Scratch) -> None:
    order = np.argsort(columns, axis=0)
    ordered = np.take_along_axis(columns, order, axis=0)
    place = np.arange(len(columns))[:, np.newaxis]
    new = np.ones(ordered.shape, bool)
    new[1:] = ordered[1:] != ordered[:-1]
    first = np.maximum.accumulate(np.where(new, place, 0), axis=0)
    ends = np.roll(new, -1, axis=0)  # where the next begins; the first is new, so the last ends
    last = np.minimum.accumulate(np.where(ends, place, len(columns))[::-1], axis=0)[::-1]
    ranks = np.empty(columns.shape, points.dtype)
    np.put_along_axis(ranks, order, (first + last - (len(columns) - 1)).astype(points.dtype), axis=0)
    points += ranks


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``borda``."""
    register("borda", Borda)
