"""Quantiles of a mixture of distributions, each of which is given by quantiles at the same levels."""

from __future__ import annotations

import numpy as np

from .quantile_curves import Curves, Tails, lines, splines
from .quantile_draws import drawn_quantiles

__all__ = ["mixture_quantiles"]

BLOCK_VALUES = 2**16
"""Knots of all members in one block of rows; some ten arrays of this size are needed at once."""
BLOCK_DRAWS = 2**20
"""Drawn quantiles of all members in one block of rows."""
NEAR = 1e-12
"""Levels that are nearer than this are the same, as sums of weights are rounded."""
HALVINGS = 60
"""Steps of bisection: after these the bracket is as narrow as float64 allows."""


def mixture_quantiles(
    members: np.ndarray, levels: np.ndarray, weights: np.ndarray, *, present: np.ndarray | None = None, normal: bool,
    spline: bool = False, draws: int | None = None,
) -> np.ndarray:  # fmt: skip
    """Compute the quantiles of ``sum_m w_m F_m`` at the levels of the members' quantiles.

    Parameters
    ----------
    members : ndarray of shape (n_members, n_rows, n_levels)
        Quantiles, which do not decrease along the last axis.
    levels : ndarray of shape (n_levels,)
        Ascending.
    weights : ndarray of shape (n_members,)
        >= 0, with a positive sum.
    present : ndarray of bool of shape (n_members, n_rows), optional
        Absent rows do not count; some member with a positive weight has each row.
    normal : bool
        Whether each tail is normal, or all the mass beyond an outermost level is on its quantile.
    spline : bool, default=False
        Whether a spline joins the quantiles of a member, or lines.
    draws : int, optional
        Pool so many quantiles of each member, less one, instead of inverting the mixture.

    Returns
    -------
    ndarray of shape (n_rows, n_levels)
        In the dtype of ``members``.
    """
    n_members, n_rows, n_levels = members.shape
    join = splines if spline else lines
    pooled = np.empty((n_rows, n_levels), members.dtype)
    n_knots = join(np.zeros((1, 1, n_levels)), levels, normal=normal).knots.shape[-1]
    step = max(1, BLOCK_VALUES // (n_members * n_knots))
    if draws is not None:
        step = min(step, max(1, BLOCK_DRAWS // (n_members * draws)))
    for start in range(0, n_rows, step):
        rows = slice(start, start + step)
        values = members[:, rows].astype(np.float64)
        mass = np.repeat(np.asarray(weights, np.float64)[:, np.newaxis], values.shape[1], axis=1)
        if present is not None:
            mass = mass * present[:, rows]
            first = np.take_along_axis(values, mass.argmax(axis=0)[np.newaxis, :, np.newaxis], axis=0)
            values = np.where(present[:, rows, np.newaxis], values, first)
        curves = join(values, levels, normal=normal)
        if draws is None:
            pooled[rows] = _inverted(curves, values, levels, mass / mass.sum(axis=0))
        else:
            pooled[rows] = drawn_quantiles(curves, levels, mass, draws)
    return pooled


def _inverted(curves: Curves, values: np.ndarray, levels: np.ndarray, mass: np.ndarray) -> np.ndarray:
    knots, reached, before = _path(curves, mass)
    found = np.empty((values.shape[1], len(levels)))
    lowest, highest = values.min(axis=0), values.max(axis=0)
    rows = np.arange(len(found))
    for place, level in enumerate(levels):
        # The mixture has reached the level where the first member has, and not later than where the last one has.
        at = (reached >= level - NEAR).argmax(axis=1)
        at = np.where(reached[:, -1] >= level - NEAR, at, knots.shape[1] - 1)
        right, jump = knots[rows, at], before[rows, at] < level - NEAR
        previous = np.maximum(at - 1, 0)
        left = np.where(at > 0, knots[rows, previous], lowest[:, place])
        if curves.tails is None:
            low, high = np.where(at > 0, reached[rows, previous], 0.0), before[rows, at]
            share = np.divide(level - low, high - low, out=np.ones_like(low), where=high > low)
            inside = left + np.clip(share, 0, 1) * (right - left)
            inside = np.where(at > 0, inside, right)
        else:
            past = reached[rows, at] < level - NEAR  # the level lies beyond all knots
            left, right = np.where(past, right, left), np.where(past, highest[:, place], right)
            jump &= ~past
            inside = _solve(curves, curves.tails, mass, level, left, right, skip=jump)
        found[:, place] = np.clip(np.where(jump, right, inside), lowest[:, place], highest[:, place])
    return np.maximum.accumulate(found, axis=1)


def _path(curves: Curves, mass: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sort all knots of a row; find what the mixture has reached at each, and just before a jump there.

    Returns
    -------
    knots, reached, before : ndarray of shape (n_rows, n_members * n_knots)
    """
    n_members, n_rows, n_knots = curves.knots.shape
    flat = curves.knots.transpose(1, 0, 2).reshape(n_rows, -1)
    order = np.argsort(flat, axis=1, kind="stable")
    knots = np.take_along_axis(flat, order, axis=1)
    owner = order // n_knots
    reached = np.zeros_like(knots)
    for member in range(n_members):
        passed = np.cumsum(owner == member, axis=1)
        reached += mass[member][:, np.newaxis] * _distribution(curves.of(member), knots, passed)
    # Mass on single numbers: knots at one number, and what lies beyond the outermost knots.
    jumps = np.diff(curves.reached, axis=-1, prepend=0.0) * (np.diff(curves.knots, axis=2, prepend=np.nan) == 0)
    beyond = (None, None) if curves.tails is None else (curves.tails.low_sd, curves.tails.high_sd)
    jumps[..., 0] += np.where(True if beyond[0] is None else beyond[0] == 0, curves.reached[..., 0], 0)
    jumps[..., -1] += np.where(True if beyond[1] is None else beyond[1] == 0, 1 - curves.reached[..., -1], 0)
    jumps *= mass[..., np.newaxis]
    jumped = np.take_along_axis(jumps.transpose(1, 0, 2).reshape(n_rows, -1), order, axis=1)
    return knots, np.maximum.accumulate(reached, axis=1), reached - jumped


def _distribution(curve: Curves, x: np.ndarray, passed: np.ndarray) -> np.ndarray:
    """Evaluate a member's distribution function at ``x``, of whose knots ``passed`` are not above it."""
    last = curve.knots.shape[1] - 1
    start, before = curve.at(np.clip(passed - 1, 0, last))
    end, after = curve.at(np.clip(passed, 0, last))
    width = end - start
    share = np.divide(x - start, width, out=np.zeros_like(x), where=width > 0)
    reached = before + np.clip(share, 0, 1) * (after - before)
    below, above = passed == 0, passed > last
    tails = curve.tails
    if tails is None:
        return np.where(below, 0.0, np.where(above, 1.0, reached))
    low_tail = _normal(x, tails.low_mean, tails.low_sd, tails.share, below, 0.0)
    high_tail = _normal(x, tails.high_mean, tails.high_sd, tails.share, above, 1.0)
    reached[below] = np.minimum(low_tail, before[below])
    on_numbers = 1 - tails.share[np.nonzero(above)[0]]
    reached[above] = np.maximum(np.minimum(on_numbers + high_tail, 1.0), after[above])
    return reached


def _normal(
    x: np.ndarray, mean: np.ndarray, sd: np.ndarray, share: np.ndarray, where: np.ndarray, without: float
) -> np.ndarray:
    """Evaluate normal distributions of some share, one a row, at some places; ``without`` where there is no tail."""
    from scipy.special import ndtr

    rows = np.nonzero(where)[0]
    spread = sd[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        score = (x[where] - mean[rows]) / spread
    return np.where(spread > 0, share[rows] * ndtr(score), without)


def _solve(
    curves: Curves, tails: Tails, mass: np.ndarray, level: float, left: np.ndarray, right: np.ndarray, *,
    skip: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Find by bisection where the mixture reaches a level, in brackets that no knot of a member divides."""
    from scipy.special import ndtr

    answer = right.copy()
    todo = np.flatnonzero(~skip & (right > left))
    if not len(todo):
        return answer
    start, high = left[todo], right[todo]
    low = start.copy()
    open_knots = curves.knots[:, todo]
    reached = curves.reached if curves.reached.ndim == 1 else curves.reached[:, todo]
    own, share = Curves(open_knots, reached, None), mass[:, todo]
    # No knot lies inside a bracket: each member is linear there, or in one of its tails.
    passed = (open_knots <= start[:, np.newaxis]).sum(axis=2, keepdims=True)
    first, past = (passed == 0)[..., 0], (passed == open_knots.shape[2])[..., 0]
    at = np.clip(passed, 1, open_knots.shape[2] - 1)
    (begin, before), (end, after) = ((part[..., 0] for part in own.at(place)) for place in (at - 1, at))
    inside = ~first & ~past & (end > begin)
    width = np.where(inside, end - begin, 1.0)
    slope = np.where(inside, after - before, 0.0) / width
    base = np.where(inside, before + slope * (start - begin), np.where(past, 1.0, 0.0))
    mean = np.where(first, tails.low_mean[:, todo], tails.high_mean[:, todo])
    sd = np.where(first, tails.low_sd[:, todo], tails.high_sd[:, todo])
    curved = (first | past) & (sd > 0)
    part = tails.share[:, todo]
    base = (share * np.where(curved, np.where(past, 1 - part, 0.0), base)).sum(axis=0)
    slope = (share * slope).sum(axis=0)
    weight, sd = np.where(curved, share * part, 0.0), np.where(curved, sd, 1.0)
    bent = curved.any(axis=0)
    # Without a tail the solution is that of a line.
    with np.errstate(divide="ignore", invalid="ignore"):
        line = np.where(slope > 0, start + (level - base) / slope, high)
    high = np.where(bent, high, np.clip(line, start, high))
    rows = np.flatnonzero(bent)
    low, top, start, base, slope = low[rows], high[rows], start[rows], base[rows], slope[rows]
    mean, sd, weight = mean[:, rows], sd[:, rows], weight[:, rows]
    for _ in range(HALVINGS if len(rows) else 0):
        middle = low + (top - low) / 2
        over = base + slope * (middle - start) + (weight * ndtr((middle - mean) / sd)).sum(axis=0) >= level
        top, low = np.where(over, middle, top), np.where(over, low, middle)
    high[rows] = top
    answer[todo] = high
    return answer
