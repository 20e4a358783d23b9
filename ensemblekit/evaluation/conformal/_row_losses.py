"""The loss of each row, of a metric that is a mean over rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InvalidOptionError, InvalidPredictionsError
from ...predictions import Predictions
from .._asked_metrics import find_metric, scored

if TYPE_CHECKING:
    from .._asked_metrics import AskedMetric

__all__ = ["RowLoss", "row_loss"]


@dataclass(frozen=True)
class RowLoss:
    """The loss of each row, its name, and the largest value that it could have."""

    values: np.ndarray
    name: str
    most: float


def row_loss(predictions: Predictions, metric: AskedMetric | None) -> RowLoss:
    """Compute the loss of each row: >= 0, and 0 is best."""
    if metric is None:
        return _usual(predictions)
    found = find_metric(metric, task=predictions.task).for_classes(predictions.classes, predictions.task)
    labels, values = scored(predictions, found)
    low, high = found.range
    best = high if found.higher_is_better else low
    if not found.is_mean or not np.isfinite(best):
        raise InvalidOptionError(
            f"the risk of some rows needs a metric that is a mean over rows, and has a best value; {found.name!r} "
            f"{'has none' if found.is_mean else 'is no mean'}. Leave metric out, or give one such as 'accuracy'."
        )
    rows = np.asarray(found.row_values(labels, values), dtype=np.float64)
    name = f"{best:g} - {found.name}" if found.higher_is_better else found.name
    return RowLoss(best - rows if found.higher_is_better else rows - best, name, high - low)


def _usual(predictions: Predictions) -> RowLoss:
    codes = predictions.label_codes
    if codes is None or not len(predictions) or predictions.probas.ndim != 2 or predictions.present is not None:
        raise InvalidPredictionsError(
            "the risk needs labelled predictions of shape (n_samples, n_classes), at least one row and every row "
            f"present; received {predictions!r} of shape {predictions.probas.shape}, "
            f"{'without' if codes is None else 'with'} labels."
        )
    kind = predictions.kind
    probas = predictions.probas.astype(np.float64)
    if kind == "regression":
        return RowLoss(((probas - codes) ** 2).mean(axis=1), "squared error", np.inf)
    if kind == "multilabel":
        return RowLoss(((probas >= 0.5) != (codes > 0)).mean(axis=1), "share of wrong labels", 1.0)
    return RowLoss((probas.argmax(axis=1) != codes).astype(np.float64), "share of errors", 1.0)
