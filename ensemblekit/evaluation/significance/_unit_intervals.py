"""Intervals and p values that hold for few rows or groups, and say so where nothing can be told."""

from __future__ import annotations

import copy
import functools
import math
from dataclasses import dataclass

import numpy as np

from .._weighted import Statistic
from ._resampling import BLOCK, Interval, count_groups, draw_counts

__all__ = [
    "WIDEST", "Draws", "Ends", "Told", "contributions", "effective_units", "fewest_units", "of_units", "percentiles",
    "share_interval", "too_few", "unvaried",
]  # fmt: skip

TAPER = 20
"""Up to so many units the added one has the weight of a unit; with more, its share falls with their square."""
HUGE = 1e100
"""Units as large, or as small as its inverse, are scaled."""
WIDEST = 2.0
"""A range at most this wide is taken as it is; the end of a wider one is estimated from the units."""


@dataclass(frozen=True)
class Ends:
    """The smallest and largest value that a figure can have; and how far apart two units can be, if that is known.

    Attributes
    ----------
    low, high : float
        May be infinite.
    step : float, optional
        Difference of the two units that are added to those of a difference; by default their root mean square.
    difference : bool
        Whether the figure is the difference of two models, which is 0 if they are equal.
    """

    low: float
    high: float
    step: float | None = None
    difference: bool = False


@dataclass(frozen=True)
class Told:
    """An interval and the p value of one figure; ``enough`` is False if there are too few units to tell anything."""

    low: float
    high: float
    p_value: float = 1.0
    enough: bool = True


def fewest_units(confidence: float) -> int:
    """Count the units below which no test that assumes nothing can exclude a value: ``2^(1 - n) <= 1 - confidence``."""
    return 1 + math.ceil(-math.log2(1 - confidence) - 1e-9)


def too_few(ends: Ends) -> Told:
    """Say that every value is possible."""
    return Told(ends.low, ends.high, enough=False)


def unvaried(value: float, ends: Ends, n: float, confidence: float) -> Told:
    """Bound a figure to which all units contribute the same, by as many units at the ends as may not have been seen.

    Parameters
    ----------
    value : float
        The figure.
    ends : Ends
        What values are possible. If that is unlimited, units may be as far away as the value is from 0.
    n : float
        Number of units.
    confidence : float
        In (0, 1).

    Returns
    -------
    Told
        Without an end, and without a value to measure by, nothing can be told.
    """
    low = ends.low if math.isfinite(ends.low) else value - abs(value)
    high = ends.high if math.isfinite(ends.high) else value + abs(value)
    if not low < high:
        return too_few(ends)
    unseen = share_interval(0, n, confidence)[1]
    return Told(value - unseen * (value - low), value + unseen * (high - value))


