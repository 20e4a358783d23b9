"""Calibration: the distance between confidence and accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..arguments import typed
from ..errors import InvalidOptionError
from ..predictions import Predictions
from ..registry import default_registry
from ._asked_metrics import scored
from ._weighted import N_BINS, answered_labels

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["calibration_error", "confidence_bins", "reliability_curve"]


@typed()
def calibration_error(predictions: Predictions, *, n_bins: int = N_BINS, strategy: str = "width") -> float:
    """Compute the expected calibration error: the mean distance between confidence and accuracy.

    Parameters
    ----------
    predictions : Predictions
        Labelled probabilities of classes or labels, shape ``(n_samples, n_classes)``.
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
        If they have no labels, no rows, absent rows, or are dense or numbers.
    InvalidOptionError
        If ``n_bins`` is below 1 or ``strategy`` is unknown.

    Notes
    -----
    With the confidence ``max_c p_i[c]`` of each row: ``sum_b (n_b / n) |accuracy_b - mean confidence_b|`` over the bins
    [1]_. A bin includes its upper edge, the first one also its lower edge. Rows with equal confidence share a bin, so
    there may be fewer bins of equal mass than ``n_bins``. If bins have few rows, the error is too large, even for
    perfect calibration. Only compare errors that were computed on the same rows and bins. For labels, bins of the
    probability of each, and the mean over labels.

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
    metric = default_registry().create_metric("calibration_error", n_bins=n_bins, strategy=strategy)
    return metric.score(*scored(predictions, metric))


@typed()
def confidence_bins(
    confidence: np.ndarray, *, n_bins: int = N_BINS, strategy: str = "width"
) -> tuple[np.ndarray, np.ndarray]:
    """Find the bin of each confidence, as `calibration_error` and `reliability_curve` do.

    Parameters
    ----------
    confidence : ndarray of shape (n_samples,)
        Probabilities in [0, 1].
    n_bins, strategy
        As in `calibration_error`.

    Returns
    -------
    bins : ndarray of int of shape (n_samples,)
        Number of the bin of each.
    edges : ndarray of shape (n_found + 1,)
        Edges of the bins, from 0 to 1. A bin includes its upper edge, the first one also its lower edge.

    Raises
    ------
    InvalidOptionError
        If ``n_bins`` is below 1 or ``strategy`` is unknown, or the confidence is not one axis of floats.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit.evaluation import confidence_bins
    >>> confidence_bins(np.array([0.4, 0.5, 0.9]), n_bins=2)
    (array([0, 0, 1]), array([0. , 0.5, 1. ]))
    """
    if confidence.dtype.kind != "f" or confidence.ndim != 1 or not np.isfinite(confidence).all():
        raise InvalidOptionError(
            f"confidence must be finite floats, shape (n_samples,); received shape {confidence.shape}, dtype "
            f"{confidence.dtype}."
        )
    if isinstance(n_bins, bool) or not isinstance(n_bins, (int, np.integer)) or n_bins < 1:
        raise InvalidOptionError(f"n_bins must be a whole number >= 1; received {n_bins!r}.")
    if strategy == "width":
        edges = np.linspace(0, 1, n_bins + 1)
    elif strategy == "mass":
        edges = np.unique(np.quantile(confidence, np.linspace(0, 1, n_bins + 1)))
        edges[0], edges[-1] = 0, 1
        edges = np.array([0.0, 1.0]) if len(edges) == 1 else edges
    else:
        raise InvalidOptionError(f"strategy must be 'width' or 'mass'; received {strategy!r}.")
    return np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, len(edges) - 2), edges


@typed()
def reliability_curve(predictions: Predictions, *, n_bins: int = N_BINS, strategy: str = "width") -> pd.DataFrame:
    """Compute the accuracy and mean confidence of each bin of confidence, for a reliability diagram.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of classes or labels. Each position of dense predictions counts as a row. Each label of multilabel
        predictions does too: its confidence is its probability, and it is right where the label is 1.
    n_bins, strategy
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

    codes = answered_labels(predictions, "reliability_curve needs").ravel()
    if predictions.kind == "multilabel":
        confidence, correct = predictions.probas.ravel().astype(np.float64), codes
    else:
        confidence = predictions.probas.max(axis=-1).ravel().astype(np.float64)
        correct = predictions.probas.argmax(axis=-1).ravel() == codes
    places, edges = confidence_bins(confidence, n_bins=n_bins, strategy=strategy)
    counts = np.bincount(places, minlength=len(edges) - 1)

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
