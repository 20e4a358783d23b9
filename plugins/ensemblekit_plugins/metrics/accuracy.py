"""Shares of right decisions: accuracy, and the exact match of label sets."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemblekit import hookimpl

from .class_metric import ClassMetric, mean_of_positions

__all__ = ["Accuracy", "SubsetAccuracy"]


class Accuracy(ClassMetric):
    r"""Share of rows whose decision is right; for labels, of rows with every label right.

    Parameters
    ----------
    of : str or int, optional
        One class or label: the share of rows where it is rightly decided for or against.

    Notes
    -----
    .. math::

        \frac{\sum_i w_i\, [d_i = y_i]}{\sum_i w_i}

    The share of rows whose decision ``d`` is the label ``y``. For the task ``multilabel`` it is the share of exact
    matches, as in scikit-learn; the mean over labels is one minus ``hamming_loss``. In dense predictions each position
    counts.

    Tie rule: the first of equally probable classes is decided for; a label from 0.5 on.

    References
    ----------
    .. [1] M. Sokolova, G. Lapalme, "A systematic analysis of performance measures for classification tasks",
       Information Processing & Management 45(4), 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.accuracy import Accuracy
    >>> Accuracy().score(np.array([0, 0]), np.array([[0.9, 0.1], [0.4, 0.6]]))
    0.5
    """

    higher_is_better = True
    range = (0.0, 1.0)
    needs = "decisions"

    def row_values(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        answers = self._answers(labels, predicted)
        right = answers.truth == answers.decided
        return mean_of_positions(right if answers.exclusive else right.all(axis=-1))


class SubsetAccuracy(Accuracy):
    r"""Share of rows with every label right (exact match).

    Notes
    -----
    .. math::

        \frac{\sum_i w_i\, [d_i = y_i]}{\sum_i w_i}

    Decisions and truth are sets of labels: ``accuracy`` of the task ``multilabel`` under its other name.

    Tie rule: a label is decided for from 0.5 on.

    References
    ----------
    .. [1] M.-L. Zhang, Z.-H. Zhou, "A review on multi-label learning algorithms", IEEE Transactions on Knowledge and
       Data Engineering 26(8), 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.accuracy import SubsetAccuracy
    >>> SubsetAccuracy().score(np.array([[1, 0], [1, 1]]), np.array([[0.9, 0.1], [0.9, 0.1]]))
    0.5
    """

    tasks = frozenset({"multilabel"})
    by_class = False

    def __init__(self) -> None:
        super().__init__()


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``accuracy`` and ``subset_accuracy``."""
    register("accuracy", Accuracy)
    register("subset_accuracy", SubsetAccuracy)
