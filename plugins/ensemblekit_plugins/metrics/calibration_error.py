"""Calibration error: the distance between confidence and accuracy."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np

from ensemblekit import hookimpl
from ensemblekit.interfaces import OfWeights

from ..kernels.place_sums import place_sums
from .class_metric import ClassMetric, nan_without_weight

__all__ = ["CalibrationError"]


class CalibrationError(ClassMetric):
    r"""Expected calibration error: the mean distance between confidence and accuracy over bins of confidence.

    Parameters
    ----------
    n_bins : int, default=15
        Number of bins, that of `ensemblekit.evaluation.reliability_curve`.
    strategy : {"width", "mass"}, default="width"
        Bins of equal width in [0, 1], or with about equally many rows.
    of : str or int, optional
        One class or label: the distance between its probability and its frequency.

    Notes
    -----
    .. math::

        \frac{\sum_b \left| \sum_{i \in b} w_i\, ([d_i = y_i] - \max_c p_{ic}) \right|}{\sum_i w_i}

    The sum is over bins ``b`` of the confidence, the largest probability of a row [1]_. For labels, bins of the
    probability of each and the mean over labels. A bin includes its upper edge, the first one also its lower edge. Bins
    do not change with the weights.

    Tie rule: the first of equally probable classes is decided for.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit_plugins.metrics.calibration_error import CalibrationError
    >>> CalibrationError().score(np.array([0, 1]), np.array([[0.75, 0.25], [0.75, 0.25]]))
    0.25
    """

    higher_is_better = False
    range = (0.0, 1.0)
    dense = False

    def __init__(self, *, n_bins: int = 15, strategy: str = "width", of: Hashable | None = None) -> None:
        super().__init__(of=of)
        self.n_bins = n_bins
        self.strategy = strategy
        self._bins(np.zeros(1))  # refuses wrong options before anything is computed

    def of_weights(self, labels: np.ndarray, predicted: np.ndarray) -> OfWeights:
        sums = [
            place_sums(bins, n_bins, right - confidence)
            for confidence, right, bins, n_bins in self._places(labels, predicted)
        ]

        def of_weights(weights: np.ndarray) -> np.ndarray:
            off = sum(np.abs(gaps(weights)).sum(axis=0) for gaps in sums)
            return off / len(sums) / weights.sum(axis=0)

        return nan_without_weight(of_weights)

    def answers_by_bin(self, labels: np.ndarray, predicted: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Tell the bin of each row, and whether its answer is right; for labels, of one label after the other.

        Parameters
        ----------
        labels : ndarray
            As in the notes of `Metric`.
        predicted : ndarray of float64 of shape (n_samples, n_classes)
            Predictions.

        Returns
        -------
        list of tuple of ndarray of shape (n_samples,)
            Numbers of bins, and bool. Of a label, ``right`` is whether the row has it.
        """
        return [(bins, right) for _, right, bins, _ in self._places(labels, predicted)]

    def _places(
        self, labels: np.ndarray, predicted: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, int]]:
        answers = self._answers(labels, predicted)
        if answers.exclusive:
            confidence = answers.scores.max(axis=1)[:, np.newaxis]
            right = (answers.truth == answers.decided)[:, np.newaxis]
        else:
            confidence, right = answers.scores, answers.truth
        for place in range(confidence.shape[1]):
            bins, edges = self._bins(confidence[:, place])
            yield confidence[:, place], right[:, place], bins, len(edges) - 1

    def _bins(self, confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        from ensemblekit.evaluation import confidence_bins

        return confidence_bins(confidence, n_bins=self.n_bins, strategy=self.strategy)


@hookimpl
def ensemblekit_register_metrics(register: Any) -> None:
    """Register ``calibration_error``."""
    register("calibration_error", CalibrationError)
