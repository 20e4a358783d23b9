"""Permutation tests of two models: within each row or group the two are swapped, or not."""

from __future__ import annotations

import numpy as np

from .._weighted import Statistic
from ._resampling import BLOCK, count_groups
from ._unit_intervals import Draws

__all__ = ["flip_signs", "flip_whole_numbers", "swap"]

NEAR = 1e-9
"""Differences so alike, relative to the largest, are equal but for rounding."""


def flip_signs(contributions: np.ndarray, draws: Draws) -> float:
    """Test that a sum is 0, by the signs of its terms.

    Parameters
    ----------
    contributions : ndarray of shape (n_units,)
        What each unit adds.
    draws : Draws
        For as many units.

    Returns
    -------
    float
        The share of sums with other signs that are at least as far from 0. One is added to both counts if the signs
        are random draws, and not all that there are.
    """
    return _share(contributions @ draws.signs, float(contributions.sum()), draws)


def flip_whole_numbers(units: np.ndarray) -> float:
    """Test that a sum of whole numbers is 0, by all signs of its terms.

    Parameters
    ----------
    units : ndarray of int of shape (n_units,)
        What each unit adds.

    Returns
    -------
    float
        The share of all sums with other signs that are at least as far from 0, exactly.

    Notes
    -----
    ``m`` terms of the size ``v`` add ``v (2 B - m)``, with ``B`` binomial; the distribution of the sum is the
    convolution over the sizes. Where all terms have one size, it is the test by signs.
    """
    from scipy.signal import convolve
    from scipy.stats import binom, binomtest

    units = units[units != 0]
    sizes, counts = np.unique(np.abs(units), return_counts=True)
    if not len(units):
        return 1.0
    if len(sizes) == 1:
        return float(binomtest(int((units > 0).sum()), len(units), 0.5).pvalue)
    chances = np.ones(1)  # of sums of the terms that are positive
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        # Sums that differ by multiples of the size are one column.
        n_before = len(chances)
        columns = np.zeros((-(-n_before // size), size))
        columns.reshape(-1)[:n_before] = chances
        added = convolve(columns, binom.pmf(np.arange(count + 1), count, 0.5)[:, np.newaxis])
        chances = added.reshape(-1)[: n_before + size * count]
    sums = 2 * np.arange(len(chances)) - int(np.abs(units).sum())
    share = float(chances[np.abs(sums) >= abs(int(units.sum()))].sum())
    return min(1.0, max(share, np.ldexp(2.0, -len(units)), np.finfo(np.float64).tiny))


def swap(both: Statistic, places: np.ndarray, observed: float, draws: Draws) -> float:
    """Test that two models are equal, by the difference after swaps of them within units.

    Parameters
    ----------
    both : Statistic
        The metric of the rows of the first model, followed by those of the second.
    places : ndarray of int of shape (n_samples,)
        The unit of each row.
    observed : float
        The difference without a swap.
    draws : Draws
        For as many units.

    Returns
    -------
    float
        As from `flip_signs`.
    """
    n_draws = draws.signs.shape[1]
    found = np.empty(n_draws)
    step = max(1, BLOCK // max(2 * len(places), 1))
    single = count_groups(places) == len(places)
    for start in range(0, n_draws, step):
        kept = (draws.signs[:, start : start + step] + 1) / 2
        kept = kept if single else kept[places]
        first = both(np.concatenate([kept, 1 - kept]))
        found[start : start + step] = first - both(np.concatenate([1 - kept, kept]))
    return _share(found, observed, draws)


def _share(found: np.ndarray, observed: float, draws: Draws) -> float:
    if np.isnan(observed):
        return 1.0
    known = found[~np.isnan(found)]
    as_far = int((np.abs(known) >= abs(observed) - NEAR * max(np.abs(known).max(initial=0), abs(observed))).sum())
    more = 0 if draws.all_signs else 1
    return 1.0 if not len(known) else min(1.0, (as_far + more) / (len(known) + more))
