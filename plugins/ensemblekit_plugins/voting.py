"""Votes of the members: hard, soft, and weighted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ensemblekit import Combiner, InvalidOptionError, hookimpl

from ._sums import epsilon, shaped_like_members, sum_members
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
    >>> from ensemblekit_plugins.voting import Voting
    >>> Voting().combine(np.array([[[0.9, 0.1]], [[0.4, 0.6]], [[0.45, 0.55]], [[0.8, 0.2]]])).round(6)
    array([[0.5, 0.5]])
    """

    def __init__(
        self,
        kind: Literal["hard", "soft"] = "hard",
        weights: Mapping[str, float] | Sequence[float] | None = None,
    ) -> None:
        if kind not in ("hard", "soft"):
            raise InvalidOptionError(f"kind must be 'hard' or 'soft'; received {kind!r}.")
        self.kind = kind
        self.weights = weights
        traits = {"idempotent", "bounded", "class_equivariant"} if kind == "soft" else set[str]()
        self.traits = frozenset(traits | {"graphable"} | ({"symmetric"} if weights is None else set()))
        if kind == "hard":
            self.tasks = frozenset({"multiclass"})

    def combine(self, member_probas: Any, *, present: Any = None, xp: Any = np) -> Any:
        """Count the votes.

        Parameters
        ----------
        member_probas : array of shape (n_members, n_samples, ..., n_classes)
            Aligned predictions, classes in the order of their names.
        present : array of bool of shape (n_members, n_samples), optional
            Which rows there are; the others do not vote.
        xp : array namespace, default=numpy
            ``numpy`` or ``keras.ops``.

        Returns
        -------
        array of shape (n_samples, ..., n_classes)
            Shares of the votes, in the dtype of ``member_probas``.
        """
        weights: Any = self.weights
        equal = weights is None
        if self.kind == "soft":
            rule = Mean() if equal else Weighted(weights)
            return rule.combine(member_probas, present=present, xp=xp)
        # A weight of 100,000 is infinite in float16. Only the ratio counts, and a power of two keeps it exact.
        scaled = np.ones(member_probas.shape[0]) if equal else np.ldexp(weights, -np.frexp(max(weights))[1])
        weight = xp.array(scaled, dtype=member_probas.dtype)
        weight = shaped_like_members(weight, member_probas, xp)
        if present is not None:
            there = shaped_like_members(present, member_probas, xp)
            member_probas = xp.where(there, member_probas, xp.zeros_like(member_probas))
            weight = xp.where(there, weight, xp.zeros_like(weight))
        top = xp.equal(member_probas, xp.max(member_probas, axis=-1, keepdims=True))
        one = xp.ones((), dtype=member_probas.dtype)
        votes = xp.where(top, one, xp.zeros_like(one))
        votes = xp.divide(votes, xp.sum(votes, axis=-1, keepdims=True))
        shares = xp.divide(sum_members(xp.multiply(votes, weight), xp), sum_members(weight, xp))
        summed = sum_members(xp.multiply(member_probas, weight), xp)
        return _settle_ties(shares, summed, member_probas.shape[0], member_probas.dtype, xp)


def _settle_ties(shares: Any, summed: Any, n_members: int, dtype: Any, xp: Any) -> Any:
    # Shares that differ by the rounding of their sums alone are equal.
    rounding = 2 * n_members * epsilon(shares.dtype)
    best = xp.max(shares, axis=-1, keepdims=True)
    tied = xp.greater_equal(shares, xp.subtract(best, xp.array(rounding, dtype=shares.dtype)))
    first = xp.expand_dims(xp.argmax(xp.where(tied, summed, xp.full_like(summed, -1)), axis=-1), -1)
    winner = xp.equal(first, xp.arange(shares.shape[-1]))
    if xp is np:
        shares = shares.astype(dtype, copy=False)
    best = xp.max(shares, axis=-1, keepdims=True)
    rivals = xp.logical_and(xp.logical_or(tied, xp.equal(shares, best)), xp.logical_not(winner))
    nudged = xp.multiply(best, xp.array(1 + epsilon(dtype), dtype=dtype))
    return xp.where(xp.logical_and(winner, xp.any(rivals, axis=-1, keepdims=True)), nudged, shares)


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``voting``."""
    register("voting", Voting)
