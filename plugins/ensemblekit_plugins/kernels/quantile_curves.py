"""Distribution functions through given quantiles: lines or a monotone cubic spline between them, normal tails."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Curves", "Tails", "lines", "splines"]

GRID = 20
"""Points of the spline between two neighbouring quantiles; between these points it is a line."""


class Tails(NamedTuple):
    """Normal tails beyond the outermost knots, arrays of shape ``(n_members, n_rows)``; a deviation of 0 is none."""

    low_mean: np.ndarray
    low_sd: np.ndarray
    high_mean: np.ndarray
    high_sd: np.ndarray
    share: np.ndarray
    """What the normal distributions have of all mass; the rest lies on single numbers."""


class Curves(NamedTuple):
    """Distribution functions, which are linear between knots.

    Two knots at one number are mass on it. Without a tail all the mass beyond an outermost knot is on it.
    """

    knots: np.ndarray
    """Numbers, shape ``(n_members, n_rows, n_knots)``; they do not decrease along the last axis."""
    reached: np.ndarray
    """The function there, in the same shape, or ``(n_knots,)`` if it is the same for all."""
    tails: Tails | None

    def of(self, member: int) -> Curves:
        """Return what is one member's, without the first axis."""
        return Curves(
            self.knots[member],
            self.reached if self.reached.ndim == 1 else self.reached[member],
            None if self.tails is None else Tails(*(part[member] for part in self.tails)),
        )

    def at(self, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return numbers and function at places of knots, in the shape of ``place``."""
        knots = np.take_along_axis(self.knots, place, axis=-1)
        if self.reached.ndim == 1:
            return knots, self.reached[place]
        return knots, np.take_along_axis(self.reached, place, axis=-1)


def lines(values: np.ndarray, levels: np.ndarray, *, normal: bool) -> Curves:
    """Join quantiles by lines.

    Parameters
    ----------
    values : ndarray of float64 of shape (n_members, n_rows, n_levels)
        Quantiles, which do not decrease along the last axis.
    levels : ndarray of shape (n_levels,)
        Ascending.
    normal : bool
        Whether each tail is that of the normal distribution through the two outermost quantiles.

    Returns
    -------
    Curves
    """
    if not normal or len(levels) == 1:
        return Curves(values, levels, None)
    return Curves(values, levels, _normal_tails(values, levels, np.ones(values.shape[:-1])))


def splines(values: np.ndarray, levels: np.ndarray, *, normal: bool) -> Curves:
    """Join quantiles by a monotone cubic Hermite spline, as the R package distfromq does.

    Parameters
    ----------
    values, levels, normal
        As of `lines`.

    Returns
    -------
    Curves
        Mass on single numbers, where quantiles are equal, is set aside; the spline and the tails are those of the rest.

    Notes
    -----
    At an outermost quantile the slope is the density of the tail, at another the mean of the slopes of the lines on
    both sides; then slopes are made smaller where the spline would not be monotone (Fritsch and Carlson). Equal
    outermost quantiles are mass up to the end. Of two different quantiles each has mass, in the ratio of the tails.
    """
    shape, n_levels = values.shape[:-1], len(levels)
    values = values.reshape(-1, n_levels)
    rises = np.diff(values, axis=1) > 0
    edge = np.ones((len(values), 1), dtype=bool)
    first, last = np.hstack([edge, rises]), np.hstack([rises, edge])
    n_knots = n_levels * (GRID + 2) - GRID
    knots, reached = np.empty((2, len(values), n_knots))
    fields = [np.zeros(len(values)) for _ in Tails._fields]
    n_distinct = first.sum(axis=1)
    for count in np.unique(n_distinct).tolist():
        rows = np.flatnonzero(n_distinct == count)
        places = [np.nonzero(which[rows])[1].reshape(-1, count) for which in (first, last)]
        given = np.take_along_axis(values[rows], places[0], axis=1)
        below, up_to = levels[places[0]], levels[places[1]]
        mass_at_end = (up_to > below) | (not normal)
        below[:, 0] = np.where(mass_at_end[:, 0], 0.0, below[:, 0])
        up_to[:, -1] = np.where(mass_at_end[:, -1], 1.0, up_to[:, -1])
        if count > 2:
            x, p, tails = _spline(given, below, up_to)
            for field, part in zip(fields, tails, strict=True):
                field[rows] = part
        else:
            x, p = _on_single_numbers(given, below, up_to)
        knots[rows], reached[rows] = (_padded(part, n_knots) for part in (x, p))
    tails = Tails(*(field.reshape(shape) for field in fields)) if normal else None
    return Curves(knots.reshape(*shape, -1), reached.reshape(*shape, -1), tails)


def _on_single_numbers(given: np.ndarray, below: np.ndarray, up_to: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    p = np.zeros((len(given), 2 * given.shape[1]))
    p[:, -1] = 1.0
    if given.shape[1] == 2:
        p[:, 1] = p[:, 2] = up_to[:, 0] / (up_to[:, 0] + 1 - below[:, 1])
    return given.repeat(2, axis=1), p


def _spline(given: np.ndarray, below: np.ndarray, up_to: np.ndarray) -> tuple[np.ndarray, np.ndarray, Tails]:
    """Find knots between three or more different quantiles; mass is what lies ``below`` and ``up_to`` each.

    Levels of what is continuous are computed in the order of R: whether one is 1 depends on the last bit.
    """
    mass = up_to - below
    share = 1 - np.cumsum(mass, axis=1, dtype=np.longdouble)[:, -1:].astype(np.float64)
    levels = below.copy()
    for place in range(given.shape[1] - 1):
        levels[:, place + 1 :] -= mass[:, place : place + 1]
    levels = np.clip(levels / share, 0.0, 1.0)
    tails = _normal_tails(given, levels, share[:, 0])
    width, rise = np.diff(given, axis=1), np.diff(levels, axis=1)
    slopes = _slopes(width, rise, levels, tails)
    start, end = (slopes[:, :-1] * width)[..., np.newaxis], (slopes[:, 1:] * width)[..., np.newaxis]
    t, step = np.arange(1, GRID + 1) / (GRID + 1), rise[..., np.newaxis]
    inside = start * t + (3 * step - 2 * start - end) * t**2 + (start + end - 2 * step) * t**3
    x, p = np.empty((2, *given.shape, GRID + 2))
    x[..., 0], x[..., 1], p[..., 0], p[..., 1] = given, given, below, up_to
    x[:, :-1, 2:] = given[:, :-1, np.newaxis] + t * width[..., np.newaxis]
    p[:, :-1, 2:] = up_to[:, :-1, np.newaxis] + share[..., np.newaxis] * np.clip(inside, 0.0, step)
    x, p = (part.reshape(len(given), -1)[:, :-GRID] for part in (x, p))
    return np.maximum.accumulate(x, axis=1), np.maximum.accumulate(p, axis=1), tails


def _slopes(width: np.ndarray, rise: np.ndarray, levels: np.ndarray, tails: Tails) -> np.ndarray:
    from scipy.special import ndtri

    lines = rise / width
    slopes = np.empty_like(levels)
    slopes[:, 1:-1] = (lines[:, 1:] + lines[:, :-1]) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        for end, inner, sd in ((0, 1, tails.low_sd), (-1, -2, tails.high_sd)):
            density = np.exp(-(ndtri(levels[:, end]) ** 2) / 2) / np.sqrt(2 * np.pi) / sd
            slopes[:, end] = np.where(sd > 0, density, slopes[:, inner])
    for place in range(lines.shape[1]):
        pair = slopes[:, place : place + 2]
        size = np.hypot(pair[:, 0], pair[:, 1]) / lines[:, place]
        pair *= np.where(size > 3, 3 / np.maximum(size, 3), 1.0)[:, np.newaxis]
    return slopes


def _normal_tails(values: np.ndarray, reached: np.ndarray, share: np.ndarray) -> Tails:
    """Fit normal distributions through the two outermost quantiles at each end; none where that level is 0 or 1."""
    from scipy.special import ndtri

    score = ndtri(reached[..., [0, 1, -2, -1]])
    low_sd = (values[..., 1] - values[..., 0]) / (score[..., 1] - score[..., 0])
    high_sd = (values[..., -1] - values[..., -2]) / (score[..., 3] - score[..., 2])
    ends = np.where(np.isfinite(score), score, 0.0)
    return Tails(
        values[..., 0] - low_sd * ends[..., 0], low_sd, values[..., -1] - high_sd * ends[..., 3], high_sd, share
    )  # fmt: skip


def _padded(part: np.ndarray, length: int) -> np.ndarray:
    return np.pad(part, ((0, 0), (0, length - part.shape[1])), mode="edge")