class Draws:
    """Random weights of units, drawn once for all metrics and models.

    Parameters
    ----------
    n : int
        Number of units.
    n_resamples : int
        Number of draws.
    seed : int
        Seed, >= 0.
    """

    def __init__(self, n: int, n_resamples: int, seed: int) -> None:
        self.n, self.n_resamples, self.seed = n, n_resamples, seed

    @functools.cached_property
    def counts(self) -> np.ndarray:
        """How often each unit is drawn, shape ``(n, n_resamples)``."""
        return draw_counts(np.random.default_rng(self.seed), self.n, self.n_resamples)

    def spaced(self, units: np.ndarray, ends: Interval, *, is_whole: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Compute means of the units and of one more, at each of two ends, with the spacings of a sample as weights.

        Parameters
        ----------
        units : ndarray of shape (n,)
            What each unit contributes.
        ends : tuple of float
            The two values of the added unit.
        is_whole : bool, default=False
            Whether the added unit weighs as much as the others, however many there are.

        Returns
        -------
        tuple of ndarray of shape (n_resamples,)
            With the added unit at the first of the ends, and at the second.
        """
        rng, drawn, totals = self._exponentials
        shape = 1.0 if is_whole else min(1.0, TAPER / self.n)
        added = copy.deepcopy(rng).gamma(shape, size=self.n_resamples)
        inner, total = units @ drawn, totals + added
        low, high = ends
        return (inner + low * added) / total, (inner + high * added) / total

    @functools.cached_property
    def _exponentials(self) -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.seed, 1])
        drawn = rng.exponential(size=(self.n, self.n_resamples))
        return rng, drawn, drawn.sum(axis=0)

    @functools.cached_property
    def signs(self) -> np.ndarray:
        """Signs of units, shape ``(n, n_signs)``: all of them if they are no more than the draws, else random ones."""
        if self.all_signs:
            codes = np.arange(1 << (self.n - 1))
            return np.where((codes >> np.arange(self.n)[:, np.newaxis]) & 1, -1.0, 1.0)
        rng = np.random.default_rng([self.seed, 2])
        shape = self.n, self.n_resamples
        size = math.prod(shape)
        bits = np.unpackbits(np.frombuffer(rng.bytes(-(-size // 8)), dtype=np.uint8), count=size)
        return bits.reshape(shape) * 2.0 - 1

    @property
    def all_signs(self) -> bool:
        """Whether `signs` are all that there are; of each two opposite ones there is one."""
        return self.n <= 40 and 1 << (self.n - 1) <= self.n_resamples


def effective_units(places: np.ndarray, weights: np.ndarray | None) -> float:
    """Count the units of equal weight that would tell as much: ``sum(w)^2 / sum(w^2)``."""
    sums = np.bincount(places, weights)
    return float(sums.sum() ** 2 / (sums**2).sum())


def contributions(
    statistic: Statistic, places: np.ndarray, *, rows: np.ndarray | None = None, weights: np.ndarray | None = None
) -> np.ndarray | None:
    """Compute what each unit contributes to a figure: the pseudo-values of the jackknife.

    Parameters
    ----------
    statistic : callable
        The figure as a function of the weights of rows.
    places : ndarray of int of shape (n_samples,)
        The unit of each row.
    rows, weights : ndarray of shape (n_samples,), optional
        If the figure is a mean: the values of the rows, and their weights unless these are equal.

    Returns
    -------
    ndarray of shape (n_units,) or None
        For a mean over rows that each are a unit, the values of the rows. None if there is no figure without some unit.
    """
    n = count_groups(places)
    if n < 2:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        if rows is not None:
            mass = np.bincount(places, weights).astype(np.float64)
            sums = np.bincount(places, rows if weights is None else rows * weights)
            whole = float(sums.sum() / mass.sum())
            left_out = (sums.sum() - sums) / (mass.sum() - mass)
        else:
            whole, left_out = float(statistic(np.ones((len(places), 1)))[0]), np.empty(n)
            step = max(1, BLOCK // len(places))
            for start in range(0, n, step):
                left = np.arange(start, min(start + step, n))
                left_out[left] = statistic((places[:, np.newaxis] != left).astype(np.float64))
        units = n * whole - (n - 1) * left_out
    return units if np.isfinite(units).all() else None


def share_interval(n_right: float, n: float, confidence: float) -> Interval:
    """Compute the exact interval of Clopper and Pearson; the numbers need not be whole."""
    from scipy.special import betainccinv, betaincinv

    tail = (1 - confidence) / 2
    low = float(betaincinv(n_right, n - n_right + 1, tail)) if n_right > 0 else 0.0
    high = float(betainccinv(n_right + 1, n - n_right, tail)) if n_right < n else 1.0
    return low, high


def of_units(
    units: np.ndarray | None,
    ends: Ends,
    draws: Draws,
    confidence: float,
    *,
    null: float = 0.0,
    n_effective: float | None = None,
    resampled: np.ndarray | None = None,
    largest: float | None = None,
) -> Told:
    """Compute the interval of the mean of units, and the p value of one value of it.

    Parameters
    ----------
    units : ndarray of shape (n_units,) or None
        From `contributions`.
    ends : Ends
        What values are possible.
    draws : Draws
        For as many units.
    confidence : float
        In (0, 1).
    null : float, default=0
        The value that is tested.
    n_effective : float, optional
        Number of units of equal weight that would tell as much.
    resampled : ndarray of shape (n_resamples,), optional
        The figure of each resample, for figures that are no means.
    largest : float, optional
        For the mean of rows with bounded values: the weight of the heaviest unit, in units of their mean weight.

    Returns
    -------
    Told
        The interval is the widest, on each side, of several: Student's, the studentized bootstrap, the spacings with
        one unit added, and the percentiles of ``resampled``. The p value is the largest one of theirs. With ``largest``
        the interval is cut to the one that holds for all values in the range, without any other assumption.
    """
    n = len(units) if units is not None else 0
    effective = min(n, n if n_effective is None else n_effective)
    if units is None or effective < fewest_units(confidence) - 1e-9:
        return too_few(ends)
    size = float(np.abs(units).max())
    if not size and not ends.difference and ends.high - ends.low > WIDEST:
        return unvaried(0.0, ends, effective, confidence)
    if size and not 1 / HUGE < size < HUGE:  # squares of such numbers are infinite, or 0
        scaled = Ends(ends.low / size, ends.high / size, ends.step and ends.step / size, ends.difference)
        told = of_units(
            units / size, scaled, draws, confidence, null=null / size, n_effective=n_effective,
            resampled=None if resampled is None else resampled / size, largest=largest,
        )  # fmt: skip
        return Told(told.low * size, told.high * size, told.p_value)
    parts = [
        _student(units, ends, confidence, null, effective),
        _studentized(units, ends, draws, confidence, null),
        _spaced(units, ends, draws, confidence, null),
    ]
    if resampled is not None:
        parts.append(percentiles(resampled, resampled, confidence, null))
    low, high, p_value = (np.array(part) for part in zip(*parts, strict=True))
    least, most = ends.low, ends.high
    if largest is not None and math.isfinite(least) and math.isfinite(most):
        bounds = min(least * largest, least), max(most * largest, most)
        low_cut, high_cut, _ = percentiles(*draws.spaced(units, bounds, is_whole=True), confidence, null)
        least, most = max(least, low_cut), min(most, high_cut)
    return Told(max(float(np.nanmin(low)), least), min(float(np.nanmax(high)), most), float(p_value.max()))


def percentiles(
    low_draws: np.ndarray, high_draws: np.ndarray, confidence: float, null: float
) -> tuple[float, float, float]:
    """Compute the interval between two quantiles, and the p value of the two tails beyond a value."""
    known = low_draws[~np.isnan(low_draws)]
    also = known if high_draws is low_draws else high_draws[~np.isnan(high_draws)]
    if not len(known) or not len(also):
        return np.nan, np.nan, 1.0
    tail = (1 - confidence) / 2
    fewer = min((known <= null).sum(), (also >= null).sum())
    p_value = min(1.0, 2 * (int(fewer) + 1) / (len(known) + 1))
    if also is known:
        low, high = np.quantile(known, [tail, 1 - tail])
        return float(low), float(high), p_value
    return float(np.quantile(known, tail)), float(np.quantile(also, 1 - tail)), p_value


def _student(
    units: np.ndarray, ends: Ends, confidence: float, null: float, effective: float
) -> tuple[float, float, float]:
    from scipy.special import stdtr, stdtrit

    n = len(units)
    if ends.difference:
        step = ends.step or float(np.sqrt(np.mean(units**2))) or min(ends.high, 1.0)
        center = float(units.sum()) / (n + 2)
        spread = math.sqrt((((units - center) ** 2).sum() + 2 * (step**2 + center**2)) / (n + 1) / (n + 2))
    else:
        center, spread = float(units.mean()), float(units.std(ddof=1)) / math.sqrt(n)
    free = effective - 1
    half = float(stdtrit(free, 0.5 + confidence / 2)) * spread
    p_value = float(2 * stdtr(free, -abs(center - null) / spread)) if spread else float(center == null)
    return center - half, center + half, p_value


def _studentized(
    units: np.ndarray, ends: Ends, draws: Draws, confidence: float, null: float
) -> tuple[float, float, float]:
    n, center = len(units), float(units.mean())
    off = units - center
    # Of units that count, such as right and wrong, a resample often has no spread: two are added, as in `_student`.
    added = 2 * ends.step**2 / (n + 1) / (n + 2) if ends.step else 0.0
    error = math.sqrt((off**2).sum() / (n - 1) / n + added)
    if error <= 1e-12 * max(abs(center), 1e-300):
        return center, center, float(center == null)
    moved = off @ draws.counts / n
    errors = np.sqrt(np.maximum((off**2) @ draws.counts / n - moved**2, 0) / (n - 1) + added)
    scaled = moved / np.maximum(errors, 1e-6 * error)
    low, high, _ = percentiles(scaled, scaled, confidence, 0.0)
    observed = (center - null) / error
    fewer = min(int((scaled >= observed).sum()), int((scaled <= observed).sum()))
    return center - high * error, center - low * error, min(1.0, 2 * (fewer + 1) / (len(scaled) + 1))


def _spaced(units: np.ndarray, ends: Ends, draws: Draws, confidence: float, null: float) -> tuple[float, float, float]:
    return percentiles(*draws.spaced(units, _far(units, ends)), confidence, null)


def _far(units: np.ndarray, ends: Ends) -> Interval:
    """Estimate how small and how large a unit may be that was not seen."""
    if not ends.difference and ends.high - ends.low <= WIDEST:
        return min(ends.low, float(units.min())), max(ends.high, float(units.max()))
    reach, middle = max(1.0, TAPER / len(units)), float(np.median(units))
    least, most = float(units.min()), float(units.max())
    below, above = middle - least, most - middle
    if most - least <= 1e-12 * max(abs(middle), 1e-300):
        below = above = 0.0 if ends.difference else abs(middle)
    low, high = least - reach * below, most + reach * above
    # A unit of a figure that is no mean may itself lie outside the range.
    return max(low, min(ends.low, least)), min(high, max(ends.high, most))
