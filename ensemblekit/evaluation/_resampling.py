"""Resamples of rows or of groups of rows, as counts; and intervals of metrics from these resamples."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InvalidOptionError
from ..predictions.names import first_null, shown
from ._weighted import Statistic

__all__ = [
    "Interval", "check_resampling", "count_groups", "group_places", "interval", "jackknife", "resample", "small_sample",
]  # fmt: skip

BLOCK = 1 << 17
"""Weights of resamples computed at once: few enough to stay in the CPU cache."""

MOST_UNITS = 1000
"""With more rows or groups Student's interval is that of the bootstrap, and the jackknife would take long."""

Interval = tuple[float, float]
Groups = Mapping[Any, Hashable]


def check_resampling(confidence: float, n_resamples: int) -> None:
    """Refuse a confidence or a number of resamples for which there is no interval."""
    if isinstance(confidence, bool) or not isinstance(confidence, (int, float)) or not 0 < confidence < 1:
        raise InvalidOptionError(f"confidence must be a number > 0 and < 1; received {confidence!r}.")
    if isinstance(n_resamples, bool) or not isinstance(n_resamples, (int, np.integer)) or n_resamples < 2:
        raise InvalidOptionError(f"n_resamples must be a whole number >= 2; received {n_resamples!r}.")


def group_places(ids: np.ndarray, groups: Groups | None) -> np.ndarray:
    """Number the groups in the order of their first rows; an id without a group is a group of its own."""
    if groups is None:
        return np.arange(len(ids))
    if not isinstance(groups, Mapping):
        raise InvalidOptionError(
            f"groups must map ids of rows to their groups; received {type(groups).__name__}. Of a pandas Series give "
            "groups.to_dict()."
        )
    names = ids.tolist()
    if groups and len(names) and not any(name in groups for name in names):
        raise InvalidOptionError(
            f"groups must map ids of these rows to their groups; none of the {len(names)} ids, first "
            f"{shown(names[0])}, is among the {len(groups)} that it names, first {shown(next(iter(groups)))}."
        )
    places: dict[Any, int] = {}
    # A group and an id may have the same name.
    keys = [("group", groups[name]) if name in groups else ("id", name) for name in names]
    if (row := first_null(key for _, key in keys)) is not None:
        raise InvalidOptionError(
            f"groups must name the group of each id that they have; that of {shown(names[row])} is "
            f"{keys[row][1]!r}. Leave it out, and the row is a group of its own."
        )
    try:
        return np.fromiter((places.setdefault(key, len(places)) for key in keys), dtype=np.int64, count=len(names))
    except TypeError as error:
        raise InvalidOptionError(
            f"a group must be a name, such as text or a number; received others: {error}."
        ) from None


def count_groups(places: np.ndarray) -> int:
    """Count the groups that `group_places` numbered."""
    return int(places.max()) + 1


def resample(statistics: Sequence[Statistic], places: np.ndarray, n_resamples: int, seed: int) -> np.ndarray:
    """Compute statistics of resamples of the groups; all statistics share the resamples.

    Returns
    -------
    ndarray of shape (n_statistics, n_resamples)
    """
    if seed < 0:
        raise InvalidOptionError(f"seed must be a whole number >= 0; received {seed!r}.")
    rng = np.random.default_rng(seed)
    n_groups = count_groups(places)
    single = n_groups == len(places)
    values = np.empty((len(statistics), n_resamples))
    step = max(1, BLOCK // len(places))
    for start in range(0, n_resamples, step):
        n = min(step, n_resamples - start)
        drawn = rng.integers(n_groups, size=(n, n_groups)) * n + np.arange(n)[:, np.newaxis]
        weights = np.bincount(drawn.ravel(), minlength=n_groups * n).reshape(n_groups, n).astype(np.float64)
        if not single:
            weights = weights[places]
        for place, statistic in enumerate(statistics):
            values[place, start : start + n] = statistic(weights)
    return values


def jackknife(statistics: Sequence[Statistic], places: np.ndarray) -> np.ndarray:
    """Compute statistics without each of the groups, shape ``(n_statistics, n_groups)``."""
    n_groups = count_groups(places)
    values = np.empty((len(statistics), n_groups))
    step = max(1, BLOCK // len(places))
    with np.errstate(invalid="ignore", divide="ignore"):  # without the only group no row is left
        for start in range(0, n_groups, step):
            left = np.arange(start, min(start + step, n_groups))
            weights = (places[:, np.newaxis] != left).astype(np.float64)
            for place, statistic in enumerate(statistics):
                values[place, left] = statistic(weights)
    return values


def interval(
    resampled: np.ndarray, confidence: float, *, point: float | None = None, left_out: np.ndarray | None = None
) -> Interval:
    """Compute the percentile interval or, given the value and its jackknife, the BCa interval."""
    from scipy.special import ndtr, ndtri

    known = resampled[~np.isnan(resampled)]
    if not len(known):
        return np.nan, np.nan
    levels = np.array([0.5 - confidence / 2, 0.5 + confidence / 2])
    if point is not None and left_out is not None:
        below = ((known < point).sum() + (known == point).sum() / 2) / len(known)
        # ndtri is infinite at 0 and 1.
        bias = ndtri(np.clip(below, 0.5 / len(known), 1 - 0.5 / len(known)))
        off = np.nanmean(left_out) - left_out[~np.isnan(left_out)] if not np.isnan(left_out).all() else np.zeros(1)
        spread = (off**2).sum()
        bend = (off**3).sum() / (6 * spread**1.5) if spread > 0 else 0.0
        shifted = bias + ndtri(levels)
        levels = ndtr(bias + shifted / np.maximum(1 - bend * shifted, 1e-12))
    low, high = np.quantile(known, levels)
    return float(low), float(high)


def small_sample(
    difference: Statistic, places: np.ndarray, confidence: float, *, step: float | None, most: float
) -> tuple[Interval, float]:
    """Compute Student's interval of a difference of two models, with two units added; and its p value.

    Parameters
    ----------
    difference : Statistic
        Difference as a function of the weights of the rows.
    places : ndarray of int of shape (n_samples,)
        The group of each row.
    confidence : float
        In (0, 1).
    step : float, optional
        Difference of the two units that are added, one with each sign; by default the root mean square of the units.
    most : float
        Largest difference that the metric allows.

    Returns
    -------
    interval : tuple of float
        Within ``-most`` and ``most``, and that as a whole if there are fewer than two units.
    p_value : float
        In [0, 1].
    """
    from scipy.stats import t

    n = count_groups(places)
    units = np.empty(0)
    if n > 1:
        whole = float(difference(np.ones((len(places), 1)))[0])
        units = n * whole - (n - 1) * jackknife([difference], places)[0]
        units = units[~np.isnan(units)]
    n = len(units)
    if n < 2:
        return (-most, most), 1.0
    step = step or float(np.sqrt(np.mean(units**2))) or most
    center = units.sum() / (n + 2)
    spread = np.sqrt((((units - center) ** 2).sum() + 2 * (step**2 + center**2)) / (n + 1) / (n + 2))
    half = t.ppf(0.5 + confidence / 2, n - 1) * spread
    return (max(center - half, -most), min(center + half, most)), float(2 * t.sf(abs(center) / spread, n - 1))
