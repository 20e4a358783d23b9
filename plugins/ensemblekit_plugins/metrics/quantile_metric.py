"""What metrics of quantiles have in common: levels from the names of the columns, and central intervals."""

from __future__ import annotations

import copy
from collections.abc import Hashable
from typing import Self

import numpy as np

from ensemblekit.errors import InvalidOptionError
from ensemblekit.interfaces import Metric
from ensemblekit.quantiles.levels import DIGITS, ascending, central_intervals, levels_of

from ..options import check_number

__all__ = ["IntervalMetric", "QuantileMetric"]


class QuantileMetric(Metric):
    """A metric of quantiles, which needs the levels of the columns."""

    tasks = frozenset({"quantile"})
    higher_is_better = False
    range = (0.0, float("inf"))
    needs = "numbers"
    _levels: np.ndarray | None = None

    def for_classes(self, classes: tuple[Hashable, ...], task: str) -> Self:
        settled = copy.copy(super().for_classes(classes, task))
        try:
            settled._levels = levels_of(classes)
        except ValueError as error:
            raise InvalidOptionError(f"metric {self.name!r} needs columns that are quantile levels: {error}") from None
        return settled

    def _sorted(self, labels: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the true numbers ``(n_samples,)``, quantiles in the order of their levels, and the levels."""
        levels = self._known()
        order = ascending(levels)
        return np.asarray(labels, dtype=np.float64)[:, 0], np.asarray(predicted, np.float64)[:, order], levels[order]

    def _known(self) -> np.ndarray:
        if self._levels is None:
            raise InvalidOptionError(
                f"metric {type(self).__name__} must know the levels of the columns; received arrays alone. Call "
                "metric.for_classes(['0.1', '0.5', '0.9'], 'quantile') first."
            )
        return self._levels


class IntervalMetric(QuantileMetric):
    """A metric of central intervals: of one of them, or of all.

    Parameters
    ----------
    interval : float, optional
        Nominal coverage of one central interval, such as 0.8 for the levels 0.1 and 0.9. By default the mean over all.
    """

    def __init__(self, *, interval: float | None = None) -> None:
        if interval is not None:
            check_number("interval", interval, 0, 1)
        self.interval = interval

    def for_classes(self, classes: tuple[Hashable, ...], task: str) -> Self:
        settled = super().for_classes(classes, task)
        settled._found()
        return settled

    def _found(self) -> list[tuple[float, int, int]]:
        """Find the intervals that are asked for; refuse levels without."""
        levels = self._known()
        found = central_intervals(levels)
        if self.interval is not None:
            found = [one for one in found if one[0] == round(self.interval, DIGITS)]
        if not found:
            wanted = "a pair of levels a and 1 - a" if self.interval is None else self._wanted(self.interval)
            raise InvalidOptionError(
                f"metric {self.name or type(self).__name__!r} needs {wanted}; received the levels {levels.tolist()}. "
                "Predict these levels, or ask for another interval."
            )
        return found

    def intervals(self, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find the ends of the intervals.

        Parameters
        ----------
        predicted : ndarray of shape (n_samples, n_levels)
            Quantiles.

        Returns
        -------
        nominal : ndarray of shape (n_intervals,)
            Nominal coverages.
        low, high : ndarray of shape (n_samples, n_intervals)
            Lower and upper ends.
        """
        nominal, low, high = zip(*self._found(), strict=True)
        values = np.asarray(predicted, dtype=np.float64)
        return np.array(nominal), values[:, low], values[:, high]

    @staticmethod
    def _wanted(interval: float) -> str:
        low = round((1 - interval) / 2, DIGITS)
        return f"the levels {low:g} and {round(1 - low, DIGITS):g} for the interval {interval:g}"
