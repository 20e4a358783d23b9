"""Weights >= 0 with sum 1 that have the smallest pinball loss, by linear programming."""

from __future__ import annotations

import numpy as np

from ensemblekit.quantiles.levels import pinball

__all__ = ["smallest_pinball"]

FEW = 20_000
"""So many errors are solved at once. Of more, those are solved whose sign is not settled by the others."""
NEAR = 0.1
"""Share of the errors that are taken for unsettled at first: those nearest to 0."""


def smallest_pinball(errors: np.ndarray, levels: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, float]:
    """Minimise the mean pinball loss of a weighted mean of quantiles.

    Parameters
    ----------
    errors : ndarray of float64 of shape (n_members, n_rows, n_levels)
        The true number less the quantile.
    levels : ndarray of shape (n_levels,)
        Levels of the quantiles.
    share : ndarray of shape (n_rows,)
        Weights of the rows; they sum to 1.

    Returns
    -------
    weights : ndarray of shape (n_members,)
        >= 0 with sum 1.
    loss : float
        Their loss, the mean over the levels.

    Notes
    -----
    As ``rho_t(u) = max over a in [t - 1, t] of a u``, the problem is a game, ``max over a of min over m of sum a u_m``:
    a linear program with one row a member, whose dual variables are the weights. An error that stays far from 0 has its
    ``a`` at a bound, so that it enters the program as a constant [1]_. The signs are then checked, and the errors whose
    sign was wrong enter the program, until none is: the result is that of the whole program.

    References
    ----------
    .. [1] S. Portnoy, R. Koenker, "The Gaussian hare and the Laplacian tortoise: computability of squared-error versus
       absolute-error estimators", Statistical Science 12(4), 1997.
    """
    n_members, n_rows, n_levels = errors.shape
    flat = errors.reshape(n_members, -1)
    level = np.tile(levels, n_rows)
    mass = np.repeat(share / n_levels, n_levels)
    scale = float(np.abs(flat).max(initial=0))
    if n_members == 1 or scale == 0:
        weights = np.full(n_members, 1 / n_members)
    else:
        flat = flat / scale
        weights = _game(flat, level, mass) if flat.shape[1] <= FEW else _settled(flat, level, mass)
        flat *= scale
    return weights, float(mass @ pinball(weights @ flat, level))


def _settled(flat: np.ndarray, level: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Solve the program for the errors whose sign the weights of a sample leave open; then check the others."""
    n_errors = flat.shape[1]
    drawn = np.sort(np.random.default_rng(0).choice(n_errors, FEW // 2, replace=False))
    mixed = _game(flat[:, drawn], level[drawn], mass[drawn]) @ flat
    unsettled = np.abs(mixed) <= np.partition(np.abs(mixed), int(NEAR * n_errors))[int(NEAR * n_errors)]
    while True:
        fixed = np.where(unsettled, 0.0, np.where(mixed > 0, level, level - 1) * mass)
        weights = _game(flat[:, unsettled], level[unsettled], mass[unsettled], constant=flat @ fixed)
        new = weights @ flat
        wrong = ~unsettled & (new * mixed < 0)
        if not wrong.any():
            return weights
        unsettled |= wrong


def _game(flat: np.ndarray, level: np.ndarray, mass: np.ndarray, constant: np.ndarray | None = None) -> np.ndarray:
    """Solve ``max t`` subject to ``t <= constant_m + sum_i a_i mass_i flat_mi`` and ``level - 1 <= a <= level``."""
    from scipy.optimize import linprog

    n_members, n_errors = flat.shape
    constant = np.zeros(n_members) if constant is None else constant
    # Columns of numbers near 1 whatever the number of rows: the solver's tolerances are absolute.
    unit = mass.mean() if mass.any() else 1.0
    solved = linprog(
        np.append(np.zeros(n_errors), -1.0),
        A_ub=np.column_stack([-flat * (mass / unit), np.ones(n_members)]),
        b_ub=constant / unit,
        bounds=np.concatenate([np.column_stack([level - 1, level]), [[-np.inf, np.inf]]]),
        method="highs",
    )
    if solved.status != 0:
        raise FloatingPointError(f"the linear program of the weights has no solution: {solved.message}")
    weights = np.maximum(-np.asarray(solved.ineqlin.marginals), 0)
    return weights / weights.sum()
