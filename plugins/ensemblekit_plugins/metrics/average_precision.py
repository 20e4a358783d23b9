"""Average precision: the area under the steps of the precision-recall curve."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from ensemblekit import hookimpl
from ensemblekit.interfaces import OfWeights

from ..kernels.curves import average_precision
from .auroc import mean_area
from .class_metric import ClassMetric

__all__ = ["AveragePrecision"]


class AveragePrecision(ClassMetric):
    r"""Mean over classes of the average precision of each against the rest; of two classes, that of the second.

    Parameters
    ----------
    of : str or int, optional
        One class or label alone.

    Notes
    -----
    .. math::

        \sum_k (R_k - R_{k-1})\, P_k

    The sum is over the distinct probabilities from the largest down, with the recall ``R_k`` and the precision ``P_k``
    of the rows from there on [1]_. Classes or labels without rows have none and are left out of the mean; NaN if none
    has one.

    Tie rule: rows with equal probabilities are added together.

    References
    ----------
    .. [1] C. D. Manning, P. Raghavan, H. Schütze, "Introduction to information retrieval", Cambridge University Press,
       2008, section 8.4.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.average_precision import AveragePrecision
    >>> probas = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])
    >>> round(AveragePrecision().score(np.array([1, 0, 1]), probas), 6)
    0.833333
    """

    higher_is_better = True
    range = (0.0, 1.0)
    dense = False

    def __init__(self, *, of: Hashable | None = None) -> None:
        super().__init__(of=of)
        self.ordered = of is None  # of two classes the second is the positive one

    def of_weights(self, labels: np.ndarray, predicted: np.ndarray) -> OfWeights:
        two = labels.ndim < predicted.ndim and predicted.shape[-1] == 2
        return mean_area(self._answers(labels, predicted, of=1 if two else None), average_precision, by_frequency=False)


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``average_precision``."""
    register("average_precision", AveragePrecision)
