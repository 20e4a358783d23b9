"""Matthews' correlation of decisions and truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import hookimpl
from ensemblekit.interfaces import OfWeights

from ..kernels.confusions import ratio
from .class_metric import ClassMetric, nan_without_weight

__all__ = ["MatthewsCorrelation"]


class MatthewsCorrelation(ClassMetric):
    r"""Matthews' correlation coefficient of decisions and truth; for labels, the mean over labels.

    Parameters
    ----------
    of : str or int, optional
        One class or label against the rest.

    Notes
    -----
    .. math::

        \frac{s\, h - \sum_k t_k d_k}{\sqrt{\left( s^2 - \sum_k t_k^2 \right) \left( s^2 - \sum_k d_k^2 \right)}}

    ``s`` is the whole weight, ``h`` that of right decisions, and ``t_k`` and ``d_k`` those of the rows and decisions of
    class ``k`` [1]_. 0 if all rows, or all decisions, are of one class, as in scikit-learn.

    Tie rule: the first of equally probable classes is decided for; a label from 0.5 on.

    References
    ----------
    .. [1] J. Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", Computational
       Biology and Chemistry 28, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.mcc import MatthewsCorrelation
    >>> MatthewsCorrelation().score(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    1.0
    """

    higher_is_better = True
    range = (-1.0, 1.0)
    needs = "decisions"

    def of_weights(self, labels: np.ndarray, predicted: np.ndarray) -> OfWeights:
        answers = self._answers(labels, predicted)
        counts = answers.counts()

        def of_weights(weights: np.ndarray) -> np.ndarray:
            hits, true, decided, total = counts(weights)
            if not answers.exclusive:
                rest, others = total - true, total - decided
                spread = np.maximum(true * rest, 0) * np.maximum(decided * others, 0)
                return ratio(hits * total - true * decided, np.sqrt(spread)).mean(axis=0)
            # Sums of one side alone, so that a class that has all of it leaves exactly 0.
            spread = np.square(true.sum(axis=0)) - np.square(true).sum(axis=0)
            spread = spread * (np.square(decided.sum(axis=0)) - np.square(decided).sum(axis=0))
            shared = hits.sum(axis=0) * total - (true * decided).sum(axis=0)
            return ratio(shared, np.sqrt(np.maximum(spread, 0)))

        return nan_without_weight(of_weights)


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``mcc``."""
    register("mcc", MatthewsCorrelation)
