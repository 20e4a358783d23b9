"""Votes of the members: hard, soft, and weighted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ensemblekit import Combiner, hookimpl

from ..kernels.blocks import Scratch, Where, in_blocks
from ..kernels.columns import column_shape, member_columns, top_columns, write_columns
from ..kernels.presence import by_presence
from ..kernels.sums import shaped_like_members
from ..kernels.ties import scaled_weights, settle_tied_columns, settle_ties
from ..options import check_choice
from .mean import Mean
from .weighted import Weighted

__all__ = ["Voting"]


class Voting(Combiner):
    """Plurality vote of the members, hard or soft, weighted or not.

    Parameters
    ----------
    kind : {"hard", "soft"}, default="hard"
        ``hard``: each member votes for its most probable class. ``soft``: the (weighted) mean of the probabilities.
    weights : mapping of member name to float, or sequence of shape (n_members,), optional
        Weight of each member's vote: finite, >= 0, with a positive sum. By default all the same.

    Notes
    -----
    The result is the share of the votes: ``p[i, c] = sum_m w_m v_m[i, c] / sum_m w_m`` with ``v_m[i, c] = 1/k`` where
    ``c`` is one of the ``k`` most probable classes of member ``m``, else 0.

    Tie rule: classes with equal shares are a tie. It goes to the class with the larger summed probability, then to the
    first by name. The winner of a tie gets one unit in the last place more than its share, so that the largest
    probability says who won.

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
        if kind == "hard":
            self.tasks = frozenset({"multiclass"})

    def combine(self, member_probas: Any, *, present: Any = None, xp: Any = np) -> Any:
        weights: Any = self.weights
        equal = weights is None
        if self.kind == "soft":
            rule = Mean() if equal else Weighted(weights)
            return rule.combine(member_probas, present=present, xp=xp)
        scaled = scaled_weights(weights, member_probas.shape[0])
        if xp is np:
            return _hard(member_probas, None if equal else scaled, present)
        weight = shaped_like_members(xp.array(scaled, dtype=member_probas.dtype), member_probas, xp)
        if present is not None:
            there = shaped_like_members(present, member_probas, xp)
            member_probas = xp.where(there, member_probas, xp.zeros_like(member_probas))
            weight = xp.where(there, weight, xp.zeros_like(weight))
        top = xp.equal(member_probas, xp.max(member_probas, axis=-1, keepdims=True))
        one = xp.ones((), dtype=member_probas.dtype)
        votes = xp.where(top, one, xp.zeros_like(one))
        votes = xp.divide(votes, xp.sum(votes, axis=-1, keepdims=True))
        shares = xp.divide(xp.sum(xp.multiply(votes, weight), axis=0), xp.sum(weight, axis=0))
        summed = xp.sum(xp.multiply(member_probas, weight), axis=0)
        return settle_ties(shares, summed, _rounding(member_probas.shape[0]), member_probas.dtype, xp)


def _rounding(n_members: int) -> int:
    return 2 * n_members  # shares are sums over the members, divided


def _hard(member_probas: np.ndarray, weights: np.ndarray | None, present: Any) -> np.ndarray:
    if present is not None:
        return by_presence(
            lambda some, members: _hard(some, None if weights is None else weights[members], None),
            member_probas,
            present,
        )
    dtype = np.result_type(member_probas.dtype, np.float32)
    shares_of = _count if weights is None else _weigh
    result = np.empty(member_probas.shape[1:], member_probas.dtype)
    weights = np.ones(len(member_probas)) if weights is None else weights

    def vote(where: Where, scratch: Scratch) -> None:
        shares, summed = shares_of(member_probas[(slice(None), *where)], weights.astype(dtype), scratch)
        settle_tied_columns(shares, summed, _rounding(len(weights)), member_probas.dtype)
        write_columns(shares, result[where])

    in_blocks(vote, member_probas.shape, arrays=2, values=2**19)
    return result


def _weigh(members: np.ndarray, weights: np.ndarray, scratch: Scratch) -> tuple[np.ndarray, np.ndarray]:
    shares, summed = (scratch(name, column_shape(members), weights.dtype) for name in ("shares", "summed"))
    shares[:] = summed[:] = 0
    for place, columns in enumerate(member_columns(members, scratch, weights.dtype)):
        top, how_many = top_columns(columns, scratch)
        shares += np.multiply(top, weights[place] / how_many, out=scratch("votes", columns.shape, weights.dtype))
        summed += np.multiply(columns, weights[place], out=columns)
    shares /= np.add.reduce(weights)
    return shares, summed


def _count(members: np.ndarray, weights: np.ndarray, scratch: Scratch) -> tuple[np.ndarray, np.ndarray]:
    # Whole votes are counted in the smallest integers that hold them; rows where a member shares its vote come after.
    shape = column_shape(members)
    counts = scratch("counts", shape, np.min_scalar_type(len(members)))
    summed = scratch("summed", shape, weights.dtype)
    split = scratch("split", shape[1:], np.bool_)
    counts[:] = summed[:] = split[:] = 0
    for columns in member_columns(members, scratch, weights.dtype):
        top, how_many = top_columns(columns, scratch)
        counts += top
        split |= how_many > 1
        summed += columns
    shares = np.divide(counts, weights.dtype.type(len(members)), out=scratch("shares", counts.shape, weights.dtype))
    rows = np.flatnonzero(split)
    if len(rows):
        some = members.reshape(len(members), -1, members.shape[-1])[:, rows]
        shares[:, rows] = _weigh(some, weights, Scratch())[0]
    return shares, summed


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``voting``."""
    register("voting", Voting)
