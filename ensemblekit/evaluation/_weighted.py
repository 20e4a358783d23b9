"""What metrics and their intervals share: constants, and checks of labelled predictions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import InvalidPredictionsError
from ..predictions import Predictions

__all__ = [
    "LOG_LOSS_CLIP", "N_BINS", "Statistic", "answered_labels", "check_no_row_absent", "labelled_codes", "scored_codes",
    "value_of", "weighted",
]  # fmt: skip

LOG_LOSS_CLIP = 1e-7
"""Log loss clips probabilities to ``[LOG_LOSS_CLIP, 1 - LOG_LOSS_CLIP]``, as Keras does."""
N_BINS = 15
"""Bins of the calibration error, in tables and in plots."""

Statistic = Callable[[np.ndarray], np.ndarray]
"""Weights of shape ``(n_samples, n_resamples)`` -> the metric of each resample."""


def check_no_row_absent(predictions: Predictions, needs: str) -> None:
    """Refuse predictions with absent rows."""
    if predictions.present is not None:
        raise InvalidPredictionsError(
            f"{needs} every row; {int((~predictions.present).sum())} rows are NaN. Take the others: "
            "p.take(p.ids[p.present])."
        )


def labelled_codes(predictions: Predictions, needs: str) -> np.ndarray:
    """Check that no row is absent and each has a label; return the labels as positions of classes."""
    if predictions.kind != "multiclass" or predictions.label_codes is None or not len(predictions):
        raise InvalidPredictionsError(
            f"{needs} labelled multiclass predictions of at least one row; received {predictions!r}, "
            f"{'without' if predictions.label_codes is None else 'with'} labels."
        )
    check_no_row_absent(predictions, needs)
    return predictions.label_codes


def answered_labels(predictions: Predictions, needs: str) -> np.ndarray:
    """Check that no row is absent and each has labels of classes; return codes, or 0 and 1 of each label."""
    if predictions.kind == "multiclass":
        return labelled_codes(predictions, needs)
    if predictions.kind == "regression" or predictions.label_codes is None or not len(predictions):
        raise InvalidPredictionsError(
            f"{needs} labelled predictions of classes, of at least one row; received {predictions!r}, "
            f"{'without' if predictions.label_codes is None else 'with'} labels."
        )
    check_no_row_absent(predictions, needs)
    return predictions.label_codes


def scored_codes(predictions: Predictions, metric: str) -> np.ndarray:
    """Check that each row has one label and one distribution; return the labels as positions of classes."""
    codes = labelled_codes(predictions, f"{metric} needs")
    if predictions.probas.ndim != 2:
        raise InvalidPredictionsError(
            f"{metric} needs one label per row, shape (n_samples, n_classes); received dense predictions of shape "
            f"{predictions.probas.shape}. Score each position as a row of its own."
        )
    return codes


def value_of(statistic: Statistic, n_samples: int) -> float:
    """Compute the metric of all samples, each with weight 1."""
    return float(statistic(np.ones((n_samples, 1)))[0])


def weighted(statistic: Statistic, weights: np.ndarray | None) -> Statistic:
    """Multiply resampled weights with those of the rows, shape ``(n_samples,)``."""
    return statistic if weights is None else lambda resampled: statistic(resampled * weights[:, np.newaxis])
