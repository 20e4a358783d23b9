"""The weighted mean of the members' predictions, with weights given or learned."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np

from ensemblekit import Combiner, PredictionSet, hookimpl
from ensemblekit.errors import InvalidOptionError, NotFittedError

from ..kernels.blocks import Scratch, Where, in_blocks
from ..kernels.normalisation import sum_classes
from ..kernels.sums import add_members, shaped_like_members, sum_dtype, sum_members, weighted_mean, weighted_sum
from ..learning.metrics import Metric, check_metric, default_metric
from ..learning.rows import Rows, likelihoods, rows_of
from ..learning.search import above_chance, best_blend
from ..learning.simplex import maximise_likelihood, smallest_squared_error
from ..options import check_choice, check_count, check_number, check_settled

__all__ = ["Weighted"]


class Weighted(Combiner):
    """Weighted mean of the members: weights given by name, or learned by log loss or any metric.

    Parameters
    ----------
    weights : mapping of member name to float, or sequence of shape (n_members,), optional
        Finite, >= 0, with a positive sum; they are divided by it. By default they are learned.
    metric : str, scorer, callable or None, default=None
        What learned weights make best: the name of a scikit-learn scorer, ``"log_loss"``, ``"brier"``,
        ``"squared_error"`` or ``"absolute_error"``, a scorer, or a callable ``(y_true, y_proba) -> float``, greater is
        better. By default log loss, or squared error for regression.
    learn : {"together", "alone"}, default="together"
        ``together``: the weights whose combination has the best score. ``alone``: each member's weight is what its own
        score is above that of always answering the mean of the labels.
    per_class : bool, default=False
        Learn the weights of each class (label, output) on its own, by log loss of the class against the rest, or
        squared error for regression.
    max_iter : int, default=10000
        Most steps of the learning.
    tol : float, default=1e-10
        Learning by log loss ends when a step lowers the mean log loss, in nats, by less.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,), or (n_members, n_classes) where ``per_class``
        Learned weights, >= 0 and summing to 1 over the members, in the order of ``members_``.

    Notes
    -----
    ``p[i, c] = sum_m w_m p_m[i, c]`` with ``w`` on the simplex: the linear opinion pool [1]_. Weights learned by log
    loss minimise the mean log loss of ``p`` on the rows they are fitted on, a convex problem, by expectation
    maximisation for mixture proportions [2]_: ``w_m <- mean_i w_m p_m[i, y_i] / p[i, y_i]``. Those learned by squared
    error minimise it by non-negative least squares. For any other metric a search starts at equal weights. In each step
    every member may gain or lose a quarter of all weight, the others keeping their proportions; the best move is made,
    the first by name of equals, gains before losses; where none is better the quarter is halved, down to 1/256.
    ``alone`` gives ``w_m`` proportional to ``max(score(p_m) - score(mean label), 0)``, equal weights where all are 0.

    With ``per_class`` it is ``sum_m w_mc p_m[i, c]``, divided by its sum over the classes for multiclass; a row in
    which all these are 0 becomes the plain mean.

    Equal weights come first, so members that say the same keep the same weight under log loss. With ``present`` the
    weights of the members that are present are divided by their sum.

    References
    ----------
    .. [1] M. Stone, "The opinion pool", Annals of Mathematical Statistics 32(4), 1961.
    .. [2] A. P. Dempster, N. M. Laird, D. B. Rubin, "Maximum likelihood from incomplete data via the EM algorithm",
       Journal of the Royal Statistical Society B 39(1), 1977.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.combiners.weighted import Weighted
    >>> Weighted([3, 1]).combine(np.array([[[0.0, 1.0]], [[1.0, 0.0]]]))
    array([[0.25, 0.75]])
    """

    def __init__(
        self,
        weights: Mapping[str, float] | Sequence[float] | None = None,
        *,
        metric: Metric = None,
        learn: Literal["together", "alone"] = "together",
        per_class: bool = False,
        max_iter: int = 10_000,
        tol: float = 1e-10,
    ) -> None:
        check_metric(metric)
        check_choice("learn", learn, ("together", "alone"))
        check_choice("per_class", per_class, (True, False))
        check_count("max_iter", max_iter)
        check_number("tol", tol, 0)
        if per_class and (weights is not None or metric is not None or learn == "alone"):
            raise InvalidOptionError(
                "per_class learns the weights by log loss, or squared error for regression; received "
                f"weights={weights!r}, metric={metric!r}, learn={learn!r} beside it. Leave them out."
            )
        self.weights = weights
        self.metric = metric
        self.learn = learn
        self.per_class = per_class
        self.max_iter = max_iter
        self.tol = tol
        self.traits = frozenset({"idempotent", "graphable"})
        if not per_class:
            self.traits |= {"bounded", "class_equivariant"}
        if weights is None:
            self.traits |= {"learns"}

    def fit(self, predictions: PredictionSet, *, sample_weight: np.ndarray | None = None) -> Self:
        if self.weights is not None:
            return self
        rows = rows_of(predictions, sample_weight, "weights are")
        metric = self.metric or default_metric(rows.task)
        columns = range(rows.probas.shape[-1])
        if self.per_class:
            self.weights_ = np.stack([self._of_column(rows, column) for column in columns], axis=-1)
        elif self.learn == "alone":
            self.weights_ = above_chance(metric, rows)
        elif metric in ("log_loss", "neg_log_loss") and rows.task != "regression":
            likelihood = likelihoods(rows)
            share = np.repeat(rows.share(), likelihood.shape[1] // len(rows.labels))
            self.weights_ = maximise_likelihood(likelihood, share / share.sum(), self.max_iter, self.tol)
        elif metric in ("squared_error", "neg_mean_squared_error", "brier", "neg_brier_score"):
            self.weights_ = smallest_squared_error(rows)
        else:
            self.weights_ = best_blend(metric, rows, self.max_iter)
        return self

    def _of_column(self, rows: Rows, column: int) -> np.ndarray:
        if rows.task != "regression":
            return maximise_likelihood(likelihoods(rows, column=column), rows.share(), self.max_iter, self.tol)
        one = slice(column, column + 1)
        return smallest_squared_error(rows._replace(probas=rows.probas[..., one], labels=rows.labels[:, one]))

    def for_members(self, members: tuple[str, ...]) -> Self:
        learned = getattr(self, "weights_", None)
        if self.weights is not None or learned is None or learned.ndim == 2:
            return super().for_members(members)
        settled = copy.copy(self)
        settled.weights = learned
        return settled

    def combine(self, member_probas: Any, *, present: Any = None, task: str = "multiclass", xp: Any = np) -> Any:
        weights = _normalised(self)
        if weights.ndim == 2:
            return _by_class(member_probas, weights, present, task, xp)
        if xp is np:
            return weighted_mean(member_probas, weights, present)
        weight = shaped_like_members(xp.array(weights, dtype=member_probas.dtype), member_probas, xp)
        if present is None:
            return xp.sum(xp.multiply(member_probas, weight), axis=0)
        there = shaped_like_members(present, member_probas, xp)
        total = xp.sum(xp.multiply(xp.where(there, member_probas, xp.zeros_like(member_probas)), weight), axis=0)
        return xp.divide(total, xp.sum(xp.where(there, weight, xp.zeros_like(weight)), axis=0))


def _normalised(combiner: Weighted) -> np.ndarray:
    weights = combiner.weights if combiner.weights is not None else getattr(combiner, "weights_", None)
    if weights is None:
        raise NotFittedError("weights are neither given nor learned. Give weights, or call fit_combiner first.")
    check_settled(weights)
    array = np.asarray(weights, dtype=np.float64)
    return array / array.sum(axis=0)


def _by_class_fast(member_probas: np.ndarray, weights: np.ndarray, task: str) -> np.ndarray:
    pooled = np.empty(member_probas.shape[1:], sum_dtype(member_probas.dtype))

    def pool(where: Where, scratch: Scratch) -> None:
        members, part = member_probas[(slice(None), *where)], pooled[where]
        add_members(members, weights, part, scratch)
        if task == "multiclass":
            total = sum_classes(part, scratch)
            none = total <= 0
            np.divide(part, np.where(none, 1, total)[..., np.newaxis], out=part)
            if none.any():
                part[none] = weighted_sum(members)[none] / len(weights)

    in_blocks(pool, member_probas.shape, arrays=2)
    return pooled.astype(member_probas.dtype, copy=False)


def _by_class(member_probas: Any, weights: np.ndarray, present: Any, task: str, xp: Any) -> Any:
    if xp is np and present is None:
        return _by_class_fast(member_probas, weights, task)
    shape = (len(weights), *(1,) * (len(member_probas.shape) - 2), weights.shape[1])
    weight = xp.reshape(xp.array(weights, dtype=member_probas.dtype), shape)
    there = None if present is None else shaped_like_members(present, member_probas, xp)
    if there is not None:
        member_probas = xp.where(there, member_probas, xp.zeros_like(member_probas))
        weight = xp.where(there, weight, xp.zeros_like(weight))
    pooled = sum_members(xp.multiply(member_probas, weight), xp)
    one = xp.ones((), dtype=member_probas.dtype)
    if there is not None:
        total = sum_members(weight, xp)
        pooled = xp.divide(pooled, xp.where(xp.greater(total, 0), total, xp.ones_like(total)))
    if task == "multiclass":
        counts = member_probas.shape[0] if there is None else sum_members(xp.where(there, one, xp.zeros_like(one)), xp)
        mean = xp.divide(sum_members(member_probas, xp), counts)
        total = xp.sum(pooled, axis=-1, keepdims=True)
        none = xp.less_equal(total, 0)
        pooled = xp.where(none, mean, xp.divide(pooled, xp.where(none, xp.ones_like(total), total)))
    return pooled.astype(member_probas.dtype, copy=False) if xp is np else xp.cast(pooled, member_probas.dtype)


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``weighted``."""
    register("weighted", Weighted)
