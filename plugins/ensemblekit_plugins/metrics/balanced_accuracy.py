"""Balanced accuracy: the mean recall of the classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import hookimpl
from ensemblekit.interfaces import OfWeights

from ..kernels.confusions import ratio
from .class_metric import ClassMetric

__all__ = ["BalancedAccuracy"]


class BalancedAccuracy(ClassMetric):
    r"""Mean recall of the classes, whatever their shares.

    Parameters
    ----------
    of : str or int, optional
        One class or label: the mean recall of it and of the rest.

    Notes
    -----
    .. math::

        \frac{1}{C} \sum_c P(d = c \mid y = c)

    The mean recall of the classes with rows [1]_. For labels, the mean over labels of the mean recall of their rows
    with and without it.

    Tie rule: the first of equally probable classes is decided for; a label from 0.5 on.

    References
    ----------
    .. [1] K. H. Brodersen, C. S. Ong, K. E. Stephan, J. M. Buhmann, "The balanced accuracy and its posterior
       distribution", ICPR, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.balanced_accuracy import BalancedAccuracy
    >>> BalancedAccuracy().score(np.array([0, 0, 0, 1]), np.array([[1.0, 0.0]] * 4))
    0.5
    """

    higher_is_better = True
    range = (0.0, 1.0)
    needs = "decisions"

    def of_weights(self, labels: np.ndarray, predicted: np.ndarray) -> OfWeights:
        answers = self._answers(labels, predicted)
        counts = answers.counts()

        def of_weights(weights: np.ndarray) -> np.ndarray:
            hits, true, decided, total = counts(weights)
            if answers.exclusive:
                return ratio(ratio(hits, true).sum(axis=0), (true > 0).sum(axis=0), np.nan)
            rest = total - true
            recalls = ratio(hits, true) + ratio(rest - decided + hits, rest)
            return ratio(recalls, (true > 0).astype(np.float64) + (rest > 0), np.nan).mean(axis=0)

        return of_weights


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``balanced_accuracy``."""
    register("balanced_accuracy", BalancedAccuracy)
