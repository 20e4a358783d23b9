"""Functions that learn weights >= 0 with sum 1, by likelihood or by squared error."""

from __future__ import annotations

import numpy as np

from .least_squares import factorise, solve_convex
from .rows import Rows

__all__ = ["maximise_likelihood", "smallest_squared_error"]


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
    With ``sum_m w_m = 1`` the error is ``|R w|^2``, where ``R`` are the members' residuals.
    """
    return solve_convex(factorise(rows, residuals=True).triangle)
