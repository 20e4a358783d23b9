"""Metrics of labelled predictions, each a single number; and the confusion matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from ..arguments import typed
from ..errors import InvalidOptionError
from ..predictions import Predictions
from ._calibration import calibration_error
from ._weighted import (
    LOG_LOSS_CLIP,
    Statistic,
    labelled_codes,
    scored_codes,
    value_of,
    weighted_accuracy,
    weighted_balanced_accuracy,
    weighted_brier_score,
    weighted_calibration_error,
    weighted_log_loss,
    weighted_macro_auroc,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "METRICS",
    "Metric",
    "accuracy",
    "balanced_accuracy",
    "brier_score",
    "check_metrics",
    "confusion_matrix",
    "log_loss",
    "macro_auroc",
    "statistic",
]


@typed()
def accuracy(predictions: Predictions) -> float:
    """Compute the share of rows whose most probable class is the true one.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of the task ``multiclass``.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    InvalidPredictionsError
        If they have no labels, no rows, or are of another task.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import accuracy
    >>> fields = {"ids": [1, 2], "classes": ["cat", "dog"], "labels": ["cat", "cat"]}
    >>> accuracy(Predictions([[0.9, 0.1], [0.4, 0.6]], **fields))
    0.5
    """
    codes = labelled_codes(predictions, "accuracy and log loss need")
    return float(np.mean(predictions.probas.argmax(axis=-1) == codes))


@typed()
def log_loss(predictions: Predictions) -> float:
    """Compute the mean negative log-likelihood of the true classes, in nats.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of the task ``multiclass``.

    Returns
    -------
    float
        At least 0, and at most 16.2: probabilities are clipped to [1e-7, 1 - 1e-7], as Keras does.

    Raises
    ------
    InvalidPredictionsError
        If they have no labels, no rows, or are of another task.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import log_loss
    >>> coin = Predictions([[0.5, 0.5]], ids=[1], classes=["heads", "tails"], labels=["tails"])
    >>> round(log_loss(coin), 6)
    0.693147
    """
    codes = labelled_codes(predictions, "accuracy and log loss need")
    likelihood = np.take_along_axis(predictions.probas, codes[..., np.newaxis], axis=-1).astype(np.float64)
    return float(-np.log(np.clip(likelihood, LOG_LOSS_CLIP, 1 - LOG_LOSS_CLIP)).mean())


@typed()
def brier_score(predictions: Predictions) -> float:
    """Compute the mean squared distance of the probabilities from the truth.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of the task ``multiclass``, shape ``(n_samples, n_classes)``.

    Returns
    -------
    float
        In [0, 2]; 0 is best.

    Raises
    ------
    InvalidPredictionsError
        If they have no labels, no rows, absent rows, or are dense or of another task.

    Notes
    -----
    ``mean_i sum_c (p_i[c] - [c = y_i])^2``, Brier's original sum over all classes [1]_; for two classes it is twice the
    score that is often given for the second class alone.

    References
    ----------
    .. [1] G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import brier_score
    >>> brier_score(Predictions([[0.5, 0.5]], ids=[1], classes=["heads", "tails"], labels=["tails"]))
    0.5
    """
    return value_of(statistic(predictions, "brier_score"), len(predictions))


@typed()
def balanced_accuracy(predictions: Predictions) -> float:
    """Compute the mean recall of the classes.

    Parameters
    ----------
    predictions : Predictions
        As in `brier_score`.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    InvalidPredictionsError
        As in `brier_score`.

    Notes
    -----
    Classes without labelled rows have no recall and are left out of the mean, as in scikit-learn.

    Tie rule: the first of equally probable classes is the predicted one.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import balanced_accuracy
    >>> labels = ["cat", "cat", "cat", "dog"]
    >>> always_cat = Predictions([[1.0, 0.0]] * 4, ids=[1, 2, 3, 4], classes=["cat", "dog"], labels=labels)
    >>> balanced_accuracy(always_cat)
    0.5
    """
    return value_of(statistic(predictions, "balanced_accuracy"), len(predictions))


@typed()
def macro_auroc(predictions: Predictions) -> float:
    """Compute the mean area under the ROC curve of each class against the rest.

    Parameters
    ----------
    predictions : Predictions
        As in `brier_score`.

    Returns
    -------
    float
        In [0, 1], 0.5 for chance; NaN if all labels are of one class.

    Raises
    ------
    InvalidPredictionsError
        As in `brier_score`.

    Notes
    -----
    Each row of class ``c`` is paired with each row of another class. The area of ``c`` is the share of pairs in which
    the row of ``c`` has the larger ``p[c]``. Classes without labelled rows have no area and are left out of the mean;
    scikit-learn gives no value.

    Tie rule: a pair with equal probabilities counts half.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import macro_auroc
    >>> probas = [[0.9, 0.1], [0.6, 0.4], [0.7, 0.3]]
    >>> macro_auroc(Predictions(probas, ids=[1, 2, 3], classes=["cat", "dog"], labels=["cat", "dog", "dog"]))
    1.0
    """
    return value_of(statistic(predictions, "macro_auroc"), len(predictions))


@typed()
def confusion_matrix(predictions: Predictions) -> pd.DataFrame:
    """Count rows by true class and predicted class.

    Parameters
    ----------
    predictions : Predictions
        As in `brier_score`.

    Returns
    -------
    pandas.DataFrame of int
        Index ``true`` and columns ``predicted``, each with all classes in their order.

    Raises
    ------
    InvalidPredictionsError
        As in `brier_score`.

    Notes
    -----
    Tie rule: the first of equally probable classes is the predicted one.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import confusion_matrix
    >>> fields = {"ids": [1, 2], "classes": ["cat", "dog"], "labels": ["cat", "cat"]}
    >>> confusion_matrix(Predictions([[0.9, 0.1], [0.4, 0.6]], **fields))
    predicted  cat  dog
    true
    cat          1    1
    dog          0    0
    """
    import pandas as pd

    codes = scored_codes(predictions, "confusion_matrix")
    n_classes = len(predictions.classes)
    pairs = codes * n_classes + predictions.probas.argmax(axis=1)
    counts = np.bincount(pairs, minlength=n_classes * n_classes).reshape(n_classes, n_classes)
    classes = list(predictions.classes)
    return pd.DataFrame(counts, index=pd.Index(classes, name="true"), columns=pd.Index(classes, name="predicted"))


@dataclass(frozen=True)
class Metric:
    """One metric of labelled multiclass predictions, as in `METRICS`.

    Parameters
    ----------
    score : callable
        The public function: `Predictions` -> float.
    higher_is_better : bool
        True for accuracies and the AUROC, False for losses and errors.
    weighted : callable
        Takes probabilities of shape ``(n_samples, n_classes)`` and label codes, and returns a function of sample
        weights, which computes the metric of many resamples at once. For weights of shape ``(n_samples, n_resamples)``
        its result has shape ``(n_resamples,)``.
    """

    score: Callable[[Predictions], float]
    higher_is_better: bool
    weighted: Callable[[np.ndarray, np.ndarray], Statistic]


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "accuracy": Metric(accuracy, True, weighted_accuracy),
        "log_loss": Metric(log_loss, False, weighted_log_loss),
        "brier_score": Metric(brier_score, False, weighted_brier_score),
        "balanced_accuracy": Metric(balanced_accuracy, True, weighted_balanced_accuracy),
        "macro_auroc": Metric(macro_auroc, True, weighted_macro_auroc),
        "calibration_error": Metric(calibration_error, False, weighted_calibration_error),
    }
)
"""Name -> metric: all that can be asked for by name, in Python and on the command line."""


def statistic(predictions: Predictions, metric: str) -> Statistic:
    """Return the metric of these samples as a function of their weights."""
    return METRICS[metric].weighted(predictions.probas.astype(np.float64), scored_codes(predictions, metric))


def check_metrics(metrics: Sequence[str]) -> tuple[str, ...]:
    """Refuse unknown metrics before anything is computed."""
    names = (metrics,) if isinstance(metrics, str) else tuple(metrics)
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names or len(set(names)) < len(names):
        raise InvalidOptionError(
            f"metrics must be different names out of {', '.join(map(repr, METRICS))}; received {names!r}."
        )
    return names
