"""Medians of the errors of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import hookimpl
from ensemblekit.interfaces import OfWeights

from ..kernels.medians import weighted_median
from .errors_of_numbers import relative_errors
from .number_metric import NumberMetric

__all__ = ["MedianAbsoluteError", "MedianAbsolutePercentageError"]


class MedianAbsoluteError(NumberMetric):
    r"""Median absolute error, in the unit of the numbers.

    Parameters
    ----------
    of : str or int, optional
        One output alone; by default the mean over outputs.

    Notes
    -----
    .. math::

        \operatorname{median}_i \left| y_i - p_i \right|

    The smallest error at which the weights, added in the order of the errors, reach half of their sum [1]_.

    Tie rule: where the weights meet the half, the mean of this and the next error with a weight.

    References
    ----------
    .. [1] R. J. Hyndman, Y. Fan, "Sample quantiles in statistical packages", The American Statistician 50, 1996,
       definition 2.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.medians_of_errors import MedianAbsoluteError
    >>> MedianAbsoluteError().score(np.array([[1.0], [2.0], [3.0]]), np.array([[2.0], [4.0], [9.0]]))
    2.0
    """

    dense = False

    def of_weights(self, labels: np.ndarray, predicted: np.ndarray) -> OfWeights:
        errors = self._each(*self._numbers(labels, predicted))
        medians = [weighted_median(errors[:, output]) for output in range(errors.shape[1])]
        return lambda weights: np.mean([median(weights) for median in medians], axis=0)

    def _each(self, true: np.ndarray, given: np.ndarray) -> np.ndarray:
        return np.abs(true - given)


class MedianAbsolutePercentageError(MedianAbsoluteError):
    r"""Median absolute error as a share of the true number; 0.1 is ten percent.

    Parameters
    ----------
    of : str or int, optional
        One output alone; by default the mean over outputs.

    Notes
    -----
    .. math::

        \operatorname{median}_i \frac{\left| y_i - p_i \right|}{\max(\left| y_i \right|, \varepsilon)}

    The weighted median [1]_, with 2.2e-16 for epsilon.

    Tie rule: as in ``median_absolute_error``.

    References
    ----------
    .. [1] R. J. Hyndman, A. B. Koehler, "Another look at measures of forecast accuracy", International Journal of
       Forecasting 22, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.medians_of_errors import MedianAbsolutePercentageError
    >>> MedianAbsolutePercentageError().score(np.array([[1.0], [2.0], [4.0]]), np.array([[2.0], [3.0], [4.0]]))
    0.5
    """

    def _each(self, true: np.ndarray, given: np.ndarray) -> np.ndarray:
        return relative_errors(true, given)


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``median_absolute_error`` and ``median_percentage_error``."""
    register("median_absolute_error", MedianAbsoluteError)
    register("median_percentage_error", MedianAbsolutePercentageError)
