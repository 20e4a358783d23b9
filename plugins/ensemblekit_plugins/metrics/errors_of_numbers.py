"""Mean errors of numbers: squared, absolute, relative."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import hookimpl
from ensemblekit.interfaces import OfWeights

from .class_metric import nan_without_weight
from .number_metric import MeanOfErrors, NumberMetric, units_of

__all__ = ["AbsoluteError", "MeanAbsolutePercentageError", "RootMeanSquaredError", "SquaredError", "relative_errors"]


class SquaredError(MeanOfErrors):
    r"""Mean squared error.

    Parameters
    ----------
    of : str or int, optional
        One output alone; by default the mean over outputs.

    Notes
    -----
    .. math::

        \frac{\sum_i w_i\, (y_i - p_i)^2}{\sum_i w_i}

    The weighted mean over rows [1]_.

    References
    ----------
    .. [1] R. J. Hyndman, A. B. Koehler, "Another look at measures of forecast accuracy", International Journal of
       Forecasting 22, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.errors_of_numbers import SquaredError
    >>> SquaredError().score(np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]]))
    2.5
    """

    def _each(self, true: np.ndarray, given: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # infinite is what it is
            return np.square(true - given)


class RootMeanSquaredError(NumberMetric):
    r"""Root of the mean squared error, in the unit of the numbers.

    Parameters
    ----------
    of : str or int, optional
        One output alone; by default the mean over outputs of the root of each.

    Notes
    -----
    .. math::

        \sqrt{\frac{\sum_i w_i\, (y_i - p_i)^2}{\sum_i w_i}}

    The root is taken once, of the mean over rows [1]_.

    References
    ----------
    .. [1] R. J. Hyndman, A. B. Koehler, "Another look at measures of forecast accuracy", International Journal of
       Forecasting 22, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.errors_of_numbers import RootMeanSquaredError
    >>> RootMeanSquaredError().score(np.array([[1.0], [2.0]]), np.array([[2.0], [3.0]]))
    1.0
    """

    def of_weights(self, labels: np.ndarray, predicted: np.ndarray) -> OfWeights:
        true, given = self._numbers(labels, predicted)
        units = units_of(true - given)
        squares = np.square(true / units - given / units).reshape(len(true), -1, true.shape[-1]).mean(axis=1).T

        def of_weights(weights: np.ndarray) -> np.ndarray:
            return (np.sqrt(squares @ weights / weights.sum(axis=0)) * units[:, np.newaxis]).mean(axis=0)

        return nan_without_weight(of_weights)


class AbsoluteError(MeanOfErrors):
    r"""Mean absolute error, in the unit of the numbers.

    Parameters
    ----------
    of : str or int, optional
        One output alone; by default the mean over outputs.

    Notes
    -----
    .. math::

        \frac{\sum_i w_i\, \left| y_i - p_i \right|}{\sum_i w_i}

    The weighted mean over rows [1]_.

    References
    ----------
    .. [1] R. J. Hyndman, A. B. Koehler, "Another look at measures of forecast accuracy", International Journal of
       Forecasting 22, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.errors_of_numbers import AbsoluteError
    >>> AbsoluteError().score(np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]]))
    1.5
    """

    def _each(self, true: np.ndarray, given: np.ndarray) -> np.ndarray:
        return np.abs(true - given)


class MeanAbsolutePercentageError(MeanOfErrors):
    r"""Mean absolute error as a share of the true number; 0.1 is ten percent.

    Parameters
    ----------
    of : str or int, optional
        One output alone; by default the mean over outputs.

    Notes
    -----
    .. math::

        \frac{\sum_i w_i\, \left| y_i - p_i \right| / \max(\left| y_i \right|, \varepsilon)}{\sum_i w_i}

    The weighted mean over rows [1]_, with 2.2e-16 for epsilon, as in scikit-learn. A true 0 makes it huge.

    References
    ----------
    .. [1] R. J. Hyndman, A. B. Koehler, "Another look at measures of forecast accuracy", International Journal of
       Forecasting 22, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.errors_of_numbers import MeanAbsolutePercentageError
    >>> MeanAbsolutePercentageError().score(np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]]))
    1.0
    """

    def _each(self, true: np.ndarray, given: np.ndarray) -> np.ndarray:
        return relative_errors(true, given)


def relative_errors(true: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Divide absolute errors by the absolute true numbers."""
    return np.abs(true - given) / np.maximum(np.abs(true), np.finfo(np.float64).eps)


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``squared_error``, ``rmse``, ``mae`` (also ``absolute_error``) and ``mape``."""
    register("squared_error", SquaredError)
    register("rmse", RootMeanSquaredError)
    register("mae", AbsoluteError)
    register("absolute_error", AbsoluteError)
    register("mape", MeanAbsolutePercentageError)
