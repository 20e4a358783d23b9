"""R squared: the share of the spread of numbers that is explained."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import hookimpl
from ensemblekit.interfaces import OfWeights

from ..kernels.confusions import ratio
from .class_metric import nan_without_weight
from .number_metric import NumberMetric, units_of

__all__ = ["R2"]

_CANCELLED = 1e-2
"""Below this share of the second moment the spread has lost digits, and is computed again from its own mean."""


class R2(NumberMetric):
    r"""Coefficient of determination: the share of the spread of the true numbers that is explained.

    Parameters
    ----------
    of : str or int, optional
        One output alone; by default the mean over outputs.

    Notes
    -----
    .. math::

        1 - \frac{\sum_i w_i (y_i - p_i)^2}{\sum_i w_i (y_i - \bar{y})^2}

    The weighted mean of the true numbers is the prediction to be beaten [1]_. An output whose true numbers are all
    equal has none and is left out of the mean; NaN if there is no other, where scikit-learn has 1 or 0.

    References
    ----------
    .. [1] S. Wright, "Correlation and causation", Journal of Agricultural Research 20, 1921.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.r2 import R2
    >>> R2().score(np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [4.0]]))
    0.5
    """

    higher_is_better = True
    range = (float("-inf"), 1.0)
    dense = False

    def of_weights(self, labels: np.ndarray, predicted: np.ndarray) -> OfWeights:
        true, given = self._numbers(labels, predicted)
        units = units_of(true, given)
        true, given = true / units, given / units
        squares, centred = np.square(true - given).T, (true - true.mean(axis=0)).T

        def of_weights(weights: np.ndarray) -> np.ndarray:
            total = weights.sum(axis=0)
            moment = np.square(centred) @ weights
            spread = moment - np.square(centred @ weights) / total
            for output, numbers in enumerate(centred):
                some = np.flatnonzero(spread[output] <= _CANCELLED * moment[output])
                if len(some):
                    spread[output, some] = _spread(numbers[:, np.newaxis], weights[:, some])
            explained = 1 - ratio(squares @ weights, spread, np.nan)
            known = spread > 0
            return ratio(np.where(known, explained, 0.0).sum(axis=0), known.sum(axis=0), np.nan)

        return nan_without_weight(of_weights)


def _spread(numbers: np.ndarray, weights: np.ndarray) -> np.ndarray:
    counted = weights > 0
    low, high = (np.where(counted, numbers, end) for end in (np.inf, -np.inf))
    centred = numbers - (numbers * weights).sum(axis=0) / weights.sum(axis=0)
    return np.where(low.min(axis=0) < high.max(axis=0), (np.square(centred) * weights).sum(axis=0), 0.0)


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``r2``."""
    register("r2", R2)
