"""Proper scores of quantiles: the weighted interval score and the continuous ranked probability score."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal, Self

import numpy as np

from ensemblekit import hookimpl
from ensemblekit.errors import InvalidOptionError
from ensemblekit.quantiles.levels import central_intervals, pinball

from ..options import check_choice
from .quantile_metric import QuantileMetric

__all__ = ["ContinuousRankedProbabilityScore", "WeightedIntervalScore"]


class WeightedIntervalScore(QuantileMetric):
    r"""Weighted interval score, or one of the three parts that it is the sum of.

    Parameters
    ----------
    part : {"all", "dispersion", "overprediction", "underprediction"}, default="all"
        ``dispersion`` is the width of the intervals, ``overprediction`` the penalty for true numbers below them, and
        ``underprediction`` that for true numbers above them.

    Notes
    -----
    .. math::

        \frac{1}{K + 1/2} \left( \frac{1}{2} \left| y - m \right| + \sum_{k=1}^{K} \frac{a_k}{2}\, IS_k \right)

        IS_k = (u_k - l_k) + \frac{2}{a_k} \max(l_k - y, 0) + \frac{2}{a_k} \max(y - u_k, 0)

    ``K`` is the number of central intervals from ``l`` to ``u`` of nominal coverage ``1 - a``, and ``m`` the median
    [1]_. Without a median: the sum divided by ``K``. It is twice the mean pinball loss over the levels. Levels without
    their counterpart ``1 - a`` are refused.

    Tie rule: a true number on the end of an interval is in it.

    References
    ----------
    .. [1] J. Bracher, E. L. Ray, T. Gneiting, N. G. Reich, "Evaluating epidemic forecasts in an interval format",
       PLOS Computational Biology 17(2), 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.quantile_scores import WeightedIntervalScore
    >>> metric = WeightedIntervalScore().for_classes(("0.1", "0.25", "0.5", "0.75", "0.9"), "quantile")
    >>> round(metric.score(np.full((1, 5), 1.0), np.array([[-1.0, 0.0, 1.0, 2.0, 3.0]])), 3)
    0.36
    """

    def __init__(self, *, part: Literal["all", "dispersion", "overprediction", "underprediction"] = "all") -> None:
        check_choice("part", part, ("all", "dispersion", "overprediction", "underprediction"))
        self.part = part

    def for_classes(self, classes: tuple[Hashable, ...], task: str) -> Self:
        settled = super().for_classes(classes, task)
        levels = settled._known()
        paired = {place for _, *places in central_intervals(levels) for place in places}
        alone = [str(classes[place]) for place, level in enumerate(levels) if level != 0.5 and place not in paired]
        if alone:
            raise InvalidOptionError(
                f"metric {self.name!r} needs central intervals, pairs of levels a and 1 - a; received without the "
                f"other {', '.join(alone)}. Leave these levels out, or take 'pinball', which needs no pairs."
            )
        return settled

    def row_values(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        true, values, levels = self._sorted(labels, predicted)
        total = np.zeros(len(true))
        for place, level in enumerate(levels):
            column, lower = values[:, place], level < 0.5
            if self.part in ("all", "dispersion") and level != 0.5:
                total += (-1 if lower else 1) * min(level, 1 - level) * column
            if self.part in ("all", "overprediction") and level <= 0.5:
                total += (0.5 if level == 0.5 else 1.0) * np.maximum(column - true, 0)
            if self.part in ("all", "underprediction") and level >= 0.5:
                total += (0.5 if level == 0.5 else 1.0) * np.maximum(true - column, 0)
        # Rounding may leave less than nothing of an interval without width.
        return np.maximum(2 * total / len(levels), 0)


class ContinuousRankedProbabilityScore(QuantileMetric):
    r"""Continuous ranked probability score of the distribution that the quantiles describe.

    Notes
    -----
    .. math::

        2 \int_0^1 \rho_t(y - Q(t))\, dt, \qquad \rho_t(u) = \max(t u, (t - 1) u)

    Twice the integral of the pinball loss over all levels [1]_ [2]_. The quantile function ``Q`` is linear between two
    levels and constant beyond the outermost levels, so that the mass beyond them is on the outermost quantiles. The
    integral is exact. With the median alone it is the absolute error.

    It is in the unit of the numbers, and the mean over the rows.

    References
    ----------
    .. [1] J. E. Matheson, R. L. Winkler, "Scoring rules for continuous probability distributions", Management Science
       22(10), 1976.
    .. [2] F. Laio, S. Tamea, "Verification tools for probabilistic forecasts of continuous hydrological variables",
       Hydrology and Earth System Sciences 11, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.quantile_scores import ContinuousRankedProbabilityScore
    >>> metric = ContinuousRankedProbabilityScore().for_classes(("0.5",), "quantile")
    >>> metric.score(np.array([[3.0]]), np.array([[1.0]]))
    2.0
    """

    def row_values(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        true, values, levels = self._sorted(labels, predicted)
        below, above = values[:, 0], values[:, -1]
        # Beyond the levels Q is constant, and the pinball loss linear in the level: mean of both ends of each piece.
        total = _constant(true - below, 0.0, levels[0]) + _constant(true - above, levels[-1], 1.0)
        for place in range(len(levels) - 1):
            total += _linear(true - values[:, place], true - values[:, place + 1], levels[place], levels[place + 1])
        return 2 * total


def _constant(short: np.ndarray, low: float, high: float) -> np.ndarray:
    """Integrate ``max(t u, (t - 1) u)`` over the levels from ``low`` to ``high`` for a constant ``u``."""
    return (high - low) * pinball(short, (low + high) / 2)


def _linear(first: np.ndarray, last: np.ndarray, low: float, high: float) -> np.ndarray:
    """Integrate the same for ``u`` that falls linearly from ``first`` to ``last``; Simpson's rule is exact for it."""
    span = first - last
    share = np.divide(first, span, out=np.where(first > 0, 1.0, 0.0), where=span > 0).clip(0, 1)
    cut = low + share * (high - low)  # above it, the true number is below the quantile
    over, under = np.maximum(first, 0), np.minimum(last, 0)
    over_end, under_start = np.maximum(last, 0), np.minimum(first, 0)
    positive = (cut - low) / 6 * (low * over + 2 * (low + cut) / 2 * (over + over_end) + cut * over_end)
    negative = (
        (high - cut)
        / 6
        * ((cut - 1) * under_start + 2 * ((cut + high) / 2 - 1) * (under_start + under) + (high - 1) * under)
    )
    return positive + negative


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``wis`` and ``crps``."""
    register("wis", WeightedIntervalScore)
    register("crps", ContinuousRankedProbabilityScore)
