"""Metrics of labelled predictions, each a single number; and the confusion matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from ..arguments import typed
from ..predictions import Predictions
from ..registry import default_registry
from ._asked_metrics import scored
from ._calibration import calibration_error
from ._weighted import Statistic, answered_labels

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "METRICS",
    "MetricFunction",
    "accuracy",
    "balanced_accuracy",
    "brier_score",
    "confusion_matrix",
    "log_loss",
    "macro_auroc",
]


@typed()
def accuracy(predictions: Predictions) -> float:
    """Compute the share of rows whose most probable class is the true one.

    Parameters
    ----------
    predictions : Predictions
        Labelled probabilities of classes or labels.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    InvalidPredictionsError
        If they have no labels, no rows, absent rows, or are numbers.

    Notes
    -----
    For the task ``multilabel``, the share of rows whose labels are all right.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import accuracy
    >>> fields = {"ids": [1, 2], "classes": ["cat", "dog"], "labels": ["cat", "cat"]}
    >>> accuracy(Predictions([[0.9, 0.1], [0.4, 0.6]], **fields))
    0.5
    """
    return _score(predictions, "accuracy")


@typed()
def log_loss(predictions: Predictions) -> float:
    """Compute the mean negative log-likelihood of the true classes, in nats; of labels, the mean over labels.

    Parameters
    ----------
    predictions : Predictions
        As in `accuracy`.

    Returns
    -------
    float
        At least 0, and at most 16.2: probabilities are clipped to [1e-7, 1 - 1e-7], as Keras does.

    Raises
    ------
    InvalidPredictionsError
        As in `accuracy`.

    Examples
    --------
    >>> from ensemblekit import Predictions
    >>> from ensemblekit.evaluation import log_loss
    >>> coin = Predictions([[0.5, 0.5]], ids=[1], classes=["heads", "tails"], labels=["tails"])
    >>> round(log_loss(coin), 6)
    0.693147
    """
    return _score(predictions, "log_loss")


@typed()
def brier_score(predictions: Predictions) -> float:
    """Compute the mean squared distance of the probabilities from the truth.

    Parameters
    ----------
    predictions : Predictions
        As in `accuracy`.

    Returns
    -------
    float
        In [0, 2]; 0 is best.

    Raises
    ------
    InvalidPredictionsError
        As in `accuracy`.

    Notes
    -----
    ``mean_i sum_c (p_i[c] - [c = y_i])^2``, Brier's original sum over all classes [1]_; for two classes it is twice the
    score that is often given for the second class alone. For labels, the mean over labels.

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
    return _score(predictions, "brier_score")


@typed()
def balanced_accuracy(predictions: Predictions) -> float:
    """Compute the mean recall of the classes.

    Parameters
    ----------
    predictions : Predictions
        As in `accuracy`.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    InvalidPredictionsError
        As in `accuracy`.

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
    return _score(predictions, "balanced_accuracy")


@typed()
def macro_auroc(predictions: Predictions) -> float:
    """Compute the mean area under the ROC curve of each class against the rest.

    Parameters
    ----------
    predictions : Predictions
        As in `accuracy`.

    Returns
    -------
    float
        In [0, 1], 0.5 for chance; NaN if all labels are of one class.

    Raises
    ------
    InvalidPredictionsError
        As in `accuracy`.

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
    return _score(predictions, "macro_auroc")


def _score(predictions: Predictions, name: str) -> float:
    metric = default_registry().create_metric(name)
    return metric.score(*scored(predictions, metric))


@typed()
def confusion_matrix(predictions: Predictions) -> pd.DataFrame:
    """Count rows by true class and predicted class.

    Parameters
    ----------
    predictions : Predictions
        Labelled, of classes or labels. Each position of dense predictions counts as a row.

    Returns
    -------
    pandas.DataFrame of int
        Index ``true`` and columns ``predicted``, each with all classes in their order. For ``multilabel`` the index has
        the levels ``label`` and ``true``, and each label has its own counts of 0 and 1.

    Raises
    ------
    InvalidPredictionsError
        If they have no labels, no rows, absent rows, or are numbers.

    Notes
    -----
    Tie rule: the first of equally probable classes is the predicted one; a label is predicted from 0.5 on.

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

    n_classes, classes = len(predictions.classes), list(predictions.classes)
    if predictions.kind == "multilabel":
        codes = answered_labels(predictions, "confusion_matrix needs")
        pairs = (2 * codes + (predictions.probas >= 0.5) + 4 * np.arange(n_classes)).ravel()
        counts = np.bincount(pairs, minlength=4 * n_classes).reshape(2 * n_classes, 2)
        index = pd.MultiIndex.from_product([classes, [0, 1]], names=["label", "true"])
        return pd.DataFrame(counts, index=index, columns=pd.Index([0, 1], name="predicted"))
    codes = answered_labels(predictions, "confusion_matrix needs")
    pairs = (codes * n_classes + predictions.probas.argmax(axis=-1)).ravel()
    counts = np.bincount(pairs, minlength=n_classes * n_classes).reshape(n_classes, n_classes)
    return pd.DataFrame(counts, index=pd.Index(classes, name="true"), columns=pd.Index(classes, name="predicted"))


@dataclass(frozen=True)
class MetricFunction:
    """One metric that has a function here, as in `METRICS`; plugins derive from `ensemblekit.Metric`.

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


def _weighted(name: str) -> Callable[[np.ndarray, np.ndarray], Statistic]:
    return lambda probas, codes: default_registry().create_metric(name).of_weights(codes, probas)


METRICS: Mapping[str, MetricFunction] = MappingProxyType(
    {
        "accuracy": MetricFunction(accuracy, True, _weighted("accuracy")),
        "log_loss": MetricFunction(log_loss, False, _weighted("log_loss")),
        "brier_score": MetricFunction(brier_score, False, _weighted("brier_score")),
        "balanced_accuracy": MetricFunction(balanced_accuracy, True, _weighted("balanced_accuracy")),
        "macro_auroc": MetricFunction(macro_auroc, True, _weighted("macro_auroc")),
        "calibration_error": MetricFunction(calibration_error, False, _weighted("calibration_error")),
    }
)
"""Name -> metric: those that have a function here. `find_metric` finds all, ``load_plugins().metrics`` lists them."""
