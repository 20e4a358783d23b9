"""Losses of label sets: Hamming loss and ranking loss."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from ensemblekit import hookimpl
from ensemblekit.interfaces import Metric

from .class_metric import ClassMetric, mean_of_positions

__all__ = ["HammingLoss", "RankingLoss"]


class HammingLoss(ClassMetric):
    r"""Share of labels that are decided wrongly; one minus the mean accuracy of the labels.

    Parameters
    ----------
    of : str or int, optional
        One label alone.

    Notes
    -----
    .. math::

        \frac{\sum_i w_i\, \frac{1}{L} \sum_l [d_{il} \ne y_{il}]}{\sum_i w_i}

    The mean over rows and over the ``L`` labels [1]_.

    Tie rule: a label is decided for from 0.5 on.

    References
    ----------
    .. [1] G. Tsoumakas, I. Katakis, "Multi-label classification: an overview", International Journal of Data
       Warehousing and Mining 3, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.label_losses import HammingLoss
    >>> HammingLoss().score(np.array([[1, 0], [1, 1]]), np.array([[0.9, 0.1], [0.9, 0.1]]))
    0.25
    """

    tasks = frozenset({"multilabel"})
    higher_is_better = False
    range = (0.0, 1.0)
    needs = "decisions"

    def __init__(self, *, of: Hashable | None = None) -> None:
        super().__init__(of=of)

    def row_values(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        answers = self._answers(labels, predicted)
        return mean_of_positions(answers.truth != answers.decided)


class RankingLoss(Metric):
    r"""Share of pairs of a true and a false label of a row that are not in the right order.

    Notes
    -----
    .. math::

        \frac{\sum_i w_i\, L_i}{\sum_i w_i}, \qquad L_i = \frac{\#\{(a, b) : p_{ia} \le p_{ib}\}}{\#\{(a, b)\}}

    The pairs are those of a true label ``a`` and a false label ``b`` of row ``i`` [1]_. A row without true or without
    false labels has a loss of 0.

    Tie rule: a pair with equal probabilities is wrong.

    References
    ----------
    .. [1] G. Tsoumakas, I. Katakis, I. Vlahavas, "Mining multi-label data", in: Data Mining and Knowledge Discovery
       Handbook, Springer, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.label_losses import RankingLoss
    >>> RankingLoss().score(np.array([[1, 0, 0]]), np.array([[0.5, 0.7, 0.2]]))
    0.5
    """

    tasks = frozenset({"multilabel"})
    higher_is_better = False
    range = (0.0, 1.0)
    needs = "probabilities"
    dense = True

    def row_values(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        n_labels = predicted.shape[-1]
        scores, truth = predicted.reshape(-1, n_labels), labels.reshape(-1, n_labels) != 0
        order = np.argsort(-scores, axis=1, kind="stable")
        ordered, true = np.take_along_axis(scores, order, axis=1), np.take_along_axis(truth, order, axis=1)
        # The last place of each run of equal scores: false labels up to there are not below a true label in the run.
        ends = np.full(scores.shape, n_labels - 1)
        ends[:, :-1] = np.where(ordered[:, :-1] != ordered[:, 1:], np.arange(n_labels - 1), n_labels)
        ends = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
        not_below = np.take_along_axis(np.cumsum(~true, axis=1), ends, axis=1)
        n_true = true.sum(axis=1)
        pairs = n_true * (n_labels - n_true)
        losses = (not_below * true).sum(axis=1) / np.maximum(pairs, 1)
        return mean_of_positions(losses.reshape(predicted.shape[:-1]))


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``hamming_loss`` and ``ranking_loss``."""
    register("hamming_loss", HammingLoss)
    register("ranking_loss", RankingLoss)
