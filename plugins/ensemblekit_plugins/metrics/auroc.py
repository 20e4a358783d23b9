"""Areas under the ROC curve of each class against the rest, and their means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ensemblekit import hookimpl
from ensemblekit.interfaces import OfWeights

from ..kernels.confusions import ratio
from ..kernels.curves import roc_area
from .class_metric import Answers, ClassMetric

__all__ = ["MacroAuroc", "WeightedAuroc", "mean_area"]

Area = Callable[[np.ndarray, np.ndarray], Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]]


def mean_area(answers: Answers, area: Area, *, by_frequency: bool) -> OfWeights:
    """Average an area of each class against the rest, where it is defined.

    Parameters
    ----------
    answers : Answers
        Scores and truth, a row a sample.
    area : callable
        ``(scores, true) -> (weights -> areas, weights of the true rows)``; areas are NaN where not defined.
    by_frequency : bool
        Whether the weight of a class is that of its rows; else all have the same.

    Returns
    -------
    callable
        Weights ``(n_samples, n_resamples)`` -> means ``(n_resamples,)``; NaN where no class has an area.
    """
    truth = answers.indicators()
    present = np.flatnonzero(truth.any(axis=0))
    areas = [area(answers.scores[:, place], truth[:, place]) for place in present]

    def of_weights(weights: np.ndarray) -> np.ndarray:
        total, share = np.zeros((2, weights.shape[1]))
        for one in areas:
            values, true = one(weights)
            known = ~np.isnan(values)
            part = np.where(known, true, 0.0) if by_frequency else known.astype(np.float64)
            total += np.where(known, values, 0.0) * part
            share += part
        return ratio(total, share, np.nan)

    return of_weights


class MacroAuroc(ClassMetric):
    r"""Mean area under the ROC curve of each class against the rest.

    Parameters
    ----------
    of : str or int, optional
        One class or label: its area alone.

    Notes
    -----
    .. math::

        \frac{1}{C} \sum_c A_c, \qquad
        A_c = \frac{\sum_{i: y_i = c}\, \sum_{j: y_j \ne c} w_i w_j
        \left( [p_{ic} > p_{jc}] + \frac{1}{2} [p_{ic} = p_{jc}] \right)}
        {\sum_{i: y_i = c}\, \sum_{j: y_j \ne c} w_i w_j}

    Each row of class ``c`` is paired with each row of another class: the area is the share of pairs, by the product of
    their weights, in which the row of ``c`` has the larger probability of ``c`` [1]_. Classes or labels that no row
    has, or all rows have, have no area and are left out of the mean; NaN if none has one.

    Tie rule: a pair with equal probabilities counts half.

    References
    ----------
    .. [1] J. A. Hanley, B. J. McNeil, "The meaning and use of the area under a receiver operating characteristic (ROC)
       curve", Radiology 143, 1982.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.auroc import MacroAuroc
    >>> MacroAuroc().score(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3]]))
    1.0
    """

    higher_is_better = True
    range = (0.0, 1.0)
    dense = False

    def of_weights(self, labels: np.ndarray, predicted: np.ndarray) -> OfWeights:
        return mean_area(self._answers(labels, predicted), roc_area, by_frequency=False)


class WeightedAuroc(MacroAuroc):
    r"""Mean area under the ROC curve of each class against the rest, each by the weight of its rows.

    Notes
    -----
    .. math::

        \frac{\sum_c w_c\, A_c}{\sum_c w_c}

    ``A`` is the area of ``macro_auroc``, and ``w_c`` the weight of the rows of a class or label [1]_.

    Tie rule: a pair with equal probabilities counts half.

    References
    ----------
    .. [1] F. Provost, P. Domingos, "Well-trained PETs: improving probability estimation trees", CeDER Working Paper
       IS-00-04, New York University, 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.auroc import WeightedAuroc
    >>> WeightedAuroc().score(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3]]))
    1.0
    """

    by_class = False

    def __init__(self) -> None:
        super().__init__()

    def of_weights(self, labels: np.ndarray, predicted: np.ndarray) -> OfWeights:
        return mean_area(self._answers(labels, predicted), roc_area, by_frequency=True)


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``macro_auroc`` and ``weighted_auroc``."""
    register("macro_auroc", MacroAuroc)
    register("weighted_auroc", WeightedAuroc)
