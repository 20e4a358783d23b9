"""Between what a gain on new rows is to be expected: the noise of the estimate and that of the new rows together."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["Estimate", "promise"]

Estimate = tuple[float, float, float]
"""A gain, and its confidence interval."""


def promise(estimates: Sequence[Estimate], ratio: float, widest: float) -> tuple[float, float]:
    """Compute the prediction interval of a gain on new rows.

    The distance from the estimate to the low end of its confidence interval says how much too high the estimate may be,
    and so how high the same figure of other rows may be by chance. The variances of the two add up; each side has its
    own, which is called the recovery of variance estimates from confidence limits.

    Parameters
    ----------
    estimates : sequence of (float, float, float)
        Gains with their confidence intervals.
    ratio : float
        Number of rows, or groups, of the estimates divided by that of the new ones.
    widest : float
        Largest difference that the metric can have, or infinity.

    Returns
    -------
    low, high : float
        Over the intervals of all estimates; NaN if one of them is.
    """
    ends: list[tuple[float, float]] = []
    for gain, low, high in estimates:
        below, above = gain - low, high - gain
        own = gain - math.hypot(below, math.sqrt(ratio) * above), gain + math.hypot(above, math.sqrt(ratio) * below)
        ends.append(own)
    if any(math.isnan(end) for pair in ends for end in pair):
        return math.nan, math.nan
    return max(min(low for low, _ in ends), -widest), min(max(high for _, high in ends), widest)
