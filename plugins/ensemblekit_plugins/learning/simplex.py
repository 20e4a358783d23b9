"""Functions that learn weights >= 0 with sum 1, by likelihood or by squared error."""

from __future__ import annotations

import numpy as np

from .rows import Rows

__all__ = ["maximise_likelihood", "nonnegative_least_squares", "smallest_squared_error"]

BLOCK_VALUES = 2**19
"""Values of a block in float64: 4 MB."""


def maximise_likelihood(likelihood: np.ndarray, share: np.ndarray, max_iter: int, tol: float) -> np.ndarray:
    """Return mixture proportions by expectation maximisation, from equal proportions.

    Parameters
    ----------
    likelihood : ndarray of shape (n_members, n_rows), float64
        Positive.
    share : ndarray of shape (n_rows,)
        Weights of the rows; they sum to 1.
    max_iter : int
        Maximum number of steps.
    tol : float
        The learning ends if a step lowers the mean log loss by less than this, in nats.

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
        # BLAS is not used here, because it may give different last bits for two rows of equal numbers.
        weights = weights * [np.multiply(row, responsibility, out=term).sum() for row in likelihood]
        weights /= weights.sum()
    return weights


def nonnegative_least_squares(rows: Rows) -> np.ndarray:
    """Minimise ``sum_i s_i |y_i - sum_m w_m p_m[i]|^2`` over ``w >= 0``; the weights are not normalised.

    Parameters
    ----------
    rows : Rows
        Labelled rows; the squares are summed over classes or outputs.

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
        Labelled rows; the squares are summed over classes or outputs.

    Returns
    -------
    ndarray of shape (n_members,)
        Weights >= 0 with sum 1.

    Notes
    -----
    With ``sum_m w_m = 1`` the error is ``|R w|^2``, where ``R`` are the members' residuals. Non-negative least squares
    of ``[R; 1]`` on ``[0; 1]`` has the same Karush-Kuhn-Tucker conditions up to the scale of ``w``, so its solution
    divided by its sum is the same.
    """
    from scipy.optimize import nnls

    factor = _triangular(rows, subtract_truth=True)
    scale = np.sqrt(np.square(factor).sum(axis=0).max())
    system = np.vstack([factor / scale if scale else factor, np.ones(factor.shape[1])])
    weights = nnls(system, np.append(np.zeros(len(factor)), 1.0))[0]
    return weights / weights.sum()


def _triangular(rows: Rows, *, subtract_truth: bool) -> np.ndarray:
    """Return R of the block-wise QR factorisation of the members' residuals, or of their columns and the truth."""
    n_members = len(rows.probas)
    root = None if rows.weight is None else np.sqrt(rows.share())[:, np.newaxis]
    factor = np.zeros((0, n_members + (not subtract_truth)))
    for block in rows.blocks(max(BLOCK_VALUES // factor.shape[1], 4 * factor.shape[1])):
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
