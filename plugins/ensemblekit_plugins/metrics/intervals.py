"""Coverage and width of central prediction intervals."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import hookimpl
from ensemblekit.interfaces import OfWeights

from .class_metric import nan_without_weight
from .quantile_metric import IntervalMetric

__all__ = ["Coverage", "CoverageError", "Sharpness"]


class Coverage(IntervalMetric):
    r"""Share of the true numbers inside the central intervals.

    Parameters
    ----------
    interval : float, optional
        Nominal coverage of one central interval, such as 0.8 for the levels 0.1 and 0.9. By default the mean over all.

    Notes
    -----
    .. math::

        \frac{1}{K} \sum_k \frac{\sum_i w_i\, [l_{ik} \le y_i \le u_{ik}]}{\sum_i w_i}

    The mean over rows and over the ``K`` central intervals from ``l`` to ``u`` [1]_; the ends count as inside. It
    should be near the nominal coverage and not as large as possible: choose by ``wis``, and see ``coverage_error`` for
    the distance.

    References
    ----------
    .. [1] T. Gneiting, F. Balabdaoui, A. E. Raftery, "Probabilistic forecasts, calibration and sharpness", Journal of
       the Royal Statistical Society B 69, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.intervals import Coverage
    >>> metric = Coverage().for_classes(("0.1", "0.9"), "quantile")
    >>> metric.score(np.array([[1.0, 1.0], [5.0, 5.0]]), np.array([[0.0, 2.0], [0.0, 2.0]]))
    0.5
    """

    higher_is_better = True
    range = (0.0, 1.0)

    def row_values(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        return _covered(self, labels, predicted)[1].mean(axis=1)


class CoverageError(IntervalMetric):
    r"""Distance between nominal coverage and the share of true numbers inside the central intervals.

    Parameters
    ----------
    interval : float, optional
        Nominal coverage of one central interval, such as 0.8 for the levels 0.1 and 0.9. By default the mean over all.

    Notes
    -----
    .. math::

        \frac{1}{K} \sum_k \left| \frac{\sum_i w_i\, [l_{ik} \le y_i \le u_{ik}]}{\sum_i w_i} - (1 - a_k) \right|

    The mean over the ``K`` central intervals of the distance from their nominal coverage ``1 - a`` [1]_. It is no mean
    over rows. Of few rows it is too large.

    References
    ----------
    .. [1] T. Gneiting, F. Balabdaoui, A. E. Raftery, "Probabilistic forecasts, calibration and sharpness", Journal of
       the Royal Statistical Society B 69, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.intervals import CoverageError
    >>> metric = CoverageError().for_classes(("0.25", "0.75"), "quantile")
    >>> metric.score(np.array([[1.0, 1.0], [5.0, 5.0]]), np.array([[0.0, 2.0], [0.0, 2.0]]))
    0.0
    """

    range = (0.0, 1.0)

    def of_weights(self, labels: np.ndarray, predicted: np.ndarray) -> OfWeights:
        nominal, covered = _covered(self, labels, predicted)

        def of_weights(weights: np.ndarray) -> np.ndarray:
            shares = covered.T @ weights / weights.sum(axis=0)
            return np.abs(shares - nominal[:, np.newaxis]).mean(axis=0)

        return nan_without_weight(of_weights)


class Sharpness(IntervalMetric):
    r"""Mean width of the central intervals, in the unit of the numbers.

    Parameters
    ----------
    interval : float, optional
        Nominal coverage of one central interval, such as 0.8 for the levels 0.1 and 0.9. By default the mean over all.

    Notes
    -----
    .. math::

        \frac{1}{K} \sum_k \frac{\sum_i w_i\, (u_{ik} - l_{ik})}{\sum_i w_i}

    The mean width, over rows and over the ``K`` central intervals [1]_. Labels do not change it: narrow intervals are
    good only where they cover enough.

    References
    ----------
    .. [1] T. Gneiting, F. Balabdaoui, A. E. Raftery, "Probabilistic forecasts, calibration and sharpness", Journal of
       the Royal Statistical Society B 69, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.intervals import Sharpness
    >>> metric = Sharpness().for_classes(("0.1", "0.9"), "quantile")
    >>> metric.score(np.array([[1.0, 1.0]]), np.array([[0.0, 2.0]]))
    2.0
    """

    def row_values(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        _, low, high = self.intervals(predicted)
        return (high - low).mean(axis=1)


def _covered(metric: IntervalMetric, labels: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return nominal coverages ``(n_intervals,)``, and which rows are covered: ``(n_samples, n_intervals)``, float."""
    nominal, low, high = metric.intervals(predicted)
    true = np.asarray(labels, dtype=np.float64)[:, :1]
    return nominal, ((low <= true) & (true <= high)).astype(np.float64)


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``coverage``, ``coverage_error`` and ``sharpness``."""
    register("coverage", Coverage)
    register("coverage_error", CoverageError)
    register("sharpness", Sharpness)
