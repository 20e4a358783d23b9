"""Calibration: the distance between confidence and accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..arguments import typed
from ..predictions import Predictions
from ._weighted import N_BINS, bin_places, scored_codes, value_of, weighted_calibration_error

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["calibration_error", "reliability_curve"]


@typed()
def calibration_error(predictions: Predictions, *, n_bins: int = N_BINS, strategy: str = "width") -> float:
    """Compute the expected calibration error: the mean distance between confidence and accuracy.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of the task ``multiclass``, shape ``(n_samples, n_classes)``.
    n_bins : int, default=15
        Number of bins of confidence, >= 1.
    strategy : {"width", "mass"}, default="width"
        Bins of equal width in [0, 1], or with about equally many rows.

    Returns
    -------
    float
        In [0, 1]; 0 is best.

    Raises
    ------
    InvalidPredictionsError
        If they have no labels, no rows, absent rows, or are dense or of another task.
    InvalidOptionError
        If ``n_bins`` is below 1 or ``strategy`` is unknown.

    Notes
    -----
    With the confidence ``max_c p_i[c]`` of each row: ``sum_b (n_b / n) |accuracy_b - mean confidence_b|`` over the bins
    [1]_. A bin includes its upper edge, the first one also its lower edge. Rows with equal confidence share a bin, so
    there may be fewer bins of equal mass than ``n_bins``. If bins have few rows, the error is too large, even for
    perfect calibration. Only compare errors that were computed on the same rows and bins.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML, 2017.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import calibration_error
    >>> fields = {"ids": [1, 2], "classes": ["cat", "dog"], "labels": ["cat", "dog"]}
    >>> calibration_error(Predictions([[0.75, 0.25], [0.75, 0.25]], **fields))
    0.25
    """
    codes = scored_codes(predictions, "calibration_error")
    statistic = weighted_calibration_error(predictions.probas.astype(np.float64), codes, n_bins, strategy)
    return value_of(statistic, len(predictions))


@typed()
def reliability_curve(predictions: Predictions, *, n_bins: int = N_BINS, strategy: str = "width") -> pd.DataFrame:
    """Compute the accuracy and mean confidence of each bin of confidence, for a reliability diagram.

    Parameters
    ----------
    predictions, n_bins, strategy
        As in `calibration_error`.

    Returns
    -------
    pandas.DataFrame
        One row per bin: its edges ``low`` and ``high``, the number of samples ``n``, ``confidence`` and ``accuracy``,
        which are NaN for an empty bin.

    Raises
    ------
    InvalidPredictionsError, InvalidOptionError
        As in `calibration_error`.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import reliability_curve
    >>> fields = {"ids": [1, 2], "classes": ["cat", "dog"], "labels": ["cat", "dog"]}
    >>> reliability_curve(Predictions([[0.75, 0.25], [0.75, 0.25]], **fields), n_bins=2)
       low  high  n  confidence  accuracy
    0  0.0   0.5  0         NaN       NaN
    1  0.5   1.0  2        0.75       0.5
    """
    import pandas as pd

    codes = scored_codes(predictions, "reliability_curve")
    confidence = predictions.probas.max(axis=1).astype(np.float64)
    places, edges = bin_places(confidence, n_bins, strategy)
    counts = np.bincount(places, minlength=len(edges) - 1)
    correct = predictions.probas.argmax(axis=1) == codes

    def mean_of(values: np.ndarray) -> np.ndarray:
        sums = np.bincount(places, weights=values, minlength=len(counts))
        return np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)

    return pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "n": counts,
            "confidence": mean_of(confidence),
            "accuracy": mean_of(correct.astype(np.float64)),
        }
    )
