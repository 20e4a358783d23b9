"""The weighted mean of the members' predictions, with weights given or learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from ensemblekit import Combiner, InvalidOptionError, NotFittedError, PredictionSet, hookimpl

from ._sums import shaped_like_members, weighted_mean

__all__ = ["Weighted"]


class Weighted(Combiner):
    """Weighted mean of the members: weights given by name, or learned by log loss.

    Parameters
    ----------
    weights : mapping of member name to float, or sequence of shape (n_members,), optional
        Finite, >= 0, with a positive sum; they are divided by it. By default they are learned.
    max_iter : int, default=10000
        Most steps of the learning.
    tol : float, default=1e-10
        Learning ends when a step lowers the mean log loss, in nats, by less.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,)
        Learned weights, >= 0 and summing to 1, in the order of ``members_``.

    Notes
    -----
    ``p[i, c] = sum_m w_m p_m[i, c]`` with ``w`` on the simplex: the linear opinion pool [1]_. Learned weights minimise
    the mean log loss of ``p`` on the rows they are fitted on, a convex problem, by expectation maximisation for mixture
    proportions [2]_: ``w_m <- mean_i w_m p_m[i, y_i] / p[i, y_i]``. Equal weights come first, so members that say the
    same keep the same weight. With ``present`` the weights of the members that are present are divided by their sum.

    References
    ----------
    .. [1] M. Stone, "The opinion pool", Annals of Mathematical Statistics 32(4), 1961.
    .. [2] A. P. Dempster, N. M. Laird, D. B. Rubin, "Maximum likelihood from incomplete data via the EM algorithm",
       Journal of the Royal Statistical Society B 39(1), 1977.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.weighted import Weighted
    >>> Weighted([3, 1]).combine(np.array([[[0.0, 1.0]], [[1.0, 0.0]]]))
    array([[0.25, 0.75]])
    """

    def __init__(
        self,
        weights: Mapping[str, float] | Sequence[float] | None = None,
        *,
        max_iter: int = 10_000,
        tol: float = 1e-10,
    ) -> None:
        self.weights = weights
        self.max_iter = max_iter
        self.tol = tol
        given = frozenset({"idempotent", "bounded", "graphable", "class_equivariant"})
        self.traits = given if weights is not None else given | {"learns"}

    def fit(self, predictions: PredictionSet, *, sample_weight: np.ndarray | None = None) -> Self:
        """Learn the weights; given ones stay.

        Parameters
        ----------
        predictions : PredictionSet
            Labelled predictions of the task ``multiclass``.
        sample_weight : ndarray of shape (n_samples,), optional
            Non-negative weight of each row.

        Returns
        -------
        Weighted
            Itself.

        Raises
        ------
        InvalidOptionError
            If the task is another, or rows are absent.
        """
        if self.weights is not None:
            return self
        if predictions.task != "multiclass" or predictions.present is not None:
            raise InvalidOptionError(
                "weights are learned by log loss from multiclass predictions with every row present; received the "
                f"task {predictions.task!r}{'' if predictions.present is None else ' with absent rows'}. "
                "Give weights={member: weight}."
            )
        codes = predictions.label_codes
        assert codes is not None  # noqa: S101 - fit_combiner requires labels
        likelihood = np.take_along_axis(predictions.member_probas, codes[np.newaxis, ..., np.newaxis], axis=-1)
        likelihood = np.maximum(likelihood.reshape(len(predictions), -1), 1e-15, dtype=np.float64)
        share = (
            np.ones(codes.shape)
            if sample_weight is None
            else np.broadcast_to(sample_weight.reshape(-1, *(1,) * (codes.ndim - 1)), codes.shape)
        )
        self.weights_ = _learn(likelihood, share.ravel() / share.sum(), self.max_iter, self.tol)
        return self

    def combine(self, member_probas: Any, *, present: Any = None, xp: Any = np) -> Any:
        """Average over the members with their weights.

        Parameters
        ----------
        member_probas : array of shape (n_members, n_samples, ..., n_classes)
            Aligned predictions.
        present : array of bool of shape (n_members, n_samples), optional
            Which rows there are; the others are ignored.
        xp : array namespace, default=numpy
            ``numpy`` or ``keras.ops``.

        Returns
        -------
        array of shape (n_samples, ..., n_classes)
            The weighted mean, in the dtype of ``member_probas``.

        Raises
        ------
        NotFittedError
            If weights are neither given nor learned.
        """
        weights = _normalised(self)
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
    if isinstance(weights, Mapping):
        raise InvalidOptionError(
            "weights by name need the members' names: call ensemblekit.combine, or for_members(names) first."
        )
    array = np.asarray(weights, dtype=np.float64)
    return array / array.sum()


def _learn(likelihood: np.ndarray, share: np.ndarray, max_iter: int, tol: float) -> np.ndarray:
    weights = np.full(len(likelihood), 1 / len(likelihood))
    loss = np.inf
    for _ in range(max_iter):
        mixture = weights @ likelihood
        previous, loss = loss, -float(share @ np.log(mixture))
        if previous - loss < tol:
            break
        # Not by BLAS, for which two rows of equal numbers may differ in the last bit.
        weights = weights * (likelihood * (share / mixture)).sum(axis=1)
        weights /= weights.sum()
    return weights


@hookimpl
def ensemblekit_register_combiners(register: Any) -> None:
    """Register ``weighted``."""
    register("weighted", Weighted)
