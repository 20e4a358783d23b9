"""Quantiles of evenly spaced quantiles of several distributions, as the R package hubEnsembles pools them."""

from __future__ import annotations

import numpy as np

from .quantile_curves import Curves

__all__ = ["drawn_quantiles"]


def drawn_quantiles(curves: Curves, levels: np.ndarray, weights: np.ndarray, draws: int) -> np.ndarray:
    """Pool ``draws - 1`` quantiles of each member: the smallest up to which there is enough weight.

    Parameters
    ----------
    curves : Curves
        The members' distributions.
    levels : ndarray of shape (n_levels,)
        Ascending.
    weights : ndarray of shape (n_members, n_rows)
        >= 0, 0 for an absent row, with a positive sum in each row.
    draws : int
        Two or more. The levels of the quantiles are 2, 3, ..., ``draws`` of ``draws + 1`` equal steps: hubEnsembles
        leaves out the first.

    Returns
    -------
    ndarray of float64 of shape (n_rows, n_levels)

    Notes
    -----
    Sums are rounded as in R, in extended precision and then to float64, where the platform has it: whether a level is
    reached exactly depends on it.
    """
    numbers = _drawn(curves, np.linspace(0, 1, draws + 2)[2:-1])
    numbers = numbers.transpose(1, 0, 2).reshape(weights.shape[1], -1)
    order = np.argsort(numbers, axis=1, kind="stable")  # quick, as each member's are in order
    total = weights.astype(np.longdouble).sum(axis=0) * (draws - 1)
    mass = (weights / total.astype(np.float64)).T
    owner = order // (draws - 1)
    reached = np.cumsum(np.take_along_axis(mass, owner, axis=1), axis=1, dtype=np.longdouble).astype(np.float64)
    at = np.take_along_axis(order, _first_at_least(reached, levels), axis=1)
    return np.take_along_axis(numbers, at, axis=1)


def _drawn(curves: Curves, at: np.ndarray) -> np.ndarray:
    """Find the quantiles of each distribution at ascending levels, shape ``(n_members, n_rows, len(at))``."""
    from scipy.special import ndtri

    *shape, n_knots = curves.knots.shape
    reached = np.broadcast_to(curves.reached, curves.knots.shape)
    knots, reached = (part.reshape(-1, n_knots) for part in (curves.knots, reached))
    # How many levels lie between two knots, before the first and beyond the last.
    passed = np.searchsorted(at, reached.ravel(), side="right").reshape(reached.shape)
    counts = np.diff(passed, axis=1, prepend=0, append=len(at)).ravel()
    width, rise = np.diff(knots, axis=1), np.diff(reached, axis=1)
    slope = np.pad(np.divide(width, rise, out=np.zeros_like(width), where=rise > 0), ((0, 0), (1, 1)))
    start, low = (np.pad(part, ((0, 0), (1, 0)), mode="edge") for part in (knots, reached))
    start, low, slope = (part.ravel().repeat(counts).reshape(-1, len(at)) for part in (start, low, slope))
    found = start + slope * (at - low)
    if curves.tails is not None:
        tails = [np.broadcast_to(part.reshape(-1, 1), found.shape) for part in curves.tails]
        low_mean, low_sd, high_mean, high_sd, share = tails
        below = (at < reached[:, :1]) & (low_sd > 0)
        above = (at > reached[:, -1:]) & (high_sd > 0)
        level = np.broadcast_to(at, found.shape)
        found[below] = low_mean[below] + low_sd[below] * ndtri(level[below] / share[below])
        rest = 1 - (1 - level[above]) / share[above]
        found[above] = high_mean[above] + high_sd[above] * ndtri(rest)
    return found.reshape(*shape, -1)


def _first_at_least(reached: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Find in each ascending row the first place that has reached each level, the last if none has."""
    low = np.zeros((len(reached), len(levels)), dtype=np.intp)
    high = np.full_like(low, reached.shape[1] - 1)
    for _ in range(int(reached.shape[1]).bit_length()):
        middle = (low + high) // 2
        enough = np.take_along_axis(reached, middle, axis=1) >= levels
        high, low = np.where(enough, middle, high), np.where(enough, low, np.minimum(middle + 1, high))
    return high
