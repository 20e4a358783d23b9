"""Quantiles of a mixture of distributions, each of which is given by quantiles at the same levels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["mixture_quantiles"]

BLOCK_VALUES = 2**16
"""Quantiles of all members in one block of rows; some ten arrays of this size are needed at once."""
NEAR = 1e-12
"""Levels that are nearer than this are the same, as sums of weights are rounded."""
HALVINGS = 60
"""Steps of bisection: after these the bracket is as narrow as float64 allows."""


class _Tails(NamedTuple):
    """Mean and standard deviation of the normal tails of each member, shape ``(n_members, n_rows)``; 0 for none."""

    low_mean: np.ndarray
    low_sd: np.ndarray
    high_mean: np.ndarray
    high_sd: np.ndarray


def mixture_quantiles(
    members: np.ndarray, levels: np.ndarray, weights: np.ndarray, *, present: np.ndarray | None = None, normal: bool
) -> np.ndarray:
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

    Returns
    -------
    ndarray of shape (n_rows, n_levels)
        In the dtype of ``members``.
    """
    n_members, n_rows, n_levels = members.shape
    pooled = np.empty((n_rows, n_levels), members.dtype)
    step = max(1, BLOCK_VALUES // (n_members * n_levels))
    for start in range(0, n_rows, step):
        rows = slice(start, start + step)
        values = members[:, rows].astype(np.float64)
        mass = np.repeat(np.asarray(weights, np.float64)[:, np.newaxis], values.shape[1], axis=1)
        if present is not None:
            mass = mass * present[:, rows]
            first = np.take_along_axis(values, mass.argmax(axis=0)[np.newaxis, :, np.newaxis], axis=0)
            values = np.where(present[:, rows, np.newaxis], values, first)
        pooled[rows] = _block(values, levels, mass / mass.sum(axis=0), normal and n_levels > 1)
    return pooled


def _block(values: np.ndarray, levels: np.ndarray, mass: np.ndarray, normal: bool) -> np.ndarray:
    tails = _normal_tails(values, levels) if normal else None
    knots, reached, before = _path(values, levels, mass, tails)
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
        if tails is None:
            low, high = np.where(at > 0, reached[rows, previous], 0.0), before[rows, at]
            share = np.divide(level - low, high - low, out=np.ones_like(low), where=high > low)
            inside = left + np.clip(share, 0, 1) * (right - left)
            inside = np.where(at > 0, inside, right)
        else:
            past = reached[rows, at] < level - NEAR  # the level lies beyond all knots
            left, right = np.where(past, right, left), np.where(past, highest[:, place], right)
            jump &= ~past
            inside = _solve(values, levels, mass, tails, level, left, right, skip=jump)
        found[:, place] = np.clip(np.where(jump, right, inside), lowest[:, place], highest[:, place])
    return np.maximum.accumulate(found, axis=1)


def _path(
    values: np.ndarray, levels: np.ndarray, mass: np.ndarray, tails: _Tails | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sort all quantiles of a row; find what the mixture has reached at each, and just before a jump there.

    Returns
    -------
    knots, reached, before : ndarray of shape (n_rows, n_members * n_levels)
    """
    n_members, n_rows, n_levels = values.shape
    flat = values.transpose(1, 0, 2).reshape(n_rows, -1)
    order = np.argsort(flat, axis=1, kind="stable")
    knots = np.take_along_axis(flat, order, axis=1)
    owner = order // n_levels
    reached = np.zeros_like(knots)
    for member in range(n_members):
        passed = np.cumsum(owner == member, axis=1)
        reached += mass[member][:, np.newaxis] * _distribution(values[member], levels, knots, passed, tails, member)
    # Mass on single numbers: equal quantiles of a member, and what lies beyond its outermost levels.
    jumps = np.diff(levels, prepend=0.0) * (np.diff(values, axis=2, prepend=np.nan) == 0)
    beyond = (None, None) if tails is None else (tails.low_sd, tails.high_sd)
    jumps[..., 0] += np.where(True if beyond[0] is None else beyond[0] == 0, levels[0], 0)
    jumps[..., -1] += np.where(True if beyond[1] is None else beyond[1] == 0, 1 - levels[-1], 0)
    jumps *= mass[..., np.newaxis]
    jumped = np.take_along_axis(jumps.transpose(1, 0, 2).reshape(n_rows, -1), order, axis=1)
    return knots, np.maximum.accumulate(reached, axis=1), reached - jumped


def _distribution(
    own: np.ndarray, levels: np.ndarray, x: np.ndarray, passed: np.ndarray, tails: _Tails | None, member: int
) -> np.ndarray:
    """Evaluate a member's distribution function at ``x``, of whose quantiles ``passed`` are not above it."""
    last = len(levels) - 1
    low, high = np.clip(passed - 1, 0, last), np.clip(passed, 0, last)
    start, end = np.take_along_axis(own, low, axis=1), np.take_along_axis(own, high, axis=1)
    width = end - start
    share = np.divide(x - start, width, out=np.zeros_like(x), where=width > 0)
    reached = levels[low] + np.clip(share, 0, 1) * (levels[high] - levels[low])
    below, above = passed == 0, passed > last
    if tails is None:
        return np.where(below, 0.0, np.where(above, 1.0, reached))
    reached[below] = np.minimum(_normal(x, tails.low_mean[member], tails.low_sd[member], below, 0.0), levels[0])
    reached[above] = np.maximum(_normal(x, tails.high_mean[member], tails.high_sd[member], above, 1.0), levels[-1])
    return reached


def _normal(x: np.ndarray, mean: np.ndarray, sd: np.ndarray, where: np.ndarray, without: float) -> np.ndarray:
    """Evaluate normal distributions, one a row, at some places; ``without`` where there is no tail."""
    from scipy.special import ndtr

    rows = np.nonzero(where)[0]
    spread = sd[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        score = (x[where] - mean[rows]) / spread
    return np.where(spread > 0, ndtr(score), without)


def _normal_tails(values: np.ndarray, levels: np.ndarray) -> _Tails:
    """Fit normal distributions through the two outermost quantiles at each end."""
    from scipy.special import ndtri

    score = ndtri(levels)
    low_sd = (values[..., 1] - values[..., 0]) / (score[1] - score[0])
    high_sd = (values[..., -1] - values[..., -2]) / (score[-1] - score[-2])
    return _Tails(
        values[..., 0] - low_sd * score[0], low_sd, values[..., -1] - high_sd * score[-1], high_sd
    )  # fmt: skip


def _solve(
    values: np.ndarray, levels: np.ndarray, mass: np.ndarray, tails: _Tails, level: float, left: np.ndarray,
    right: np.ndarray, *, skip: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Find by bisection where the mixture reaches a level, in brackets that no quantile of a member divides."""
    from scipy.special import ndtr

    answer = right.copy()
    todo = np.flatnonzero(~skip & (right > left))
    if not len(todo):
        return answer
    start, high = left[todo], right[todo]
    low = start.copy()
    own, share = values[:, todo], mass[:, todo]
    # No quantile lies inside a bracket: each member is linear there, or in one of its tails.
    passed = (own <= start[:, np.newaxis]).sum(axis=2)
    first, past = passed == 0, passed == len(levels)
    at = np.clip(passed, 1, len(levels) - 1)
    ends = [np.take_along_axis(own, place[..., np.newaxis], axis=2)[..., 0] for place in (at - 1, at)]
    inside = ~first & ~past & (ends[1] > ends[0])
    width = np.where(inside, ends[1] - ends[0], 1.0)
    slope = np.where(inside, levels[at] - levels[at - 1], 0.0) / width
    base = np.where(inside, levels[at - 1] + slope * (start - ends[0]), np.where(past, 1.0, 0.0))
    mean = np.where(first, tails.low_mean[:, todo], tails.high_mean[:, todo])
    sd = np.where(first, tails.low_sd[:, todo], tails.high_sd[:, todo])
    curved = (first | past) & (sd > 0)
    base, slope = (share * np.where(curved, 0.0, base)).sum(axis=0), (share * slope).sum(axis=0)
    weight, sd = np.where(curved, share, 0.0), np.where(curved, sd, 1.0)
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
