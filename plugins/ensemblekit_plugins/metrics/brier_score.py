"""Brier score: the squared distance of the probabilities from the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import hookimpl

from .class_metric import ClassMetric, mean_of_positions

__all__ = ["BrierScore"]


class BrierScore(ClassMetric):
    r"""Mean squared distance of the probabilities from the truth.

    Parameters
    ----------
    of : str or int, optional
        One class or label: the squared error of its probability alone, at most 1.

    Notes
    -----
    .. math::

        \frac{\sum_i w_i\, \sum_c (p_{ic} - [c = y_i])^2}{\sum_i w_i}

    Brier's original sum over all classes [1]_: for two classes twice the score that is often given for the second one
    alone. For labels, the mean over labels.

    References
    ----------
    .. [1] G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.brier_score import BrierScore
    >>> BrierScore().score(np.array([1]), np.array([[0.5, 0.5]]))
    0.5
    """

    higher_is_better = False
    range = (0.0, 2.0)

    def row_values(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        answers = self._answers(labels, predicted)
        squares = np.square(answers.scores - answers.indicators().astype(np.float64))
        return mean_of_positions(squares.sum(axis=-1) if answers.exclusive else squares)


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``brier_score``."""
    register("brier_score", BrierScore)
