"""Weights >= 0 that sum to 1: how they are learned, and the combiners that have them."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np

from ensemblekit import Combiner
from ensemblekit.errors import NotFittedError

from .rows import Rows

__all__ = ["LearnedWeights", "maximise_likelihood", "nonnegative_least_squares", "smallest_squared_error"]

_BLOCK = 1 << 19  # values of a block in float64: 4 MB


class LearnedWeights(Combiner):
    """Base of the combiners whose whole fitted state is one weight a member."""

    traits = frozenset({"learns", "idempotent", "bounded", "graphable", "class_equivariant"})
    weights_: np.ndarray

    def combine(self, member_probas: Any, *, present: Any = None, xp: Any = np) -> Any:
        """Average over the members with the learned weights.

        Parameters
        ----------
        member_probas : array of shape (n_members, n_samples, ..., n_classes)
            Aligned predictions, members in the order they were fitted in.
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
            If it was not fitted.
        """
        from ..combiners.weighted import Weighted

        return Weighted(self._learned()).combine(member_probas, present=present, xp=xp)

    def for_members(self, members: tuple[str, ...]) -> Self:
        """Show the learned weights as ``weights``, so that rows without any weight are refused.

        Parameters
        ----------
        members : tuple of str
            Names in the order of the first axis of ``member_probas``.

        Returns
        -------
        Combiner
            A copy.
        """
        settled: Any = copy.copy(self)
        settled.weights = self._learned()
        return settled

    def _learned(self) -> Any:
        if not hasattr(self, "weights_"):
            raise NotFittedError(f"{type(self).__name__} must be fitted before it combines. Call fit_combiner first.")
        return self.weights_


def maximise_likelihood(likelihood: np.ndarray, share: np.ndarray, max_iter: int, tol: float) -> np.ndarray:
    """Mixture proportions by expectation maximisation, from equal ones.

    Parameters
    ----------
    likelihood : ndarray of shape (n_members, n_rows), float64
        Positive.
    share : ndarray of shape (n_rows,)
        Weights of the rows, summing to 1.
    max_iter : int
        Most steps.
    tol : float
        Ends when a step lowers the mean log loss, in nats, by less.

    Returns
    -------
    ndarray of shape (n_members,)
        Weights >= 0 with sum 1.
    """
    weights = np.full(len(likelihood), 1 / len(likelihood))
    term = np.empty(likelihood.shape[1])
    loss = np.inf
    for _ in range(max_iter):
        mixture = weights @ likelihood
        previous, loss = loss, -float(share @ np.log(mixture, out=term))
        if previous - loss < tol:
            break
        responsibility = np.divide(share, mixture, out=mixture)
        # Not by BLAS, for which two rows of equal numbers may differ in the last bit.
        weights = weights * [np.multiply(row, responsibility, out=term).sum() for row in likelihood]
        weights /= weights.sum()
    return weights


def nonnegative_least_squares(rows: Rows) -> np.ndarray:
    """Minimise ``sum_i s_i |y_i - sum_m w_m p_m[i]|^2`` over ``w >= 0``; the weights are not normalised.

    Parameters
    ----------
    rows : Rows
        The squares are summed over classes or outputs.

    Returns
    -------
    ndarray of shape (n_members,)
        Weights >= 0.
    """
    from scipy.optimize import nnls

    factor = _triangular(rows, subtract_truth=False)
    return nnls(factor[:, :-1], factor[:, -1])[0]


def smallest_squared_error(rows: Rows) -> np.ndarray:
    """Minimise ``sum_i s_i |y_i - sum_m w_m p_m[i]|^2`` over weights >= 0 with sum 1.

    Parameters
    ----------
    rows : Rows
        The squares are summed over classes or outputs.

    Returns
    -------
    ndarray of shape (n_members,)
        Weights >= 0 with sum 1.

    Notes
    -----
    With ``sum_m w_m = 1`` the error is ``|R w|^2`` for the members' residuals. Non-negative least squares of ``[R; 1]``
    on ``[0; 1]`` has the same conditions of Karush, Kuhn and Tucker up to the scale of ``w``, hence the same solution
    once divided by its sum.
    """
    from scipy.optimize import nnls

    factor = _triangular(rows, subtract_truth=True)
    scale = np.sqrt(np.square(factor).sum(axis=0).max())
    system = np.vstack([factor / scale if scale else factor, np.ones(factor.shape[1])])
    weights = nnls(system, np.append(np.zeros(len(factor)), 1.0))[0]
    return weights / weights.sum()


def _triangular(rows: Rows, *, subtract_truth: bool) -> np.ndarray:
    """Factor R of the QR of the members' residuals, or of their columns and the truth, block by block."""
    n_members = len(rows.probas)
    root = None if rows.weight is None else np.sqrt(rows.weight)[:, np.newaxis]
    factor = np.zeros((0, n_members + (not subtract_truth)))
    for block in rows.blocks(max(_BLOCK // factor.shape[1], 4 * factor.shape[1])):
        values = rows.probas[:, block].astype(np.float64)
        y = rows.truth(block)
        if subtract_truth:
            values -= y
        else:
            values = np.concatenate([values, y[np.newaxis]])
        if root is not None:
            values *= root[block]
        columns = values.reshape(len(values), -1).T
        factor = np.asarray(np.linalg.qr(np.vstack([factor, columns]), mode="r"))
    return factor
